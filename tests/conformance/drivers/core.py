"""The core's own clients."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from requesty_core.adapters import ClientPair
from requesty_core.replies.reply import ChatReply, TextDelta

from ..model import Ask, Call, Driver, Embedded, Outcome, as_float

EMBEDDER = "openai/text-embedding-3-small"


def response_format(ask: Ask) -> dict[str, Any]:
    """Request fields for a structured answer in wire form."""
    if ask.schema is None:
        return {}
    if ask.method == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = {**ask.schema.model_json_schema(), "additionalProperties": False}
    name = ask.schema.__name__
    if ask.method == "json_schema":
        inner = {"name": name, "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": inner}}
    return {
        "tools": [{"type": "function", "function": {"name": name, "parameters": schema}}],
        "tool_choice": {"type": "function", "function": {"name": name}},
    }


def wire_params(ask: Ask) -> dict[str, Any]:
    """Request fields of a question, for adapters that speak the wire's own terms."""
    params: dict[str, Any] = {"messages": list(ask.messages), **ask.params}
    if ask.tools:
        params["tools"] = list(ask.tools)
    if ask.tool_choice is not None:
        words = ("auto", "none", "required")
        named = {"type": "function", "function": {"name": ask.tool_choice}}
        params["tool_choice"] = ask.tool_choice if ask.tool_choice in words else named
    return {**params, **response_format(ask)}


def citation_urls(annotations: Sequence[Mapping[str, Any]]) -> list[str]:
    return [item["url_citation"]["url"] for item in annotations]


def outcome_of(reply: ChatReply, ask: Ask, pieces: list[str]) -> Outcome:
    """The neutral form of a core reply."""
    usage = reply.usage
    calls = []
    for call in reply.tool_calls:
        arguments = call.parsed()
        calls.append(Call(call.name, call.arguments if arguments is None else arguments, call.id))
    parsed: Any = None
    if ask.schema is not None and reply.refusal is None:
        source = reply.tool_calls[0].arguments if ask.method == "tool" else reply.text
        parsed = ask.schema.model_validate_json(source)
    logprobs = (reply.message.logprobs or {}).get("content")
    return Outcome(
        text=reply.text,
        pieces=pieces,
        reasoning=reply.reasoning,
        signature=reply.reasoning_signature,
        calls=calls,
        finish_reason=reply.finish_reason,
        refusal=reply.refusal,
        citations=citation_urls(reply.message.annotations),
        images=[image["image_url"]["url"] for image in reply.message.images],
        parsed=parsed,
        input_tokens=None if usage is None else usage.input_tokens,
        output_tokens=None if usage is None else usage.output_tokens,
        cached_tokens=None if usage is None else usage.cached_tokens,
        cost=None if usage is None else as_float(usage.cost),
        requested=reply.requested_model,
        served=reply.served_model,
        request_id=reply.request_id,
        attempts=[(attempt.model, attempt.outcome) for attempt in reply.attempts],
        logprobs=None if logprobs is None else len(logprobs),
        choices=len(reply.choices) or 1,
        native=reply,
    )


class Built:
    """A model name and the two clients."""

    def __init__(self, model: str, settings: Mapping[str, Any]) -> None:
        self.model = model
        self.pair = ClientPair(**settings)


class CoreDriver(Driver):
    name = "core"
    lacks = {  # noqa: RUF012
        "agent": "no agent of its own; a loop over the calls above is one",
        "structured refusal": "parsing is the caller's own; the reply has a refusal field",
        "structured cut": "parsing is the caller's own; finish_reason says length",
        "partials": "the core streams text; partial objects are a framework's own",
    }

    def build(self, model: str, **settings: Any) -> Built:
        return Built(model, settings)

    def call(self, built: Built, ask: Ask) -> Outcome:
        return outcome_of(built.pair.sync.chat(model=built.model, **wire_params(ask)), ask, [])

    async def acall(self, built: Built, ask: Ask) -> Outcome:
        return outcome_of(await built.pair.aio.chat(model=built.model, **wire_params(ask)), ask, [])

    def stream(self, built: Built, ask: Ask) -> Outcome:
        pieces: list[str] = []
        with built.pair.sync.stream(model=built.model, **wire_params(ask)) as events:
            for event in events:
                if _take(event, ask, pieces):
                    return Outcome(text="".join(pieces), pieces=pieces)
            return outcome_of(events.message, ask, pieces)

    async def astream(self, built: Built, ask: Ask) -> Outcome:
        pieces: list[str] = []
        async with built.pair.aio.stream(model=built.model, **wire_params(ask)) as events:
            async for event in events:
                if _take(event, ask, pieces):
                    return Outcome(text="".join(pieces), pieces=pieces)
            return outcome_of(events.message, ask, pieces)

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return _embedded(ClientPair(**settings).sync.embeddings(model=EMBEDDER, input=list(texts)))

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return _embedded(await ClientPair(**settings).aio.embeddings(model=EMBEDDER, input=list(texts)))

    def serialised(self, built: Built) -> str:
        return repr(pickle.dumps(built.pair))

    def restored(self, built: Built, settings: Mapping[str, Any]) -> Built:
        return Built(built.model, settings)


def _take(event: object, ask: Ask, pieces: list[str]) -> bool:
    """Note a text piece; whether the reader wants to stop."""
    if isinstance(event, TextDelta):
        pieces.append(event.text)
        if ask.on_text is not None:
            ask.on_text(event.text)
    return ask.stop_after is not None and len(pieces) >= ask.stop_after


def _embedded(reply: Any) -> Embedded:
    usage = reply.usage
    return Embedded(
        reply.vectors, None if usage is None else usage.input_tokens, None if usage is None else as_float(usage.cost)
    )
