"""Rows on the models list and the other routes (contract, sections 6 to 10)."""

from __future__ import annotations

import base64
from typing import Any

from .looks import (
    ContradictionError,
    Look,
    all_of,
    among,
    entries,
    first_of,
    otherwise,
    short,
    the,
    typed,
)
from .rows import row
from .streams import counts_once, each_is_json, event_order
from .wire import Seen, UntoldError

__all__ = ["MEDIA", "MODELS", "ROUTES"]

FLAGS = (
    "supports_caching supports_computer_use supports_image_generation supports_reasoning supports_tool_calling"
    " supports_vision supports_web_search supports_role_developer supports_output_json_object"
)


def _vectors(length: int | None) -> Look:
    def look(seen: Seen) -> str:
        found = seen.at("data")
        for number, entry in enumerate(found if isinstance(found, list) else []):
            vector = entry.get("embedding")
            if entry.get("index") != number or not isinstance(vector, list) or (length and len(vector) != length):
                raise otherwise(f"data.{number}", f"index {number} with {length or 'any'} numbers", entry)
        return f"{len(found)} vectors of {len(found[0]['embedding'])}" if found else "no vectors"

    return look


def _base64_vector(seen: Seen) -> str:
    value = seen.at("data.0.embedding")
    try:
        size = len(base64.b64decode(value, validate=True)) if isinstance(value, str) else 0
    except ValueError:
        size = 0
    if not size or size % 4:
        raise otherwise("data.0.embedding", "base64 of 4-byte numbers", value)
    return f"{size // 4} numbers"


def _listed(seen: Seen) -> str:
    ids = [entry.get("id") for entry in seen.at("data") if isinstance(entry, dict)]
    if any(not isinstance(one, str) or not one for one in ids):
        raise ContradictionError("an entry of the list has no id")
    if len(ids) != len(set(ids)):
        raise ContradictionError("an id is listed twice")
    return f"{len(ids)} ids"


def _bare(seen: Seen) -> str:
    slashed = next((entry["id"] for entry in seen.at("data") if "/" in str(entry.get("id"))), None)
    if slashed is not None:
        raise otherwise("an id of the managed list", "without a slash", slashed)
    return f"{sum(str(entry.get('id')).endswith('@eu') for entry in seen.at('data'))} of them @eu"


def _ordered_flags(seen: Seen) -> str:
    return entries("data", "supports_vision", "boolean", optional=True)(seen)


def _each_flag(seen: Seen) -> str:
    for name in FLAGS.split():
        entries("data", name, "boolean", optional=True)(seen)
    return _ordered_flags(seen)


def _tiers(seen: Seen) -> str:
    having: list[Any] = [entry for entry in seen.at("data") if isinstance(entry, dict) and entry.get("pricing")]
    for entry in having:
        first = entry["pricing"][0] if isinstance(entry["pricing"], list) else {}
        if not isinstance(first, dict) or "prompt_tokens_threshold" not in first or "input_price" not in first:
            raise otherwise(f"pricing of {entry.get('id')}", "tiers with a threshold and prices", entry["pricing"])
    if not having:
        raise UntoldError("no entry has pricing tiers")
    return f"in {len(having)} entries"


def _audio(seen: Seen) -> str:
    kind = seen.headers.get("content-type", "")
    if not kind.startswith(("audio/", "application/octet-stream")) or not seen.body:
        raise otherwise("the answer", "audio", kind)
    return f"{len(seen.body)} bytes of {kind}"


def _image(seen: Seen) -> str:
    return first_of("data.0.b64_json", "data.0.url", kind="text")(seen)[:40]


def _bad_key_list(seen: Seen) -> str:
    if seen.status not in (200, 401, 403):
        raise otherwise("status", "200, 401 or 403", seen.status)
    return f"{seen.status}"


