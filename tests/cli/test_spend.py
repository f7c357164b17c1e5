"""``requesty-adapters spend``: a ledger's store as a table, JSON, a picture, and against the gateway's report."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.terminal import Run, Terminal
from typer.testing import CliRunner

from requesty_cli.app import app
from requesty_core import CostLedger, LedgerEntry, RequestyClient, RequestyError, key_fingerprint
from requesty_core.money.reconcile import Reported, reconcile
from requesty_core.money.store.rows import row
from requesty_emulator import Fault, GatewayEmulator

MESSAGES = [{"role": "user", "content": "hi"}]
MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def place(tmp_path: Path, gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger that the command finds, with two calls of one model and one of another."""
    path = tmp_path / "spend.db"
    monkeypatch.setenv("REQUESTY_LEDGER", str(path))
    ledger = CostLedger(store=path)
    client = RequestyClient(ledger=ledger, max_retries=0)
    client.chat(model=MODEL, messages=MESSAGES, options={"tags": ["a", "b"], "user_id": "u"})
    client.chat(model=MODEL, messages=MESSAGES, options={"tags": ["a"]})
    client.chat(model="anthropic/claude-haiku-4-5", messages=MESSAGES)
    ledger.close()
    return path


def rows(run: Run, *words: str) -> list[dict[str, Any]]:
    done = run("spend", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_sums_are_the_bill(run: Run, place: Path, gateway: GatewayEmulator) -> None:
    found = rows(run)
    assert [(one["model"], one["calls"]) for one in found] == [("anthropic/claude-haiku-4-5", 1), (MODEL, 2)]
    assert sum(Decimal(one["cost"]) for one in found) == gateway.billed
    assert {one["tag"]: one["calls"] for one in rows(run, "--by", "tag")} == {"a": 2, "b": 1, None: 1}
    assert {one["user"]: one["calls"] for one in rows(run, "--by", "user")} == {"u": 1, None: 2}
    assert [one["framework"] for one in rows(run, "--by", "framework")] == ["core"]
    assert [one["key"] for one in rows(run, "--by", "key")] == [key_fingerprint(gateway.api_key)]
    assert [one["calls"] for one in rows(run, "--by", "day", "--since", "1d")] == [3]
    assert rows(run, "--since", "2999-01-01") == []
    lines = run("spend", "--ledger", f"sqlite:///{place}").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["anthropic/claude-haiku-4-5", "1"], [MODEL, "2"]]


def test_the_table_fits_sixty_columns(terminal: type[Terminal], place: Path) -> None:
    ledger = CostLedger(store=place)
    for number in range(3):
        name = f"some-provider/a-model-with-a-very-long-name-indeed-{number}"
        ledger.book(row(name, None, at=1, tags=["a tag of several words, longer than the table"], estimate=Decimal(1)))
        ledger.record(name, None)
    ledger.close()

    class Narrow(terminal):  # type: ignore[valid-type, misc]
        columns = 60

    for words in (("--by", "model"), ("--by", "tag"), ("--by", "key"), ("--reconcile",)):
        shown = Narrow("spend", *words)
        shown.finish()
        assert [line for line in shown.text.splitlines() if len(line) > 60] == []
    Narrow("spend").read_until(r"Total: 9 calls, .*\n6 calls of unknown cost, about 3 USD more\.")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--by", "colour"), "--by: 'colour' is unknown; use one of model, tag, user, day, framework, key"),
        (("--since", "soon"), "--since: 'soon' is no day; write 2026-11-26, or 7d for a week ago"),
        (("--plot", "spend.gif"), "--plot: spend.gif is no picture; give a name that ends in .png or .svg"),
        (("--plot", "no/spend.png"), "--plot: the folder no does not exist"),
        (("--ledger", "no.db"), "--ledger: no.db does not exist; give the one that the clients write"),
        (("--ledger", "mysql://h/d"), "--ledger: 'mysql' databases are not supported"),
        (("--reconcile", "--key-id", "mine"), "--key-id: write it as FINGERPRINT=ID"),
        (("--reconcile", "--plot", "a.png"), "--plot: draws no --reconcile; leave one of them out"),
    ],
)
def test_wrong_usage_is_told_in_one_line(words: tuple[str, ...], told: str, run: Run, place: Path) -> None:
    done = run("spend", *words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"requesty-adapters: {told}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_without_a_ledger_it_says_how_to_name_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTY_LEDGER", raising=False)
    done = run("spend")
    assert done.returncode == 2
    assert "--ledger: give the path or URL of a ledger, or set REQUESTY_LEDGER" in done.stderr


