"""The parts of the release check that need no package index."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from . import check
from .artefacts import ROOT
from .commands import StepFailedError, clean_environment, run
from .environments import Pip, choose_installer, floor, pip_config, uv_settings
from .extras import ALL, EXTRAS
from .interpreters import candidates, find, version_of
from .matrix import SMOKE
from .readme import examples, extras_of
from .table import Outcome, table


def test_examples_of_a_page() -> None:
    other = '```text title="Output"\nx\n```\n\n```bash\nls\n```'
    page = f"Words.\n\n```python\nimport openai\n```\n\n{other}\n\n```py\nx = 1\n```\n"
    found = examples(page)
    assert [(one.line, one.source, one.extras) for one in found] == [
        (4, "import openai\n", frozenset({"openai"})),
        (16, "x = 1\n", frozenset()),
    ]


@pytest.mark.parametrize(
    ("source", "extras"),
    [
        ("from requesty_core import RequestyClient", set()),
        ("import json", set()),
        ("from llama_index.llms.requesty import Requesty", {"llama-index"}),
        ("from haystack_integrations.components.generators.requesty import X\nfrom haystack import Y", {"haystack"}),
        ("def f():\n    import langchain_core.messages, requesty_emulator", {"langchain", "emulator"}),
        ("from pydantic_ai import Agent\nfrom . import sibling", {"pydantic-ai"}),
    ],
)
def test_extras_of_a_script(source: str, extras: set[str]) -> None:
    assert extras_of(source) == extras


def test_the_readme_has_an_example_for_each_framework_and_each_is_run_somewhere() -> None:
    found = examples((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {extra.name for extra in EXTRAS if extra.brings} <= set().union(*(one.extras for one in found))
    for one in found:
        assert one.extras <= ALL.everything


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {extra.name for extra in (*EXTRAS, ALL)} - {""} == set(project["optional-dependencies"])


def test_smoke_stories_exist() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        from conformance import scenarios  # noqa: F401 -- fills the list
        from conformance.matrix import _DRIVERS
        from conformance.model import SCENARIOS
    finally:
        sys.path.pop(0)
    assert set(SMOKE) <= {scenario.id for scenario in SCENARIOS}
    assert {extra.driver for extra in EXTRAS} - {None} == {module for module, _ in _DRIVERS}


def fake_tree(folder: Path) -> dict[str, str]:
    """A PATH with 3.11 and pyenv with two releases of 3.12 and none of 3.13."""
    (folder / "bin").mkdir()
    shim = folder / "bin" / "python3.11"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    for version in ("3.11.4", "3.12.1", "3.12.10", "3.12-dev"):
        (folder / ".pyenv" / "versions" / version).mkdir(parents=True)
    return {"PATH": str(folder / "bin"), "HOME": str(folder), "PYTHONS": "/one/python /two/python"}


def test_candidates_come_in_order(tmp_path: Path) -> None:
    environ = fake_tree(tmp_path)
    *found, own = candidates("3.12", environ)
    assert found == [
        Path("/one/python"),
        Path("/two/python"),
        tmp_path / ".pyenv/versions/3.12.10/bin/python",
        tmp_path / ".pyenv/versions/3.12.1/bin/python",
    ]
    assert version_of(own) == ".".join(map(str, sys.version_info[:3]))


def test_the_first_that_works_is_taken(tmp_path: Path) -> None:
    environ = fake_tree(tmp_path)
    works = {
        Path("/two/python"): "3.13.2",
        tmp_path / ".pyenv/versions/3.11.4/bin/python": "3.11.4",
        tmp_path / ".pyenv/versions/3.12.1/bin/python": "3.12.1",
    }
    found, missing = find(["3.11", "3.12", "3.13", "3.14"], environ, works.get)
    assert [(one.version, one.full) for one in found] == [("3.11", "3.11.4"), ("3.12", "3.12.1"), ("3.13", "3.13.2")]
    assert missing == ["3.14"]


def test_a_shim_that_fails_is_no_interpreter(tmp_path: Path) -> None:
    fake_tree(tmp_path)
    assert version_of(tmp_path / "bin" / "python3.11") is None
    assert version_of(tmp_path / "nothing") is None


def test_a_required_version_that_is_missing_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONS", "")
    assert check.main(["--python", "3.99", "--require", "3.99"]) == 1
    said = capsys.readouterr().out
    assert "error: Python 3.99: none on PATH or among pyenv's versions; name one in PYTHONS=" in said


@pytest.mark.parametrize("option", ["--extra=langchian", "--resolution=newest", "--depth=deep"])
def test_unknown_choices(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check.arguments([option])
    assert ended.value.code == 2
    assert option.partition("=")[2] in capsys.readouterr().err


def test_choices() -> None:
    chosen = check.arguments(
        ["--python", "3.12,3.13", "--extra", "openai", "--extra", "core", "--resolution", "lowest"]
    )
    assert (chosen.python, chosen.extra, chosen.resolution) == (["3.12", "3.13"], ["openai", "core"], ["lowest"])
    assert check.arguments(["--require", "3.14"]).python == ["3.11", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize(
    ("requirement", "pinned"),
    [
        ("httpx>=0.27,<1", "httpx==0.27"),
        ("pydantic-ai-slim[openai]>=2.62,<3", "pydantic-ai-slim[openai]==2.62"),
        ("msgspec", "msgspec"),
    ],
)
def test_floor(requirement: str, pinned: str) -> None:
    assert floor(requirement) == pinned


def test_settings_of_pip_under_the_names_of_uv() -> None:
    listed = (
        "global.cert='/etc/ca.pem'\nglobal.index-url='https://index.example/simple'\n"
        "install.index-url='https://other.example/simple'\n:env:.extra-index-url='file:///one file:///two'\n"
        ":env:.find-links='/a /b'\nglobal.timeout='60'\n"
    )
    expected = {
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_DEFAULT_INDEX": "https://other.example/simple",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INDEX": "file:///one file:///two",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert uv_settings(pip_config(listed), {}) == expected
    assert uv_settings(pip_config(listed), {"UV_INDEX": "https://own.example/simple"}) == {}
    assert uv_settings({}, {}) == {}


def test_without_uv_it_is_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    installer, why = choose_installer(tmp_path, {"PATH": str(tmp_path)})
    assert isinstance(installer, Pip)
    assert why == "pip: uv is not installed"


def test_a_uv_that_finds_nothing_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name, text in {
        "uv": "#!/bin/sh\necho no such index >&2\nexit 2\n",
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    }.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
        installer, why = choose_installer(tmp_path, {"PATH": "/usr/bin:/bin"})
    assert isinstance(installer, Pip)
    assert why == "pip: uv finds no packages here (no such index)"


def test_a_failing_command_shows_its_last_lines(tmp_path: Path) -> None:
    code = "import sys; print('\\n'.join(f'line {i}' for i in range(99))); sys.exit(3)"
    with pytest.raises(StepFailedError) as failure:
        run(sys.executable, "-c", code, cwd=tmp_path, env={}, label="a step")
    first, *rest = str(failure.value).splitlines()
    assert first == "a step: status 3, not 0"
    assert len(rest) == 25
    assert rest[-1] == "  line 98"
    assert "line 98" in run(sys.executable, "-c", code, cwd=tmp_path, env={}, status=3)
    with pytest.raises(StepFailedError, match="no end after"):
        run(sys.executable, "-c", "import time; time.sleep(60)", cwd=tmp_path, env={}, seconds=0.2)


def test_commands_see_no_keys_and_no_foreign_packages() -> None:
    before = {"PATH": "/bin", "OPENAI_API_KEY": "k", "REQUESTY_REGION": "eu", "PYTHONPATH": "/x", "UV_INDEX": "i"}
    assert clean_environment(before, REQUESTY_API_KEY="e") == {
        "PATH": "/bin",
        "UV_INDEX": "i",
        "HAYSTACK_TELEMETRY_ENABLED": "false",
        "NO_COLOR": "1",
        "REQUESTY_API_KEY": "e",
    }


def test_table() -> None:
    outcomes = {
        ("core", "3.11", "lowest"): Outcome(2.4),
        ("core", "3.12", "latest"): Outcome(12.0, "it failed"),
        ("langchain", "3.11", "latest"): Outcome(3.0),
    }
    assert table(["core", "langchain"], ["3.11", "3.12"], ["lowest", "latest"], outcomes).splitlines() == [
        "           3.11            3.12",
        "extra      lowest  latest  lowest  latest",
        "core       ok 2s   -       -       FAIL 12s",
        "langchain  -       ok 3s   -       -",
    ]
