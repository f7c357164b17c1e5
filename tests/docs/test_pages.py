"""Every block of the README and the documentation does what the page says, against the emulator."""

from __future__ import annotations

import re
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


def with_code() -> Iterator[Any]:
    for page in PAGES:
        if blocks_of(page.read_text(encoding="utf-8")):
            yield pytest.param(page, id=name_of(page))


@pytest.mark.parametrize("page", list(with_code()))
def test_the_blocks_of_a_page_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    with gateway_for_pages() as gateway:
        printed = run_page(text, name_of(page), gateway)
    assert not differences(text, name_of(page), printed)


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
