"""pytest fixtures; ``pytest_plugins = ["requesty_emulator.pytest_plugin"]`` in the root ``conftest.py`` loads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from requesty_emulator.server import GatewayEmulator


@pytest.fixture(scope="session")
def requesty_gateway_server() -> Iterator[GatewayEmulator]:
    """One emulator for the whole session (one per worker under xdist)."""
    with GatewayEmulator() as gateway:
        yield gateway


@pytest.fixture
def requesty_gateway(requesty_gateway_server: GatewayEmulator) -> Iterator[GatewayEmulator]:
    """The session's emulator in its initial state, for one test."""
    requesty_gateway_server.reset()
    yield requesty_gateway_server
    requesty_gateway_server.wait_idle(1.0)
