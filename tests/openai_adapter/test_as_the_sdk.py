"""Raw and streaming responses, retries that were taken, and what an HTTP client of the SDK's would do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest

from openai_requesty import AsyncRelayTransport, RelayTransport

MODEL = "openai/gpt-4o-mini"
ASK: list[Any] = [{"role": "user", "content": "Hello!"}]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("settings", "retries"),
    [({}, 0), ({"max_retries": 2}, 2), ({"fallbacks": ["anthropic/claude-sonnet-4-5"], "max_retries": 0}, 1)],
    ids=["none", "two retries", "a fallback"],
)
async def test_retries_taken(way: Any, gw: Any, settings: Any, retries: int, streamed: bool) -> None:
    if retries:
        gw.fault(times=retries, status=503, headers={"retry-after-ms": "0"})
    client = way.client(**settings)
    call = client.chat.completions.with_raw_response.create
    raw = await way.get(call(model=MODEL, messages=ASK, **({"stream": True} if streamed else {})))
    assert raw.retries_taken == retries
    if streamed:
        await way.all(raw.parse())
        assert raw.retries_taken == retries


async def test_a_raw_response_has_what_the_sdks_has(way: Any, gw: Any) -> None:
    raw = await way.get(way.client().chat.completions.with_raw_response.create(model=MODEL, messages=ASK))
    assert raw.parse().choices[0].message.content
    assert raw.status_code == 200
    assert raw.request_id == gw.last_request.request_id
    assert timedelta() < raw.elapsed < timedelta(seconds=30)
    assert raw.http_request.method == "POST"
    assert str(raw.http_request.url) == f"{gw.base_url}/chat/completions"
    assert b'"messages"' in raw.http_request.content
    assert gw.api_key not in str(raw.http_request.headers)


async def test_a_streaming_response(way: Any, gw: Any) -> None:
    manager = way.client().chat.completions.with_streaming_response.create(model=MODEL, messages=ASK)
    if way.is_async:
        async with manager as response:
            answer = await response.parse()
    else:
        with manager as response:
            answer = response.parse()
    assert answer.usage.cost == float(gw.billed)


@pytest.mark.parametrize("timeout", [7, 7.5, None, httpx.Timeout(3, connect=1), openai.Timeout(4, connect=2)])
async def test_timeouts_of_one_call(way: Any, timeout: Any) -> None:
    raw = await way.get(
        way.client().chat.completions.with_raw_response.create(model=MODEL, messages=ASK, timeout=timeout)
    )
    parts = timeout.as_dict() if hasattr(timeout, "as_dict") else dict.fromkeys(("connect", "read"), timeout)
    sent = raw.http_request.extensions["timeout"]
    assert (sent["connect"], sent["read"]) == (parts["connect"], parts["read"])


async def test_headers_of_the_client_and_of_a_call(way: Any, gw: Any) -> None:
    client = way.client(default_headers={"x-one": "1", "x-two": "2"}, organization="org")
    await way.get(client.chat.completions.create(model=MODEL, messages=ASK, extra_headers={"X-Two": "3"}))
    sent = gw.last_request.headers
    assert (sent["x-one"], sent["x-two"], sent["openai-organization"]) == ("1", "3", "org")
    await way.get(client.chat.completions.create(model=MODEL, messages=ASK, extra_headers={"x-one": openai.Omit()}))
    assert "x-one" not in gw.last_request.headers


async def test_query_and_extra_body(way: Any, gw: Any) -> None:
    client = way.client(default_query={"a": "1"})
    await way.get(
        client.chat.completions.create(
            model=MODEL, messages=ASK, temperature=0.1, extra_query={"b": "2"}, extra_body={"temperature": 0.9}
        )
    )
    assert gw.last_request.body["temperature"] == 0.9


async def test_values_that_json_has_no_types_for_are_refused_as_by_the_sdk(way: Any) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        await way.get(way.client().chat.completions.create(model=MODEL, messages=ASK, extra_body={"a": b"x"}))
    with pytest.raises(ValueError, match="JSON compliant"):
        await way.get(way.client().chat.completions.create(model=MODEL, messages=ASK, extra_body={"a": float("nan")}))


class _Cookies(httpx.MockTransport):
    def __init__(self) -> None:
        self.seen: list[str | None] = []
        super().__init__(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request.headers.get("cookie"))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return httpx.Response(200, json=body, headers={"set-cookie": "a=b"})


async def test_cookies_are_kept_and_sent_as_by_httpx(way: Any) -> None:
    transport = _Cookies()
    client = way.client(transport=transport)
    for _ in range(2):
        await way.get(client.chat.completions.create(model=MODEL, messages=ASK))
    assert transport.seen == [None, "a=b"]


async def test_a_tool_that_replaces_httpx_send_sees_every_request(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cls: Any = httpx.AsyncClient if way.is_async else httpx.Client
    original, seen = cls.send, []

    def send(self: Any, request: httpx.Request, **how: Any) -> Any:
        seen.append(str(request.url))
        return original(self, request, **how)

    client = way.client()
    await way.get(client.chat.completions.create(model=MODEL, messages=ASK))
    monkeypatch.setattr(cls, "send", send)
    await way.get(client.chat.completions.create(model=MODEL, messages=ASK))
    assert [url.rsplit("/", 1)[-1] for url in seen] == ["completions"]


async def test_a_closed_client_says_so(way: Any) -> None:
    raised = []
    plain: Any = openai.AsyncOpenAI if way.is_async else openai.OpenAI
    for client in (way.client(), plain(api_key="k", max_retries=0)):
        await way.get(client.close())
        with pytest.raises(Exception, match=r"closed|Connection error") as caught:
            await way.get(client.chat.completions.create(model=MODEL, messages=ASK))
        raised.append((caught.type, str(caught.value), str(caught.value.__cause__)))
    # Releases differ in whether the RuntimeError is raised or is the cause.
    assert raised[0] == raised[1]
    assert "closed" in str(raised)


async def test_a_relay_under_the_plain_sdk(way: Any, gw: Any) -> None:
    settings = {"base_url": gw.base_url, "api_key": gw.api_key}
    relay: Any = (AsyncRelayTransport if way.is_async else RelayTransport)(**settings)
    http: Any = (httpx.AsyncClient if way.is_async else httpx.Client)(transport=relay)
    plain: Any = (openai.AsyncOpenAI if way.is_async else openai.OpenAI)(
        api_key="unused", base_url=gw.base_url, http_client=http
    )
    answer = await way.get(plain.chat.completions.create(model=MODEL, messages=ASK))
    assert answer.usage.cost == float(gw.billed)


@pytest.mark.parametrize("given", ["a client of the other kind", httpx.BaseTransport, "x" * 3, 3])
def test_an_http_client_that_cannot_be_used_is_refused_as_by_the_sdk(way: Any, given: Any) -> None:
    other: Any = httpx.Client if way.is_async else httpx.AsyncClient
    client = other() if given == "a client of the other kind" else given
    with pytest.raises(TypeError, match=r"^Invalid `http_client` argument; [^\n]+$"):
        way.client(http_client=client)


@pytest.mark.parametrize("timeout", [None, 7.0, httpx.Timeout(3, connect=1)])
async def test_the_timeout_of_an_http_client_is_the_clients(way: Any, timeout: Any) -> None:
    make: Any = httpx.AsyncClient if way.is_async else httpx.Client
    client = way.client(http_client=make(timeout=timeout))
    raw = await way.get(client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK))
    wanted = timeout.as_dict() if isinstance(timeout, httpx.Timeout) else dict.fromkeys(("connect", "read"), timeout)
    sent = raw.http_request.extensions["timeout"]
    assert (sent["connect"], sent["read"]) == (wanted["connect"], wanted["read"])


async def test_an_http_client_made_without_timeouts_has_ours(way: Any) -> None:
    make: Any = httpx.AsyncClient if way.is_async else httpx.Client
    client = way.client(http_client=make())
    raw = await way.get(client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK))
    assert raw.http_request.extensions["timeout"]["read"] == 300
