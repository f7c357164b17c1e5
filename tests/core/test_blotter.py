"""Keys that a server or proxy echoes are in no id, header, name, error, attempt, log line or span."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.bodies import chunk, completion, sse

from requesty_core import AsyncRequestyClient, RequestyClient, RequestyError
from requesty_core.settings.blotter import Blotter, blotted

KEYS = ["rqy-first/+key=0001", "rqy-second-key-0002", "rqy-third-key-0003"]
MESSAGES = [{"role": "user", "content": "Hi"}]
EMBED = "openai/text-embedding-3-small"


class Echo:
    """Tells every key it ever got, wherever an answer has a text that describes it."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.seen: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request.headers["authorization"].removeprefix("Bearer "))
        told = " ".join([*self.seen, *(quote(key, safe="") for key in self.seen)])
        headers = {"x-requesty-request-id": f"id {told}", "x-requesty-provider": told, "x-debug": told}
        if self.status >= 400:
            error = {"message": f"no: {told}", "param": told, "details": [{told: told}]}
            return httpx.Response(self.status, headers=headers, json={"error": error})
        body = json.loads(request.content)
        if request.url.path.endswith("/embeddings"):
            data = [{"index": i, "embedding": [1.0, 2.0]} for i in range(len(body["input"]))]
            return httpx.Response(200, headers=headers, json={"data": data, "model": told, "id": told})
        if request.url.path.endswith("/messages"):
            answer = {"id": told, "model": told, "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"}
            return httpx.Response(200, headers=headers, json=answer)
        names = {"id": told, "model": told, "system_fingerprint": told}
        if body.get("stream"):
            chunks = [chunk({"role": "assistant", "content": "ok"}), chunk(finish="stop")]
            headers["content-type"] = "text/event-stream"
            return httpx.Response(200, headers=headers, content=sse(*({**one, **names} for one in chunks)))
        return httpx.Response(200, headers=headers, json={**completion({"content": "ok"}), **names})


def stream(client: Any) -> Any:
    with client.stream(model="a/b", messages=MESSAGES) as events:
        kept = list(events)
    return [kept, events.message]


CALLS: dict[str, Callable[[Any], Any]] = {
    "chat": lambda c: c.chat(model="a/b", messages=MESSAGES),
    "stream": stream,
    "embeddings": lambda c: c.embeddings(model=EMBED, input=["a", "b"], batch_size=1, max_in_flight=1),
    "messages": lambda c: c.messages(model="a/b", max_tokens=5, messages=MESSAGES),
}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def shown(value: Any) -> str:
    """Everything that an object tells of itself."""
    parts = [repr(value), str(value), repr(getattr(value, "__dict__", "")), repr(getattr(value, "args", ""))]
    for name in ("headers", "id", "request_id", "served_model", "provider", "attempts", "body", "response", "errors"):
        if (part := getattr(value, name, None)) is not None:
            parts.append(repr(part))
    response = getattr(value, "response", None)
    parts.append(repr(getattr(response, "content", "")))
    parts.append(repr(pickle.dumps(value)))
    return "\n".join(parts)


def assert_no_key(text: str) -> None:
    for key in KEYS:
        assert key not in text
        assert quote(key, safe="") not in text
    assert "**********" in text


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("name", CALLS)
def test_no_key_of_the_client_is_told(
    name: str, status: int, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    echo, keys = Echo(status), iter(KEYS)
    last = KEYS[-1]
    events: list[Any] = []
    client = RequestyClient(
        api_key=lambda: next(keys, last),
        base_url="https://gateway.test/v1",
        transport=httpx.MockTransport(echo),
        max_retries=0,
        tracing=True,
        on_event=events.append,
    )
    with caplog.at_level(logging.DEBUG, "requesty"):
        for _ in KEYS:
            try:
                told = CALLS[name](client)
            except RequestyError as error:
                told = error
            for one in told if isinstance(told, list) else [told]:
                for part in one if isinstance(one, list) else [one]:
                    text = shown(part)
                    assert not any(key in text or quote(key, safe="") in text for key in KEYS), text
    assert set(echo.seen) == set(KEYS)
    assert_no_key(shown(told[1] if isinstance(told, list) else told))
    assert_no_key(caplog.text)
    assert_no_key("".join(span.to_json() for span in spans.get_finished_spans()))
    assert_no_key(repr(events))


def test_a_twin_knows_the_keys_of_its_pair() -> None:
    echo = Echo(400)
    client = RequestyClient(api_key=KEYS[0], base_url="https://gateway.test/v1", transport=httpx.MockTransport(echo))
    with pytest.raises(RequestyError):
        client.chat(model="a/b", messages=MESSAGES)
    twin = AsyncRequestyClient(settings=client.settings, transport=httpx.MockTransport(echo))
    with pytest.raises(RequestyError) as caught:
        asyncio.run(twin.chat(model="a/b", messages=MESSAGES))  # type: ignore[arg-type]
    assert_no_key(shown(caught.value))


def test_what_a_model_said_is_left_as_it_is() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=completion({"content": f"You said {KEYS[0]}"}))

    client = RequestyClient(api_key=KEYS[0], base_url="https://gateway.test/v1", transport=httpx.MockTransport(answer))
    assert client.chat(model="a/b", messages=MESSAGES).text == f"You said {KEYS[0]}"


def test_keys_within_keys_and_many_of_them() -> None:
    blotter = Blotter(lambda: None)
    for key in ("rqy-1", "rqy-12", "abc"):
        blotter.add(key)
    assert blotter.text("rqy-12 rqy-1 abc") == "********** ********** abc"
    for number in range(2000):
        blotter.add(f"rotating-{number:05}")
    assert blotter.text("rotating-01999") == "**********"
    assert blotted({"a rqy": ["rotating-01999", 1]}, blotter.text) == {"a rqy": ["**********", 1]}
