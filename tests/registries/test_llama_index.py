"""LlamaIndex: the metadata that LlamaHub reads, and the issue that asks for a listing."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.base import BaseLLM
from tests.registries.pages import DOCUMENTATION, EXTRAS, PACKAGE, PROJECT, REPOSITORY, run, sections

ISSUE = "run-llama/llama_index/ISSUE-feature-request.md"
HUB = PROJECT["tool"]["llamahub"]


def test_the_metadata_has_its_form() -> None:
    assert set(HUB) == {"contains_example", "import_path", "class_authors"}
    # There is no examples folder for the hub to show.
    assert HUB["contains_example"] is False
    assert re.fullmatch(r"llama_index\.[a-z_]+\.[a-z_]+", HUB["import_path"])
    # Accounts of a forge.
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", author) for author in HUB["class_authors"].values())


def test_the_metadata_names_every_model_of_its_path() -> None:
    module = importlib.import_module(HUB["import_path"])
    models = {
        name
        for name in module.__all__
        if inspect.isclass(getattr(module, name)) and BaseLLM in getattr(module, name).__mro__
    }
    assert set(HUB["class_authors"]) == models


def test_the_issue_fills_in_the_form(rendered: Path) -> None:
    fields = sections((rendered / ISSUE).read_text(encoding="utf-8"), level=3)
    assert list(fields) == ["Feature Description", "Reason", "Value of Feature"]
    assert all(fields.values())
    description = fields["Feature Description"]
    assert f"- Repository: {REPOSITORY}\n- Documentation: {DOCUMENTATION}/llama_index/\n" in description
    assert f'`pip install "{PACKAGE}[llama-index]"`' in description
    assert "llama-index" in EXTRAS
    assert f"- Licence: {PROJECT['project']['license']}\n" in description


def test_the_issue_names_what_is_there(rendered: Path) -> None:
    (imports,) = re.findall(r"^- Imports: (.+)$", (rendered / ISSUE).read_text(encoding="utf-8"), re.M)
    for path, names in re.findall(r"`(llama_index\.[\w.]+)` \(([^)]+)\)", imports):
        module = importlib.import_module(path)
        for name in re.findall(r"`(\w+)`", names):
            assert {BaseLLM, BaseEmbedding} & set(getattr(module, name).__mro__)


def test_the_example_of_the_issue_runs(rendered: Path) -> None:
    from llama_index.core import Settings

    before = Settings._llm, Settings._embed_model
    try:
        printed, gateway = run((rendered / ISSUE).read_text(encoding="utf-8"), ISSUE)
    finally:
        Settings._llm, Settings._embed_model = before
    assert "nine" in printed
    assert " USD" in printed
    assert [request.path.rpartition("/")[2] for request in gateway.requests] == [
        "embeddings",
        "embeddings",
        "completions",
    ]
