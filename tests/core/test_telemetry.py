"""What a call leaves behind: log lines without the key, and spans when asked for."""

from __future__ import annotations

import logging
import sys

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.bodies import USAGE, completion
from tests.support.ways import FAST, KEY

from requesty_core import (
    AsyncRequestyClient,
    ConfigurationError,
    RequestyClient,
    RequestyError,
)

BODY = completion({"content": "Hi"}, usage=USAGE)
CALL = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


def gateway(*statuses: int) -> httpx.MockTransport:
    queue = list(statuses)

    def handle(request: httpx.Request) -> httpx.Response:
        status = queue.pop(0)
        if status == 200:
            return httpx.Response(
                200, json=BODY, headers={"x-requesty-request-id": "r-2", "x-requesty-provider": "openai"}
            )
        message = f"no luck with {request.headers['authorization']}"
        return httpx.Response(status, json={"error": {"origin": "router", "message": message}})

    return httpx.MockTransport(handle)


@pytest.mark.parametrize("key", [KEY, lambda: KEY], ids=["string", "callable"])
def test_a_key_that_a_server_echoes_is_blotted_out(key: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = RequestyClient(api_key=key, transport=gateway(503, 400), fallback_policy=FAST)
    with pytest.raises(RequestyError) as caught:
        client.chat(**CALL)
    assert "no luck with Bearer **********" in str(caught.value)
    error = caught.value
    assert KEY not in f"{error!r} {error.attempts} {error.body} {error.__dict__} {caplog.text}"
    assert error.response is not None
    assert error.response.json()["error"]["message"] == "no luck with Bearer **********"
    assert KEY not in str(error.response)


def test_attempts_are_logged_at_levels_that_stay_silent_by_default(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "requesty")
    RequestyClient(api_key=KEY, transport=gateway(503, 200), fallback_policy=FAST).chat(**CALL)
    lines = [(r.levelname, r.getMessage().split(" after ")[0]) for r in caplog.records if r.name == "requesty"]
    assert lines == [
        ("INFO", "attempt 1 on openai/gpt-4o-mini failed"),
        ("DEBUG", "attempt 2 on openai/gpt-4o-mini: ok"),
    ]


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_call_is_one_span_with_its_attempts_as_events(exporter: InMemorySpanExporter, kind: str) -> None:
    exporter.clear()
    settings = {"api_key": KEY, "base_url": "https://gateway.test/v1", "tracing": True, "fallback_policy": FAST}
    if kind == "sync":
        RequestyClient(**settings, transport=gateway(503, 200)).chat(**CALL)
    else:
        await AsyncRequestyClient(**settings, transport=gateway(503, 200)).chat(**CALL)
    (span,) = exporter.get_finished_spans()
    assert span.name == "chat openai/gpt-4o-mini"
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "requesty",
        "gen_ai.request.model": "openai/gpt-4o-mini",
        "server.address": "gateway.test",
        "server.port": 443,
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.response.id": "rqsty-cmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "requesty.cost": 0.001,
        "gen_ai.usage.cost": 0.001,
        "llm.cost.total": 0.001,
        "requesty.provider": "openai",
        "requesty.request_id": "r-2",
    }
    assert [e.attributes["requesty.attempt.outcome"] for e in span.events] == ["error", "ok"]


def test_a_failed_call_ends_its_span_as_an_error(exporter: InMemorySpanExporter) -> None:
    exporter.clear()
    client = RequestyClient(api_key=KEY, transport=gateway(400), tracing=True)
    with pytest.raises(RequestyError):
        client.chat(**CALL)
    (span,) = exporter.get_finished_spans()
    assert (span.status.is_ok, span.attributes["error.type"]) == (False, "BadRequestError")
    assert KEY not in str(span.to_json())


def test_tracing_without_the_api_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    client = RequestyClient(api_key=KEY, transport=gateway(200), tracing=True)
    with pytest.raises(ConfigurationError, match="pip install opentelemetry-api"):
        client.chat(**CALL)