@pytest.mark.parametrize(("name", "head"), [("spend.png", b"\x89PNG"), ("spend.svg", b"<?xml")])
def test_a_picture(name: str, head: bytes, run: Run, place: Path, tmp_path: Path) -> None:
    done = run("spend", "--plot", str(tmp_path / name))
    assert done.returncode == 0
    assert (tmp_path / name).read_bytes().startswith(head)


def test_a_picture_needs_its_extra(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    done = CliRunner().invoke(app, ["spend", "--plot", str(tmp_path / "a.png")])
    assert done.exit_code == 2
    assert "matplotlib is not installed; run: pip install 'requesty-adapters[plot]'" in done.stderr


def test_reconciling_names_what_differs_and_why(run: Run, place: Path, gateway: GatewayEmulator) -> None:
    same = run("spend", "--reconcile")
    assert (same.returncode, same.stdout.count("the same")) == (0, 1)
    key = key_fingerprint(gateway.api_key)
    assert same.stdout.startswith(f"{key} since ")

    # An answer that was billed and lost: its cost is unknown here.
    client = RequestyClient(ledger=CostLedger(store=place), max_retries=0)
    gateway.fail_next(fault=Fault(cut_after_bytes=60))
    with pytest.raises(RequestyError):
        client.chat(model=MODEL, messages=MESSAGES)
    client.settings.ledger.close()  # type: ignore[union-attr]
    (found,) = json.loads(run("spend", "--reconcile", "--json").stdout)
    assert (found["cause"], found["unknown"], found["key"]) == ("unknown", 1, key)
    assert Decimal(found["gateway_cost"]) == gateway.billed
    assert Decimal(found["ledger_cost"]) + Decimal(found["difference"]) == gateway.billed
    told = run("spend", "--reconcile")
    assert told.returncode == 1
    assert "1 attempt of unknown cost, about " in told.stdout


def test_other_keys_are_compared_by_their_id(run: Run, place: Path, gateway: GatewayEmulator) -> None:
    other = gateway.state.add_key("other", permissions={"completions": "write"})
    ledger = CostLedger(store=place)
    RequestyClient(api_key=other.secret, ledger=ledger).chat(model=MODEL, messages=MESSAGES)
    RequestyClient(api_key=other.secret).chat(model=MODEL, messages=MESSAGES)
    ledger.close()
    name = key_fingerprint(other.secret)
    assert f"Not compared: {name}, 1 call" in run("spend", "--reconcile").stderr
    found = json.loads(run("spend", "--reconcile", "--json", "--key-id", f"{name}={other.id}").stdout)
    assert {one["key"]: (one["cause"], one["gateway_calls"]) for one in found} == {
        key_fingerprint(gateway.api_key): ("same", 3),
        name: ("not_in_ledger", 2),
    }


def entry(cost: str, unknown: int = 0) -> LedgerEntry:
    return LedgerEntry(calls=1, cost=Decimal(cost), unknown=unknown, estimated=Decimal(unknown))


@pytest.mark.parametrize(
    ("ledger", "gateway", "cause", "why"),
    [
        (entry("1"), "1", "same", "the same"),
        (entry("1"), "1.0000009", "same", "the same"),
        (entry("1", 1), "1", "same", "the same"),
        (entry("1", 2), "3", "unknown", "2 more at the gateway: 2 attempts of unknown cost, about 2"),
        (entry("1"), "3", "not_in_ledger", "2 more at the gateway: calls that were not booked here"),
        (entry("3", 1), "1", "not_at_gateway", "2 more in the ledger: another key, or counted on another day"),
        (None, "1", "not_in_ledger", "1 more at the gateway: calls that were not booked here"),
        (entry("1"), None, "not_at_gateway", "1 more in the ledger: another key, or counted on another day"),
    ],
)
def test_verdicts(ledger: LedgerEntry | None, gateway: str | None, cause: str, why: str) -> None:
    held = {} if ledger is None else {"2026-11-26": ledger}
    told = {} if gateway is None else {"2026-11-26": Reported(1, Decimal(gateway))}
    (verdict,) = reconcile(held, told)
    assert (verdict.day, verdict.cause, verdict.why) == ("2026-11-26", cause, why)


def test_days_are_in_order_and_none_is_left_out() -> None:
    days = reconcile({"2026-11-27": entry("1"), "2026-11-25": entry("1")}, {"2026-11-26": Reported(1, Decimal(1))})
    assert [one.day for one in days] == ["2026-11-25", "2026-11-26", "2026-11-27"]
