"""Spans and metrics of calls, as an OpenTelemetry SDK in memory records them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry import context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.ways import BASE_URL, FAST, KEY

from requesty_core import AsyncRequestyClient, ConfigurationError, RequestyClient, RequestyError

MODEL = "openai/gpt-4o-mini"
SECRET = "The code of the vault is 1729."
ASK = [{"role": "system", "content": "Keep " + SECRET}, {"role": "user", "content": SECRET}]
CALL: dict[str, Any] = {"model": MODEL, "messages": ASK, "temperature": 0.5, "max_tokens": 9, "stop": "x", "seed": 7}
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 4, "caching_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
    "cost": 0.001,
}
COST = {
    "requesty.cost": 0.001,
    "requesty.total_cost": 0.001,
    "gen_ai.usage.cost": 0.001,
    "gen_ai.usage.cost.amount": 0.001,
    "gen_ai.usage.cost.currency": "USD",
    "gen_ai.usage.cost.source": "provider",
    "llm.cost.total": 0.001,
}
PROVIDER = TracerProvider()
SPANS = InMemorySpanExporter()
PROVIDER.add_span_processor(SimpleSpanProcessor(SPANS))


def _chunk(delta: dict[str, Any], **more: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish", None)}
    return f"data: {json.dumps({'id': 'c-1', 'model': 'gpt-4o-mini', 'choices': [choice], **more})}\n\n"


class Gateway(httpx.MockTransport):
    """Answers each request with the next of the scripted statuses, and keeps the requests."""

    def __init__(self, *statuses: int, cut: bool = False) -> None:
        self.statuses = list(statuses)
        self.cut = cut
        self.requests: list[httpx.Request] = []
        super().__init__(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.statuses.pop(0)
        headers = {"x-requesty-request-id": f"r-{len(self.requests)}", "x-requesty-provider": "openai"}
        if status != 200:
            return httpx.Response(status, json={"error": {"message": f"bad: {SECRET} {KEY}"}}, headers=headers)
        sent = json.loads(request.content)
        if sent.get("stream"):
            end = "" if self.cut else _chunk({}, finish="stop", usage=USAGE) + "data: [DONE]\n\n"
            body = _chunk({"role": "assistant", "content": SECRET}) + end
            return httpx.Response(200, text=body, headers={**headers, "content-type": "text/event-stream"})
        if request.url.path.endswith("/embeddings"):
            data = [{"index": 0, "embedding": [0.1, 0.2]}]
            return httpx.Response(200, json={"data": data, "model": "e", "usage": USAGE}, headers=headers)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SECRET}}
        body = {"id": "c-1", "model": "gpt-4o-mini", "choices": [choice], "usage": USAGE}
        return httpx.Response(200, json=body, headers=headers)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.setattr(trace, "get_tracer", lambda *a, **kw: PROVIDER.get_tracer("test"))
    SPANS.clear()
    return SPANS


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    return reader


async def ask(kind: str, transport: Any, **settings: Any) -> Any:
    """A call on the sync or async client, streamed or not."""
    is_async, streams = "async" in kind, "stream" in kind
    make: Any = AsyncRequestyClient if is_async else RequestyClient
    client = make(
        **{"api_key": KEY, "base_url": BASE_URL, "transport": transport, "tracing": True, "fallback_policy": FAST}
        | settings
    )
    if not streams:
        reply = client.chat(**CALL)
        return await reply if is_async else reply
    stream = client.stream(**CALL)
    if is_async:
        return [event async for event in stream]
    return list(stream)


KINDS = ["sync", "async", "sync stream", "async stream"]


def parts(spans: InMemorySpanExporter) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The span of the call, and those of its attempts in order."""
    call, *attempts = spans.get_finished_spans()
    assert all(a.parent is not None and a.parent.span_id == call.context.span_id for a in attempts)
    return call, list(attempts)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_a_span_and_its_attempts_are_children(spans: InMemorySpanExporter, kind: str) -> None:
    transport = Gateway(503, 200)
    await ask(kind, transport)
    call, attempts = parts(spans)
    found = dict(call.attributes or {})
    streamed = {"gen_ai.request.stream": True} if "stream" in kind else {}
    if streamed:
        assert 0 <= found.pop("gen_ai.response.time_to_first_chunk") < 60
    assert call.name == f"chat {MODEL}"
    assert call.kind is trace.SpanKind.CLIENT
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "requesty",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "server.address": "gateway.test",
        "server.port": 443,
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.response.id": "c-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "requesty.provider": "openai",
        "requesty.request_id": "r-2",
        **COST,
        **streamed,
    }
    failed, answered = (dict(a.attributes or {}) for a in attempts)
    assert [a.name for a in attempts] == [f"attempt {MODEL}"] * 2
    assert (failed["requesty.attempt.outcome"], answered["requesty.attempt.outcome"]) == ("error", "ok")
    assert (failed["http.response.status_code"], failed["error.type"]) == (503, "OverloadedError")
    assert (answered["requesty.attempt.number"], answered["requesty.attempt.cost"]) == (2, 0.001)
    # Only the call's span has the names that backends add up.
    assert not [name for name in (*failed, *answered) if name.startswith(("gen_ai.usage", "llm.cost"))]
    assert [a.status.is_ok for a in attempts] == [False, True] or not attempts[0].status.is_ok


