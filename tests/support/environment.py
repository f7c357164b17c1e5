"""An environment of its own for a test: no setting of the machine, and traps where another vendor's are kept."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test, and reading an ``OPENAI_*`` variable would be noticed.

    Holds for every test of a folder whose conftest imports it.
    """
    for name in ("API_KEY", "BASE_URL", "API_BASE", "APP_URL", "APP_TITLE"):
        monkeypatch.delenv(f"REQUESTY_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-must-never-be-read")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://openai.invalid/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-openai-must-never-be-sent")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-openai-must-never-be-sent")
