"""The Requesty gateway as a LlamaIndex LLM."""

from ._structured import StructuredOutputError
from .base import Requesty
from .fallback import RequestyFallback
from .registry import register

__all__ = ["Requesty", "RequestyFallback", "StructuredOutputError", "register"]
