"""A file to which entries are appended before anything else is done with them."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Journal", "lock", "orphans"]

_SUFFIX = ".jsonl"
_TRIES = 10
_BINARY: int = getattr(os, "O_BINARY", 0)


class Journal:
    """One process's journal of one store. Whoever holds it locked is alive; it ends with its process.

    Not safe for threads: the store calls it under a lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._path = folder
        self._size = 0
        self._read = 0

    def append(self, line: bytes) -> None:
        """Keep one line, its end included. Raises ``OSError`` if it was not kept whole."""
        file = self._open()
        try:
            written = os.write(file, line)
        except OSError:
            os.ftruncate(file, self._size)
            raise
        if written != len(line):
            os.ftruncate(file, self._size)
            raise OSError("no room for a whole line")
        self._size += written

    def _open(self) -> int:
        if self._file is None:
            for _ in range(_TRIES):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._path = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:12]}{_SUFFIX}"
                try:
                    file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | _BINARY, 0o600)
                except FileNotFoundError:
                    # Another process removed the folder, which was empty.
                    continue
                # Between the two, another process may have taken it for one that was left behind.
                if lock(file) and os.fstat(file).st_nlink > 0:
                    self._file = file
                    self._size = self._read = 0
                    return file
                os.close(file)
            raise OSError(f"no journal can be made in {self._folder}")
        return self._file

    def unread(self, most: int) -> list[bytes]:
        """The oldest lines that were not taken, with their ends; at least one, and about ``most`` bytes of them."""
        if self._file is None or self._read == self._size:
            return []
        os.lseek(self._file, self._read, os.SEEK_SET)
        data = os.read(self._file, min(most, self._size - self._read))
        while b"\n" not in data:
            data += os.read(self._file, self._size - self._read - len(data))
        return data[: data.rindex(b"\n") + 1].splitlines(keepends=True)

    def take(self, lines: list[bytes]) -> None:
        """These, the oldest, are kept elsewhere now. Once nothing is left, the file is emptied."""
        self._read += sum(map(len, lines))
        if self._file is not None and self._read == self._size:
            os.ftruncate(self._file, 0)
            self._size = self._read = 0

    def close(self) -> None:
        """Let go of the file. It is removed if nothing is left in it, else it waits for the next process."""
        file, self._file = self._file, None
        if file is not None:
            if self._read == self._size:
                self._path.unlink(missing_ok=True)
            os.close(file)
            _remove(self._folder)

    def forget(self) -> None:
        """After a fork: the file belongs to the process that made it, which holds the lock as long as it lives."""
        file, self._file = self._file, None
        self._size = self._read = 0
        if file is not None:
            os.close(file)


def orphans(folder: Path) -> Iterator[tuple[Path, int]]:
    """Journals whose process has ended, locked and open; the caller removes and closes them."""
    try:
        paths = sorted(folder.glob(f"*{_SUFFIX}"))
    except OSError:
        return
    for path in paths:
        try:
            file = os.open(path, os.O_RDWR | _BINARY)
        except OSError:
            continue
        # It may have been carried over and removed between being listed and being locked.
        if lock(file) and os.fstat(file).st_nlink > 0:
            yield path, file
        else:
            os.close(file)


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


if sys.platform == "win32":
    import msvcrt

    def lock(file: int) -> bool:
        """Lock the file for this process as long as it holds it open; whether that was possible."""
        place = os.lseek(file, 0, os.SEEK_CUR)
        try:
            # A byte far behind the end: others may read the file.
            os.lseek(file, 2**31 - 2, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(file, place, os.SEEK_SET)
        return True
else:
    import fcntl

    def lock(file: int) -> bool:
        """Lock the file for this process as long as it holds it open; whether that was possible."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
