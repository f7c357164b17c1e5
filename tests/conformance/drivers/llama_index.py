"""LlamaIndex: Requesty and RequestyEmbedding."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    ChatResponse,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.prompts import ChatPromptTemplate

from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty
from requesty_core import CallEvent
from requesty_core.telemetry.events import AttemptFinished

from ..model import Ask, Call, Driver, Embedded, Outcome, as_float
from .core import EMBEDDER, citation_urls

_MODES = {"json_schema": "json_schema", "tool": "tools"}


def _data(url: str) -> tuple[str, bytes]:
    head, _, data = url.partition(",")
    return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(data)


def _blocks(content: Any) -> list[Any]:
    if content is None:
        return []
    if isinstance(content, str):
        return [TextBlock(text=content)]
    blocks: list[Any] = []
    for item in content:
        if item["type"] == "text":
            blocks.append(TextBlock(text=item["text"]))
        elif item["type"] == "image_url":
            url = item["image_url"]["url"]
            if url.startswith("data:"):
                kind, data = _data(url)
                blocks.append(ImageBlock(image=base64.b64encode(data), image_mimetype=kind))
            else:
                blocks.append(ImageBlock(url=url))
        elif item["type"] == "file":
            kind, data = _data(item["file"]["file_data"])
            blocks.append(DocumentBlock(data=data, document_mimetype=kind, title=item["file"]["filename"]))
        elif item["type"] == "input_audio":
            audio = item["input_audio"]
            blocks.append(AudioBlock(audio=audio["data"].encode(), format=audio["format"]))
        if item.get("cache_control"):
            blocks.append(CachePoint(cache_control={"type": "ephemeral"}))
    return blocks


def messages_of(wire: Sequence[Mapping[str, Any]]) -> list[ChatMessage]:
    """LlamaIndex messages from wire ones."""
    messages: list[ChatMessage] = []
    for item in wire:
        blocks = _blocks(item.get("content"))
        kwargs = {"tool_call_id": item["tool_call_id"]} if item["role"] == "tool" else {}
        if item.get("reasoning_content") or item.get("reasoning_signature"):
            extra = {"signature": item["reasoning_signature"]} if item.get("reasoning_signature") else {}
            thought = ThinkingBlock(content=item.get("reasoning_content") or "", additional_information=extra)
            blocks.insert(0, thought)
        for call in item.get("tool_calls") or ():
            function = call["function"]
            blocks.append(
                ToolCallBlock(
                    tool_call_id=call["id"], tool_name=function["name"], tool_kwargs=json.loads(function["arguments"])
                )
            )
        messages.append(ChatMessage(role=item["role"], blocks=blocks, additional_kwargs=kwargs))
    return messages


class LlamaIndexDriver(Driver):
    name = "LlamaIndex"
    lacks = {  # noqa: RUF012
        "json_object": "LlamaIndex has no JSON mode of its own; structured output goes by schema, tool or prompt",
    }

    def build(self, model: str, **settings: Any) -> Requesty:
        return Requesty(model=model, **settings)

    def _arguments(self, ask: Ask) -> dict[str, Any]:
        arguments: dict[str, Any] = {"messages": messages_of(ask.messages), **ask.params}
        if ask.tools:
            arguments["tools"] = list(ask.tools)
        if ask.tool_choice is not None:
            words = ("auto", "none", "required")
            named = {"type": "function", "function": {"name": ask.tool_choice}}
            arguments["tool_choice"] = ask.tool_choice if ask.tool_choice in words else named
        return arguments

    def _structured(self, built: Requesty, ask: Ask) -> tuple[Requesty, dict[str, Any], Outcome]:
        """Predictions give the object alone; attempts are told to the model's own hook."""
        outcome = Outcome()

        def note(event: CallEvent) -> None:
            if isinstance(event, AttemptFinished):
                outcome.attempts.append((event.attempt.model, event.attempt.outcome))

        model = built.model_copy(update={"structured_output": _MODES[ask.method], "on_event": note})
        template = ChatPromptTemplate(message_templates=messages_of(ask.messages))
        return model, {"output_cls": ask.schema, "prompt": template, "llm_kwargs": dict(ask.params)}, outcome

    def call(self, built: Requesty, ask: Ask) -> Outcome:
        if ask.schema is not None:
            model, arguments, outcome = self._structured(built, ask)
            outcome.parsed = model.structured_predict(**arguments)
            return outcome
        return _outcome(built.chat(**self._arguments(ask)), [])

    async def acall(self, built: Requesty, ask: Ask) -> Outcome:
        if ask.schema is not None:
            model, arguments, outcome = self._structured(built, ask)
            outcome.parsed = await model.astructured_predict(**arguments)
            return outcome
        return _outcome(await built.achat(**self._arguments(ask)), [])

    def stream(self, built: Requesty, ask: Ask) -> Outcome:
        if ask.schema is not None:
            model, arguments, outcome = self._structured(built, ask)
            outcome.partials = list(model.stream_structured_predict(**arguments))
            outcome.parsed = _whole(outcome.partials[-1], ask)
            return outcome
        gathered = _Gathered(ask)
        stream = built.stream_chat(**self._arguments(ask))
        for response in stream:
            if gathered.take(response):
                stream.close()  # type: ignore[attr-defined]
                break
        return gathered.outcome()

    async def astream(self, built: Requesty, ask: Ask) -> Outcome:
        if ask.schema is not None:
            model, arguments, outcome = self._structured(built, ask)
            outcome.partials = [partial async for partial in await model.astream_structured_predict(**arguments)]
            outcome.parsed = _whole(outcome.partials[-1], ask)
            return outcome
        gathered = _Gathered(ask)
        stream = await built.astream_chat(**self._arguments(ask))
        async for response in stream:
            if gathered.take(response):
                await stream.aclose()  # type: ignore[attr-defined]
                break
        return gathered.outcome()

    async def agent(self, built: Requesty, tool: Callable[[str], str], prompt: str) -> str:
        return str(await FunctionAgent(llm=built, tools=[tool]).run(prompt))

    def embed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        model = RequestyEmbedding(model=EMBEDDER, **settings)
        return _embedded(model, model.get_text_embedding_batch(list(texts)))

    async def aembed(self, texts: Sequence[str], settings: Mapping[str, Any]) -> Embedded:
        model = RequestyEmbedding(model=EMBEDDER, **settings)
        return _embedded(model, await model.aget_text_embedding_batch(list(texts)))

    def serialised(self, built: Requesty) -> str:
        return json.dumps(built.to_dict())

    def restored(self, built: Requesty, settings: Mapping[str, Any]) -> Requesty:
        return Requesty.from_dict(json.loads(self.serialised(built)), api_key=settings["api_key"])


