"""Every failure the gateway's contract names, by every way of calling: class, words, attributes, and what was sent."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import httpx
import pytest
from tests.support.bodies import USAGE, chunk, sse
from tests.support.ways import KEY, MESSAGES, MODEL, Way
from tests.support.wire import Wire, answer, http, pieces, router_error

import requesty_core.errors as errors_module
from requesty_core import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    ContextOverflowError,
    EmptyChoicesError,
    ErrorBodyError,
    ErrorKind,
    ErrorResponse,
    FallbackExhaustedError,
    InsufficientBalanceError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestyError,
    ServerError,
    SpendLimitError,
    StreamError,
    TruncatedStreamError,
    UpstreamFormatError,
)
from requesty_core.adapters import raising_as, reply_metadata
from requesty_core.errors import recast

# Status, origin, message as published or seen, and the class it must have.
ROWS: list[tuple[int, str | None, str, type[RequestyError]]] = [
    (400, "router", 'invalid model, expected: "provider/model"', BadRequestError),
    (400, "provider", "messages.0.content: field required", BadRequestError),
    (400, "provider", "This model's maximum context length is 8192 tokens", ContextOverflowError),
    (400, "provider", "prompt is too long: 210000 tokens > 200000 maximum", ContextOverflowError),
    (400, "router", "Input is too long for requested model", ContextOverflowError),
    (400, "provider", "Please reduce the length of the messages", ContextOverflowError),
    (400, "provider", "Request exceeds the maximum number of 100 tokens", ContextOverflowError),
    (400, "provider", "'messages' must contain the word 'json' in some form", BadRequestError),
    (400, "provider", "image exceeds 5 MB maximum", BadRequestError),
    (401, "router", "Unauthorized", AuthenticationError),
    (402, "router", "Insufficient balance, top up at https://app.requesty.ai", InsufficientBalanceError),
    (402, "router", "your organization's balance is too low", InsufficientBalanceError),
    (403, "router", "Invalid authorization token", AuthenticationError),
    (403, "router", "Invalid API key", AuthenticationError),
    (403, "router", "This API key has expired", AuthenticationError),
    (403, "router", "Provider blocked by policy", PermissionDeniedError),
    (403, "router", "account has been restricted", PermissionDeniedError),
    (403, "router", "manage read permission required", PermissionDeniedError),
    (403, "router", "Model is not allowed for this API key", PermissionDeniedError),
    (404, "router", "Provider and/or model not supported", NotFoundError),
    (404, "router", "Model and/or policy not supported", NotFoundError),
    (408, None, "Request Timeout", RequestTimeoutError),
    (409, None, "Conflict", BadRequestError),
    (412, "router", "Reached monthly spend limit for API key", SpendLimitError),
    (413, "provider", "Payload too large", BadRequestError),
    (413, "provider", "prompt is too long", ContextOverflowError),
    (418, None, "I'm a teapot", BadRequestError),
    (422, "provider", "Unprocessable", BadRequestError),
    (424, "router", "Invalid provider response format", UpstreamFormatError),
    (424, "router", "Provider response missing usage", UpstreamFormatError),
    (429, "provider", "Too many requests", RateLimitError),
    (429, "provider", "too many tokens per minute", RateLimitError),
    (500, None, "Internal Server Error", ServerError),
    (501, None, "Not Implemented", ServerError),
    (502, "provider", "Provider is down: Bad Gateway", ServerError),
    (502, "router", "There was a problem with the provider stream", ServerError),
    (503, "router", "The provider timed out, please try again", OverloadedError),
    (503, "provider", "ResourceExhausted", OverloadedError),
    (504, None, "Gateway Timeout", ServerError),
    (520, None, "Unknown Error", ServerError),
    (529, "provider", "overloaded", OverloadedError),
]
SHAPES: dict[str, Any] = {
    "gateway": lambda origin, text: {"error": {"origin": origin, "message": text}},
    "openai": lambda origin, text: {"error": {"message": text, "type": "some_error", "param": None, "code": None}},
    "provider code": lambda origin, text: {"error": {"origin": origin, "message": text, "code": 17}},
    "messages": lambda origin, text: {"type": "error", "error": {"type": "api_error", "message": text}},
    "string": lambda origin, text: {"error": text},
    "bare": lambda origin, text: {"message": text},
    "plain text": lambda origin, text: text,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("status", "origin", "text", "cls"), ROWS, ids=[f"{r[0]}-{r[3].__name__}-{i}" for i, r in enumerate(ROWS)]
)
def test_statuses(way: Any, status: int, origin: str | None, text: str, cls: type[RequestyError], shape: str) -> None:
    body = SHAPES[shape](origin, text)
    wire = Wire(http(status, body, x_requesty_request_id="req-1", retry_after="7"))
    with pytest.raises(RequestyError) as caught:
        way(wire, {"max_retries": 0})
    error = caught.value
    assert type(error) is cls
    # What to do follows; tests/core/test_what_to_do.py has it in full.
    assert str(error) == error.message
    assert error.message.startswith(f"HTTP {status}: {text}".rstrip("."))
    assert error.status == error.status_code == status
    assert error.origin == (origin if shape in ("gateway", "provider code") else None)
    assert error.request_id == "req-1"
    assert error.retry_after == 7.0
    assert error.requested_model == MODEL
    assert error.partial is None
    assert error.response is not None
    assert error.response.status_code == status
    assert error.response.headers["x-requesty-request-id"] == "req-1"
    if shape == "plain text":
        assert error.response.text == text
        assert error.body is None
    else:
        assert error.response.json() == error.body == body
    assert [(a.outcome, a.status, a.error_kind) for a in error.attempts] == [("error", status, cls.kind)]
    request = wire.requests[0]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.content.startswith(b'{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]')


HTML = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>nginx</body></html>"
ODD_BODIES: list[tuple[bytes | str, str]] = [
    (b"", "no message in the response body"),
    (b"   ", "no message in the response body"),
    (HTML, "<html> <head><title>502 Bad Gateway</title></head> <body>nginx</body></html>"),
    (b"[]", "[]"),
    (b"null", "null"),
    (b"{}", "{}"),
    (b'{"error": null}', '{"error": null}'),
    (b'{"error": []}', '{"error": []}'),
    (b'{"error": {"message": ""}}', '{"error": {"message": ""}}'),
    (b'{"error": {"message": 5}}', "5"),
    (b'{"error": {"message": "\xff"}}', '{"error": {"message": "�"}}'),
    (b"\xff\xfe", "��"),
    (b'{"error": ', '{"error":'),
    (b"x" * 1000, "x" * 200),
    (b"[" * 100_000, "[" * 200),
]


@pytest.mark.parametrize(("status", "cls"), [(401, AuthenticationError), (404, NotFoundError), (502, ServerError)])
@pytest.mark.parametrize(("body", "text"), ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_odd_error_bodies(way: Any, status: int, cls: type[RequestyError], body: bytes | str, text: str) -> None:
    with pytest.raises(cls) as caught:
        way(Wire(http(status, body)), {"max_retries": 0})
    assert str(caught.value).startswith(f"HTTP {status}: {text}".rstrip("."))
    assert caught.value.response is not None
    assert caught.value.response.content == (body.encode() if isinstance(body, str) else body)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304])
def test_a_redirect_is_not_followed_because_the_key_would_go_along(way: Any, status: int) -> None:
    wire = Wire(http(status, "Moved", location="https://elsewhere.test/v1"))
    words = rf"HTTP {status} is a redirect to 'https://elsewhere.test/v1', which is not followed; check base_url"
    with pytest.raises(BadRequestError, match=words) as caught:
        way(wire, {"max_retries": 2, "fallbacks": ["b/2"]})
    assert not caught.value.is_retryable
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({}, None),
        ({"fly_request_id": "fly-1"}, "fly-1"),
        ({"X_Requesty_Request_Id": "req-1", "fly_request_id": "fly-1"}, "req-1"),
    ],
)
def test_the_id_for_support(way: Any, headers: dict[str, str], request_id: str | None) -> None:
    wire = Wire(http(500, "x", **headers), answer(headers={k.replace("_", "-"): v for k, v in headers.items()}))
    reply = way(wire, {"max_retries": 1})
    assert reply.request_id == request_id
    assert [a.request_id for a in reply.attempts] == [request_id, request_id]


# --- retried or not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "origin", "text", "cls"), ROWS, ids=[f"{r[0]}-{i}" for i, r in enumerate(ROWS)])
def test_retryable_failures_are_retried_as_often_as_asked_and_others_never(
    unary: Any, status: int, origin: str | None, text: str, cls: type[RequestyError]
) -> None:
    scripted = router_error(status, text, origin or "")
    wire = Wire(scripted, scripted, scripted)
    with pytest.raises(cls) as caught:
        unary(wire, {"max_retries": 2})
    retryable = status in (408, 424, 429) or status >= 500
    assert cls.is_retryable is retryable
    assert len(wire.requests) == (3 if retryable else 1)
    assert [a.number for a in caught.value.attempts] == list(range(1, len(wire.requests) + 1))
    assert len({r.content for r in wire.requests}) == 1, "a retry sends the same bytes"


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_max_retries_is_literal(way: Any, retries: int) -> None:
    wire = Wire(*[http(503)] * (retries + 1))
    with pytest.raises(OverloadedError):
        way(wire, {"max_retries": retries})
    assert len(wire.requests) == retries + 1
    wire = Wire(*[http(503)] * (retries + 1))
    with pytest.raises(OverloadedError):
        way(wire, max_retries=retries)
    assert len(wire.requests) == retries + 1


# --- failures under status 200 ----------------------------------------------------------------------------------------

BROKEN_200: list[tuple[str, Any, type[RequestyError], type[RequestyError]]] = [
    # what, body, class of a unary call, class of a stream
    ("an error object", {"error": {"origin": "router", "message": "no"}}, ErrorBodyError, ErrorBodyError),
    ("an error string", {"error": "no"}, ErrorBodyError, ErrorBodyError),
    ("an error with a code", {"error": {"message": "no", "code": 429}}, RateLimitError, RateLimitError),
    ("an error beside choices", {"error": {"message": "no"}, "choices": []}, ErrorBodyError, ErrorBodyError),
    ("no choices", {"id": "x", "choices": [], "usage": {"cost": 0.5}}, EmptyChoicesError, EmptyChoicesError),
    ("null choices", {"choices": None}, EmptyChoicesError, EmptyChoicesError),
    ("another JSON object", {"status": "ok"}, MalformedResponseError, MalformedResponseError),
    ("choices of another type", {"choices": {"a": 1}}, MalformedResponseError, MalformedResponseError),
    ("a page", HTML, MalformedResponseError, MalformedResponseError),
    ("cut JSON", b'{"choices": [{"mess', MalformedResponseError, MalformedResponseError),
    ("a list", b"[]", MalformedResponseError, MalformedResponseError),
    ("text", b"upstream connect error", MalformedResponseError, TruncatedStreamError),
    ("nothing", b"", MalformedResponseError, TruncatedStreamError),
]


@pytest.mark.parametrize(("what", "body", "cls", "stream_cls"), BROKEN_200, ids=[b[0] for b in BROKEN_200])
def test_200_without_an_answer(
    way: Any, what: str, body: Any, cls: type[RequestyError], stream_cls: type[RequestyError]
) -> None:
    scripted = http(200, body, x_requesty_request_id="r", retry_after="0.02")
    with pytest.raises(RequestyError) as caught:
        way(Wire(scripted), {"max_retries": 0})
    error = caught.value
    assert type(error) is (stream_cls if way.streams else cls)
    assert (error.request_id, error.retry_after) == ("r", 0.02)
    assert error.response is not None
    assert error.response.status_code == 200
    assert error.attempts[0].status in (200, 429, None)
    recovered = way(Wire(scripted, answer("ok")), {"max_retries": 1})
    assert recovered.text == "ok"
    if what == "no choices":
        assert error.partial is not None
        assert recovered.attempts[0].cost is not None, "what the empty answer cost is known"


IN_STREAM: list[tuple[str, Any, type[RequestyError]]] = [
    ("object", {"error": {"origin": "router", "message": "There was a problem with the provider stream"}}, StreamError),
    ("string", {"error": "boom"}, StreamError),
    ("number", {"error": 5}, StreamError),
    ("status", {"error": {"message": "boom", "code": 502}}, ServerError),
    ("type", {"error": {"message": "boom", "type": "overloaded_error"}}, OverloadedError),
    ("with choices", {"choices": [{"delta": {"content": "!"}}], "error": {"message": "boom"}}, StreamError),
]


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize(("what", "broken", "cls"), IN_STREAM, ids=[i[0] for i in IN_STREAM])
def test_an_error_inside_a_stream(streaming: Any, what: str, broken: Any, cls: type[RequestyError], done: bool) -> None:
    body = sse(chunk({"content": "Hel"}), broken, done=done)
    with pytest.raises(RequestyError) as caught:
        streaming(Wire(http(200, body, x_requesty_request_id="r")), {"max_retries": 3})
    error = caught.value
    assert type(error) is cls
    assert str(error).startswith("error inside the stream: ")
    assert error.in_stream
    assert error.request_id == "r"
    assert error.partial is not None
    assert error.partial.text == ("Hel!" if what == "with choices" else "Hel")


TRANSPORT: list[tuple[Exception, type[RequestyError], str]] = [
    (httpx.ConnectError("refused"), ConnectionFailedError, r"no answer from the gateway \(refused\)"),
    (httpx.ConnectTimeout("t"), RequestTimeoutError, "timeout: no connection within timeout.connect"),
    (httpx.ReadTimeout("t"), RequestTimeoutError, "timeout: nothing arrived within timeout.read"),
    (httpx.WriteTimeout("t"), RequestTimeoutError, "timeout: sending stalled longer than timeout.write"),
    (
        httpx.PoolTimeout("pool"),
        RequestTimeoutError,
        r"timeout: pool; none was free within timeout.pool \(see max_connections\)",
    ),
    (httpx.RemoteProtocolError("garbage"), ConnectionFailedError, "garbage"),
    (httpx.ReadError(""), ConnectionFailedError, "ReadError"),
    (httpx.ProxyError("proxy says no"), ConnectionFailedError, "proxy says no"),
    (httpx.UnsupportedProtocol("gopher"), ConnectionFailedError, "gopher"),
]


@pytest.mark.parametrize(
    ("exc", "cls", "text"), TRANSPORT, ids=lambda x: type(x).__name__ if isinstance(x, Exception) else ""
)
def test_failures_of_the_transport(way: Any, exc: Exception, cls: type[RequestyError], text: str) -> None:
    with pytest.raises(cls, match=text) as caught:
        way(Wire(exc), {"max_retries": 0})
    assert caught.value.response is None
    assert caught.value.status is None
    assert caught.value.attempts[0].status is None
    assert isinstance(caught.value, TimeoutError) == (cls is RequestTimeoutError)
    assert way(Wire(exc, answer("ok")), {"max_retries": 1}).text == "ok"


def test_a_body_that_breaks_off(way: Any) -> None:
    scripted = pieces(b'{"choices": [', httpx.ReadError("reset"))
    with pytest.raises(TruncatedStreamError, match="the connection broke while the answer was arriving"):
        way(Wire(scripted), {"max_retries": 0})


def test_an_error_body_that_breaks_off(way: Any) -> None:
    scripted = pieces(b'{"err', httpx.ReadError("reset"), status=503)
    reply = way(Wire(scripted, answer("ok")), {"max_retries": 1})
    assert reply.text == "ok"


# --- the tree ---------------------------------------------------------------------------------------------------------


def _classes(cls: type[RequestyError] = RequestyError) -> list[type[RequestyError]]:
    return [
        cls,
        *(c for sub in cls.__subclasses__() if sub.__module__.startswith("requesty_core") for c in _classes(sub)),
    ]


def test_every_kind_has_one_class_of_its_own_and_every_class_advice() -> None:
    concrete = [c for c in _classes() if "kind" in vars(c)]
    assert {c.kind for c in concrete} >= set(ErrorKind)
    assert all(c.advice for c in concrete)
    assert all(c.__doc__ for c in _classes())
    missing = {c.__name__ for c in _classes() if c.__module__ == errors_module.__name__} - set(errors_module.__all__)
    assert missing <= {"ResponseError"}


def _full_error() -> RequestyError:
    way = Way(False, True)
    body = sse(chunk({"content": "Hel"}, usage=USAGE), {"error": {"origin": "router", "message": "no"}})
    with pytest.raises(StreamError) as caught:
        way(Wire(http(200, body, x_requesty_request_id="r")), {"max_retries": 0})
    return caught.value


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_travel_whole(copier: Any) -> None:
    error = _full_error()
    twin = copier(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert (twin.origin, twin.request_id, twin.status) == ("router", "r", None)
    assert twin.partial == error.partial
    assert twin.attempts == error.attempts
    assert twin.response == error.response


def test_a_chain_error_travels_with_its_parts() -> None:
    with pytest.raises(FallbackExhaustedError) as caught:
        Way(False, False)(Wire(http(429), http(503)), {"fallbacks": ["b/2"]})
    twin = pickle.loads(pickle.dumps(caught.value))
    assert [type(e) for e in twin.errors] == [RateLimitError, OverloadedError]


class TheirRateLimit(RateLimitError, KeyError):
    """As an adapter would write it: ours, and their framework's."""


