"""Every test speaks plain HTTP to the session's emulator, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from requesty_emulator import GatewayEmulator
from requesty_emulator.pytest_plugin import requesty_gateway, requesty_gateway_server

__all__ = ["requesty_gateway", "requesty_gateway_server"]


@pytest.fixture
def gw(requesty_gateway: GatewayEmulator) -> GatewayEmulator:
    return requesty_gateway


@pytest.fixture
def http(gw: GatewayEmulator) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {gw.api_key}"}
    with httpx.Client(base_url=gw.management_url, headers=headers, timeout=10, trust_env=False) as client:
        yield client
