"""What a client was told, checked; what one call lays over it; and what a call is retried and booked with."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from requesty_core.catalog.cache import current
from requesty_core.catalog.media import media_of
from requesty_core.catalog.model_id import check_model
from requesty_core.catalog.prepared import Adapt, Form, check_adapt
from requesty_core.catalog.refusals import RefusalMemory
from requesty_core.catalog.retirement import warn_of_retirement
from requesty_core.embeddings.line import Line
from requesty_core.errors import ConfigurationError
from requesty_core.exchange.adaptation import Adaptation
from requesty_core.exchange.body import check_gateway_object, check_json
from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage
from requesty_core.network.settings import DEFAULT_NETWORK, NetworkSettings
from requesty_core.retry.fallback import FallbackEngine
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step, plain_step, steps_from
from requesty_core.settings.checks import shown
from requesty_core.settings.config import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, ApiKey, Config, Timeouts, check_count
from requesty_core.settings.names import known_arguments
from requesty_core.settings.options import RequestyOptions, check_headers, merge_headers
from requesty_core.telemetry.call import CallTelemetry, check_tracing

from .estimate import estimate_cost
from .objects import check_callable, check_object, check_policy
from .route import CallOptions, Route, Routes

if TYPE_CHECKING:
    from requesty_core.catalog.catalog import Catalog
    from requesty_core.catalog.requirements import Requirements
    from requesty_core.money.budget import Budget
    from requesty_core.money.ledger import CostLedger
    from requesty_core.telemetry.events import Observer

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
    adapt: Adapt = "chain"
    require: Requirements | None = None
    framework: str = "core"
    health: HealthBoard = field(default_factory=HealthBoard)
    refusals: RefusalMemory = field(default_factory=RefusalMemory)
    line: Line = field(default_factory=Line)
    routes: Routes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "routes", Routes(self.config.base_url, self.config.headers))

    @classmethod
    @partial(known_arguments, owner="RequestyClient")
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
        adapt: Adapt = "chain",
        require: Mapping[str, Any] | Requirements | None = None,
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
            policy=check_policy(fallback_policy) or FallbackPolicy(),
            options=_sendable(RequestyOptions.coerce(options)),
            extra_body=_fields(extra_body),
            ledger=check_object(ledger, "ledger"),
            budget=check_object(budget, "budget"),
            on_event=check_callable(on_event, "on_event"),
            window=check_callable(window, "window"),
            tracing=check_tracing(tracing),
            adapt=check_adapt(adapt),
            require=_required(require),
            network=NetworkSettings.build(
                ca_bundle=ca_bundle,
                client_cert=client_cert,
                proxy=proxy,
                max_connections=max_connections,
                max_response_bytes=max_response_bytes,
            ),
        )

    def with_key(self, api_key: Any) -> ClientSettings:
        """The same with another key; everything shared stays shared."""
        return replace(self, config=msgspec.structs.replace(self.config, api_key=ApiKey(api_key)))

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
        added_fields: Collection[str] = (),
        step: Step | None = None,
    ) -> CallOptions:
        """One call's settings: what it gives, over what the client has.

        Raises :class:`ConfigurationError` for what is unusable, and for a model that ``require`` does not allow.
        ``step`` stands for a request that asks no model.
        """
        first = step or (model if isinstance(model, Step) else plain_step(check_model(model)))
        rest = self.fallbacks if fallbacks is None else steps_from(fallbacks)
        if step is None:
            self.check_models([one.model for one in (first, *rest)] if rest else (first.model,))
        return CallOptions(
            steps=(first, *rest),
            policy=check_policy(fallback_policy) or self.policy,
            timeouts=self.config.timeouts if timeout is _UNSET else Timeouts.coerce(timeout),
            max_retries=self.config.max_retries if max_retries is None else check_count(max_retries, "max_retries"),
            options=self.options if options is None else self.options.merged(options),
            extra_headers={} if extra_headers is None else check_headers(extra_headers),
            extra_body=_laid_over(self.extra_body, extra_body),
            added_fields=frozenset(added_fields),
        )

    @property
    def catalog(self) -> Catalog:
        """What is known of this gateway's models now: fetched by this process or another, else the snapshot."""
        return current(self.config.base_url)

    def check_models(self, models: Sequence[str]) -> None:
        """Refuse models that ``require`` does not allow, and warn once of each that is withdrawn soon."""
        if self.require is not None:
            _check(self.require, models, self.catalog)
        warn_of_retirement(models, self.config.base_url)

    def check_candidates(self, body: Mapping[str, Any]) -> None:
        """Refuse models that a body names beside its own (``models``, among which the gateway routes), as above."""
        named = body.get("models")
        if self.require is not None and named:
            self.check_models([str(one) for one in (named if isinstance(named, (list, tuple)) else [named])])

    def engine(self, call: CallOptions, body: Mapping[str, Any] | None = None) -> FallbackEngine:
        """The decisions of one call; ``body`` tells what the models of a chain are to take."""
        media = media_of(body) if body is not None and len(call.steps) > 1 else frozenset()
        return FallbackEngine(
            call.steps,
            policy=call.policy,
            timeouts=call.timeouts,
            max_retries=call.max_retries,
            health=self.health,
            random=_random,
            window=self.window or self._known_window,
            takes=_takes(media, self.catalog) if media else None,
        )

    def adaptation(self, call: CallOptions, form: Form = "chat") -> Adaptation:
        """How one call's body follows the rules of the models that it is sent to."""
        return Adaptation(self.adapt, call.added_fields, self.refusals, form)

    def accounts(self, call: CallOptions) -> Accounts:
        """Where one call is booked."""
        of, estimate = call.options, self._estimate
        return Accounts(self.ledger, self.budget, of.tags or (), of.trace_id, estimate, of.user_id, self.framework)

    def telemetry(self, operation: str | None, call: CallOptions) -> CallTelemetry:
        """What one call leaves in the log and, if asked for and the operation has a name there, in traces."""
        key = self.config.api_key
        if not self.tracing or operation is None:
            return CallTelemetry(key.blotter)
        from requesty_core.telemetry.tracing import CallSpan, wants_content

        model, content = call.steps[0].model, wants_content(self.tracing)
        span = CallSpan(operation, model, self.config.base_url, redact=key.redact, content=content)
        return CallTelemetry(key.blotter, span)

    def _estimate(self, model: str, body: Mapping[str, Any], length: int, usage: Usage | None = None) -> Decimal | None:
        return estimate_cost(self.catalog, model, body, length, usage)

    def _known_window(self, model: str) -> int | None:
        """Context window by the catalogue; asked only after an overflow."""
        return self.catalog.window(model)

    def headers_for(self, route: Route, call: CallOptions) -> dict[str, str]:
        """Header layers of one request; the key is added by the authentication."""
        if not call.extra_headers:
            return merge_headers(route.headers, self.config.headers)
        return merge_headers(route.headers, self.config.headers, call.extra_headers)


_random = random.Random()


def _fields(extra_body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    fields = _mapping(extra_body, "extra_body")
    check_json(fields, "extra_body")
    check_gateway_object(fields.get("requesty"), "extra_body.requesty")
    return fields


def _sendable(options: RequestyOptions) -> RequestyOptions:
    check_json(options.to_body(), "options")
    return options


def _laid_over(fields: Mapping[str, Any], more: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return fields if more is None else {**fields, **_mapping(more, "extra_body")}


def _mapping(value: Mapping[str, Any] | None, setting: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting}: {shown(value)} is not a mapping of JSON fields")
    return value


def _takes(media: frozenset[str], catalog: Catalog) -> Callable[[str], bool]:
    from requesty_core.catalog.abilities import may_take

    return partial(may_take, media=media, catalog=catalog)


def _check(require: Requirements, models: Sequence[str], catalog: Catalog) -> None:
    from requesty_core.catalog.requirements import check_requirements

    check_requirements(require, models, catalog)


def _required(value: Mapping[str, Any] | Requirements | None) -> Requirements | None:
    if value is None:
        return None
    from requesty_core.catalog.requirements import Requirements

    return Requirements.of(value)
