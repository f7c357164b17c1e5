"""What decides without IO: the order of rows, the limit of requests, what is repeated; and how rows are read."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from requesty_core import (
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    ConnectionFailedError,
    RateLimitError,
    RequestyError,
    RetryPolicy,
)
from requesty_core.bulk.decisions import Rules
from requesty_core.bulk.jobs import Asked, EmbedJob, Outcome
from requesty_core.bulk.limiter import Limiter, Ticket
from requesty_core.bulk.prompts import messages_maker, text_maker
from requesty_core.bulk.rows import Row, read_rows
from requesty_core.bulk.run import BulkState
from requesty_ray.limits import ClusterLimit

ERRORS = (
    BadRequestError("bad", status=400),
    ConnectionFailedError("gone"),
    RateLimitError("slow down", status=429),
    BudgetExceededError("spent"),
)


def state(order: str, batch: int, window: int, **rules: Any) -> BulkState:
    job = EmbedJob("m", text_maker(None), {}, batch_size=batch)
    told = {"max_retries": 2, "patience": 50.0, "streak": 1_000, "retry": RetryPolicy(base=1, cap=2), **rules}
    made = Rules(order=order, most=4, window=window, **told)  # type: ignore[arg-type]
    return BulkState(job, made, None, now=0.0, shared=lambda: False, random=random.Random(0))


@given(
    count=st.integers(0, 60),
    order=st.sampled_from(["input", "completed"]),
    batch=st.integers(1, 7),
    window=st.integers(7, 40),
    seed=st.integers(0, 10**6),
)
def test_whatever_happens_every_row_comes_once(count: int, order: str, batch: int, window: int, seed: int) -> None:
    """A run against a provider that answers, refuses and fails at random, in any order of events."""
    dice, now = random.Random(seed), 0.0
    run = state(order, batch, window)
    rows, out, flying = iter(range(count)), [], []
    for _ in range(100_000):
        now += 0.1
        if dice.random() < 0.7 and run.has_room and not run.all_read:
            position = next(rows, None)
            if position is None:
                run.all_read = True
            else:
                problem = "is broken" if dice.random() < 0.05 else None
                run.add(Row(position, f"row {position}", problem=problem))
        if len(flying) < 4 and run.ready(now):
            unit = run.take(now)
            assert 1 <= len(unit.tasks) <= batch
            flying.append(unit)
        if flying and dice.random() < 0.5:
            unit = flying.pop(dice.randrange(len(flying)))
            # An error of the budget comes while others are under way only, or the run would end.
            shared = dice.choice(ERRORS if flying else ERRORS[:3])
            outcomes = [Outcome(vector=[1.0]) if dice.random() < 0.6 else Outcome(error=shared) for _ in unit.tasks]
            run.report(unit, Asked(outcomes, ()), now)
        if dice.random() < 0.5:
            item = run.pop()
            if item is not None:
                out.append(item)
        assert run._read - run._outbox.handed <= window
        if run.all_read and run.is_quiet and not flying:
            break
    while (item := run.pop()) is not None:
        out.append(item)

    assert run.end is None
    positions = [item.position for item in out]
    assert Counter(positions) == Counter(range(count))
    if order == "input":
        assert positions == sorted(positions)
    assert all((item.vector is None) == (item.error is not None) for item in out)
    assert all(
        isinstance(item.error, (BadRequestError, ConnectionFailedError, ConfigurationError))
        for item in out
        if item.error
    )
    assert run.tally.answered + run.tally.failed + run.tally.unreadable == count


def test_a_budget_waits_for_those_under_way_and_ends_without_them() -> None:
    run = state("input", 1, 10)
    for position in range(3):
        run.add(Row(position, "a"))
    first, second = run.take(0), run.take(0)
    run.report(second, Asked([Outcome(error=ERRORS[3])], ()), 0)
    assert not run.ready(0), "sent although it did not fit"
    run.report(first, Asked([Outcome(vector=[1.0])], ()), 0)
    assert run.ready(0)
    third = run.take(0)
    run.report(third, Asked([Outcome(error=ERRORS[3])], ()), 0)
    assert run.end is ERRORS[3]
    assert not run.ready(99)


# --- The limit --------------------------------------------------------------------------------------------------------


def full(limiter: Limiter, now: float = 0.0) -> list[Ticket]:
    tickets = []
    while (ticket := limiter.enter("me", now, lambda: None)) is not None:
        tickets.append(ticket)
    return tickets


def test_the_limit_doubles_until_it_is_too_much_then_grows_by_one() -> None:
    limiter = Limiter()
    tickets = full(limiter)
    sizes = []
    for _ in range(6):
        sizes.append(limiter.limit)
        # Each answer makes room for the next request at once, as in a run.
        for ticket in tickets:
            limiter.answered(ticket, most=1000)
            tickets = [*tickets[1:], *full(limiter)]
    assert sizes == [8, 16, 32, 64, 128, 256]
    for ticket in tickets[:100]:
        limiter.refused(ticket, 0.0, None)
    halved = limiter.limit
    assert halved == 256, "a round of refusals halves it once"
    tickets = tickets[100:]
    for ticket in tickets:
        limiter.answered(ticket, most=1000)
    assert limiter.limit <= halved + 2


def test_a_wait_holds_everything_back_and_somebody_is_told_when_it_is_worth_asking() -> None:
    limiter, woken = Limiter(), []
    (first, *_) = full(limiter)
    assert limiter.enter("other", 0.0, lambda: woken.append("other")) is None
    limiter.refused(first, 10.0, 5.0)
    assert woken == ["other"]
    assert limiter.enter("me", 14.9, lambda: None) is None
    assert limiter.held_back(12.0) == 3.0


@given(st.lists(st.sampled_from(["answered", "refused", "left"]), max_size=300), st.integers(1, 50))
def test_the_limit_is_never_below_one_nor_above_what_was_asked(events: list[str], most: int) -> None:
    limiter = Limiter()
    tickets: list[Ticket] = []
    for event in events:
        tickets += full(limiter)
        ticket = tickets.pop()
        if event == "answered":
            limiter.answered(ticket, most=most)
        elif event == "refused":
            limiter.refused(ticket, 0.0, None)
        else:
            limiter.leave(ticket, most=most)
        assert 1 <= limiter.limit <= max(8, most)
        assert limiter.under_way == len(tickets)


def test_workers_of_a_cluster_share_what_the_provider_bears() -> None:
    limit = ClusterLimit(32)
    assert limit.report("a", 30, 0, 0.0, 0.0).most == 32
    assert limit.report("b", 30, 0, 0.0, 0.0).most == 32
    refused = limit.report("a", 30, 5, 2.0, 1.0)
    assert (refused.most, refused.hold) == (15, 2.0)
    assert limit.report("b", 30, 5, 0.0, 1.1) == type(refused)(15, pytest.approx(1.9))
    assert limit.report("b", 15, 0, 0.0, 2.2).most >= 16
    # One that ended leaves its share to the others.
    assert limit.report("a", 15, 0, 0.0, 20.0).most == 32


# --- Rows and what they ask -------------------------------------------------------------------------------------------

ROWS = [{"id": 1, "text": 'a, "b"\nc'}, {"id": 2, "text": "ü"}]


def test_rows_of_every_kind_of_source(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "bom.jsonl").write_text("\n" + lines, encoding="utf-8-sig")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    table = pyarrow.Table.from_pylist(ROWS)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    frame = pandas.DataFrame(ROWS)
    for source in (
        ROWS,
        iter(ROWS),
        *(tmp_path / name for name in ("a.jsonl", "bom.jsonl", "a.jsonl.gz", "a.parquet")),
        str(tmp_path / "a.jsonl"),
        table,
        table.to_batches()[0],
        frame,
    ):
        assert [(row.position, row.value) for row in read_rows(source)] == list(enumerate(ROWS))

    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["id", "text"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(ROWS)
        read = list(read_rows(tmp_path / name))
        assert [row.value for row in read] == [{**row, "id": str(row["id"])} for row in ROWS]
        assert [row.line for row in read] == [2, 4]

    assert [row.value for row in read_rows(pandas.DataFrame({"a": [1.0, None], "b": ["x", None]}))] == [
        {"a": 1.0, "b": "x"},
        {"a": None, "b": None},
    ]


def test_rows_that_cannot_be_read_are_named_by_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n\n{"a": \n\xff\n[1,2]\n{"a": 2}')
    read = list(read_rows(tmp_path / "a.jsonl"))
    assert [(row.line, row.problem is None) for row in read] == [
        (1, True),
        (3, False),
        (4, False),
        (5, True),
        (6, True),
    ]
    assert [row.position for row in read] == [0, 1, 2, 3, 4]

    (tmp_path / "a.csv").write_bytes(b'id,text\n1,a\n2\n3,b,c\n\n4,\xff\n5,"b\n')
    problems = {row.line: row.problem for row in read_rows(tmp_path / "a.csv")}
    assert problems[2] is None
    assert problems[3] == "has 1 columns, the header has 2"
    assert problems[4] == "has 3 columns, the header has 2"
    assert problems[6] == "is not UTF-8"


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.csv", b"a,b,a\n1,2,3\n", "rows: the column 'a' is in the header twice; rename one"),
        ("a.parquet", b"no parquet", "rows: a.parquet is no Parquet file ("),
        ("a.parquet.gz", b"", "rows: a.parquet.gz has no known ending"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, line: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        list(read_rows(tmp_path / name))
    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("prompt", "row", "content"),
    [
        (None, "hello", "hello"),
        (None, {"prompt": "hello"}, "hello"),
        ("Say {text}", "hello", "Say hello"),
        ("{a}-{ b }", {"a": 1, "b": Decimal("1.50")}, "1-1.50"),
        ('{{"a": {a}}}', {"a": "{b}"}, '{"a": {b}}'),
        (lambda row: row["a"] * 2, {"a": "x"}, "xx"),
    ],
)
def test_what_a_row_asks(prompt: Any, row: Any, content: str) -> None:
    assert list(messages_maker(prompt, None)(row)) == [{"role": "user", "content": content}]


def test_messages_are_taken_as_they_are_and_a_system_message_comes_first() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    for row in (turns, {"messages": turns}):
        assert list(messages_maker(None, None)(row)) == turns
    system = {"role": "system", "content": "Be brief."}
    assert list(messages_maker(None, "Be brief.")(turns)) == [system, *turns]


@pytest.mark.parametrize("row", [3, {}, [], {"messages": []}, {"prompt": None}, [1]])
def test_a_row_that_asks_nothing(row: Any) -> None:
    with pytest.raises(RequestyError, match=r"^prompt: "):
        messages_maker(None, None)(row)
