"""URL citations of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_ai import messages as pai

__all__ = ["citations_of"]


def citations_of(annotations: Sequence[Mapping[str, Any]], text: str) -> list[pai.Citation] | None:
    """The citations of a text; other annotations stay in ``provider_details``. ``None`` where there are none.

    An anchor is given only where both offsets lie in the text.
    """
    citations: list[pai.Citation] = []
    for note in annotations:
        cited = note.get("url_citation")
        if not isinstance(cited, Mapping) or not isinstance(cited.get("url"), str):
            continue
        start, end, content = cited.get("start_index"), cited.get("end_index"), cited.get("content")
        anchor = None
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
            anchor = pai.MarkerCitationAnchor(start=start, end=end)
        source = pai.WebCitationSource(
            url=cited["url"],
            title=str(cited.get("title") or cited["url"]),
            excerpts=[content] if isinstance(content, str) and content else [],
        )
        citations.append(pai.Citation(sources=[source], anchor=anchor))
    return citations or None
