"""The rules of what is released: each catches what it is for."""

from __future__ import annotations

import tomllib

import pytest

from .artefacts import ROOT
from .contents import SDIST_FILES, SDIST_FOLDERS, differences, import_roots, sdist_problems, wheel_problems
from .metadata import dead_links, direct_requirements, entry_point_problems, metadata_problems

ROOTS = ("requesty_core", "llama_index/llms/requesty")
CODE = {
    "requesty_core/__init__.py",
    "requesty_core/client.py",
    "requesty_core/data/catalog.json",
    "requesty_core/py.typed",
    "llama_index/llms/requesty/__init__.py",
    "llama_index/llms/requesty/base.py",
    "llama_index/llms/requesty/py.typed",
}
RECORDS = {
    f"requesty_adapters-1.0.dist-info/{name}"
    for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
}
PROJECT = {
    "name": "requesty-adapters",
    "requires-python": ">=3.11",
    "license": "Apache-2.0",
    "license-files": ["LICENSE"],
    "description": "A gateway.",
    "dependencies": ["httpx>=0.27,<1"],
    "optional-dependencies": {"langchain": ["langchain-core>=1.6"], "cli": ["typer>=0.12"]},
    "scripts": {"requesty-adapters": "requesty_cli.main:main"},
    "entry-points": {"pytest11": {"requesty": "requesty_emulator.pytest_plugin"}},
}
METADATA = """Metadata-Version: 2.4
Name: requesty-adapters
Version: 1.0
Summary: A gateway.
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.11
Requires-Dist: httpx<1,>=0.27
Provides-Extra: cli
Requires-Dist: typer>=0.12; extra == 'cli'
Provides-Extra: langchain
Requires-Dist: langchain-core>=1.6; extra == 'langchain'
Description-Content-Type: text/markdown

# A gateway

Words.
"""


def test_a_good_wheel_has_no_problem() -> None:
    assert wheel_problems(CODE | RECORDS, CODE, ROOTS) == []
    assert wheel_problems(CODE | RECORDS, None, ROOTS) == []


@pytest.mark.parametrize(
    ("more", "less", "said"),
    [
        ("requesty_core/secrets.env", "", "neither Python nor a known data file"),
        ("requesty_core/client.pyc", "", "neither Python nor a known data file"),
        ("requesty_core/data/py.typed", "", "neither Python nor a known data file"),
        ("requesty_core/test_client.py", "", "is a test"),
        ("requesty_core/tests/helper.py", "", "is a test"),
        ("docs/page.py", "", "under no import root"),
        ("llama_index/stray.py", "", "under no import root"),
        ("requesty_other/__init__.py", "", "no import root that pyproject.toml knows"),
        ("", "llama_index/llms/requesty/py.typed", "has no py.typed"),
        ("", "requesty_core/client.py", "not in the wheel"),
        ("requesty_core/new.py", "", "not under version control"),
        ("", "requesty_adapters-1.0.dist-info/licenses/LICENSE", "licenses/LICENSE is missing"),
        ("requesty_adapters-1.0.dist-info/notes.txt", "", "notes.txt is not expected"),
    ],
)
def test_a_bad_wheel_says_what_is_wrong(more: str, less: str, said: str) -> None:
    names = (CODE | RECORDS | {more}) - {less, ""}
    assert any(said in problem for problem in wheel_problems(names, CODE, ROOTS))


def test_an_init_above_a_leaf_hides_the_frameworks_own_package() -> None:
    names = CODE | RECORDS | {"llama_index/__init__.py"}
    assert "llama_index is no import root that pyproject.toml knows" in wheel_problems(names, None, ROOTS)
    assert import_roots(names) == {"requesty_core", "llama_index"}


def test_sdist() -> None:
    inside = {*SDIST_FILES, *(f"{folder}/a.py" for folder in SDIST_FOLDERS)}
    tracked = {*inside, ".ci/run", "benchmarks/quick.py"}
    assert sdist_problems({*inside, "PKG-INFO", ".gitignore"}, tracked) == []
    names = {*inside, ".ci/run", "docs/draft.md"} - {"tests/a.py"}
    assert sdist_problems(names, tracked) == [
        "PKG-INFO is missing",
        "tests/a.py is missing",
        ".ci/run does not belong",
        "docs/draft.md is not under version control",
    ]


def test_the_build_has_the_same_list_as_the_rule() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert set(build["only-include"]) == {*SDIST_FILES, *SDIST_FOLDERS}


def test_differences() -> None:
    assert differences({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"2"}) == []
    assert differences({"a": b"1", "b": b"2", "d": b""}, {"a": b"1", "b": b"3", "c": b""}) == ["b", "c", "d"]


def test_good_metadata() -> None:
    assert metadata_problems(METADATA, PROJECT, "1.0") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Version: 1.0", "Version: 1.1", "Version is '1.1', not '1.0'"),
        ("Requires-Python: >=3.11\n", "", "Requires-Python is None"),
        ("License-File: LICENSE\n", "", "License-File is None"),
        ("Provides-Extra: cli\n", "", "Provides-Extra is ['langchain']"),
        ("httpx<1,", "httpx", "Requires-Dist is"),
        ("text/markdown", "text/plain", "Description-Content-Type"),
        ("# A gateway\n\nWords.\n", "", "there is no description"),
        ("Words.", "[Words](docs/words.md)", "the link docs/words.md is dead"),
    ],
)
def test_bad_metadata(old: str, new: str, said: str) -> None:
    (problem,) = metadata_problems(METADATA.replace(old, new, 1), PROJECT, "1.0")
    assert said in problem


def test_dead_links() -> None:
    page = """# One page

[a](docs/a.md) [b](https://example.org/b) [c](#one-page) [d](#nowhere) ![e](docs/e.svg) [f](/f) `[g](g.md)`
<img src="h.png" alt=""> <a href='https://example.org'>i</a> [j](mailto:j@example.org) [k](http://example.org)

[l]: l.md

```python
"[m](m.md)"
```
"""
    assert dead_links(page) == ["docs/a.md", "#nowhere", "docs/e.svg", "/f", "http://example.org", "l.md", "h.png"]


def test_direct_requirements() -> None:
    assert direct_requirements(METADATA, "") == ["httpx<1,>=0.27"]
    assert direct_requirements(METADATA, "cli") == ["httpx<1,>=0.27", "typer>=0.12"]


def test_entry_points() -> None:
    text = (
        "[console_scripts]\nrequesty-adapters = requesty_cli.main:main\n\n"
        "[pytest11]\nrequesty = requesty_emulator.pytest_plugin\n"
    )
    assert entry_point_problems(text, PROJECT) == []
    assert entry_point_problems(text.replace("main:main", "main:run"), PROJECT)
    assert entry_point_problems(text.partition("[pytest11]")[0], PROJECT)
