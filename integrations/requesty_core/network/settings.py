"""How the package's own transports reach the gateway: settings that need no client to be built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import shown
from requesty_core.values import Value

from .pool import check_limit

__all__ = [
    "DEFAULT_NETWORK",
    "EXTENSION",
    "Library",
    "NetworkSettings",
    "check_library",
    "check_proxy",
    "library_of_environment",
    "network_of",
]

Library = Literal["requesty", "httpx"]
"""Whose transport sends: this package's own, or ``httpx``'s, which tools know how to intercept."""

ENVIRONMENT = "REQUESTY_TRANSPORT"
_PROXY_SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})


class NetworkSettings(Value, frozen=True):
    """Checked settings of how to send; transports with the same settings are shared.

    ``library``: ``"httpx"`` sends with ``httpx``'s own transport (default: the environment variable
    ``REQUESTY_TRANSPORT``, else the package's own). ``ca_bundle``: a file or folder of certificates to trust instead of
    the default ones. ``client_cert``: a file with certificate and key, or a pair of files. ``proxy``: URL of a proxy.
    ``max_connections``: connections at a time of each transport; further requests wait in line. ``max_response_bytes``:
    longest complete body, and most that a compressed one may become.
    """

    library: Library | None = None
    ca_bundle: str | None = None
    client_cert: str | tuple[str, ...] | None = None
    proxy: str | None = None
    max_connections: int | None = None
    max_response_bytes: int | None = None

    _unshown = frozenset(("proxy",))

    @classmethod
    def build(
        cls,
        *,
        library: str | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        client_cert: Any = None,
        proxy: str | None = None,
        max_connections: int | None = None,
        max_response_bytes: int | None = None,
    ) -> NetworkSettings:
        """Check every setting. Raises :class:`ConfigurationError`."""
        return cls(
            library=None if library is None else check_library(library, "transport"),
            ca_bundle=None if ca_bundle is None else _path(ca_bundle, "ca_bundle"),
            client_cert=None if client_cert is None else _certificate(client_cert),
            proxy=None if proxy is None else check_proxy(proxy, "proxy"),
            max_connections=None if max_connections is None else check_limit(max_connections),
            max_response_bytes=None
            if max_response_bytes is None
            else check_limit(max_response_bytes, "max_response_bytes"),
        )

    @property
    def is_default(self) -> bool:
        """Whether nothing was set."""
        return self == DEFAULT_NETWORK


DEFAULT_NETWORK = NetworkSettings()
EXTENSION = "requesty_network"
"""Key of a request's extensions under which its settings travel."""


def network_of(extensions: Mapping[str, object]) -> NetworkSettings:
    """The settings that travel with a request."""
    found = extensions.get(EXTENSION)
    return found if isinstance(found, NetworkSettings) else DEFAULT_NETWORK


def library_of_environment() -> Library | None:
    """What ``REQUESTY_TRANSPORT`` asks for. Raises :class:`ConfigurationError` for a word it does not know."""
    value = os.environ.get(ENVIRONMENT)
    return check_library(value, ENVIRONMENT) if value else None


def check_library(value: object, setting: str) -> Library:
    """The name of a library. Raises :class:`ConfigurationError`."""
    if value not in get_args(Library):
        raise ConfigurationError(f"{setting}: {shown(value)} is unknown; use 'httpx' or leave it out")
    return value  # type: ignore[return-value]


def _path(value: Any, setting: str) -> str:
    if not isinstance(value, (str, os.PathLike)) or not str(value):
        raise ConfigurationError(f"{setting}: {shown(value)} is not a path; give the path of a file")
    path = os.fspath(value)
    if not isinstance(path, str) or not Path(path).exists():
        raise ConfigurationError(f"{setting}: {path!r} does not exist; give the path of a file")
    return path


def _certificate(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        if len(value) not in (2, 3):
            raise ConfigurationError("client_cert: give (certificate, key) or (certificate, key, password)")
        return (_path(value[0], "client_cert"), _path(value[1], "client_cert"), *map(str, value[2:]))
    return _path(value, "client_cert")


def check_proxy(value: object, setting: str) -> str:
    """The URL of a proxy, which is not repeated because it may hold a password. Raises :class:`ConfigurationError`."""
    if not isinstance(value, str) or not _is_proxy(value):
        raise ConfigurationError(f"{setting}: not the URL of a proxy; give one such as 'http://proxy.example:3128'")
    return value


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        return parts.scheme in _PROXY_SCHEMES and bool((parts.hostname or "").strip()) and parts.port != 0
    except ValueError:
        return False
