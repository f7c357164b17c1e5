"""Where a key could leak: logs, and all that is shown or stored of an error."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from requesty_core import RequestyError


@contextmanager
def everything_logged() -> Iterator[StringIO]:
    """What any logger says, at every level, in the block."""
    out = StringIO()
    handler, root = logging.StreamHandler(out), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield out
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def shown_of(error: BaseException, *, with_locals: bool = False) -> str:
    """Everything a log or an error report would show of an error: traceback, chain, attributes, pickle.

    With ``with_locals`` also the local variables of every frame, the caller's among them.
    """
    shown = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    dumped = pickle.dumps(error).decode("latin-1") if isinstance(error, RequestyError) else ""
    return "".join([*shown.format(), *map(str, chain), *map(repr, chain), *(str(vars(e)) for e in chain), dumped])
