"""Bytes: HTTP/1.1 and server-sent events without IO, and the sockets that carry them.

The HTTP library is imported in ``http`` and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .shared import shared_transport

__all__ = ["shared_transport"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: a reader of server-sent events needs no sockets.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import shared

    return getattr(shared, name)
