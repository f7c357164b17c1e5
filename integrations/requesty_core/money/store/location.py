"""Where a store is: the path of an SQLite file, or the URL of a database."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import refuse

__all__ = ["Location", "StorePath"]

StorePath = str | os.PathLike[str]

_GIVE = "give the path of an SQLite file, 'sqlite:///PATH' or 'postgresql://USER@HOST/NAME'"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a store is.

    Attributes:
        path: the SQLite file; ``None`` for a server.
        shown: the same for people and logs, without a password.
        journal: the folder of its journals on this machine.
        url: the server's URL as given, password included.
    """

    path: Path | None
    shown: str
    journal: Path
    url: str = field(default="", repr=False)

    @classmethod
    def of(cls, store: object, setting: str = "store") -> Location:
        """Where ``store`` is. Raises :class:`ConfigurationError` for what is neither a path nor a known URL."""
        if isinstance(store, Location):
            return store
        if isinstance(store, os.PathLike):
            store = os.fspath(store)
        if not isinstance(store, str):
            refuse(setting, store, "is no place", _GIVE)
        text = store.strip()
        if not text or "\0" in text:
            raise ConfigurationError(f"{setting}: empty; {_GIVE}")
        scheme, separator, rest = text.partition("://")
        if not separator:
            if text == ":memory:":
                refuse(setting, store, "lasts no longer than the process", "leave store out, or give a path")
            return cls._file(Path(text))
        if scheme.lower() in ("sqlite", "sqlite+pysqlite"):
            name = unquote(rest.removeprefix("/").partition("?")[0])
            if not rest.startswith("/") or name in ("", ":memory:"):
                raise ConfigurationError(f"{setting}: an SQLite URL without a path; write 'sqlite:///PATH'")
            return cls._file(Path(name))
        if scheme.lower() not in _POSTGRES:
            raise ConfigurationError(f"{setting}: {scheme[:30]!r} databases are not supported; {_GIVE}")
        return cls._server(text, setting)

    @classmethod
    def _file(cls, path: Path) -> Location:
        whole = Path(os.path.abspath(path.expanduser()))
        return cls(whole, str(path), whole.with_name(f"{whole.name}.pending"))

    @classmethod
    def _server(cls, text: str, setting: str) -> Location:
        try:
            parts = urlsplit(text)
            host, port, user = parts.hostname or "", parts.port, parts.username
        except ValueError:
            raise ConfigurationError(f"{setting}: not a URL; write 'postgresql://USER@HOST/NAME'") from None
        if parts.path in ("", "/"):
            raise ConfigurationError(f"{setting}: the URL names no database; write 'postgresql://USER@HOST/NAME'")
        shown = f"postgresql://{f'{user}@' if user else ''}{host}{f':{port}' if port else ''}{parts.path}"
        # The query may choose another schema; a password is no part of where it is.
        query = "&".join(part for part in parts.query.split("&") if not part.startswith("password="))
        digest = hashlib.sha256(f"{shown}?{query}".encode()).hexdigest()[:16]
        return cls(None, shown, state_folder() / "ledger" / digest, f"postgresql+psycopg{text[text.index('://') :]}")

    @property
    def has_password(self) -> bool:
        """Whether the URL holds a secret."""
        parts = urlsplit(self.url)
        return parts.password is not None or "password=" in parts.query

    @property
    def database_url(self) -> str:
        """What connects to it."""
        return self.url or f"sqlite:///{self.path}"


def state_folder() -> Path:
    """Where this package may keep state of the user's on this machine."""
    given = os.environ.get("XDG_STATE_HOME")
    return (Path(given) if given else Path.home() / ".local" / "state") / "requesty-adapters"
