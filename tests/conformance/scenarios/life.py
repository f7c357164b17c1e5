"""Life: one object, many threads and loops; moved, copied, stored; and the key nowhere."""

from __future__ import annotations

import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

from tests.support.secrets import everything_logged, shown_of

from ..model import STREAMS, UNARY, Ask, Case, Mode, Outcome, run, scenario

GROUP = "Life"
ONLY_SYNC = (Mode.SYNC,)
ONLY_ASYNC = (Mode.ASYNC,)
ONLY_ASTREAM = (Mode.ASTREAM,)


@scenario(GROUP, "one object on one event loop after another", modes=(Mode.ASYNC, Mode.ASTREAM))
def loops(case: Case) -> None:
    built = case.build()
    for _ in range(3):
        assert case.ask_of(built).text


@scenario(GROUP, "one object in 16 threads", modes=(Mode.SYNC, Mode.STREAM))
def threads(case: Case) -> None:
    built = case.build()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: case.ask_of(built).text, range(32)))
    assert all(answers)
    assert len(case.gw.requests) == 32


@scenario(GROUP, "200 concurrent async streams on one object", modes=ONLY_ASTREAM)
def crowd(case: Case) -> None:
    built = case.build()

    async def all_at_once() -> list[Outcome]:
        return await asyncio.gather(*(case.driver.astream(built, Ask()) for _ in range(200)))

    assert all(outcome.text for outcome in run(all_at_once()))
    assert len(case.gw.requests) == 200


@scenario(GROUP, "stopping early frees the connection", modes=STREAMS)
def stop_early(case: Case) -> None:
    case.gw.say(text="x " * 400, pieces=["x "] * 400)
    case.gw.fault(chunk_delay=0.02)
    assert case.ask(Ask(stop_after=2)).pieces[:2] == ["x ", "x "]
    assert case.gw.wait_idle()


@scenario(GROUP, "cancelling the task frees the connection", modes=ONLY_ASTREAM)
def cancel(case: Case) -> None:
    case.gw.say(text="x " * 400, pieces=["x "] * 400)
    case.gw.fault(chunk_delay=0.02)
    built = case.build()

    async def cancelled() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(case.driver.astream(built, Ask(on_text=lambda _: started.set())))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    run(cancelled())
    assert case.gw.wait_idle()


@scenario(GROUP, "a pickle works without carrying the key", modes=UNARY, needs="pickle")
def pickled(case: Case) -> None:
    data = pickle.dumps(case.build())
    assert case.gw.api_key.encode() not in data
    assert pickle.loads(data) is not None


@scenario(GROUP, "a deep copy works", modes=UNARY, needs="deepcopy")
def deep_copy(case: Case) -> None:
    assert case.ask_of(copy.deepcopy(case.build())).text


@scenario(GROUP, "the framework's own serialisation restores it, without the key", modes=UNARY, needs="serialisation")
def serialised(case: Case) -> None:
    built = case.build(max_retries=0, options={"tags": ["a"]}, extra_headers={"X-Requesty-Team": "search"})
    text = case.driver.serialised(built)
    assert text is not None
    assert case.gw.api_key not in text
    again = case.driver.restored(built, case.connection(max_retries=0))
    assert case.ask_of(again).text


@scenario(GROUP, "the key is in no repr, log, error or traceback")
def secret(case: Case) -> None:
    with everything_logged() as logged:
        built = case.build(max_retries=0)
        case.ask_of(built)
        case.gw.fail_next(500, message=f"you sent Bearer {case.gw.api_key}")
        failure = case.fail_of(built)
    shown = [repr(built), shown_of(failure.error), logged.getvalue()]
    for text in shown:
        assert case.gw.api_key not in text


@scenario(GROUP, "nothing of OPENAI_* leaks in", modes=UNARY)
def no_leak(case: Case) -> None:
    case.ask()
    sent = case.gw.last_request.headers
    assert sent["authorization"] == f"Bearer {case.gw.api_key}"
    assert not [name for name in sent if name.startswith("openai-")]
