"""``POST /v1/embeddings``: hashed character n-grams, so that similar texts get similar vectors."""

from __future__ import annotations

import base64
import math
import struct
from array import array
from functools import lru_cache
from typing import Any
from zlib import crc32

from requesty_emulator.answers.words import terms
from requesty_emulator.errors import bad_request
from requesty_emulator.gateway.billing import Usage, cost_field, tokens
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply
from requesty_emulator.gateway.routing import route
from requesty_emulator.validation import checks
from requesty_emulator.validation.chat import unknown_fields, validate_requesty

_FIELDS = frozenset({"model", "input", "dimensions", "encoding_format", "user", "requesty"})
_MAX_ITEMS = 2048
_MAX_TOKENS = 8192
#: Tokens of all inputs together, as OpenAI limits them.
_MAX_TOTAL = 300_000


async def create_embeddings(call: Call) -> Reply:
    """Embed a string, strings, tokens or token arrays (documented input forms)."""
    call.authenticate()
    body = call.json()
    call.record.unknown_fields = unknown_fields(body, _FIELDS)
    inputs = _validate(body, strict=call.settings.strict_fields)
    counts = [len(item) if isinstance(item, tuple) else tokens(item) for item in inputs]
    if sum(counts) > _MAX_TOTAL:
        raise bad_request(f"input must have at most {_MAX_TOTAL} tokens in all, not {sum(counts)}", "provider")
    model = await route(call, "embedding", needs=max(counts))
    size = model.dimensions
    if (asked := body.get("dimensions")) is not None:
        if "ada-002" in model.id:
            raise bad_request("This model does not support specifying dimensions.", "provider")
        if asked > size:
            raise bad_request(f"dimensions must be at most {size}, not {asked}", "provider")
        size = asked
    base64_asked = body.get("encoding_format") == "base64"
    data: list[dict[str, Any]] = []
    for index, item in enumerate(inputs):
        vector = embed(" ".join(map(str, item)) if isinstance(item, tuple) else item, size)
        value: Any = list(vector)
        if base64_asked:
            value = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": value})
    usage = Usage(prompt=sum(counts)).price(model)
    shown = call.record.model or model.id
    scripted = call.core.scripts.take(call.record.model, call.record.path)
    call.served(model, usage, "embedding", shown)
    if scripted and scripted.body is not None:
        return Reply(scripted.body, billable=True)
    sent: dict[str, Any] = {"prompt_tokens": usage.prompt, "total_tokens": usage.prompt}
    style = call.fault.usage or ""
    if call.settings.embedding_cost or style in ("null_cost", "string_cost", "zero_cost"):
        sent.update(cost_field(usage.cost, style))
    reply: dict[str, Any] = {"object": "list", "data": data, "model": shown, "usage": sent}
    if style == "none":
        del reply["usage"]
    if scripted and scripted.usage:
        reply["usage"] = {**sent, **scripted.usage}
    return Reply(reply, billable=True)


def _validate(body: dict[str, Any], *, strict: bool) -> list[str | tuple[int, ...]]:
    checks.string(checks.required(body, "model"), "model", empty=False)
    raw = checks.required(body, "input")
    if body.get("dimensions") is not None:
        checks.integer(body["dimensions"], "dimensions", 1)
    if body.get("encoding_format") is not None:
        checks.one_of(body["encoding_format"], "encoding_format", ("float", "base64"))
    if body.get("user") is not None:
        checks.string(body["user"], "user")
    validate_requesty(body.get("requesty"))
    if strict and (unknown := unknown_fields(body, _FIELDS)):
        raise bad_request(f"unknown field {unknown[0]!r}")
    if isinstance(raw, str):
        items: list[Any] = [raw]
    else:
        items = checks.array(raw, "input", empty=False)
        if isinstance(items[0], int) and not isinstance(items[0], bool):
            items = [items]
    if len(items) > _MAX_ITEMS:
        raise bad_request(f"input must have at most {_MAX_ITEMS} items, not {len(items)}", "provider")
    return [_item(item, f"input[{index}]") for index, item in enumerate(items)]


def _item(item: object, where: str) -> str | tuple[int, ...]:
    if isinstance(item, list):
        values = [checks.integer(value, f"{where}[{at}]", 0) for at, value in enumerate(item)]
        if not values:
            raise bad_request(f"{where} must not be empty")
        return tuple(values)
    text = checks.string(item, where)
    if not text:
        raise bad_request(f"{where} must not be an empty string", "provider")
    return text


@lru_cache(maxsize=512)
def embed(text: str, size: int) -> array[float]:
    """A unit vector of ``size`` floats: equal texts agree, texts that share words and letters lie close."""
    vector = [0.0] * size
    folded = " ".join(text.lower().split())
    padded = f" {folded} "
    for word in terms(text):
        _add(vector, f"w:{word}", 3.0)
    for at in range(max(1, min(len(padded) - 2, 20_000))):
        _add(vector, padded[at : at + 3], 0.5)
    length = math.sqrt(math.fsum(value * value for value in vector))
    if not length:
        vector[0], length = 1.0, 1.0
    return array("f", (value / length for value in vector))


def _add(vector: list[float], feature: str, weight: float) -> None:
    code = crc32(feature.encode("utf-8", "surrogatepass"))
    vector[code % len(vector)] += weight if code & 0x40000000 else -weight
