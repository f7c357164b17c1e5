"""Embeddings: order, both transfer forms, batches in flight, partial failure, and every odd answer."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import json
import struct
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import numpy
import pytest

from requesty_core import (
    AuthenticationError,
    Budget,
    BudgetExceededError,
    ConfigurationError,
    CostLedger,
    EmbeddingsError,
    ErrorBodyError,
    ErrorKind,
    MalformedResponseError,
    MissingKeyError,
    RateLimitError,
    RequestyError,
    ServerError,
)

MODEL = "openai/text-embedding-3-small"
Answer = Callable[[dict[str, Any]], httpx.Response]


def vector(text: Any) -> list[float]:
    """A vector that tells its text; every value is exact in float32."""
    return [float(len(text)), float(ord(text[0]) if isinstance(text, str) and text else 0.0), 0.25]


def packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def good(body: dict[str, Any], *, base64_wanted: bool | None = None, reverse: bool = False, **top: Any) -> Any:
    """The answer of a gateway that does what it is asked."""
    texts = body["input"]
    as_text = body.get("encoding_format") == "base64" if base64_wanted is None else base64_wanted
    data = [
        {"object": "embedding", "index": i, "embedding": packed(vector(t)) if as_text else vector(t)}
        for i, t in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts), "cost": "0.001"}
    return {"object": "list", "data": data[::-1] if reverse else data, "model": MODEL, "usage": usage, **top}


class Gateway:
    """Answers each batch by what is in it; knows how many were in flight at a time."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any] = good) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0
        self.bodies: list[dict[str, Any]] = []
        self.gate: threading.Barrier | None = None

    def _enter(self, request: httpx.Request) -> dict[str, Any]:
        body = json.loads(request.content)
        with self._lock:
            self.bodies.append(body)
            self._running += 1
            self.most = max(self.most, self._running)
        return body

    def _leave(self, body: dict[str, Any]) -> httpx.Response:
        with self._lock:
            self._running -= 1
        result = self._answer(body)
        return result if isinstance(result, httpx.Response) else httpx.Response(200, json=result)

    @property
    def transport(self) -> Any:
        def sync(request: httpx.Request) -> httpx.Response:
            body = self._enter(request)
            if self.gate is not None:
                self.gate.wait(5)
            return self._leave(body)

        return httpx.MockTransport(sync)

    @property
    def async_transport(self) -> Any:
        async def handle(request: httpx.Request) -> httpx.Response:
            body = self._enter(request)
            for _ in range(5):
                await asyncio.sleep(0)
            return self._leave(body)

        return httpx.MockTransport(handle)


def embed(way: Any, gateway: Gateway, settings: dict[str, Any] | None = None, **params: Any) -> Any:
    client = way.client(gateway.async_transport if way.is_async else gateway.transport, **(settings or {}))
    return way.run(client, lambda c: c.embeddings(**{"model": MODEL, **params}))


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("as asked", {}),
    ("base64", {"base64_wanted": True}),
    ("numbers though base64 was asked for", {"base64_wanted": False}),
    ("out of order", {"reverse": True}),
    ("numbers out of order", {"base64_wanted": False, "reverse": True}),
]


