"""The live catalogue and what hangs on it: refresh, warnings of retirement, and the residency and privacy guard."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.support.ways import MESSAGES
from tests.support.wire import Wire, answer, http

from langchain_requesty import ChatRequesty
from llama_index.llms.requesty import Requesty
from llama_index.llms.requesty._metadata import UNKNOWN_WINDOW
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import ConfigurationError, RequestyClient, RequestyError, ServerError
from requesty_core.catalog import bundled, current
from requesty_core.catalog.cache import forget
from requesty_emulator import GatewayEmulator

EU = "vertex/gemini-2.5-pro@europe-west4"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No catalogue of another test on disk."""
    monkeypatch.setenv("REQUESTY_CACHE_DIR", str(tmp_path))


@pytest.fixture
def client(requesty_gateway: GatewayEmulator) -> Iterator[RequestyClient]:
    """A client of the emulator, and nothing known of the emulator's address."""
    forget(requesty_gateway.base_url)
    yield RequestyClient(base_url=requesty_gateway.base_url, api_key=requesty_gateway.api_key)
    forget(requesty_gateway.base_url)


def listed(*entries: Any) -> Any:
    """An answer of the models routes."""
    return http(200, {"object": "list", "data": list(entries)})


# --- refresh ----------------------------------------------------------------------------------------------------------


def test_a_refreshed_catalogue_is_what_the_process_knows(
    unary: Any, client: RequestyClient, requesty_gateway: GatewayEmulator
) -> None:
    requesty_gateway.add_model("acme/newest", context_window=123_456)
    base_url = requesty_gateway.base_url
    assert current(base_url).window("acme/newest") is None
    other = unary.client(None, base_url=base_url, api_key=requesty_gateway.api_key)
    fetched = unary.run(other, lambda c: c.models.refresh())
    assert fetched.window("acme/newest") == 123_456
    assert current(base_url).window("acme/newest") == 123_456
    # What the key is not shown is still known.
    assert set(bundled()) <= set(fetched)
    code = f"from requesty_core.catalog import current; print(current({base_url!r}).window('acme/newest'))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "123456"


def test_odd_entries_are_passed_over_and_counted(unary: Any) -> None:
    wire = Wire(listed({"id": "acme/good", "context_window": 5}, {"id": 7}, "text", {"id": " "}, None), listed())
    fetched = unary.run(unary.client(wire, base_url="https://odd.test/v1"), lambda c: c.models.refresh())
    assert (fetched.window("acme/good"), fetched.skipped) == (5, 4)


def test_a_gateway_that_cannot_answer_changes_nothing(unary: Any) -> None:
    wire = Wire(http(500), http(500), http(500))
    with pytest.raises(ServerError):
        unary.run(unary.client(wire, base_url="https://down.test/v1"), lambda c: c.models.refresh())
    assert current("https://down.test/v1") is bundled()


