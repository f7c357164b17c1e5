"""Carrying lines of journals into the database: those of this process, and those of processes that have ended."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .database import Database, failure
from .journal import discard, orphans
from .location import Location
from .rows import decode
from .writing import write

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["adopt", "transaction", "write_lines"]

T = TypeVar("T")

_log = logging.getLogger("requesty")


def transaction(database: Database, work: Callable[[Connection], T]) -> T:
    """What ``work`` returns, done in one transaction for writing."""
    with database.writing() as connection:
        return work(connection)


def write_lines(database: Database, lines: list[bytes]) -> int:
    """Write the entries of lines; returns how many the database will never take."""
    from sqlalchemy.exc import DataError, IntegrityError

    entries, rejected = [], 0
    for line in lines:
        entry = decode(line)
        if entry is not None:
            entries.append(entry)
        elif line.endswith(b"\n"):
            # Half a line was being written when its process ended; a whole one should have been readable.
            rejected += 1
            _log.error("ledger: a line of the journal cannot be read: %r", line[:200])
    if not entries:
        return rejected
    never = (DataError, IntegrityError, OverflowError)
    try:
        with database.writing() as connection:
            write(connection, entries)
    except never:
        for entry in entries:
            try:
                with database.writing() as connection:
                    write(connection, [entry])
            except never as error:
                rejected += 1
                _log.error("ledger: an entry is not taken (%s): %r", failure(error), entry)
    return rejected


def adopt(location: Location, database: Database) -> None:
    """Carry over the journals of processes that have ended."""
    for path, file in orphans(location.journal):
        try:
            with os.fdopen(file, "rb", closefd=False) as stream:
                lines = stream.read().splitlines(keepends=True)
            write_lines(database, lines)
            discard(path, file)
        except Exception as error:  # noqa: BLE001 -- it stays where it is, for the next who opens the store
            _log.warning("ledger: %s could not be carried over: %s", path.name, failure(error))
        finally:
            os.close(file)