@pytest.mark.parametrize(("what", "form"), FORMS, ids=[f[0] for f in FORMS])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_vectors_come_in_the_order_of_the_inputs(unary: Any, what: str, form: dict[str, Any], batch_size: int) -> None:
    texts = ["a", "bb", "ccc", "d", "ee"]
    reply = embed(unary, Gateway(lambda b: good(b, **form)), input=texts, batch_size=batch_size)
    assert reply.vectors == [vector(t) for t in texts]
    assert len(reply) == 5
    assert (reply.requested_model, reply.served_model) == (MODEL, MODEL)
    batches = -(-5 // batch_size)
    assert reply.usage.input_tokens == 5
    assert reply.usage.cost == Decimal("0.001") * batches
    assert [a.outcome for a in reply.attempts] == ["ok"] * batches
    assert reply.numpy().shape == (5, 3)
    assert reply.numpy().dtype == numpy.float32
    assert [a.tolist() for a in reply.arrays] == reply.vectors


INPUTS: list[tuple[Any, list[Any]]] = [
    ("one", ["one"]),
    (["one"], ["one"]),
    (("a", "b"), ["a", "b"]),
    ([1, 2, 3], [[1, 2, 3]]),
    ([[1, 2], [3]], [[1, 2], [3]]),
    ([""], [""]),
]


@pytest.mark.parametrize(("given", "sent"), INPUTS)
def test_forms_of_input(unary: Any, given: Any, sent: list[Any]) -> None:
    gateway = Gateway()
    reply = embed(unary, gateway, input=given, dimensions=3, user="u", options={"tags": ["t"]})
    assert gateway.bodies == [
        {
            "model": MODEL,
            "input": sent,
            "encoding_format": "base64",
            "dimensions": 3,
            "user": "u",
            "requesty": {"tags": ["t"]},
        }
    ]
    assert len(reply.vectors) == len(sent)


def test_no_inputs_make_no_request(unary: Any) -> None:
    gateway = Gateway()
    reply = embed(unary, gateway, {"api_key": None}, input=[])
    assert (reply.vectors, reply.usage, reply.attempts, gateway.bodies) == ([], None, (), [])


BAD_INPUTS: list[tuple[Any, str]] = [
    (b"bytes", "input: a bytes cannot be embedded"),
    (5, "input: a int cannot be embedded"),
    ({"a": 1}, "input: a dict cannot be embedded"),
    (["a", 5], "input[1]: int is neither"),
    (["a", None], "input[1]: NoneType is neither"),
    ([["a"]], "input[0]: list is neither"),
    ([True], "input[0]: bool is neither"),
]


@pytest.mark.parametrize(("given", "words"), BAD_INPUTS)
def test_what_cannot_be_embedded_is_named_before_any_request(unary: Any, given: Any, words: str) -> None:
    gateway = Gateway()
    with pytest.raises(ConfigurationError) as caught:
        embed(unary, gateway, input=given)
    assert words in str(caught.value)
    assert gateway.bodies == []


@pytest.mark.parametrize("setting", ["batch_size", "max_in_flight"])
def test_batches_need_room(unary: Any, setting: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting}: 0 is too small"):
        embed(unary, Gateway(), input=["a"], **{setting: 0})


@pytest.mark.parametrize(("batches", "limit"), [(9, 3), (9, 1), (2, 4)])
def test_no_more_than_the_given_number_is_in_flight(unary: Any, batches: int, limit: int) -> None:
    gateway = Gateway()
    most = min(batches, limit)
    if not unary.is_async and most > 1 and batches % most == 0:
        gateway.gate = threading.Barrier(most)
    embed(unary, gateway, input=["x"] * batches, batch_size=1, max_in_flight=limit)
    assert gateway.most == most
    assert len(gateway.bodies) == batches


def failing(marks: dict[str, httpx.Response]) -> Answer:
    """Refuses batches that hold a marked text."""

    def answer(body: dict[str, Any]) -> Any:
        for text in body["input"]:
            if text in marks:
                return marks[text]
        return good(body)

    return answer


def refusal(status: int, message: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"error": {"origin": "provider", "message": message}})


def test_partial_failure_names_the_inputs_and_keeps_the_vectors(unary: Any) -> None:
    texts = ["a", "b", "bad", "c", "d", "e", "worse", "f"]
    ledger = CostLedger()
    answer = failing({"bad": refusal(503, "busy"), "worse": refusal(502, "down")})
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, Gateway(answer), {"ledger": ledger, "max_retries": 1}, input=texts, batch_size=2)
    error = caught.value
    assert error.failed_inputs == (2, 3, 6, 7)
    assert [v is None for v in error.vectors] == [i in (2, 3, 6, 7) for i in range(8)]
    assert error.vectors[0] == vector("a")
    assert "4 of 8 inputs were not embedded (inputs 2-3, 6-7): " in str(error)
    assert error.kind is ErrorKind.OVERLOADED
    assert error.is_retryable
    assert [type(e).__name__ for e in error.errors] == ["OverloadedError", "ServerError"]
    assert error.__cause__ is error.errors[0]
    assert (error.status, error.requested_model) == (503, MODEL)
    assert error.usage is not None
    assert error.usage.cost == Decimal("0.002")
    assert sorted(a.outcome for a in error.attempts) == ["error"] * 4 + ["ok"] * 2
    assert ledger.total.cost == Decimal("0.002")


def test_many_failed_inputs_are_named_in_short(unary: Any) -> None:
    texts = [x for i in range(12) for x in ("bad", f"t{i}")]
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, Gateway(failing({"bad": refusal(503)})), {"max_retries": 0}, input=texts, batch_size=1)
    assert "(inputs 0, 2, 4, 6, 8, 10, 12, 14, …)" in str(caught.value)


