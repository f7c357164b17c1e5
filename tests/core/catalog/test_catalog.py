"""The catalogue: reading odd entries, look-ups that understand ids, filters, prices, and its time to live."""

from __future__ import annotations

import pickle
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.ways import BASE_URL, KEY
from tests.support.wire import Wire, answer, http, router_error

from requesty_core import MalformedResponseError, NotFoundError, RequestyError, Usage
from requesty_core.catalog.catalog import Catalog, ModelInfo, bundled, estimate, read_models
from requesty_core.routes import models as models_module

FULL = {
    "id": "anthropic/claude-sonnet-4-5",
    "object": "model",
    "created": 1747765524,
    "owned_by": "system",
    "api": "chat",
    "input_price": 3e-6,
    "output_price": 1.5e-5,
    "caching_price": 3.75e-6,
    "cached_price": 3e-7,
    "context_window": 200000,
    "max_output_tokens": 64000,
    "supports_caching": True,
    "supports_vision": True,
    "supports_tool_calling": True,
    "supports_output_json_object": True,
    "supports_output_json_schema": False,
    "geolocation": "global",
    "description": "",
    "future_field": {"kept": 1},
}


def listed(*entries: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(entries)}


def test_an_entry_as_documented() -> None:
    (model,) = read_models(listed(FULL))
    assert model.input_price == Decimal("0.000003")
    assert (model.cached_price, model.caching_price) == (Decimal("3E-7"), Decimal("0.00000375"))
    assert (model.context_window, model.max_output_tokens) == (200000, 64000)
    assert (model.supports_vision, model.supports_json_schema, model.supports_reasoning) == (True, False, None)
    assert model.description is None
    assert model.raw["future_field"] == {"kept": 1}


ODD_ENTRIES: list[tuple[str, Any, dict[str, Any] | None]] = [
    ("only an id", {"id": "a/b"}, {"api": "chat", "context_window": None, "input_price": None, "geolocation": None}),
    ("zero means the provider's default", {"id": "a/b", "max_output_tokens": 0}, {"max_output_tokens": None}),
    ("prices as text", {"id": "a/b", "input_price": "0.5"}, {"input_price": Decimal("0.5")}),
    ("a free model", {"id": "a/b", "input_price": 0}, {"input_price": Decimal(0)}),
    ("flags that are no flags", {"id": "a/b", "supports_vision": "yes"}, {"supports_vision": None}),
    ("the older name of a flag", {"id": "a/b", "supports_json_schema": True}, {"supports_json_schema": True}),
    (
        "both names",
        {"id": "a/b", "supports_output_json_schema": False, "supports_json_schema": True},
        {"supports_json_schema": False},
    ),
    ("a new kind of api", {"id": "a/b", "api": "video"}, {"api": "video"}),
    ("a new geolocation", {"id": "a/b", "geolocation": "mars"}, {"geolocation": "mars"}),
    ("a window that is none", {"id": "a/b", "context_window": True}, {"context_window": None}),
    ("a policy", {"id": "policy/mine"}, {"id": "policy/mine"}),
    ("no id", {"object": "model"}, None),
    ("an id that is no text", {"id": 5}, None),
    ("a blank id", {"id": " "}, None),
    ("no entry", "text", None),
]


@pytest.mark.parametrize(("what", "entry", "expected"), ODD_ENTRIES, ids=[o[0] for o in ODD_ENTRIES])
def test_odd_entries(what: str, entry: Any, expected: dict[str, Any] | None) -> None:
    models = read_models(listed(entry, FULL))
    assert models[-1].id == FULL["id"]
    if expected is None:
        assert len(models) == 1
    else:
        assert {name: getattr(models[0], name) for name in expected} == expected


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {"a": 1}}, "text"])
def test_what_is_no_list_of_models_holds_none(body: Any) -> None:
    assert read_models(body) == []


