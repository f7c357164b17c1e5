"""The installed frameworks, and whether each lies in the range that the package's own metadata supports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import Requirement

__all__ = ["DISTRIBUTION", "Framework", "frameworks", "supported"]

DISTRIBUTION = "requesty-adapters"
NO_FRAMEWORKS = frozenset({"ledger", "plot", "bulk", "ray", "emulator", "cli", "all"})


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework: the extra that asks for it, its distribution, what is supported and what is installed."""

    extra: str
    package: str
    supported: str
    installed: str | None
    is_supported: bool | None
    """``None`` if it is not installed."""


def supported(requires: Iterable[str], extras: Iterable[str]) -> dict[str, Requirement]:
    """The requirement of each extra that stands for a framework, from a distribution's metadata.

    ``requires`` are the lines of ``Requires-Dist``, ``extras`` the names of ``Provides-Extra``.
    """
    lines = [Requirement(line) for line in requires]
    found: dict[str, Requirement] = {}
    for extra in extras:
        if extra in NO_FRAMEWORKS:
            continue
        for line in lines:
            if line.marker is not None and line.name != DISTRIBUTION and _holds(line, extra):
                found[extra] = line
    return found


def _holds(line: Requirement, extra: str) -> bool:
    """Whether the requirement belongs to the extra, not to every installation."""
    marker = line.marker
    if marker is None:
        return False
    try:
        return marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})
    except UndefinedEnvironmentName:
        return False


def frameworks(version: Callable[[str], str] = metadata.version) -> list[Framework]:
    """Every framework this package adapts. ``version`` tells an installed version or raises ``PackageNotFoundError``.

    Empty if the package itself is not installed (run from its source), because then nothing states the ranges.
    """
    try:
        own = metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return []
    ranges = supported(own.get_all("Requires-Dist") or (), own.get_all("Provides-Extra") or ())
    found = []
    for extra, requirement in ranges.items():
        try:
            installed = version(requirement.name)
        except metadata.PackageNotFoundError:
            installed = None
        fits = None if installed is None else requirement.specifier.contains(installed, prereleases=True)
        # Lower bounds first, as people write them.
        parts = sorted(map(str, requirement.specifier), key=lambda part: (part[0] != ">", part))
        found.append(Framework(extra, requirement.name, ",".join(parts), installed, fits))
    return found
