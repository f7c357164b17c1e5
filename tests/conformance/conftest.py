"""The emulator of the matrix; every cell starts from a clean state."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from requesty_emulator import GatewayEmulator

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"


@pytest.fixture(scope="session")
def matrix_gateway() -> Iterator[GatewayEmulator]:
    with GatewayEmulator(seed=11) as gateway:
        yield gateway


@pytest.fixture
def gw(matrix_gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> GatewayEmulator:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-must-not-be-used")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-must-not-be-sent")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/must-not-be-used")
    matrix_gateway.reset()
    return matrix_gateway
