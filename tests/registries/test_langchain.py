"""LangChain: the listing form, the rows, the pages, and the profiles that Deep Agents finds."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel, ModelProfile
from tests.conformance.model import SCENARIOS
from tests.registries.pages import (
    DOCUMENTATION,
    EXTRAS,
    PACKAGE,
    REPOSITORY,
    ROOT,
    commands,
    front_matter,
    group,
    run,
    sections,
    shown,
)

import langchain_requesty
from requesty_core.catalog.catalog import bundled

DOCS = "langchain-ai/docs"
CHAT = "src/oss/python/integrations/chat/requesty.mdx"
TOOLS = group("Tools", "LangChain")
STRUCTURED = ["json_schema", "tool_mode", "json_object"]
IMAGES = ["image_url", "image_bytes"]
# What a flag of a chat row claims, as scenarios of the conformance matrix.
FLAGS = {"stream": ["pieces"], "tool_calling": TOOLS, "structured_output": STRUCTURED, "multimodal": IMAGES}
COLUMNS = {
    "Tool calling": TOOLS,
    "Structured output": STRUCTURED,
    "Image input": IMAGES,
    "Audio input": ["audio"],
    # Sent as a file part, but no scenario shows it.
    "Video input": [],
    "Token-level streaming": ["pieces"],
    "Native async": ["loops", "crowd"],
    "Token usage": ["cost", "asked_for"],
    "Logprobs": ["logprobs"],
}


def read(rendered: Path, path: str) -> str:
    return (rendered / DOCS / path).read_text(encoding="utf-8")


# --- rows -------------------------------------------------------------------------------------------------------------


def rows(rendered: Path) -> dict[str, list[dict[str, Any]]]:
    data = yaml.safe_load(read(rendered, "scripts/data/integration_external_docs.add.yaml"))
    assert set(data) == {"python"}
    return data["python"]  # type: ignore[no-any-return]


def test_rows_have_the_keys_and_types_of_their_component(rendered: Path) -> None:
    by_component = rows(rendered)
    assert set(by_component) == {"chat", "embeddings"}
    for component, entries in by_component.items():
        (row,) = entries
        # Capability columns are read for chat alone, and only from booleans.
        assert set(row) == {"name", "pypi", "docs_url", *(FLAGS if component == "chat" else ())}
        assert all(isinstance(row[key], bool) for key in set(row) & set(FLAGS))
        assert row["pypi"] == PACKAGE
        assert row["docs_url"] == f"{DOCUMENTATION}/langchain/"


def test_rows_name_classes_of_their_component(rendered: Path) -> None:
    by_component = rows(rendered)
    assert issubclass(getattr(langchain_requesty, by_component["chat"][0]["name"]), BaseChatModel)
    assert issubclass(getattr(langchain_requesty, by_component["embeddings"][0]["name"]), Embeddings)


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_are_what_the_conformance_run_has_shown(flag: str, rendered: Path) -> None:
    assert rows(rendered)["chat"][0][flag] is shown("LangChain", FLAGS[flag])


# --- the form ---------------------------------------------------------------------------------------------------------

# label, what a filled-in field must match; the order of the form.
FORM = {
    "Display or class name": r"ChatRequesty",
    "Language": r"Python|TypeScript|Both",
    "Component type": (
        r"chat|tools|middleware|vectorstores|callbacks|embeddings|retrievers|document_loaders|document_transformers|"
        r"llms|sandboxes|stores|caches|chat_message_histories|graphs|llm_caching"
    ),
    # Installable, without extras.
    "PyPI package name": r"[a-z0-9]+(-[a-z0-9]+)*",
    "npm package name": r"_No response_",
    "Docs URL": r"https://\S+",
    "Source repository": r"[\w.-]+/[\w.-]+|_No response_",
    # One sentence, on one line.
    "Short provider description": r"[A-Z][^.\n]{20,118}\.",
    "Capability flags (optional)": r"(\w+: (true|false)\n?)+",
    "Confirmations": r"- \[ \] The package is already published on PyPI and/or npm\.",
}


def test_the_issue_fills_in_the_form(rendered: Path) -> None:
    fields = sections(read(rendered, "ISSUE-integration-listing.md"), level=3)
    assert list(fields) == list(FORM)
    for label, value in fields.items():
        assert re.fullmatch(FORM[label], value), (label, value)
    assert fields["PyPI package name"] == PACKAGE
    assert fields["Source repository"] == REPOSITORY.removeprefix("https://github.com/")


def test_the_issue_says_what_the_row_says(rendered: Path) -> None:
    fields, (row,) = sections(read(rendered, "ISSUE-integration-listing.md"), level=3), rows(rendered)["chat"]
    assert fields["Display or class name"] == row["name"]
    assert fields["Docs URL"] == row["docs_url"]
    assert yaml.safe_load(fields["Capability flags (optional)"]) == {key: row[key] for key in FLAGS}


def test_a_repository_elsewhere_leaves_the_field_empty() -> None:
    from registries.render import render

    texts = render("https://gitlab.com/example/requesty-adapters", DOCUMENTATION)
    (issue,) = (text for target, text in texts.items() if target.template == "langchain/listing_issue.md")
    assert sections(issue, level=3)["Source repository"] == "_No response_"


# --- hosted pages -----------------------------------------------------------------------------------------------------


def test_the_page_has_front_matter_and_the_order_of_the_template(rendered: Path) -> None:
    meta, body = front_matter(read(rendered, CHAT))
    assert set(meta) == {"title", "sidebarTitle", "description", "integration"}
    assert 0 < len(meta["description"]) <= 160
    # "featured" is a maintainer's decision.
    assert meta["integration"] == {key: value for key, value in rows(rendered)["chat"][0].items() if key != "docs_url"}
    headings = list(sections(body))
    assert headings[:4] == ["Overview", "Setup", "Instantiation", "Invocation"]
    assert headings[-1] == "API reference"
    assert list(sections(sections(body)["Overview"], level=3)) == ["Details", "Features"]
    assert list(sections(sections(body)["Setup"], level=3)) == ["Credentials", "Installation"]


def table(text: str) -> dict[str, str]:
    """A table of one row, by column; links in the heads are taken off."""
    head, _, cells = [line for line in text.splitlines() if line.startswith("|")]
    names = [re.sub(r"\[(.+)\]\(.+\)", r"\1", name.strip()) for name in head.strip("|").split("|")]
    return dict(zip(names, (cell.strip() for cell in cells.strip("|").split("|")), strict=True))


def test_the_feature_table_is_what_the_conformance_run_has_shown(rendered: Path) -> None:
    _, body = front_matter(read(rendered, CHAT))
    features = table(sections(sections(body)["Overview"], level=3)["Features"])
    assert list(features) == list(COLUMNS)
    for name, mark in features.items():
        assert mark == ("✅" if shown("LangChain", COLUMNS[name]) else "❌"), name
    # Once a scenario shows video, the column has to be looked at again.
    assert not [scenario.title for scenario in SCENARIOS if "video" in scenario.title.lower()]


def test_the_details_are_right(rendered: Path) -> None:
    _, body = front_matter(read(rendered, CHAT))
    details = table(sections(sections(body)["Overview"], level=3)["Details"])
    assert list(details) == ["Class", "Package", "Serializable", "JS support", "Downloads", "Version"]
    assert details["Serializable"] == ("beta" if langchain_requesty.ChatRequesty.is_lc_serializable() else "❌")
    assert details["JS support"] == "❌"
    assert PACKAGE in details["Downloads"]
    assert PACKAGE in details["Version"]


def test_the_page_installs_an_extra_that_exists(rendered: Path) -> None:
    found = commands(read(rendered, CHAT))
    assert [command[0].split()[0] for command in found] == ["pip", "uv"]
    assert {(command["package"], command["extra"]) for command in found} == {(PACKAGE, "langchain")}
    assert "langchain" in EXTRAS


def test_the_page_runs_as_written(rendered: Path) -> None:
    printed, gateway = run(read(rendered, CHAT), CHAT)
    # Invoke, stream, tools, structured, image, fallback, budget.
    assert len(gateway.requests) == 7
    assert "openai/gpt-4o ok" in printed
    assert "'name': 'get_weather', 'args': {'city': 'Oslo'}" in printed
    assert "USD in 1 calls" in printed


def test_the_provider_page_has_front_matter_and_a_card_for_each_row(rendered: Path) -> None:
    meta, body = front_matter(read(rendered, "src/oss/python/integrations/providers/requesty.mdx"))
    assert set(meta) == {"title", "description", "sidebarTitle"}
    cards = dict(re.findall(r'<Card title="(\w+)" href="([^"]+)"', body))
    assert cards == {
        "ChatRequesty": "/" + CHAT.removeprefix("src/").removesuffix(".mdx").replace("/python/", "/"),
        "RequestyEmbeddings": f"{DOCUMENTATION}/langchain/",
    }
    assert body.count("<Columns cols={2}>") == body.count("</Columns>") == len(cards)
    assert body.count("</Card>") == len(cards)


# --- Deep Agents ------------------------------------------------------------------------------------------------------


def profiles_alone() -> dict[str, dict[str, Any]]:
    """``_PROFILES`` as Deep Agents gets it: from the file in the package's folder, without importing the package."""
    spec = importlib.util.find_spec("langchain_requesty")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "data" / "_profiles.py"
    # No site-packages: the file may need nothing but the standard library.
    code = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['_PROFILES']))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(file)], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_profiles_are_found_and_well_formed() -> None:
    profiles = profiles_alone()
    assert set(profiles) == {info.id for info in bundled().filter(api="chat")}
    hints = get_type_hints(ModelProfile)
    for model, profile in profiles.items():
        for key, value in profile.items():
            assert type(value) is hints[key], (model, key)


