"""An emulator that the command finds in its environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.terminal import home, run, terminal

from requesty_emulator import GatewayEmulator

__all__ = ["home", "run", "terminal"]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as running:
        monkeypatch.setenv("REQUESTY_BASE_URL", running.base_url)
        monkeypatch.setenv("REQUESTY_API_KEY", running.api_key)
        yield running


@pytest.fixture
def no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a key nor a base URL in the environment."""
    for name in ("REQUESTY_BASE_URL", "REQUESTY_API_BASE", "REQUESTY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
