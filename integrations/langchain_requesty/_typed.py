"""The constructors' arguments for type checkers, under the names that the documentation uses.

What pydantic's fields say of themselves would have callers wrap a key in ``SecretStr`` and know internal names. Each
class shows these arguments by ``Unpack``; nothing is imported from here at run time. The program in
``tests/house/typed_langchain.py`` has lines that must pass and lines that must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from langchain_core.caches import BaseCache
from langchain_core.callbacks.base import Callbacks
from langchain_core.language_models import ModelProfile
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import SecretStr

from requesty_core import Budget, CallEvent, CostLedger, FallbackPolicy, RequestyOptions, Step, Timeouts

__all__ = ["ChatArguments", "ConnectionArguments", "EmbeddingsArguments", "FallbackArguments"]


class ConnectionArguments(TypedDict, total=False):
    """What chat models and embeddings have in common."""

    api_key: str | SecretStr | Callable[[], str] | None
    base_url: str | None
    region: Literal["global", "eu", "us", "ap"] | None
    timeout: float | Timeouts | None
    max_retries: int
    options: RequestyOptions | Mapping[str, Any] | None
    app_url: str | None
    app_title: str | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    require: Mapping[str, Any] | None
    tracing: bool | Literal["content"]
    ledger: CostLedger | None
    budget: Budget | None
    on_event: Callable[[CallEvent], None] | None
    http_client: Any
    http_async_client: Any
    model_kwargs: Mapping[str, Any]


class EmbeddingsArguments(ConnectionArguments, total=False):
    """Arguments of ``RequestyEmbeddings`` beside ``model``."""

    dimensions: int | None
    chunk_size: int
    max_concurrency: int
    show_progress_bar: bool
    user: str | None


class FallbackArguments(ConnectionArguments, total=False):
    """Arguments of ``ChatRequestyFallback`` beside ``models``."""

    fallback_policy: FallbackPolicy | None
    adapt: Literal["chain", "always", "never"]
    streaming: bool
    stream_usage: bool
    include_response_headers: bool

    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    max_tokens: int | None
    max_completion_tokens: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    repetition_penalty: float | None
    seed: int | None
    stop: Sequence[str] | str | None
    stop_sequences: Sequence[str] | str | None
    n: int | None
    logprobs: bool | None
    top_logprobs: int | None
    logit_bias: Mapping[str, int] | None
    user: str | None
    service_tier: str | None
    store: bool | None
    verbosity: str | None
    parallel_tool_calls: bool | None
    reasoning_effort: str | None
    reasoning: Mapping[str, Any] | None
    thinking: Mapping[str, Any] | None

    # LangChain's own.
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: Callbacks
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None


class ChatArguments(FallbackArguments, total=False):
    """Arguments of ``ChatRequesty`` beside ``model``."""

    fallbacks: Sequence[str | Step | dict[str, Any]]
