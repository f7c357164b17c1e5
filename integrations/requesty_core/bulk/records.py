"""A settled row as one line of JSON, and back: what a checkpoint holds."""

from __future__ import annotations

import base64
import hashlib
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from requesty_core.errors import AnswerFormatError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.reply import ChatReply, Message
from requesty_core.wire.json import encode_json

__all__ = ["KeptReply", "Line", "Record", "key_of", "line_of", "read_record", "reply_of", "vector_of"]


class KeptReply(msgspec.Struct, omit_defaults=True):
    """A reply without its headers; the fields are those of ``ChatReply``."""

    message: Message
    id: str | None = None
    requested_model: str = ""
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    attempts: tuple[Attempt, ...] = ()
    created: int | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    choices: tuple[Message, ...] = ()
    extra: Mapping[str, Any] = {}


class Line(msgspec.Struct):
    """What finding a record needs to know of it.

    Attributes:
        key: of the request that it answers.
        at: position of the row.
        done: whether it is settled for good; what failed is asked again by the next run.
    """

    key: str
    at: int
    done: bool


class Record(msgspec.Struct, omit_defaults=True):
    """One line. Of a row that failed: what went wrong, and what its attempts cost."""

    key: str
    at: int
    done: bool
    reply: KeptReply | None = None
    vector: str | None = None
    error: str | None = None
    error_class: str | None = None
    status: int | None = None
    usage: Usage | None = None


def _as_text(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} is no JSON")


_encoder = msgspec.json.Encoder(enc_hook=_as_text)
_decoder = msgspec.json.Decoder(Record)


def key_of(request: Any) -> str:
    """A name for a request that tells it from all others: 128 bits of a SHA-256 of it as JSON.

    Raises ``TypeError`` for what is no JSON.
    """
    return hashlib.sha256(_encoder.encode(request)).hexdigest()[:32]


def line_of(record: Record) -> bytes:
    """The record's line, its end included."""
    return _encoder.encode(record) + b"\n"


def read_record(line: bytes) -> Record:
    """The record of a line. Raises ``msgspec.DecodeError`` for one that this version does not know."""
    return _decoder.decode(line)


def kept_reply(reply: ChatReply) -> KeptReply:
    """A reply as it is kept."""
    return KeptReply(
        message=reply.message,
        id=reply.id,
        requested_model=reply.requested_model,
        served_model=reply.served_model,
        provider=reply.provider,
        request_id=reply.request_id,
        # What was read from the raw object is in the other fields.
        usage=None if reply.usage is None else replace(reply.usage, raw={}),
        attempts=tuple(
            one if one.usage is None else replace(one, usage=replace(one.usage, raw={})) for one in reply.attempts
        ),
        created=reply.created,
        system_fingerprint=reply.system_fingerprint,
        service_tier=reply.service_tier,
        choices=tuple(reply.choices) if len(reply.choices) > 1 else (),
        extra=reply.extra,
    )


def reply_of(kept: KeptReply) -> ChatReply:
    """The reply that was kept."""
    return ChatReply(
        message=kept.message,
        id=kept.id,
        requested_model=kept.requested_model,
        served_model=kept.served_model,
        provider=kept.provider,
        request_id=kept.request_id,
        usage=kept.usage,
        attempts=kept.attempts,
        created=kept.created,
        system_fingerprint=kept.system_fingerprint,
        service_tier=kept.service_tier,
        choices=kept.choices or (kept.message,),
        extra=kept.extra,
    )


def kept_vector(vector: Sequence[float]) -> str:
    """A vector as base64 of float32, little-endian: a fifth of its numbers as text."""
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


def vector_of(text: str) -> array[float]:
    """The vector that was kept."""
    floats = array("f")
    floats.frombytes(base64.b64decode(text))
    if sys.byteorder == "big":
        floats.byteswap()
    return floats


def error_of(record: Record) -> RequestyError | None:
    """Why a settled answer is of no use: it was billed, and did not fit the schema. ``None`` if it is of use."""
    if record.error is None:
        return None
    text = "" if record.reply is None else record.reply.message.text
    return AnswerFormatError(record.error, text=text)


def canonical(value: Any) -> Any:
    """A JSON value as it is after it was written and read, to compare settings of two runs."""
    return msgspec.json.decode(encode_json(value))
