"""Error classes that are the core's and a framework's at once, made from a table, and errors raised as them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager

from requesty_core.errors import ErrorKind, RequestyError, recast

__all__ = ["error_classes", "raising_as"]

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


@contextmanager
def raising_as(classes: Mapping[ErrorKind, type[RequestyError]]) -> Generator[None]:
    """Within the block, errors of the core leave as the adapter's class for their kind, every detail kept."""
    try:
        yield
    except RequestyError as error:
        cls = classes.get(error.kind)
        if cls is None or isinstance(error, cls):
            raise
        raise recast(error, cls) from error.__cause__
