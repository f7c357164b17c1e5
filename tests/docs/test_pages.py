"""Every block of the README and the documentation does what the page says, against the emulator."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.blocks import BlockError, blocks_of, differences, gateway_for_pages, run_page, with_outputs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def groups() -> Iterator[Any]:
    """Pages with code: those of a folder together, so that its framework is imported once; the others alone."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        if blocks_of(page.read_text(encoding="utf-8")):
            name = name_of(page)
            folder = name.rpartition("/")[0]
            found.setdefault(name if folder in ("", "docs") else folder, []).append(name)
    for group, names in found.items():
        yield pytest.param(names, id=group)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pages", list(groups()))
def test_the_blocks_of_pages_run(pages: list[str]) -> None:
    # A process of their own, as a reader has: frameworks keep settings, tracers and event loops for a whole process.
    done = subprocess.run(
        [sys.executable, "docs/blocks.py", "--check", *pages],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


# --- the runner itself ------------------------------------------------------------------------------------------------


def run(text: str) -> dict[int, str]:
    with gateway_for_pages() as gateway:
        return run_page(text, "page", gateway)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```python\n1 / 0\n```\n", "page:2: ZeroDivisionError: division by zero"),
        (
            "```python\ndef test_it(gateway):\n    assert not gateway.requests, 'called'\n    assert False\n```\n",
            "Assertion",
        ),
        ("```diff\n-x = (\n+x = 1\n```\n", "what was before does not compile"),
        ("```diff\n-x = 1\n+x = 1 / 0\n```\n", "ZeroDivisionError"),
        ("```bash\ncurl example.com\n```\n", "curl is no command that pages may show"),
        ('```bash\npip install "requesty-adapters[flying]"\n```\n', "no such extra: flying"),
        ('```bash\npip install ".[flying]"\n```\n', "no such extra: flying"),
        ("```bash\nmake coffee\n```\n", "no such target"),
        ("```bash\nrequesty-adapters models --offline --capability flying\n```\n", "flying"),
        ('```text title="Output"\nx\n```\n', "follows no code"),
        ('```python\nprint(1)\n```\n\nwords\n\n```text title="Output"\n1\n```\n', "follows no code"),
    ],
)
def test_a_wrong_block_fails_its_page(text: str, told: str) -> None:
    with pytest.raises(BlockError, match=re.escape(told)):
        run(text)


def test_a_wrong_output_is_seen_and_can_be_written() -> None:
    code = '=== "Tab"\n\n    ```python\n    print("a ")\n    print(2)\n    ```\n\n'
    text = code + '    ```text title="Output"\n    a\n    3\n    ```\n'
    printed = run(text)
    assert "page:9" in differences(text, "page", printed)
    assert with_outputs(text, printed) == text.replace("    3\n", "    2\n")
    assert not differences(text.replace("    3\n", "    ...\n"), "page", printed)
    assert with_outputs(text.replace("    3\n", "    ...\n"), printed) == text.replace("    3\n", "    ...\n")
