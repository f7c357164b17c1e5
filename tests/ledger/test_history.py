"""What a ledger's store tells: a row for each attempt, whichever adapter made it, totals by name, and exports."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from requesty_core import ConfigurationError, CostLedger, RequestyClient, RequestyError, key_fingerprint
from requesty_core.money.store.rows import row
from requesty_emulator import Fault, GatewayEmulator

MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "How high is the light?"}]


def test_a_row_holds_everything_that_is_known_of_an_attempt(gateway: GatewayEmulator, place: str) -> None:
    ledger = CostLedger(store=place)
    client = RequestyClient(
        base_url=gateway.base_url,
        api_key=gateway.api_key,
        ledger=ledger,
        fallbacks=["anthropic/claude-haiku-4-5"],
        max_retries=0,
    )
    gateway.fail_next(status=503)
    options = {"tags": ["a", "b"], "user_id": "u-1", "trace_id": "t-1"}
    stream = client.stream(model=MODEL, messages=MESSAGES, options=options)
    list(stream)
    reply = stream.message
    usage = reply.usage
    assert usage is not None
    refused, answered = ledger.history.rows()
    assert (refused.model, refused.outcome, refused.phase, refused.status) == (MODEL, "error", "refused", 503)
    assert (refused.counted, refused.cost, refused.error) == (False, None, "OverloadedError")
    assert (answered.model, answered.outcome, answered.phase) == ("anthropic/claude-haiku-4-5", "ok", "answered")
    assert (answered.served_model, answered.provider) == (reply.served_model, reply.provider)
    assert answered.request_id == reply.request_id is not None
    assert (answered.input_tokens, answered.output_tokens) == (usage.input_tokens, usage.output_tokens)
    assert answered.cost == usage.cost == gateway.billed
    assert (answered.tags, answered.user, answered.trace) == (("a", "b"), "u-1", "t-1")
    assert (answered.framework, answered.key) == ("core", key_fingerprint(gateway.api_key))
    assert answered.time_to_first_token is not None
    assert 0 < answered.time_to_first_token <= answered.latency
    assert abs((answered.time - datetime.now(UTC)).total_seconds()) < 60
    assert ledger.history.total().calls == 1


def test_the_key_is_in_no_file(gateway: GatewayEmulator, tmp_path: Path) -> None:
    ledger = CostLedger(store=tmp_path / "spend.db")
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger)
    client.chat(model=MODEL, messages=MESSAGES)
    before = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    ledger.close()
    assert key_fingerprint(gateway.api_key).encode() in before
    assert gateway.api_key.encode() not in before + (tmp_path / "spend.db").read_bytes()


def langchain(settings: dict[str, Any]) -> None:
    from langchain_requesty import ChatRequesty

    ChatRequesty(model=MODEL, **settings).invoke("Hi")


def llama_index(settings: dict[str, Any]) -> None:
    from llama_index.llms.requesty import Requesty

    Requesty(MODEL, **settings).complete("Hi")


def haystack(settings: dict[str, Any]) -> None:
    from haystack.utils import Secret

    from haystack_integrations.components.generators.requesty import RequestyChatGenerator

    given = {**settings, "api_key": Secret.from_token(settings["api_key"])}
    RequestyChatGenerator(model=MODEL, api_base_url=given.pop("base_url"), **given).run("Hi")


def pydantic_ai(settings: dict[str, Any]) -> None:
    from pydantic_ai import Agent

    from pydantic_ai_requesty import RequestyModel, RequestyProvider

    Agent(RequestyModel(MODEL, provider=RequestyProvider(**settings))).run_sync("Hi")


def openai(settings: dict[str, Any]) -> None:
    from openai_requesty import RequestyOpenAI

    RequestyOpenAI(**settings).chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call", [langchain, llama_index, haystack, pydantic_ai, openai], ids=lambda call: call.__name__
)
def test_every_adapter_is_named(call: Callable[[dict[str, Any]], None], gateway: GatewayEmulator, place: str) -> None:
    ledger = CostLedger(store=place)
    call({"base_url": gateway.base_url, "api_key": gateway.api_key, "ledger": ledger})
    (one,) = ledger.history.rows()
    assert (one.framework, one.model, one.cost) == (call.__name__, MODEL, gateway.billed)
    assert one.served_model


@pytest.fixture
def ledger(place: str) -> CostLedger:
    """Four attempts on two days, of which one is of unknown cost, and one that was refused."""
    ledger = CostLedger(store=place)

    def book(at: datetime, model: str, cost: str | None, tags: tuple[str, ...], user: str | None, **more: Any) -> None:
        from requesty_core import Usage

        usage = Usage(input_tokens=10, output_tokens=5, total_tokens=15, cost=None if cost is None else Decimal(cost))
        ledger.book(row(model, usage, at=round(at.timestamp() * 1e6), tags=tags, user=user, **more))

    day, next_day = datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC)
    second = timedelta(seconds=1)
    book(day, "a/one", "0.1", ("x", "y"), "u", framework="core", key="key-1", trace="t")
    book(day + second / 2, "a/two", "0.2", ("x",), None, framework="langchain", key="key-1")
    book(next_day, "a/one", "0.4", (), "u", framework="core", key="key-2")
    book(next_day + second, "a/one", None, ("y",), "v", framework="core", key="key-2", estimate=Decimal("0.05"))
    book(next_day + 2 * second, "a/one", None, ("y",), "v", framework="core", counted=False, outcome="error")
    return ledger


@pytest.mark.parametrize(
    ("by", "costs"),
    [
        ("model", {"a/one": "0.5", "a/two": "0.2"}),
        ("tag", {"x": "0.3", "y": "0.1", None: "0.4"}),
        ("user", {"u": "0.5", "v": "0", None: "0.2"}),
        ("day", {"2026-11-25": "0.3", "2026-11-26": "0.4"}),
        ("framework", {"core": "0.5", "langchain": "0.2"}),
        ("key", {"key-1": "0.3", "key-2": "0.4"}),
        ("trace", {"t": "0.1", None: "0.6"}),
        (None, {None: "0.7"}),
    ],
)
def test_totals_by_each_name(ledger: CostLedger, by: Any, costs: dict[str | None, str]) -> None:
    found = ledger.history.totals(by)
    assert {name: str(one.cost) for name, one in found.items()} == costs
    assert sum(one.unknown for one in found.values()) == 1
    assert sum(one.estimated for one in found.values()) == Decimal("0.05")


@pytest.mark.parametrize(
    ("conditions", "calls"),
    [
        ({}, 4),
        ({"since": "2026-11-26"}, 2),
        ({"since": date(2026, 11, 26)}, 2),
        ({"until": datetime(2026, 11, 26)}, 2),
        ({"since": "2026-11-26T01:00+01:00"}, 2),
        ({"since": "2026-11-25", "until": "2026-11-25T23:59:59"}, 0),
        ({"model": "a/one"}, 3),
        ({"tag": "y"}, 2),
        ({"tag": "y", "user": "u"}, 1),
        ({"framework": "langchain"}, 1),
        ({"key": "key-2"}, 2),
        ({"trace": "t"}, 1),
        ({"model": "'; DROP TABLE requesty_attempts; --"}, 0),
    ],
)
def test_conditions(ledger: CostLedger, conditions: Any, calls: int) -> None:
    assert ledger.history.total(**conditions).calls == calls
    assert len([one for one in ledger.history.rows(**conditions) if one.counted]) == calls


def test_sums_are_exact_beyond_64_bits(place: str) -> None:
    ledger = CostLedger(store=place)
    for _ in range(20):
        ledger.book(row("a/b", None, at=1, estimate=Decimal("999999.000000000001")))
    assert ledger.history.total().estimated == Decimal("19999980.00000000002")


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda history: history.totals("colour"), "by: 'colour' is unknown; use one of model, tag, user, day,"),
        (lambda history: history.total(since="yesterday"), "since: 'yesterday' is no date; write it as 2026-11-26"),
        (lambda history: history.total(until=5), "until: 5 is no date; give a date, a datetime or its ISO text"),
        (lambda history: history.rows(colour="red"), "colour: no such condition; use since, until, model, tag"),
    ],
)
def test_what_cannot_be_asked_is_told(ledger: CostLedger, ask: Callable[[Any], Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ask(ledger.history)


def test_without_a_store_there_is_no_history() -> None:
    with pytest.raises(ConfigurationError, match=r"ledger: has no store; make it with CostLedger\(store='spend.db'\)"):
        CostLedger().history  # noqa: B018


def test_exports_hold_the_same_rows(ledger: CostLedger, tmp_path: Path) -> None:
    history = ledger.history
    listed = json.loads(history.to_json(tmp_path / "spend.json", since="2026-11-26"))
    assert json.loads((tmp_path / "spend.json").read_text()) == listed
    table = list(csv.DictReader(history.to_csv(tmp_path / "spend.csv").splitlines()))
    assert list(csv.DictReader((tmp_path / "spend.csv").read_text().splitlines())) == table
    assert [one["cost"] for one in listed] == ["0.4", None, None]
    assert [one["cost"] for one in table] == ["0.1", "0.2", "0.4", "", ""]
    assert [one["tags"] for one in table] == ["x;y", "x", "", "y", "y"]
    assert [one["day"] for one in table] == ["2026-11-25"] * 2 + ["2026-11-26"] * 3


def test_an_export_as_data_frame(ledger: CostLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = ledger.history.to_pandas()
    assert frame.groupby("model")["cost"].sum().round(9).to_dict() == {"a/one": 0.5, "a/two": 0.2}
    assert str(frame["time"].dt.tz) == "UTC"
    assert frame["cost"].isna().sum() == 2
    assert len(ledger.history.to_pandas(model="nobody/asked")) == 0
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ConfigurationError, match="to_pandas: pandas is not installed; run: pip install pandas"):
        ledger.history.to_pandas()


def test_what_may_have_been_billed_is_unknown(gateway: GatewayEmulator, place: str) -> None:
    ledger = CostLedger(store=place)
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger, max_retries=0)
    gateway.fail_next(fault=Fault(cut_after_bytes=20))
    with pytest.raises(RequestyError):
        client.chat(model=MODEL, messages=MESSAGES)
    (one,) = ledger.history.rows()
    assert (one.outcome, one.phase, one.counted, one.cost) == ("error", "sent", True, None)
    assert one.estimate is not None
    assert ledger.history.total().estimated == one.estimate
