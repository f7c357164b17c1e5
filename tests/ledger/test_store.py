"""A store: what it refuses, what it keeps through failures, and what it writes once."""

from __future__ import annotations

import contextvars
import errno
import gc
import logging
import os
import pickle
import sqlite3
import sys
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from requesty_core import Budget, ConfigurationError, CostLedger, RequestyClient, Usage
from requesty_core.extras import MissingExtraError
from requesty_core.money.store import database, schema
from requesty_core.money.store.location import Location
from requesty_core.money.store.rows import Settlement, decode, encode, from_units, row, to_units
from requesty_core.money.store.store import Store, open_store
from requesty_core.money.store.writing import write
from requesty_emulator import GatewayEmulator

CALL: dict[str, Any] = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


def no_database(folder: Path) -> Path:
    path = folder / "text.db"
    path.write_text("This is a text, and a long one, so that nobody takes it for an empty file. " * 20)
    return path


def newer(folder: Path) -> Path:
    path = folder / "newer.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE requesty_schema (version INTEGER)")
        connection.execute("INSERT INTO requesty_schema VALUES (99)")
    connection.close()
    return path


REFUSED: list[tuple[Callable[[Path], Any], str]] = [
    (lambda _: 5, r"store: 5 is no place; give the path of an SQLite file"),
    (lambda _: b"spend.db", r"store: a bytes is no place; give the path"),
    (lambda _: " ", r"store: empty; give the path"),
    (lambda _: ":memory:", r"store: ':memory:' lasts no longer than the process; leave store out"),
    (lambda _: "sqlite://", r"store: an SQLite URL without a path; write 'sqlite:///PATH'"),
    (lambda _: "mysql://h/d", r"store: 'mysql' databases are not supported; give the path"),
    (lambda _: "postgresql://h", r"store: the URL names no database; write 'postgresql://USER@HOST/NAME'"),
    (lambda _: "postgresql://h:port/d", r"store: not a URL; write"),
    (lambda folder: folder, r"store: .* is a folder; give the path of a file in it"),
    (lambda folder: folder / "no" / "spend.db", r"store: .*spend\.db: its folder does not exist; make it first"),
    (no_database, r"store: .*text\.db: file is not a database; give the path of another file"),
    (newer, r"store: .*newer\.db has schema version 99, and this release knows up to 2; upgrade requesty-adapters"),
]


