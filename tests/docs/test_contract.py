"""``docs/contract.md`` has every section that code and tests cite, and a tag behind every fact."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
ANCHORS = re.findall(r"\{#(section-[\d-]+)\}", PAGE)
HEADING = re.compile(r"^## (\d+)\. .*?(?: \{#(\S+)\})?$", re.M)
SOURCES = sorted(path for folder in ("integrations", "tests") for path in (ROOT / folder).rglob("*.py"))

TAG = re.compile(r"\b(?:documented|observed|reported|conflicts?|unknown)\b")
UNTAGGED = ("20", "21")
"""Conclusions and open questions: neither holds facts. Section 19 holds conflicts alone."""

NUMBERS = r"\d+(?:(?:, | and | to )\d+)*"
CITED = re.compile(rf"(?<![\w.])(?P<what>[Ss]ections?|conflicts?) (?P<numbers>{NUMBERS})")
OTHERS = re.compile(r"\b(?:RFC|ISO|PEP)[ -]?\d+(?:,? section [\d.]+)?")
TEST = re.compile(r"^ *(?:async )?def test_(?P<section>\d\d)_(?P<rows>\d\d(?:_(?:and|to)_\d\d)*)_", re.M)


def prose_of(source: str) -> str:
    """The comments and the triple-quoted strings of a Python file, one after the other."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and '"""' in token.string):
            found.append(re.sub(r"\s+", " ", token.string.lstrip("#: ")))
    return " ".join(found)


def numbers_of(text: str) -> list[int]:
    """``1``, ``1 and 3``, ``1 to 3`` and ``1, 3`` as numbers; both ends and all between of a range."""
    ends = [int(number) for number in re.findall(r"\d+", text)]
    return list(range(ends[0], ends[-1] + 1)) if "to" in text else ends


def anchors_cited(source: str) -> Iterator[str]:
    """Every anchor of the contract that a Python file names, in prose or by the name of a test."""
    for match in CITED.finditer(OTHERS.sub("", prose_of(source))):
        prefix = "section" if match["what"].lower().startswith("section") else "section-19"
        for number in numbers_of(match["numbers"]):
            yield f"{prefix}-{number}"
    for match in TEST.finditer(source):
        for row in numbers_of(match["rows"]):
            yield f"section-{int(match['section'])}-{row}"


@pytest.mark.parametrize(
    ("source", "anchors"),
    [
        ('"""Usage reports (contract, section 12)."""', ["section-12"]),
        ('"""Switches (contract, sections 20 and\n    21)."""', ["section-20", "section-21"]),
        ("#: Refuse it (contract, conflict 3).", ["section-19-3"]),
        ("# The contract's conflicts 6 to 8.", ["section-19-6", "section-19-7", "section-19-8"]),
        ("#: All switches (contract,\n#: section 21).", ["section-21"]),
        ("# In another section, 12 things.", []),
        ("title = 'section 99'  # not a citation", []),
        ("# RFC 9110, section 10.2.3 has the dates.", []),
        ("def test_19_01_it_holds(): ...", ["section-19-1"]),
        ("async def test_19_10_and_11_they_hold(): ...", ["section-19-10", "section-19-11"]),
        ("def test_21_03_to_05_they_hold(): ...", ["section-21-3", "section-21-4", "section-21-5"]),
        ("def test_20_defaults(): ...", []),
    ],
)
def test_citations_are_found(source: str, anchors: list[str]) -> None:
    assert list(anchors_cited(source)) == anchors


def test_every_citation_names_a_section_that_exists() -> None:
    cited = {
        (path.relative_to(ROOT).as_posix(), anchor)
        for path in SOURCES
        if path != Path(__file__)
        for anchor in anchors_cited(path.read_text(encoding="utf-8"))
    }
    assert {"section-3", "section-12", "section-19", "section-19-1", "section-21-17"} <= {anchor for _, anchor in cited}
    assert sorted(where for where in cited if where[1] not in ANCHORS) == []


def test_sections_and_rows_keep_their_numbers() -> None:
    assert [match.groups() for match in HEADING.finditer(PAGE)] == [
        *((str(number), f"section-{number}") for number in range(1, 22)),
    ]
    for section in (19, 21):
        rows = re.findall(rf"^\| (\d+) \{{#section-{section}-(\d+)\}} \|", PAGE, re.M)
        assert rows == [(str(number), str(number)) for number in range(1, len(rows) + 1)]
    assert len(ANCHORS) == len(set(ANCHORS))


def facts() -> Iterator[tuple[str, str]]:
    """Section and text of every list item, and of every row of a table below its head."""
    section, lines = "", PAGE.split("\n")
    for index, line in enumerate(lines):
        if heading := HEADING.match(line):
            section = heading[1]
        if line.startswith("- "):
            rest = lines[index + 1 :]
            end = next(at for at, later in enumerate(rest) if not later.startswith("  "))
            yield section, " ".join([line, *rest[:end]])
        if line.startswith("|") and not line.startswith("|---") and not lines[index + 1].startswith("|---"):
            yield section, line


def test_every_fact_has_a_tag() -> None:
    found = [(section, fact) for section, fact in facts() if section and section not in (*UNTAGGED, "19")]
    assert len(found) > 300
    assert [fact for _, fact in found if not TAG.search(fact if fact.startswith("-") else fact.split(" | ")[-1])] == []
