"""Media in and out."""

from __future__ import annotations

import json
from typing import Any

from ..model import Ask, Case, scenario

GROUP = "Media"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def ask(*parts: dict[str, Any]) -> Ask:
    return Ask(messages=[{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *parts]}])


def parts(case: Case, kind: str | tuple[str, ...]) -> list[dict[str, Any]]:
    """Parts of a kind in the last message that was sent."""
    kinds = (kind,) if isinstance(kind, str) else kind
    return [part for part in case.body["messages"][-1]["content"] if part["type"] in kinds]


@scenario(GROUP, "an image by URL", needs="image by url")
def image_url(case: Case) -> None:
    case.ask(ask({"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}))
    (part,) = parts(case, "image_url")
    assert part["image_url"]["url"] == "https://x.test/a.png"


@scenario(GROUP, "an image as bytes")
def image_bytes(case: Case) -> None:
    case.ask(ask({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}))
    (part,) = parts(case, "image_url")
    assert part["image_url"]["url"] == f"data:image/png;base64,{PNG}"


@scenario(GROUP, "a PDF", needs="pdf")
def pdf(case: Case) -> None:
    data = "data:application/pdf;base64,JVBERi0xLjQK"
    case.ask(ask({"type": "file", "file": {"filename": "a.pdf", "file_data": data}}))
    (part,) = parts(case, ("input_file", "file", "file_input"))
    assert data in json.dumps(part)


@scenario(GROUP, "audio", needs="audio")
def audio(case: Case) -> None:
    case.ask(ask({"type": "input_audio", "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"}}))
    (part,) = parts(case, "input_audio")
    assert part["input_audio"] == {"data": "UklGRiQAAABXQVZF", "format": "wav"}


@scenario(GROUP, "images out", needs="images out")
def images_out(case: Case) -> None:
    case.gw.say(text="Here.", images=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}])
    assert case.ask().images == [f"data:image/png;base64,{PNG}"]


@scenario(GROUP, "citations", needs="citations")
def citations(case: Case) -> None:
    cited = {"url": "https://x.test/source", "title": "Source", "start_index": 0, "end_index": 4}
    case.gw.say(text="Rain.", annotations=[{"type": "url_citation", "url_citation": cited}])
    assert case.ask().citations == ["https://x.test/source"]
