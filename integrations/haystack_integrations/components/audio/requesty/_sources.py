"""What a transcriber is given and what it gives: files for the wire, documents of what was said in them."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from haystack import Document
from haystack.dataclasses import ByteStream

from haystack_integrations.common.requesty.usage import usage_over
from requesty_core import Transcription
from requesty_core.errors import ConfigurationError

__all__ = ["Source", "document_of", "meta_over", "sources_of"]

_TIMING = ("language", "duration", "segments", "words")


class Source:
    """One recording: its file for the wire, and the meta of its document."""

    def __init__(self, given: Any, where: str) -> None:
        if isinstance(given, (str, Path)):
            stream = ByteStream.from_file_path(Path(given))
            self.meta: dict[str, Any] = {"file_path": str(given)}
        elif isinstance(given, ByteStream):
            stream, self.meta = given, dict(given.meta)
        else:
            raise TypeError(f"{where}: expected a path or a ByteStream, got {type(given).__name__}")
        if not stream.data:
            raise ConfigurationError(f"{where}: holds no audio; give a recording")
        name, suffix = self._name(), mimetypes.guess_extension(stream.mime_type or "")
        self.name = name or f"audio{suffix or '.wav'}"
        self.file = (self.name, stream.data, stream.mime_type) if stream.mime_type else (self.name, stream.data)

    def _name(self) -> str:
        told = self.meta.get("file_path") or self.meta.get("file_name")
        return Path(str(told)).name if told else ""


def sources_of(sources: Any) -> list[Source]:
    """The recordings, read. Raises ``TypeError`` for what is none, ``OSError`` for a file that cannot be read."""
    if isinstance(sources, (str, Path, ByteStream)) or not isinstance(sources, Sequence):
        raise TypeError(f"sources: expected a list of paths and ByteStreams, got {type(sources).__name__}")
    return [Source(given, f"sources[{index}]") for index, given in enumerate(sources)]


def document_of(source: Source, transcription: Transcription) -> Document:
    """What was said, with the source's meta, and with the times if ``verbose_json`` was asked for."""
    timing = {name: transcription.raw[name] for name in _TIMING if name in transcription.raw}
    return Document(content=transcription.text, meta={**source.meta, **timing})


def meta_over(model: str, transcriptions: Sequence[Transcription]) -> dict[str, Any]:
    """The model, and usage over all recordings."""
    ids = [one.request_id for one in transcriptions if one.request_id is not None]
    return {"model": model, "usage": usage_over(one.usage for one in transcriptions), "request_ids": ids}
