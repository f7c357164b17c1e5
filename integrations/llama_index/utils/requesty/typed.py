"""The constructors' arguments for type checkers, under the names that the documentation uses.

What pydantic's fields say of themselves would have callers wrap a key in ``SecretStr``. Each class shows these
arguments by ``Unpack``; nothing is imported from here at run time. ``tests/house/typed_others.py`` has lines that must
pass and lines that must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict

from llama_index.core.bridge.pydantic import SecretStr
from llama_index.core.callbacks import CallbackManager

from requesty_core import Budget, CallEvent, CostLedger, RequestyOptions, Timeouts

__all__ = ["ConnectionArguments"]


class ConnectionArguments(TypedDict, total=False):
    """What chat models and embeddings have in common."""

    api_key: str | SecretStr | Callable[[], str] | None
    base_url: str | None
    api_base: str | None
    region: Literal["global", "eu", "us", "ap"] | None
    timeout: float | Timeouts | None
    max_retries: int
    options: RequestyOptions | Mapping[str, Any] | None
    app_url: str | None
    app_title: str | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    tracing: bool | Literal["content"]
    require: Mapping[str, Any] | None
    ledger: CostLedger
    budget: Budget | None
    on_event: Callable[[CallEvent], None] | None
    http_client: Any
    async_http_client: Any
    additional_kwargs: Mapping[str, Any]
    callback_manager: CallbackManager | None
    rate_limiter: Any
