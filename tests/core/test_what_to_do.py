"""Errors say what to do, once and in a line: about the key, the account, the model, the address."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.support.wire import Wire, http

from requesty_core import RequestyClient
from requesty_core.errors import RequestyError

KEY = "check the key given as api_key"

TABLE: dict[str, tuple[int, str, str, str, str]] = {
    "no key": (401, "Unauthorized", "a/b", "https://gw.test/v1", f"HTTP 401: Unauthorized; {KEY}"),
    "bad key": (403, "Invalid API key", "a/b", "https://gw.test/v1", f"HTTP 403: Invalid API key; {KEY}"),
    "may not": (
        403,
        "Not for you.",
        "a/b",
        "https://gw.test/v1",
        "HTTP 403: Not for you; asked with the key given as api_key",
    ),
    "no credit": (402, "No credit.", "a/b", "https://gw.test/v1", "HTTP 402: No credit; top up the account"),
    "no credit, said": (
        *(402, "Insufficient balance, top up at the billing page.", "a/b", "https://gw.test/v1"),
        "HTTP 402: Insufficient balance, top up at the billing page.",
    ),
    "add credits": (402, "Please add more credits", "a/b", "https://gw.test/v1", "HTTP 402: Please add more credits"),
    "limit, said": (412, "Spent; raise it", "a/b", "https://gw.test/v1", "HTTP 412: Spent; raise it"),
    "limit": (412, "Spent", "a/b", "https://gw.test/v1", "HTTP 412: Spent; raise the key's monthly limit"),
    "path": (
        404,
        "nothing",
        "a/b",
        "https://gw.test",
        "HTTP 404: nothing; https://gw.test/chat/completions has no /v1:",
    ),
    "model": (404, "no model", "zz/qqqqqq", "https://gw.test/v1", "HTTP 404: no model; asked for 'zz/qqqqqq'"),
    "near": (404, "no", "openai/gpt-4o-mimi", "https://gw.test/v1", "did you mean openai/gpt-4o-mini"),
    "other": (400, "temperature", "a/b", "https://gw.test/v1", "HTTP 400: temperature"),
}


def failure(wire: Wire, model: str, base_url: str) -> RequestyError:
    client = RequestyClient(api_key="rqy-test", base_url=base_url, transport=wire.transport, max_retries=0)
    with pytest.raises(RequestyError) as raised:
        client.chat(model=model, messages=[{"role": "user", "content": "hi"}])
    return raised.value


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_a_refusal_says_what_to_do(case: tuple[int, str, str, str, str]) -> None:
    status, said, model, base_url, expected = case
    answer: Any = http(status, '{"error": {"message": "' + said + '"}}')
    line = str(failure(Wire(answer), model, base_url))
    assert expected in line
    assert "\n" not in line
    assert line.count(said.rstrip(".")) == 1
    if status != 404:
        assert line == expected


def test_no_answer_names_address_and_setting() -> None:
    line = str(failure(Wire(httpx.ConnectError("refused")), "a/b", "https://gw.test:8443/v1"))
    assert line == "no answer from the gateway (refused); check base_url (https://gw.test:8443), network and proxy"
