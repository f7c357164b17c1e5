"""Images and audio, as far as clients need an answer of the right shape (docs/contract.md, section 10)."""

from __future__ import annotations

import base64
import io
import time
import wave
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

from requesty_emulator.answers.engine import PIXEL
from requesty_emulator.errors import bad_request
from requesty_emulator.gateway.billing import Usage, tokens
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply, encode
from requesty_emulator.gateway.routing import route
from requesty_emulator.validation import checks

_AUDIO_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
#: One silent MPEG-1 layer III frame (32 kbit/s, 44.1 kHz, mono).
_MP3_FRAME = bytes([0xFF, 0xFB, 0x10, 0xC4]) + bytes(100)
_SUFFIXES = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm")


async def generate_images(call: Call) -> Reply:
    """``POST /v1/images/generations`` and ``/v1/images/edits`` (JSON or multipart): one-pixel pictures."""
    call.authenticate()
    multipart = call.headers.get("content-type", "").startswith("multipart/form-data")
    body = _form(call)[0] if multipart else call.json()
    checks.string(checks.required(body, "model"), "model", empty=False)
    prompt = checks.string(checks.required(body, "prompt"), "prompt", empty=False)
    count = body.get("n") or 1
    if isinstance(count, str) and multipart and count.isdecimal() and len(count) < 9:
        count = int(count)
    count = checks.integer(count, "n", 1, 10)
    if body.get("quality") is not None:
        checks.one_of(body["quality"], "quality", ("auto", "high", "medium", "low", "standard", "hd"))
    if body.get("output_format") is not None:
        checks.one_of(body["output_format"], "output_format", ("png", "jpeg", "webp"))
    form = checks.one_of(body.get("response_format") or "b64_json", "response_format", ("url", "b64_json"))
    model = await route(call, "image")
    usage = Usage(prompt=tokens(prompt), completion=256 * count).price(model)
    call.served(model, usage, "image", model.bare)
    item = {"b64_json": PIXEL} if form == "b64_json" else {"url": f"data:image/png;base64,{PIXEL}"}
    body_out: dict[str, Any] = {"created": int(time.time()), "data": [{**item, "revised_prompt": prompt}] * count}
    body_out["usage"] = {
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    return Reply(body_out, billable=True)


async def create_speech(call: Call) -> Reply:
    """``POST /v1/audio/speech``: silence of the right type, or ``speech.audio.*`` events."""
    call.authenticate()
    body = call.json()
    checks.string(checks.required(body, "model"), "model", empty=False)
    text = checks.string(checks.required(body, "input"), "input", empty=False)
    checks.string(checks.required(body, "voice"), "voice", empty=False)
    form = checks.one_of(body.get("response_format") or "mp3", "response_format", _AUDIO_TYPES)
    if body.get("speed") is not None:
        checks.number(body["speed"], "speed", 0.25, 4)
    model = await route(call, "speech")
    usage = Usage(prompt=tokens(text), completion=tokens(text) * 4).price(model)
    call.served(model, usage, "speech", model.bare)
    audio = _silence(form, len(text))
    if body.get("stream_format") == "sse":
        half = len(audio) // 2
        events = [
            encode({"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()})
            for part in (audio[:half], audio[half:])
        ]
        totals = {"input_tokens": usage.prompt, "output_tokens": usage.completion}
        totals["total_tokens"] = usage.prompt + usage.completion
        events.append(encode({"type": "speech.audio.done", "usage": totals}))
        rendered = [b"data: " + data + b"\n\n" for data in events]
        return Reply(events=rendered, content_type="text/event-stream; charset=utf-8", billable=True)
    return Reply(audio, content_type=_AUDIO_TYPES[form], billable=True)


async def transcribe(call: Call) -> Reply:
    """``POST /v1/audio/transcriptions``: the file's text if it is text, else a sentence about the file."""
    call.authenticate()
    if not call.headers.get("content-type", "").startswith("multipart/form-data"):
        raise bad_request("content-type must be multipart/form-data")
    fields, files = _form(call)
    if "file" not in files:
        raise bad_request("missing required field 'file'")
    checks.string(checks.required(fields, "model"), "model", empty=False)
    name, data = files["file"]
    if name.rpartition(".")[2].lower() not in _SUFFIXES:
        raise bad_request(f"file {name!r} must be one of {', '.join(_SUFFIXES)}")
    form = checks.one_of(fields.get("response_format") or "json", "response_format", ("json", "verbose_json"))
    model = await route(call, "transcription")
    text = _spoken(name, data)
    usage = Usage(prompt=max(1, len(data) // 1000), completion=tokens(text)).price(model)
    call.served(model, usage, "transcription", model.bare)
    totals = {
        "type": "tokens",
        "input_tokens": usage.prompt,
        "output_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    body: dict[str, Any] = {"text": text, "usage": totals}
    if form == "verbose_json":
        seconds = max(1.0, len(data) / 16_000)
        segment = {"id": 0, "start": 0.0, "end": seconds, "text": text}
        body = {
            "task": "transcribe",
            "language": fields.get("language") or "english",
            "duration": seconds,
            "text": text,
            "segments": [segment],
            "usage": {"type": "duration", "seconds": seconds},
        }
    return Reply(body, billable=True)


def _spoken(name: str, data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text.strip() and text.isprintable():
        return text.strip()
    return f"This is the emulated transcription of {name}, {len(data)} bytes long."


def _silence(form: str, characters: int) -> bytes:
    frames = max(2, min(characters, 200))
    if form == "wav":
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(24_000)
            out.writeframes(bytes(960 * frames))
        return buffer.getvalue()
    return bytes(960 * frames) if form == "pcm" else _MP3_FRAME * frames


def _form(call: Call) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    """Fields and files of a multipart body, read with the standard library's MIME parser."""
    head = f"content-type: {call.headers['content-type']}\r\n\r\n".encode("latin-1")
    try:
        message = BytesParser(policy=compat32).parsebytes(head + call.record.raw)
    except RecursionError as exc:
        raise bad_request("the multipart body is nested too deeply") from exc
    fields: dict[str, Any] = {}
    files: dict[str, tuple[str, bytes]] = {}
    parts = message.get_payload()
    if not isinstance(parts, list):
        raise bad_request("the multipart body is malformed")
    for part in parts:
        assert isinstance(part, Message)
        name = _parameter(part, "name")
        if name is None:
            raise bad_request("a multipart part has no name")
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        filename = part.get_filename()
        if filename is None:
            fields[name] = data.decode("utf-8", "replace").strip()
        else:
            files[name.removesuffix("[]")] = (filename, data)
    call.body = call.record.form = {**fields, **{name: filename for name, (filename, _) in files.items()}}
    model = fields.get("model")
    call.record.model = model if isinstance(model, str) else None
    return fields, files


def _parameter(part: Message, name: str) -> str | None:
    value = part.get_param(name, header="content-disposition")
    return value if isinstance(value, str) else None
