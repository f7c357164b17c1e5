"""Bulk chats as their user sees them, and what was sent and billed for them."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from requesty_core import (
    AnswerFormatError,
    AsyncRequestyClient,
    AuthenticationError,
    BadRequestError,
    Budget,
    BudgetExceededError,
    BulkItem,
    ConfigurationError,
    CostLedger,
    RateLimitError,
    RequestyClient,
    ServerError,
    UnknownSettingError,
    abulk_chat,
    bulk_chat,
)
from requesty_emulator import Fault, GatewayEmulator

MODEL = "openai/gpt-4o-mini"


def prompts(gw: GatewayEmulator) -> Counter[str]:
    """How often each prompt was answered."""
    return Counter(one.body["messages"][-1]["content"] for one in gw.chat_requests if one.status == 200)


def test_every_row_is_asked_once_and_comes_in_order(gw: GatewayEmulator, client: RequestyClient) -> None:
    rows = [{"id": number, "word": f"word{number}"} for number in range(100)]
    run = bulk_chat(rows, model=MODEL, prompt="Say {word}.", system="You are {id}.", client=client, temperature=0)

    items = list(run)

    assert [item.position for item in items] == list(range(100))
    assert [item.row for item in items] == rows
    assert all(item.reply is not None and item.error is None and item.text for item in items)
    assert prompts(gw) == Counter(f"Say word{number}." for number in range(100))
    body = gw.chat_requests[0].body
    assert body["temperature"] == 0
    assert {one.body["messages"][0]["content"] for one in gw.chat_requests} == {f"You are {n}." for n in range(100)}
    report = run.report
    assert (report.answered, report.failed, report.requests, report.rows) == (100, 0, 100, 100)
    assert report.cost == gw.billed == sum((item.cost for item in items if item.cost is not None), Decimal(0))


def test_as_completed_gives_every_row_once(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(delay=0.3, nth=1)
    items = list(bulk_chat(map(str, range(40)), model=MODEL, client=client, order="completed"))

    assert items[0].position != 0, "the first row's answer was held back"
    assert sorted(item.position for item in items) == list(range(40))


async def test_rows_of_an_asynchronous_iterable(gw: GatewayEmulator) -> None:
    async def rows() -> Any:
        for number in range(30):
            yield f"row {number}"

    client = AsyncRequestyClient(api_key=gw.api_key, base_url=gw.base_url)
    async with abulk_chat(rows(), model=MODEL, client=client) as run:
        items = [item async for item in run]

    assert [item.row for item in items] == [f"row {number}" for number in range(30)]
    assert run.report.cost == gw.billed


def test_rows_are_read_in_the_callers_thread_and_only_ahead_of_the_reader(
    client: RequestyClient, tmp_path: Path
) -> None:
    base = sqlite3.connect(tmp_path / "rows.db")  # Refuses every other thread.
    base.execute("create table rows (text)")
    base.executemany("insert into rows values (?)", [(f"row {number}",) for number in range(3000)])
    read: list[int] = []

    def rows() -> Iterator[str]:
        for (text,) in base.execute("select text from rows"):
            read.append(threading.get_ident())
            yield text

    run = bulk_chat(rows(), model=MODEL, client=client, concurrency=4)
    assert [next(run).row for _ in range(10)] == [f"row {number}" for number in range(10)]
    assert set(read) == {threading.get_ident()}
    assert len(read) <= 10 + 256 + 256, "read far ahead of the reader"
    run.close()
    base.close()


def test_rows_that_come_slowly_are_asked_as_they_come(gw: GatewayEmulator, client: RequestyClient) -> None:
    handed: list[int] = []

    def rows() -> Iterator[str]:
        for number in range(5):
            # The row before was asked, and handed out to be seen, before this one comes.
            assert number == 0 or gw.wait_idle()
            assert len(gw.chat_requests) >= number - 1
            time.sleep(0.1)
            yield f"row {number}"

    for item in bulk_chat(rows(), model=MODEL, client=client):
        handed.append(item.position)
    assert handed == [0, 1, 2, 3, 4]


def test_failures_are_typed_and_do_not_stop_the_rest(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fail_next(400, message="bad row", times=1)
    gw.fail_next(503, times=2)
    rows = [f"row {number}" for number in range(40)]
    run = bulk_chat(rows, model=MODEL, client=client, concurrency=1)

    items = list(run)

    assert [item.row for item in items] == rows
    assert [type(item.error) for item in items if item.error is not None] == [BadRequestError]
    assert (run.report.failed, run.report.throttled, run.report.requests) == (1, 2, 42)
    assert run.report.cost == gw.billed


def test_other_failures_are_repeated_as_often_as_the_client_would(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fail_next(500, times=3)
    (item,) = bulk_chat(["row"], model=MODEL, client=client, max_retries=2)
    assert type(item.error) is ServerError
    assert [(one.number, one.status) for one in item.attempts] == [(1, 500), (2, 500), (3, 500)]


def test_a_row_that_asks_nothing_is_told_and_not_sent(gw: GatewayEmulator, client: RequestyClient) -> None:
    rows = [{"text": "a"}, {"other": 1}, {"text": None}, {"text": "b"}]
    items = list(bulk_chat(rows, model=MODEL, prompt="Say {text}", client=client))

    assert [str(item.error) if item.error else None for item in items] == [
        None,
        "prompt: the row has no column 'text', but other",
        "prompt: the column 'text' of the row is empty",
        None,
    ]
    assert len(gw.chat_requests) == 2


def test_too_many_requests_hold_everything_back(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fail_next(429, retry_after=1, times=1)
    items = list(bulk_chat(map(str, range(60)), model=MODEL, client=client, concurrency=8))

    assert all(item.error is None for item in items)
    refused = next(one for one in gw.chat_requests if one.status == 429)
    assert refused.finished is not None
    # Those under way at the moment may have been received after it; all others come a second later.
    later = [one for one in gw.chat_requests if one.started > refused.finished + 0.2]
    assert later
    assert min(one.started for one in later) >= refused.finished + 0.95


def test_refusals_are_borne_beyond_max_retries_while_others_are_answered(
    gw: GatewayEmulator, client: RequestyClient
) -> None:
    gw.fail_next(429, times=30)
    run = bulk_chat(map(str, range(50)), model=MODEL, client=client, max_retries=0)

    assert [item.error for item in run] == [None] * 50
    assert run.report.throttled == 30
    assert run.report.requests == 80


def test_refusals_without_an_answer_are_borne_for_a_while_only(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(status=429)
    items = list(bulk_chat(["a", "b"], model=MODEL, client=client, patience=0.2))
    assert [type(item.error) for item in items] == [RateLimitError, RateLimitError]


def test_a_longer_wait_than_is_granted_ends_the_run(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(status=429, retry_after=600)
    run = bulk_chat(map(str, range(1000)), model=MODEL, client=client, concurrency=4)
    with pytest.raises(RateLimitError):
        list(run)
    assert len(gw.chat_requests) <= 4

    # It is not held against a run that begins later.
    gw.reset()
    client = RequestyClient(api_key=gw.api_key, base_url=gw.base_url)
    assert [item.error for item in bulk_chat(["a"], model=MODEL, client=client)] == [None]


@pytest.mark.parametrize("status", [401, 402, 412])
def test_what_every_request_would_get_ends_the_run(gw: GatewayEmulator, client: RequestyClient, status: int) -> None:
    gw.fault(status=status, nth=5)
    gw.fault(status=status, nth=6)
    run = bulk_chat(map(str, range(1000)), model=MODEL, client=client, concurrency=2)
    got: list[BulkItem] = []
    with pytest.raises(Exception) as raised:
        got.extend(run)
    assert raised.value.status == status  # type: ignore[attr-defined]
    # What was settled before has been handed out.
    assert len(got) == sum(one.status == 200 for one in gw.chat_requests) >= 4
    assert len(gw.chat_requests) < 20


def test_nothing_but_failures_ends_the_run(gw: GatewayEmulator, client: RequestyClient) -> None:
    run = bulk_chat(map(str, range(10_000)), model="openai/no-such-model", client=client, concurrency=4)
    with pytest.raises(Exception, match="no-such-model"):
        list(run)
    assert len(gw.chat_requests) <= 30


def test_bad_rows_do_not_end_a_run_that_works(gw: GatewayEmulator, client: RequestyClient) -> None:
    rows = ["good", *[{"no": "text"}] * 100, "good"]
    items = list(bulk_chat(rows, model=MODEL, client=client, concurrency=1))
    assert sum(item.error is not None for item in items) == 100
    assert items[-1].error is None

    with pytest.raises(ConfigurationError, match="prompt: the row is no text"):
        list(bulk_chat([{"no": "text"}] * 1000, model=MODEL, client=client))
    assert len(gw.chat_requests) == 2


def test_a_chain_falls_back_within_a_row(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(model=MODEL, status=500)
    other = "anthropic/claude-sonnet-4-5"
    items = list(bulk_chat(["a", "b", "c"], model=MODEL, client=client, fallbacks=[other]))
    assert [item.error for item in items] == [None, None, None]
    assert {item.reply.requested_model for item in items if item.reply} == {other}


def test_the_runs_budget_beside_the_clients(gw: GatewayEmulator) -> None:
    own, ledger = Budget(100), CostLedger()
    client = RequestyClient(api_key=gw.api_key, base_url=gw.base_url, budget=own, ledger=ledger)
    one = bulk_chat(["row"], model=MODEL, client=client)
    cost = next(one).cost
    assert cost is not None
    one.close()

    run = bulk_chat(["row"] * 500, model=MODEL, client=client, budget=Budget(cost * 20), concurrency=16)
    got: list[BulkItem] = []
    with pytest.raises(BudgetExceededError):
        got.extend(run)
    # No further above the limit than one request, and what was paid has been handed out.
    assert 20 <= len(got) <= 21
    assert all(item.error is None for item in got)
    assert run.report.cost == cost * len(got)
    assert own.spent == ledger.total.cost == gw.billed


@dataclass
class Label:
    """A class to answer by."""

    text: str
    good: bool


def test_answers_by_a_class_and_by_a_schema(gw: GatewayEmulator, client: RequestyClient) -> None:
    items = list(bulk_chat(["a", "b"], model=MODEL, client=client, schema=Label))
    assert all(isinstance(item.value, Label) for item in items)
    sent = gw.chat_requests[0].body["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "Label", True)

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (item,) = bulk_chat(["a"], model=MODEL, client=client, schema=schema)
    assert isinstance(item.value["n"], int)


def test_an_answer_that_does_not_fit_was_billed_and_is_not_asked_again(
    gw: GatewayEmulator, client: RequestyClient, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    gw.say('{"text": 3}')
    gw.say("no JSON")
    run = bulk_chat(["a", "b"], model=MODEL, client=client, schema=Label, checkpoint=path, concurrency=1)
    items = list(run)
    assert [type(item.error) for item in items] == [AnswerFormatError, AnswerFormatError]
    assert [item.text for item in items] == ['{"text": 3}', "no JSON"]
    assert run.report.cost == gw.billed > 0

    again = bulk_chat(["a", "b"], model=MODEL, client=client, schema=Label, checkpoint=path)
    assert [(item.resumed, str(item.error)) for item in again] == [(True, str(item.error)) for item in items]
    assert len(gw.chat_requests) == 2

    asked = bulk_chat(["a", "b"], model=MODEL, client=client, schema=Label, checkpoint=path, ask_again=True)
    assert [item.error for item in asked] == [None, None]
    assert len(gw.chat_requests) == 4
    settled = bulk_chat(["a", "b"], model=MODEL, client=client, schema=Label, checkpoint=path)
    assert [item.resumed for item in settled] == [True, True]
    assert len(gw.chat_requests) == 4


def test_stop_settles_what_is_under_way(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(delay=0.05)
    run = bulk_chat(map(str, range(1000)), model=MODEL, client=client, concurrency=8)
    items = [next(run)]
    run.stop()
    items += run
    assert gw.wait_idle()
    assert len(items) == len(gw.chat_requests) < 100
    assert all(item.error is None for item in items)


def test_leaving_ends_it(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(delay=0.05)
    before = {thread.name for thread in threading.enumerate()}
    with bulk_chat(map(str, range(1000)), model=MODEL, client=client, concurrency=8) as run:
        next(run)
    assert gw.wait_idle()
    sent = len(gw.chat_requests)
    time.sleep(0.1)
    assert len(gw.chat_requests) == sent < 100
    assert list(run) == []
    assert {thread.name for thread in threading.enumerate()} <= before


def test_an_error_of_the_source_comes_after_what_was_settled(gw: GatewayEmulator, client: RequestyClient) -> None:
    def rows() -> Iterator[str]:
        yield from map(str, range(5))
        raise LookupError("the source is broken")

    got: list[BulkItem] = []
    with pytest.raises(LookupError, match="the source is broken"):
        got.extend(bulk_chat(rows(), model=MODEL, client=client))
    # What was under way at that moment is settled; what was not sent is not.
    assert len(got) == len([one for one in gw.chat_requests if one.status == 200])


def test_two_runs_of_a_process_share_the_limit(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fault(delay=0.3)
    # A model that no other test asks: as long as a run of one is in memory, the limit is what that run left.
    model = "openai/gpt-4.1-nano"
    runs = [bulk_chat(map(str, range(40)), model=model, client=client, order="completed") for _ in range(3)]
    items: list[int] = []
    threads = [threading.Thread(target=lambda run=run: items.append(len(list(run)))) for run in runs]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert items == [40, 40, 40]
    # Before any answer can be out no more than the limit begins with, of all three together.
    first = min(one.started for one in gw.chat_requests) + 0.29
    assert 1 <= sum(one.started < first for one in gw.chat_requests) <= 8


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"temprature": 1}, "temprature"),
    ({"concurrency": 0}, "concurrency: 0 is too small; give 1 or more"),
    ({"order": "sorted"}, "order: 'sorted' is unknown; give 'input' or 'completed'"),
    ({"budget": 1.0}, "budget: 1.0 is not a budget; give Budget(1.0)"),
    ({"messages": []}, "messages: is made for each row; give prompt=, or rows that are messages"),
    ({"stream": True}, "stream: is made for each row; leave it out"),
    ({"schema": 3}, "schema: 3 is no schema; give a JSON schema, a pydantic model"),
    ({"schema": Label, "response_format": {}}, "response_format: is made for each row"),
    ({"prompt": "a {"}, "prompt: a brace that belongs to no column, at 2; write {{ and }} for braces"),
    ({"prompt": 3}, "prompt: 3 is neither a text nor a function"),
    ({"system": 3}, "system: 3 is not a text"),
    ({"client": "x"}, "client: 'x' is no client; give RequestyClient(…) or AsyncRequestyClient(…)"),
    ({"max_retries": -1}, "max_retries"),
    ({"patience": "long"}, "patience"),
]


@pytest.mark.parametrize(("given", "line"), WRONG, ids=[next(iter(given)) for given, _ in WRONG])
def test_wrong_arguments_are_told_before_anything_is_sent(
    gw: GatewayEmulator, client: RequestyClient, given: dict[str, Any], line: str
) -> None:
    with pytest.raises((ConfigurationError, UnknownSettingError)) as raised:
        bulk_chat(["a"], **{"model": MODEL, "client": client, **given})
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)
    assert gw.requests == []


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("no/such/file.jsonl", "rows: no/such/file.jsonl cannot be read: No such file or directory"),
        ("rows.xlsx", "rows: rows.xlsx has no known ending; give one of .jsonl, .ndjson, .csv, .tsv, .parquet"),
        ({"a": 1}, "rows: {'a': 1} is no table of rows; give an iterable"),
        (3, "rows: 3 has no rows; give an iterable"),
    ],
)
def test_wrong_rows(client: RequestyClient, rows: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        bulk_chat(rows, model=MODEL, client=client)
    assert line in str(raised.value)


def test_a_wrong_key_is_told_once(gw: GatewayEmulator) -> None:
    client = RequestyClient(api_key="rqsty-sk-wrong-key", base_url=gw.base_url)
    with pytest.raises(AuthenticationError):
        list(bulk_chat(map(str, range(100)), model=MODEL, client=client, concurrency=4))
    assert len(gw.requests) <= 4


def test_a_clients_own_transport_is_used_or_refused(gw: GatewayEmulator) -> None:
    import httpx

    seen: list[str] = []

    class Transport(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(json.loads(request.content)["model"])
            return await super().handle_async_request(request)

    client = AsyncRequestyClient(api_key=gw.api_key, base_url=gw.base_url, transport=Transport())
    assert len(list(bulk_chat(["a"], model=MODEL, client=client, budget=Budget(1)))) == 1
    assert seen == [MODEL]

    sync = RequestyClient(api_key=gw.api_key, base_url=gw.base_url, transport=httpx.HTTPTransport())
    with pytest.raises(ConfigurationError, match="its own transport is synchronous"):
        bulk_chat(["a"], model=MODEL, client=sync)


def test_a_fault_within_the_answer_is_repeated(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fail_next(fault=Fault(malformed_json=True), times=2)
    items = list(bulk_chat(["a"], model=MODEL, client=client))
    assert items[0].error is None
    assert len(items[0].attempts) == 3
