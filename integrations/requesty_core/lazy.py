"""Public names that are loaded when they are first asked for.

A package that has a table of names, by the module that defines them, states its public names once: `__all__`, what an
attribute resolves to, and the stub beside it for type checkers (`scripts/generate_stubs.py`) all come from the table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]

Names = Mapping[str, tuple[str, ...]]


def lazy_names(package: str, table: Names) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """What a package assigns to ``__all__``, ``__getattr__`` and ``__dir__``.

    Args:
        package: the package's ``__name__``.
        table: public names by the module that defines them, written as in ``importlib.import_module`` (relative to the
            package with a leading dot).
    """
    homes = {name: module for module, names in table.items() for name in names}
    public = sorted(homes)

    def load(name: str) -> Any:
        module = homes.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module, package), name)
        setattr(sys.modules[package], name, value)
        return value

    def listing() -> list[str]:
        return sorted({*vars(sys.modules[package]), *public})

    return public, load, listing
