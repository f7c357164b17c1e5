"""Nothing that was asked or answered stands in logs, on spans or in metrics, however an answer is broken."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from requesty_core import AsyncRequestyClient, FallbackPolicy, RequestyClient, RequestyError, RetryPolicy

MODEL = "openai/gpt-4o-mini"
ASKED, SAID = "asked-4711", "said-1729"
MESSAGES = [{"role": "user", "content": f"my {ASKED}"}]
HEAD = {"x-requesty-request-id": "r-1"}
SSE = {**HEAD, "content-type": "text/event-stream"}


def _json(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body, headers=HEAD)


def _raw(content: str | bytes, kind: str = "application/json", status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=content, headers={**HEAD, "content-type": kind})


def _stream(*lines: str) -> httpx.Response:
    return httpx.Response(200, content="".join(f"data: {line}\n\n" for line in lines), headers=SSE)


def _chunk(delta: Any, finish: str | None = None) -> str:
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _message(message: Any) -> Any:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}


GOOD = _chunk({"content": SAID})
CALL = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "' + SAID}}
ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "cut JSON": lambda: _raw('{"choices": [{"message": {"content": "' + SAID),
    "JSON of another kind": lambda: _json([SAID]),
    "text": lambda: _raw(f"I say {SAID}", "text/plain"),
    "HTML": lambda: _raw(f"<html>{SAID} {ASKED}</html>", "text/html"),
    "HTML with an error status": lambda: _raw(f"<html>{SAID} {ASKED}</html>", "text/html", 502),
    "broken gzip": lambda: httpx.Response(
        200, stream=httpx.ByteStream(SAID.encode()), headers={**HEAD, "content-encoding": "gzip"}
    ),
    "no bytes of a text": lambda: _raw(b"\xff\xfe" + SAID.encode()),
    "choices of another kind": lambda: _json({"id": "c", "choices": SAID}),
    "content of another kind": lambda: _json(_message({"role": "assistant", "content": {"is": SAID}})),
    "a role of another kind": lambda: _json(_message({"role": [SAID], "content": SAID})),
    "a tool call of another kind": lambda: _json(_message({"role": "assistant", "tool_calls": [SAID]})),
    "broken arguments": lambda: _json(_message({"role": "assistant", "tool_calls": [CALL]})),
    "usage of another kind": lambda: _json({**_message({"content": SAID}), "usage": SAID}),
    "a number no one can hold": lambda: _raw('{"choices": [{"message": {"content": "' + SAID + '"}}], "x": 1e99999}'),
    "an error that quotes": lambda: _json({"error": {"message": f"cannot {ASKED}: {SAID}", "code": SAID}}, 400),
    "an error that is a text": lambda: _json({"error": f"{ASKED} {SAID}"}, 500),
    "an error with status 200": lambda: _json({"error": {"message": f"{ASKED} {SAID}"}}),
    "an error whose type quotes": lambda: _json({"error": {"message": ASKED, "type": SAID, "param": ASKED}}, 422),
    "stream: no JSON": lambda: _stream(GOOD, "{" + SAID),
    "stream: no JSON at first": lambda: _stream(SAID),
    "stream: no object": lambda: _stream(GOOD, json.dumps([SAID])),
    "stream: no end": lambda: _stream(GOOD, GOOD),
    "stream: an error": lambda: _stream(GOOD, json.dumps({"error": {"message": f"{SAID} {ASKED}"}})),
    "stream: an error at first": lambda: _stream(json.dumps({"error": {"message": f"{SAID} {ASKED}"}})),
    "stream: a delta of another kind": lambda: _stream(GOOD, _chunk(SAID), _chunk({}, "stop"), "[DONE]"),
    "stream: content of another kind": lambda: _stream(_chunk({"content": [SAID]}), _chunk({}, "stop"), "[DONE]"),
    "stream: a call of another kind": lambda: _stream(_chunk({"tool_calls": [SAID]}), _chunk({}, "stop"), "[DONE]"),
    "stream: broken arguments": lambda: _stream(_chunk({"tool_calls": [CALL]}), _chunk({}, "tool_calls"), "[DONE]"),
    "stream: no UTF-8": lambda: _raw(b"data: \xff" + SAID.encode() + b"\n\n", "text/event-stream"),
    "stream: a finish that quotes": lambda: _stream(GOOD, _chunk({}, f"because {SAID}"), "[DONE]"),
    "a header that quotes": lambda: httpx.Response(
        503, json={"error": {"message": SAID}}, headers={"x-requesty-provider": SAID, "retry-after": SAID}
    ),
    "well": lambda: _json(_message({"role": "assistant", "content": SAID})),
    "stream: well": lambda: _stream(GOOD, _chunk({}, "stop"), "[DONE]"),
}

PROVIDER = TracerProvider()
SPANS = InMemorySpanExporter()
PROVIDER.add_span_processor(SimpleSpanProcessor(SPANS))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that logs, spans and metrics say."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    monkeypatch.setattr(trace, "get_tracer", lambda *a, **kw: PROVIDER.get_tracer("test"))
    monkeypatch.setattr(metrics, "get_meter", lambda *a, **kw: meters.get_meter("test"))
    SPANS.clear()
    caplog.set_level(logging.DEBUG)

    def text() -> str:
        spans = "\n".join(span.to_json() for span in SPANS.get_finished_spans())
        data = reader.get_metrics_data()
        return "\n".join([*(_log(one) for one in caplog.records), spans, data.to_json() if data else ""])

    return text


def _log(record: logging.LogRecord) -> str:
    return f"{record.getMessage()} {record.args!r} {record.exc_text or ''} {record.exc_info or ''}"


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("way", ["sync", "async"])
def test_of_a_broken_answer(recorded: Callable[[], str], name: str, way: str) -> None:
    settings: dict[str, Any] = {
        "api_key": "k-secret",
        "base_url": "http://gateway.example/v1",
        "tracing": True,
        "fallbacks": ["anthropic/claude-sonnet-4-5"],
        "fallback_policy": FallbackPolicy(retry=RetryPolicy(base=0.001, cap=0.002)),
    }
    wire = httpx.MockTransport(lambda request: ANSWERS[name]())
    streams = name.startswith("stream")
    try:
        if way == "sync":
            client = RequestyClient(transport=wire, **settings)
            if streams:
                list(client.stream(model=MODEL, messages=MESSAGES))
            else:
                client.chat(model=MODEL, messages=MESSAGES)
        else:
            asyncio.run(_ask(AsyncRequestyClient(transport=wire, **settings), streams))
    except RequestyError:
        pass
    said = recorded()
    assert "chat" in said
    assert ASKED not in said
    assert SAID not in said, said


async def _ask(client: AsyncRequestyClient, streams: bool) -> None:
    if streams:
        async for _ in client.stream(model=MODEL, messages=MESSAGES):
            pass
    else:
        await client.chat(model=MODEL, messages=MESSAGES)
