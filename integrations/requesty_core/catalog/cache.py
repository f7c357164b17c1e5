"""The live catalogue on disk: fetched by one process, read by all, never required.

One file per gateway address in the user's cache folder (``REQUESTY_CACHE_DIR``, else the platform's convention). It
holds what ``GET /v1/models`` and ``/v1/models/managed`` said, without policies, and no key. What cannot be read, is
older than its time to live, or cannot be written is passed over with one warning: the packaged snapshot serves then.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requesty_core.lifetime import after_fork
from requesty_core.wire.json import JSONDecodeError, decode_json, encode_json

if TYPE_CHECKING:
    from .catalog import Catalog

__all__ = ["TIME_TO_LIVE", "cache_folder", "current", "forget", "keep", "live", "overlay", "read_cache", "write_cache"]

TIME_TO_LIVE = 24 * 3600.0
"""Seconds for which a catalogue on disk is used."""

_FORMAT = 1
_STALE = 30 * 24 * 3600.0
_log = logging.getLogger("requesty")
_lock = threading.Lock()
_current: dict[str, tuple[Catalog | None, float]] = {}
_warned: set[str] = set()


def cache_folder(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path | None:
    """Where the catalogue is kept; ``None`` where the user has no home."""
    env = os.environ if environ is None else environ
    if own := env.get("REQUESTY_CACHE_DIR"):
        return Path(own)
    home = env.get("USERPROFILE" if platform == "win32" else "HOME")
    if platform == "win32":
        base = env.get("LOCALAPPDATA") or (home and str(Path(home, "AppData", "Local")))
    elif platform == "darwin":
        base = home and str(Path(home, "Library", "Caches"))
    else:
        # The base directory specification: a relative path is to be ignored.
        own = env.get("XDG_CACHE_HOME", "")
        base = own if os.path.isabs(own) else home and str(Path(home, ".cache"))
    return Path(base, "requesty-adapters") if base else None


def cache_file(base_url: str, folder: Path) -> Path:
    """The file of one gateway address."""
    name = hashlib.sha256(base_url.rstrip("/").lower().encode()).hexdigest()[:16]
    return folder / f"catalog-{name}.json"


def write_cache(base_url: str, catalog: Catalog, folder: Path | None = None) -> bool:
    """Keep a catalogue for other processes; ``False`` (and one warning) if it cannot be written."""
    folder = cache_folder() if folder is None else folder
    if folder is None:
        return False
    data = [e for e in catalog.entries() if not str(e.get("id", "")).startswith("policy/")]
    body = {"format": _FORMAT, "base_url": base_url, "fetched": time.time(), "data": data}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(cache_file(base_url, folder), encode_json(body))
        _remove_stale(folder)
    except (OSError, TypeError, ValueError) as error:
        _warn(f"the catalogue was not kept on disk ({type(error).__name__}: {error})")
        return False
    return True


def _write_whole(path: Path, data: bytes) -> None:
    """Readers see the old file or the new one, never a part: written beside it and renamed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # mkstemp makes files for their owner alone; the catalogue is public.
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _remove_stale(folder: Path) -> None:
    limit = time.time() - _STALE
    for path in folder.glob("catalog-*.json*"):
        with suppress(OSError):
            if path.stat().st_mtime < limit:
                path.unlink()


def read_cache(base_url: str, folder: Path | None = None, *, time_to_live: float = TIME_TO_LIVE) -> Catalog | None:
    """The catalogue that some process kept, if it is young enough; anything else is ``None`` with one warning."""
    folder = cache_folder() if folder is None else folder
    if folder is None:
        return None
    path = cache_file(base_url, folder)
    try:
        body: Any = decode_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, JSONDecodeError) as error:
        _warn(f"{path} is not a catalogue and is ignored ({type(error).__name__})")
        return None
    fetched = body.get("fetched") if isinstance(body, Mapping) else None
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(fetched, (int, float)) or not isinstance(data, list) or body.get("format") != _FORMAT:
        _warn(f"{path} is not a catalogue and is ignored (another format)")
        return None
    # A clock that was set back makes a file of the future: as old as none.
    age = time.time() - fetched
    if not -60 <= age < time_to_live:
        _warn(f"{path} is older than {time_to_live:g} s and is ignored; client.models.refresh() fetches anew")
        return None
    from .catalog import Catalog

    return Catalog.from_entries(data, as_of=datetime.fromtimestamp(fetched, UTC).isoformat(timespec="seconds"))


def _warn(text: str) -> None:
    with _lock:
        news = text not in _warned
        _warned.add(text)
    if news:
        _log.warning("models: %s", text)


def overlay(fetched: Catalog) -> Catalog:
    """The live entries, and below them those of the snapshot: a key that may use few models still knows the others."""
    from .catalog import Catalog, bundled

    catalog = Catalog.from_entries([*bundled().entries(), *fetched.entries()], as_of=fetched.as_of)
    catalog.skipped = fetched.skipped
    return catalog


def keep(base_url: str, fetched: Catalog, *, disk: bool = True, folder: Path | None = None) -> Catalog:
    """Make a fetched catalogue the current one of this process and, with ``disk``, of the others; returns it."""
    catalog = overlay(fetched)
    with _lock:
        _current[base_url] = (catalog, time.monotonic() + TIME_TO_LIVE)
    if disk:
        write_cache(base_url, fetched, folder)
    return catalog


def current(base_url: str | None = None) -> Catalog:
    """What is known now of the gateway at ``base_url``: fetched, or kept on disk, else the snapshot.

    Never asks the network; the disk once in the time to live.
    """
    found = None if base_url is None else live(base_url)
    if found is not None:
        return found
    from .catalog import bundled

    return bundled()


def live(base_url: str) -> Catalog | None:
    """The catalogue that was fetched from the gateway at ``base_url``, by this process or another; ``None`` if none."""
    found = _current.get(base_url)
    if found is None or time.monotonic() >= found[1]:
        kept = read_cache(base_url)
        found = (None if kept is None else overlay(kept), time.monotonic() + TIME_TO_LIVE)
        with _lock:
            _current[base_url] = found
    return found[0]


def forget(base_url: str | None = None) -> None:
    """Forget what this process knows (of one address), so that the next look-up reads the disk again."""
    with _lock:
        if base_url is None:
            _current.clear()
            _warned.clear()
        else:
            _current.pop(base_url, None)


@after_fork
def _renew() -> None:
    global _lock
    _lock = threading.Lock()
