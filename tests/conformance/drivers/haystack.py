"""Haystack: RequestyChatGenerator and RequestyDocumentEmbedder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haystack import Document
from haystack.components.agents import Agent
from haystack.dataclasses import (
    ChatMessage,
    FileContent,
    ImageContent,
    ReasoningContent,
    StreamingChunk,
    TextContent,
    ToolCall,
)
from haystack.tools import Tool, create_tool_from_function
from haystack.utils import Secret

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator

from ..model import Ask, Call, Driver, Embedded, Outcome
from .core import EMBEDDER, citation_urls


class Stop(Exception):
    """Haystack's way to stop a stream early: the callback raises."""


def settings_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's own words for key and base URL."""
    own = dict(settings)
    if "api_key" in own:
        own["api_key"] = Secret.from_token(own["api_key"])
    if "base_url" in own:
        own["api_base_url"] = own.pop("base_url")
    return own


def _data(url: str) -> tuple[str, str]:
    head, _, data = url.partition(",")
    return head.removeprefix("data:").removesuffix(";base64"), data


def _parts(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [TextContent(content)]
    parts: list[Any] = []
    for item in content:
        if item["type"] == "text":
            parts.append(TextContent(item["text"]))
        elif item["type"] == "image_url":
            kind, data = _data(item["image_url"]["url"])
            parts.append(ImageContent(base64_image=data, mime_type=kind, validation=False))
        elif item["type"] == "file":
            kind, data = _data(item["file"]["file_data"])
            parts.append(FileContent(data, kind, item["file"]["filename"], validation=False))
        elif item["type"] == "input_audio":
            audio = item["input_audio"]
            parts.append(FileContent(audio["data"], f"audio/{audio['format']}", validation=False))
    return parts


def messages_of(wire: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
    """Haystack messages from wire ones."""
    messages: list[ChatMessage] = []
    calls: dict[str, ToolCall] = {}
    for item in wire:
        content = item.get("content")
        marks = [p["cache_control"] for p in content if p.get("cache_control")] if isinstance(content, list) else []
        meta = {"cache_control": marks[0]} if marks else None
        if item["role"] == "system":
            messages.append(ChatMessage.from_system(_parts(content)[0].text, meta=meta))
        elif item["role"] == "user":
            messages.append(ChatMessage.from_user(content_parts=_parts(content), meta=meta))
        elif item["role"] == "tool":
            result = content if isinstance(content, str) else _parts(content)
            messages.append(ChatMessage.from_tool(result, calls[item["tool_call_id"]]))
        else:
            own = []
            for call in item.get("tool_calls") or ():
                function = call["function"]
                made = ToolCall(function["name"], json.loads(function["arguments"]), call["id"])
                calls[call["id"]] = made
                own.append(made)
            reasoning = None
            if item.get("reasoning_content") or item.get("reasoning_signature"):
                extra = {"signature": item["reasoning_signature"]} if item.get("reasoning_signature") else {}
                reasoning = ReasoningContent(item.get("reasoning_content") or "", extra)
            messages.append(ChatMessage.from_assistant(content, tool_calls=own, reasoning=reasoning))
    return messages


def _nothing(**_: Any) -> str:
    return ""


def tools_of(wire: Sequence[Mapping[str, Any]]) -> list[Tool]:
    return [
        Tool(
            name=item["function"]["name"],
            description=item["function"].get("description", ""),
            parameters=item["function"]["parameters"],
            function=_nothing,
        )
        for item in wire
    ]


class HaystackDriver(Driver):
    name = "Haystack"
    lacks = {  # noqa: RUF012
        "partials": "Haystack streams text; it has no partial objects",
        "structured refusal": "the reply's meta has the refusal; Haystack has no parsed object to refuse",
        "tool mode": "Haystack asks for structure by response_format",
        "image by url": "ImageContent holds bytes; the framework downloads URLs itself",
    }

    def build(self, model: str, **settings: Any) -> RequestyChatGenerator:
        return RequestyChatGenerator(model=model, **settings_of(settings))

    def _arguments(self, ask: Ask, callback: Callable[[StreamingChunk], None] | None) -> dict[str, Any]:
        params = dict(ask.params)
        if ask.schema is not None:
            params["response_format"] = ask.schema if ask.method == "json_schema" else {"type": "json_object"}
        if ask.tool_choice is not None:
            words = ("auto", "none", "required")
            named = {"type": "function", "function": {"name": ask.tool_choice}}
            params["tool_choice"] = ask.tool_choice if ask.tool_choice in words else named
        return {
            "messages": messages_of(ask.messages),
            "generation_kwargs": params,
            "tools": tools_of(ask.tools),
            "streaming_callback": callback,
        }

    def call(self, built: RequestyChatGenerator, ask: Ask) -> Outcome:
        return _outcome(built.run(**self._arguments(ask, None))["replies"], ask, [])

    async def acall(self, built: RequestyChatGenerator, ask: Ask) -> Outcome:
        return _outcome((await built.run_async(**self._arguments(ask, None)))["replies"], ask, [])

    def stream(self, built: RequestyChatGenerator, ask: Ask) -> Outcome:
        gathered = _Gathered(ask)
        try:
            replies = built.run(**self._arguments(ask, gathered.take))["replies"]
        except Stop:
            return Outcome(text="".join(gathered.pieces), pieces=gathered.pieces)
        return _outcome(replies, ask, gathered.pieces)

    async def astream(self, built: RequestyChatGenerator, ask: Ask) -> Outcome:
        gathered = _Gathered(ask)

        async def take(chunk: StreamingChunk) -> None:
            gathered.take(chunk)

        try:
            replies = (await built.run_async(**self._arguments(ask, take)))["replies"]  # type: ignore[arg-type]
        except Stop:
            return Outcome(text="".join(gathered.pieces), pieces=gathered.pieces)
        return _outcome(replies, ask, gathered.pieces)

    async def agent(self, built: RequestyChatGenerator, tool: Callable[[str], str], prompt: str) -> str:
        result = await Agent(chat_generator=built, tools=[create_tool_from_function(tool)]).run_async(
            messages=[ChatMessage.from_user(prompt)]
        )
        return str(result["last_message"].text)

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        embedder = RequestyDocumentEmbedder(model=EMBEDDER, progress_bar=False, **settings_of(settings))
        return _embedded(embedder.run([Document(content=text) for text in texts]))

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        embedder = RequestyDocumentEmbedder(model=EMBEDDER, progress_bar=False, **settings_of(settings))
        return _embedded(await embedder.run_async([Document(content=text) for text in texts]))

    def serialised(self, built: RequestyChatGenerator) -> str:
        # A key given as a token cannot be saved; saved pipelines name an environment variable.
        built.api_key = Secret.from_env_var("REQUESTY_API_KEY", strict=False)
        return json.dumps(built.to_dict())

    def restored(self, built: RequestyChatGenerator, settings: Mapping[str, Any]) -> RequestyChatGenerator:
        data = json.loads(self.serialised(built))
        again = RequestyChatGenerator.from_dict(data)
        parameters = {**data["init_parameters"], "api_key": Secret.from_token(settings["api_key"])}
        assert again.to_dict() == data
        return RequestyChatGenerator(**parameters)


class _Gathered:
    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.pieces: list[str] = []

    def take(self, chunk: StreamingChunk) -> None:
        if chunk.content:
            self.pieces.append(chunk.content)
            if self.ask.on_text is not None:
                self.ask.on_text(chunk.content)
        if self.ask.stop_after is not None and len(self.pieces) >= self.ask.stop_after:
            raise Stop


def _outcome(replies: list[ChatMessage], ask: Ask, pieces: list[str]) -> Outcome:
    message = replies[0]
    meta = message.meta
    usage = meta.get("usage") or {}
    calls = [Call(call.tool_name, call.arguments, call.id or "") for call in message.tool_calls]
    calls += [Call(bad["name"], bad["arguments"], bad["id"]) for bad in meta.get("invalid_tool_calls", [])]
    reasoning = message.reasoning
    logprobs = (meta.get("logprobs") or {}).get("content")
    return Outcome(
        text=message.text or "",
        pieces=pieces,
        reasoning="" if reasoning is None else reasoning.reasoning_text,
        signature=None if reasoning is None else reasoning.extra.get("signature"),
        calls=calls,
        finish_reason=meta.get("finish_reason"),
        refusal=meta.get("refusal"),
        citations=citation_urls(meta.get("annotations", [])),
        images=[image["image_url"]["url"] for image in meta.get("images", [])],
        parsed=ask.schema.model_validate_json(message.text) if ask.schema and message.text else None,
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
        cost=usage.get("cost"),
        requested=meta.get("requested_model"),
        served=meta.get("model"),
        request_id=meta.get("request_id"),
        attempts=[(a["model"], a["outcome"]) for a in meta.get("attempts", [])],
        logprobs=None if logprobs is None else len(logprobs),
        choices=len(replies),
        native=replies,
    )


def _embedded(result: Mapping[str, Any]) -> Embedded:
    usage = result["meta"]["usage"]
    return Embedded([d.embedding for d in result["documents"]], usage.get("prompt_tokens"), usage.get("cost"))
