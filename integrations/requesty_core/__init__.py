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
    from .calls.settings import ClientSettings
    from .catalog.catalog import Catalog, ModelInfo
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
    from .relay.details import CallDetails
    from .replies.attempts import Attempt, attempt_dict
    from .replies.native import NativeEvent, NativeReply
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
    from .routes.aio.access_lists import AsyncAccessLists
    from .routes.aio.feedback import AsyncFeedback
    from .routes.aio.groups import AsyncGroups
    from .routes.aio.keys import AsyncKeys
    from .routes.aio.management import AsyncManagement
    from .routes.aio.media import AsyncAudio, AsyncImages
    from .routes.aio.models import AsyncModels
    from .routes.management import AccessList, ApiKeyInfo, Group, Member, NewApiKey, Organization, UsagePeriod
    from .routes.media import ImagesReply, Speech, Transcription
    from .routes.sync.access_lists import AccessLists
    from .routes.sync.feedback import Feedback
    from .routes.sync.groups import Groups
    from .routes.sync.keys import Keys
    from .routes.sync.management import Management
    from .routes.sync.media import Audio, Images
    from .routes.sync.models import Models
    from .settings.config import ApiKey, Config, Timeouts
    from .settings.options import RequestyOptions, analytics_headers
    from .telemetry.events import AttemptFinished, AttemptStarted, CallCommitted, CallEvent, FellBack

__all__ = [
    "AccessList",
    "AccessLists",
    "AnnotationDelta",
    "ApiKey",
    "ApiKeyInfo",
    "AsyncAccessLists",
    "AsyncAudio",
    "AsyncChatStream",
    "AsyncFeedback",
    "AsyncGroups",
    "AsyncImages",
    "AsyncKeys",
    "AsyncManagement",
    "AsyncModels",
    "AsyncRequestyClient",
    "AsyncStream",
    "Attempt",
    "AttemptFinished",
    "AttemptStarted",
    "Audio",
    "AuthenticationError",
    "BadRequestError",
    "Budget",
    "BudgetExceededError",
    "CallCommitted",
    "CallDetails",
    "CallEvent",
    "Catalog",
    "ChatReply",
    "ChatStream",
    "ClientSettings",
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
    "Feedback",
    "FellBack",
    "Group",
    "Groups",
    "ImageDelta",
    "Images",
    "ImagesReply",
    "InsufficientBalanceError",
    "Keys",
    "LedgerEntry",
    "LedgerSnapshot",
    "MalformedResponseError",
    "Management",
    "Member",
    "Message",
    "MessageEnd",
    "MessageStart",
    "MissingKeyError",
    "ModelId",
    "ModelInfo",
    "Models",
    "NativeEvent",
    "NativeReply",
    "NewApiKey",
    "NotFoundError",
    "Organization",
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
    "Speech",
    "SpendLimitError",
    "Step",
    "Stream",
    "StreamError",
    "StreamEvent",
    "TextDelta",
    "Timeouts",
    "ToolCall",
    "ToolCallDelta",
    "Transcription",
    "TruncatedStreamError",
    "UpstreamFormatError",
    "Usage",
    "UsagePeriod",
    "__version__",
    "analytics_headers",
    "attempt_dict",
]

# Modules are loaded when a name of theirs is first asked for: an adapter that only declares its settings at import time
# does not pay for the transport.
_HOMES = {
    name: module
    for module, names in {
        "calls.settings": ("ClientSettings",),
        "catalog.catalog": (
            "Catalog",
            "ModelInfo",
        ),
        "relay.details": ("CallDetails",),
        "replies.native": (
            "NativeEvent",
            "NativeReply",
        ),
        "routes.management": (
            "AccessList",
            "ApiKeyInfo",
            "Group",
            "Member",
            "NewApiKey",
            "Organization",
            "UsagePeriod",
        ),
        "routes.media": (
            "ImagesReply",
            "Speech",
            "Transcription",
        ),
        "routes.sync.access_lists": ("AccessLists",),
        "routes.aio.access_lists": ("AsyncAccessLists",),
        "routes.sync.feedback": ("Feedback",),
        "routes.aio.feedback": ("AsyncFeedback",),
        "routes.sync.groups": ("Groups",),
        "routes.aio.groups": ("AsyncGroups",),
        "routes.sync.keys": ("Keys",),
        "routes.aio.keys": ("AsyncKeys",),
        "routes.sync.management": ("Management",),
        "routes.aio.management": ("AsyncManagement",),
        "routes.sync.media": (
            "Audio",
            "Images",
        ),
        "routes.aio.media": (
            "AsyncAudio",
            "AsyncImages",
        ),
        "routes.sync.models": ("Models",),
        "routes.aio.models": ("AsyncModels",),
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
