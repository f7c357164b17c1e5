"""Content that has one shape on the wire and another in each framework: images of replies, and citations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["URLCitation", "image_address", "url_citation"]


def image_address(image: Mapping[str, Any]) -> str | None:
    """The URL (web or data) of an image in a reply, ``{"type": "image_url", "image_url": {"url": …}}``."""
    inner = image.get("image_url")
    url = inner.get("url") if isinstance(inner, Mapping) else inner
    return url if isinstance(url, str) and url else None


class URLCitation(NamedTuple):
    """A web page that an answer cites.

    Attributes:
        url: the page.
        title: its title; the URL where none was sent.
        start, end: where the cited passage lies in the text, in characters; ``None`` if the offsets are not both there.
        content: the cited page's words, if sent.
    """

    url: str
    title: str
    start: int | None
    end: int | None
    content: str | None

    def passage(self, text: str) -> str:
        """The part of ``text`` that the citation is for; empty if it does not say."""
        return "" if self.start is None else text[self.start : self.end]


def url_citation(annotation: Mapping[str, Any]) -> URLCitation | None:
    """The citation in ``{"type": "url_citation", "url_citation": {…}}``; ``None`` for any other annotation."""
    cited = annotation.get("url_citation")
    if not isinstance(cited, Mapping) or not isinstance(cited.get("url"), str):
        return None
    start, end, content = cited.get("start_index"), cited.get("end_index"), cited.get("content")
    placed = isinstance(start, int) and isinstance(end, int)
    return URLCitation(
        url=cited["url"],
        title=str(cited.get("title") or cited["url"]),
        start=start if placed else None,
        end=end if placed else None,
        content=content if isinstance(content, str) and content else None,
    )