def test_every_adapter_goes_by_it(client: RequestyClient, requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.add_model("acme/newest", context_window=123_456, supports_tool_calling=True)
    where: Any = {"base_url": requesty_gateway.base_url, "api_key": "k"}

    def windows() -> list[int | None]:
        pydantic = RequestyModel("acme/newest", provider=RequestyProvider(**where))
        return [
            (ChatRequesty(model="acme/newest", **where).profile or {}).get("max_input_tokens"),
            Requesty(model="acme/newest", **where).metadata.context_window,
            pydantic.profile.get("context_window"),
        ]

    assert windows() == [None, UNKNOWN_WINDOW, None]
    client.models.refresh()
    assert windows() == [123_456] * 3


# --- retirement -------------------------------------------------------------------------------------------------------


def test_the_snapshot_has_no_date_of_retirement() -> None:
    # Otherwise `warn_of_retirement` would have to look there too.
    assert [m.id for m in bundled().values() if m.retires] == []


def test_a_call_to_a_retiring_model_warns_once(client: RequestyClient, requesty_gateway: GatewayEmulator) -> None:
    soon = int(time.time()) + 30 * 86_400
    requesty_gateway.add_model("acme/going", like="openai/gpt-4o-mini", retires=soon)
    requesty_gateway.add_model("acme/staying", like="openai/gpt-4o-mini", retires=soon + 80 * 86_400)
    client.models.refresh()
    day = time.strftime("%Y-%m-%d", time.gmtime(soon))
    with pytest.warns(FutureWarning, match=rf"^model: acme/going retires on {day}; move to another model"):
        client.chat(model="acme/staying", messages=MESSAGES, fallbacks=["acme/going"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.chat(model="acme/going", messages=MESSAGES)


# --- require ----------------------------------------------------------------------------------------------------------

EU_ONLY = {"geolocation": "eu", "training": False}
REFUSED = r"^require: '{}' is not shown to comply \(.+\); name a model that the catalogue shows to comply"


@pytest.fixture
def europe(requesty_gateway: GatewayEmulator) -> Iterator[GatewayEmulator]:
    """A gateway with one model that is shown to comply."""
    facts = {"geolocation": "eu", "data_used_for_training": False, "data_retention": False}
    requesty_gateway.add_model("acme/eu", like="openai/gpt-4o-mini", **facts)
    forget(requesty_gateway.base_url)
    RequestyClient(base_url=requesty_gateway.base_url, api_key=requesty_gateway.api_key).models.refresh()
    requesty_gateway.clear()
    yield requesty_gateway
    forget(requesty_gateway.base_url)


def test_what_is_shown_to_comply_is_sent(way: Any, europe: GatewayEmulator) -> None:
    settings = {"base_url": europe.base_url, "api_key": europe.api_key, "require": EU_ONLY}
    assert way(None, settings, model="acme/eu").served_model


@pytest.mark.parametrize(
    ("chain", "named"),
    [
        (["openai/gpt-4o-mini"], "openai/gpt-4o-mini"),
        (["acme/eu", "openai/gpt-4o-mini"], "openai/gpt-4o-mini"),
        (["acme/eu", "policy/mine"], "policy/mine"),
        (["acme/unheard-of"], "acme/unheard-of"),
        (["acme/eu@us-east-1"], "acme/eu@us-east-1"),
    ],
)
def test_anything_else_is_refused_before_it_is_sent(
    way: Any, europe: GatewayEmulator, chain: list[str], named: str
) -> None:
    settings = {"base_url": europe.base_url, "api_key": europe.api_key, "require": EU_ONLY, "fallbacks": chain[1:]}
    with pytest.raises(ConfigurationError, match=REFUSED.format(named)):
        way(None, settings, model=chain[0])
    assert europe.requests == []


CALLS = {
    "embeddings": lambda c: c.embeddings(model="openai/text-embedding-3-small", input="x"),
    "messages": lambda c: c.messages(model="openai/gpt-4o-mini", max_tokens=5, messages=MESSAGES),
    "responses": lambda c: c.responses(model="openai/gpt-4o-mini", input="x"),
    "images": lambda c: c.images.generate(model="openai/gpt-image-1", prompt="x"),
    "speech": lambda c: c.audio.speech(model="openai/tts-1", input="x", voice="alloy"),
    "transcription": lambda c: c.audio.transcribe(model="openai/whisper-1", file=("a.wav", b"x")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_route_is_without_the_guard(unary: Any, call: Any) -> None:
    wire = Wire()
    with pytest.raises(ConfigurationError, match=r"^require: 'openai/"):
        unary.run(unary.client(wire, require={"retention": "none"}), call)
    assert wire.requests == []


SDK_CALLS = {
    "chat": lambda c: c.chat.completions.create(model="openai/gpt-4o-mini", messages=MESSAGES),
    "chain": lambda c: c.chat.completions.create(
        model="acme/eu", messages=MESSAGES, extra_body={"fallbacks": ["openai/gpt-4o-mini"]}
    ),
    "responses": lambda c: c.responses.create(model="openai/gpt-4o-mini", input="x"),
    "embeddings": lambda c: c.embeddings.create(model="openai/text-embedding-3-small", input="x"),
    "candidates": lambda c: c.chat.completions.create(
        model="acme/eu", messages=MESSAGES, extra_body={"models": ["acme/eu", "openai/gpt-4o-mini"]}
    ),
    "candidates of responses": lambda c: c.responses.create(
        model="acme/eu", input="x", extra_body={"models": ["openai/gpt-4o-mini"]}
    ),
    "images": lambda c: c.images.generate(model="openai/gpt-image-1", prompt="x"),
    "transcription": lambda c: c.audio.transcriptions.create(model="openai/whisper-1", file=("a.wav", b"x")),
}


@pytest.mark.parametrize("call", SDK_CALLS.values(), ids=SDK_CALLS)
def test_no_route_of_the_openai_client_is_without_it(call: Any, europe: GatewayEmulator) -> None:
    client = RequestyOpenAI(base_url=europe.base_url, api_key=europe.api_key, require=EU_ONLY)
    with pytest.raises((ConfigurationError, openai.OpenAIError), match="require: 'openai/"):
        call(client)
    assert europe.requests == []


def test_the_gateways_default_model_is_not_asked(europe: GatewayEmulator) -> None:
    client = RequestyOpenAI(base_url=europe.base_url, api_key=europe.api_key, require=EU_ONLY)
    with pytest.raises((ConfigurationError, openai.OpenAIError), match="require: the request names no model"):
        client.images.generate(prompt="x")
    assert europe.requests == []


@pytest.mark.parametrize("candidates", [["acme/eu", "openai/gpt-4o-mini"], "openai/gpt-4o-mini"])
def test_candidates_for_the_gateway_are_models_too(way: Any, europe: GatewayEmulator, candidates: Any) -> None:
    settings = {"base_url": europe.base_url, "api_key": europe.api_key, "require": EU_ONLY}
    for given in ({"models": candidates}, {"extra_body": {"models": candidates}}):
        with pytest.raises(ConfigurationError, match=REFUSED.format("openai/gpt-4o-mini")):
            way(None, settings, model="acme/eu", **given)
    assert europe.requests == []


@pytest.mark.parametrize("body", [{"extra_body": {"model": "openai/gpt-4o-mini"}}, {}])
def test_a_body_cannot_name_another_model(unary: Any, europe: GatewayEmulator, body: dict[str, Any]) -> None:
    client = unary.client(None, base_url=europe.base_url, api_key=europe.api_key, require=EU_ONLY, max_retries=0)
    with contextlib.suppress(RequestyError):
        unary.run(client, lambda c: c.images.generate(model="acme/eu", prompt="x", **body))
    assert [r.body["model"] for r in europe.requests] == ["acme/eu"]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("eu", r"^require: 'eu' is not a mapping; its keys are geolocation, training, retention$"),
        ({"region": "eu"}, r"^require: unknown key 'region'"),
        ({"geolocation": ""}, r"^require: geolocation '' is no place"),
        ({"training": "no"}, r"^require: training 'no'; give False"),
        ({"retention": -1}, r"^require: retention -1; give 'none'"),
    ],
)
def test_nonsense_is_refused_at_construction(value: Any, line: str) -> None:
    with pytest.raises(ConfigurationError, match=line):
        RequestyClient(api_key="k", require=value)


def test_without_requirements_nothing_is_looked_up(unary: Any) -> None:
    assert unary(Wire(answer()), {"require": {"training": True}}, model="acme/unheard-of").text == "Hello"