def test_a_failure_all_would_share_sends_no_more(unary: Any) -> None:
    gateway = Gateway(lambda b: refusal(401))
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, gateway, input=["x"] * 50, batch_size=1, max_in_flight=2)
    assert len(gateway.bodies) <= 3
    assert caught.value.kind is ErrorKind.AUTHENTICATION
    assert caught.value.failed_inputs == tuple(range(50))
    assert isinstance(caught.value.__cause__, AuthenticationError)


@pytest.mark.parametrize(("status", "cls"), [(401, AuthenticationError), (429, RateLimitError), (500, ServerError)])
def test_the_only_batch_fails_as_itself(unary: Any, status: int, cls: type[RequestyError]) -> None:
    with pytest.raises(cls) as caught:
        embed(unary, Gateway(lambda b: refusal(status)), {"max_retries": 0}, input=["a", "b"])
    assert caught.value.requested_model == MODEL


def test_one_batch_is_retried_by_itself(unary: Any) -> None:
    seen: set[str] = set()

    def once(body: dict[str, Any]) -> Any:
        text = body["input"][0]
        if text == "shy" and text not in seen:
            seen.add(text)
            return refusal(503)
        return good(body)

    gateway = Gateway(once)
    reply = embed(unary, gateway, {"max_retries": 1}, input=["a", "shy", "b"], batch_size=1)
    assert reply.vectors == [vector(t) for t in ("a", "shy", "b")]
    assert len(gateway.bodies) == 4


def test_the_clients_fallbacks_do_not_mix_vectors(unary: Any) -> None:
    gateway = Gateway(lambda b: refusal(503))
    with pytest.raises(RequestyError):
        embed(unary, gateway, {"fallbacks": ["openai/gpt-4o"], "max_retries": 0}, input=["a"])
    assert [b["model"] for b in gateway.bodies] == [MODEL]


def test_fallbacks_of_the_call_are_the_callers_choice(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return refusal(503) if body["model"] == MODEL else good(body)

    reply = embed(unary, Gateway(answer), input=["a"], fallbacks=["azure/text-embedding-3-small"])
    assert [a.model for a in reply.attempts] == [MODEL, "azure/text-embedding-3-small"]


def test_without_a_key_the_error_is_about_the_key(unary: Any) -> None:
    gateway = Gateway()
    with pytest.raises(MissingKeyError):
        embed(unary, gateway, {"api_key": None}, input=["a", "b"], batch_size=1)
    assert gateway.bodies == []


def test_a_spent_budget_refuses_and_a_budget_spent_on_the_way_keeps_the_vectors(unary: Any) -> None:
    gateway = Gateway()
    with pytest.raises(BudgetExceededError):
        embed(unary, gateway, {"budget": Budget(0)}, input=["a", "b"], batch_size=1)
    assert gateway.bodies == []
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, gateway, {"budget": Budget("0.001")}, input=["a", "b", "c"], batch_size=1, max_in_flight=1)
    assert caught.value.kind is ErrorKind.BUDGET
    assert caught.value.failed_inputs == (1, 2)
    assert caught.value.vectors[0] == vector("a")
    assert len(gateway.bodies) == 1


def test_a_callers_own_error_is_let_out_and_ends_the_work(unary: Any) -> None:
    def hook(event: Any) -> None:
        raise KeyError("mine")

    gateway = Gateway()
    with pytest.raises(KeyError, match="mine"):
        embed(unary, gateway, {"on_event": hook}, input=["x"] * 30, batch_size=1, max_in_flight=2)
    assert gateway.bodies == []


tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


def test_batches_run_in_the_callers_context(unary: Any) -> None:
    keys, told = set(), set()

    def key() -> str:
        keys.add(tenant.get())
        return "key-of-the-tenant"

    token = tenant.set("acme")
    try:
        settings = {"api_key": key, "on_event": lambda event: told.add(tenant.get())}
        embed(unary, Gateway(), settings, input=["x"] * 6, batch_size=1, max_in_flight=3)
    finally:
        tenant.reset(token)
    assert (keys, told) == ({"acme"}, {"acme"})


