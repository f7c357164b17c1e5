"""Hooks of the site's build: ``llms.txt``, ``llms-full.txt`` and every page's Markdown beside its HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

_FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
_NOT_RUN = re.compile(r'<div class="(language-(?:text|diff|console|py|python doc-signature)\b)')
_PROMISE = re.compile(r"[ \n]*<!-- promise: .*? -->")
_PICTURE = re.compile(r'<p><img alt="([^"]*)" src="([^"]+)" */?></p>')
_CELL = re.compile(r"<t[dh]\b.*?</t[dh]>", re.S)
_CODE = re.compile(r"<code>([^<]*)</code>")
# After marks that join words, before a bracket, and where a capital begins a word.
_BETWEEN_WORDS = re.compile(r"(?<=[_./=,:@])(?=\w)|(?<=\w)(?=\()|(?<=[a-z])(?=[A-Z])")
UNBROKEN = 12  # Letters of an id that has room in any column.
LONG = 28  # Letters beyond which an id would leave the other columns no room on a desk either.
_PLOT_NAME = re.compile(r"_\d+\.png$")
# Of each picture its width and its smallest text, in pixels; the plots of the notebooks are all drawn alike.
TEXTS = {"demo.svg": (1141, 18.0), "bulk.svg": (768, 8 * 96 / 72), "emulator.png": (1280, 11.0)}
PLOT = (880, 8.5 * 110 / 72)
SMALLEST_TEXT = 9.0
# Who searches for a word wants the page that explains it before those that happen to use it.
# A quickstart goes before the other pages of its framework.
SEARCH_BOOSTS = {
    r".*/index\.md": 4.0,
    "concepts/gateway": 2.0,
    "concepts/": 1.5,
    "contract|reference/|notebooks/": 0.5,
}
_nav: Navigation | None = None


def on_nav(nav: Navigation, **_: Any) -> None:
    """Keep the order of the pages."""
    global _nav
    _nav = nav


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """A page without the marks of the register of promises, which are for its check alone."""
    boost = next((b for pattern, b in SEARCH_BOOSTS.items() if re.match(pattern, page.file.src_uri)), None)
    if boost is not None:
        page.meta.setdefault("search", {})["boost"] = boost
    return _PROMISE.sub("", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Buttons that copy stand at what a reader runs, not at outputs, sessions, differences and signatures.

    Pictures lead to themselves in full size; on a phone they scroll inside the page rather than shrink until their text
    cannot be read. Ids in the cells of a table break between their words.
    """
    html = _CELL.sub(lambda cell: _CODE.sub(_breakable, cell[0]), html)
    return _PICTURE.sub(_picture, _NOT_RUN.sub(r'<div class="no-copy \1', html))


def _breakable(code: re.Match[str]) -> str:
    text = code[1]
    if len(text) <= UNBROKEN or text.startswith("-"):
        return f'<code class="whole">{text}</code>'
    kind = ' class="long"' if len(text) > LONG else ""
    return f"<code{kind}>{_BETWEEN_WORDS.sub('<wbr>', text)}</code>"


def _picture(match: re.Match[str]) -> str:
    name = match[2].rpartition("/")[2]
    width, text = PLOT if _PLOT_NAME.search(name) else TEXTS[name]
    least = math.ceil(SMALLEST_TEXT * width / text)
    shown = f'alt="{match[1]}" src="{match[2]}" style="--least: {least}px" data-text="{text / width:.6f}"'
    return f'<div class="picture"><a href="{match[2]}"><img {shown}></a></div>'


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
