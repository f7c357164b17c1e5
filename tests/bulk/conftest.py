"""The emulated gateway, and a client of it."""

from __future__ import annotations

import pytest
from tests.support.environment import clean_environment
from tests.support.gateway import gateway, gw, requesty_gateway, requesty_gateway_server

from requesty_core import RequestyClient
from requesty_emulator import GatewayEmulator

__all__ = ["clean_environment", "client", "gateway", "gw", "requesty_gateway", "requesty_gateway_server"]


@pytest.fixture
def client(gw: GatewayEmulator) -> RequestyClient:
    """A client of the emulated gateway that repeats at once."""
    from requesty_core import FallbackPolicy, RetryPolicy

    retry = RetryPolicy(base=0.01, cap=0.02)
    return RequestyClient(api_key=gw.api_key, base_url=gw.base_url, fallback_policy=FallbackPolicy(retry=retry))
