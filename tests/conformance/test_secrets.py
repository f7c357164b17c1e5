"""No key, present or earlier, in anything that leaves an adapter: errors with all behind them, their frames' variables
as error reporters send them, logs, reprs, pickles, copies."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from haystack import Pipeline
from haystack.utils import Secret
from langchain_core.load import dumpd, dumps
from langchain_core.prompts import PromptTemplate
from tests.support.frames import dump_of, errors_behind
from tests.support.secrets import everything_logged

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator, RequestyFallbackChatGenerator
from langchain_requesty import ChatRequesty, ChatRequestyFallback, RequestyEmbeddings
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty, RequestyFallback
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core.errors import RequestyError
from requesty_emulator import GatewayEmulator

from .matrix import drivers
from .model import Ask, Case, Driver, Mode

SECRET = "rqsty-sk-" + "Zq7" * 9
EARLIER = "rqsty-sk-" + "Xk4" * 9


def used(settings: dict[str, Any]) -> str:
    """The keys that a server may echo by now."""
    return f"{SECRET} {EARLIER}" if callable(settings["api_key"]) else SECRET


def refused_key(case: Case, settings: dict[str, Any]) -> None:
    case.gw.fault(
        status=403, message=f"Invalid authorization token {SECRET}", headers={"x-requesty-request-id": SECRET}
    )


def too_slow(case: Case, settings: dict[str, Any]) -> None:
    case.gw.fault(delay=5.0)
    settings["timeout"] = 0.1


def broken(case: Case, settings: dict[str, Any]) -> None:
    case.gw.fault(drop_connection=True)


def unreachable(case: Case, settings: dict[str, Any]) -> None:
    settings["base_url"] = "http://127.0.0.1:9/v1"


def echoed(case: Case, settings: dict[str, Any]) -> None:
    error = {"message": f"echo {used(settings)}"}
    if "stream" in case.mode.value:
        case.gw.fault(error_event=error, error_after_chunks=1)
    else:
        case.gw.fault(error_in_200=error)


def interrupted(case: Case, settings: dict[str, Any]) -> None:
    def stop(event: object) -> None:
        raise KeyboardInterrupt

    settings["on_event"] = stop


WAYS_TO_FAIL: dict[str, Callable[[Case, dict[str, Any]], None]] = {
    "refused": refused_key,
    "timeout": too_slow,
    "broken": broken,
    "unreachable": unreachable,
    "echoed": echoed,
    "interrupted": interrupted,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)


def leaks(text: str) -> list[str]:
    """The lines that hold a key."""
    return [line[:300] for line in text.splitlines() if SECRET in line or EARLIER in line]


@pytest.mark.parametrize("how", WAYS_TO_FAIL)
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_nothing_of_a_failed_call_holds_the_key(
    driver: Driver, mode: Mode, how: str, requesty_gateway: GatewayEmulator
) -> None:
    case = Case(driver, mode, requesty_gateway)
    keys = iter((EARLIER, *[SECRET] * 9))
    requesty_gateway.add_key(secret=SECRET)
    settings: dict[str, Any] = {"base_url": requesty_gateway.base_url, "max_retries": 0}
    # Haystack's driver takes the key as a secret.
    settings["api_key"] = SECRET if how == "interrupted" or driver.name == "Haystack" else lambda: next(keys)
    WAYS_TO_FAIL[how](case, settings)
    with everything_logged() as logged:
        built = driver.build("openai/gpt-4o-mini", **settings)
        if callable(settings["api_key"]):
            # The first key is refused; from then on there is another.
            case.fail_of(built)
        with pytest.raises(BaseException) as raised:
            case.ask_of(built, Ask())
    error = raised.value
    dumped = leaks(dump_of(error, below=__file__))
    if how == "echoed":
        # What stands under status 200 is an answer, and a variable of what reads it, as it came.
        dumped = [line for line in dumped if not line.startswith("/") or "/requesty_core/" not in line]
    assert dumped == []
    assert leaks(logged.getvalue()) == []
    for one in errors_behind(error):
        if isinstance(one, RequestyError):
            assert leaks(pickle.dumps(one).decode("latin-1")) == []
            assert leaks(repr(vars(copy.deepcopy(one)))) == []


@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
@pytest.mark.parametrize("streams", [False, True])
def test_nothing_of_a_cancelled_call_holds_the_key(
    driver: Driver, streams: bool, requesty_gateway: GatewayEmulator
) -> None:
    requesty_gateway.add_key(secret=SECRET)
    requesty_gateway.fault(delay=20.0)
    begun = asyncio.Event()
    settings: dict[str, Any] = {"base_url": requesty_gateway.base_url, "api_key": SECRET}
    settings["on_event"] = lambda event: begun.set()
    built = driver.build("openai/gpt-4o-mini", **settings)

    async def cancelled() -> None:
        call = asyncio.ensure_future((driver.astream if streams else driver.acall)(built, Ask()))
        await begun.wait()
        # Some way into connecting, sending or waiting; each of them must keep the key to itself.
        await asyncio.sleep(0.02)
        call.cancel()
        await call

    with everything_logged() as logged, pytest.raises(asyncio.CancelledError) as raised:
        asyncio.run(cancelled())
    assert leaks(dump_of(raised.value, below=__file__)) == []
    assert leaks(logged.getvalue()) == []


@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_reprs_copies_and_pickles_hold_no_key(driver: Driver, requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.add_key(secret=SECRET)
    built = driver.build("openai/gpt-4o-mini", base_url=requesty_gateway.base_url, api_key=SECRET, max_retries=0)
    case = Case(driver, Mode.SYNC, requesty_gateway)
    assert case.ask_of(built, Ask()).text
    for one in (built, copy.deepcopy(built)):
        assert leaks(f"{one!r}\n{one}\n{vars(one)!r}") == []
    assert leaks(pickle.dumps(built).decode("latin-1")) == []


def _saved_by_langchain(built: Any) -> str:
    return f"{dumps(built)} {dumpd(built)} {built.to_json()} {built.model_dump()} {built.lc_attributes}"


def _saved_by_llama_index(built: Any) -> str:
    return f"{built.to_dict()} {built.to_json()} {built.model_dump()} {built.model_dump_json()}"


def _saved_by_haystack(built: Any) -> str:
    pipeline = Pipeline()
    pipeline.add_component("it", built)
    return f"{built.to_dict()} {pipeline.dumps()} {pipeline.to_dict()}"


KEY_SECRET = Secret.from_env_var("KEY_OF_THIS_TEST")
SAVED: dict[str, tuple[Callable[..., Any], Callable[[Any], str]]] = {
    "ChatRequesty": (lambda **k: ChatRequesty(model="a/b", fallbacks=["c/d"], **k), _saved_by_langchain),
    "ChatRequestyFallback": (lambda **k: ChatRequestyFallback(["a/b", "c/d"], **k), _saved_by_langchain),
    "an LCEL chain": (
        lambda **k: PromptTemplate.from_template("{x}") | ChatRequesty(model="a/b", **k),
        lambda built: f"{dumps(built)} {dumpd(built)} {built!r}",
    ),
    "RequestyEmbeddings": (
        lambda **k: RequestyEmbeddings(model="a/b", **k),
        lambda built: f"{built.model_dump()} {built.model_dump_json()}",
    ),
    "Requesty": (lambda **k: Requesty("a/b", fallbacks=["c/d"], **k), _saved_by_llama_index),
    "RequestyFallback": (lambda **k: RequestyFallback(["a/b", "c/d"], **k), _saved_by_llama_index),
    "RequestyEmbedding": (lambda **k: RequestyEmbedding("a/b", **k), _saved_by_llama_index),
    "RequestyChatGenerator": (lambda **k: RequestyChatGenerator(model="a/b", api_key=KEY_SECRET), _saved_by_haystack),
    "RequestyFallbackChatGenerator": (
        lambda **k: RequestyFallbackChatGenerator(models=["a/b", "c/d"], api_key=KEY_SECRET),
        _saved_by_haystack,
    ),
    "RequestyTextEmbedder": (lambda **k: RequestyTextEmbedder(model="a/b", api_key=KEY_SECRET), _saved_by_haystack),
    "RequestyDocumentEmbedder": (
        lambda **k: RequestyDocumentEmbedder(model="a/b", api_key=KEY_SECRET),
        _saved_by_haystack,
    ),
    "RequestyModel": (
        lambda **k: RequestyModel("a/b", provider=RequestyProvider(**k)),
        lambda built: f"{built.settings} {built.profile} {built.provider} {built.provider!r} {vars(built)}",
    ),
    "RequestyOpenAI": (lambda **k: RequestyOpenAI(**k), lambda built: f"{vars(built)} {built.auth_headers}"),
}


@pytest.mark.parametrize("name", SAVED)
def test_nothing_that_a_framework_saves_holds_the_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_THIS_TEST", SECRET)
    make, saved = SAVED[name]
    built = make(api_key=SECRET)
    assert leaks(saved(built)) == []
    assert leaks(pickle.dumps(built).decode("latin-1")) == []
    assert leaks(repr(copy.deepcopy(built))) == []