LISTED = [
    {"id": "openai/gpt-4o", "context_window": 128000},
    {"id": "openai/o3-mini", "context_window": 200000},
    {"id": "openai/o3-mini:high", "context_window": 200001},
    {"id": "bedrock/claude@eu-central-1", "context_window": 7},
    {"id": "policy/mine", "context_window": 9},
    {"id": "gpt-5-mini"},
    {"id": "coding/claude-4-sonnet", "context_window": 11},
]
LOOKUPS = [
    ("openai/gpt-4o", "openai/gpt-4o"),
    ("openai/gpt-4o@eu", "openai/gpt-4o"),
    ("openai/gpt-4o:high", "openai/gpt-4o"),
    ("openai/gpt-4o:high@eu", "openai/gpt-4o"),
    ("openai/o3-mini:high", "openai/o3-mini:high"),
    ("openai/o3-mini:high@eu", "openai/o3-mini:high"),
    ("openai/o3-mini:low", "openai/o3-mini"),
    ("bedrock/claude@eu-central-1", "bedrock/claude@eu-central-1"),
    ("bedrock/claude@us-east-1", "bedrock/claude@us-east-1"),
    ("gpt-5-mini@eu", "gpt-5-mini"),
    ("coding/claude-4-sonnet", "coding/claude-4-sonnet"),
    ("policy/unknown", None),
    ("openai/GPT-4O", "openai/GPT-4O"),
    ("nobody/knows", None),
]


@pytest.mark.parametrize(("asked", "found"), LOOKUPS)
def test_lookup(asked: str, found: str | None) -> None:
    catalog = Catalog(read_models(listed(*LISTED)))
    model = catalog.lookup(asked)
    assert (None if model is None else model.id) == found
    assert catalog.window(asked) == (None if model is None else model.context_window)


def test_a_catalogue_is_a_mapping_by_exact_id() -> None:
    catalog = Catalog(read_models(listed(*LISTED)))
    assert len(catalog) == len(list(catalog)) == 7
    assert catalog["gpt-5-mini"].context_window is None
    assert "openai/gpt-4o@eu" not in catalog
    assert catalog["coding/claude-4-sonnet"].application == "coding"
    assert catalog["openai/gpt-4o"].application is None


STOCK = Catalog(
    read_models(
        listed(
            {**FULL, "id": "a/cheap", "input_price": 1e-7, "output_price": 2e-7, "geolocation": "eu"},
            {**FULL, "id": "a/dear", "input_price": 1e-4, "output_price": 2e-4, "context_window": 1000000},
            {"id": "b/silent"},
            {**FULL, "id": "cline/tuned", "supports_vision": False},
            {**FULL, "id": "coding/tuned"},
            {"id": "openai/embed", "api": "embedding", "input_price": 2e-8, "output_price": 0},
        )
    )
)
FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["a/cheap", "a/dear", "b/silent", "cline/tuned", "coding/tuned", "openai/embed"]),
    ({"api": "embedding"}, ["openai/embed"]),
    ({"provider": "a"}, ["a/cheap", "a/dear"]),
    ({"application": "coding"}, ["coding/tuned"]),
    ({"application": "cline"}, ["cline/tuned"]),
    ({"geolocation": "eu"}, ["a/cheap"]),
    ({"geolocation": "global"}, ["a/dear", "cline/tuned", "coding/tuned"]),
    ({"min_context": 200001}, ["a/dear"]),
    ({"min_context": 200000, "provider": "a"}, ["a/cheap", "a/dear"]),
    ({"max_input_price": 1e-7}, ["a/cheap", "openai/embed"]),
    ({"max_input_price": Decimal("0.0000001"), "max_output_price": 1e-6}, ["a/cheap", "openai/embed"]),
    ({"max_output_price": 0}, ["openai/embed"]),
    ({"vision": True}, ["a/cheap", "a/dear", "coding/tuned"]),
    ({"vision": False}, ["cline/tuned"]),
    ({"tool_calling": True, "json_object": True, "max_input_price": 1e-6}, ["a/cheap"]),
    ({"reasoning": True}, []),
    ({"where": lambda m: m.id.endswith("tuned")}, ["cline/tuned", "coding/tuned"]),
]


