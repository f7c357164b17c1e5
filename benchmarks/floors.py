"""What a framework itself costs: for each, a model class that does nothing but yield the chunks of the benchmark.

An adapter cannot be cheaper than that. A function for each framework gives the ways of reading a stream of 2,000
chunks: with the floor, with ours, and with the peer's class where it is installed.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quick import KEY, MESSAGES, adrain, drain

CHUNKS = 2000
WORDS = ["", *(f"word{i % 10} " for i in range(CHUNKS))]
MODEL = f"bench/stream-{CHUNKS}"
PROMPT = MESSAGES[0]["content"]

Ways = dict[str, Callable[[], Any] | None]
"""A way of reading the stream: ``floor``, ``ours`` and ``peer``. One that returns a coroutine runs on a loop."""


def of_module(module: str, name: str) -> Any:
    """A class, or ``None`` where its package is not installed."""
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:
        return None


def langchain(url: str) -> dict[str, Ways]:
    """``stream`` and ``astream`` of a chat model."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_requesty import ChatRequesty

    class Floor(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "floor"

        def _generate(self, *args: Any, **more: Any) -> ChatResult:
            raise NotImplementedError("only streams")

        def _stream(self, *args: Any, run_manager: Any = None, **more: Any) -> Iterator[ChatGenerationChunk]:
            for word in WORDS:
                chunk = ChatGenerationChunk(
                    message=AIMessageChunk(content=word, response_metadata={"model_provider": "floor"})
                )
                if run_manager is not None:
                    run_manager.on_llm_new_token(word, chunk=chunk)
                yield chunk

        async def _astream(
            self, *args: Any, run_manager: Any = None, **more: Any
        ) -> AsyncIterator[ChatGenerationChunk]:
            for word in WORDS:
                chunk = ChatGenerationChunk(
                    message=AIMessageChunk(content=word, response_metadata={"model_provider": "floor"})
                )
                if run_manager is not None:
                    await run_manager.on_llm_new_token(word, chunk=chunk)
                yield chunk

    floor, ours = Floor(), ChatRequesty(model=MODEL, api_key=KEY, base_url=url, max_retries=0)
    cls = of_module("langchain_openai", "ChatOpenAI")
    peer = cls and cls(model=MODEL, api_key=KEY, base_url=url, max_retries=0, stream_usage=True)
    return {
        "LangChain stream": {
            "floor": lambda: drain(floor.stream(PROMPT)),
            "ours": lambda: drain(ours.stream(PROMPT)),
            "peer": peer and (lambda: drain(peer.stream(PROMPT))),
        },
        "LangChain astream": {
            "floor": lambda: adrain(floor.astream(PROMPT)),
            "ours": lambda: adrain(ours.astream(PROMPT)),
            "peer": peer and (lambda: adrain(peer.astream(PROMPT))),
        },
    }


def llama_index(url: str) -> dict[str, Ways]:
    """``stream_chat`` and ``astream_chat`` of an LLM."""
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
    from llama_index.core.llms import CustomLLM
    from llama_index.core.llms.callbacks import llm_chat_callback

    from llama_index.llms.requesty import Requesty

    def responses() -> Iterator[Any]:
        text = ""
        for word in WORDS:
            text += word
            yield ChatResponse(message=ChatMessage(role="assistant", content=text), delta=word)

    class Floor(CustomLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(is_chat_model=True)

        def complete(self, *args: Any, **more: Any) -> Any:
            raise NotImplementedError("only streams")

        def stream_complete(self, *args: Any, **more: Any) -> Any:
            raise NotImplementedError("only streams")

        @llm_chat_callback()
        def stream_chat(self, messages: Any, **more: Any) -> Any:
            return responses()

        @llm_chat_callback()
        async def astream_chat(self, messages: Any, **more: Any) -> Any:
            async def each() -> AsyncIterator[Any]:
                for response in responses():
                    yield response

            return each()

    messages = [ChatMessage(PROMPT)]
    floor, ours = Floor(), Requesty(model=MODEL, api_key=KEY, base_url=url, max_retries=0)
    cls = of_module("llama_index.llms.openai_like", "OpenAILike")
    peer = cls and cls(model=MODEL, api_key=KEY, api_base=url, max_retries=0, is_chat_model=True)

    async def read(llm: Any) -> None:
        await adrain(await llm.astream_chat(messages))

    return {
        "LlamaIndex stream_chat": {
            "floor": lambda: drain(floor.stream_chat(messages)),
            "ours": lambda: drain(ours.stream_chat(messages)),
            "peer": peer and (lambda: drain(peer.stream_chat(messages))),
        },
        "LlamaIndex astream_chat": {
            "floor": lambda: read(floor),
            "ours": lambda: read(ours),
            "peer": peer and (lambda: read(peer)),
        },
    }


def haystack(url: str) -> dict[str, Ways]:
    """``run`` and ``run_async`` of a generator with a callback."""
    from haystack import component
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage, ComponentInfo, StreamingChunk
    from haystack.utils import Secret

    from haystack_integrations.components.generators.requesty import RequestyChatGenerator

    info = ComponentInfo(type="floor")

    def chunk_of(word: str, place: int) -> Any:
        # As Haystack's own generators make them: with the moment and the component.
        meta = {"model": MODEL, "received_at": datetime.now(UTC).isoformat()}
        return StreamingChunk(content=word, meta=meta, component_info=info, index=0, start=place == 1)

    @component
    class Floor:
        @component.output_types(replies=list[ChatMessage])
        def run(self, messages: list[ChatMessage], streaming_callback: Any = None) -> dict[str, Any]:
            for place, word in enumerate(WORDS):
                streaming_callback(chunk_of(word, place))
            return {"replies": [ChatMessage.from_assistant("".join(WORDS))]}

        @component.output_types(replies=list[ChatMessage])
        async def run_async(self, messages: list[ChatMessage], streaming_callback: Any = None) -> dict[str, Any]:
            for place, word in enumerate(WORDS):
                await streaming_callback(chunk_of(word, place))
            return {"replies": [ChatMessage.from_assistant("".join(WORDS))]}

    def ignore(chunk: Any) -> None:
        return None

    async def aignore(chunk: Any) -> None:
        return None

    settings: Any = {"model": MODEL, "api_key": Secret.from_token(KEY), "api_base_url": url, "max_retries": 0}
    messages = [ChatMessage.from_user(PROMPT)]
    three = {"floor": Floor(), "ours": RequestyChatGenerator(**settings), "peer": OpenAIChatGenerator(**settings)}
    return {
        "Haystack run": {k: lambda g=g: g.run(messages, streaming_callback=ignore) for k, g in three.items()},
        "Haystack run_async": {
            k: lambda g=g: g.run_async(messages, streaming_callback=aignore) for k, g in three.items()
        },
    }


def pydantic_ai(url: str) -> dict[str, Ways]:
    """A stream of the direct API, and of an agent's run."""
    from pydantic_ai import Agent
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.messages import ModelRequest
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse

    from pydantic_ai_requesty import RequestyModel, RequestyProvider

    class Words(StreamedResponse):
        model_name = provider_name = provider_url = "floor"  # type: ignore[assignment]
        timestamp = datetime.now(UTC)  # type: ignore[assignment]

        async def _get_event_iterator(self) -> AsyncIterator[Any]:
            for word in WORDS:
                for event in self._parts_manager.handle_text_delta(vendor_part_id="content", content=word):
                    yield event

        async def close_stream(self) -> None:
            """Nothing is open."""

    class Floor(Model):
        model_name = system = "floor"

        async def request(self, *args: Any, **more: Any) -> Any:
            raise NotImplementedError("only streams")

        @asynccontextmanager
        async def request_stream(
            self, messages: Any, model_settings: Any, model_request_parameters: Any, run_context: Any = None
        ) -> AsyncIterator[StreamedResponse]:
            yield Words(model_request_parameters or ModelRequestParameters())

    async def direct(model: Any) -> None:
        async with model_request_stream(model, [ModelRequest.user_text_prompt(PROMPT)]) as events:
            await adrain(events)

    async def agent(model: Any) -> None:
        async with Agent(model).run_stream(PROMPT) as result:
            await adrain(result.stream_text(delta=True, debounce_by=None))

    three: dict[str, Any] = {
        "floor": Floor(),
        "ours": RequestyModel(MODEL, provider=RequestyProvider(base_url=url, api_key=KEY)),
        "peer": None,
    }
    peer = of_module("pydantic_ai.models.openai", "OpenAIChatModel")
    if peer is not None:
        from pydantic_ai.providers.openai import OpenAIProvider

        three["peer"] = peer(MODEL, provider=OpenAIProvider(base_url=url, api_key=KEY))
    return {
        f"Pydantic AI {title}": {k: model and (lambda m=model, r=read: r(m)) for k, model in three.items()}
        for title, read in (("direct", direct), ("run_stream", agent))
    }


def openai_sdk(url: str) -> dict[str, Ways]:
    """The SDK's streams; the floor makes its chunks from what is known already."""
    import openai
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import Choice, ChoiceDelta

    from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI

    def chunks() -> Iterator[Any]:
        for word in WORDS:
            delta = ChoiceDelta.model_construct(content=word)
            choice = Choice.model_construct(index=0, delta=delta, finish_reason=None, logprobs=None)
            yield ChatCompletionChunk.model_construct(
                id="x", object="chat.completion.chunk", created=1, model=MODEL, choices=[choice]
            )

    async def achunks() -> AsyncIterator[Any]:
        for chunk in chunks():
            yield chunk

    settings: Any = {"api_key": KEY, "base_url": url, "max_retries": 0}
    call: Any = {"model": MODEL, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    ours, peer = RequestyOpenAI(**settings), openai.OpenAI(**settings)
    aours, apeer = AsyncRequestyOpenAI(**settings), openai.AsyncOpenAI(**settings)

    async def read(client: Any) -> None:
        await adrain(await client.chat.completions.create(**call))

    return {
        "OpenAI SDK sync": {
            "floor": lambda: drain(chunks()),
            "ours": lambda: drain(ours.chat.completions.create(**call)),
            "peer": lambda: drain(peer.chat.completions.create(**call)),
        },
        "OpenAI SDK async": {
            "floor": lambda: adrain(achunks()),
            "ours": lambda: read(aours),
            "peer": lambda: read(apeer),
        },
    }


FRAMEWORKS = (langchain, llama_index, haystack, pydantic_ai, openai_sdk)


@dataclass(frozen=True)
class Environment:
    """What an environment of a framework's own needs: the peer's packages, and extras of this one."""

    packages: tuple[str, ...]
    extras: tuple[str, ...]


# Its peer wants an older openai than the other frameworks' peers do.
ELSEWHERE = {llama_index: Environment(("llama-index-llms-openai-like",), ("llama-index",))}
