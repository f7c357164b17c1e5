"""What a call leaves behind: log lines without the key, and spans when asked for."""

from __future__ import annotations

import logging

import httpx
import pytest
from tests.support.bodies import USAGE, completion
from tests.support.ways import FAST, KEY

from requesty_core import (
    RequestyClient,
    RequestyError,
)

BODY = completion({"content": "Hi"}, usage=USAGE)
CALL = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


def gateway(*statuses: int) -> httpx.MockTransport:
    queue = list(statuses)

    def handle(request: httpx.Request) -> httpx.Response:
        status = queue.pop(0)
        if status == 200:
            return httpx.Response(
                200, json=BODY, headers={"x-requesty-request-id": "r-2", "x-requesty-provider": "openai"}
            )
        message = f"no luck with {request.headers['authorization']}"
        return httpx.Response(status, json={"error": {"origin": "router", "message": message}})

    return httpx.MockTransport(handle)


@pytest.mark.parametrize("key", [KEY, lambda: KEY], ids=["string", "callable"])
def test_a_key_that_a_server_echoes_is_blotted_out(key: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = RequestyClient(api_key=key, transport=gateway(503, 400), fallback_policy=FAST)
    with pytest.raises(RequestyError) as caught:
        client.chat(**CALL)
    assert "no luck with Bearer **********" in str(caught.value)
    error = caught.value
    assert KEY not in f"{error!r} {error.attempts} {error.body} {error.__dict__} {caplog.text}"
    assert error.response is not None
    assert error.response.json()["error"]["message"] == "no luck with Bearer **********"
    assert KEY not in str(error.response)


def test_attempts_are_logged_at_levels_that_stay_silent_by_default(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "requesty")
    RequestyClient(api_key=KEY, transport=gateway(503, 200), fallback_policy=FAST).chat(**CALL)
    lines = [(r.levelname, r.getMessage().split(" after ")[0]) for r in caplog.records if r.name == "requesty"]
    assert lines == [
        ("INFO", "attempt 1 on openai/gpt-4o-mini failed"),
        ("DEBUG", "attempt 2 on openai/gpt-4o-mini: ok"),
    ]
