"""Content that has one shape on the wire and another in each framework: images of replies, and citations."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

from requesty_core.histories.media import split_data_url

__all__ = ["URLCitation", "image_address", "image_data", "url_citation"]


def image_address(image: Mapping[str, Any]) -> str | None:
    """The URL (web or data) of an image in a reply, ``{"type": "image_url", "image_url": {"url": …}}``."""
    inner = image.get("image_url")
    url = inner.get("url") if isinstance(inner, Mapping) else inner
    return url if isinstance(url, str) and url else None


def image_data(image: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """``(media type, bytes)`` of an image sent as data; ``None`` for one sent as an address or not readable.

    Base64 without its padding, in its URL-safe letters or broken into lines is read, as services send it.
    """
    split = split_data_url(image_address(image) or "")
    if split is None:
        return None
    media_type, payload = split
    letters = "".join(payload.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return (media_type.partition(";")[0] or "image/png", data) if data else None


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
