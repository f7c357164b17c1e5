"""Falling back between things that are not this package's own calls, by the same rules.

An adapter whose chain members are objects of its framework (other chat models, other generators) performs the attempts
itself and asks here what to do next. Like the engine beneath, this never sleeps and does no IO.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from requesty_core.errors import (
    ConnectionFailedError,
    ErrorResponse,
    RequestTimeoutError,
    RequestyError,
    error_from_status,
)
from requesty_core.settings.config import Timeouts

from .backoff import parse_retry_after
from .fallback import FallbackEngine, Wait
from .foreign import causes, headers_of, is_connection_failure, is_timeout, status_of
from .health import HealthBoard
from .policy import FallbackPolicy
from .steps import Step

__all__ = ["classified", "fall_through", "was_seen"]

_RANDOM = random.Random()


def fall_through(
    names: Sequence[str],
    policy: FallbackPolicy,
    health: HealthBoard,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[int | Wait, RequestyError | None, None]:
    """What to do, step by step: positions in ``names`` to try, and waits.

    Send back ``None`` when the attempt answered, which ends the generator, or its classified error. Each member is
    tried once, because it has a retry layer of its own.

    Raises:
        RequestyError: nothing is left to try; :class:`FallbackExhaustedError` when several attempts failed.
    """
    keys = [f"{name} (#{number})" for number, name in enumerate(names)]
    engine = FallbackEngine(
        [Step(key, retries=0) for key in keys],
        policy=policy,
        timeouts=Timeouts(read=None),
        max_retries=0,
        health=health,
        random=_RANDOM,
    )
    with closing(engine):
        while True:
            action = engine.next(clock())
            if isinstance(action, Wait):
                yield action
                continue
            key = action.step.model
            position = keys.index(key)
            error = yield position
            if error is None:
                engine.succeeded(key)
                return
            if error.requested_model is None:
                # Another package's error knows no model; who reads the summary wants to know which failed.
                error.requested_model = names[position]
            engine.failed(key, error, clock())


def classified(error: BaseException) -> RequestyError | None:
    """An exception of any HTTP client's SDK in the terms of the rules; ``None`` for one that is no call's failure.

    Read by what such exceptions have in common (see :mod:`.foreign`), on the exception or on the one it was raised
    from: packages wrap their SDK's errors in classes of their own.
    """
    for inner in causes(error):
        if isinstance(inner, RequestyError):
            return inner
        status, headers = status_of(inner), headers_of(inner)
        made: RequestyError
        if status is not None:
            answer = ErrorResponse(status, headers, str(inner).encode())
            made = error_from_status(answer, retry_after=parse_retry_after(headers, time.time()))
        elif is_timeout(inner):
            made = RequestTimeoutError(str(inner))
        elif is_connection_failure(inner):
            made = ConnectionFailedError(str(inner))
        else:
            continue
        made.__cause__ = error
        return made
    return None


def was_seen(error: RequestyError) -> bool:
    """Whether part of the failed answer may have reached the user."""
    partial = error.partial
    return partial is not None and bool(partial.text or partial.reasoning or partial.tool_calls)