def test_profiles_are_those_of_the_models() -> None:
    for model, profile in list(profiles_alone().items())[::20]:
        assert langchain_requesty.ChatRequesty(model=model).profile == profile


def test_the_table_says_which_models_are_offered() -> None:
    # The switcher's rule: tool calling known, text in and out not denied.
    offered = {
        model
        for model, profile in profiles_alone().items()
        if profile.get("tool_calling", False)
        and profile.get("text_inputs", True) is not False
        and profile.get("text_outputs", True) is not False
    }
    assert offered == {info.id for info in bundled().filter(api="chat") if info.supports_tool_calling}
    said = " ".join((ROOT / "registries" / "README.md").read_text(encoding="utf-8").split())
    assert ("so it offers none; name yours" in said) is (not offered)
    assert f"{len(profiles_alone())} profiles found" in said


def test_the_configuration_shown_constructs_the_model() -> None:
    said = (ROOT / "registries" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```$", said, re.M | re.S)
    provider = tomllib.loads(block)["models"]["providers"]["requesty"]
    assert provider["api_key_env"] == "REQUESTY_API_KEY"
    module, _, name = provider["class_path"].partition(":")
    cls = getattr(importlib.import_module(module), name)
    assert issubclass(cls, BaseChatModel)
    for model in provider["models"]:
        assert cls(model=model).model == model
