"""The OpenAI SDK: RequestyOpenAI and AsyncRequestyOpenAI."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI, call_details
from requesty_core.errors import RequestyError

from ..model import Ask, Call, Driver, Embedded, Failure, Outcome, arguments_of, as_float
from .core import EMBEDDER, citation_urls, wire_params


class Built:
    """A model name and both clients over the same settings."""

    def __init__(self, model: str, settings: Mapping[str, Any]) -> None:
        self.model = model
        self.sync = RequestyOpenAI(**settings)
        self.aio = AsyncRequestyOpenAI(**settings)

    def __repr__(self) -> str:
        return f"{self.sync!r} {self.aio!r} {vars(self.sync)!r}"

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model, "sync": self.sync, "aio": self.aio}


class OpenAIDriver(Driver):
    name = "OpenAI SDK"
    lacks = {  # noqa: RUF012
        "agent": "no agent of its own; a loop over the calls above is one",
        "tool mode": "the SDK's parse() knows response_format only; a forced tool is the scenario above",
        "serialisation": "SDK clients have no serialised form",
        "both spellings": "the SDK shows fields under the names the wire used",
        "structured refusal": "the SDK's own contract: parsed is None and message.refusal says why",
    }

    def build(self, model: str, **settings: Any) -> Built:
        return Built(model, settings)

    def call(self, built: Built, ask: Ask) -> Outcome:
        completions = built.sync.chat.completions
        return _outcome(_pick(completions, ask)(model=built.model, **_params(ask)), ask)

    async def acall(self, built: Built, ask: Ask) -> Outcome:
        completions = built.aio.chat.completions
        return _outcome(await _pick(completions, ask)(model=built.model, **_params(ask)), ask)

    def stream(self, built: Built, ask: Ask) -> Outcome:
        gathered = _Gathered(ask)
        if _refused_by_helper(ask):
            chunks = built.sync.chat.completions.create(model=built.model, stream=True, **_params(ask))
            for chunk in chunks:
                if gathered.take_chunk(chunk):
                    return Outcome(text="".join(gathered.pieces), pieces=gathered.pieces)
            return gathered.outcome(chunks, gathered.state.current_completion_snapshot)
        with built.sync.chat.completions.stream(model=built.model, **_params(ask)) as stream:
            for event in stream:
                if gathered.take(event):
                    return Outcome(text="".join(gathered.pieces), pieces=gathered.pieces)
            return gathered.outcome(
                stream, stream.get_final_completion() if ask.schema else stream.current_completion_snapshot
            )

    async def astream(self, built: Built, ask: Ask) -> Outcome:
        gathered = _Gathered(ask)
        if _refused_by_helper(ask):
            chunks = await built.aio.chat.completions.create(model=built.model, stream=True, **_params(ask))
            async for chunk in chunks:
                if gathered.take_chunk(chunk):
                    return Outcome(text="".join(gathered.pieces), pieces=gathered.pieces)
            return gathered.outcome(chunks, gathered.state.current_completion_snapshot)
        async with built.aio.chat.completions.stream(model=built.model, **_params(ask)) as stream:
            async for event in stream:
                if gathered.take(event):
                    return Outcome(text="".join(gathered.pieces), pieces=gathered.pieces)
            whole = await stream.get_final_completion() if ask.schema else stream.current_completion_snapshot
            return gathered.outcome(stream, whole)

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return _embedded(RequestyOpenAI(**settings).embeddings.create(model=EMBEDDER, input=list(texts)))

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return _embedded(await AsyncRequestyOpenAI(**settings).embeddings.create(model=EMBEDDER, input=list(texts)))

    def failure(self, error: BaseException) -> Failure:
        assert isinstance(error, RequestyError) or not hasattr(error, "request"), type(error)
        return super().failure(error)

    def serialised(self, built: Built) -> str:
        return repr(pickle.dumps(built.sync))


def _pick(completions: Any, ask: Ask) -> Any:
    return completions.parse if ask.schema is not None and ask.method == "json_schema" else completions.create


def _refused_by_helper(ask: Ask) -> bool:
    """Before 3.20 the SDK's asynchronous stream helper takes strict tools only; chunks can be read without it."""
    return tuple(map(int, openai.VERSION.split(".")[:2])) < (3, 20) and any(
        not tool["function"].get("strict") for tool in wire_params(ask).get("tools", ())
    )


def _params(ask: Ask) -> dict[str, Any]:
    params = wire_params(ask)
    if ask.schema is not None and ask.method == "json_schema":
        params["response_format"] = ask.schema
    return params


class _Gathered:
    """A stream helper while it is read."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.pieces: list[str] = []
        self.partials: list[Any] = []
        self.reasoning: list[str] = []
        self.state: Any = ChatCompletionStreamState(input_tools=wire_params(ask).get("tools", []))

    def take_chunk(self, chunk: Any) -> bool:
        stop = False
        for event in self.state.handle_chunk(chunk):
            stop |= self.take(event)
        return stop

    def take(self, event: Any) -> bool:
        if event.type == "content.delta" and event.delta:
            self.pieces.append(event.delta)
            if event.parsed is not None:
                self.partials.append(event.parsed)
            if self.ask.on_text is not None:
                self.ask.on_text(event.delta)
        return self.ask.stop_after is not None and len(self.pieces) >= self.ask.stop_after

    def outcome(self, stream: Any, completion: Any) -> Outcome:
        outcome = _outcome(completion, self.ask, call_details(stream))
        outcome.pieces, outcome.partials = self.pieces, self.partials
        return outcome


def _outcome(completion: Any, ask: Ask, details: Any = None) -> Outcome:
    details = details or call_details(completion)
    choice = completion.choices[0]
    message, usage = choice.message, completion.usage
    extra = message.model_extra or {}
    parsed = getattr(message, "parsed", None)
    if parsed is None and ask.schema is not None and ask.method == "json_object" and message.content:
        parsed = ask.schema.model_validate_json(message.content)
    return Outcome(
        text=message.content or "",
        reasoning=extra.get("reasoning_content") or extra.get("reasoning") or "",
        signature=extra.get("reasoning_signature"),
        calls=[
            Call(call.function.name, arguments_of(call.function.arguments), call.id)
            for call in message.tool_calls or ()
        ],
        finish_reason=choice.finish_reason,
        refusal=message.refusal,
        citations=citation_urls([a.to_dict() if hasattr(a, "to_dict") else a for a in message.annotations or ()]),
        images=[image["image_url"]["url"] for image in extra.get("images") or ()],
        parsed=parsed,
        input_tokens=None if usage is None else usage.prompt_tokens,
        output_tokens=None if usage is None else usage.completion_tokens,
        cached_tokens=None
        if usage is None or usage.prompt_tokens_details is None
        else usage.prompt_tokens_details.cached_tokens,
        cost=as_float(details.cost),
        requested=details.requested_model,
        served=completion.model,
        request_id=details.request_id,
        attempts=[(attempt.model, attempt.outcome) for attempt in details.attempts],
        logprobs=None if choice.logprobs is None else len(choice.logprobs.content or ()),
        choices=len(completion.choices),
        native=completion,
    )


def _embedded(response: Any) -> Embedded:
    details = call_details(response)
    vectors = [list(item.embedding) for item in sorted(response.data, key=lambda item: item.index)]
    return Embedded(vectors, response.usage.prompt_tokens, as_float(details.cost))
