"""Pydantic AI: a section of the third-party page and one of the compatible APIs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from docs.blocks import blocks_of
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from tests.registries.pages import EXTRAS, PACKAGE, REPOSITORY, run, shown

import pydantic_ai_requesty
from requesty_core.settings.config import REGIONS
from requesty_emulator import GatewayEmulator

DOCS = "pydantic/pydantic-ai/docs"
THIRD_PARTY = f"{DOCS}/capabilities/third-party.add.md"
COMPATIBLE = f"{DOCS}/models/compatible-apis.add.md"


def read(rendered: Path, path: str) -> str:
    return (rendered / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [THIRD_PARTY, COMPATIBLE])
def test_it_is_one_section(path: str, rendered: Path) -> None:
    text = read(rendered, path)
    assert re.match(r"## [A-Z][\w ]+\n\n", text)
    assert len(re.findall(r"^#+ ", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)) == 1


@pytest.mark.parametrize("path", [THIRD_PARTY, COMPATIBLE])
def test_references_lead_somewhere(path: str, rendered: Path) -> None:
    text = read(rendered, path)
    for target in re.findall(r"\]\[([\w.]+)\]", text):
        module, _, name = target.rpartition(".")
        assert hasattr(importlib.import_module(module), name), target
    assert f"[`{PACKAGE}`]({REPOSITORY})" in text


def test_the_entry_has_the_form_of_the_page(rendered: Path) -> None:
    (entry,) = re.findall(r"^\* (.+)$", read(rendered, THIRD_PARTY), re.M)
    assert entry.startswith(f"[`{PACKAGE}`]({REPOSITORY}) - `RequestyModels` ")
    extra = re.search(r'pip install "([\w-]+)\[([\w-]+)\]"', entry)
    assert extra is not None
    assert extra[1] == PACKAGE
    assert extra[2] in EXTRAS
    names = set(re.findall(r"`(Requesty\w+)`", entry))
    assert names == {"RequestyModels", "RequestyModel", "RequestyEmbeddingModel"}
    assert names <= set(pydantic_ai_requesty.__all__)
    assert issubclass(pydantic_ai_requesty.RequestyModels, AbstractCapability)
    assert issubclass(pydantic_ai_requesty.RequestyModel, Model)
    # The framework's own tests must not run what needs another package.
    (block,) = blocks_of(read(rendered, THIRD_PARTY))
    assert block.info.strip() == '{test="skip" lint="skip"}'


def test_what_the_entry_claims_has_been_shown() -> None:
    assert shown("Pydantic AI", ["cost", "asked_for", "embeddings", "after_503", "after_role"])


def test_the_entry_runs_as_written(rendered: Path) -> None:
    printed, gateway = run(read(rendered, THIRD_PARTY), THIRD_PARTY)
    assert [request.body["model"] for request in gateway.requests] == ["openai/gpt-4o-mini"]
    assert str(gateway.billed) in printed


def test_the_paragraph_names_the_gateways_addresses(rendered: Path) -> None:
    text = read(rendered, COMPATIBLE)
    assert f"base_url='{REGIONS['global']}'," in text
    assert set(re.findall(r"https://router[^\s'`]+", text)) == {REGIONS["global"], REGIONS["eu"]}
    # A paragraph: one block of prose before the example.
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).strip().split("\n\n")
    assert len(prose) == 2


def test_the_paragraphs_example_is_a_model_that_works(rendered: Path) -> None:
    text = read(rendered, COMPATIBLE)
    _, untouched = run(text, COMPATIBLE)
    assert untouched.requests == []

    (block,) = blocks_of(text)
    with GatewayEmulator() as gateway:
        here = block.body.replace(REGIONS["global"], gateway.base_url).replace("your-requesty-api-key", gateway.api_key)
        assert here.count(gateway.base_url) == here.count(gateway.api_key) == 1
        printed, _ = run(f"```python\n{here}print(agent.run_sync('How are you?').output)\n```\n", COMPATIBLE)
        assert printed.strip()
        assert [request.body["model"] for request in gateway.requests] == ["anthropic/claude-sonnet-4-5"]
