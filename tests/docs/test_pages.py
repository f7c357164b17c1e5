"""Every Python block of the README and the documentation runs, against the emulator, as a reader would run it."""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

import asyncio
import inspect
import re
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from requesty_emulator import GatewayEmulator, Policy

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def blocks() -> Iterator[Any]:
    """The blocks of a page, in order; those of one page share their names, as on a reader's prompt."""
    for page in PAGES:
        found = BLOCK.findall(page.read_text(encoding="utf-8"))
        if found:
            yield pytest.param(found, id=page.name)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as running:
        running.policies["production"] = Policy(models=["openai/gpt-4o-mini"])
        monkeypatch.setenv("REQUESTY_BASE_URL", running.base_url)
        monkeypatch.setenv("REQUESTY_API_KEY", running.api_key)
        yield running


@pytest.mark.parametrize("page", blocks())
def test_the_blocks_of_a_page_run(page: list[str], gateway: GatewayEmulator, tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    for block in page:
        code = compile(block, "block", "exec", flags=PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            asyncio.run(result)  # type: ignore[arg-type]
        # Tests shown on a page are run too.
        for name in [name for name in names if name.startswith("test_")]:
            names.pop(name)(gateway)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
