"""The Requesty gateway as Haystack chat generators."""

from .chat_generator import RequestyChatGenerator
from .fallback import RequestyFallbackChatGenerator

__all__ = ["RequestyChatGenerator", "RequestyFallbackChatGenerator"]