class _Gathered:
    """A stream while it is read."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.pieces: list[str] = []
        self.last: ChatResponse | None = None

    def take(self, response: ChatResponse) -> bool:
        self.last = response
        if response.delta:
            self.pieces.append(response.delta)
            if self.ask.on_text is not None:
                self.ask.on_text(response.delta)
        return self.ask.stop_after is not None and len(self.pieces) >= self.ask.stop_after

    def outcome(self) -> Outcome:
        assert self.last is not None
        return _outcome(self.last, self.pieces)


def _whole(value: Any, ask: Ask) -> Any:
    """Streams yield objects with optional fields until the last one."""
    assert ask.schema is not None
    return ask.schema.model_validate(value.model_dump())


def _outcome(response: ChatResponse, pieces: list[str]) -> Outcome:
    message, kwargs = response.message, response.additional_kwargs
    thoughts = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
    images = [block for block in message.blocks if isinstance(block, ImageBlock)]
    raw: Any = response.raw or {}
    return Outcome(
        text="".join(block.text for block in message.blocks if isinstance(block, TextBlock)),
        pieces=pieces,
        reasoning="".join(block.content or "" for block in thoughts),
        signature=next((s for block in thoughts if (s := block.additional_information.get("signature"))), None),
        calls=_calls(response),
        finish_reason=kwargs.get("finish_reason"),
        refusal=message.additional_kwargs.get("refusal"),
        citations=citation_urls(message.additional_kwargs.get("annotations", [])),
        images=[_image_url(block) for block in images],
        input_tokens=kwargs.get("prompt_tokens"),
        output_tokens=kwargs.get("completion_tokens"),
        cached_tokens=kwargs.get("cached_tokens"),
        cost=kwargs.get("cost"),
        requested=kwargs.get("requested_model"),
        served=kwargs.get("served_model"),
        request_id=kwargs.get("request_id"),
        attempts=[(attempt["model"], attempt["outcome"]) for attempt in kwargs.get("attempts", [])],
        logprobs=None if response.logprobs is None else len(response.logprobs),
        choices=len(raw.get("choices") or [None]),
        native=response,
    )


def _calls(response: ChatResponse) -> list[Call]:
    """What an agent gets to run; arguments that are no JSON object come as their text."""
    selections = _READER.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    return [
        Call(made.tool_name, made.tool_kwargs.get("invalid_arguments_json", made.tool_kwargs), made.tool_id)
        for made in selections
    ]


_READER = Requesty("openai/gpt-4o-mini", api_key="k")


def _image_url(block: ImageBlock) -> str:
    if block.url:
        return str(block.url)
    return f"data:{block.image_mimetype};base64,{(block.image or b'').decode()}"


def _embedded(model: RequestyEmbedding, vectors: list[list[float]]) -> Embedded:
    total = model.ledger.total
    return Embedded(vectors, total.input_tokens, as_float(total.cost))
