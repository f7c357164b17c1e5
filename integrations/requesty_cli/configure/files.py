"""Reading a settings file, and replacing it: with a backup, in one step, its rights and its link kept."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from requesty_cli.problems import StepFailedError, UsageProblemError

__all__ = ["read", "replace"]

LARGEST = 16 * 1024 * 1024


def read(path: Path) -> str | None:
    """The text of a file, ``None`` if there is none. Raises ``UsageProblemError`` if it is no text."""
    try:
        if path.is_dir():
            raise UsageProblemError(f"{path}: is a folder; name a file with --file")
        if path.stat().st_size > LARGEST:
            raise UsageProblemError(f"{path}: too large for a settings file")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UsageProblemError(f"{path}: is not UTF-8 text; left as it was") from None
    except OSError as error:
        raise StepFailedError(f"{path}: cannot be read ({error.strerror})") from None


def replace(path: Path, text: str) -> Path | None:
    """Write ``text`` to ``path``, all of it or nothing; returns the backup of what was there, ``None`` for a new file.

    A symbolic link stays one: the file it leads to is written. Raises ``StepFailedError``.
    """
    real = Path(os.path.realpath(path))
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        old = real.stat() if real.exists() else None
        backup = None if old is None else _backup(real, old)
        _write(real, text, old)
    except OSError as error:
        raise StepFailedError(f"{path}: cannot be written ({error.strerror})") from None
    return backup


def _backup(path: Path, old: os.stat_result) -> Path:
    """A copy beside the file that nobody may read who may not read the file."""
    content = path.read_bytes()
    moment = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1000):
        copy = path.with_name(f"{path.name}.{moment}{f'-{number}' if number else ''}.bak")
        try:
            handle = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with open(handle, "wb") as file:
            _take_over(handle, old)
            file.write(content)
        return copy
    raise OSError(0, "too many backups of this second")


def _write(path: Path, text: str, old: os.stat_result | None) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            _take_over(handle, old)
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _take_over(handle: int, old: os.stat_result | None) -> None:
    """Give an open file the rights of the old one, or those of any new file."""
    if not hasattr(os, "fchmod"):  # Windows: rights come from the folder
        return
    if old is None:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(handle, 0o666 & ~mask)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        # Only root may give files away; anyone else keeps the new file, with the same rights.
        with contextlib.suppress(PermissionError):
            os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode))
