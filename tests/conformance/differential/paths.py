"""Every path of every adapter that gives a reply, on a wire that says what it is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import httpx

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from requesty_core.adapters import read_call
from requesty_core.errors import RequestyError
from requesty_core.replies.accumulate import Accumulator
from requesty_core.replies.reply import ChatReply

from ..drivers import openai_sdk
from ..drivers.langchain import LangChainDriver
from ..matrix import drivers
from ..model import Ask, Driver, Outcome

MODEL = "openai/gpt-4o-mini"
TOOLS = tuple(
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "A tool.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    for name in ("f", "g")
)
_CONNECTION: dict[str, Any] = {"api_key": "k", "base_url": "http://gateway.test/v1", "max_retries": 0}

# Where each adapter takes an HTTP transport.
_TRANSPORTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "LangChain": lambda wire: {"http_client": wire, "http_async_client": wire},
    "LlamaIndex": lambda wire: {"http_client": wire, "async_http_client": wire},
    "Haystack": lambda wire: {"http_client_kwargs": {"transport": wire}},
    "Pydantic AI": lambda wire: {"http_client": wire},
    "core": lambda wire: {"transport": wire, "async_transport": wire},
}


class Told:
    """What the wire says next: the bytes of a body, or bodies in turn, each complete and as a stream."""

    def __init__(self) -> None:
        self.content = b""
        self._script: Iterator[tuple[bytes, bytes]] = iter(())
        self.transport = httpx.MockTransport(self._answer)

    def script(self, bodies: Iterable[tuple[bytes, bytes]]) -> None:
        """Say these in turn, the last one for good."""
        made = list(bodies)
        self._script = chain(made, repeat(made[-1]))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        streams = b'"stream":true' in request.content
        whole, streamed = next(self._script, (self.content, self.content))
        kind = "text/event-stream" if streams else "application/json"
        return httpx.Response(200, headers={"content-type": kind}, content=streamed if streams else whole)


@dataclass(frozen=True)
class Path:
    """A way to ask an adapter; ``text_only`` for one that has no place for anything else."""

    driver: Driver
    name: str
    streams: bool
    run: Callable[[Any, Ask], Outcome]
    settings: tuple[tuple[str, Any], ...] = ()
    text_only: bool = False

    def __str__(self) -> str:
        return f"{self.driver.name}-{self.name}".replace(" ", "_")

    def build(self, told: Told) -> Any:
        """The adapter's object on the wire."""
        if self.driver.name == "OpenAI SDK":
            built = openai_sdk.Built.__new__(openai_sdk.Built)
            built.model = MODEL
            built.sync = RequestyOpenAI(**_CONNECTION, http_client=httpx.Client(transport=told.transport))
            built.aio = AsyncRequestyOpenAI(**_CONNECTION, http_client=httpx.AsyncClient(transport=told.transport))
            return built
        transport = _TRANSPORTS[self.driver.name](told.transport)
        return self.driver.build(MODEL, **_CONNECTION, **transport, **dict(self.settings))


def paths() -> list[Path]:
    """All of them."""
    found: list[Path] = []
    for driver in drivers():
        found += [
            Path(driver, "call", False, driver.call),
            Path(driver, "acall", False, _awaited(driver.acall)),
            Path(driver, "stream", True, driver.stream),
            Path(driver, "astream", True, _awaited(driver.astream)),
        ]
        found += _MORE.get(driver.name, lambda _: [])(driver)
    return found


def _awaited(ask: Callable[[Any, Ask], Any]) -> Callable[[Any, Ask], Outcome]:
    return lambda built, question: asyncio.run(ask(built, question))


def _langchain(driver: Driver) -> list[Path]:
    streaming = (("streaming", True),)
    blocks = (("output_version", "v1"),)
    assert isinstance(driver, LangChainDriver)
    return [
        Path(driver, "invoke as blocks", False, driver.call, blocks),
        Path(driver, "stream as blocks", True, driver.stream, blocks),
        Path(driver, "invoke by a stream of blocks", True, driver.call, (*streaming, *blocks)),
        Path(driver, "events", True, driver.events),
        Path(driver, "invoke by a stream", True, driver.call, streaming),
        Path(driver, "ainvoke by a stream", True, _awaited(driver.acall), streaming),
    ]


def _llama_index(driver: Driver) -> list[Path]:
    def outcome(response: Any) -> Outcome:
        kwargs = response.additional_kwargs
        return Outcome(
            text=response.text,
            refusal=kwargs.get("refusal"),
            finish_reason=kwargs["finish_reason"],
            cost=kwargs.get("cost"),
        )

    def complete(built: Any, ask: Ask) -> Outcome:
        return outcome(built.complete("x", tools=list(ask.tools), **ask.params))

    async def acomplete(built: Any, ask: Ask) -> Outcome:
        return outcome(await built.acomplete("x", tools=list(ask.tools), **ask.params))

    def stream(built: Any, ask: Ask) -> Outcome:
        return outcome(list(built.stream_complete("x", tools=list(ask.tools), **ask.params))[-1])

    async def astream(built: Any, ask: Ask) -> Outcome:
        responses = await built.astream_complete("x", tools=list(ask.tools), **ask.params)
        return outcome([response async for response in responses][-1])

    return [
        Path(driver, "complete", False, complete, text_only=True),
        Path(driver, "acomplete", False, _awaited(acomplete), text_only=True),
        Path(driver, "stream_complete", True, stream, text_only=True),
        Path(driver, "astream_complete", True, _awaited(astream), text_only=True),
    ]


_MORE: dict[str, Callable[[Driver], list[Path]]] = {"LangChain": _langchain, "LlamaIndex": _llama_index}


# --- what is right ----------------------------------------------------------------------------------------------------


def reading(told: Any, *, streams: bool, done: bool = True) -> ChatReply | RequestyError:
    """What the core's own reader makes of a body, or of the events of a stream that ended so."""
    accumulator = Accumulator(MODEL, frozenset(tool["function"]["name"] for tool in TOOLS))  # type: ignore[index]
    try:
        if streams:
            for event in told:
                accumulator.feed(event)
        else:
            accumulator.feed_whole(told)
        return accumulator.finish(done=done)
    except RequestyError as error:
        return error


def id_of(id_: str) -> str:
    """An id that was sent; one that was made up says so."""
    return "made up" if _MADE_UP.fullmatch(id_) else id_


_MADE_UP = re.compile(r"call_[0-9a-f]{24}")


def facts(reply: ChatReply) -> dict[str, Any]:
    """What a reply says, as every adapter must say it."""
    usage = reply.usage
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "signature": reply.reasoning_signature,
        "refusal": reply.refusal,
        "finish": reply.finish_reason,
        "calls": [(call.name, read_call(call)[0], id_of(call.id)) for call in reply.tool_calls],
        "images": [image["image_url"]["url"] for image in reply.message.images],
        "citations": [note["url_citation"]["url"] for note in reply.message.annotations],
        "cost": None if usage is None or usage.cost is None else float(usage.cost),
    }


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """The same of what a user of an adapter sees; arguments that are not whole are ``None``."""
    calls = [
        (call.name, call.arguments if isinstance(call.arguments, dict) else None, id_of(call.id))
        for call in outcome.calls
    ]
    return {
        "text": outcome.text,
        "reasoning": outcome.reasoning,
        "signature": outcome.signature,
        "refusal": outcome.refusal,
        "finish": outcome.finish_reason,
        "calls": calls,
        "images": outcome.images,
        "citations": outcome.citations,
        "cost": outcome.cost,
    }
