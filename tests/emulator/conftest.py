"""Every test speaks plain HTTP to the session's emulator, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.support.gateway import gateway, gw, requesty_gateway, requesty_gateway_server

from requesty_emulator import GatewayEmulator

__all__ = ["gateway", "gw", "requesty_gateway", "requesty_gateway_server"]


@pytest.fixture(scope="session")
def session_client(requesty_gateway_server: GatewayEmulator) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {requesty_gateway_server.api_key}"}
    url = requesty_gateway_server.management_url
    with httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
def http(gw: GatewayEmulator, session_client: httpx.Client) -> httpx.Client:
    """A client with a valid key; the reset of ``gw`` keeps that key."""
    return session_client
