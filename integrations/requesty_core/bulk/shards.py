"""A checkpoint of many processes: a folder in which each writes a file of its own.

Rows are found by what they ask, not by their position, which a dataset in parts does not have. A process
reads what is there when it begins, and, when rows come that it does not know, what ended processes have written since:
those rows were theirs. What others that live write is not read, because nobody is given their rows.

The folder has to be on storage that all processes share.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

from requesty_core.errors import ConfigurationError
from requesty_core.money.store.journal import lock

from .checkpoint import Checkpoint, RunName
from .records import Line, Record, read_record

__all__ = ["Shards", "prepare"]

_NAME = "run.json"
_ENDING = ".rows"
_BINARY: int = getattr(os, "O_BINARY", 0)
_lines = msgspec.json.Decoder(Line)


def prepare(folder: str | os.PathLike[str], name: RunName) -> Path:
    """Make the folder, or check that it is this run's. Raises :class:`ConfigurationError`."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        there = next(path.iterdir(), None)
    except OSError as error:
        raise ConfigurationError(f"checkpoint: the folder {path} cannot be used: {error.strerror or error}") from None
    file = path / _NAME
    if there is None:
        # Whole or not at all: another driver may look at the same moment.
        fresh = path / f".{_NAME}.{uuid.uuid4().hex[:8]}"
        fresh.write_bytes(msgspec.json.encode(name))
        fresh.replace(file)
        return path
    try:
        found = msgspec.json.decode(file.read_bytes(), type=RunName)
    except (OSError, msgspec.DecodeError):
        raise ConfigurationError(f"checkpoint: {path} is no checkpoint; give an empty folder") from None
    differs = found.differs(name)
    if differs is not None:
        raise ConfigurationError(f"checkpoint: {path}: it is of another run: {differs}; give another folder")
    return path


class Shards:
    """One process's part of the checkpoint, and its view of the others'. Not safe for threads.

    Args:
        folder: made by :func:`prepare`.
        name: of the run.
    """

    def __init__(self, folder: Path, name: RunName) -> None:
        self._folder = folder
        self._own = Checkpoint(folder / f"{os.getpid()}-{uuid.uuid4().hex[:12]}{_ENDING}", name)
        self._places: dict[str, tuple[Path, int]] = {}
        self._read: dict[Path, int] = {}
        self.refresh(ended_only=False)

    def __len__(self) -> int:
        """Rows that are known to be settled."""
        return len(self._places)

    def refresh(self, *, ended_only: bool = True) -> None:
        """Read what was written since."""
        for path in sorted(self._folder.glob(f"*{_ENDING}")):
            if path == self._own.path:
                continue
            try:
                if path.stat().st_size > self._read.get(path, 0) and not (ended_only and _is_held(path)):
                    self._take(path)
            except FileNotFoundError:
                # Of a process that ended without a row.
                continue

    def _take(self, path: Path) -> None:
        start = self._read.get(path, 0)
        for line, offset in _whole_lines(path, start):
            self._read[path] = offset + len(line)
            if offset == 0:
                continue
            found = _lines.decode(line)
            if found.done:
                self._places[found.key] = (path, offset)

    def begin(self, key: str) -> None:
        """A part of a dataset has no first row of its own."""

    def find(self, at: int, key: str) -> Record | None:
        """The settled row that asks this; its position does not matter."""
        place = self._places.get(key)
        if place is None:
            return None
        path, offset = place
        with path.open("rb") as file:
            file.seek(offset)
            return read_record(file.readline())

    def add(self, records: list[Record]) -> None:
        """Keep rows that are settled. Raises ``OSError`` where there is no room."""
        end = self._own.end
        self._own.add(records)
        for line, offset in _whole_lines(self._own.path, end):
            if offset:
                found = _lines.decode(line)
                if found.done:
                    self._places[found.key] = (self._own.path, offset)

    def close(self) -> None:
        """Let go of the file, which the next process reads."""
        self._own.close()


def _whole_lines(path: Path, start: int) -> Iterator[tuple[bytes, int]]:
    """Whole lines from a position on, each with its own; a last one that was cut is left out."""
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            if line.endswith(b"\n"):
                yield line, start
            start += len(line)


def _is_held(path: Path) -> bool:
    """Whether the process that writes it lives."""
    file = os.open(path, os.O_RDWR | _BINARY)
    try:
        return not lock(file)
    finally:
        os.close(file)
