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
    from .catalog.model_id import ModelId
    from .client import AsyncChatStream, AsyncRequestyClient, AsyncStream, ChatStream, RequestyClient, Stream
    from .embeddings.plan import EmbeddingsError, EmbeddingsReply
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
    from .money.budget import Budget
    from .money.ledger import CostLedger, LedgerEntry, LedgerSnapshot
    from .money.usage import Usage
    from .replies.attempts import Attempt, attempt_dict
    from .replies.reply import (
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
    from .retry.backoff import RetryPolicy
    from .retry.policy import FallbackPolicy
    from .retry.steps import Step
    from .settings.config import ApiKey, Config, Timeouts
    from .settings.options import RequestyOptions, analytics_headers
    from .telemetry.events import AttemptFinished, AttemptStarted, CallCommitted, CallEvent, FellBack

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
        "replies.attempts": (
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
        "settings.config": (
            "ApiKey",
            "Config",
            "Timeouts",
        ),
        "embeddings.plan": (
            "EmbeddingsError",
            "EmbeddingsReply",
        ),
        "errors.tree": (
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
        "retry.policy": ("FallbackPolicy",),
        "retry.steps": ("Step",),
        "catalog.model_id": ("ModelId",),
        "telemetry.events": (
            "AttemptFinished",
            "AttemptStarted",
            "CallCommitted",
            "CallEvent",
            "FellBack",
        ),
        "settings.options": (
            "RequestyOptions",
            "analytics_headers",
        ),
        "replies.reply": (
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
        "retry.backoff": ("RetryPolicy",),
        "money.budget": ("Budget",),
        "money.ledger": (
            "CostLedger",
            "LedgerEntry",
            "LedgerSnapshot",
        ),
        "money.usage": ("Usage",),
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
