"""What the gateway sends and accepts: JSON in and out, and the shapes of the chat-completions route.

The shapes are ``TypedDict``s: documentation for people and type checkers that costs nothing per chunk. The gateway's
replies vary by provider and change often, so nothing is validated against them; readers accept every variant that the
wire contract lists as seen or in conflict, and unknown fields stay in the decoded object.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NoReturn, TypedDict

import msgspec

__all__ = [
    "UNREADABLE",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ErrorObject",
    "JSONDecodeError",
    "WireUsage",
    "decode_directly",
    "decode_json",
    "decode_strictly",
    "encode_json",
]


class JSONDecodeError(ValueError):
    """The bytes are not one JSON document in UTF-8."""


decode_directly = msgspec.json.Decoder().decode
"""As :func:`decode_json` where each call counts; raises :data:`UNREADABLE`, also for what that one reads after all."""

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, ValueError)

_encoder = msgspec.json.Encoder()


def decode_json(data: bytes | bytearray | memoryview | str) -> Any:
    """Decode one JSON document. Raises :class:`JSONDecodeError` for anything else, however broken.

    A byte-order mark and escaped halves of surrogate pairs are read, as RFC 8259 allows (sections 8.1 and 8.2); relays
    written in JavaScript send both.
    """
    try:
        return decode_directly(data)
    except UNREADABLE as exc:
        reason = str(exc)
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
    # msgspec reads neither; only what holds one of them is worth a second and slower look.
    if not (raw.startswith(_BYTE_ORDER_MARK) or b"\\ud" in raw.lower()):
        raise JSONDecodeError(reason)
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise JSONDecodeError(reason) from None


def decode_strictly(text: str) -> Any:
    """Decode one JSON document in which no object gives one key twice.

    Raises :class:`JSONDecodeError`. Of two equal keys one would be lost without a word.
    """
    value = decode_json(text)
    if isinstance(value, (dict, list)):
        try:
            json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise JSONDecodeError(str(error)) from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def encode_json(value: Any) -> bytes:
    """Encode to compact UTF-8 JSON. Raises ``TypeError`` or ``ValueError`` for values JSON cannot hold."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        # Half of a surrogate pair, as an answer may hold one: it goes out escaped, as it came.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


class FunctionCall(TypedDict, total=False):
    """``arguments`` is JSON text; objects and ``null`` have been seen and are accepted on input."""

    name: str
    arguments: str


class WireToolCall(TypedDict, total=False):
    """A tool call or a piece of one. ``index`` and ``type`` may be missing, ``id`` only on the first piece."""

    index: int
    id: str | None
    type: Literal["function"]
    function: FunctionCall


class WireMessage(TypedDict, total=False):
    """A message, or a delta of one. ``reasoning`` is an alternative spelling of ``reasoning_content``."""

    role: str
    content: str | list[dict[str, Any]] | None
    reasoning_content: str | None
    reasoning: str | None
    reasoning_signature: str | None
    refusal: str | None
    tool_calls: list[WireToolCall] | None
    annotations: list[dict[str, Any]] | None
    images: list[dict[str, Any]] | None


class WireUsage(TypedDict, total=False):
    """Token counts and cost. ``cached_tokens`` (read) and ``caching_tokens`` (write) are part of ``prompt_tokens``.

    ``cost`` is USD; absent on some routes and providers, zero for free models, sometimes a string.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, Any] | None
    completion_tokens_details: dict[str, Any] | None
    cost: float | str | None


class Choice(TypedDict, total=False):
    """One choice; ``message`` when complete, ``delta`` in a stream. ``finish_reason`` may be missing or null."""

    index: int
    message: WireMessage
    delta: WireMessage
    finish_reason: str | None
    logprobs: dict[str, Any] | None


class ErrorObject(TypedDict, total=False):
    """``origin`` is router or provider; provider errors may add ``code``, ``type`` and ``param``."""

    origin: str
    message: str
    code: int | str
    type: str
    param: str


class ChatCompletion(TypedDict, total=False):
    """Body of a chat completion. ``model`` names what served the call, often without its provider prefix."""

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: WireUsage | None
    system_fingerprint: str | None
    error: ErrorObject | str


class ChatCompletionChunk(ChatCompletion):
    """One chunk of a streamed chat completion; usage may be on every chunk (cumulative), the last, or absent."""
