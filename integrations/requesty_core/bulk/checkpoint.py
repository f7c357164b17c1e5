"""The file to which rows are written as they are settled, and from which a rerun goes on.

The first line names the run; each other line is one row (:mod:`requesty_core.bulk.records`). A line is written at once
when its row is settled, by one call of the operating system, before the row is handed out: it survives the end of the
process however that comes. A last line that was cut, by the end of the machine or a full disk, is taken off.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from requesty_core.errors import ConfigurationError
from requesty_core.money.store.journal import lock
from requesty_core.settings.checks import shown

from .records import Line, Record, line_of, read_record

__all__ = ["Checkpoint", "Kept", "RunName", "named"]

VERSION = 1
_BINARY: int = getattr(os, "O_BINARY", 0)
_BLOCK = 1 << 20


class RunName(msgspec.Struct, omit_defaults=True):
    """The first line: what makes a run itself.

    Attributes:
        requesty_bulk: version of the form.
        kind: ``chat`` or ``embed``.
        model: that is asked.
        settings: everything else that is sent with every row.
        first: key of the first row's request; ``None`` if there is no such row.
    """

    requesty_bulk: int
    kind: str
    model: str
    settings: dict[str, Any] = {}
    first: str | None = None

    def differs(self, other: RunName) -> str | None:
        """How ``other``, which wants to go on here, is another run; ``None`` if it is not."""
        if self.kind != other.kind:
            return f"it holds {_KINDS.get(self.kind, self.kind)}, not {_KINDS[other.kind]}"
        if self.model != other.model:
            return f"it was asked of {self.model!r}, not of {other.model!r}"
        for name in sorted({*self.settings, *other.settings}):
            was, now = self.settings.get(name), other.settings.get(name)
            if was != now:
                return f"{name} was {shown(was)}, and is {shown(now)} now"
        return None


_KINDS = {"chat": "chat answers", "embed": "embeddings"}
_names = msgspec.json.Decoder(RunName)
_lines = msgspec.json.Decoder(Line)


class Kept(Protocol):
    """Where settled rows are kept."""

    def begin(self, key: str) -> None:
        """The first row asks this. Raises :class:`ConfigurationError` if that of the run that wrote it did not."""

    def find(self, at: int, key: str) -> Record | None:
        """The settled row at a position that asks this."""

    def add(self, records: list[Record]) -> None:
        """Keep rows that are settled. Raises ``OSError``."""

    def close(self) -> None:
        """Let go of it."""


class Checkpoint:
    """An open checkpoint of one run, locked against others.

    Args:
        path: of the file; it is made with its first row.
        name: of the run.

    Raises:
        ConfigurationError: it is no checkpoint, that of another run, or in use by another process.
    """

    def __init__(self, path: str | os.PathLike[str], name: RunName) -> None:
        self.path = Path(path)
        self._name = name
        self._offsets = array("q")
        self._count = 0
        self.end = 0
        """Bytes that were written."""
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o600)
        except OSError as error:
            raise ConfigurationError(f"checkpoint: {self.path} cannot be opened: {error.strerror or error}") from None
        try:
            if not lock(self._file):
                raise ConfigurationError(f"checkpoint: {self.path} is in use by another run; wait for its end")
            self._read()
        except BaseException:
            os.close(self._file)
            raise

    def __len__(self) -> int:
        """Rows that are settled."""
        return self._count

    def _read(self) -> None:
        """Find what is there; cut off what is no whole line."""
        with open(os.dup(self._file), "rb", buffering=_BLOCK) as file:
            file.seek(0)
            first = file.readline()
            if not first.endswith(b"\n"):
                if first and not b'{"requesty_bulk":'.startswith(first[:17]):
                    raise self._refused("it is no checkpoint")
                os.ftruncate(self._file, 0)
                return
            try:
                found = _names.decode(first)
            except msgspec.DecodeError:
                raise self._refused("it is no checkpoint") from None
            if found.requesty_bulk != VERSION:
                raise self._refused(f"it was written by another version (form {found.requesty_bulk})")
            self._compare(found)
            self._name.first = found.first
            self.end = len(first)
            self._find(file)
        if os.fstat(self._file).st_size > self.end:
            os.ftruncate(self._file, self.end)

    def _find(self, file: Any) -> None:
        for number, line in enumerate(file, 2):
            if not line.endswith(b"\n"):
                return
            try:
                found = _lines.decode(line)
            except msgspec.DecodeError as error:
                raise self._refused(f"its line {number} cannot be read ({error})") from None
            if found.done:
                self._note(found.at, found.key, self.end)
            self.end += len(line)

    def _refused(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"checkpoint: {self.path}: {why}; give another file, or remove this one")

    def _compare(self, found: RunName) -> None:
        differs = found.differs(self._name)
        if differs is not None:
            raise self._refused(f"it is of another run: {differs}")

    def begin(self, key: str) -> None:
        """The first row's request. Raises :class:`ConfigurationError` if the run that wrote the file had another."""
        if not self.end:
            self._name.first = key
        elif self._name.first is not None and self._name.first != key:
            raise self._refused("it is of another run: its first row was another one, or was asked something else")

    def _note(self, at: int, key: str, offset: int) -> None:
        missing = at + 1 - len(self._offsets)
        if missing > 0:
            self._offsets.frombytes(bytes(8 * missing))
        self._count += self._offsets[at] == 0
        self._offsets[at] = offset

    def find(self, at: int, key: str) -> Record | None:
        """The settled row at a position. Raises :class:`ConfigurationError` if another request was settled there."""
        if at >= len(self._offsets) or not self._offsets[at]:
            return None
        record = read_record(self._line(self._offsets[at]))
        if record.key != key:
            raise self._refused(f"it is of another run: row {at} was another one, or was asked something else")
        return record

    def _line(self, offset: int) -> bytes:
        pieces = []
        while True:
            piece = os.pread(self._file, 65_536, offset)
            end = piece.find(b"\n")
            if end >= 0 or not piece:
                pieces.append(piece[: end + 1])
                return b"".join(pieces)
            pieces.append(piece)
            offset += len(piece)

    def add(self, records: list[Record]) -> None:
        """Keep rows that are settled, all of them or none. Raises ``OSError`` where there is no room."""
        data = b"" if self.end else msgspec.json.encode(self._name) + b"\n"
        offsets = []
        for record in records:
            offsets.append(self.end + len(data))
            data += line_of(record)
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError("no room for a whole line")
        except OSError:
            os.ftruncate(self._file, self.end)
            raise
        self.end += len(data)
        for record, offset in zip(records, offsets, strict=True):
            if record.done:
                self._note(record.at, record.key, offset)

    def close(self) -> None:
        """Let go of the file; one without a row is removed."""
        file, self._file = self._file, -1
        if file >= 0:
            if not self.end:
                self.path.unlink(missing_ok=True)
            os.close(file)


def named(kind: str, model: str, settings: Mapping[str, Any]) -> RunName:
    """The name of a run of this version."""
    return RunName(VERSION, kind, model, dict(settings))
