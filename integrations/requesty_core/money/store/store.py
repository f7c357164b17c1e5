"""A store: its journal in front, its database behind, and the thread that carries entries from one to the other."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from requesty_core.errors import ConfigurationError
from requesty_core.lifetime import made_thread

from .carrying import adopt, transaction, write_lines
from .database import BUSY_SECONDS, Database, failure, within
from .journal import Journal
from .location import Location
from .rows import Entry, encode

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Store", "open_store"]

DELAY = 0.5
"""Seconds for which the thread gathers entries before it writes them in one transaction."""

LONGEST_PAUSE = 10.0
"""Seconds between two tries while the database cannot be written."""

LAST_SECONDS = 5.0
"""How long the end of a process waits for its entries to be written; those left over are in the journal."""

_BATCH = 256 * 1024
_MANY = 200
_AWAY_SECONDS = 2.0
_MOST_SPILLED = 10_000

T = TypeVar("T")

_log = logging.getLogger("requesty")


class Store:
    """Where entries last. Safe for threads and forks; ``open_store`` makes one for each place and process.

    Args:
        location: where it is.
        make: whether a file that does not exist is made.
    """

    def __init__(self, location: Location, *, make: bool = True) -> None:
        self.location = location
        self.database = Database(location, make=make)
        _check_journal(location)
        self._journal = Journal(location.journal)
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._spilled: deque[bytes] = deque()
        self._waiting = 0
        self._hurry = threading.Event()
        self._is_owed = False
        self.lost = 0
        """Entries that neither the database nor the journal nor memory could take."""
        self.problem: str | None = None
        """Why the last try to write failed; ``None`` after one that did not."""
        self._is_held = False
        self._failed = 0.0
        adopt(location, self.database)
        _stores.add(self)
        # The thread holds the store as long as anything waits: whoever is collected has nothing left to write.
        weakref.finalize(self, _discard, self._journal, self.database).atexit = False

    @property
    def pending(self) -> int:
        """Entries that the database does not have yet."""
        return self._waiting

    def put(self, entries: Iterable[Entry], *, now: bool = False) -> None:
        """Keep entries. They are in the journal when this returns, and in the database soon; with ``now`` at once.

        On an event loop, which must not stand still, the thread does at once what would have to be waited for.
        Never raises for what is wrong with the store: that is logged, and tried again.
        """
        lines = [encode(entry) + b"\n" for entry in entries]
        with self._lock:
            for line in lines:
                self._keep(line)
        # While the database is away, no call waits for it.
        if now and not self._is_away:
            if _is_on_loop():
                self._is_owed = True
                self._hurry.set()
            else:
                self._attempt(BUSY_SECONDS)
        self._wake()

    def _keep(self, line: bytes) -> None:
        try:
            self._journal.append(line)
        except OSError as error:
            self._tell(f"its journal: {error}")
            if len(self._spilled) >= _MOST_SPILLED:
                self.lost += 1
                return
            self._spilled.append(line)
        self._waiting += 1

    def _wake(self) -> None:
        with self._lock:
            if self._thread is not None or not self._waiting:
                return
            self._thread = thread = made_thread(_carry, self, name="requesty-ledger")
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending; what is left is in the journal.
            self._thread = None

    def flush(self, timeout: float = LAST_SECONDS) -> bool:
        """Write what is pending, now; whether nothing is left."""
        until = time.monotonic() + timeout
        while self._waiting:
            if not self._attempt(max(until - time.monotonic(), 0.0)) or time.monotonic() >= until:
                break
        return not self._waiting

    def _attempt(self, timeout: float = -1) -> bool:
        """Write one batch; whether the database took it."""
        if not self._write_lock.acquire(timeout=timeout):
            return False
        try:
            return self._write_batch()
        finally:
            self._write_lock.release()

    def _write_batch(self) -> bool:
        with self._lock:
            spilled = list(self._spilled)
            try:
                lines = self._journal.unread(_BATCH)
            except OSError as error:
                self._tell(f"its journal: {error}")
                return False
        rejected = 0
        try:
            rejected = within(self.database, lambda: write_lines(self.database, [*lines, *spilled]))
        except Exception as error:  # noqa: BLE001 -- whatever a driver raises, the call that was paid goes on
            self._tell(failure(error))
            return False
        with self._lock:
            self.lost += rejected
            for _ in spilled:
                self._spilled.popleft()
            try:
                self._journal.take(lines)
            except OSError as error:
                # They are written again, to no effect.
                self._tell(f"its journal: {error}")
            self._waiting -= len(lines) + len(spilled)
            self._is_owed = self._is_owed and self._waiting > 0
            if self.problem is not None:
                self.problem = None
                _log.warning("ledger: %s is written again", self.location.shown)
        return True

    @property
    def _is_away(self) -> bool:
        """Whether the database failed when it was last tried; the thread tries again, and no call waits for that."""
        if self.problem is None:
            return False
        return self._thread is not None or time.monotonic() - self._failed < _AWAY_SECONDS

    def transact(self, work: Callable[[Connection], T]) -> T | None:
        """What ``work`` returns, done in one transaction for writing; ``None`` if the database cannot be written."""
        if self._is_away or not self._write_lock.acquire(timeout=BUSY_SECONDS):
            return None
        try:
            # What was settled and not waited for comes before what is decided by it.
            while self._is_owed:
                if not self._write_batch():
                    return None
            return within(self.database, lambda: transaction(self.database, work))
        except Exception as error:  # noqa: BLE001 -- whatever a driver raises, the call that is to be made goes on
            self._tell(failure(error))
            return None
        finally:
            self._write_lock.release()

    def _tell(self, problem: str) -> None:
        self._failed = time.monotonic()
        if self.problem is None:
            _log.warning(
                "ledger: %s cannot be written (%s); %d entries wait, calls go on",
                self.location.shown,
                problem,
                self._waiting,
            )
        self.problem = problem

    def read(self, work: Callable[[Database], T]) -> T:
        """What ``work`` finds in the database, with what is pending written first if that is possible.

        Workers of a pool end without a word: what they left in their journals is carried over as well.
        """
        self.flush()
        adopt(self.location, self.database)
        try:
            return work(self.database)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 -- drivers raise what they like; it is told in one line
            raise ConfigurationError(f"store: {self.location.shown} cannot be read: {failure(error)}") from None

    def close(self) -> None:
        """Write what is pending and let go of files and connections; the next entry makes them again."""
        if self._waiting:
            self.flush()
        with self._write_lock, self._lock:
            self._journal.close()
            self._waiting = len(self._spilled)
        self.database.close()

    def hold(self) -> None:
        """Before a fork: nothing is half done in the child."""
        self._is_held = self._write_lock.acquire(timeout=LAST_SECONDS)
        self._lock.acquire()

    def let_go(self, *, in_child: bool) -> None:
        """After a fork."""
        if in_child:
            # Entries, thread and connections belong to the parent.
            self._lock, self._write_lock = threading.Lock(), threading.Lock()
            self._thread, self._waiting = None, 0
            self._hurry, self._is_owed = threading.Event(), False
            self._spilled.clear()
            self._journal.forget()
            self.database.forked()
            return
        self._lock.release()
        if self._is_held:
            self._write_lock.release()


def _carry(store: Store) -> None:
    """The thread: it gathers and writes, and ends after a while in which nothing came."""
    pause = DELAY
    while True:
        store._hurry.wait(pause)
        store._hurry.clear()
        with store._lock:
            if not store._waiting or store._thread is not threading.current_thread():
                store._thread = None
                return
        if store._attempt():
            pause = DELAY if store._waiting < _MANY else 0.0
        else:
            pause = min(max(pause * 2, 1.0), LONGEST_PAUSE)


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _discard(journal: Journal, database: Database) -> None:
    journal.close()
    database.close()


def _check_journal(location: Location) -> None:
    """Raise :class:`ConfigurationError` where the journal could not be written."""
    folder = location.journal
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"store: {location.shown}: the journal beside it needs a folder that can be written; {folder} cannot"
        )


_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_open: weakref.WeakValueDictionary[str, Store] = weakref.WeakValueDictionary()
_open_lock = threading.Lock()


def open_store(location: Location, *, make: bool = True) -> Store:
    """The store of a place; the same one for everybody in this process."""
    with _open_lock:
        found = _open.get(location.database_url)
        if found is None:
            found = _open[location.database_url] = Store(location, make=make)
        return found


def _before_fork() -> None:
    _open_lock.acquire()
    _held.extend(_stores)
    for store in _held:
        store.hold()


def _after_fork(*, in_child: bool) -> None:
    for store in _held:
        store.let_go(in_child=in_child)
    _held.clear()
    _open_lock.release()


_held: list[Store] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(in_child=False),
        after_in_child=lambda: _after_fork(in_child=True),
    )


def _at_exit() -> None:
    for store in list(_stores):
        store.close()
        if store.pending:
            _log.error("ledger: %d entries of %s are lost", store.pending, store.location.shown)


atexit.register(_at_exit)
