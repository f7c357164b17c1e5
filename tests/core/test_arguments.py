"""Arguments of a call that belong to a client, look like a slip, or look like a secret never reach the body."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from requesty_core import ConfigurationError, RequestyClient
from requesty_core.calls.arguments import check_unknown

MESSAGES = [{"role": "user", "content": "Hi"}]
REFUSED = [
    ({"api_key": "sk-other"}, r"^api_key: is a setting of the client, not of a call"),
    ({"base_url": "https://x.test/v1"}, r"^base_url: is a setting of the client"),
    ({"api_base": "https://x.test/v1"}, r"^api_base: is a setting of the client"),
    ({"ledger": None}, r"^ledger: is a setting of the client"),
    ({"budget": 1.0}, r"^budget: is a setting of the client"),
    ({"on_event": print}, r"^on_event: is a setting of the client"),
    ({"http_client": object()}, r"^http_client: is a setting of the client"),
    ({"fallback": ["a/c"]}, r"^fallback: is no option of a call .* did you mean fallbacks\?"),
    ({"max_retires": 0}, r"^max_retires: .* did you mean max_retries\?"),
    ({"time_out": 3}, r"^time_out: .* did you mean timeout\?"),
    ({"extra_header": {}}, r"^extra_header: .* did you mean extra_headers\?"),
    ({"temprature": 1}, r"^temprature: .* did you mean temperature\?"),
    ({"max_token": 5}, r"^max_token: .* did you mean max_tokens\?"),
    ({"openai_api_key": "sk-x"}, r"^openai_api_key: is named like a secret"),
    ({"authorization": "Bearer x"}, r"^authorization: is named like a secret"),
    ({"extra_body": {"api_key": "sk-x"}}, r"^extra_body\.api_key: is named like a secret"),
    ({"headers": {}}, r"^headers: .* did you mean extra_headers\?"),
    ({"request_timeout": 5}, r"^request_timeout: .* did you mean timeout\?"),
    ({"num_retries": 5}, r"^num_retries: .* did you mean max_retries\?"),
    ({"organization": "org"}, r"^organization: is a setting of the client"),
    ({"verify": False}, r"^verify: is a setting of the client"),
    ({"extra_query": {"a": 1}}, r"^extra_query: is a setting of the client"),
    ({"proxies": {}}, r"^proxies: is a setting of the client"),
    ({"chunk_size": 5}, r"^chunk_size: is a setting of the client"),
    ({"additional_kwargs": {}}, r"^additional_kwargs: is a setting of the client"),
    ({"endpoint": "https://x.test"}, r"^endpoint: is no option of a call; base_url is a setting of the client"),
]
SENT = {"models": ["a/c"], "top_a": 0.5, "plugins": [], "guardrail_config": {}, "max_output_tokens": 5, "new_field": 1}


def client(sent: list[httpx.Request]) -> RequestyClient:
    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(400, json={"error": {"message": "seen"}})

    return RequestyClient(api_key="k" * 20, transport=httpx.MockTransport(handle), max_retries=0)


@pytest.mark.parametrize(("params", "says"), REFUSED)
@pytest.mark.parametrize("call", ["chat", "stream", "embeddings", "messages", "responses", "images"])
def test_refused_in_one_line_before_anything_is_sent(params: dict[str, Any], says: str, call: str) -> None:
    sent: list[httpx.Request] = []
    asked = client(sent)
    calls: dict[str, Any] = {
        "chat": lambda: asked.chat(model="a/b", messages=MESSAGES, **params),
        "stream": lambda: list(asked.stream(model="a/b", messages=MESSAGES, **params)),
        "embeddings": lambda: asked.embeddings(model="a/b", input="x", **params),
        "messages": lambda: asked.messages(model="a/b", max_tokens=5, messages=MESSAGES, **params),
        "responses": lambda: asked.responses(model="a/b", input="x", **params),
        "images": lambda: asked.images.generate(model="a/b", prompt="x", **params),
    }
    with pytest.raises(ConfigurationError, match=says) as caught:
        calls[call]()
    assert sent == []
    assert "\n" not in str(caught.value)
    assert "sk-" not in str(caught.value)


def test_settings_of_other_clients_that_are_not_set_are_left_out() -> None:
    """Saved calls of other packages have them as null."""
    sent: list[httpx.Request] = []
    with pytest.raises(Exception, match="seen"):
        client(sent).chat(model="a/b", messages=MESSAGES, organization=None, project=None)
    assert httpx.Response(200, content=sent[0].content).json().keys() == {"model", "messages"}


def test_what_no_list_knows_is_sent() -> None:
    sent: list[httpx.Request] = []
    with pytest.raises(Exception, match="seen"):
        client(sent).chat(model="a/b", messages=MESSAGES, extra_body={"temprature": 1}, **SENT)
    body = httpx.Response(200, content=sent[0].content).json()
    assert {name: body[name] for name in SENT} == SENT
    assert body["temprature"] == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("fallback", "fallback: is no setting and no known field of a request; did you mean fallbacks?"),
        ("max_retires", "max_retires: is no setting and no known field of a request; did you mean max_retries?"),
        ("temprature", "temprature: is no setting and no known field of a request; did you mean temperature?"),
        ("transport", "transport: is no setting of this class; leave it out"),
        ("api_token", "api_token: is named like a secret and no setting here; give the key as api_key"),
        ("prediction", None),
        ("shiny", None),
    ],
)
def test_arguments_that_a_constructor_has_no_place_for(name: str, says: str | None) -> None:
    settings = {"fallbacks", "max_retries", "timeout"}
    if says is None:
        check_unknown({name: 1}, settings)
        return
    with pytest.raises(ConfigurationError) as caught:
        check_unknown({name: 1}, settings)
    assert str(caught.value) == says
