"""Spans of pictures and sound: who made them, and the tokens of sound by kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.core.test_tracing import parts, spans
from tests.support.bodies import completion

from requesty_core import RequestyClient

__all__ = ["spans"]

HEADERS = {"x-requesty-provider": "azure", "x-requesty-request-id": "r-1"}
HEARD = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
CHAT_DETAILS = {"prompt_tokens_details": {"audio_tokens": 12}, "completion_tokens_details": {"audio_tokens": 5}}
CHAT_USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30, **CHAT_DETAILS}
PICTURE = {"data": [{"b64_json": "AAAA"}], "model": "gpt-image-1", "usage": HEARD}
SAID = {"text": "Hi", "model": "whisper", "usage": {**HEARD, "input_token_details": {"audio_tokens": 18}}}
ASKED: dict[str, tuple[Any, Callable[[RequestyClient], Any], dict[str, Any]]] = {
    "images": (
        PICTURE,
        lambda client: client.images.generate(model="m/p", prompt="A"),
        {"gen_ai.response.model": "gpt-image-1", "gen_ai.usage.input_tokens": 20},
    ),
    "transcription": (
        SAID,
        lambda client: client.audio.transcribe(model="m/t", file=("a.wav", b"RIFF", "audio/wav")),
        {"gen_ai.response.model": "whisper", "llm.token_count.prompt_details.audio": 18},
    ),
    "speech": (b"RIFF", lambda client: client.audio.speech(model="m/s", input="A", voice="alloy"), {}),
    "chat": (
        completion({"content": "Hi"}, usage=CHAT_USAGE),
        lambda client: client.chat(model="m/c", messages=[{"role": "user", "content": "A"}]),
        {"llm.token_count.prompt_details.audio": 12, "llm.token_count.completion_details.audio": 5},
    ),
    "responses": (
        {"output": [], "usage": {**HEARD, "output_tokens_details": {"audio_tokens": 6, "reasoning_tokens": 0}}},
        lambda client: client.responses(model="m/r", input="A"),
        {"llm.token_count.completion_details.audio": 6},
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_span_names_who_answered_and_the_tokens_of_sound(spans: InMemorySpanExporter, name: str) -> None:
    body, ask, expected = ASKED[name]
    kind: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}

    def answer(request: httpx.Request) -> httpx.Response:
        media_type = {"content-type": "audio/mpeg"} if isinstance(body, bytes) else {}
        return httpx.Response(200, headers={**HEADERS, **media_type}, **kind)

    transport = httpx.MockTransport(answer)
    client = RequestyClient(api_key="k", base_url="https://gateway.test/v1", transport=transport, tracing=True)
    reply = ask(client)
    assert reply.provider == "azure"
    found = dict(parts(spans)[0].attributes or {})
    expected = {"requesty.provider": "azure", "requesty.request_id": "r-1", **expected}
    assert {key: found.get(key) for key in expected} == expected
    sound = {key for key in found if key.endswith("_details.audio")}
    assert sound == {key for key in expected if key.endswith("_details.audio")}
