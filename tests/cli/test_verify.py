"""``verify``: an emulator passes whole, a wrong server is contradicted by the right rows, money and keys are safe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.support.terminal import Run

from requesty_cli.problems import StepFailedError
from requesty_cli.verify.asks import ASKS, UNDO
from requesty_cli.verify.command import emulated, run_verify
from requesty_cli.verify.report import as_json, counts, text_of
from requesty_cli.verify.run import ROWS, Result, Target, Verification
from requesty_emulator import GatewayEmulator
from requesty_emulator.cassettes.serving import CassetteServer

ROOT = Path(__file__).parents[2]
PLENTY = Decimal("1")


def target_of(server: GatewayEmulator | CassetteServer, key: str) -> Target:
    return Target(server.management_url, server.management_url, server.management_url, key)


def contradicted(results: list[Result]) -> set[str]:
    return {result.row.fact for result in results if result.verdict == "contradicted"}


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_section_conflict_and_unknown_of_the_contract_has_a_row() -> None:
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    anchors = set(re.findall(r"\{#section-([\d-]+)\}", page))
    cited = {section for row in ROWS for section in row.sections}
    assert cited - anchors == set()
    # Section 19 and 21 are their rows.
    assert anchors - cited == {"19", "21"}


def test_every_row_asks_something_or_says_why_not() -> None:
    assert [
        row.fact for row in ROWS if (row.look is None) != bool(row.why) or bool(row.ask) != (row.look is not None)
    ] == []
    assert {row.ask for row in ROWS if row.ask} - set(ASKS) == set()
    assert set(ASKS) - {row.ask for row in ROWS} == set()
    facts = [(row.sections, row.fact) for row in ROWS]
    assert len(facts) == len(set(facts))


def test_what_a_run_makes_it_can_take_back() -> None:
    makes = {name for name, ask in ASKS.items() if ask.writes and name.startswith("new_")}
    assert makes == set(UNDO)


# --- the emulator passes ----------------------------------------------------------------------------------------------


def test_the_emulator_passes_whole() -> None:
    with emulated() as target:
        run = Verification(target, budget=PLENTY, writes=True)
        results = run.run()
    assert contradicted(results) == set()
    assert counts(results)["not run"] == 0
    open_facts = {result.row.fact for result in results if result.verdict == "not testable" and result.row.ask}
    assert open_facts == {
        "Retry-After comes with errors",
        "fly-request-id is an id",
        "x-ratelimit-… headers, never seen so far",
    }


def test_nothing_is_changed_without_writes() -> None:
    with GatewayEmulator() as gateway:
        results = Verification(target_of(gateway, gateway.api_key), budget=PLENTY).run()
        made = [request for request in gateway.requests if request.method != "GET" and "/manage" in request.path]
        assert (made, gateway.feedback) == ([], {})
        writes = [result for result in results if result.row.ask and ASKS[result.row.ask].writes]
        assert {result.told for result in writes} == {"changes something at the gateway; run it with --writes"}
        assert [key.name for key in gateway.state.keys.values()] == ["default"]


def test_what_was_made_is_taken_back_even_if_the_run_is_interrupted() -> None:
    def stop(result: Result) -> None:
        if result.row.ask == "new_key":
            raise KeyboardInterrupt

    with GatewayEmulator() as gateway:
        run = Verification(target_of(gateway, gateway.api_key), budget=PLENTY, writes=True, on_result=stop)
        with pytest.raises(KeyboardInterrupt):
            run.run()
        assert [request.method for request in gateway.requests][-1] == "DELETE"
        assert [key.name for key in gateway.state.keys.values()] == ["default"]


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["0", "0.0001", "0.002", "0.02"])
def test_a_run_stays_within_its_budget(budget: str) -> None:
    with GatewayEmulator() as gateway:
        run = Verification(target_of(gateway, gateway.api_key), budget=Decimal(budget))
        results = run.run()
        assert gateway.billed <= Decimal(budget)
    assert run.spent <= run.budget
    left_out = [result for result in results if result.verdict == "not run"]
    assert left_out
    assert all(f"of {budget} are left" in result.told for result in left_out)
    assert counts(results)["confirmed"] > 25


def test_what_a_gateway_does_not_price_counts_as_the_most_it_can_cost() -> None:
    with GatewayEmulator(usage="no_cost") as gateway:
        run = Verification(target_of(gateway, gateway.api_key), budget=PLENTY)
        run.run()
        assert run.spent > gateway.billed > 0


# --- wrong servers ----------------------------------------------------------------------------------------------------

Change = Callable[[str, int, bytes], tuple[int, bytes]]


class Wrong(CassetteServer):
    """The emulator with its answers changed on the way out."""

    def __init__(self, gateway: GatewayEmulator, change: Change) -> None:
        super().__init__("127.0.0.1", 0)
        self._app: Any = gateway.app
        self._change = change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        # Without the connection the emulator's answers come as messages, not as bytes on the wire.
        await self._app({**scope, "state": {}}, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        status, body = self._change(scope["path"], sent[0]["status"], body)
        kept = [(name, value) for name, value in sent[0]["headers"] if name != b"content-length"]
        length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": [*kept, *length]})
        await send({"type": "http.response.body", "body": b"" if status == 204 else body})


def of_json(path: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change the JSON of good answers on a path."""

    def changed(where: str, status: int, body: bytes) -> tuple[int, bytes]:
        if where != path or status >= 300 or not body.startswith(b"{"):
            return status, body
        value = json.loads(body)
        return status, json.dumps(change(value) or value).encode()

    return changed


