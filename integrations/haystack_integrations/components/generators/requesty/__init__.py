"""The Requesty gateway as Haystack chat and image generators."""

from __future__ import annotations

try:
    import haystack  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "haystack") from None

from .chat_generator import RequestyChatGenerator
from .fallback import RequestyFallbackChatGenerator
from .image_generator import RequestyImageGenerator

__all__ = ["RequestyChatGenerator", "RequestyFallbackChatGenerator", "RequestyImageGenerator"]