@pytest.mark.parametrize("kind", KINDS)
async def test_the_gateway_is_told_of_the_attempts_span(spans: InMemorySpanExporter, kind: str) -> None:
    transport = Gateway(503, 200)
    await ask(kind, transport)
    _call, attempts = parts(spans)
    sent = [request.headers["traceparent"].rpartition("-")[0] for request in transport.requests]
    assert sent == [f"00-{a.context.trace_id:032x}-{a.context.span_id:016x}" for a in attempts]
    assert "baggage" not in transport.requests[0].headers


async def test_a_traceparent_of_the_callers_own_is_sent(spans: InMemorySpanExporter) -> None:
    transport = Gateway(200)
    await ask("sync", transport, extra_headers={"Traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})
    assert transport.requests[0].headers.get_list("traceparent") == ["00-" + "1" * 32 + "-" + "2" * 16 + "-01"]


@pytest.mark.parametrize("own", [False, True])
async def test_a_traces_state_is_sent_with_its_own_parent_only(spans: InMemorySpanExporter, own: bool) -> None:
    state = trace.TraceState([("vendor", "1")])
    parent = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1), trace_state=state)
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(parent)))
    transport = Gateway(200)
    try:
        given = {"extra_headers": {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}} if own else {}
        await ask("sync", transport, **given)
    finally:
        context.detach(token)
    assert transport.requests[0].headers.get("tracestate") == (None if own else "vendor=1")


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_sent_or_recorded_without_tracing(spans: InMemorySpanExporter, kind: str) -> None:
    transport = Gateway(200)
    await ask(kind, transport, tracing=False)
    assert spans.get_finished_spans() == ()
    assert "traceparent" not in transport.requests[0].headers


@pytest.mark.parametrize("kind", KINDS)
async def test_the_span_that_was_current_is_the_parent(spans: InMemorySpanExporter, kind: str) -> None:
    token = context.attach(trace.set_span_in_context(parent := PROVIDER.get_tracer("test").start_span("mine")))
    try:
        await ask(kind, Gateway(200))
    finally:
        context.detach(token)
        parent.end()
    call = next(s for s in spans.get_finished_spans() if s.name.startswith("chat"))
    assert call.parent is not None
    assert call.parent.span_id == parent.get_span_context().span_id


@pytest.mark.parametrize("statuses", [[400], [503, 503, 503], [200], [503, 200]])
@pytest.mark.parametrize("kind", KINDS)
async def test_no_prompt_no_answer_and_no_key_unless_asked_for(
    spans: InMemorySpanExporter, kind: str, statuses: list[int]
) -> None:
    for tracing in (True, "content"):
        spans.clear()
        try:
            await ask(kind, Gateway(*statuses), tracing=tracing)
        except RequestyError:
            assert statuses[-1] != 200
        text = "".join(span.to_json() for span in spans.get_finished_spans())
        assert ("vault" in text) is (tracing == "content")
        assert KEY not in text


@pytest.mark.parametrize("word", ["true", "True", "SPAN_ONLY", "false", ""])
async def test_the_conventions_switch_for_content(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", word)
    await ask("sync", Gateway(200))
    call, _ = parts(spans)
    assert ("gen_ai.input.messages" in (call.attributes or {})) is (word.lower() in ("true", "span_only"))


async def test_content_is_written_as_the_conventions_write_it(spans: InMemorySpanExporter) -> None:
    arguments = '{"city": "Oslo"}'
    wire = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "w", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    client = RequestyClient(api_key=KEY, base_url=BASE_URL, transport=Gateway(200), tracing="content")
    client.chat(model=MODEL, messages=wire, tools=[{"type": "function", "function": {"name": "w"}}])
    call, _ = parts(spans)
    said = json.loads((call.attributes or {})["gen_ai.input.messages"])
    assert said == [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "See"}, {"type": "uri", "modality": "image", "uri": "u"}],
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "1", "name": "w", "arguments": {"city": "Oslo"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "sunny"}]},
    ]
    assert json.loads((call.attributes or {})["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": SECRET}], "finish_reason": "stop"}
    ]
    assert "gen_ai.tool.definitions" in (call.attributes or {})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failed_call_ends_its_span_as_an_error(spans: InMemorySpanExporter, kind: str) -> None:
    with pytest.raises(RequestyError):
        await ask(kind, Gateway(400))
    call, (attempt,) = parts(spans)
    for span in (call, attempt):
        assert span.attributes is not None
        assert (span.status.is_ok, span.attributes["error.type"]) == (False, "BadRequestError")
        assert span.status.description == "BadRequestError (400)"
    assert (call.attributes or {})["requesty.request_id"] == "r-1"


