"""The shared core of the Requesty adapters: transport, streaming, fallback, usage and errors.

>>> from requesty_core import RequestyClient
>>> client = RequestyClient(fallbacks=["anthropic/claude-sonnet-4-5"])  # key from REQUESTY_API_KEY
>>> reply = client.chat(model="openai/gpt-4o-mini", messages=[...])  # doctest: +SKIP
>>> reply.text, reply.usage.cost, reply.served_model  # doctest: +SKIP
"""

from ._version import __version__
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
