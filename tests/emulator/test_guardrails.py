from __future__ import annotations

import json

import httpx
import pytest

from requesty_emulator import GatewayEmulator
from requesty_emulator.gateway.guardrails import mask

from .wire import called, joined, said, stream, tool


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ann@example.org!", "write to [EMAIL REDACTED]!"),
        ("ssn 123-45-6789", "ssn [SSN REDACTED]"),
        ("call +49 151 2345 6789 now", "call [PHONE REDACTED] now"),
        ("card 4111 1111 1111 1111", "card [CARD REDACTED]"),
        ("key sk-abcdefghijklmnop", "key [API KEY REDACTED]"),
        ("password: hunter2", "password: [CREDENTIAL REDACTED]"),
        ("iban DE89 3704 0044 0532 0130 00", "iban [BANK REDACTED]"),
        ("nothing 12 to hide in 2026", "nothing 12 to hide in 2026"),
    ],
)
def test_masks(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_off_by_default(http: httpx.Client) -> None:
    assert said(http, "Say 'ann@example.org'") == "ann@example.org"


def test_prompts_answers_and_arguments_are_masked(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.guardrails = True
    assert said(http, "Say 'ann@example.org'") == "[EMAIL REDACTED]"
    gw.say("mail bob@example.org or call")
    assert said(http, "hello") == "mail [EMAIL REDACTED] or call"
    gw.say("mail bob@example.org or call")
    assert joined(stream(http)) == "mail [EMAIL REDACTED] or call"
    gw.say(tool_calls=[{"name": "send", "arguments": {"to": "bob@example.org"}}])
    assert called(http, "go", [tool("send", to={"type": "string"})]) == [("send", {"to": "[EMAIL REDACTED]"})]
    assert json.dumps(gw.last_request.body)
    assert gw.last_request.model == "openai/gpt-4o-mini"
