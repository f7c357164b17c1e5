"""``registries/render.py``: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from registries.render import TARGETS, main
from tests.registries.pages import DOCUMENTATION, REPOSITORY, ROOT

from registries import render

REGISTRIES = ROOT / "registries"
URL = re.compile(r"https?://[^\s)\"'`<>]+")
HOSTS = {
    "github.com",
    "docs.example.com",
    "requesty.ai",
    "app.requesty.ai",
    "router.requesty.ai",
    "router.eu.requesty.ai",
    "img.shields.io",
    "spdx.org",
}


def arguments(out: Path, **settings: str) -> list[str]:
    given = {"repository": REPOSITORY, "documentation": DOCUMENTATION, "out": str(out), **settings}
    return [word for name, value in given.items() for word in (f"--{name}", value)]


def test_every_target_is_written_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path)) == 0
    said = capsys.readouterr().out
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {f"{target.repository}/{target.path}" for target in TARGETS}
    for target in TARGETS:
        assert f"{target.repository}: {target.path}\n    {target.how}" in said


def test_every_template_is_a_target_and_in_the_table() -> None:
    templates = {target.template for target in TARGETS}
    found = {
        path.relative_to(REGISTRIES).as_posix()
        for suffix in ("md", "mdx", "yaml", "yml")
        for path in REGISTRIES.glob(f"*/*.{suffix}")
    }
    assert found == templates
    table = (REGISTRIES / "README.md").read_text(encoding="utf-8")
    for target in TARGETS:
        assert f"]({target.template})" in table
        assert f"(https://github.com/{target.repository})" in table


def test_links_of_the_table_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", (REGISTRIES / "README.md").read_text(encoding="utf-8")):
        assert (REGISTRIES / link).exists(), link


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.template)
def test_nothing_is_left_to_fill_in(target: render.Target, rendered: Path) -> None:
    text = (rendered / target.repository / target.path).read_text(encoding="utf-8")
    assert not re.search(r"\$\{|\bTODO\b|MODULE_NAME|\bFIXME\b", text)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.template)
def test_addresses_are_known_and_pages_exist(target: render.Target, rendered: Path) -> None:
    for url in URL.findall((rendered / target.repository / target.path).read_text(encoding="utf-8")):
        assert urlsplit(url).hostname in HOSTS, url
        if url.startswith(DOCUMENTATION):
            page = url.removeprefix(DOCUMENTATION).strip("/")
            assert (ROOT / "docs" / f"{page}.md").exists() or (ROOT / "docs" / page / "index.md").exists(), url
        if url.startswith("https://github.com/"):
            assert url in (REPOSITORY, f"{REPOSITORY}/issues")


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("repository", "http://github.com/a/b", "'http://github.com/a/b' is no plain https address"),
        ("repository", "github.com/a/b", "no plain https address"),
        ("repository", "https://user:secret@github.com/a/b", "no plain https address"),
        ("repository", "https://github.com/a/b?x=1", "no plain https address"),
        ("repository", "https://github.com/a b/c", "no plain https address"),
        ("repository", "https://localhost/a/b", "no plain https address"),
        ("repository", "https://github.com/a", "names no owner and repository"),
        ("repository", "https://github.com/", "names no owner and repository"),
        ("documentation", "ftp://docs.example.com", "no plain https address"),
        ("documentation", "https://docs.example.com/#top", "no plain https address"),
        ("documentation", 'https://docs.example.com/"x', "no plain https address"),
        ("logo", "logo.gif", "'logo.gif' is no picture Haystack's site takes"),
        ("logo", "nowhere.png", "'nowhere.png' cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    setting: str, value: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(arguments(out, **{setting: value})) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"registries/render: {setting}: ")
    assert told in line
    assert not out.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main(arguments(tmp_path / "file")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("registries/render: out: cannot write ")


def with_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, urls: str) -> None:
    """The project with these ``[project.urls]`` and no others."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(r"^\[project\.urls\]\n(?:[^\[\n].*\n|\n)*", "", project, flags=re.M)
    (tmp_path / "pyproject.toml").write_text(project + urls, encoding="utf-8")
    monkeypatch.setattr(render, "PYPROJECT", tmp_path / "pyproject.toml")


def test_addresses_come_from_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_urls(tmp_path, monkeypatch, f'[project.urls]\n"Source Code" = "{REPOSITORY}.git"\nDocs = "{DOCUMENTATION}/"\n')
    assert main(["--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out/deepset-ai/haystack-integrations/integrations/requesty.md").read_text(encoding="utf-8")
    assert f"repo: {REPOSITORY}\n" in page
    assert f"]({DOCUMENTATION}/haystack/)" in page


@pytest.mark.parametrize(
    ("given", "missing", "options"),
    [
        ([], "repository and documentation", "--repository URL --documentation URL"),
        (["--documentation", DOCUMENTATION], "repository", "--repository URL"),
        (["--repository", REPOSITORY], "documentation", "--documentation URL"),
    ],
)
def test_a_missing_address_is_one_line(
    given: list[str],
    missing: str,
    options: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with_urls(tmp_path, monkeypatch, "")
    assert main(["--out", str(tmp_path / "out"), *given]) == 2
    expected = f"{missing}: not set; give {options}, or set it in [project.urls] of pyproject.toml"
    assert capsys.readouterr().err == f"registries/render: {expected}\n"


@pytest.mark.parametrize(("given", "told"), [([], "out: not set; give --out DIR"), (["--uot", "x"], "--uot")])
def test_what_it_does_not_understand_is_one_line(
    given: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--repository", REPOSITORY, "--documentation", DOCUMENTATION, *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_the_owner_is_compared_with_the_authors_of_llamahub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path)) == 0
    assert "the repository is example's" in capsys.readouterr().out
    (author,) = set(render._pyproject()["tool"]["llamahub"]["class_authors"].values())
    assert main(arguments(tmp_path, repository=f"https://github.com/{author}/requesty-adapters")) == 0
    assert "class_authors" not in capsys.readouterr().out


def test_a_logo_is_laid_out_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "Mark.SVG"
    picture.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert main(arguments(tmp_path / "out", logo=str(picture))) == 0
    site = tmp_path / "out/deepset-ai/haystack-integrations"
    assert (site / "logos/requesty.svg").read_bytes() == picture.read_bytes()
    assert "\nlogo: /logos/requesty.svg\nversion: Haystack 2.0\n" in (site / "integrations/requesty.md").read_text()
    said = capsys.readouterr().out
    assert "logos/requesty.svg" in said
    assert "has no logo" not in said


def test_package_indexes_are_not_named() -> None:
    names = [".".join(parts) for parts in (("pypi", "org"), ("npmjs", "com"), ("npmjs", "org"), ("debian", "org"))]
    for name in ["README.md", "render.py", *(target.template for target in TARGETS)]:
        text = (REGISTRIES / name).read_text(encoding="utf-8").lower()
        assert not [host for host in names if host in text], name
