"""Embeddings answers as the SDK builds them, whatever form the vectors come in."""

from __future__ import annotations

import base64
import struct
from typing import Any

import httpx
import openai
import pytest

from openai_requesty import RequestyOpenAI

VECTORS = [[0.1, -2.5, 3e-9], [7.0, 0.0, -0.0]]
TEXTS = [base64.b64encode(struct.pack("<3f", *vector)).decode() for vector in VECTORS]
USAGE = {"prompt_tokens": 4, "total_tokens": 4, "cost": 0.001}


def answer(vectors: list[Any], **more: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return {"object": "list", "model": "text-embedding-3-small", "data": data, "usage": USAGE, **more}


ANSWERS = {
    "base64": answer(TEXTS),
    "numbers": answer(VECTORS),
    "base64 and numbers": answer([TEXTS[0], VECTORS[1]]),
    "fields that nobody knows": answer(TEXTS, served_by="eu-1", warnings=[{"code": 1}]),
    "no object in an entry": {
        **answer([]),
        "data": [{"index": 0, "embedding": TEXTS[0]}, {"index": 1, "embedding": TEXTS[1]}],
    },
    "a usage that breaks the schema": answer(TEXTS, usage={"prompt_tokens": "4", "total_tokens": 4}),
}


def shape(value: Any) -> Any:
    """What a user can see of a model: types, values, and which fields were sent."""
    if isinstance(value, openai.BaseModel):
        fields = {name: shape(item) for name, item in dict(value).items()}
        # Pydantic counts fields that a model does not know among those set, the SDK does not.
        sent = value.model_fields_set & type(value).model_fields.keys()
        return type(value).__name__, fields, sent, shape(value.model_extra)
    if isinstance(value, (list, tuple)):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return type(value).__name__, value


@pytest.mark.parametrize("asked", [{}, {"encoding_format": "base64"}, {"encoding_format": "float"}], ids=str)
@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_model_as_from_the_sdk(name: str, asked: dict[str, Any]) -> None:
    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(200, json=ANSWERS[name])

    settings: dict[str, Any] = {"api_key": "k" * 20, "base_url": "http://gateway.test/v1", "max_retries": 0}
    call: dict[str, Any] = {"model": "openai/text-embedding-3-small", "input": ["a", "b"], **asked}
    ours = RequestyOpenAI(**settings, http_client=httpx.Client(transport=httpx.MockTransport(handle)))
    found = ours.embeddings.create(**call)
    raw = ours.embeddings.with_raw_response.create(**call).parse()
    # The SDK's client refuses httpx's where it is made for httpx's continuation.
    theirs = openai.OpenAI(**settings, http_client=_sdk_client(handle)).embeddings.create(**call)
    assert shape(found) == shape(raw) == shape(theirs)
    is_text = bool(asked) and isinstance(ANSWERS[name]["data"][0]["embedding"], str)
    assert type(found.data[0].embedding) is (str if is_text else list)
    assert all(b'"encoding_format":' in body.replace(b" ", b"") for body in bodies)


def _sdk_client(handle: Any) -> Any:
    if int(openai.__version__.partition(".")[0]) < 3:
        return httpx.Client(transport=httpx.MockTransport(handle))
    import httpx2

    def same(request: Any) -> Any:
        found = handle(httpx.Request(request.method, str(request.url), content=request.read()))
        return httpx2.Response(found.status_code, headers=dict(found.headers), content=found.content)

    return httpx2.Client(transport=httpx2.MockTransport(same))
