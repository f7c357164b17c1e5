"""What the metadata of the wheel must say, and what a package index can show of the README."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from email.parser import Parser
from typing import Any

from packaging.requirements import Requirement

__all__ = ["dead_links", "direct_requirements", "entry_point_problems", "metadata_problems", "plain_name"]

_CODE = re.compile(r"^```.*?^```[ ]*$|`[^`\n]*`", re.M | re.S)
_LINKS = (
    re.compile(r"\]\(\s*<?([^)\s>]+)"),
    re.compile(r"^\s*\[[^\]]+\]:\s*(\S+)", re.M),
    re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)\s*=\s*[\"']([^\"']+)"),
)
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.M)


def plain_name(name: str) -> str:
    """A distribution's or extra's name in the one spelling that counts."""
    return re.sub(r"[-_.]+", "-", name).lower()


def metadata_problems(metadata: str, project: Mapping[str, Any], version: str) -> list[str]:
    """What is wrong with METADATA, given the ``[project]`` table and the version of the source."""
    fields = Parser().parsestr(metadata)
    said = {
        "Name": fields["Name"],
        "Version": fields["Version"],
        "Requires-Python": fields["Requires-Python"],
        "License-Expression": fields["License-Expression"],
        "License-File": fields.get_all("License-File"),
        "Summary": fields["Summary"],
        "Description-Content-Type": fields["Description-Content-Type"],
        "Provides-Extra": sorted(fields.get_all("Provides-Extra") or []),
        "Requires-Dist": sorted(map(_normal, direct_requirements(metadata, ""))),
    }
    meant = {
        "Name": project["name"],
        "Version": version,
        "Requires-Python": project["requires-python"],
        "License-Expression": project["license"],
        "License-File": project["license-files"],
        "Summary": project["description"],
        "Description-Content-Type": "text/markdown",
        "Provides-Extra": sorted(map(plain_name, project["optional-dependencies"])),
        "Requires-Dist": sorted(map(_normal, project["dependencies"])),
    }
    wrong = [f"{name} is {said[name]!r}, not {meant[name]!r}" for name in meant if said[name] != meant[name]]
    body = fields.get_payload()
    if not isinstance(body, str) or not body.strip():
        return [*wrong, "there is no description"]
    return [*wrong, *(f"the link {link} is dead on a package index" for link in dead_links(body))]


def _normal(requirement: str) -> str:
    return str(Requirement(requirement))


def direct_requirements(metadata: str, extra: str) -> list[str]:
    """What an extra needs directly, the base requirements included, without markers; ``""`` is no extra."""
    needed = []
    for line in Parser().parsestr(metadata).get_all("Requires-Dist") or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirement.marker = None
            needed.append(str(requirement))
    return needed


def dead_links(text: str) -> list[str]:
    """Links and images of a Markdown page that lead nowhere once it is shown outside its repository."""
    prose = _CODE.sub("", text)
    anchors = {f"#{_anchor(heading)}" for heading in _HEADING.findall(prose)}
    return [link for link in _targets(prose) if not re.match(r"https://|mailto:", link) and link not in anchors]


def _targets(prose: str) -> Iterator[str]:
    for pattern in _LINKS:
        yield from pattern.findall(prose)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def entry_point_problems(text: str, project: Mapping[str, Any]) -> list[str]:
    """What is wrong with entry_points.txt."""
    parser = ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    said = {section: dict(parser[section]) for section in parser.sections()}
    meant = {"console_scripts": dict(project["scripts"]), **project["entry-points"]}
    return [] if said == meant else [f"entry points are {said!r}, not {meant!r}"]
