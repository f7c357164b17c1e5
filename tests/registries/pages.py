"""Reading what was rendered, running its examples, and looking up what the conformance run has shown."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from docs.blocks import FENCE, blocks_of, gateway_for_pages, run_page
from tests.conformance.matrix import cell_id, drivers, why_not
from tests.conformance.model import SCENARIOS

from requesty_emulator import GatewayEmulator

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/example/requesty-adapters"
DOCUMENTATION = "https://docs.example.com/requesty"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE: str = PROJECT["project"]["name"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
INSTALL = re.compile(r'(?:pip install(?: -U)?|uv add) "(?P<package>[\w-]+)\[(?P<extra>[\w-]+)\]"')
RESULTS: dict[str, str] = json.loads((ROOT / "docs" / "conformance.json").read_text(encoding="utf-8"))


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The front matter of a page and what follows it."""
    opening, block, body = text.split("---\n", 2)
    assert not opening
    return yaml.safe_load(block), body


def sections(text: str, level: int = 2) -> dict[str, str]:
    """What stands below each heading of a level, in order; fences hide what looks like a heading."""
    bare = FENCE.sub(lambda fence: re.sub(r"^#", "\x00", fence[0], flags=re.M), text)
    parts = re.split(rf"^{'#' * level} (.+)$", bare, flags=re.M)[1:]
    return {name.strip(): body.replace("\x00", "#").strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def only_python(text: str) -> str:
    """The text with every other fence blanked, so that line numbers stay."""
    return FENCE.sub(
        lambda fence: fence[0] if fence["language"] in ("python", "py") else "\n" * fence[0].count("\n"), text
    )


def run(text: str, name: str) -> tuple[str, GatewayEmulator]:
    """Run the Python examples of a page as one session; returns what was printed, and the gateway they talked to."""
    # The output of a block is told for the output block after it.
    text = FENCE.sub(lambda fence: f'{fence[0]}\n\n```text title="Output"\n```\n', only_python(text))
    assert blocks_of(text)
    with gateway_for_pages() as gateway:
        printed = run_page(text, name, gateway)
    return "".join(printed.values()), gateway


def commands(text: str) -> list[re.Match[str]]:
    """The install commands of a page, each a match with ``package`` and ``extra``."""
    lines = [
        line.strip()
        for block in blocks_of(text)
        if block.language in ("bash", "sh")
        for line in block.body.splitlines()
        if line.strip()
    ]
    found = [INSTALL.fullmatch(line) for line in lines]
    assert all(found), lines
    return [match for match in found if match]


def shown(adapter: str, scenario_ids: Iterable[str]) -> bool:
    """Whether the last conformance run has shown all these scenarios, in every mode, for an adapter."""
    driver = next(driver for driver in drivers() if driver.name == adapter)
    by_id = {scenario.id: scenario for scenario in SCENARIOS}
    wanted = [by_id[name] for name in scenario_ids]
    return bool(wanted) and all(
        why_not(scenario, driver) is None
        and all(RESULTS.get(cell_id(scenario, driver, mode)) == "passed" for mode in scenario.modes)
        for scenario in wanted
    )


def group(name: str, adapter: str) -> list[str]:
    """The scenarios of a group that apply to an adapter."""
    driver = next(driver for driver in drivers() if driver.name == adapter)
    found = [scenario.id for scenario in SCENARIOS if scenario.group == name and why_not(scenario, driver) is None]
    assert found
    return found