def test_recasting_keeps_every_detail() -> None:
    with pytest.raises(KeyError) as caught, raising_as({ErrorKind.RATE_LIMIT: TheirRateLimit}):
        Way(False, False)(Wire(router_error(429, "slow", "provider", retry_after="2")), {"max_retries": 0})
    error = caught.value
    assert isinstance(error, TheirRateLimit)
    assert (error.status, error.origin, error.retry_after, error.requested_model) == (429, "provider", 2.0, MODEL)
    assert len(error.attempts) == 1
    cause = RuntimeError("cause")
    original = RateLimitError("x")
    original.__cause__ = cause
    assert recast(original, TheirRateLimit).__cause__ is cause
    with pytest.raises(ServerError) as other, raising_as({ErrorKind.RATE_LIMIT: TheirRateLimit}):
        raise ServerError("left alone")
    assert type(other.value) is ServerError
    with pytest.raises(TheirRateLimit) as same, raising_as({ErrorKind.RATE_LIMIT: TheirRateLimit}):
        raise TheirRateLimit("x")
    assert same.value.__cause__ is None


def test_an_error_response_decodes_itself() -> None:
    response = ErrorResponse(500, {"a": "b"}, '{"ü": 1}'.encode())
    assert response.json() == {"ü": 1}
    assert response.text == '{"ü": 1}'
    with pytest.raises(ValueError):
        ErrorResponse(500, {}, b"\xff").json()


