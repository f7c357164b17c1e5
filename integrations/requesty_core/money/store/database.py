"""The database behind a store, by way of SQLAlchemy: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, cast

from requesty_core.errors import ConfigurationError
from requesty_core.extras import extra_missing

from .location import Location
from .schema import steps_from

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Database", "failure", "within"]

BUSY_SECONDS = 5.0
"""How long a write waits for those of other processes."""

CONNECT_SECONDS = 10

ANSWER_SECONDS = 6.0
"""How long a write waits for a server; longer than for a lock, which the server tells of itself."""

T = TypeVar("T")

_MIGRATING = 0x7265_7175
"""PostgreSQL's advisory lock under which the tables are made."""

_inherited: list[Any] = []
"""Connections of the process that forked this one: neither used nor closed here."""


class Database:
    """Connections to a store. Raises :class:`ConfigurationError` in one line where it cannot be used.

    Args:
        location: where it is.
        make: whether a file that does not exist is made.
    """

    def __init__(self, location: Location, *, make: bool = True) -> None:
        self.location = location
        self._engine = _engine(location, make=make)
        try:
            with self.writing() as connection:
                self._migrate(connection)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 -- drivers raise what they like; it is told in one line
            raise ConfigurationError(f"store: {location.shown}: {failure(error)}") from None

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite."""
        return self.location.path is not None

    @contextlib.contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction that no other writer comes between, committed at the end of the block."""
        with self._engine.connect() as connection:
            if self.is_file:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    @contextlib.contextmanager
    def reading(self) -> Generator[Connection]:
        """A view of one moment."""
        with self._engine.connect() as connection:
            if self.is_file:
                connection.exec_driver_sql("BEGIN")
            yield connection

    def _migrate(self, connection: Connection) -> None:
        if not self.is_file:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS requesty_schema (version INTEGER NOT NULL)")
        found = connection.exec_driver_sql("SELECT max(version) FROM requesty_schema").scalar()
        statements = steps_from(found or 0, self.location.shown)
        for statement in statements:
            connection.exec_driver_sql(statement)
        if statements:
            from .schema import VERSION

            connection.exec_driver_sql("DELETE FROM requesty_schema")
            connection.exec_driver_sql(f"INSERT INTO requesty_schema (version) VALUES ({VERSION})")

    def close(self) -> None:
        """Close the connections; the next use makes new ones."""
        self._engine.dispose()

    def forked(self) -> None:
        """In a child: its parent's connections are the parent's."""
        _inherited.append(self._engine)
        self._engine = _engine(self.location, make=True)


def within(database: Database, work: Callable[[], T]) -> T:
    """What ``work`` returns. A server that does not answer is left after a while, and raises ``TimeoutError``.

    A driver may wait for ever for a server that was stopped, so that work with one is done in a thread of its own. What
    comes of it later does no harm: every entry has an id, and a reservation expires.
    """
    if database.is_file:
        return work()
    ended: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            ended.put((work(), None))
        except BaseException as error:  # noqa: BLE001 -- raised where it is waited for
            ended.put((None, error))

    threading.Thread(target=copy_context().run, args=(run,), name="requesty-ledger-server", daemon=True).start()
    try:
        found, error = ended.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS:g} s") from None
    if error is not None:
        raise error
    return cast("T", found)


def failure(error: BaseException) -> str:
    """What a driver's error says, in one line without its statement or a URL."""
    text = str(getattr(error, "orig", None) or error).strip()
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    advice = {
        "database is locked": "another process holds it; end that one, or wait",
        "file is not a database": "give the path of another file",
        "readonly database": "make the file and its folder writable",
        "unable to open database file": "make its folder first, and both writable",
    }
    return next((f"{first}; {what}" for words, what in advice.items() if words in first), first)


def _engine(location: Location, *, make: bool) -> Engine:
    try:
        import sqlalchemy
    except ModuleNotFoundError as error:
        raise extra_missing(error, "ledger") from None
    if location.path is None:
        try:
            import psycopg  # noqa: F401
        except ModuleNotFoundError:
            raise ConfigurationError(
                f"store: {location.shown}: psycopg is not installed; run: pip install 'psycopg[binary]'"
            ) from None
        arguments: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": CONNECT_SECONDS * 1000,
        }
        engine = _checked(location, pool_pre_ping=True, pool_size=2, connect_args=arguments)
        sqlalchemy.event.listen(engine, "connect", _limit_waits)
        return engine
    _check_file(location, make=make)
    engine = _checked(location, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    sqlalchemy.event.listen(engine, "connect", _prepare)
    return engine


def _checked(location: Location, **options: Any) -> Engine:
    import sqlalchemy

    try:
        if location.path is not None:
            url: Any = sqlalchemy.URL.create("sqlite", database=str(location.path))
        else:
            url = sqlalchemy.make_url(location.database_url)
        return sqlalchemy.create_engine(url, **options)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ConfigurationError(f"store: {location.shown} is not a URL that connects to a database") from None


def _check_file(location: Location, *, make: bool) -> None:
    path = location.path
    assert path is not None
    if path.is_dir():
        raise ConfigurationError(f"store: {location.shown} is a folder; give the path of a file in it")
    if path.exists() and not os.access(path, os.W_OK):
        raise ConfigurationError(f"store: {location.shown} is read-only; make it writable")
    if not path.parent.is_dir():
        raise ConfigurationError(f"store: {location.shown}: its folder does not exist; make it first")
    if not make and not path.exists():
        raise ConfigurationError(f"store: {location.shown} does not exist; give the ledger that the clients write")


def _limit_waits(connection: Any, record: object) -> None:
    # A process that was stopped within a transaction holds up nobody for longer.
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS:g}s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
    connection.commit()


def _prepare(connection: Any, record: object) -> None:
    # Transactions are begun by hand: the driver's own way cannot take the lock for writing at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        # Readers and one writer do not wait for each other; a killed process loses nothing of what was committed.
        _wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
    finally:
        cursor.close()


def _wal(cursor: Any) -> None:
    """Turn the file's write-ahead log on; here alone SQLite does not wait for other processes by itself."""
    import sqlite3

    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return
