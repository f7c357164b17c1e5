"""CONTRIBUTING says of every room what belongs there, and the contracts say of every room what it may import."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["requesty_core", "requesty_emulator"]


def rooms(package: str) -> set[str]:
    """The folders of a package that hold code."""
    return {path.parent.name for path in (ROOT / "integrations" / package).glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_and_no_other_is_in_the_table(package: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split(f"| the line | belongs in `{package}/` |")[1].split("\n\n")[0]
    last_cells = (row.rsplit("|", 2)[1] for row in table.splitlines() if row.count("|") > 1)
    named = [name for cell in last_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(rooms(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_stands_in_the_layers(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers" and c["containers"] == [package])
    named = {name for layer in layers for name in re.findall(r"\w+", layer)}
    assert rooms(package) <= named
