"""Hooks of the site's build: ``llms.txt``, ``llms-full.txt`` and every page's Markdown beside its HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

_FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
_NOT_RUN = re.compile(r'<div class="(language-(?:text|diff|console|py|python doc-signature)\b)')
_PROMISE = re.compile(r"[ \n]*<!-- promise: .*? -->")
_nav: Navigation | None = None


def on_nav(nav: Navigation, **_: Any) -> None:
    """Keep the order of the pages."""
    global _nav
    _nav = nav


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page without the marks of the register of promises, which are for its check alone."""
    return _PROMISE.sub("", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Buttons that copy stand at what a reader runs, not at outputs, sessions, differences and signatures."""
    return _NOT_RUN.sub(r'<div class="no-copy \1', html)


def on_post_build(config: Any, **_: Any) -> None:
    """Write the files for readers that are programs."""
    assert _nav is not None
    site = Path(config.site_dir)
    index = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    whole = list(index)
    for title, pages in _sections(_nav):
        index += [f"## {title}", ""]
        for page in pages:
            source = page.markdown or ""
            index.append(f"- [{page.title}]({page.file.src_uri}): {description(source)}")
            whole += [f"<!-- {page.file.src_uri} -->", "", source.strip(), ""]
            target = site / page.file.src_uri
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source, encoding="utf-8")
        index.append("")
    (site / "llms.txt").write_text("\n".join(index), encoding="utf-8")
    (site / "llms-full.txt").write_text("\n".join(whole), encoding="utf-8")


def _sections(nav: Navigation) -> Iterator[tuple[str, list[Page]]]:
    for item in nav.items:
        if isinstance(item, Section):
            yield item.title, [child for child in item.children if isinstance(child, Page)]
        elif isinstance(item, Page):
            yield str(item.title), [item]


def description(source: str) -> str:
    """The first paragraph of a page, on one line."""
    text = re.sub(r"<!--.*?-->", "", _FENCE.sub("", source), flags=re.S)
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.strip() and not paragraph.lstrip().startswith(("#", "|", "!!!", "===")):
            return " ".join(paragraph.split())
    return ""