MODELS = [
    row(
        "9",
        "GET /v1/models is public: object list, data",
        "models",
        all_of(among("object", "list"), typed("data", "list")),
    ),
    row("9 21-11", "every entry has an id of its own", "models", _listed),
    row(
        "9 19-3", "a bad key gets 200 with the public list, or 401 or 403", "models_bad", _bad_key_list, answered=False
    ),
    row("9", "GET /v1/models with a key is a list", "models_key", typed("data", "list")),
    row("2 9", "GET /v1/models/managed is public", "managed", all_of(typed("data", "list"), _listed)),
    row("2 9", "its ids have no slash", "managed", _bare),
    row(
        "9 19-19",
        "object is model, where it is there",
        "models",
        entries("data", "object", values=("model",), optional=True),
    ),
    row("9", "api is a word, where it is there", "models", entries("data", "api", "text", optional=True)),
    row(
        "9 19-18",
        "input_price and output_price are per token: below 0.01",
        "models",
        all_of(
            *(
                entries(
                    "data", f"{one}_price", "number", "null", optional=True, pattern=r"None|0(\.0\d*)?|\d(\.\d+)?e-\d+"
                )
                for one in ("input", "output")
            )
        ),
    ),
    row(
        "9 19-36",
        "caching_price and cached_price are numbers, where they are there",
        "models",
        all_of(*(entries("data", f"{one}_price", "number", "null", optional=True) for one in ("caching", "cached"))),
    ),
    row(
        "9",
        "context_window and max_output_tokens are counts",
        "models",
        all_of(*(entries("data", one, "count", optional=True) for one in ("context_window", "max_output_tokens"))),
    ),
    row("9 19-17", "the supports_… flags are booleans", "models", _each_flag),
    row("9", "geolocation is a word", "models", entries("data", "geolocation", "text", "null", optional=True)),
    row(
        "9",
        "data_retention is a boolean",
        "models",
        entries("data", "data_retention", "boolean", "null", optional=True),
    ),
    row("9", "pricing has tiers with a threshold", "managed", _tiers),
    row(
        "9 19-35",
        "retires is in seconds since 1970, or null",
        "models",
        entries("data", "retires", "count", "null", optional=True),
    ),
]

ROUTES = [
    row(
        "6",
        "a message has id, type and role",
        "messages",
        all_of(typed("id", "text"), among("type", "message"), among("role", "assistant")),
    ),
    row("6", "content is a list of blocks", "messages", entries("content", "type", "text")),
    row(
        "6",
        "stop_reason is one of the documented words",
        "messages",
        among("stop_reason", "end_turn", "max_tokens", "stop_sequence", "tool_use"),
    ),
    row(
        "6",
        "usage has input_tokens and output_tokens",
        "messages",
        all_of(typed("usage.input_tokens", "count"), typed("usage.output_tokens", "count")),
    ),
    row("6", "models of other makers are served", "messages_bearer", among("type", "message")),
    row(
        "6",
        "a stream has Anthropic's events in their order",
        "messages_stream",
        event_order(
            "message_start",
            "message_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
        ),
    ),
    row("6", "usage of message_delta counts the output", "messages_stream", counts_once("output_tokens", int)),
    row(
        "7",
        "a response has status and output",
        "responses",
        all_of(among("status", "completed", "incomplete"), typed("output", "list")),
    ),
    row("7", "its id is resp_… or rqsty-cmpl-…", "responses", the("id", r"(resp_|rqsty-).+")),
    row(
        "7",
        "usage has input, output and total tokens",
        "responses",
        all_of(*(typed(f"usage.{one}_tokens", "count") for one in ("input", "output", "total"))),
    ),
    row("7", "usage has the cost", "responses", typed("usage.cost", "amount")),
    row("7", "input can be items with input_text", "responses_key", typed("output", "list")),
    row("7", "a stream ends with response.completed or response.incomplete", "responses_stream", each_is_json),
    row(
        "7 19-37",
        "its events are response.* from response.created on",
        "responses_stream",
        lambda seen: _response_events(seen),
    ),
    row("7", "usage and cost come with no option", "responses_stream", counts_once("cost", int, float, str)),
    row(
        "8",
        "embeddings are a list in the order of the input",
        "embeddings",
        all_of(among("object", "list"), _vectors(None)),
    ),
    row(
        "8",
        "their usage has prompt_tokens and total_tokens",
        "embeddings",
        all_of(typed("usage.prompt_tokens", "count"), typed("usage.total_tokens", "count")),
    ),
    row(
        "8 21-5", "usage.cost, reported by one source only", "embeddings", typed("usage.cost", "amount", optional=True)
    ),
    row("8 19-7", "model is text, with or without its prefix", "embeddings", typed("model", "text")),
    row("8", "encoding_format base64 is answered so", "embedding_text", _base64_vector),
    row("8 21-15", "token numbers and dimensions are taken", "embedding_tokens", _vectors(8)),
]


def _response_events(seen: Seen) -> str:
    kinds = [event.get("type") for event in seen.events if isinstance(event, dict)]
    if not kinds or kinds[0] != "response.created" or kinds[-1] not in ("response.completed", "response.incomplete"):
        raise otherwise("the events", "from response.created to response.completed", kinds[:1] + kinds[-1:])
    return f"{len(kinds)} events, last {short(kinds[-1])}"


MEDIA = [
    row("10", "speech answers audio", "speech", _audio),
    row("10", "a transcription has text", "transcription", typed("text", "text")),
    row("10", "an image is b64_json or url", "image", _image),
]
