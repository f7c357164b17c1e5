"""The site builds without a warning, loads nothing from elsewhere, and can be read by programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from docs.site_hooks import TEXTS

ROOT = Path(__file__).parents[2]
# What the vendor's documentation lists at its side, by its own names.
GATEWAY_ENTRIES = (
    *("Streaming", "Structured outputs", "Reasoning", "Fallback policies", "Load balancing", "Spend limits"),
    *("Key management API", "Auto caching", "Dedicated models", "Prompt optimization", "Prompt library"),
    *("Bring your own keys", "BYOK", "Prompt optimisation", "Users", "Groups"),
    *("Request metadata", "Request feedback", "Smart routing", "Session reconstruction"),
    *("User management", "Groups management", "Approved models", "Guardrails", "RBAC", "MCP gateway", "Alerts"),
    *("Claude Code", "Cline", "LibreChat", "Roo Code", "Open WebUI", "VS Code extension", "Web search", "PDF support"),
    *("Axios", "Requests", "OpenAI", "LangChain", "LlamaIndex TS", "Haystack", "PydanticAI", "Vercel AI SDK"),
    *("EU routing", "Anthropic SDK", "Image generation", "Embeddings", "Cost tracking", "Zero retention"),
)
LISTED = re.compile(r"^- \[[^\]]+\]\(([^)]+)\): \S", re.M)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; any warning fails it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "HAYSTACK_TELEMETRY_ENABLED": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


class Loaded(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.found.append(given.get("src") or "")
        if tag == "link" and given.get("rel") in ("stylesheet", "preconnect", "icon"):
            self.found.append(given.get("href") or "")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 60
    for page in pages:
        reader = Loaded()
        reader.feed(page.read_text(encoding="utf-8"))
        assert reader.found
        assert not [what for what in reader.found if "//" in what], page


def test_programs_can_read_every_page(site: Path) -> None:
    index = (site / "llms.txt").read_text(encoding="utf-8")
    assert index.startswith("# requesty-adapters\n\n> ")
    listed = LISTED.findall(index)
    pages = {path.relative_to(site).parent.as_posix() for path in site.rglob("index.html")}
    assert {re.sub(r"((^|/)index)?\.md$", "", name) or "." for name in listed} == pages
    whole = (site / "llms-full.txt").read_text(encoding="utf-8")
    assert "<!-- promise" not in whole
    for name in listed:
        source = (site / name).read_text(encoding="utf-8")
        assert source.startswith("#") or name == "index.md"
        assert source.strip() in whole


def test_sections_of_the_contract_can_be_linked_to(site: Path) -> None:
    anchors = re.findall(r"\{#([\w-]+)\}", (site / "contract.md").read_text(encoding="utf-8"))
    assert {"section-12", "section-19-3"} <= set(anchors)
    page = (site / "contract" / "index.html").read_text(encoding="utf-8")
    assert [anchor for anchor in anchors if page.count(f' id="{anchor}"') != 1] == []


def test_the_reference_has_every_exported_name(site: Path) -> None:
    import langchain_requesty
    import requesty_core

    core = (site / "reference" / "core" / "index.html").read_text(encoding="utf-8")
    errors = (site / "reference" / "errors" / "index.html").read_text(encoding="utf-8")
    for name in set(requesty_core.__all__) - {"__version__"}:
        assert f'id="requesty_core.{name}"' in core + errors
    page = (site / "reference" / "langchain" / "index.html").read_text(encoding="utf-8")
    for name in langchain_requesty.__all__:
        assert f'id="langchain_requesty.{name}"' in page or f"requesty_core.{name}" in page
    # Settings of the private base class are there, Sphinx roles are not.
    assert 'id="langchain_requesty.ChatRequesty.max_retries"' in page
    assert not re.search(r":(class|meth|func):", page + core + errors)


def test_only_what_a_reader_runs_has_a_button_that_copies(site: Path) -> None:
    kinds = re.compile(r'<div class="([^"]*\bhighlight\b[^"]*)">')
    found: dict[str, set[bool]] = {}
    for page in site.rglob("*.html"):
        for classes in kinds.findall(page.read_text(encoding="utf-8")):
            kind = classes.replace("no-copy", "").replace("highlight", "").strip()
            found.setdefault(kind, set()).add("no-copy" in classes.split())
    run = {"language-python", "language-python3", "language-bash", "language-toml"}
    assert found == {kind: {kind not in run} for kind in found}
    assert run | {"language-text", "language-diff", "language-console"} <= found.keys()


def test_pictures_lead_to_themselves_and_stay_readable_on_a_phone(site: Path) -> None:
    shown = re.compile(
        r'<div class="picture"><a href="([^"]+)"><img [^>]*style="--least: (\d+)px" data-text="([\d.]+)">'
    )
    found = 0
    for page in site.rglob("index.html"):
        text = page.read_text(encoding="utf-8")
        pictures = shown.findall(text)
        assert len(pictures) == text.count("<img "), page
        for source, least, share in pictures:
            assert (page.parent / source).is_file()
            assert int(least) * float(share) >= 9
        found += len(pictures)
    assert found > 20


@pytest.mark.parametrize("name", TEXTS)
def test_the_widths_told_of_pictures_are_theirs(name: str) -> None:
    file = (ROOT / "docs" / "assets" / name).read_bytes()
    if name.endswith(".png"):
        assert int.from_bytes(file[16:20]) == TEXTS[name][0]
    else:
        box = re.search(rb'viewBox="0 0 ([\d.]+) ', file)
        points = re.search(rb'width="[\d.]+pt"', file)
        assert box is not None
        assert float(box[1]) * (96 / 72 if points else 1) == TEXTS[name][0]


@pytest.mark.parametrize("entry", GATEWAY_ENTRIES)
def test_search_finds_every_entry_of_the_gateways_own_navigation(site: Path, entry: str) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    # As the browser cuts texts into words, of which a search gives the beginnings.
    cut = re.compile(index["config"]["separator"])
    words = cut.split(entry.lower())
    hits = []
    for doc in index["docs"]:
        known = cut.split(re.sub(r"<[^>]*>", " ", f"{doc['title']} {doc['text']}").lower())
        if all(any(one.startswith(word) for one in known) for word in words):
            hits.append(doc["location"])
    assert any(location.startswith("concepts/gateway/") for location in hits), hits


def test_no_markup_of_docstrings_is_left_in_the_reference(site: Path) -> None:
    pages = sorted(site.glob("reference/*/index.html"))
    assert len(pages) > 5
    left = {
        page.parent.name: found
        for page in pages
        if (
            found := re.findall(
                r":(?:param|returns?|raises?)\b[^\n:]*:", re.sub(r"<[^>]*>", "", page.read_text("utf-8"))
            )
        )
    }
    assert left == {}