# --- what a good answer tells -----------------------------------------------------------------------------------------

HEADERS = {
    "x-requesty-provider": "openai",
    "x-requesty-cache": "MISS",
    "x-requesty-latency-ms": "120",
    "X-Requesty-Request-Id": "req-9",
}


def test_a_good_answer_by_every_way_is_the_same(way: Any) -> None:
    wire = Wire(answer("Hello", headers=HEADERS, system_fingerprint="fp", extra_field=1))
    reply = way(wire, model="policy/mine")
    assert (reply.text, reply.finish_reason, reply.message.raw_finish_reason) == ("Hello", "stop", "stop")
    assert (reply.requested_model, reply.served_model, reply.provider) == ("policy/mine", "gpt-4o-mini", "openai")
    assert (reply.id, reply.request_id, reply.created) == ("rqsty-cmpl-1", "req-9", 1)
    assert reply.headers["x-requesty-cache"] == "MISS"
    assert reply.system_fingerprint == "fp"
    assert reply.extra == {"extra_field": 1}
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, str(reply.usage.cost)) == (7, 3, "0.001")
    assert (reply.reasoning, reply.reasoning_signature, reply.refusal, reply.tool_calls) == ("", None, None, ())
    assert [(a.model, a.outcome, a.status, a.request_id, a.number) for a in reply.attempts] == [
        ("policy/mine", "ok", 200, "req-9", 1)
    ]
    first = reply.attempts[0].time_to_first_token
    assert (first is not None) == way.streams
    metadata = reply_metadata(reply)
    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata["requested_model"] == "policy/mine"
    assert metadata["cost"] == 0.001
    assert metadata["attempts"][0]["cost"] == 0.001
    assert set(metadata) == {"requested_model", "served_model", "provider", "request_id", "cost", "attempts"}
    bare = way(Wire(answer("Hello", usage=None)))
    assert set(reply_metadata(bare)) == {"requested_model", "served_model", "attempts"}


