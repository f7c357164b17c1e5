"""The table of public names: every name resolves, `import *` gives exactly them, and the stub agrees."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = ["requesty_core", "requesty_core.adapters"]


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> ModuleType:
    """A package that loads its names lazily."""
    return import_module(request.param)


def test_every_name_resolves_to_what_its_module_defines(package: ModuleType) -> None:
    for module, names in package.NAMES.items():
        for name in names:
            assert getattr(package, name) is getattr(import_module(module, package.__name__), name)


def test_import_star_gives_the_public_names(package: ModuleType) -> None:
    gained: dict[str, object] = {}
    exec(f"from {package.__name__} import *", gained)
    gained.pop("__builtins__")
    assert (
        sorted(gained) == sorted(package.__all__) == sorted(name for names in package.NAMES.values() for name in names)
    )
    assert set(package.__all__) <= set(dir(package))


def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=rf"^module '{package.__name__}' has no attribute 'Requesty'$"):
        _ = package.Requesty


def test_the_stub_names_the_same(package: ModuleType) -> None:
    tree = ast.parse(Path(str(package.__file__)).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = {
        (node.module, node.level, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    expected = {
        (module.lstrip("."), len(module) - len(module.lstrip(".")), name)
        for module, names in package.NAMES.items()
        for name in names
    }
    assert imported == expected


def test_a_name_loads_no_more_than_its_module_needs() -> None:
    code = (
        "import sys, requesty_core; requesty_core.Timeouts\n"
        "print('httpx' in sys.modules, 'requesty_core.client' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["False", "False"]