@pytest.mark.parametrize(("conditions", "found"), FILTERS, ids=[str(sorted(f[0])) for f in FILTERS])
def test_filter(conditions: dict[str, Any], found: list[str]) -> None:
    assert [m.id for m in STOCK.filter(**conditions)] == found


def test_an_unknown_capability_is_an_error() -> None:
    with pytest.raises(TypeError, match="'telepathy'"):
        STOCK.filter(telepathy=True)


def test_the_bundled_snapshot_is_usable() -> None:
    catalog = bundled()
    assert len(catalog) > 300
    assert catalog.window("openai/gpt-4o@eu") == catalog.window("openai/gpt-4o") == 128000
    assert catalog.filter(provider="anthropic", vision=True, min_context=200000)
    assert catalog.filter(application="coding")
    assert bundled() is catalog


# --- estimates --------------------------------------------------------------------------------------------------------

PRICED = ModelInfo("a/b", input_price=Decimal(3), output_price=Decimal(15))
ESTIMATES = [
    (Usage(input_tokens=10, output_tokens=2), PRICED, Decimal(60)),
    (Usage(), PRICED, Decimal(0)),
    (Usage(input_tokens=10, cached_tokens=4, caching_tokens=1), PRICED, Decimal(30)),
    (
        Usage(input_tokens=10, cached_tokens=4, caching_tokens=1),
        ModelInfo(
            "a/b", input_price=Decimal(3), output_price=Decimal(15), cached_price=Decimal(1), caching_price=Decimal(4)
        ),
        Decimal(23),
    ),
    (Usage(input_tokens=1, cached_tokens=4), PRICED, Decimal(12)),
    (Usage(input_tokens=10), ModelInfo("a/b", input_price=Decimal(3)), None),
    (Usage(input_tokens=10), ModelInfo("a/b", output_price=Decimal(3)), None),
]


@pytest.mark.parametrize(("usage", "model", "cost"), ESTIMATES)
def test_an_estimate_is_marked_and_only_made_of_known_prices(usage: Usage, model: Any, cost: Decimal | None) -> None:
    estimated = estimate(usage, model)
    assert (None if estimated is None else estimated.cost) == cost
    if estimated is not None:
        assert estimated.estimated
        assert not usage.estimated
        assert (usage + estimated).estimated


