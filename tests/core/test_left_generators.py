"""An asynchronous generator that is left unfinished is ended by the loop later, in a task that nobody waits for."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

from requesty_core import AsyncRequestyClient
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
ASK: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("kind", ["chat", "stream", "embeddings"])
async def test_no_call_leaves_one(gateway: GatewayEmulator, kind: str) -> None:
    client = AsyncRequestyClient(api_key=gateway.api_key, base_url=gateway.base_url)
    hooks, left = sys.get_asyncgen_hooks(), []

    def finalizer(generator: Any) -> None:
        left.append(generator.__qualname__)
        assert hooks.finalizer is not None
        hooks.finalizer(generator)

    sys.set_asyncgen_hooks(finalizer=finalizer)
    try:
        if kind == "chat":
            await client.chat(**ASK)
        elif kind == "stream":
            assert [event async for event in client.stream(**ASK)]
        else:
            await client.embeddings(model="openai/text-embedding-3-small", input=["a", "b"])
        gc.collect()
    finally:
        sys.set_asyncgen_hooks(finalizer=hooks.finalizer)
    await client.close()
    assert left == []
