"""Haystack: the page of the integration and the configuration of its reference."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs.blocks import blocks_of
from haystack import Pipeline
from tests.registries.pages import DOCUMENTATION, EXTRAS, PACKAGE, REPOSITORY, ROOT, commands, front_matter, run

import haystack_integrations.components.audio.requesty as audio
import haystack_integrations.components.embedders.requesty as embedders
import haystack_integrations.components.generators.requesty as generators

PAGE = "deepset-ai/haystack-integrations/integrations/requesty.md"
PYDOC = "deepset-ai/haystack-core-integrations/integrations/requesty/pydoc/config_docusaurus.yml"
TYPES = {
    "Document Store",
    "Model Provider",
    "Data Ingestion",
    "Monitoring Tool",
    "Evaluation Framework",
    "Custom Component",
}
REQUIRED = {"layout", "name", "description", "authors", "type"}
OPTIONAL = {"pypi", "repo", "report_issue", "logo", "version", "toc"}
COMPONENTS = {name: getattr(package, name) for package in (generators, embedders, audio) for name in package.__all__}


def page(rendered: Path) -> tuple[dict[str, Any], str]:
    return front_matter((rendered / PAGE).read_text(encoding="utf-8"))


def test_the_front_matter_follows_the_rules(rendered: Path) -> None:
    meta, _ = page(rendered)
    assert set(meta) >= REQUIRED
    assert set(meta) <= REQUIRED | OPTIONAL
    assert {"pypi", "repo"} & set(meta)
    assert meta["layout"] == "integration"
    assert meta["name"] == "Requesty"
    # It is shown on a card.
    assert 20 <= len(meta["description"]) <= 160
    assert "\n" not in meta["description"]
    assert meta["type"] in TYPES
    assert meta["version"] == "Haystack 2.0"
    assert meta["toc"] is True
    assert meta["repo"] == REPOSITORY
    assert meta["report_issue"] == f"{REPOSITORY}/issues"
    for author in meta["authors"]:
        assert author["name"].strip()
        assert set(author) <= {"name", "socials"}
        assert set(author.get("socials", {})) <= {"github", "twitter", "linkedin"}


def test_a_logo_has_the_place_the_site_looks_in() -> None:
    from registries.render import TARGETS, render

    (target,) = (target for target in TARGETS if target.template == "haystack/requesty.md")
    meta, _ = front_matter(render(REPOSITORY, DOCUMENTATION, "requesty.png")[target])
    assert re.fullmatch(r"/logos/[a-z-]+\.(png|svg|jpe?g)", meta["logo"])
    assert set(meta) <= REQUIRED | OPTIONAL


def test_the_contents_list_leads_to_every_heading(rendered: Path) -> None:
    _, body = page(rendered)
    assert body.startswith("### **Table of Contents**\n")
    listed = re.findall(r"^ *- \[(.+)\]\(#([a-z-]+)\)$", body, re.M)
    text = re.sub(r"^```.*?^```$", "", body, flags=re.M | re.S)
    headings = [name for name in re.findall(r"^##+ (.+)$", text, re.M) if not name.startswith("**")]
    assert [name for name, _ in listed] == headings
    assert all(anchor == name.lower().replace(" ", "-") for name, anchor in listed)
    assert [name for name in headings if name in ("Overview", "Installation", "Usage", "License")] == [
        "Overview",
        "Installation",
        "Usage",
        "License",
    ]


def test_the_page_lists_the_components(rendered: Path) -> None:
    _, body = page(rendered)
    assert "has six components" in body
    assert set(re.findall(r"^- `(\w+)` ", body, re.M)) == set(COMPONENTS)
    assert len(COMPONENTS) == 6


def test_the_page_names_the_release_and_the_extra(rendered: Path) -> None:
    _, body = page(rendered)
    (command,) = commands(body)
    assert (command["package"], command["extra"]) == (PACKAGE, "haystack")
    (requirement,) = EXTRAS["haystack"]
    (release,) = re.findall(r"need Haystack (\d+)", body)
    assert requirement.startswith(f"haystack-ai>={release}.")


def examples() -> list[Any]:
    text = (ROOT / "registries" / "haystack" / "requesty.md").read_text(encoding="utf-8")
    found = [block for block in blocks_of(text) if block.language == "python"]
    headings = [re.findall(r"^### (.+)$", text[: block.start], re.M)[-1] for block in found]
    return [pytest.param(number, id=heading) for number, heading in enumerate(headings)]


@pytest.mark.parametrize("number", examples())
def test_an_example_runs_alone(number: int, rendered: Path) -> None:
    """The rules ask for examples that run as they are, imports included."""
    _, body = page(rendered)
    block = [block for block in blocks_of(body) if block.language == "python"][number]
    printed, gateway = run(f"```python\n{block.body}```\n", PAGE)
    assert printed.strip()
    assert gateway.requests
    assert "None" not in printed


def test_the_pipeline_finds_the_document_that_answers(rendered: Path) -> None:
    _, body = page(rendered)
    (block,) = (block for block in blocks_of(body) if "Pipeline()" in block.body)
    printed, gateway = run(f"```python\n{block.body}```\n", PAGE)
    assert "nine" in printed
    assert [request.path.rpartition("/")[2] for request in gateway.requests] == [
        "embeddings",
        "embeddings",
        "completions",
    ]


def test_components_save_and_load_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-secret-of-this-test")
    pipeline = Pipeline()
    for name, cls in COMPONENTS.items():
        chain = {"models": ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"]}
        pipeline.add_component(name, cls(**(chain if "Fallback" in name else {"model": "openai/gpt-4o"})))
    saved = pipeline.dumps()
    assert "rqy-secret" not in saved
    assert "REQUESTY_API_KEY" in saved
    assert Pipeline.loads(saved).to_dict() == pipeline.to_dict()


# --- reference --------------------------------------------------------------------------------------------------------


def config(rendered: Path) -> dict[str, Any]:
    return yaml.safe_load((rendered / PYDOC).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_pydoc_configuration_has_its_form(rendered: Path) -> None:
    data = config(rendered)
    assert set(data) == {"loaders", "processors", "renderer"}
    (loader,) = data["loaders"]
    assert set(loader) == {"modules", "search_path"}
    # Relative to the file, in the layout of the monorepo.
    assert loader["search_path"] == ["../src"]
    assert loader["modules"] == sorted(loader["modules"])
    assert data["processors"] == [{"type": "filter", "documented_only": True, "skip_empty_modules": True}]
    assert data["renderer"] == {
        "description": "Requesty integration for Haystack",
        "id": "integrations-requesty",
        "filename": "requesty.md",
        "title": "Requesty",
    }


def test_the_pydoc_modules_hold_every_component(rendered: Path) -> None:
    modules = [importlib.import_module(name) for name in config(rendered)["loaders"][0]["modules"]]
    for module in modules:
        # The tool reads source files below the search path; it imports nothing.
        assert (ROOT / "integrations" / (module.__name__.replace(".", "/") + ".py")).is_file()
        assert inspect.getdoc(module)
    held = {name: value for module in modules for name, value in vars(module).items() if name in module.__all__}
    assert held == COMPONENTS


@pytest.mark.parametrize("name", COMPONENTS)
def test_nothing_public_is_left_out_of_the_reference(name: str) -> None:
    """``documented_only`` drops whatever has no docstring."""
    cls = COMPONENTS[name]
    # Docstrings of this class: one that is inherited is not in its source.
    assert cls.__doc__
    for method, value in vars(cls).items():
        if inspect.isfunction(value) and (method == "__init__" or not method.startswith("_")):
            assert value.__doc__, f"{name}.{method}"
    assert {"run", "run_async", "to_dict", "from_dict"} <= set(vars(cls))
