"""The shared core of the Requesty adapters: transport, streaming, fallback, usage and errors.

>>> from requesty_core import RequestyClient
>>> client = RequestyClient(fallbacks=["anthropic/claude-sonnet-4-5"])  # key from REQUESTY_API_KEY
>>> reply = client.chat(model="openai/gpt-4o-mini", messages=[...])  # doctest: +SKIP
>>> reply.text, reply.usage.cost, reply.served_model  # doctest: +SKIP
"""

from __future__ import annotations

from .lazy import lazy_names

# Modules are loaded when a name of theirs is first asked for: an adapter that only declares its settings at import time
# does not pay for the transport.
NAMES = {
    "._version": ("__version__",),
    ".bulk.api": (
        "abulk_chat",
        "abulk_embed",
        "bulk_chat",
        "bulk_embed",
    ),
    ".bulk.items": (
        "BulkItem",
        "BulkReport",
    ),
    ".bulk.runs": (
        "AsyncBulkRun",
        "BulkRun",
    ),
    ".calls.settings": ("ClientSettings",),
    ".catalog.catalog": (
        "Catalog",
        "ModelInfo",
    ),
    ".catalog.model_id": ("ModelId",),
    ".client": (
        "AsyncChatStream",
        "AsyncEmbeddingsStream",
        "AsyncRequestyClient",
        "AsyncStream",
        "ChatStream",
        "EmbeddingsStream",
        "RequestyClient",
        "Stream",
    ),
    ".client.operations": (
        "CallUnderWay",
        "ProcessSnapshot",
        "adrain",
        "awarm",
        "drain",
        "snapshot",
        "warm",
    ),
    ".embeddings.replies": (
        "EmbeddingsError",
        "EmbeddingsReply",
        "MalformedEmbeddingsError",
    ),
    ".errors.response": ("ErrorResponse",),
    ".errors.tree": (
        "AnswerFormatError",
        "AuthenticationError",
        "BadRequestError",
        "BudgetExceededError",
        "ConfigurationError",
        "ConnectionFailedError",
        "ContextOverflowError",
        "EmptyChoicesError",
        "ErrorBodyError",
        "ErrorKind",
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
        "UnknownSettingError",
        "UpstreamFormatError",
    ),
    ".money.budget": (
        "Budget",
        "Budgets",
    ),
    ".money.entries": (
        "LedgerEntry",
        "LedgerSnapshot",
    ),
    ".money.history": ("LedgerHistory",),
    ".money.ledger": ("CostLedger",),
    ".money.store.rows": ("LedgerRow",),
    ".money.usage": ("Usage",),
    ".relay.details": ("CallDetails",),
    ".replies.attempts": (
        "Attempt",
        "attempt_dict",
    ),
    ".replies.native": (
        "NativeEvent",
        "NativeReply",
    ),
    ".replies.reply": (
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
    ".retry.backoff": ("RetryPolicy",),
    ".retry.health": ("HealthBoard", "ModelHealth"),
    ".retry.policy": ("FallbackPolicy",),
    ".retry.steps": ("Step",),
    ".routes.aio.access_lists": ("AsyncAccessLists",),
    ".routes.aio.feedback": ("AsyncFeedback",),
    ".routes.aio.groups": ("AsyncGroups",),
    ".routes.aio.keys": ("AsyncKeys",),
    ".routes.aio.management": ("AsyncManagement",),
    ".routes.aio.media": (
        "AsyncAudio",
        "AsyncImages",
    ),
    ".routes.aio.models": ("AsyncModels",),
    ".routes.management": (
        "AccessList",
        "ApiKeyInfo",
        "Group",
        "Member",
        "NewApiKey",
        "Organization",
        "UsagePeriod",
    ),
    ".routes.media": (
        "ImagesReply",
        "Speech",
        "Transcription",
    ),
    ".routes.sync.access_lists": ("AccessLists",),
    ".routes.sync.feedback": ("Feedback",),
    ".routes.sync.groups": ("Groups",),
    ".routes.sync.keys": ("Keys",),
    ".routes.sync.management": ("Management",),
    ".routes.sync.media": (
        "Audio",
        "Images",
    ),
    ".routes.sync.models": ("Models",),
    ".settings.config": (
        "ApiKey",
        "Config",
        "Timeouts",
    ),
    ".settings.fingerprint": ("key_fingerprint",),
    ".settings.options": (
        "RequestyOptions",
        "analytics_headers",
    ),
    ".telemetry.events": (
        "AttemptFinished",
        "AttemptStarted",
        "CallCommitted",
        "CallEvent",
        "FellBack",
    ),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, NAMES)
