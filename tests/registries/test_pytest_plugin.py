"""pytest finds the plugin by its entry point: nothing is loaded, configured or imported by the user."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from tests.registries.pages import PACKAGE, PROJECT

TEST = """
import json
import urllib.request


def test_a_call_is_billed(requesty_gateway):
    assert requesty_gateway.requests == []
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}
    request = urllib.request.Request(
        f"{requesty_gateway.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {requesty_gateway.api_key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["choices"][0]["message"]["content"]
    assert requesty_gateway.billed > 0


def test_the_next_test_starts_afresh(requesty_gateway):
    assert requesty_gateway.requests == []
    assert requesty_gateway.billed == 0
"""


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest on a stranger's project, with no setting of ours."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_stranger.py").write_text(TEST, encoding="utf-8")
    own = PROJECT["project"]["entry-points"]["pytest11"]
    # Other packages' plugins only cost time here.
    others = {point.name for point in importlib.metadata.entry_points(group="pytest11")} - own.keys()
    arguments = (*arguments, *(word for name in sorted(others) for word in ("-p", f"no:{name}")))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "REQUESTY_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_entry_point_is_the_one_of_the_project() -> None:
    declared = PROJECT["project"]["entry-points"]["pytest11"]
    installed = {
        point.name: point.value
        for point in importlib.metadata.distribution(PACKAGE).entry_points
        if point.group == "pytest11"
    }
    assert installed == declared
    for value in declared.values():
        importlib.import_module(value)


def test_a_strangers_test_gets_a_gateway(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_without_the_plugin_there_is_no_gateway(tmp_path: Path) -> None:
    (name,) = PROJECT["project"]["entry-points"]["pytest11"]
    done = pytest_in(tmp_path, "-q", "-p", f"no:{name}")
    assert done.returncode == 1
    assert "fixture 'requesty_gateway' not found" in done.stdout
