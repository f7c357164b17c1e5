"""The shared core of the Requesty adapters: transport, streaming, fallback, usage and errors.

>>> from requesty_core import RequestyClient
>>> client = RequestyClient(fallbacks=["anthropic/claude-sonnet-4-5"])  # key from REQUESTY_API_KEY
>>> reply = client.chat(model="openai/gpt-4o-mini", messages=[...])  # doctest: +SKIP
>>> reply.text, reply.usage.cost, reply.served_model  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .attempts import Attempt, attempt_dict
    from .client import AsyncChatStream, AsyncRequestyClient, AsyncStream, ChatStream, RequestyClient, Stream
    from .config import ApiKey, Config, Timeouts
    from .embeddings import EmbeddingsError, EmbeddingsReply
    from .errors import (
        AuthenticationError,
        BadRequestError,
        BudgetExceededError,
        ConfigurationError,
        ConnectionFailedError,
        ContextOverflowError,
        EmptyChoicesError,
        ErrorBodyError,
        ErrorKind,
        ErrorResponse,
        FallbackExhaustedError,
        InsufficientBalanceError,
        MalformedResponseError,
        MissingKeyError,
        NotFoundError,
        OverloadedError,
        PermissionDeniedError,
        RateLimitError,
        RequestTimeoutError,
        RequestyError,
        ServerError,
        SpendLimitError,
        StreamError,
        TruncatedStreamError,
        UpstreamFormatError,
    )
    from .fallback import FallbackPolicy, Step
    from .model_id import ModelId
    from .observe import AttemptFinished, AttemptStarted, CallCommitted, CallEvent, FellBack
    from .options import RequestyOptions, analytics_headers
    from .reply import (
        AnnotationDelta,
        ChatReply,
        ImageDelta,
        Message,
        MessageEnd,
        MessageStart,
        ReasoningDelta,
        RefusalDelta,
        StreamEvent,
        TextDelta,
        ToolCall,
        ToolCallDelta,
    )
    from .retry import RetryPolicy
    from .usage import Budget, CostLedger, LedgerEntry, LedgerSnapshot, Usage

__all__ = [
    "AnnotationDelta",
    "ApiKey",
    "AsyncChatStream",
    "AsyncRequestyClient",
    "AsyncStream",
    "Attempt",
    "AttemptFinished",
    "AttemptStarted",
    "AuthenticationError",
    "BadRequestError",
    "Budget",
    "BudgetExceededError",
    "CallCommitted",
    "CallEvent",
    "ChatReply",
    "ChatStream",
    "Config",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContextOverflowError",
    "CostLedger",
    "EmbeddingsError",
    "EmbeddingsReply",
    "EmptyChoicesError",
    "ErrorBodyError",
    "ErrorKind",
    "ErrorResponse",
    "FallbackExhaustedError",
    "FallbackPolicy",
    "FellBack",
    "ImageDelta",
    "InsufficientBalanceError",
    "LedgerEntry",
    "LedgerSnapshot",
    "MalformedResponseError",
    "Message",
    "MessageEnd",
    "MessageStart",
    "MissingKeyError",
    "ModelId",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "RateLimitError",
    "ReasoningDelta",
    "RefusalDelta",
    "RequestTimeoutError",
    "RequestyClient",
    "RequestyError",
    "RequestyOptions",
    "RetryPolicy",
    "ServerError",
    "SpendLimitError",
    "Step",
    "Stream",
    "StreamError",
    "StreamEvent",
    "TextDelta",
    "Timeouts",
    "ToolCall",
    "ToolCallDelta",
    "TruncatedStreamError",
    "UpstreamFormatError",
    "Usage",
    "__version__",
    "analytics_headers",
    "attempt_dict",
]

# Modules are loaded when a name of theirs is first asked for: an adapter that only declares its settings at import time
# does not pay for the transport.
_HOMES = {
    name: module
    for module, names in {
        "attempts": (
            "Attempt",
            "attempt_dict",
        ),
        "client": (
            "AsyncChatStream",
            "AsyncRequestyClient",
            "AsyncStream",
            "ChatStream",
            "RequestyClient",
            "Stream",
        ),
        "config": (
            "ApiKey",
            "Config",
            "Timeouts",
        ),
        "embeddings": (
            "EmbeddingsError",
            "EmbeddingsReply",
        ),
        "errors": (
            "AuthenticationError",
            "BadRequestError",
            "BudgetExceededError",
            "ConfigurationError",
            "ConnectionFailedError",
            "ContextOverflowError",
            "EmptyChoicesError",
            "ErrorBodyError",
            "ErrorKind",
            "ErrorResponse",
            "FallbackExhaustedError",
            "InsufficientBalanceError",
            "MalformedResponseError",
            "MissingKeyError",
            "NotFoundError",
            "OverloadedError",
            "PermissionDeniedError",
            "RateLimitError",
            "RequestTimeoutError",
            "RequestyError",
            "ServerError",
            "SpendLimitError",
            "StreamError",
            "TruncatedStreamError",
            "UpstreamFormatError",
        ),
        "fallback": (
            "FallbackPolicy",
            "Step",
        ),
        "model_id": ("ModelId",),
        "observe": (
            "AttemptFinished",
            "AttemptStarted",
            "CallCommitted",
            "CallEvent",
            "FellBack",
        ),
        "options": (
            "RequestyOptions",
            "analytics_headers",
        ),
        "reply": (
            "AnnotationDelta",
            "ChatReply",
            "ImageDelta",
            "Message",
            "MessageEnd",
            "MessageStart",
            "ReasoningDelta",
            "RefusalDelta",
            "StreamEvent",
            "TextDelta",
            "ToolCall",
            "ToolCallDelta",
        ),
        "retry": ("RetryPolicy",),
        "usage": (
            "Budget",
            "CostLedger",
            "LedgerEntry",
            "LedgerSnapshot",
            "Usage",
        ),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
