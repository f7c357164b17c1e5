"""The same calls under one tracing package, by one of two clients; prints what the package recorded as JSON.

Run in an environment that has the package: ``python probe.py TRACER plain|ours``. One process per run: a package that
hooks the SDK stays hooked.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ |= {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "TRACELOOP_TRACE_CONTENT": "true",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
}

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
ASK: list[Any] = [
    {"role": "system", "content": "You know the sea."},
    {"role": "user", "content": "What is the tide in Oslo?"},
]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "tide", "strict": True, "parameters": PARAMETERS}}
FLAT = {"type": "function", "name": "tide", "strict": True, "parameters": PARAMETERS}
CALL = {"name": "tide", "arguments": {"city": "Oslo"}, "id": "call_1"}
ASKED = {"id": "call_1", "type": "function", "function": {"name": "tide", "arguments": '{"city": "Oslo"}'}}
RESULT: list[Any] = [
    {"role": "assistant", "content": None, "tool_calls": [ASKED]},
    {"role": "tool", "tool_call_id": "call_1", "content": "3 m"},
]


class Tide(BaseModel):
    """A structured answer."""

    height: int


def opentelemetry_genai(provider: TracerProvider) -> None:
    """The OpenTelemetry project's own instrumentation."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)


def openllmetry(provider: TracerProvider) -> None:
    """OpenLLMetry, by Traceloop."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)


def openinference(provider: TracerProvider) -> None:
    """OpenInference, by Arize."""
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)


def langfuse(provider: TracerProvider) -> None:
    """Langfuse: importing its module hooks the SDK; the client sends nothing from here."""
    from langfuse import Langfuse

    nowhere = InMemorySpanExporter()
    Langfuse(public_key="pk-lf-x", secret_key="sk-lf-x", tracer_provider=provider, span_exporter=nowhere)
    import langfuse.openai  # noqa: F401


def logfire(provider: TracerProvider) -> Callable[[Any], None]:
    """Logfire hooks clients one by one."""
    import logfire

    processor = SimpleSpanProcessor(SPANS)
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[processor])
    return lambda client: logfire.instrument_openai(client, suppress_other_instrumentation=False)


TRACERS: dict[str, Callable[[TracerProvider], Any]] = {
    "opentelemetry": opentelemetry_genai,
    "openllmetry": openllmetry,
    "openinference": openinference,
    "langfuse": langfuse,
    "logfire": logfire,
}
SPANS = InMemorySpanExporter()
LOOP = asyncio.new_event_loop()


def left(client: Any, stream: Any) -> Any:
    """A stream of which one piece is read."""
    if asyncio.iscoroutine(stream) or hasattr(stream, "__await__"):
        return _left(stream)
    with stream as pieces:
        next(iter(pieces))
    return None


async def _left(stream: Any) -> None:
    async with await stream as pieces:
        async for _ in pieces:
            break


SCENARIOS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "chat": (
        {"text": "High."},
        lambda c: c.chat.completions.create(model=MODEL, messages=ASK, temperature=0.5, seed=7),
    ),
    "chat with tools": (
        {"tool_calls": [CALL]},
        lambda c: c.chat.completions.create(model=MODEL, messages=ASK, tools=[TOOL]),
    ),
    "chat, streamed": (
        {"text": "Very high."},
        lambda c: c.chat.completions.create(
            model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
        ),
    ),
    "chat, streamed tools": (
        {"tool_calls": [CALL]},
        lambda c: c.chat.completions.create(
            model=MODEL, messages=ASK, tools=[TOOL], stream=True, stream_options={"include_usage": True}
        ),
    ),
    "chat, parsed": (
        {"text": '{"height": 3}', "usage": {"prompt_tokens": 80, "total_tokens": 84, "cost": 0.00001}},
        lambda c: c.chat.completions.parse(model=MODEL, messages=ASK, response_format=Tide),
    ),
    "responses": ({"text": "High."}, lambda c: c.responses.create(model=MODEL, input=ASK)),
    "responses, streamed": (
        {"text": "Very high."},
        lambda c: c.responses.create(model=MODEL, input=ASK, stream=True),
    ),
    "responses with tools": (
        {"tool_calls": [CALL]},
        lambda c: c.responses.create(model=MODEL, input=ASK, tools=[FLAT], instructions="Be brief."),
    ),
    "responses, streamed tools": (
        {"tool_calls": [CALL]},
        lambda c: c.responses.create(model=MODEL, input=ASK, tools=[FLAT], stream=True),
    ),
    "responses, parsed": (
        {"text": '{"height": 3}', "usage": {"input_tokens": 80, "total_tokens": 84, "cost": 0.00001}},
        lambda c: c.responses.parse(model=MODEL, input=ASK, text_format=Tide),
    ),
    "chat, a result of a tool": (
        {"text": "High."},
        lambda c: c.chat.completions.create(model=MODEL, messages=[*ASK, *RESULT], tools=[TOOL]),
    ),
    "chat, left early": (
        {"text": "Very high indeed, and rising."},
        lambda c: left(c, c.chat.completions.create(model=MODEL, messages=ASK, stream=True)),
    ),
    "responses, left early": (
        {"text": "Very high indeed, and rising."},
        lambda c: left(c, c.responses.create(model=MODEL, input=ASK, stream=True)),
    ),
    "chat, raw": (
        {"text": "High."},
        lambda c: c.chat.completions.with_raw_response.create(model=MODEL, messages=ASK),
    ),
    "embeddings": ({}, lambda c: c.embeddings.create(model="openai/text-embedding-3-small", input=["a", "b"])),
    "embeddings, base64": (
        {},
        lambda c: c.embeddings.create(
            model="openai/text-embedding-3-small", input="a", encoding_format="base64", dimensions=8
        ),
    ),
    "an error, streamed": (
        {"status": 429},
        lambda c: c.chat.completions.create(model=MODEL, messages=ASK, stream=True),
    ),
    "an error of responses": ({"status": 429}, lambda c: c.responses.create(model=MODEL, input=ASK)),
    "an error of embeddings": (
        {"status": 429},
        lambda c: c.embeddings.create(model="openai/text-embedding-3-small", input="a"),
    ),
    "an error": ({"status": 400}, lambda c: c.chat.completions.create(model=MODEL, messages=ASK)),
}


def clients(kind: str, gateway: GatewayEmulator) -> tuple[Any, Any]:
    """A sync and an async client."""
    wire: dict[str, Any] = {"base_url": gateway.base_url, "api_key": gateway.api_key, "max_retries": 0}
    if kind == "plain":
        import openai

        return openai.OpenAI(**wire), openai.AsyncOpenAI(**wire)
    from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI

    return RequestyOpenAI(**wire, tracing=True), AsyncRequestyOpenAI(**wire, tracing=True)


def perform(call: Callable[[Any], Any], sync: Any, aio: Any, *, is_async: bool) -> None:
    """One call to its end; an expected failure is part of it."""
    import openai

    try:
        if is_async:
            LOOP.run_until_complete(_perform(call, aio))
        else:
            result = call(sync)
            if hasattr(result, "__iter__") and not isinstance(result, BaseModel):
                list(result)
    except openai.APIStatusError:
        pass


async def _perform(call: Callable[[Any], Any], client: Any) -> None:
    result = await call(client)
    if hasattr(result, "__aiter__"):
        async for _ in result:
            pass


def settle() -> None:
    """Generators that nobody reads any more come to their end, and with them their spans."""
    for _ in range(3):
        gc.collect()
        LOOP.run_until_complete(asyncio.sleep(0.01))


def recorded(span: Any) -> dict[str, Any]:
    """A span as plain values."""
    return {
        "name": span.name,
        "scope": span.instrumentation_scope.name,
        "id": span.context.span_id,
        "parent": None if span.parent is None else span.parent.span_id,
        "status": [span.status.status_code.name, span.status.description],
        "attributes": dict(span.attributes or {}),
        "events": [[event.name, dict(event.attributes or {})] for event in span.events],
    }


def main(tracer: str, kind: str) -> None:
    """Print a list of spans by scenario."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(SPANS))
    hook = TRACERS[tracer](provider)
    if hook is None:
        trace.set_tracer_provider(provider)
    found: dict[str, Any] = {}
    with GatewayEmulator() as gateway:
        sync, aio = clients(kind, gateway)
        if hook is not None:
            hook(sync)
            hook(aio)
        for name, (script, call) in SCENARIOS.items():
            for is_async in (False, True):
                SPANS.clear()
                if "status" in script:
                    gateway.fail_next(script["status"])
                elif script:
                    gateway.say(**script)
                perform(call, sync, aio, is_async=is_async)
                settle()
                trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]
                mode = "async" if is_async else "sync"
                found[f"{name}, {mode}"] = [recorded(span) for span in SPANS.get_finished_spans()]
        port = gateway.base_url
    print(json.dumps(found, default=str, sort_keys=True).replace(port, "http://gateway/v1"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
