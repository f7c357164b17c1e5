"""WebSockets, of which the gateway has none: a client that tried would send a placeholder for its key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from openai._compat import cached_property

from requesty_core.errors import ConfigurationError

from .errors import sdk_error

__all__ = ["without_sockets"]


def without_sockets(client: Any, name: str, resource: Any) -> Any:
    """One of the client's resources; every ``connect`` in it is refused unless the caller named a server for it.

    Args:
        client: the SDK's client.
        name: where the resource is, as in ``client.beta.realtime``: ``beta.realtime``.
        resource: it; those that it holds are made.
    """
    if client.websocket_base_url is None:
        if hasattr(resource, "connect"):
            resource.connect = _refusal(name)
        for nested in _nested(type(resource)):
            without_sockets(client, f"{name}.{nested}", getattr(resource, nested))
    return resource


def _refusal(name: str) -> Any:
    def connect(*_: Any, **__: Any) -> NoReturn:
        raise sdk_error(
            ConfigurationError(
                f"{name}.connect: the gateway has no WebSocket, and this client keeps its key from any other; "
                f"use the SDK's own client, or give websocket_base_url"
            ),
            None,
        )

    return connect


def _nested(resource: type) -> Iterator[str]:
    """Names of the resources that one holds; those with a prefix are other views of it."""
    for base in resource.__mro__:
        for name, member in vars(base).items():
            if isinstance(member, cached_property) and not name.startswith("with_"):
                yield name
