"""The emulated gateway: one for each worker of pytest, in its initial state at the start of each test.

The two fixtures of the emulator's own pytest plugin are imported with these, for trees that are not installed.
"""

from __future__ import annotations

import pytest

from requesty_emulator import GatewayEmulator
from requesty_emulator.pytest_plugin import requesty_gateway, requesty_gateway_server

__all__ = ["gateway", "gw", "requesty_gateway", "requesty_gateway_server"]


@pytest.fixture
def gateway(requesty_gateway: GatewayEmulator) -> GatewayEmulator:
    """A gateway as the contract describes it."""
    return requesty_gateway


@pytest.fixture
def gw(gateway: GatewayEmulator) -> GatewayEmulator:
    """The same, for tests that name it in every line."""
    return gateway
