"""URL citations of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_ai import messages as pai

from requesty_core.adapters import url_citation

__all__ = ["citations_of"]


def citations_of(annotations: Sequence[Mapping[str, Any]], text: str) -> list[pai.Citation] | None:
    """The citations of a text; other annotations stay in ``provider_details``. ``None`` where there are none.

    An anchor is given only where both offsets lie in the text.
    """
    citations: list[pai.Citation] = []
    for note in annotations:
        cited = url_citation(note)
        if cited is None:
            continue
        anchor = None
        if cited.start is not None and cited.end is not None and 0 <= cited.start < cited.end <= len(text):
            anchor = pai.MarkerCitationAnchor(start=cited.start, end=cited.end)
        excerpts = [cited.content] if cited.content else []
        source = pai.WebCitationSource(url=cited.url, title=cited.title, excerpts=excerpts)
        citations.append(pai.Citation(sources=[source], anchor=anchor))
    return citations or None