@pytest.mark.parametrize(("make", "told"), REFUSED, ids=[told[:40] for _, told in REFUSED])
def test_what_cannot_be_a_store_is_told_in_one_line_when_it_is_given(
    make: Callable[[Path], Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        CostLedger(store=make(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        CostLedger(store="postgresql://me:geheim@127.0.0.1:1/spend")
    assert str(caught.value).startswith("store: postgresql://me@127.0.0.1:1/spend: ")
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_locked_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    connection = sqlite3.connect(tmp_path / "spend.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigurationError, match=r"spend\.db: database is locked; another process holds it"):
        CostLedger(store=tmp_path / "spend.db")
    connection.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_or_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    CostLedger(store=tmp_path / "spend.db").close()
    (tmp_path / "spend.db").chmod(0o400)
    with pytest.raises(ConfigurationError, match=r"spend\.db is read-only; make it writable"):
        CostLedger(store=tmp_path / "spend.db")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="make its folder first, and both writable"):
        CostLedger(store=tmp_path / "closed" / "spend.db")


@pytest.mark.parametrize(
    ("module", "store", "error", "told"),
    [
        ("sqlalchemy", "spend.db", MissingExtraError, r"run: pip install 'requesty-adapters\[ledger\]'"),
        ("psycopg", "postgresql://h/d", ConfigurationError, r"psycopg is not installed; run: pip install 'psycopg"),
    ],
)
def test_what_is_not_installed_is_named(
    module: str, store: str, error: type[Exception], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=told):
        CostLedger(store=store)
    # Without a store nothing is needed.
    CostLedger().record("a/b", None)


def test_an_older_store_becomes_todays_and_loses_nothing(place: str) -> None:
    store = database.Database.__new__(database.Database)
    store.location = Location.of(place)
    store._engine = database._engine(store.location, make=True)
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE requesty_schema (version INTEGER NOT NULL)")
        connection.exec_driver_sql("INSERT INTO requesty_schema VALUES (1)")
        for statement in schema.MIGRATIONS[0]:
            connection.exec_driver_sql(statement)
        write(connection, [row("a/b", Usage(cost=Decimal("0.5")), at=1)])
    store.close()
    ledger = CostLedger(store=place)
    assert [(one.model, one.cost) for one in ledger.history.rows()] == [("a/b", Decimal("0.5"))]
    budget = Budget(1, store=place)
    budget.record(Usage(cost=Decimal("0.25")))
    assert budget.spent == Decimal("0.25")
    with open_store(Location.of(place)).database.reading() as connection:
        assert connection.exec_driver_sql("SELECT version FROM requesty_schema").scalar() == schema.VERSION == 2


def broken(place: str) -> Callable[[], None]:
    """Take the table away; what is returned brings it back."""
    store = open_store(Location.of(place))

    def rename(old: str, new: str) -> None:
        with store.database.writing() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    rename("requesty_attempts", "gone")
    return lambda: rename("gone", "requesty_attempts")


def test_a_store_that_fails_fails_no_call_and_gets_everything_later(
    gateway: GatewayEmulator, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = CostLedger(store=place)
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger)
    repair = broken(place)
    with caplog.at_level(logging.WARNING, "requesty"):
        for _ in range(3):
            assert client.chat(**CALL).text
        assert "".join(client.stream(**CALL).text_stream)
        assert not ledger.flush()
        assert not ledger.flush()
    assert ledger.pending == 4
    assert ledger.problem is not None
    told = [record.getMessage() for record in caplog.records if record.name == "requesty"]
    assert len(told) == 1
    assert "calls go on" in told[0]
    with pytest.raises(ConfigurationError, match=r"store: .* cannot be read: "):
        ledger.history.total()
    repair()
    assert ledger.flush()
    assert (ledger.pending, ledger.lost, ledger.problem) == (0, 0, None)
    assert ledger.history.total() == ledger.total
    assert ledger.total.cost == gateway.billed


def test_what_waits_when_a_process_ends_is_carried_over_by_the_next(place: str) -> None:
    first = CostLedger(store=place)
    repair = broken(place)
    first.record("a/b", Usage(cost=Decimal(1)))
    first.close()
    repair()
    store = Store(Location.of(place))
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM requesty_attempts").scalar() == 1
    store.close()


def test_a_full_disk_is_bridged_in_memory(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = CostLedger(store=place)
    ledger.record("a/first", None)

    def full(file: int, line: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("requesty_core.money.store.journal.os.write", full)
        ledger.record("a/second", None)
        assert "No space left" in str(ledger.problem)
        assert ledger.pending == 2
    assert ledger.flush()
    assert set(ledger.history.totals("model")) == {"a/first", "a/second"}
    assert (ledger.pending, ledger.lost, ledger.problem) == (0, 0, None)


def test_half_a_line_is_no_entry_and_hides_none(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = CostLedger(store=place)
    ledger.record("a/first", None)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr("requesty_core.money.store.journal.os.write", lambda file, line: real(file, line[:20]))
        ledger.record("a/second", None)
    ledger.record("a/third", None)
    assert ledger.flush()
    assert set(ledger.history.totals("model")) == {"a/first", "a/second", "a/third"}


def test_an_entry_is_written_once_however_often_it_is_tried(place: str) -> None:
    store = open_store(Location.of(place))
    attempt = row("a/b", Usage(cost=Decimal("0.1")), at=1)
    spent = Settlement(id="r", at=1, budget="total", period="", cost=Decimal("0.1"))
    for _ in range(3):
        store.put([attempt, spent], now=True)
    assert CostLedger(store=place).history.total().calls == 1
    assert (Budget(1, store=place).spent, Budget(1, store=place).standing.calls) == (Decimal("0.1"), 1)


def test_no_value_stops_the_others(place: str) -> None:
    ledger = CostLedger(store=place)
    odd = "nul\0 half\ud83d"
    usage = Usage(input_tokens=2**70, cost=Decimal("1e900"))
    ledger.record(odd, usage, tags=[odd, "plain"], trace_id=odd)
    ledger.record("a/b", Usage(cost=Decimal("0.000000000001")))
    ledger.record("a/free", Usage(cost=Decimal(0)))
    assert ledger.flush()
    rows = ledger.history.rows()
    assert [(one.model, one.cost) for one in rows] == [
        ("nul\ufffd half?", None),
        ("a/b", Decimal("0.000000000001")),
        ("a/free", 0),
    ]
    assert rows[0].input_tokens == 2**63 - 1
    assert ledger.lost == 0


@pytest.mark.parametrize("text", ["0", "0.00000675", "123456.789", "0.000000000001", "10", "-0.5"])
def test_amounts_come_back_as_they_were(text: str) -> None:
    units = to_units(Decimal(text))
    assert units is not None
    assert f"{from_units(units):f}" == text


@pytest.mark.parametrize("text", ["1e6", "1e900", "-1e12"])
def test_what_no_attempt_can_cost_is_unknown(text: str) -> None:
    assert to_units(Decimal(text)) is None


def test_an_entry_reads_as_it_was_written() -> None:
    attempt = row("a/b", Usage(input_tokens=3, cost=Decimal("0.5")), at=5, tags=["x"], framework="core", latency=0.25)
    assert decode(encode(attempt)) == attempt
    assert decode(encode(attempt)[:-3]) is None


def test_copies_and_pickles_book_on_the_same_store(place: str) -> None:
    ledger = CostLedger(store=place)
    assert deepcopy(ledger) is ledger
    twin = pickle.loads(pickle.dumps(ledger))
    ledger.record("a/b", None)
    twin.record("a/b", None)
    assert twin.history.total().calls == ledger.history.total().calls == 2
    assert ledger.total.calls == 1


def test_a_password_is_in_no_pickle_and_no_text(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(Location.of(place))
    secret = Location.of("postgresql://me:geheim@h/d?password=geheim")
    monkeypatch.setattr(store, "location", secret)
    with pytest.raises(ConfigurationError, match=r"postgresql://me@h/d has a password in its URL, which no pickle"):
        pickle.dumps(CostLedger(store=place))
    assert "geheim" not in repr(secret)


def test_the_thread_sees_the_callers_context(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []
    real = Store._write_batch

    def watched(self: Store) -> bool:
        if self.location.database_url == Location.of(place).database_url:
            seen.append(who.get())
        return real(self)

    monkeypatch.setattr(Store, "_write_batch", watched)
    ledger = CostLedger(store=place)
    who.set("caller")
    ledger.record("a/b", None)
    thread = ledger._store._thread  # type: ignore[union-attr]
    assert thread is not None
    thread.join(30)
    assert seen == ["caller"]
    assert ledger.pending == 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts the process's files")
def test_a_ledger_that_nobody_has_any_more_leaves_nothing_open(tmp_path: Path) -> None:
    def use() -> None:
        ledger = CostLedger(store=tmp_path / "spend.db")
        ledger.record("a/b", None)
        thread = ledger._store._thread  # type: ignore[union-attr]
        assert thread is not None
        assert ledger.flush()
        thread.join(30)

    use()
    gc.collect()
    left = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_open(name)]
    assert not [name for name in left if name.startswith(str(tmp_path))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spend.db"]


def _is_open(name: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{name}")
