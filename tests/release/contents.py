"""What wheel and sdist may contain: every rule is a function from names to the list of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

__all__ = ["DATA", "SDIST_FILES", "SDIST_FOLDERS", "differences", "import_roots", "sdist_problems", "wheel_problems"]

# Files of the wheel that are neither Python nor a marker of types.
DATA = frozenset(
    {
        "requesty_core/data/catalog.json",
        "requesty_core/data/rules.json",
        *(
            f"requesty_emulator/page/static/{name}"
            for name in ("detail.js", "dom.js", "icon.svg", "index.html", "list.js", "main.js", "page.css")
        ),
    }
)
DIST_INFO = frozenset({"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"})
# What building needs, what the tests read, and the licence. The rest of the checkout stays there.
SDIST_FOLDERS = ("catalog", "integrations", "tests", "docs", "notebooks", "registries", "scripts")
SDIST_FILES = frozenset(
    {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "SECURITY.md",
        "constraints.txt",
        "mkdocs.yml",
        "pyproject.toml",
    }
)
# The build adds its record, and the list of what version control ignores so that a second build ignores it too.
SDIST_ADDED = frozenset({"PKG-INFO", ".gitignore"})
_TESTS = re.compile(r"(^|/)(tests?|docs|benchmarks|notebooks)/|(^|/)(test_[^/]*|conftest)\.py$")


def import_roots(names: Iterable[str]) -> set[str]:
    """The topmost packages: folders with an ``__init__.py`` that no folder above them has."""
    packages = {PurePosixPath(name).parent for name in names if PurePosixPath(name).name == "__init__.py"}
    return {str(folder) for folder in packages if not packages.intersection(folder.parents)}


def wheel_problems(names: Collection[str], tracked: Collection[str] | None, expected_roots: Iterable[str]) -> list[str]:
    """What is wrong with the files of a wheel.

    Args:
        names: the files of the wheel.
        tracked: the files of ``integrations/`` under version control, without that prefix; ``None`` if unknown.
        expected_roots: the import roots as paths, such as ``llama_index/llms/requesty``.
    """
    code = {name for name in names if ".dist-info/" not in name}
    records = {name.split(".dist-info/", 1)[1] for name in names if ".dist-info/" in name}
    roots, expected = import_roots(code), set(expected_roots)
    return [
        *(f"{root} is no import root that pyproject.toml knows" for root in sorted(roots - expected)),
        *(f"the import root {root} is missing" for root in sorted(expected - roots)),
        *(f"{root} has no py.typed" for root in sorted(roots) if f"{root}/py.typed" not in code),
        *_strangers(code, roots),
        *(f"the record {name} is missing" for name in sorted(DIST_INFO - records)),
        *(f"the record {name} is not expected" for name in sorted(records - DIST_INFO)),
        *(_against_tracked(code, tracked) if tracked is not None else ()),
    ]


def _strangers(code: Iterable[str], roots: Collection[str]) -> Iterator[str]:
    markers = {f"{root}/py.typed" for root in roots}
    for name in sorted(code):
        if not any(name.startswith(f"{root}/") for root in roots):
            yield f"{name} is under no import root"
        elif _TESTS.search(name):
            yield f"{name} is a test or a page"
        elif not (name.endswith((".py", ".pyi")) or name in markers or name in DATA):
            yield f"{name} is neither Python nor a known data file (add it to DATA if it belongs there)"


def _against_tracked(code: Collection[str], tracked: Collection[str]) -> Iterator[str]:
    yield from (f"{name} is not under version control" for name in sorted(set(code) - set(tracked)))
    yield from (f"{name} is in integrations/ but not in the wheel" for name in sorted(set(tracked) - set(code)))


def sdist_problems(names: Collection[str], tracked: Collection[str] | None) -> list[str]:
    """What is wrong with the files of an sdist, ``names`` without its top folder; ``tracked`` as in the checkout."""
    wanted = {name for name in tracked if _in_sdist(name)} if tracked is not None else set(SDIST_FILES)
    return [
        *(f"{name} is missing" for name in sorted((wanted | SDIST_FILES | {"PKG-INFO"}) - set(names))),
        *(f"{name} does not belong" for name in sorted(names) if not _in_sdist(name) and name not in SDIST_ADDED),
        *(
            f"{name} is not under version control"
            for name in sorted(set(names) - set(tracked or names) - SDIST_ADDED)
            if _in_sdist(name)
        ),
    ]


def _in_sdist(name: str) -> bool:
    return name in SDIST_FILES or name.split("/", 1)[0] in SDIST_FOLDERS


def differences(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Files that only one of two archives has, or that differ."""
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
