"""A child that is forked while other threads hold every lock of ours works, and has nothing of what is under way."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.support.ways import MESSAGES, MODEL

from requesty_core import Budget, CostLedger, RequestyClient
from requesty_core.lifetime import Forked, renewed_after_fork
from requesty_core.schemas import compile_schema
from requesty_emulator import GatewayEmulator

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]
PATIENCE = 20.0
STORES = "requesty_core.money.store"
"""Hold their own locks over a fork, so that no line of a journal is cut in two."""


def our_locks() -> list[Any]:
    """Every lock of the core that outlives a call: of its modules, and of its objects."""
    locks = [
        thing
        for name, module in list(sys.modules.items())
        if name.startswith("requesty_core") and not name.startswith(STORES) and module is not None
        for thing in vars(module).values()
    ]
    for thing in gc.get_objects():
        module = str(type(thing).__module__)
        if module.startswith("requesty_core") and not module.startswith(STORES) and not isinstance(thing, type):
            conditions = getattr(thing, "condition", None), getattr(thing, "_condition", None)
            locks += [getattr(owner, "_lock", None) for owner in (thing, *conditions)]
    kinds = type(threading.Lock()), type(threading.RLock())
    return list({id(lock): lock for lock in locks if isinstance(lock, kinds)}.values())


@contextlib.contextmanager
def held_by_others(locks: list[Any]) -> Iterator[None]:
    """Another thread holds these locks."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        # What this very moment needs, such as the pool's in a request, is given back soon.
        taken = [lock for lock in locks if lock.acquire(timeout=1)]
        held.set()
        done.wait(PATIENCE)
        for lock in taken:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(PATIENCE)
    try:
        yield
    finally:
        done.set()
        thread.join(PATIENCE)


def in_a_child(work: Callable[[], object]) -> str:
    """What the work came to in a forked process."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = repr(work())
        except BaseException as error:  # noqa: BLE001 -- told to the parent
            said = f"{error!r}"
        os.write(writes, said.encode())
        os._exit(0)
    os.close(writes)
    end = time.monotonic() + PATIENCE
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(reads)
            return "hung"
        time.sleep(0.01)
    with os.fdopen(reads) as pipe:
        return pipe.read()


def test_a_child_works_whatever_the_parents_threads_held(gateway: GatewayEmulator) -> None:
    ledger, budget = CostLedger(), Budget(1)
    client = RequestyClient(
        base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger, budget=budget, fallbacks=["openai/gpt-4o"]
    )
    client.chat(model=MODEL, messages=MESSAGES)
    client.models.catalog()
    calls = ledger.total.calls

    def work() -> tuple[str, int, int, int]:
        gateway_text = client.chat(model=MODEL, messages=MESSAGES).text
        client.embeddings(model="openai/text-embedding-3-small", input=["a", "b"])
        streamed = "".join(client.stream(model=MODEL, messages=MESSAGES).text_stream)
        client.models.catalog()
        assert compile_schema({"type": "object", "title": "of the child"})
        assert streamed
        return gateway_text, ledger.total.calls - calls, budget.unknown, len(ledger.snapshot().by_model)

    locks = our_locks()
    assert len(locks) > 10
    with held_by_others(locks):
        said = in_a_child(work)
    text = client.chat(model=MODEL, messages=MESSAGES).text
    assert said == repr((text, 3, 1, 2))


def test_what_is_under_way_stays_with_the_parent(gateway: GatewayEmulator) -> None:
    budget = Budget("0.01")
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, budget=budget)
    stream = client.stream(model=MODEL, messages=MESSAGES)
    next(iter(stream))
    assert budget.reserved > 0

    def work() -> tuple[Decimal, str]:
        return budget.reserved, client.chat(model=MODEL, messages=MESSAGES).text[:3]

    assert in_a_child(work) == repr((Decimal(0), client.chat(model=MODEL, messages=MESSAGES).text[:3]))
    for _ in stream:
        pass
    assert stream.message.text
    assert budget.reserved == 0


def test_a_stream_closed_in_the_child_goes_on_in_the_parent(gateway: GatewayEmulator) -> None:
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key)
    gateway.say(pieces=list("abcdefgh"))
    stream = client.stream(model=MODEL, messages=MESSAGES)
    pieces = stream.text_stream
    assert next(pieces) == "a"

    def work() -> str:
        stream.close()
        return client.chat(model=MODEL, messages=MESSAGES).text and "done"

    assert in_a_child(work) == repr("done")
    assert "".join(pieces) == "bcdefgh"


def test_objects_that_are_gone_are_not_renewed() -> None:
    class Owner:
        def __init__(self) -> None:
            renewed_after_fork(self)

        def _after_fork(self) -> None:
            raise AssertionError("it is gone")

    owner: Forked | None = Owner()
    assert owner is not None
    owner = None
    gc.collect()
    assert in_a_child(lambda: "well") == repr("well")
