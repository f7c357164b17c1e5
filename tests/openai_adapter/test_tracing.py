"""Spans of the OpenAI adapter's calls: what the core records of any call, and the cost."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from openai_requesty import call_details

MODEL = "openai/gpt-4o-mini"
ASK: list[Any] = [{"role": "user", "content": "Hello!"}]
PROVIDER = TracerProvider()
SPANS = InMemorySpanExporter()
PROVIDER.add_span_processor(SimpleSpanProcessor(SPANS))

CALLS: dict[str, Any] = {
    "chat": lambda client: client.chat.completions.create(model=MODEL, messages=ASK),
    "chat, streamed": lambda client: client.chat.completions.create(model=MODEL, messages=ASK, stream=True),
    "responses": lambda client: client.responses.create(model=MODEL, input="Hello!"),
    "responses, streamed": lambda client: client.responses.create(model=MODEL, input="Hello!", stream=True),
    "embeddings": lambda client: client.embeddings.create(model="openai/text-embedding-3-small", input="Hello!"),
}


@pytest.mark.parametrize("name", CALLS)
async def test_every_route_is_a_span_with_its_tokens_and_cost(
    way: Any, gw: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer", lambda *a, **kw: PROVIDER.get_tracer("test"))
    SPANS.clear()
    result = await way.get(CALLS[name](way.client(tracing="content")))
    if "streamed" in name:
        await way.all(result)
    call, attempt = SPANS.get_finished_spans()
    found = dict(call.attributes or {})
    operation = "embeddings" if name == "embeddings" else "chat"
    assert call.name.startswith(f"{operation} openai/")
    assert found["gen_ai.usage.input_tokens"] == gw.last_request.usage["prompt_tokens"] > 0
    assert found["gen_ai.response.model"]
    assert (found["requesty.request_id"], found["requesty.provider"]) == (gw.last_request.request_id, "openai")
    # The gateway tells no cost of embeddings.
    assert found.get("gen_ai.usage.cost") == (None if operation == "embeddings" else float(gw.billed))
    assert "Hello!" in found["gen_ai.input.messages"]
    assert ("gen_ai.output.messages" in found) is (operation == "chat")
    assert gw.last_request.headers["traceparent"].split("-")[2] == f"{attempt.context.span_id:016x}"


def test_a_list_of_models_is_no_call_of_a_model(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "get_tracer", lambda *a, **kw: PROVIDER.get_tracer("test"))
    SPANS.clear()
    way(lambda: way.client(tracing=True).models.list())
    assert SPANS.get_finished_spans() == ()


MEDIA: dict[str, Any] = {
    "openai/gpt-4o-transcribe": lambda client, model: client.audio.transcriptions.create(
        model=model, file=("a.wav", b"RIFF", "audio/wav")
    ),
    "openai/gpt-image-1": lambda client, model: client.images.generate(model=model, prompt="A light"),
}


@pytest.mark.parametrize("model", MEDIA)
async def test_routes_that_pass_unread_are_told_by_their_model(
    way: Any, gw: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer", lambda *a, **kw: PROVIDER.get_tracer("test"))
    SPANS.clear()
    answer = await way.get(MEDIA[model](way.client(tracing=True), model))
    call, attempt = SPANS.get_finished_spans()
    found = dict(call.attributes or {})
    assert (call.name, attempt.name) == (f"generate_content {model}", f"attempt {model}")
    assert found["gen_ai.request.model"] == call_details(answer).requested_model == model
    assert found["requesty.request_id"] == gw.last_request.request_id
    assert found["requesty.provider"] == "openai"
    assert found["gen_ai.usage.input_tokens"] > 0