def entry(**fields: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": 0, "embedding": [1.0, 2.0], **fields}


ODD: list[tuple[str, Any, str]] = [
    ("not an object", [], "not an embeddings answer"),
    ("no data", {"model": "m"}, "2 inputs were sent but 0"),
    ("too few", {"data": [entry()]}, "2 inputs were sent but 1"),
    ("too many", {"data": [entry(), entry(index=1), entry(index=2)]}, "2 inputs were sent but 3"),
    ("no entry", {"data": [entry(), 5]}, "not an object"),
    ("index taken", {"data": [entry(), entry()]}, "index 0"),
    ("index out of range", {"data": [entry(), entry(index=2)]}, "index 2"),
    ("index below", {"data": [entry(), entry(index=-1)]}, "index -1"),
    ("index no number", {"data": [entry(), entry(index="1")]}, "index '1'"),
    ("index true", {"data": [entry(), entry(index=True)]}, "index True"),
    ("null", {"data": [entry(), entry(index=1, embedding=None)]}, "neither numbers nor base64"),
    ("empty", {"data": [entry(), entry(index=1, embedding=[])]}, "empty"),
    ("empty text", {"data": [entry(), entry(index=1, embedding="")]}, "empty"),
    ("texts", {"data": [entry(), entry(index=1, embedding=["a"])]}, "not a list of numbers"),
    ("a truth value", {"data": [entry(), entry(index=1, embedding=[True])]}, "not a list of numbers"),
    ("too large", {"data": [entry(), entry(index=1, embedding=[10**400])]}, "not "),
    ("nested", {"data": [entry(), entry(index=1, embedding=[[1.0]])]}, "not a list of numbers"),
    ("bad base64", {"data": [entry(), entry(index=1, embedding="!!!!")]}, "not base64"),
    ("accents", {"data": [entry(), entry(index=1, embedding="é===")]}, "not base64"),
    ("cut base64", {"data": [entry(), entry(index=1, embedding="AAAA")]}, "not base64 of float32"),
]


@pytest.mark.parametrize(("what", "body", "words"), ODD, ids=[o[0] for o in ODD])
def test_an_answer_without_every_vector_is_an_error(unary: Any, what: str, body: Any, words: str) -> None:
    gateway = Gateway(lambda b: httpx.Response(200, json=body))
    with pytest.raises(MalformedResponseError) as caught:
        embed(unary, gateway, {"max_retries": 0}, input=["a", "b"])
    assert words in str(caught.value)


@pytest.mark.parametrize("number", ["1e999", "-1e400", "NaN", "Infinity", "-Infinity", "9" * 400, "9" * 400 + ".0"])
def test_a_number_that_is_not_finite_is_no_vector(unary: Any, number: str) -> None:
    body = '{"data": [{"index": 0, "embedding": [0.5, 1]}, {"index": 1, "embedding": [0.5, N]}]}'.replace("N", number)
    gateway = Gateway(lambda b: httpx.Response(200, text=body))
    with pytest.raises(MalformedResponseError, match=r"finite|not a list of numbers"):
        embed(unary, gateway, {"max_retries": 0}, input=["a", "b"])


def test_numbers_whose_sum_is_not_finite_are_a_vector(unary: Any) -> None:
    body = {"data": [{"index": 0, "embedding": [1.7e308, 1.7e308, -1.7e308]}]}
    assert embed(unary, Gateway(lambda b: httpx.Response(200, json=body)), input=["a"]).vectors == [
        [1.7e308, 1.7e308, -1.7e308]
    ]


def test_an_error_in_a_200_body(unary: Any) -> None:
    body = {"error": {"origin": "provider", "message": "no embeddings today"}}
    with pytest.raises(ErrorBodyError, match="no embeddings today"):
        embed(unary, Gateway(lambda b: httpx.Response(200, json=body)), {"max_retries": 0}, input=["a"])


def test_missing_indexes_mean_the_order_received(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return {"data": [{"embedding": vector(t)} for t in body["input"]]}

    reply = embed(unary, Gateway(answer), input=["a", "bb"])
    assert reply.vectors == [vector("a"), vector("bb")]
    assert reply.served_model is None
    assert reply.usage is None or reply.usage.cost is None


def test_a_cost_unknown_in_one_batch_is_unknown_in_all(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return good(body, usage=usage) if body["input"] == ["b"] else good(body)

    reply = embed(unary, Gateway(answer), input=["a", "b"], batch_size=1)
    assert reply.usage.cost is None
    assert reply.usage.input_tokens == 2


def test_against_the_emulator(gateway: Any, unary: Any) -> None:
    client = unary.client(None, base_url=gateway.base_url, api_key=gateway.api_key)
    gateway.fail_next(503, times=1)
    reply = unary.run(client, lambda c: c.embeddings(model=MODEL, input=["x", "y", "x"], batch_size=2, dimensions=8))
    assert [len(v) for v in reply.vectors] == [8, 8, 8]
    assert reply.vectors[0] == reply.vectors[2] != reply.vectors[1]