def test_a_rich_message_by_every_way_is_the_same(way: Any) -> None:
    tool_call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    message = {
        "content": None,
        "reasoning_content": "Hm",
        "reasoning_signature": "sig",
        "tool_calls": [tool_call],
        "annotations": [{"type": "url_citation"}],
        "images": [{"type": "image_url", "image_url": {"url": "data:,"}}],
    }
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    reply = way(Wire(answer(message, finish="tool_calls")), tools=tools)
    assert (reply.text, reply.reasoning, reply.reasoning_signature) == ("", "Hm", "sig")
    assert [(c.name, c.arguments, c.id) for c in reply.tool_calls] == [("f", '{"x":1}', "call_1")]
    assert reply.finish_reason == "tool_calls"
    assert reply.message.annotations == ({"type": "url_citation"},)
    assert len(reply.message.images) == 1


def test_several_choices_by_every_way(way: Any) -> None:
    unary = {"choices": [{"index": i, "message": {"content": f"c{i}"}, "finish_reason": "stop"} for i in (1, 0)]}
    chunks = [{"choices": [{"index": i, "delta": {"content": f"c{i}"}, "finish_reason": "stop"}]} for i in (1, 0)]
    scripted = http(200, sse(*chunks) if way.streams else unary)
    reply = way(Wire(scripted), n=2)
    assert [m.text for m in reply.choices] == ["c0", "c1"]


def test_the_text_stream_is_that_of_the_first_choice() -> None:
    chunks = [{"choices": [{"index": i, "delta": {"content": f"c{i}"}, "finish_reason": "stop"}]} for i in (0, 1)]
    client = Way(False, True).client(Wire(http(200, sse(*chunks))))
    assert list(client.stream(model=MODEL, messages=MESSAGES).text_stream) == ["c0"]


async def test_the_async_text_stream() -> None:
    client = Way(True, True).client(Wire(answer("Hello")))
    stream = client.stream(model=MODEL, messages=MESSAGES)
    assert [text async for text in stream.text_stream] == ["Hello"]
    assert stream.message.text == "Hello"


def test_a_compressed_stream_is_read(way: Any) -> None:
    import gzip

    plain = answer("Grüße")(way.streams)
    body = gzip.compress(plain.content)
    parts = [body[i : i + 7] for i in range(0, len(body), 7)]
    headers = {"content-encoding": "gzip"}
    assert way(Wire(pieces(*parts, headers=headers))).text == "Grüße"
    with pytest.raises(MalformedResponseError, match="the body cannot be read"):
        way(Wire(pieces(b"not gzip at all", headers=headers)), {"max_retries": 0})
