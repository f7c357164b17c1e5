"""The key: its forms, where it is asked for, and that it is in the request's header and nowhere else."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from typing import Any

import httpx
import pytest
from tests.support.bodies import chunk, sse
from tests.support.secrets import shown_of
from tests.support.sockets import full
from tests.support.ways import KEY
from tests.support.wire import Wire, answer, http, pieces, router_error

from requesty_core import (
    ApiKey,
    Budget,
    ConfigurationError,
    CostLedger,
    MissingKeyError,
    RequestyError,
    Step,
)
from requesty_core.adapters.clients import ClientPair


class _Secret:
    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


def _counter() -> Any:
    keys = iter(["one", "two", "three"])
    return lambda: next(keys)


def test_a_key_function_is_asked_for_every_attempt(way: Any) -> None:
    wire = Wire(http(503), answer(), answer())
    client = way.client(wire, api_key=_counter(), max_retries=1)
    way.ask(client)
    way.ask(client)
    assert [r.headers["authorization"] for r in wire.requests] == ["Bearer one", "Bearer two", "Bearer three"]


@pytest.mark.parametrize("source", ["plain", _Secret("plain"), ApiKey("plain"), lambda: "plain", "  plain\n"])
def test_forms_of_a_key(way: Any, source: Any) -> None:
    wire = Wire(answer())
    way(wire, {"api_key": source})
    assert wire.requests[0].headers["authorization"] == "Bearer plain"


async def _later() -> str:
    await asyncio.sleep(0)
    return "later"


def test_an_async_key_function_needs_the_async_client(way: Any) -> None:
    wire = Wire(answer())
    if way.is_async:
        way(wire, {"api_key": _later})
        assert wire.requests[0].headers["authorization"] == "Bearer later"
    else:
        with pytest.raises(ConfigurationError, match="async callables need the async client"):
            way(wire, {"api_key": _later})
        assert wire.requests == []


async def _nothing() -> Any:
    return None


@pytest.mark.parametrize("source", [lambda: "", lambda: " "])
def test_a_key_function_without_a_key(way: Any, source: Any) -> None:
    with pytest.raises(MissingKeyError, match=r"^api_key: empty"):
        way(Wire(), {"api_key": source})


def test_a_key_function_that_returns_something_else(way: Any) -> None:
    source = _nothing if way.is_async else (lambda: None)
    with pytest.raises(ConfigurationError, match=r"^api_key: the callable returned no string"):
        way(Wire(), {"api_key": source})


SECRET = "rqy_" + "q7" * 12


def _failures() -> list[Any]:
    cut = sse(chunk({"content": "a"}), done=False)
    return [
        router_error(403, "Invalid authorization token"),
        http(500, "<html>"),
        http(200, "<html>"),
        pieces(cut, httpx.RemoteProtocolError("cut")),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.LocalProtocolError("odd"),
    ]


@pytest.mark.parametrize("number", range(7))
def test_the_key_is_in_the_request_header_and_nowhere_else(
    way: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KEY_OF_THE_TEST", SECRET)
    wire = Wire(_failures()[number])
    client = way.client(wire, api_key=_Secret(SECRET) if number % 2 else SECRET, max_retries=0, ledger=CostLedger())
    with pytest.raises(RequestyError) as caught:
        way.ask(client)
    assert wire.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    settings = client.settings
    texts = [
        shown_of(caught.value, with_locals=True),
        caplog.text,
        repr(client),
        str(client),
        repr(settings),
        repr(settings.config),
    ]
    texts += [repr(settings.config.api_key), str(settings.config.api_key), pickle.dumps(settings).decode("latin-1")]
    assert not [t for t in texts if SECRET in t]


def test_the_key_does_not_reach_the_logs_of_the_transport(
    way: Any, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(lambda n: [full(b'{"error": {"message": "no"}}', status="403 Forbidden")])
    with pytest.raises(RequestyError):
        way(None, {"base_url": server.base_url, "api_key": SECRET})
    assert SECRET.encode() in server.requests[0]
    assert SECRET not in caplog.text


def test_copies_keep_the_key_and_pickles_drop_it(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(answer())
    budget, ledger = Budget(1), CostLedger()
    client = way.client(wire, fallbacks=["b/2"], options={"tags": ["t"]}, budget=budget, ledger=ledger)
    twin = copy.deepcopy(client)
    way.ask(twin)
    assert wire.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert twin.settings is client.settings
    assert ledger.total.calls == 1

    pickled = pickle.dumps(way.client(None, fallbacks=["b/2"], options={"tags": ["t"]}))
    assert KEY.encode() not in pickled
    woken = pickle.loads(pickled)
    assert type(woken) is type(client)
    assert woken.settings.fallbacks == (Step("b/2"),)
    assert woken.base_url == client.base_url
    with pytest.raises(MissingKeyError):
        way.ask(woken)
    monkeypatch.setenv("REQUESTY_API_KEY", "of-this-machine")
    assert woken.settings.config.api_key.get() == "of-this-machine"


def test_a_pair_shares_its_settings_and_closes_both() -> None:
    pair = ClientPair(api_key="k", transport=Wire().transport, async_transport=Wire().transport)
    assert pair.sync.settings is pair.aio.settings is pair.settings
    pair.close()
    asyncio.run(pair.aclose())
    twin = pickle.loads(pickle.dumps(ClientPair(api_key="k", fallbacks=["b/2"])))
    assert twin.sync.settings is twin.aio.settings
    assert copy.deepcopy(pair).settings.health is pair.settings.health
