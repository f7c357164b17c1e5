"""A stream of any adapter is closed while something else waits for its next item, and from a signal handler."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest, UserPromptPart
from tests.support.waiting import PATIENCE, aeventually, eventually

from langchain_requesty import ChatRequesty, ChatRequestyFallback
from llama_index.llms.requesty import Requesty
from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import AsyncRequestyClient, CostLedger, RequestyClient
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "hi"}]


class Word(BaseModel):
    word: str


def llm(settings: dict[str, Any]) -> Requesty:
    return Requesty(model=MODEL, **settings)


SYNC: dict[str, Callable[[dict[str, Any]], Any]] = {
    "core": lambda s: RequestyClient(**s).stream(model=MODEL, messages=MESSAGES),
    "core text": lambda s: RequestyClient(**s).stream(model=MODEL, messages=MESSAGES).text_stream,
    "openai": lambda s: RequestyOpenAI(**s).chat.completions.create(model=MODEL, messages=MESSAGES, stream=True),  # type: ignore[call-overload]
    "langchain": lambda s: ChatRequesty(model=MODEL, **s).stream("hi"),
    "langchain chain": lambda s: ChatRequestyFallback(models=[MODEL, "openai/gpt-4o"], **s).stream("hi"),
    "llama_index": lambda s: llm(s).stream_complete("hi"),
    "llama_index chat": lambda s: llm(s).stream_chat([ChatMessage("hi")]),
    "llama_index object": lambda s: llm(s).stream_structured_predict(Word, PromptTemplate("hi")),
    "llama_index structured": lambda s: llm(s).as_structured_llm(Word).stream_complete("hi"),
}


async def _openai(s: dict[str, Any]) -> Any:
    return await AsyncRequestyOpenAI(**s).chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)  # type: ignore[call-overload]


async def _pydantic_ai(s: dict[str, Any]) -> Any:
    model = RequestyModel(MODEL, provider=RequestyProvider(**s))
    entered = model_request_stream(model, [ModelRequest([UserPromptPart("hi")])])
    stream = await entered.__aenter__()

    class Held:
        """Keeps the context, which would end with its last reference."""

        context = entered

        def __aiter__(self) -> Any:
            return stream.__aiter__()

        async def close(self) -> None:
            await stream.cancel()

    return Held()


async def _at_once(stream: Any) -> Any:
    return stream


ASYNC: dict[str, Callable[[dict[str, Any]], Any]] = {
    "core": lambda s: _at_once(AsyncRequestyClient(**s).stream(model=MODEL, messages=MESSAGES)),
    "core text": lambda s: _at_once(AsyncRequestyClient(**s).stream(model=MODEL, messages=MESSAGES).text_stream),
    "openai": _openai,
    "langchain": lambda s: _at_once(ChatRequesty(model=MODEL, **s).astream("hi")),
    "llama_index": lambda s: llm(s).astream_complete("hi"),
    "llama_index chat": lambda s: llm(s).astream_chat([ChatMessage("hi")]),
    "llama_index object": lambda s: llm(s).astream_structured_predict(Word, PromptTemplate("hi")),
    "llama_index structured": lambda s: llm(s).as_structured_llm(Word).astream_chat([ChatMessage("hi")]),
    "pydantic_ai": _pydantic_ai,
}


@pytest.fixture
def ledger() -> CostLedger:
    return CostLedger()


@pytest.fixture
def settings(requesty_gateway: GatewayEmulator, ledger: CostLedger) -> dict[str, Any]:
    """Of an adapter whose next answer stops in its middle."""
    requesty_gateway.fault(stall_after_chunks=3)
    return {"base_url": requesty_gateway.base_url, "api_key": requesty_gateway.api_key, "ledger": ledger}


def check(gateway: GatewayEmulator, ledger: CostLedger) -> None:
    """One request was made, its connection was freed, and it is booked as of unknown cost."""
    gateway.wait_idle(PATIENCE)
    assert [request.disconnected for request in gateway.requests] == [True]
    assert eventually(lambda: ledger.total.unknown == 1)
    assert ledger.total.calls == 1


@pytest.mark.parametrize("way", SYNC)
def test_from_another_thread(
    requesty_gateway: GatewayEmulator, settings: dict[str, Any], ledger: CostLedger, way: str
) -> None:
    made: list[Any] = []
    ended: list[BaseException | None] = []

    def read() -> None:
        try:
            made.append(SYNC[way](settings))
            for _ in made[0]:
                pass
            ended.append(None)
        except Exception as error:  # noqa: BLE001 -- looked at below
            ended.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert eventually(lambda: requesty_gateway.active_streams == 1)
    assert eventually(lambda: bool(made))
    threading.Event().wait(0.2)
    made[0].close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert ended[0] is None or "Requesty" in str(type(ended[0]).__mro__), ended
    check(requesty_gateway, ledger)


@pytest.mark.parametrize("way", ["core", "openai", "langchain", "llama_index"])
@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signal")
def test_from_a_signal_handler(
    requesty_gateway: GatewayEmulator, settings: dict[str, Any], ledger: CostLedger, way: str
) -> None:
    assert threading.current_thread() is threading.main_thread()
    stream = SYNC[way](settings)
    before = signal.signal(signal.SIGUSR1, lambda *_: stream.close())
    waits = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
    waits.start()
    try:
        with pytest.raises(Exception, match="the connection broke"):
            for _ in stream:
                pass
    finally:
        waits.join()
        signal.signal(signal.SIGUSR1, before)
    check(requesty_gateway, ledger)


@pytest.mark.parametrize("way", ASYNC)
@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_from_another_task(
    requesty_gateway: GatewayEmulator, settings: dict[str, Any], ledger: CostLedger, way: str, how: str
) -> None:
    stream = await ASYNC[way](settings)

    async def read() -> None:
        async for _ in stream:
            pass

    reader = asyncio.ensure_future(read())
    assert await aeventually(lambda: requesty_gateway.active_streams == 1)
    await asyncio.sleep(0.2)
    if how == "close":
        await getattr(stream, "aclose", stream.close if hasattr(stream, "close") else None)()
    else:
        reader.cancel()
    done, _ = await asyncio.wait([reader], timeout=PATIENCE)
    assert done
    if how == "cancel":
        assert reader.cancelled()
        if way == "pydantic_ai":
            await stream.close()
    else:
        error = reader.exception()
        assert error is None or "Requesty" in str(type(error).__mro__), error
    await asyncio.to_thread(check, requesty_gateway, ledger)


async def test_what_is_not_ours_keeps_pythons_error() -> None:
    from requesty_core.adapters import AsyncClosableGenerator, ClosableGenerator

    begun, ends = threading.Event(), threading.Event()

    def foreign() -> Any:
        begun.set()
        ends.wait(PATIENCE)
        yield 1

    generator = ClosableGenerator(foreign())
    reader = threading.Thread(target=list, args=(generator,))
    reader.start()
    await asyncio.to_thread(begun.wait, PATIENCE)
    with pytest.raises(ValueError, match="already executing"):
        generator.close()
    ends.set()
    reader.join(PATIENCE)

    async def aforeign() -> Any:
        await asyncio.sleep(PATIENCE)
        yield 1

    agenerator = AsyncClosableGenerator(aforeign())
    task = asyncio.ensure_future(anext(agenerator))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already running"):
        await agenerator.aclose()
    task.cancel()


async def test_they_are_generators_as_python_knows_them() -> None:
    from requesty_core.adapters import AsyncClosableGenerator, ClosableGenerator

    def echo() -> Any:
        got = None
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = repr(error)

    generator = ClosableGenerator(echo())
    assert (next(generator), generator.send(1), generator.throw(KeyError("x"))) == (None, 1, "KeyError('x')")
    assert generator.throw(KeyError, "y", None) == "KeyError('y')"
    generator.close()
    assert list(generator) == []

    async def aecho() -> Any:
        got = None
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = repr(error)

    agenerator = AsyncClosableGenerator(aecho())
    assert await anext(agenerator) is None
    assert await agenerator.asend(1) == 1
    assert await agenerator.athrow(KeyError("x")) == "KeyError('x')"
    await agenerator.aclose()
    assert [item async for item in agenerator] == []
