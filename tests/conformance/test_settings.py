"""Every adapter offers every shared setting, and each one takes effect: what is sent, counted, told or refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from haystack_integrations.components.embedders.requesty import RequestyTextEmbedder
from requesty_core import Budget, CostLedger, FallbackPolicy
from requesty_core.adapters import CHAIN_SETTINGS, CONNECTION_SETTINGS, ClientSettings
from requesty_core.errors import ErrorKind
from requesty_emulator import GatewayEmulator

from .drivers.haystack import settings_of
from .matrix import drivers
from .model import Case, Driver, Mode

NOT_SHARED = {
    "management_url": "of the core's management client; no framework has a place for it",
    "feedback_url": "of the core's feedback client; no framework has a place for it",
    **dict.fromkeys(
        ("ca_bundle", "client_cert", "proxy", "max_connections", "max_response_bytes"),
        "of the core's own transport; an adapter is given a client or transport with them",
    ),
    "window": "windows come from the catalogue, and from the framework's own settings where it has some",
}
Use = Callable[..., Any]
"""Makes one call with the given settings: a chat or an embedding."""


def fails(case: Case, use: Use, kind: ErrorKind, **settings: Any) -> None:
    with pytest.raises(Exception) as caught:
        use(**settings)
    assert case.driver.failure(caught.value).kind is kind


def base_url_and_key(case: Case, use: Use) -> None:
    use()
    assert case.gw.last_request.headers["authorization"] == f"Bearer {case.gw.api_key}"


def region(case: Case, use: Use) -> None:
    fails(case, use, ErrorKind.CONFIGURATION, region="eu")
    assert not case.gw.requests


def timeout(case: Case, use: Use) -> None:
    case.gw.fault(delay=2.0)
    fails(case, use, ErrorKind.TIMEOUT, timeout=0.05, max_retries=0)


def max_retries(case: Case, use: Use) -> None:
    case.gw.fail_next(503, times=2)
    fails(case, use, ErrorKind.OVERLOADED, max_retries=0)
    assert len(case.gw.requests) == 1


def options(case: Case, use: Use) -> None:
    use(options={"tags": ["a"]})
    assert case.body["requesty"] == {"tags": ["a"]}


def app_url(case: Case, use: Use) -> None:
    use(app_url="https://app.test")
    assert case.gw.last_request.headers["http-referer"] == "https://app.test"


def app_title(case: Case, use: Use) -> None:
    use(app_title="App")
    assert case.gw.last_request.headers["x-title"] == "App"


def extra_headers(case: Case, use: Use) -> None:
    use(extra_headers={"X-Requesty-Team": "search"})
    assert case.gw.last_request.headers["x-requesty-team"] == "search"


def extra_body(case: Case, use: Use) -> None:
    use(extra_body={"user": "u"})
    assert case.body["user"] == "u"


def require(case: Case, use: Use) -> None:
    fails(case, use, ErrorKind.CONFIGURATION, require={"geolocation": "eu"})
    assert not case.gw.requests


def ledger(case: Case, use: Use) -> None:
    accounts = CostLedger()
    use(ledger=accounts)
    assert accounts.total.calls == 1
    assert accounts.total.input_tokens > 0


def budget(case: Case, use: Use) -> None:
    fails(case, use, ErrorKind.BUDGET, budget=Budget(0))
    assert not case.gw.requests


def on_event(case: Case, use: Use) -> None:
    seen: list[Any] = []
    use(on_event=seen.append)
    assert seen


def tracing(case: Case, use: Use) -> None:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use()
    assert not _own_spans(exporter)
    use(tracing=True)
    assert len(_own_spans(exporter)) == 1


def _own_spans(exporter: InMemorySpanExporter) -> list[str]:
    # The frameworks' own instrumentation may be on in the same process.
    spans = exporter.get_finished_spans()
    ours = (s.name for s in spans if s.instrumentation_scope and s.instrumentation_scope.name == "requesty")
    return [name for name in ours if not name.startswith("attempt ")]


def fallbacks(case: Case, use: Use) -> None:
    case.gw.fail_next(503, model="openai/gpt-4o-mini")
    use(fallbacks=["openai/gpt-4o"], max_retries=0)
    assert [request.body["model"] for request in case.gw.requests] == ["openai/gpt-4o-mini", "openai/gpt-4o"]


def fallback_policy(case: Case, use: Use) -> None:
    case.gw.fail_next(503, model="openai/gpt-4o-mini")
    never = FallbackPolicy(should_fall_back=lambda error: False)
    fails(case, use, ErrorKind.OVERLOADED, fallbacks=["openai/gpt-4o"], fallback_policy=never, max_retries=0)
    assert len(case.gw.requests) == 1


def adapt(case: Case, use: Use) -> None:
    fails(case, use, ErrorKind.CONFIGURATION, adapt="sometimes")
    assert not case.gw.requests
    use(adapt="always")
    assert len(case.gw.requests) == 1


CONNECTION: dict[str, Callable[[Case, Use], None]] = {
    "api_key": base_url_and_key,
    "base_url": base_url_and_key,
    "region": region,
    "timeout": timeout,
    "max_retries": max_retries,
    "options": options,
    "app_url": app_url,
    "app_title": app_title,
    "extra_headers": extra_headers,
    "extra_body": extra_body,
    "require": require,
    "ledger": ledger,
    "budget": budget,
    "on_event": on_event,
    "tracing": tracing,
}
CHAIN: dict[str, Callable[[Case, Use], None]] = {
    "fallbacks": fallbacks,
    "fallback_policy": fallback_policy,
    "adapt": adapt,
}


@pytest.mark.parametrize("setting", [*CONNECTION, *CHAIN])
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name.replace(" ", "_"))
def test_a_chat_model_offers_it(driver: Driver, setting: str, gw: GatewayEmulator) -> None:
    case = Case(driver, Mode.SYNC, gw)
    (CONNECTION | CHAIN)[setting](case, case.ask)


@pytest.mark.parametrize("setting", CONNECTION)
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name.replace(" ", "_"))
def test_an_embedder_offers_it(driver: Driver, setting: str, gw: GatewayEmulator) -> None:
    case = Case(driver, Mode.SYNC, gw)
    CONNECTION[setting](case, lambda **settings: case.embed(["a"], **settings))


@pytest.mark.parametrize("setting", CONNECTION)
def test_haystacks_other_embedder_offers_it(setting: str, gw: GatewayEmulator) -> None:
    case = Case(next(d for d in drivers() if d.name == "Haystack"), Mode.SYNC, gw)
    CONNECTION[setting](case, lambda **own: RequestyTextEmbedder(**settings_of(case.connection(**own))).run("a"))


def test_the_table_is_what_the_core_takes() -> None:
    taken = inspect.signature(ClientSettings.build).parameters.keys()
    assert {*CONNECTION_SETTINGS, *CHAIN_SETTINGS, *NOT_SHARED} == taken
    assert (set(CONNECTION_SETTINGS), set(CHAIN_SETTINGS)) == (set(CONNECTION), set(CHAIN))
