"""pytest fixtures, registered by the package's entry point: a test only has to name ``requesty_gateway``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from requesty_emulator.server.server import GatewayEmulator


@pytest.fixture(scope="session")
def requesty_gateway_server() -> Iterator[GatewayEmulator]:
    """One emulator for the whole session (one per worker under xdist)."""
    # Loaded here, because every run of pytest loads this module, also those without the [emulator] extra.
    try:
        from requesty_emulator.server.server import GatewayEmulator
    except ModuleNotFoundError as missing:
        pytest.fail(f"{missing.name} is not installed; run: pip install 'requesty-adapters[emulator]'", pytrace=False)
    # Reset before each test, so what is kept without a limit is what one test sent.
    with GatewayEmulator(keep_requests=None, keep_bytes=None) as gateway:
        yield gateway


@pytest.fixture
def requesty_gateway(requesty_gateway_server: GatewayEmulator) -> Iterator[GatewayEmulator]:
    """The session's emulator in its initial state, for one test."""
    requesty_gateway_server.reset()
    yield requesty_gateway_server
    requesty_gateway_server.wait_idle(1.0)
