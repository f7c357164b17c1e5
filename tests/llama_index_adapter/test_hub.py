"""The metadata that LlamaHub reads."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

from llama_index.core.base.llms.base import BaseLLM


def test_the_metadata_names_what_is_there() -> None:
    hub = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["llamahub"]
    module = importlib.import_module(hub["import_path"])
    assert hub["contains_example"] is False
    for name in hub["class_authors"]:
        assert BaseLLM in getattr(module, name).__mro__
