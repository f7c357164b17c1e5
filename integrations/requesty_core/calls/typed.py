"""The clients' arguments for type checkers; nothing is imported from here at run time."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict

from requesty_core.catalog.requirements import Requirements
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions
from requesty_core.telemetry.events import Observer

from .settings import ClientSettings

__all__ = ["ClientArguments", "Secret"]


class Secret(Protocol):
    """What pydantic's ``SecretStr`` and others like it have."""

    def get_secret_value(self) -> str:
        """The key."""


class ClientArguments(TypedDict, total=False):
    """What both clients take beside ``transport``; their docstrings say what it means."""

    api_key: str | Secret | Callable[[], str] | Callable[[], Awaitable[str]] | None
    base_url: str | None
    region: Literal["global", "eu", "us", "ap"] | None
    management_url: str | None
    feedback_url: str | None
    timeout: float | Timeouts | None
    max_retries: int
    fallbacks: Sequence[str | Step | dict[str, Any]]
    fallback_policy: FallbackPolicy | None
    options: RequestyOptions | Mapping[str, Any] | None
    app_url: str | None
    app_title: str | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    ledger: CostLedger | None
    budget: Budget | None
    on_event: Observer | None
    window: Callable[[str], int | None] | None
    tracing: bool | Literal["content"]
    adapt: Literal["chain", "always", "never"]
    require: Mapping[str, Any] | Requirements | None
    ca_bundle: str | os.PathLike[str] | None
    client_cert: str | Sequence[str] | None
    proxy: str | None
    max_connections: int | None
    max_response_bytes: int | None
    settings: ClientSettings | None
