"""A stream is closed while another task or thread waits for its next event: the wait ends, nothing is tried after."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import openai
import pytest
from tests.support.waiting import PATIENCE, aeventually, eventually
from tests.support.ways import MESSAGES, MODEL

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from requesty_core import AsyncRequestyClient, CostLedger, RequestyClient, RequestyError
from requesty_emulator import Fault, GatewayEmulator

LONG = 20.0
STAGES = {
    "before the head": Fault(delay=LONG),
    "before the first token": Fault(stall_after_chunks=1),
    "in the answer": Fault(stall_after_chunks=3),
}
"""Where the answer stops coming."""


@pytest.fixture(params=STAGES.values(), ids=STAGES)
def gateway(request: pytest.FixtureRequest, requesty_gateway: GatewayEmulator) -> GatewayEmulator:
    """A gateway whose next answers stop coming."""
    requesty_gateway.fault(**{name: getattr(request.param, name) for name in ("delay", "stall_after_chunks")})
    return requesty_gateway


def settings(gateway: GatewayEmulator, ledger: CostLedger) -> dict[str, Any]:
    return {
        "base_url": gateway.base_url,
        "api_key": gateway.api_key,
        "ledger": ledger,
        "max_retries": 3,
        "fallbacks": ["openai/gpt-4o"],
    }


def check(gateway: GatewayEmulator, ledger: CostLedger) -> None:
    """One request was made, its connection was freed, and it is booked as of unknown cost."""
    gateway.wait_idle(PATIENCE)
    assert len(gateway.requests) == 1
    assert gateway.requests[0].disconnected
    assert eventually(lambda: ledger.snapshot().total.unknown == 1)


def read_in_a_thread(stream: Any) -> tuple[threading.Thread, list[BaseException | None]]:
    """A thread that reads a stream to its end, and how that ended."""
    ended: list[BaseException | None] = []

    def read() -> None:
        try:
            for _ in stream:
                pass
            ended.append(None)
        except (RequestyError, openai.OpenAIError) as error:
            ended.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return reader, ended


def test_from_another_thread(gateway: GatewayEmulator) -> None:
    ledger = CostLedger()
    stream = RequestyClient(**settings(gateway, ledger)).stream(model=MODEL, messages=MESSAGES)
    reader, ended = read_in_a_thread(stream)
    assert eventually(lambda: bool(gateway.requests))
    time.sleep(0.2)
    stream.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert len(ended) == 1
    check(gateway, ledger)


def test_the_sdks_stream_from_another_thread(requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.fault(stall_after_chunks=3)
    ledger = CostLedger()
    client = RequestyOpenAI(**settings(requesty_gateway, ledger))
    stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)  # type: ignore[call-overload]
    reader, ended = read_in_a_thread(stream)
    time.sleep(0.2)
    stream.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert len(ended) == 1
    check(requesty_gateway, ledger)


def test_from_another_task(gateway: GatewayEmulator) -> None:
    ledger = CostLedger()

    async def main() -> BaseException | None:
        stream = AsyncRequestyClient(**settings(gateway, ledger)).stream(model=MODEL, messages=MESSAGES)

        async def read() -> None:
            async for _ in stream:
                pass

        reader = asyncio.ensure_future(read())
        assert await aeventually(lambda: bool(gateway.requests))
        await asyncio.sleep(0.2)
        await stream.close()
        done, _ = await asyncio.wait([reader], timeout=PATIENCE)
        assert done
        return reader.exception()

    error = asyncio.run(main())
    assert error is None or isinstance(error, RequestyError)
    check(gateway, ledger)


def test_the_sdks_stream_from_another_task(requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.fault(stall_after_chunks=3)
    ledger = CostLedger()

    async def main() -> None:
        client = AsyncRequestyOpenAI(**settings(requesty_gateway, ledger))
        stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)  # type: ignore[call-overload]

        async def read() -> None:
            async for _ in stream:
                pass

        reader = asyncio.ensure_future(read())
        await asyncio.sleep(0.2)
        await stream.close()
        done, _ = await asyncio.wait([reader], timeout=PATIENCE)
        assert done
        error = reader.exception()
        assert error is None or isinstance(error, (RequestyError, openai.OpenAIError))

    asyncio.run(main())
    check(requesty_gateway, ledger)


def test_a_closed_stream_does_not_touch_a_connection_that_others_use(requesty_gateway: GatewayEmulator) -> None:
    client = RequestyClient(base_url=requesty_gateway.base_url, api_key=requesty_gateway.api_key, max_retries=0)
    for _ in range(20):
        stream = client.stream(model=MODEL, messages=MESSAGES)
        for _ in stream:
            pass
        other = threading.Thread(target=stream.close)
        other.start()
        assert client.chat(model=MODEL, messages=MESSAGES).text
        other.join()
