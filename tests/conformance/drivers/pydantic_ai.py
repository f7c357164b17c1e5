"""Pydantic AI: RequestyModel (the direct API; an Agent for structured answers) and RequestyEmbeddingModel."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.direct import model_request, model_request_stream, model_request_stream_sync, model_request_sync
from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    FilePart,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from pydantic_ai_requesty import RequestyEmbeddingModel, RequestyModel, RequestyProvider

from ..model import Ask, Call, Driver, Embedded, Outcome, arguments_of, as_float
from .core import EMBEDDER, citation_urls

_OUTPUT: dict[str, Any] = {
    "json_schema": partial(NativeOutput, strict=True),
    "json_object": PromptedOutput,
    "tool": partial(ToolOutput, strict=True),
}
_NAMES = {"stop": "stop_sequences", "logprobs": "openai_logprobs", "reasoning_effort": "requesty_reasoning_effort"}
_OF_THE_MODEL = ("fallbacks", "fallback_policy")


def _binary(url: str) -> BinaryContent:
    return BinaryContent.from_data_uri(url)


def _prompt(content: Any) -> Any:
    if isinstance(content, str):
        return content
    parts: list[Any] = []
    for item in content:
        if item["type"] == "text":
            parts.append(item["text"])
        elif item["type"] == "image_url":
            url = item["image_url"]["url"]
            parts.append(_binary(url) if url.startswith("data:") else ImageUrl(url))
        elif item["type"] == "file":
            parts.append(_binary(item["file"]["file_data"]))
        elif item["type"] == "input_audio":
            audio = item["input_audio"]
            parts.append(BinaryContent(base64.b64decode(audio["data"]), media_type=f"audio/{audio['format']}"))
        if item.get("cache_control"):
            parts.append(CachePoint())
    return parts


def _tool_result(content: Any) -> Any:
    return content if isinstance(content, str) else _prompt(content)


def messages_of(wire: Sequence[Mapping[str, Any]]) -> list[ModelMessage]:
    """Pydantic AI messages from wire ones."""
    messages: list[ModelMessage] = []
    names: dict[str, str] = {}
    for item in wire:
        content = item.get("content")
        if item["role"] == "system":
            text = content if isinstance(content, str) else content[0]["text"]
            messages.append(ModelRequest([SystemPromptPart(text)]))
        elif item["role"] == "user":
            messages.append(ModelRequest([UserPromptPart(_prompt(content))]))
        elif item["role"] == "tool":
            call = item["tool_call_id"]
            messages.append(ModelRequest([ToolReturnPart(names[call], _tool_result(content), call)]))
        else:
            parts: list[Any] = []
            if item.get("reasoning_content") or item.get("reasoning_signature"):
                thought = item.get("reasoning_content") or ""
                signature = item.get("reasoning_signature")
                parts.append(
                    ThinkingPart(thought, id="reasoning_content", signature=signature, provider_name="requesty")
                )
            if content:
                parts.append(TextPart(content))
            for call in item.get("tool_calls") or ():
                names[call["id"]] = call["function"]["name"]
                parts.append(ToolCallPart(call["function"]["name"], call["function"]["arguments"], call["id"]))
            messages.append(ModelResponse(parts, provider_name="requesty"))
    return messages


def tools_of(wire: Sequence[Mapping[str, Any]]) -> list[ToolDefinition]:
    functions = [item["function"] for item in wire]
    return [
        ToolDefinition(name=f["name"], description=f.get("description"), parameters_json_schema=f["parameters"])
        for f in functions
    ]


class PydanticAIDriver(Driver):
    name = "Pydantic AI"
    lacks = {  # noqa: RUF012
        "n": "Pydantic AI's settings have no n; a response is one choice",
        "serialisation": "models have no serialised form; agents name them by id",
        "cache_control": "a cache point stands after content of a user prompt; system prompts are text",
    }

    def build(self, model: str, **settings: Any) -> RequestyModel:
        own = {name: settings.pop(name) for name in _OF_THE_MODEL if name in settings}
        return RequestyModel(model, provider=RequestyProvider(**settings), **own)

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        settings: dict[str, Any] = {_NAMES.get(name, name): value for name, value in ask.params.items()}
        if ask.tool_choice is not None:
            words = ("auto", "none", "required")
            settings["tool_choice"] = ask.tool_choice if ask.tool_choice in words else [ask.tool_choice]
        parameters = ModelRequestParameters(function_tools=tools_of(ask.tools), allow_text_output=True)
        return {
            "messages": messages_of(ask.messages),
            "model_settings": settings,
            "model_request_parameters": parameters,
        }

    def _agent(self, built: RequestyModel, ask: Ask) -> tuple[Agent[None, Any], dict[str, Any]]:
        settings: Any = {_NAMES.get(name, name): value for name, value in ask.params.items()}
        agent: Agent[None, Any] = Agent(
            built, output_type=_OUTPUT[ask.method](ask.schema), model_settings=settings, retries=0
        )
        prompt = _prompt(ask.messages[-1]["content"])
        return agent, {"user_prompt": prompt, "message_history": messages_of(ask.messages[:-1])}

    def call(self, built: RequestyModel, ask: Ask) -> Outcome:
        if ask.schema is not None:
            agent, run = self._agent(built, ask)
            return _parsed(agent.run_sync(**run), ask)
        return _outcome(model_request_sync(built, **self._arguments(ask)), [])

    async def acall(self, built: RequestyModel, ask: Ask) -> Outcome:
        if ask.schema is not None:
            agent, run = self._agent(built, ask)
            return _parsed(await agent.run(**run), ask)
        return _outcome(await model_request(built, **self._arguments(ask)), [])

    def stream(self, built: RequestyModel, ask: Ask) -> Outcome:
        if ask.schema is not None:
            return asyncio.run(self.astream(built, ask))
        gathered = _Gathered(ask)
        with model_request_stream_sync(built, **self._arguments(ask)) as events:
            for event in events:
                if gathered.take(event):
                    break
            return _outcome(events.response, gathered.pieces)

    async def astream(self, built: RequestyModel, ask: Ask) -> Outcome:
        if ask.schema is not None:
            agent, run = self._agent(built, ask)
            partials: list[Any] = []
            async with agent.run_stream(**run) as result:
                async for partial in result.stream_output(debounce_by=None):
                    partials.append(partial)
                outcome = _outcome(result.response, [])
                outcome.parsed, outcome.partials = await result.get_output(), partials
                return outcome
        gathered = _Gathered(ask)
        async with model_request_stream(built, **self._arguments(ask)) as stream:
            async for event in stream:
                if gathered.take(event):
                    await stream.cancel()
                    break
            return _outcome(stream.get(), gathered.pieces)

    async def agent(self, built: RequestyModel, tool: Callable[[str], str], prompt: str) -> str:
        return (await Agent(built, tools=[tool]).run(prompt)).output

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return asyncio.run(self.aembed(texts, settings))

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        embedder = RequestyEmbeddingModel(EMBEDDER, provider=RequestyProvider(**settings))
        result = await embedder.embed(texts, input_type="document")
        vectors = [list(vector) for vector in result.embeddings]
        return Embedded(vectors, result.usage.input_tokens, as_float(result.usage.cost))


class _Gathered:
    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.pieces: list[str] = []

    def take(self, event: Any) -> bool:
        piece = ""
        if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
            piece = event.part.content
        elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
            piece = event.delta.content_delta
        if piece:
            self.pieces.append(piece)
            if self.ask.on_text is not None:
                self.ask.on_text(piece)
        return self.ask.stop_after is not None and len(self.pieces) >= self.ask.stop_after


def _parsed(result: Any, ask: Ask) -> Outcome:
    outcome = _outcome(result.response, [])
    outcome.parsed = result.output
    return outcome


def _outcome(response: ModelResponse, pieces: list[str]) -> Outcome:
    details, usage = response.provider_details or {}, response.usage
    thoughts = [part for part in response.parts if isinstance(part, ThinkingPart)]
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    images = [part.content.data_uri for part in response.parts if isinstance(part, FilePart)]
    measured = not usage.unmeasured_requests
    logprobs = details.get("logprobs")
    return Outcome(
        text="".join(part.content for part in response.parts if isinstance(part, TextPart)),
        pieces=pieces,
        reasoning="".join(part.content for part in thoughts),
        signature=next((part.signature for part in thoughts if part.signature), None),
        calls=[Call(part.tool_name, _arguments(part), part.tool_call_id) for part in calls],
        finish_reason="tool_calls" if response.finish_reason == "tool_call" else response.finish_reason,
        refusal=details.get("refusal"),
        citations=citation_urls(details.get("annotations", [])),
        images=images + [image["image_url"]["url"] for image in details.get("images", [])],
        input_tokens=usage.input_tokens if measured else None,
        output_tokens=usage.output_tokens if measured else None,
        cached_tokens=usage.cache_read_tokens if measured else None,
        cost=as_float(usage.cost),
        requested=details.get("requested_model"),
        served=response.model_name,
        request_id=details.get("request_id"),
        attempts=[(attempt["model"], attempt["outcome"]) for attempt in details.get("attempts", [])],
        logprobs=None if logprobs is None else len(logprobs),
        native=response,
    )


def _arguments(part: ToolCallPart) -> Any:
    return part.args if isinstance(part.args, dict) else arguments_of(part.args or "")


__all__ = ["PydanticAIDriver"]
