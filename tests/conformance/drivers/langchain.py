"""LangChain: ChatRequesty and RequestyEmbeddings."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.load import dumpd, load
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    convert_to_messages,
)

from langchain_requesty import ChatRequesty, RequestyEmbeddings

from ..model import Ask, Call, Driver, Embedded, Outcome
from .core import EMBEDDER, citation_urls

_METHODS = {"json_schema": "json_schema", "json_object": "json_mode", "tool": "function_calling"}


def messages_of(wire: Sequence[Mapping[str, Any]]) -> list[BaseMessage]:
    """LangChain messages from wire ones."""
    messages: list[BaseMessage] = []
    for item in wire:
        if item["role"] == "tool":
            messages.append(ToolMessage(item["content"], tool_call_id=item["tool_call_id"]))
            continue
        (message,) = convert_to_messages([dict(item, content=item.get("content") or "")])
        for name in ("reasoning_content", "reasoning_signature"):
            if item.get(name):
                message.additional_kwargs[name] = item[name]
        messages.append(message)
    return messages


class LangChainDriver(Driver):
    name = "LangChain"

    def build(self, model: str, **settings: Any) -> ChatRequesty:
        return ChatRequesty(model=model, **settings)

    def _runnable(self, built: ChatRequesty, ask: Ask) -> tuple[Any, list[BaseMessage], dict[str, Any]]:
        messages, params = messages_of(ask.messages), dict(ask.params)
        if ask.schema is not None:
            method: Any = _METHODS[ask.method]
            strict = True if ask.method == "json_schema" else None
            return (
                built.with_structured_output(ask.schema, method=method, include_raw=True, strict=strict),
                messages,
                params,
            )
        if ask.tools:
            return built.bind_tools(list(ask.tools), tool_choice=ask.tool_choice), messages, params
        return built, messages, params

    def call(self, built: ChatRequesty, ask: Ask) -> Outcome:
        runnable, messages, params = self._runnable(built, ask)
        if params.get("n"):
            result = built.generate([messages], **params)
            return _outcome(result.generations[0][0].message, ask, [], len(result.generations[0]))  # type: ignore[attr-defined]
        return _read(runnable.invoke(messages, **params), ask)

    async def acall(self, built: ChatRequesty, ask: Ask) -> Outcome:
        runnable, messages, params = self._runnable(built, ask)
        if params.get("n"):
            result = await built.agenerate([messages], **params)
            return _outcome(result.generations[0][0].message, ask, [], len(result.generations[0]))  # type: ignore[attr-defined]
        return _read(await runnable.ainvoke(messages, **params), ask)

    def stream(self, built: ChatRequesty, ask: Ask) -> Outcome:
        runnable, messages, params = self._runnable(built, ask)
        gathered = _Gathered(ask)
        stream = runnable.stream(messages, **params)
        for item in stream:
            if gathered.take(item):
                stream.close()
                break
        return gathered.outcome()

    async def astream(self, built: ChatRequesty, ask: Ask) -> Outcome:
        runnable, messages, params = self._runnable(built, ask)
        gathered = _Gathered(ask)
        stream = runnable.astream(messages, **params)
        async for item in stream:
            if gathered.take(item):
                await stream.aclose()
                break
        return gathered.outcome()

    def events(self, built: ChatRequesty, ask: Ask) -> Outcome:
        """The message that LangChain puts together from its events, version 3."""
        runnable, messages, params = self._runnable(built, ask)
        return _read(runnable.stream_events(messages, version="v3", **params).output, ask)

    async def agent(self, built: ChatRequesty, tool: Callable[[str], str], prompt: str) -> str:
        result = await create_agent(built, tools=[tool]).ainvoke({"messages": [HumanMessage(prompt)]})
        return str(result["messages"][-1].text)

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return _embedded(RequestyEmbeddings(model=EMBEDDER, **settings).embed(list(texts)))

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        return _embedded(await RequestyEmbeddings(model=EMBEDDER, **settings).aembed(list(texts)))

    def serialised(self, built: ChatRequesty) -> str:
        return json.dumps(dumpd(built))

    def restored(self, built: ChatRequesty, settings: Mapping[str, Any]) -> ChatRequesty:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load(  # type: ignore[no-any-return]
                json.loads(self.serialised(built)),
                allowed_objects=[ChatRequesty],
                valid_namespaces=["langchain_requesty"],
                secrets_map={"REQUESTY_API_KEY": settings["api_key"]},
            )


class _Gathered:
    """A stream while it is read."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.pieces: list[str] = []
        self.partials: list[Any] = []
        self.parsed: Any = None
        self.error: Any = None
        self.whole: AIMessageChunk | None = None

    def take(self, item: Any) -> bool:
        if isinstance(item, dict):
            if item.get("parsed") is not None:
                self.parsed = item["parsed"]
                self.partials.append(item["parsed"])
            self.error = item.get("parsing_error") or self.error
            item = item.get("raw")
        if item is not None:
            self.whole = item if self.whole is None else self.whole + item
            if item.text:
                self.pieces.append(item.text)
                if self.ask.on_text is not None:
                    self.ask.on_text(item.text)
        return self.ask.stop_after is not None and len(self.pieces) >= self.ask.stop_after

    def outcome(self) -> Outcome:
        if self.error is not None:
            raise self.error
        assert self.whole is not None
        outcome = _outcome(self.whole, self.ask, self.pieces)
        outcome.parsed, outcome.partials = self.parsed, self.partials
        return outcome


def _read(result: Any, ask: Ask) -> Outcome:
    if isinstance(result, dict):
        if result["parsing_error"] is not None:
            raise result["parsing_error"]
        outcome = _outcome(result["raw"], ask, [])
        outcome.parsed = result["parsed"]
        return outcome
    return _outcome(result, ask, [])


def _outcome(message: AIMessage, ask: Ask, pieces: list[str], choices: int = 1) -> Outcome:
    kwargs, metadata, usage = message.additional_kwargs, message.response_metadata, message.usage_metadata
    calls = [Call(call["name"], call["args"], call["id"] or "") for call in message.tool_calls]
    calls += [Call(bad["name"] or "", bad["args"], bad["id"] or "") for bad in message.invalid_tool_calls]
    logprobs = (metadata.get("logprobs") or {}).get("content")
    return Outcome(
        text=message.text,
        pieces=pieces,
        reasoning=kwargs.get("reasoning_content", ""),
        signature=kwargs.get("reasoning_signature"),
        calls=calls,
        finish_reason=metadata.get("finish_reason"),
        refusal=kwargs.get("refusal"),
        citations=citation_urls(kwargs.get("annotations", [])),
        images=[image["image_url"]["url"] for image in kwargs.get("images", [])],
        input_tokens=None if usage is None else usage["input_tokens"],
        output_tokens=None if usage is None else usage["output_tokens"],
        cached_tokens=None if usage is None else usage.get("input_token_details", {}).get("cache_read"),
        cost=metadata.get("cost"),
        requested=metadata.get("requested_model"),
        served=metadata.get("model_name"),
        request_id=metadata.get("request_id"),
        attempts=[(a["model"], a["outcome"]) for a in metadata.get("requesty", {}).get("attempts", [])],
        logprobs=None if logprobs is None else len(logprobs),
        choices=choices,
        native=message,
    )


def _embedded(reply: Any) -> Embedded:
    usage = reply.usage
    return Embedded(reply.vectors, usage.input_tokens, None if usage.cost is None else float(usage.cost))
