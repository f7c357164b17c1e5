"""The Requesty gateway as a Haystack transcriber."""

from __future__ import annotations

try:
    import haystack  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "haystack") from None

from .transcriber import RequestyTranscriber

__all__ = ["RequestyTranscriber"]
