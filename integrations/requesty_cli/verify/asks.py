"""The requests: as few and as small as the facts allow; rows that read the same answer share one."""

from __future__ import annotations

import base64
import struct
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from .wire import Ask, Known, UntoldError

__all__ = ["ASKS", "MODELS", "PREFIX"]

MODELS = {
    "chat": "openai/gpt-4o-mini",
    "reasoning": "anthropic/claude-haiku-4-5",
    "messages": "anthropic/claude-haiku-4-5",
    "embedding": "openai/text-embedding-3-small",
    "speech": "openai/gpt-4o-mini-tts",
    "transcription": "openai/gpt-4o-mini-transcribe",
    "image": "openai/gpt-image-1",
    "none": "openai/no-such-model-as-this",
}
"""The model of each role; the command's options change the first, the second and the fourth."""
PREFIX = "requesty-adapters-verify"
"""What every name begins with that a run makes at the gateway."""

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Answer with the single word: pong"}]
SMALL: dict[str, Any] = {"messages": HELLO, "max_tokens": 16}
TIDE = {
    "type": "function",
    "function": {
        "name": "tide",
        "description": "Tells the tide at a harbour",
        "parameters": {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
    },
}
USE = [{"role": "user", "content": "What is the tide at the harbour of Oslo? Use the tool tide."}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TAGGED = {"tags": ["verify"], "user_id": "verify", "trace_id": "verify-1", "extra": {"purpose": "verify"}}
NAMED = {"type": "function", "function": {"name": "tide"}}


def _chat(tokens: tuple[int, int] = (200, 16), model: str = "chat", /, **body: Any) -> Ask:
    return Ask(CHAT, {**SMALL, **body}, model=model, tokens=tokens)


def _read(path: str, **more: Any) -> Ask:
    return Ask(path, method="GET", **more)


def _manage(path: str) -> Ask:
    return Ask(f"/v1/manage{path}", method="GET", host="management")


def _pixel() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * 8) * 8
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def _sound(known: Known) -> bytes:
    """A multipart body with half a second of silence."""
    samples = b"\0\0" * 8_000
    form = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    sound = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(samples)) + samples
    fields = b"".join(
        b'--verify\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value.encode())
        for name, value in ((b"model", known.models["transcription"]), (b"response_format", "json"))
    )
    file = b'--verify\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n'
    file += b"content-type: audio/wav\r\n\r\nRIFF" + struct.pack("<I", len(sound)) + sound
    return fields + file + b"\r\n--verify--\r\n"


def _ids(known: Known, ask: str) -> list[str]:
    data = known.seen(ask).at("data")
    return [str(entry.get("id")) for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _managed(known: Known) -> dict[str, Any]:
    ids = _ids(known, "managed")
    found = next((name for name in ("gpt-4o-mini", "gpt-5-nano", "gpt-4.1-mini", "gpt-5-mini") if name in ids), None)
    if found is None:
        raise UntoldError("none of the small managed ids that it knows is listed")
    return {"model": found, "messages": HELLO, "max_completion_tokens": 400}


def _policy(known: Known) -> dict[str, Any]:
    found = next((name for name in _ids(known, "models_key") if name.startswith("policy/")), None)
    if found is None:
        raise UntoldError("the key has no routing policy")
    return {**SMALL, "model": found}


def _history(known: Known) -> dict[str, Any]:
    message = known.seen("tool").at("choices.0.message")
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list) or not calls:
        raise UntoldError("the model called no tool, so there is none to answer")
    results = [{"role": "tool", "tool_call_id": call.get("id"), "content": "high"} for call in calls]
    return {"messages": [*USE, message, *results], "tools": [TIDE], "max_tokens": 60}


def _thumbs_up(known: Known) -> dict[str, Any]:
    return {"request_id": _id(known, "chat", "id"), "rating": "thumbs_up"}


def _id(known: Known, name: str, place: str) -> str:
    """The id in an answer."""
    made = known.seen(name).at(place)
    if not isinstance(made, str) or not made:
        raise UntoldError("nothing with an id was made that could be asked about")
    return made


def _made(name: str, place: str, path: str) -> Any:
    """A path with the id of what another request made."""

    def path_of(known: Known) -> str:
        return path.replace("{}", quote(_id(known, name, place), safe=""))

    return path_of


