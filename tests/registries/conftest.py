"""Everything rendered once, as a user does it."""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

import subprocess
import sys
from pathlib import Path

import pytest
from tests.registries.pages import DOCUMENTATION, REPOSITORY, ROOT


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``registries/render.py`` wrote."""
    out = tmp_path_factory.mktemp("registries")
    command = [sys.executable, str(ROOT / "registries" / "render.py"), "--out", str(out)]
    command += ["--repository", REPOSITORY, "--documentation", DOCUMENTATION + "/"]
    subprocess.run(command, check=True, timeout=60, cwd=out)
    return out
