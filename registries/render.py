"""Render what each framework's registry wants.

``python registries/render.py --repository URL --documentation URL --out DIR``

The templates beside this file hold everything but the two addresses, which are taken from ``[project.urls]`` of
``pyproject.toml`` where they are not given. What is written below DIR is named and laid out as the target repository
wants it; what goes where, and how, is printed. Exit code 2 says in one line which setting is missing or wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, NoReturn

__all__ = ["TARGETS", "SettingError", "Target", "main", "render"]

HERE = Path(__file__).resolve().parent
PYPROJECT = HERE.parent / "pyproject.toml"
LOGOS = (".png", ".svg", ".jpg", ".jpeg")

URL = re.compile(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d{1,5})?(?P<path>(?:/[A-Za-z0-9._~-]+)*)", re.ASCII)
# Labels of [project.urls], in lower case without punctuation.
LABELS = {
    "repository": ("repository", "source", "sourcecode", "github"),
    "documentation": ("documentation", "docs"),
}


class SettingError(ValueError):
    """A setting is missing or unusable; the message names it and says what to do."""


@dataclass(frozen=True)
class Target:
    """One thing to hand in."""

    template: str
    """Below ``registries/``."""
    repository: str
    """``owner/name`` on GitHub."""
    path: str
    """Where it goes in that repository: a new file, lines to add to the file of that name without ``.add``, or the text
    of an issue (``ISSUE-…``)."""
    how: str
    """How to hand it in."""


TARGETS = (
    Target(
        "langchain/listing_issue.md",
        "langchain-ai/docs",
        "ISSUE-integration-listing.md",
        "open an issue with the form 'Integration listing'; a heading is a field",
    ),
    Target(
        "langchain/rows.yaml",
        "langchain-ai/docs",
        "scripts/data/integration_external_docs.add.yaml",
        "rows under python, which maintainers make from the issue; by pull request only if they ask for one",
    ),
    Target(
        "langchain/chat.mdx",
        "langchain-ai/docs",
        "src/oss/python/integrations/chat/requesty.mdx",
        "pull request, only from 50,000 downloads a month or when a maintainer asks; it replaces the row under chat",
    ),
    Target(
        "langchain/provider.mdx",
        "langchain-ai/docs",
        "src/oss/python/integrations/providers/requesty.mdx",
        "together with the page above, never without it",
    ),
    Target(
        "llama_index/listing_issue.md",
        "run-llama/llama_index",
        "ISSUE-feature-request.md",
        "open an issue with the form 'Feature Request'; a heading is a field",
    ),
    Target(
        "haystack/requesty.md",
        "deepset-ai/haystack-integrations",
        "integrations/requesty.md",
        "pull request that adds this file, and the logo if there is one",
    ),
    Target(
        "haystack/config_docusaurus.yml",
        "deepset-ai/haystack-core-integrations",
        "integrations/requesty/pydoc/config_docusaurus.yml",
        "only with the code, should deepset take the integration over; until then for haystack-pydoc on this machine",
    ),
    Target(
        "pydantic_ai/third_party.md",
        "pydantic/pydantic-ai",
        "docs/capabilities/third-party.add.md",
        "pull request that adds this section",
    ),
    Target(
        "pydantic_ai/compatible_apis.md",
        "pydantic/pydantic-ai",
        "docs/models/compatible-apis.add.md",
        "pull request that adds this section in alphabetical order",
    ),
)


def render(repository: str, documentation: str, logo: str | None = None) -> dict[Target, str]:
    """The text of every target.

    Args:
        repository: https address of the source repository, ending in ``OWNER/NAME``.
        documentation: https address of the documentation's first page.
        logo: file name of the logo for Haystack's page; without one the page has none.

    Raises:
        SettingError: an address is not one.
    """
    repository = checked_url(repository, "repository").removesuffix(".git")
    documentation = checked_url(documentation, "documentation")
    slug = _slug(repository)
    project = _pyproject()["project"]
    values = {
        "repository": repository,
        "documentation": documentation,
        # What an empty field of a GitHub form looks like.
        "github": slug if repository.startswith("https://github.com/") else "_No response_",
        "package": project["name"],
        "license": project["license"],
        "author": project["authors"][0]["name"],
        "logo": f"logo: /logos/{logo}\n" if logo else "",
    }
    return {
        target: Template((HERE / target.template).read_text(encoding="utf-8")).substitute(values) for target in TARGETS
    }


def checked_url(value: str, setting: str) -> str:
    """The address without a slash at its end.

    Raises:
        SettingError: it is not a plain https address.
    """
    match = URL.fullmatch(value.rstrip("/"))
    if match is None:
        raise SettingError(
            f"{setting}: {value!r} is no plain https address (no user, query or fragment); give one such as "
            "https://HOST/OWNER/NAME"
        )
    return match[0]


def _slug(repository: str) -> str:
    path = URL.fullmatch(repository)["path"].strip("/")  # type: ignore[index]
    if path.count("/") < 1:
        raise SettingError(f"repository: {repository!r} names no owner and repository; give https://HOST/OWNER/NAME")
    return path


def _pyproject() -> Mapping[str, Any]:
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))


def _from_pyproject(setting: str) -> str | None:
    urls = _pyproject()["project"].get("urls", {})
    by_label = {re.sub(r"[\W_]", "", label).lower(): url for label, url in urls.items()}
    return next((by_label[label] for label in LABELS[setting] if label in by_label), None)


def _addresses(given: argparse.Namespace) -> tuple[str, str]:
    found = {setting: getattr(given, setting) or _from_pyproject(setting) for setting in LABELS}
    if missing := [setting for setting, value in found.items() if not value]:
        names, options = " and ".join(missing), " ".join(f"--{setting} URL" for setting in missing)
        raise SettingError(f"{names}: not set; give {options}, or set it in [project.urls] of pyproject.toml")
    return str(found["repository"]), str(found["documentation"])


def _logo(given: str | None) -> tuple[str, bytes] | None:
    if given is None:
        return None
    path = Path(given)
    if path.suffix.lower() not in LOGOS:
        raise SettingError(f"logo: {given!r} is no picture Haystack's site takes; give one of {', '.join(LOGOS)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingError(f"logo: {given!r} cannot be read ({error.strerror}); give a picture file") from error
    return f"requesty{path.suffix.lower()}", data


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise SettingError(f"out: cannot write {path} ({error.strerror}); give a folder that can be made") from error


class _OneLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(message)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = _OneLine(prog="registries/render.py", description="Write what the frameworks' registries want.")
    parser.add_argument("--repository", metavar="URL", help="source repository; default: [project.urls]")
    parser.add_argument("--documentation", metavar="URL", help="documentation; default: [project.urls]")
    parser.add_argument("--out", metavar="DIR", help="folder to write to")
    parser.add_argument("--logo", metavar="FILE", help="Requesty's logo, for Haystack's page")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Write everything and say where it goes; 2 if a setting is missing or wrong."""
    try:
        given = _arguments(arguments)
        repository, documentation = _addresses(given)
        logo = _logo(given.logo)
        if not given.out:
            raise SettingError("out: not set; give --out DIR, a folder to write to")
        texts = render(repository, documentation, logo[0] if logo else None)
        out = Path(given.out)
        for target, text in texts.items():
            _write(out / target.repository / target.path, text.encode())
        if logo:
            _write(out / "deepset-ai/haystack-integrations/logos" / logo[0], logo[1])
    except SettingError as error:
        print(f"registries/render: {error}", file=sys.stderr)
        return 2
    for target in texts:
        print(f"{target.repository}: {target.path}\n    {target.how}")
    if logo:
        print(f"deepset-ai/haystack-integrations: logos/{logo[0]}\n    together with integrations/requesty.md")
    for note in _notes(repository, logo is not None):
        print(f"note: {note}")
    return 0


def _notes(repository: str, has_logo: bool) -> list[str]:
    notes = []
    if not has_logo:
        notes.append("Haystack's page has no logo; --logo FILE adds one")
    owner = _slug(checked_url(repository, "repository")).split("/")[0]
    others = sorted(set(_pyproject()["tool"]["llamahub"]["class_authors"].values()) - {owner})
    if others:
        notes.append(
            f"[tool.llamahub.class_authors] of pyproject.toml says {', '.join(others)}; LlamaHub wants the account of "
            f"the authors, and the repository is {owner}'s"
        )
    return notes


if __name__ == "__main__":
    raise SystemExit(main())
