"""The cassette file: readable JSON with a version, one exchange after the other."""

from __future__ import annotations

import base64
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from requesty_emulator.errors import ConfigError

__all__ = ["VERSION", "Answer", "Cassette", "Chunk", "Ending", "Exchange", "Question"]

VERSION = 1
KIND = "requesty-cassette"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?|")
Ending = Literal["complete", "cut"]


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it is compared: without keys, without the headers that differ from client to client.

    ``query`` are pairs in the order of their names. ``body`` is what JSON decodes to where ``is_json``, else bytes.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer as it arrived, ``at`` seconds after the answer's head."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``wait`` are the seconds from the request to the answer's head.

    ``chunked`` is how the body was sent; a body that ended before it was complete is ``cut``, and ``length`` then is
    the ``Content-Length`` that it had promised.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[Chunk, ...] = ()
    chunked: bool = False
    wait: float = 0.0
    ending: Ending = "complete"
    length: int | None = None

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(chunk.data for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer."""

    question: Question
    answer: Answer


@dataclass(slots=True)
class Cassette:
    """Exchanges in the order in which their requests arrived."""

    exchanges: list[Exchange] = field(default_factory=list)

    @classmethod
    def load(cls, path: str | Path) -> Cassette:
        """Read a cassette. Raises :class:`ConfigError` with one line that names the file and what is wrong."""
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"cassette {path}: cannot be read: {error.strerror or error}") from None
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"cassette {path}: is not JSON: {error}") from None
        if not isinstance(found, dict) or found.get("kind") != KIND:
            raise ConfigError(f'cassette {path}: is no cassette, it has no "kind": "{KIND}"; record one with --record')
        version = found.get("version")
        if version != VERSION or isinstance(version, bool):
            newer = isinstance(version, int) and version > VERSION
            advice = "upgrade requesty-adapters" if newer else "record it again"
            raise ConfigError(f"cassette {path}: has version {version!r}, this package reads {VERSION}; {advice}")
        exchanges = []
        for number, item in enumerate(_list(found.get("exchanges"))):
            try:
                exchanges.append(Exchange(_question(item["request"]), _answer(item["response"])))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise ConfigError(f"cassette {path}: exchanges[{number}]: {what}; record it again") from None
        return cls(exchanges)

    def save(self, path: str | Path) -> None:
        """Write the file whole or not at all. Raises :class:`ConfigError` if it cannot be written."""
        target = Path(path)
        spare = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            spare.write_text(self.text(), encoding="utf-8")
            spare.replace(target)
        except OSError as error:
            spare.unlink(missing_ok=True)
            raise ConfigError(f"cassette {path}: cannot be written: {error.strerror or error}") from None

    def text(self) -> str:
        """The file's text."""
        shown = [
            {"request": _question_json(one.question), "response": _answer_json(one.answer)} for one in self.exchanges
        ]
        return json.dumps({"kind": KIND, "version": VERSION, "exchanges": shown}, indent=1, ensure_ascii=False) + "\n"


# bytes as text where they are text


def _bytes_json(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _bytes(item: Mapping[str, Any]) -> bytes:
    if "base64" in item:
        return base64.b64decode(item["base64"], validate=True)
    text = item["text"]
    if not isinstance(text, str):
        raise ValueError(f"text must be a string, not {text!r}")
    return text.encode("utf-8")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# requests


def _question_json(question: Question) -> dict[str, Any]:
    shown: dict[str, Any] = {"method": question.method, "path": question.path}
    if question.query:
        shown["query"] = [list(pair) for pair in question.query]
    shown["headers"] = dict(question.headers)
    if question.is_json:
        shown["json"] = question.body
    elif question.body:
        shown |= _bytes_json(question.body)
    return shown


def _question(item: Mapping[str, Any]) -> Question:
    is_json = "json" in item
    body = item["json"] if is_json else _bytes(item) if "text" in item or "base64" in item else b""
    query = tuple((str(name), str(value)) for name, value in item.get("query", ()))
    method, path = item["method"], item["path"]
    if not isinstance(method, str) or not isinstance(path, str):
        raise ValueError("method and path must be strings")
    return Question(method, path, query, dict(item.get("headers", {})), body, is_json)


# answers


def _answer_json(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": answer.status, "wait": round(answer.wait, 4)}
    shown["headers"] = [list(pair) for pair in answer.headers]
    if answer.ending != "complete":
        shown["ending"] = answer.ending
    if answer.length is not None:
        shown["length"] = answer.length
    if answer.chunked:
        shown["chunks"] = [{"at": round(chunk.at, 4), **_bytes_json(chunk.data)} for chunk in answer.chunks]
    else:
        shown |= _bytes_json(answer.body)
    return shown


def _answer(item: Mapping[str, Any]) -> Answer:
    status, ending = item["status"], item.get("ending", "complete")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"status must be a number from 200 to 599, not {status!r}")
    if ending not in ("complete", "cut"):
        raise ValueError(f"ending must be complete or cut, not {ending!r}")
    chunked = "chunks" in item
    chunks = _chunks(item["chunks"]) if chunked else (Chunk(0.0, _bytes(item)),)
    headers = tuple(_header(name, value) for name, value in item.get("headers", ()))
    length = item.get("length")
    if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 0):
        raise ValueError(f"length must be a number of bytes, not {length!r}")
    return Answer(status, headers, chunks, chunked, _seconds(item.get("wait", 0.0), "wait"), ending, length)


def _header(name: Any, value: Any) -> tuple[str, str]:
    # What no server may send would fail when it is replayed.
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"headers: {name!r} is no name of a header")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise ValueError(f"headers: {value!r} is no value of {name}")
    return name, value


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be seconds from 0, not {value!r}")
    return float(value)


def _chunks(items: Iterable[Mapping[str, Any]]) -> tuple[Chunk, ...]:
    return tuple(Chunk(_seconds(item.get("at", 0.0), "at"), _bytes(item)) for item in items)
