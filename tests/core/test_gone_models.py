"""Models that are gone or blocked for the key: the chain goes on; a refusal of the key ends it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from requesty_core import NotFoundError, PermissionDeniedError, RequestyClient, RequestyError, RequestyOptions

ANSWER = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}]}


def client(status: int, message: str, sent: list[dict[str, Any]]) -> RequestyClient:
    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(httpx.Response(200, content=request.content).json())
        if len(sent) == 1:
            return httpx.Response(status, json={"error": {"origin": "router", "message": message}})
        return httpx.Response(200, json=ANSWER)

    return RequestyClient(
        api_key="k" * 20, transport=httpx.MockTransport(handle), max_retries=0, fallbacks=["b/two"], options=OPTIONS
    )


OPTIONS = RequestyOptions(prompt_id="p-1", prompt_variables={"name": "Ada"})


@pytest.mark.parametrize(
    ("status", "message", "goes_on"),
    [
        (410, "This model was withdrawn", True),
        (404, "No such model", True),
        (403, "Provider blocked by policy", True),
        (403, "Model not allowed for this API key", False),
        (403, "Missing scope", False),
    ],
)
def test_the_chain(status: int, message: str, goes_on: bool) -> None:
    sent: list[dict[str, Any]] = []
    asked = client(status, message, sent)
    call: dict[str, Any] = {"model": "a/one", "messages": [{"role": "user", "content": "Hi"}]}
    if goes_on:
        assert asked.chat(**call).text == "ok"
        assert [body["model"] for body in sent] == ["a/one", "b/two"]
        assert sent[1]["requesty"] == {"prompt_id": "p-1", "prompt_variables": {"name": "Ada"}}
    else:
        with pytest.raises(RequestyError) as caught:
            asked.chat(**call)
        assert isinstance(caught.value, PermissionDeniedError)
        assert len(sent) == 1


def test_a_gone_model_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="HTTP 410"):
        client(410, "gone", []).chat(model="a/one", messages=[{"role": "user", "content": "Hi"}], fallbacks=[])


def test_options_of_a_call_replace_the_prompt() -> None:
    merged = OPTIONS.merged({"prompt_variables": {"name": "Bob"}})
    assert merged.to_body() == {"prompt_id": "p-1", "prompt_variables": {"name": "Bob"}}