def _write(path: Any, body: Any = None, method: str = "POST") -> Ask:
    return Ask(path, body, method=method, host="management", writes=True)


#: Without an end a report covers the 24 hours from its start.
_USAGE = f"/usage?start={datetime.now(UTC):%Y-%m-%dT00:00:00Z}"
_STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
_JSON = [{"role": "user", "content": "Name the capital of Norway as JSON with the key city."}]
_SEES = [
    {"type": "text", "text": "Which colour is this? One word."},
    {"type": "image_url", "image_url": {"url": _pixel()}},
]
_SETTINGS: dict[str, Any] = {
    "temperature": 0,
    "top_p": 1,
    "seed": 1,
    "stop": ["zebra"],
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {"1": 0},
    "user": "verify",
    "logprobs": True,
    "top_logprobs": 1,
}
_THINKS: dict[str, Any] = {"reasoning_effort": "low", "max_tokens": 1_400}
_ASKED: dict[str, Any] = {"max_tokens": 16, "messages": HELLO}

ASKS: dict[str, Ask] = {
    # free
    "models": _read("/v1/models", auth="none"),
    "models_key": _read("/v1/models"),
    "models_bad": _read("/v1/models", auth="bad"),
    "managed": _read("/v1/models/managed", auth="none"),
    "auth": _read("/v1/auth/check", host="management"),
    "auth_bad": _read("/v1/auth/check", host="management", auth="bad"),
    "no_key": Ask(CHAT, SMALL, model="chat", auth="none"),
    "bad_key": Ask(CHAT, SMALL, model="chat", auth="bad"),
    "no_model": Ask(CHAT, SMALL, model="none"),
    "no_model_bad_key": Ask(CHAT, SMALL, model="none", auth="bad"),
    "free_suffix": Ask(CHAT, {**SMALL, "model": "openai/gpt-4o-mini:free"}),
    "no_policy": Ask(CHAT, {**SMALL, "model": "policy/no-such-policy-as-this"}),
    "no_tools": _chat(tools=[]),
    "too_hot": _chat(temperature=9),
    "completions": Ask("/v1/completions", {"prompt": "Hi", "max_tokens": 1}, model="chat", tokens=(10, 1)),
    "moderations": Ask("/v1/moderations", {"input": "Hi"}),
    "messages_no_model": Ask("/v1/messages", _ASKED, model="none"),
    "messages_bad": Ask("/v1/messages", _ASKED, model="messages", auth="bad"),
    "manage_bad": _read("/v1/manage/apikey", host="management", auth="bad"),
    # chat
    "chat": _chat(requesty=TAGGED),
    "settings": _chat(**_SETTINGS),
    "new_limit": Ask(CHAT, {"messages": HELLO, "max_completion_tokens": 16}, model="chat", tokens=(200, 16)),
    "short": _chat(messages=[{"role": "user", "content": "Count from one to fifty in words."}], max_tokens=5),
    "tool": _chat((300, 60), messages=USE, tools=[TIDE], tool_choice="required", max_tokens=60),
    "named": _chat((300, 60), messages=USE, tools=[TIDE], tool_choice=NAMED, max_tokens=60),
    "unused": _chat((300, 60), messages=USE, tools=[TIDE], tool_choice="none", max_tokens=60),
    "history": Ask(CHAT, _history, model="chat", tokens=(500, 60)),
    "json": _chat((200, 40), messages=_JSON, response_format={"type": "json_object"}, max_tokens=40),
    "schema": _chat(
        (300, 40),
        messages=_JSON,
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": CITY}},
    ),
    "image_part": _chat((10_000, 16), messages=[{"role": "user", "content": _SEES}]),
    "cache": _chat(requesty={"auto_cache": True}),
    "managed_chat": Ask(CHAT, _managed, tokens=(200, 400)),
    "policy": Ask(CHAT, _policy, tokens=(200, 16)),
    "reasoning": _chat((300, 1_400), "reasoning", **_THINKS),
    # streams
    "stream": _chat(**_STREAM),
    "stream_plain": _chat(stream=True),
    "stream_tool": _chat((300, 60), messages=USE, tools=[TIDE], tool_choice="required", max_tokens=60, **_STREAM),
    "stream_reasoning": _chat((300, 1_400), "reasoning", **_THINKS, **_STREAM),
    # other routes
    "messages": Ask("/v1/messages", _ASKED, model="messages", tokens=(200, 16), auth="x-api-key"),
    "messages_bearer": Ask("/v1/messages", _ASKED, model="chat", tokens=(200, 16)),
    "messages_stream": Ask("/v1/messages", {**_ASKED, "stream": True}, model="messages", tokens=(200, 16)),
    "responses": Ask("/v1/responses", {"input": "Say pong", "max_output_tokens": 16}, model="chat", tokens=(200, 16)),
    "responses_key": Ask(
        "/v1/responses",
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Say pong"}]}], "max_output_tokens": 16},
        model="chat",
        tokens=(200, 16),
        auth="x-api-key",
    ),
    "responses_stream": Ask(
        "/v1/responses",
        {"input": "Say pong", "max_output_tokens": 16, "stream": True},
        model="chat",
        tokens=(200, 16),
    ),
    "embeddings": Ask("/v1/embeddings", {"input": ["a", "b"]}, model="embedding", tokens=(50, 0)),
    "embedding_text": Ask(
        "/v1/embeddings", {"input": "a", "encoding_format": "base64"}, model="embedding", tokens=(50, 0)
    ),
    "embedding_tokens": Ask(
        "/v1/embeddings", {"input": [[1, 2, 3]], "dimensions": 8}, model="embedding", tokens=(50, 0)
    ),
    "speech": Ask("/v1/audio/speech", {"input": "Hi", "voice": "alloy"}, model="speech", most=Decimal("0.005")),
    "transcription": Ask(
        "/v1/audio/transcriptions",
        _sound,
        model="transcription",
        most=Decimal("0.002"),
        headers={"content-type": "multipart/form-data; boundary=verify"},
    ),
    "image": Ask(
        "/v1/images/generations",
        {"prompt": "A red dot", "n": 1, "size": "1024x1024", "quality": "low"},
        model="image",
        most=Decimal("0.05"),
    ),
    # management
    "self": _manage("/apikey/self"),
    "keys": _manage("/apikey"),
    "self_usage": _manage(f"/apikey/self{_USAGE}"),
    "usage_groups": _manage(f"/apikey/self{_USAGE}&group_by=user_id&group_by=model_requested"),
    "org": _manage("/org"),
    "org_usage": _manage(f"/org{_USAGE}"),
    "members": _manage("/org/member"),
    "groups": _manage("/group"),
    "access_lists": _manage("/access-list"),
    # what changes something there
    "new_key": _write("/v1/manage/apikey", {"name": PREFIX, "permissions": {"completions": "none", "manage": "none"}}),
    "key_limit": _write(_made("new_key", "api_key_id", "/v1/manage/apikey/{}/limit"), {"monthly_limit": "0.01"}),
    "key_labels": _write(_made("new_key", "api_key_id", "/v1/manage/apikey/{}/label"), {"labels": {"made": "verify"}}),
    "key_expiry": _write(_made("new_key", "api_key_id", "/v1/manage/apikey/{}/expiry"), {"expires_at": None}),
    "key_delete": _write(_made("new_key", "api_key_id", "/v1/manage/apikey/{}"), method="DELETE"),
    "new_group": _write("/v1/manage/group", {"name": PREFIX, "monthly_limit": 1}),
    "group": _write(_made("new_group", "group_id", "/v1/manage/group/{}"), method="GET"),
    "group_delete": _write(_made("new_group", "group_id", "/v1/manage/group/{}"), method="DELETE"),
    "new_list": _write("/v1/manage/access-list", {"name": PREFIX, "auto_approve": False, "chat": []}),
    "list": _write(_made("new_list", "id", "/v1/manage/access-list/{}"), method="GET"),
    "list_change": _write(_made("new_list", "id", "/v1/manage/access-list/{}"), {"auto_approve": True}, "PATCH"),
    "list_delete": _write(_made("new_list", "id", "/v1/manage/access-list/{}"), method="DELETE"),
    "feedback": Ask(
        _made("chat", "id", "/feedback/{}"),
        {"data": {"rating": 1, "message": PREFIX}},
        host="feedback",
        writes=True,
    ),
    "feedback_b": Ask(
        "/v1/feedback",
        _thumbs_up,
        writes=True,
    ),
}
"""Every request by the name that rows know it by."""

UNDO = {"new_key": "key_delete", "new_group": "group_delete", "new_list": "list_delete"}
"""What takes back what a request made."""
