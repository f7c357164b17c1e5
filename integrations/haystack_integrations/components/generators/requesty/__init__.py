"""The Requesty gateway as Haystack chat and image generators."""

from __future__ import annotations

try:
    import haystack  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "haystack") from None

from typing import TYPE_CHECKING

from requesty_core.lazy import lazy_names

from .chat_generator import RequestyChatGenerator

if TYPE_CHECKING:
    from .fallback import RequestyFallbackChatGenerator
    from .image_generator import RequestyImageGenerator
else:
    _, __getattr__, __dir__ = lazy_names(
        __name__,
        {".fallback": ("RequestyFallbackChatGenerator",), ".image_generator": ("RequestyImageGenerator",)},
    )

__all__ = ["RequestyChatGenerator", "RequestyFallbackChatGenerator", "RequestyImageGenerator"]
