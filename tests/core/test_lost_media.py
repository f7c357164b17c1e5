"""Pictures and sound are not paid for twice: what went out in full is sent again only if that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from tests.support.ways import FAST

from openai_requesty import RequestyOpenAI
from requesty_core import ConfigurationError, CostLedger, RequestyError
from requesty_emulator import Fault, GatewayEmulator

CALLS: dict[str, Callable[..., Any]] = {
    "images": lambda c, **o: c.images.generate(model="openai/gpt-image-1", prompt="a light", **o),
    "edits": lambda c, **o: c.images.edit(model="openai/gpt-image-1", prompt="x", image=("a.png", b"x"), **o),
    "speech": lambda c, **o: c.audio.speech(model="openai/tts-1", input="Hello", voice="alloy", **o),
    "transcription": lambda c, **o: c.audio.transcribe(model="openai/whisper-1", file=("a.wav", b"x"), **o),
}
LOST = {
    "dropped": Fault(drop_connection=True),
    "cut": Fault(cut_after_bytes=20),
    "slow": Fault(delay=2.0),
    "html": Fault(status=200, html=True),
}
PATIENCE = {"timeout": 0.3, "max_retries": 2, "fallback_policy": FAST}


@pytest.fixture(params=LOST.values(), ids=LOST)
def gateway(request: pytest.FixtureRequest, requesty_gateway: GatewayEmulator) -> GatewayEmulator:
    """A gateway that works and whose answers get lost."""
    fault: Fault = request.param
    names = ("drop_connection", "cut_after_bytes", "delay", "status", "html")
    requesty_gateway.fault(**{name: getattr(fault, name) for name in names})
    return requesty_gateway


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_lost_answer_is_not_asked_for_again(unary: Any, call: Any, gateway: GatewayEmulator) -> None:
    ledger = CostLedger()
    client = unary.client(None, base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger, **PATIENCE)
    with pytest.raises(RequestyError) as caught:
        unary.run(client, call)
    assert len(gateway.requests) == 1
    assert len(caught.value.attempts) == 1
    assert ledger.total.unknown == 1


def test_unless_the_caller_allows_it(unary: Any, gateway: GatewayEmulator) -> None:
    client = unary.client(None, base_url=gateway.base_url, api_key=gateway.api_key, **PATIENCE)
    with pytest.raises(RequestyError):
        unary.run(client, lambda c: CALLS["images"](c, retry_lost=True))
    assert len(gateway.requests) == 3


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refusal_is_retried_as_ever(unary: Any, call: Any, requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.fault(status=503)
    where = {"base_url": requesty_gateway.base_url, "api_key": requesty_gateway.api_key}
    with pytest.raises(RequestyError):
        unary.run(unary.client(None, **where, **PATIENCE), call)
    assert len(requesty_gateway.requests) == 3


def test_the_openai_client_keeps_to_it_too(gateway: GatewayEmulator) -> None:
    client = RequestyOpenAI(base_url=gateway.base_url, api_key=gateway.api_key, **PATIENCE)  # type: ignore[arg-type]
    with pytest.raises((RequestyError, openai.OpenAIError)):
        client.images.generate(model="openai/gpt-image-1", prompt="a light")
    assert len(gateway.requests) == 1


def test_chat_keeps_its_retries(unary: Any, requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.fault(delay=2.0)
    where = {"base_url": requesty_gateway.base_url, "api_key": requesty_gateway.api_key}
    with pytest.raises(RequestyError):
        unary(None, {**where, **PATIENCE})
    assert len(requesty_gateway.requests) == 3


def test_nonsense_is_one_line(unary: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^retry_lost: .*; give True or False$"):
        unary.run(unary.client(None), lambda c: CALLS["images"](c, retry_lost="yes"))
