"""The pages of the command line say what the commands are; `docs/generate_cli.py --check` compares the outputs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from requesty_cli.configure.applications import APPLICATIONS
from requesty_cli.problems import EXIT_CODES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_and_option_is_on_the_page(generator: ModuleType) -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for name, command in generator.commands().items():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert "\n".join(generator.option_table(command)) in section, f"{name}: run python docs/generate_cli.py"
        assert f"$ requesty-adapters {name}" in section or f"| requesty-adapters {name}" in section


def test_every_exit_code_is_on_the_page() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert all(f"| {code} | {meaning} |" in page for code, meaning in EXIT_CODES.items())


def test_every_application_is_on_its_page() -> None:
    page = (DOCS / "applications.md").read_text(encoding="utf-8")
    for name, one in APPLICATIONS.items():
        section = page.partition(f"\n## {one.title}\n")[2].partition("\n## ")[0]
        assert f"$ requesty-adapters configure {name}" in section
        assert one.model in section


def test_what_differs_from_run_to_run_is_not_compared(generator: ModuleType) -> None:
    one = "ok   latency     1 ms at best\nok   openai      openai 3.0 (x)\n day  2026-08-07\n ─────\n"
    two = "ok   latency     118 ms at best\n--   openai      not installed\n day    2026-08-08\n ───────\n"
    assert generator.comparable(one) == generator.comparable(two)
    assert generator.comparable(one) != generator.comparable(one.replace("best", "worst"))
