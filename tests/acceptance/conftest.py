"""Software that none of us wrote, pointed at the emulator by base URL and key only."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_other_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
