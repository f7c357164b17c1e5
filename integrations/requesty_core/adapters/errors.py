"""Error classes that are the core's and a framework's at once, made from a table, errors raised as them, and the guard
around the mapping of a paid answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from requesty_core.errors import ErrorKind, MalformedResponseError, RequestyError, recast

if TYPE_CHECKING:
    from requesty_core.replies.reply import ChatReply

__all__ = ["error_classes", "mapping", "raising_as", "unmapped"]

_NAMES = {
    ErrorKind.CONNECTION: "RequestyConnectionError",
    ErrorKind.TIMEOUT: "RequestyTimeoutError",
}
"""Names that are not "Requesty" and the core's own name."""


def error_classes(
    module: str, bases: Mapping[ErrorKind, type[Exception]], *, mixins: tuple[type, ...] = ()
) -> dict[ErrorKind, type[RequestyError]]:
    """One class per kind of error: the core's own for that kind, and its base in the framework.

    The classes are named after the core's (``RequestyRateLimitError``), documented as they are, and say that they live
    in ``module``, where they must be importable if they are to be pickled.

    Args:
        module: name of the module that holds the classes.
        bases: the framework's class for each kind.
        mixins: bases that come first in every class.
    """
    found = _core_classes()
    return {
        kind: type(
            _NAMES.get(kind, f"Requesty{found[kind].__name__}"),
            (*mixins, found[kind], base),
            {"__module__": module, "__doc__": found[kind].__doc__},
        )
        for kind, base in bases.items()
    }


def _core_classes() -> dict[ErrorKind, type[RequestyError]]:
    """The core's class that stands for each kind: the one that says what its kind is."""
    return {cls.kind: cls for cls in _subclasses(RequestyError) if cls.__module__ == RequestyError.__module__}


def _subclasses(cls: type[RequestyError]) -> Iterator[type[RequestyError]]:
    for child in cls.__subclasses__():
        if "kind" in child.__dict__:
            yield child
        yield from _subclasses(child)


def raising_as(classes: Mapping[ErrorKind, type[RequestyError]]) -> AbstractContextManager[None]:
    """Within the block, errors of the core leave as the adapter's class for their kind, every detail kept."""
    return _RaisingAs(classes)


def mapping(reply: ChatReply) -> AbstractContextManager[None]:
    """Within the block a paid answer is brought into a framework's form: what fails there is a typed error with it."""
    return _Mapping(reply)


# Classes, because every call enters one of each, and those made of generators cost several times as much.
class _RaisingAs:
    def __init__(self, classes: Mapping[ErrorKind, type[RequestyError]]) -> None:
        self._classes = classes

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, RequestyError):
            cls = self._classes.get(error.kind)
            if cls is not None and not isinstance(error, cls):
                raise recast(error, cls) from error.__cause__


class _Mapping:
    def __init__(self, reply: ChatReply) -> None:
        self._reply = reply

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, RequestyError):
            raise unmapped(error, self._reply) from error


def unmapped(error: Exception, reply: ChatReply | None) -> MalformedResponseError:
    """The typed error for an answer (``partial``) that a framework's classes do not take; ``error`` is their reason."""
    first = (str(error).splitlines() or [""])[0]
    made = MalformedResponseError(
        f"the answer has no form in the framework's classes ({type(error).__name__}: {first}); `partial` holds it",
        partial=reply,
    )
    if reply is not None:
        made.request_id = reply.request_id
        made.requested_model = reply.requested_model
        made.attempts = tuple(reply.attempts)
    return made