@pytest.mark.parametrize("kind", KINDS[2:])
async def test_a_stream_that_breaks_off_is_an_error_with_what_had_arrived(
    spans: InMemorySpanExporter, kind: str
) -> None:
    with pytest.raises(RequestyError):
        await ask(kind, Gateway(200, cut=True), max_retries=0)
    call, _ = parts(spans)
    assert call.attributes is not None
    assert (call.attributes["error.type"], call.attributes["gen_ai.response.model"]) == (
        "TruncatedStreamError",
        "gpt-4o-mini",
    )


@pytest.mark.parametrize("tracing", [True, "content"])
def test_a_stream_that_is_left_ends_its_span_with_what_had_arrived(spans: InMemorySpanExporter, tracing: Any) -> None:
    client = RequestyClient(api_key=KEY, base_url=BASE_URL, transport=Gateway(200), tracing=tracing)
    with client.stream(**CALL) as stream:
        next(iter(stream))
    call, (attempt,) = parts(spans)
    assert attempt.attributes is not None
    assert attempt.attributes["requesty.attempt.outcome"] == "cancelled"
    found = dict(call.attributes or {})
    assert "error.type" not in found
    names = ("gen_ai.response.model", "gen_ai.response.id", "requesty.provider", "requesty.request_id")
    assert [found[name] for name in names] == ["gpt-4o-mini", "c-1", "openai", "r-1"]
    assert (SECRET in str(found)) is (tracing == "content")


def test_a_stream_that_is_never_read_has_no_span(spans: InMemorySpanExporter) -> None:
    client = RequestyClient(api_key=KEY, base_url=BASE_URL, transport=Gateway(200), tracing=True)
    with client.stream(**CALL):
        pass
    assert spans.get_finished_spans() == ()


def test_embeddings_and_unbilled_routes(spans: InMemorySpanExporter) -> None:
    client = RequestyClient(api_key=KEY, base_url=BASE_URL, transport=Gateway(200, 200), tracing=True)
    client.embeddings(model="openai/text-embedding-3-small", input=["a"], dimensions=2)
    call, _ = parts(spans)
    assert call.name == "embeddings openai/text-embedding-3-small"
    found = dict(call.attributes or {})
    assert (found["gen_ai.embeddings.dimension.count"], found["gen_ai.usage.cost"]) == (2, 0.001)


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: list(metric.data.data_points) for metric in scope.metrics}


@pytest.mark.parametrize("kind", KINDS)
async def test_metrics(spans: InMemorySpanExporter, measured: InMemoryMetricReader, kind: str) -> None:
    await ask(kind, Gateway(503, 200))
    found = points(measured)
    (duration,) = found["gen_ai.client.operation.duration"]
    assert duration.count == 1
    assert dict(duration.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "requesty",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": "gpt-4o-mini",
        "server.address": "gateway.test",
        "server.port": 443,
    }
    tokens = {p.attributes["gen_ai.token.type"]: p.sum for p in found["gen_ai.client.token.usage"]}
    assert tokens == {"input": 7, "output": 3}
    (cost,) = found["requesty.client.operation.cost"]
    assert (cost.sum, cost.attributes["gen_ai.request.model"]) == (0.001, MODEL)
    assert ("gen_ai.client.operation.time_to_first_chunk" in found) is ("stream" in kind)


async def test_a_failure_is_measured_with_its_class(
    spans: InMemorySpanExporter, measured: InMemoryMetricReader
) -> None:
    with pytest.raises(RequestyError):
        await ask("sync", Gateway(400))
    found = points(measured)
    (duration,) = found["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "BadRequestError"
    assert found.keys() == {"gen_ai.client.operation.duration"}


def test_tracing_without_the_api_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match="pip install opentelemetry-api"):
        RequestyClient(api_key=KEY, transport=Gateway(200), tracing=True)


@pytest.mark.parametrize("value", ["yes", 1, {"content": True}])
def test_the_setting_is_checked(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^tracing: .* is none of False, True and 'content'$"):
        RequestyClient(tracing=value)
