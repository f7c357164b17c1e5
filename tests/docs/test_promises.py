"""What is promised has a test, and the check of that finds what has none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from docs.promises import REGISTER, pages, problems, units_of
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
TEST = "tests/docs/test_promises.py::test_every_promise_has_its_tests"


def register(**changes: Any) -> dict[str, Any]:
    return {"promises": {"kept": [TEST]}, "no_promise": {}, **changes}


def test_every_promise_has_its_tests() -> None:
    known = tomllib.loads(REGISTER.read_text(encoding="utf-8"))
    assert problems({page.as_posix(): page.read_text(encoding="utf-8") for page in pages(known)}, known) == []
    assert len(known["promises"]) > 100


@pytest.mark.parametrize(
    "text",
    [
        "Nothing is lost.",
        "It is never\nsent twice.",
        "| `x` | at most three |",
        "It waits for 10 seconds.",
        "- Plain.\n- Only what is set is sent.",
        ":   Every call is counted.",
        "Good. It always works <!-- another comment -->",
    ],
)
def test_a_promise_without_an_id_is_found(text: str) -> None:
    found = problems({"page": f"{text}\n\nIt is so, always. <!-- promise: kept -->\n"}, register())
    assert len(found) == 1
    assert found[0].startswith("page:")
    assert "a promise without an id" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "## Every option",
        "```python\nonly = 'never'\n```",
        "<!-- only a comment -->",
        "The option `only` is a name.",
        "It has 4 corners.",
        "It is never lost. <!-- promise: kept -->",
        "It is never\nlost, at\nany time. <!-- promise: kept -->\nAnother sentence.",
        "| `x` | never lost <!-- promise: kept --> |",
        "| `x` | It is so. Never lost. <!-- promise: kept --> |",
    ],
)
def test_what_is_none_or_has_one_is_not(text: str) -> None:
    assert problems({"page": f"{text}\n\nAlways. <!-- promise: kept -->\n"}, register()) == []


def test_a_register_that_is_stale_is_found() -> None:
    page = {"page": "It never ends. <!-- promise: kept -->\n\nOnly as an example. <!-- promise: unknown -->\n"}
    stale = register(promises={"kept": [], "gone": [TEST]}, no_promise={"no reader": ["nowhere on a page"]})
    assert problems(page, stale) == [
        "page:3: no test is named for the promise 'unknown'",
        "promises.toml: 'gone' stands on no page",
        "promises.toml: 'nowhere on a page' stands on no page",
        "promises.toml: 'kept' has no test",
    ]
    missing = register(promises={"kept": ["tests/docs/test_promises.py::test_of_nothing", "tests/no/file.py::test_it"]})
    told = problems({"page": "Never. <!-- promise: kept -->"}, missing)
    assert [line.partition(" names ")[2] for line in told] == [
        "tests/docs/test_promises.py::test_of_nothing, which does not exist",
        "tests/no/file.py::test_it, which does not exist",
    ]


def test_a_test_that_no_longer_asserts_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = tmp_path / "test_it.py"
    tests.write_text(
        "def test_empty():\n    it()\n\ndef test_raises():\n    with pytest.raises(ValueError):\n        it()\n\n"
        "def helper():\n    assert it()\n\ndef test_by_helper():\n    helper()\n"
    )
    monkeypatch.setattr("docs.promises.ROOT", tmp_path)

    def told(name: str, **more: Any) -> list[str]:
        rows = register(promises={"kept": [f"{tests.name}::{name}"]}, **more)
        return problems({"page": "Never. <!-- promise: kept -->"}, rows)

    assert told("test_empty") == ["promises.toml: 'kept' names test_it.py::test_empty, which asserts nothing"]
    assert told("test_empty", asserts_elsewhere={"test_it.py::test_empty": "in it"}) == []
    assert told("test_raises") == told("test_by_helper") == []
    [stale] = told("test_by_helper", asserts_elsewhere={"test_it.py::test_by_helper": "in it"})
    assert stale.endswith("which asserts by itself: take it out of asserts_elsewhere")


def test_a_phrase_that_promises_nothing_excuses_its_own_unit_alone() -> None:
    excused = register(no_promise={"an example": ["only an example"]})
    text = "This is only an example. It never fails.\n\nAlways. <!-- promise: kept -->\n"
    assert problems({"page": text}, excused) == ["page:1: a promise without an id: It never fails."]
    both = "Never, and only an example. <!-- promise: kept -->"
    assert problems({"page": both}, excused) == ["page:1: has an id, and is listed as no promise: 'only an example'"]


def test_sentences_keep_their_own_marks() -> None:
    units = list(units_of("One is never. <!-- promise: a, b -->\nTwo is. `Three` is only. <!-- promise: c -->\n"))
    assert [(unit.text, unit.ids) for unit in units] == [
        ("One is never.", ("a", "b")),
        ("Two is.", ()),
        ("`Three` is only.", ("c",)),
    ]


def test_the_core_and_the_extras_need_what_their_pages_say() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(lines: list[str]) -> set[str]:
        return {Requirement(line).name for line in lines}

    extras = project["optional-dependencies"]
    assert names(project["dependencies"]) == {"httpx", "msgspec"}
    for page, extra, package in (
        ("langchain", "langchain", "langchain-core"),
        ("llama_index", "llama-index", "llama-index-core"),
    ):
        assert names(extras[extra]) == {package}
        text = (ROOT / "docs" / page / "index.md").read_text(encoding="utf-8")
        oldest = re.search(rf"needs `{package}` (\S+) or newer and nothing else", text)
        assert oldest is not None
        [line] = extras[extra]
        assert f">={oldest[1]}" in line
