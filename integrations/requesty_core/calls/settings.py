"""What a client was told, checked; what one call lays over it; and what a call is retried and booked with."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from requesty_core.catalog.model_id import check_model
from requesty_core.errors import ConfigurationError
from requesty_core.money.accounts import Accounts
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.network.http import URL
from requesty_core.network.settings import DEFAULT_NETWORK, NetworkSettings
from requesty_core.retry.fallback import FallbackEngine
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step, steps_from
from requesty_core.settings.config import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Config, Timeouts, check_count
from requesty_core.settings.options import RequestyOptions, check_headers, merge_headers
from requesty_core.telemetry.call import CallTelemetry, check_tracing
from requesty_core.telemetry.events import Observer

from .estimate import estimate_cost
from .route import JSON_HEADERS, STREAM_HEADERS, CallOptions, Route

__all__ = ["ClientSettings"]

_UNSET: Any = object()


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Everything a client was told, checked. Immutable but for the shared health board, ledger and budget."""

    config: Config
    fallbacks: tuple[Step, ...] = ()
    policy: FallbackPolicy = field(default_factory=FallbackPolicy)
    options: RequestyOptions = field(default_factory=RequestyOptions)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    ledger: CostLedger | None = None
    budget: Budget | None = None
    on_event: Observer | None = None
    window: Callable[[str], int | None] | None = None
    tracing: bool | str = False
    network: NetworkSettings = DEFAULT_NETWORK
    health: HealthBoard = field(default_factory=HealthBoard)
    chat_route: Route = field(init=False)
    stream_route: Route = field(init=False)
    embeddings_route: Route = field(init=False)

    def __post_init__(self) -> None:
        url = URL(f"{self.config.base_url}/chat/completions")
        object.__setattr__(self, "chat_route", Route("POST", url, JSON_HEADERS))
        object.__setattr__(self, "stream_route", Route("POST", url, STREAM_HEADERS, streams=True))
        embeddings = URL(f"{self.config.base_url}/embeddings")
        object.__setattr__(self, "embeddings_route", Route("POST", embeddings, JSON_HEADERS))

    @classmethod
    def build(
        cls,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        region: str | None = None,
        management_url: str | None = None,
        feedback_url: str | None = None,
        timeout: Timeouts | float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        fallbacks: Sequence[str | Step | dict[str, Any]] = (),
        fallback_policy: FallbackPolicy | None = None,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        app_url: str | None = None,
        app_title: str | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        on_event: Observer | None = None,
        window: Callable[[str], int | None] | None = None,
        tracing: bool | Literal["content"] = False,
        ca_bundle: str | os.PathLike[str] | None = None,
        client_cert: str | Sequence[str] | None = None,
        proxy: str | None = None,
        max_connections: int | None = None,
        max_response_bytes: int | None = None,
    ) -> ClientSettings:
        """Check and collect. Raises :class:`ConfigurationError` naming the setting."""
        return cls(
            config=Config.build(
                api_key=api_key,
                base_url=base_url,
                region=region,
                management_url=management_url,
                feedback_url=feedback_url,
                timeout=timeout,
                max_retries=max_retries,
                app_url=app_url,
                app_title=app_title,
                extra_headers=extra_headers,
            ),
            fallbacks=steps_from(fallbacks),
            policy=fallback_policy or FallbackPolicy(),
            options=RequestyOptions.coerce(options),
            extra_body=_mapping(extra_body, "extra_body"),
            ledger=ledger,
            budget=budget,
            on_event=on_event,
            window=window,
            tracing=check_tracing(tracing),
            network=NetworkSettings.build(
                ca_bundle=ca_bundle,
                client_cert=client_cert,
                proxy=proxy,
                max_connections=max_connections,
                max_response_bytes=max_response_bytes,
            ),
        )

    def call_options(
        self,
        model: str | Step,
        *,
        timeout: Timeouts | float | None = _UNSET,
        max_retries: int | None = None,
        fallbacks: Sequence[str | Step | dict[str, Any]] | None = None,
        fallback_policy: FallbackPolicy | None = None,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        step: Step | None = None,
    ) -> CallOptions:
        """One call's settings: what it gives, over what the client has."""
        first = step or (model if isinstance(model, Step) else Step(check_model(model)))
        rest = self.fallbacks if fallbacks is None else steps_from(fallbacks)
        return CallOptions(
            steps=(first, *rest),
            policy=fallback_policy or self.policy,
            timeouts=self.config.timeouts if timeout is _UNSET else Timeouts.coerce(timeout),
            max_retries=self.config.max_retries if max_retries is None else check_count(max_retries, "max_retries"),
            options=self.options.merged(options),
            extra_headers=check_headers(extra_headers),
            extra_body={**self.extra_body, **_mapping(extra_body, "extra_body")},
        )

    def engine(self, call: CallOptions) -> FallbackEngine:
        """The decisions of one call."""
        return FallbackEngine(
            call.steps,
            policy=call.policy,
            timeouts=call.timeouts,
            max_retries=call.max_retries,
            health=self.health,
            random=_random,
            window=self.window or _known_window,
        )

    def accounts(self, call: CallOptions) -> Accounts:
        """Where one call is booked."""
        return Accounts(self.ledger, self.budget, call.options.tags or (), call.options.trace_id, estimate_cost)

    def telemetry(self, operation: str | None, call: CallOptions) -> CallTelemetry:
        """What one call leaves in the log and, if asked for and the operation has a name there, in traces."""
        key = self.config.api_key
        if not self.tracing or operation is None:
            return CallTelemetry(key.redact)
        from requesty_core.telemetry.tracing import CallSpan, wants_content

        model, content = call.steps[0].model, wants_content(self.tracing)
        span = CallSpan(operation, model, self.config.base_url, redact=key.redact, content=content)
        return CallTelemetry(key.redact, span)

    def headers_for(self, route: Route, call: CallOptions) -> dict[str, str]:
        """Header layers of one request; the key is added by the authentication."""
        if not call.extra_headers:
            return {**route.headers, **self.config.headers}
        return merge_headers(route.headers, self.config.headers, call.extra_headers)


_random = random.Random()


def _known_window(model: str) -> int | None:
    """Context window by the bundled catalogue; asked only after an overflow."""
    from requesty_core.catalog.catalog import bundled

    return bundled().window(model)


def _mapping(value: Mapping[str, Any] | None, setting: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting}: {value!r} is not a mapping of JSON fields")
    return value