def of_bytes(path: str, old: str, new: str) -> Change:
    def changed(where: str, status: int, body: bytes) -> tuple[int, bytes]:
        return status, re.sub(old.encode(), new.encode(), body) if where == path else body

    return changed


def of_status(path: str, old: int, new: int) -> Change:
    def changed(where: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (new if (where, status) == (path, old) else status), body

    return changed


CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
WRONG: dict[str, tuple[Change, set[str]]] = {
    "another id": (of_json(CHAT, lambda body: body.update(id=7)), {"id is rqsty-cmpl-UUID or chatcmpl-…"}),
    "milliseconds as text": (
        of_json(CHAT, lambda body: body.update(created="2026")),
        {"created is in seconds since 1970"},
    ),
    "no usage": (
        of_json(CHAT, lambda body: body.pop("usage") and None),
        {
            "usage counts prompt, completion and total",
            "the cost is in usage.cost, or total_cost, as a number or text",
        },
    ),
    "no [DONE]": (
        of_bytes(CHAT, r"data: \[DONE\]\n\n", ""),
        {"[DONE] ends it, once", "a stream without include_usage is whole too"},
    ),
    "broken pieces": (
        of_bytes(CHAT, r'"index":0,"function":\{"arguments"', '"function":{"arguments"'),
        {"delta.tool_calls[].index is always there"},
    ),
    "no cost in streams": (
        of_bytes(CHAT, r',"cost":[^}]*\}\}\n\n', "}}\n\n"),
        {"include_usage brings the cost into a stream"},
    ),
    "a bad key is let in": (
        of_status(CHAT, 403, 200),
        {"a bad key is 403, or 401", "the key is checked before the model is looked up"},
    ),
    "an unknown model is 400": (
        of_status(CHAT, 404, 400),
        {
            "an unknown model is 404",
            "its words name provider, model or policy",
            "the router's errors have origin and message",
        },
    ),
    "errors without a message": (
        of_bytes(MESSAGES, r'"message":"Provider', '"text":"Provider'),
        {"/v1/messages refuses with error.type and error.message"},
    ),
    "a block that never begins": (
        of_bytes(MESSAGES, r"content_block_start", "content_block_begin"),
        {"a stream has Anthropic's events in their order"},
    ),
    "chat's events on responses": (
        of_bytes(RESPONSES, r"response\.created", "response.begun"),
        {"its events are response.* from response.created on"},
    ),
    "vectors out of order": (
        of_json("/v1/embeddings", lambda body: body.update(data=body["data"][::-1])),
        {"embeddings are a list in the order of the input"},
    ),
    "prices by the million": (
        of_json(
            "/v1/models",
            lambda body: (
                [entry.update(input_price=2.5) for entry in body["data"] if "policy" not in entry["id"]] and None
            ),
        ),
        {"input_price and output_price are per token: below 0.01"},
    ),
    "slashes in managed ids": (
        of_json("/v1/models/managed", lambda body: body["data"][0].update(id="a/b")),
        {"its ids have no slash"},
    ),
    "secrets in the list of keys": (
        of_json("/v1/manage/apikey", lambda body: body.get("keys") and body["keys"][0].update(api_key="rqy_x")),
        {"GET apikey lists keys without their secrets"},
    ),
    "a list instead of an object": (
        of_json("/v1/manage/group", lambda body: {"groups": {}} if "groups" in body else None),
        {"GET group lists groups"},
    ),
}


@pytest.fixture
def gateway() -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as running:
        yield running


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_server_is_contradicted_by_the_right_rows(gateway: GatewayEmulator, name: str) -> None:
    change, wanted = WRONG[name]
    with Wrong(gateway, change) as server:
        run = Verification(target_of(server, gateway.api_key), budget=PLENTY, writes=True)
        results = run.run()
    assert contradicted(results) == wanted
    shown = as_json(run, results, live=False)
    assert all(row["bytes"]["received"] for row in shown["rows"] if row["verdict"] == "contradicted")


def test_no_key_is_in_a_report(gateway: GatewayEmulator) -> None:
    def echo(where: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (
            (200, f'{{"keys": "{gateway.api_key}", "you": "{gateway.api_key}", "api_key": "s3cret"}}'.encode())
            if "/v1/m" in where
            else (status, body)
        )

    with Wrong(gateway, echo) as server:
        run = Verification(target_of(server, gateway.api_key), budget=PLENTY, writes=True)
        results = run.run()
    text = text_of(run, results, live=True) + json.dumps(as_json(run, results, live=True))
    assert contradicted(results)
    assert "REDACTED" in text
    assert gateway.api_key not in text
    assert "s3cret" not in text


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_run(gateway: GatewayEmulator, status: int) -> None:
    with pytest.raises(StepFailedError, match="the gateway refuses the key: 403 Invalid authorization token"):
        Verification(target_of(gateway, "rqy-wrong"), budget=PLENTY).run()
    with Wrong(gateway, lambda where, got, body: (status, body)) as server, pytest.raises(StepFailedError):
        Verification(target_of(server, gateway.api_key), budget=PLENTY).run()


def test_a_failing_gateway_leaves_facts_open(gateway: GatewayEmulator) -> None:
    gateway.fault(model="openai/gpt-4o-mini", status=503)
    results = Verification(target_of(gateway, gateway.api_key), budget=PLENTY).run()
    assert contradicted(results) == set()
    told = {result.told for result in results if result.row.ask == "stream"}
    assert any("the gateway answered 503" in text for text in told)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_against_a_fresh_emulator(run: Run, no_gateway: None, tmp_path: Path) -> None:
    files = [tmp_path / "report.json", tmp_path / "report.txt"]
    done = run("verify", "--budget", "0.05", *(part for file in files for part in ("--report", str(file))))
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"\d+ confirmed, 0 contradicted, \d+ not testable, \d+ not run; 0\.0\d+ of 0\.05 USD", last)
    report = json.loads(files[0].read_text())
    assert (report["live"], report["budget"]) == (False, "0.05")
    assert sum(report["counts"].values()) == len(report["rows"]) == len(ROWS)
    assert last in files[1].read_text()
    assert "an emulator on this machine, which is no gateway" in files[1].read_text()


def test_a_contradiction_is_status_1_and_shows_the_bytes(
    gateway: GatewayEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"live": True, "budget": PLENTY, "writes": False, "models": {}, "reports": []}
    with Wrong(gateway, WRONG["another id"][0]) as server:
        target = target_of(server, gateway.api_key)
        assert run_verify(target, **settings, as_json_text=False) == 1
        shown = capsys.readouterr().out
        assert '  < {"id": 7, "object": "chat.completion"' in shown
        assert "  > POST http://127.0.0.1:" in shown
        assert run_verify(target, **settings, as_json_text=True) == 1
        assert json.loads(capsys.readouterr().out)["counts"]["contradicted"] == 1


def test_live_asks_the_gateway_of_the_environment(
    run: Run, gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTY_BASE_URL", gateway.base_url)
    monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
    done = run("verify", "--live", "--json", "--model", "openai/gpt-4o")
    report = json.loads(done.stdout)
    assert (done.returncode, report["live"], report["gateway"]) == (0, True, gateway.management_url)
    assert "openai/gpt-4o" in {request.model for request in gateway.requests}
    assert gateway.api_key not in done.stdout


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("--budget much", 2, "--budget: must be an amount in USD from 0, such as 0.10, not 'much'"),
        ("--budget -1", 2, "--budget: must be"),
        ("--region eu", 2, "are for --live"),
        ("--live", 2, "no API key: set REQUESTY_API_KEY"),
        ("--report none/report.txt", 2, "--report: none/report.txt cannot be written"),
    ],
)
def test_wrong_usage_is_one_line(run: Run, no_gateway: None, line: str, status: int, told: str) -> None:
    done = run("verify", *line.split())
    assert done.returncode == status
    assert re.fullmatch(rf"requesty-adapters: .*{re.escape(told)}.*\n", done.stderr), done.stderr


def test_a_gateway_that_does_not_answer_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-any")
    done = run("verify", "--live", "--base-url", "http://127.0.0.1:1/v1")
    assert done.returncode == 1
    assert re.fullmatch(r"requesty-adapters: http://127\.0\.0\.1:1: no answer: .*\n", done.stderr)
