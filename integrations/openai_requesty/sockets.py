"""WebSockets, of which the gateway has none: a client that tried would send a placeholder for its key."""

from __future__ import annotations

from typing import Any, NoReturn

from requesty_core.errors import ConfigurationError

from .errors import sdk_error

__all__ = ["without_sockets"]


def without_sockets(client: Any, name: str, resource: Any) -> Any:
    """One of the client's resources, whose ``connect`` is refused unless the caller named a server for it."""

    def connect(**_: Any) -> NoReturn:
        raise sdk_error(
            ConfigurationError(
                f"{name}.connect: the gateway has no WebSocket, and this client keeps its key from any other; "
                f"use the SDK's own client, or give websocket_base_url"
            ),
            None,
        )

    if client.websocket_base_url is None:
        resource.connect = connect
    return resource