def test_nothing_is_estimated_unasked(way: Any) -> None:
    reply = way(Wire(answer(usage={"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6})))
    assert reply.usage.cost is None
    assert not reply.usage.estimated


# --- the models routes ------------------------------------------------------------------------------------------------


def test_models_are_listed_as_the_gateway_does(unary: Any) -> None:
    wire = Wire(http(200, listed(FULL, {"id": "policy/mine"})), http(200, listed({"id": "gpt-5-mini"})))
    client = unary.client(wire)
    assert [m.id for m in unary.run(client, lambda c: c.models.list())] == [FULL["id"], "policy/mine"]
    assert [m.id for m in unary.run(client, lambda c: c.models.managed(timeout=5))] == ["gpt-5-mini"]
    assert [(r.method, str(r.url)) for r in wire.requests] == [
        ("GET", f"{BASE_URL}/models"),
        ("GET", f"{BASE_URL}/models/managed"),
    ]
    assert wire.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert wire.requests[0].content == b""


def test_reads_are_retried_and_name_their_route(unary: Any) -> None:
    wire = Wire(router_error(503, "busy"), http(200, listed(FULL)))
    assert unary.run(unary.client(wire, max_retries=1), lambda c: c.models.list())
    wire = Wire(router_error(404, "gone"))
    with pytest.raises(NotFoundError) as caught:
        unary.run(unary.client(wire), lambda c: c.models.list())
    assert caught.value.requested_model == "GET /v1/models"


@pytest.mark.parametrize("body", [[], {}, {"data": {}}, 5])
def test_a_body_that_is_no_list_is_an_error(unary: Any, body: Any) -> None:
    with pytest.raises(MalformedResponseError, match="base_url"):
        unary.run(unary.client(Wire(http(200, body)), max_retries=0), lambda c: c.models.list())


def test_an_unknown_argument_is_a_type_error(unary: Any) -> None:
    with pytest.raises(TypeError, match="colour"):
        unary.run(unary.client(Wire()), lambda c: c.models.list(colour=1))


def test_the_catalogue_is_fetched_once_in_its_time_to_live(unary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(models_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    both = (http(200, listed(FULL)), http(200, listed({"id": "gpt-5-mini"})))
    wire = Wire(*both, *both, *both)
    client = unary.client(wire)

    def fetch(**options: Any) -> Catalog:
        catalog = unary.run(client, lambda c: c.models.catalog(**options))
        assert isinstance(catalog, Catalog)
        return catalog

    first = fetch()
    assert sorted(first) == [FULL["id"], "gpt-5-mini"]
    assert fetch() is first
    assert len(wire.requests) == 2
    assert fetch(refresh=True) is not first
    assert len(wire.requests) == 4
    now[0] += 3601
    fetch(time_to_live=10)
    assert len(wire.requests) == 6
    now[0] += 9
    fetch()
    assert len(wire.requests) == 6
    assert fetch(offline=True) is bundled()
    assert len(wire.requests) == 6


def test_without_managed_models_there_is_still_a_catalogue(unary: Any) -> None:
    wire = Wire(http(200, listed(FULL)), router_error(404, "no such route"))
    assert list(unary.run(unary.client(wire), lambda c: c.models.catalog())) == [FULL["id"]]


def test_a_gateway_that_cannot_answer_leaves_the_last_catalogue_or_the_bundled_one(
    unary: Any, caplog: pytest.LogCaptureFixture
) -> None:
    down = router_error(403, f"down {KEY}")
    wire = Wire(down, http(200, listed(FULL)), http(200, listed()), down)
    client = unary.client(wire)
    assert unary.run(client, lambda c: c.models.catalog()) is bundled()
    kept = unary.run(client, lambda c: c.models.catalog())
    assert list(kept) == [FULL["id"]]
    assert unary.run(client, lambda c: c.models.catalog(refresh=True)) is kept
    assert "the bundled one" in caplog.text
    assert "the last catalogue" in caplog.text
    assert KEY not in caplog.text


def test_a_client_that_fetched_a_catalogue_still_pickles(unary: Any) -> None:
    client = unary.client(None)
    assert unary.run(client, lambda c: c.models.catalog(offline=True)) if unary.is_async else client.models
    assert client.management is client.management
    woken = pickle.loads(pickle.dumps(client))
    assert woken.base_url == client.base_url
    assert type(woken.models) is type(client.models)


def test_against_the_emulator(gateway: Any, unary: Any) -> None:
    client = unary.client(None, base_url=gateway.base_url, api_key=gateway.api_key)
    catalog = unary.run(client, lambda c: c.models.catalog())
    assert catalog.filter(tool_calling=True, min_context=100000)
    assert any("/" not in model for model in catalog)
    gateway.fault(path="/models", status=500)
    with pytest.raises(RequestyError):
        unary.run(client, lambda c: c.models.list(max_retries=0))


def test_an_overflow_looks_for_a_larger_window_in_the_bundled_catalogue(way: Any) -> None:
    # gpt-4o and its regional twin have the same window; gemini-2.5-pro has a larger one.
    overflow = router_error(400, "This model's maximum context length is 128000 tokens", "provider")
    wire = Wire(overflow, answer())
    way(wire, model="openai/gpt-4o", fallbacks=["openai/gpt-4o", "openai/gpt-4o-mini@eu", "google/gemini-2.5-pro"])
    assert wire.models[0] == "openai/gpt-4o"
    assert wire.models[-1] == "google/gemini-2.5-pro"
    assert "openai/gpt-4o" not in wire.models[1:]
