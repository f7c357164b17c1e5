"""The same scenarios against the real gateway. They run only when REQUESTY_API_KEY is set, and cost a few cents."""

from __future__ import annotations

import os

import pytest

from requesty_core import AuthenticationError, NotFoundError, RequestyClient

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.environ.get("REQUESTY_API_KEY"), reason="needs REQUESTY_API_KEY and the real gateway"),
]

MODEL = os.environ.get("REQUESTY_LIVE_MODEL", "openai/gpt-4o-mini")
EMBEDDING_MODEL = os.environ.get("REQUESTY_LIVE_EMBEDDING_MODEL", "openai/text-embedding-3-small")
MESSAGES = [{"role": "user", "content": "Answer with the single word: pong"}]


def test_a_complete_answer_tells_its_cost() -> None:
    reply = RequestyClient().chat(model=MODEL, messages=MESSAGES, max_tokens=16)
    assert "pong" in reply.text.lower()
    assert reply.usage is not None
    assert reply.usage.cost is not None


def test_a_streamed_answer_tells_its_cost() -> None:
    with RequestyClient().stream(model=MODEL, messages=MESSAGES, max_tokens=16) as stream:
        text = "".join(stream.text_stream)
    assert "pong" in text.lower()
    assert stream.message.usage is not None
    assert stream.message.usage.cost is not None


def test_embeddings_come_in_order() -> None:
    reply = RequestyClient().embeddings(model=EMBEDDING_MODEL, input=["a", "b"], batch_size=1)
    assert len(reply.vectors) == 2
    assert reply.vectors[0] != reply.vectors[1]


def test_a_wrong_key_is_an_authentication_error() -> None:
    with pytest.raises(AuthenticationError):
        RequestyClient(api_key="rqy_wrong", max_retries=0).chat(model=MODEL, messages=MESSAGES)


def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        RequestyClient(max_retries=0).chat(model="openai/no-such-model", messages=MESSAGES)


def test_models_are_listed() -> None:
    assert RequestyClient().models.catalog().lookup(MODEL) is not None
