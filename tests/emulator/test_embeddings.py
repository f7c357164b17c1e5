from __future__ import annotations

import base64
import math
import struct

import httpx
import pytest

from requesty_emulator import GatewayEmulator

from .wire import error

PATH = "/v1/embeddings"
SMALL = "openai/text-embedding-3-small"


def embed(http: httpx.Client, value: object, **fields: object) -> dict:
    response = http.post(PATH, json={"model": SMALL, "input": value, **fields})
    assert response.status_code == 200, response.text
    body: dict = response.json()
    return body


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (SMALL, 1536),
        ("openai/text-embedding-3-large", 3072),
        ("openai/text-embedding-ada-002", 1536),
        (f"{SMALL}@eu", 1536),
    ],
)
def test_vectors_are_unit_length_of_catalogue_size(http: httpx.Client, model: str, size: int) -> None:
    body = embed(http, "some text", model=model)
    vector = body["data"][0]["embedding"]
    assert len(vector) == size
    assert math.isclose(cosine(vector, vector), 1, abs_tol=1e-5)
    assert body["model"] == model
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_similar_texts_are_near(http: httpx.Client) -> None:
    texts = ["The cat sat on the mat.", "A cat is sitting on a mat", "Quarterly revenue grew by nine percent"]
    cat, similar, other = (item["embedding"] for item in embed(http, texts)["data"])
    assert cosine(cat, similar) > 0.4 > 0.2 > cosine(cat, other)


def test_base64_and_float_agree(http: httpx.Client) -> None:
    plain = embed(http, ["a b c", "d"], dimensions=64)["data"]
    packed = embed(http, ["a b c", "d"], dimensions=64, encoding_format="base64")["data"]
    for left, right in zip(plain, packed, strict=True):
        assert left["embedding"] == list(struct.unpack("<64f", base64.b64decode(right["embedding"])))


@pytest.mark.parametrize(("value", "count", "tokens"), [([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3), (["a", "b"], 2, 2)])
def test_token_arrays_and_lists(http: httpx.Client, value: object, count: int, tokens: int) -> None:
    body = embed(http, value, dimensions=8)
    assert [item["index"] for item in body["data"]] == list(range(count))
    assert body["usage"]["prompt_tokens"] == tokens


def test_cost_is_billed_and_sent_on_demand(http: httpx.Client, gw: GatewayEmulator) -> None:
    assert "cost" not in embed(http, "x" * 4000)["usage"]
    assert gw.last_request.cost == gw.billed > 0
    gw.settings.embedding_cost = True
    assert embed(http, "x" * 4000)["usage"]["cost"] == 1000 * 2e-8


def test_results_can_be_reordered(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(reorder_embeddings=True, times=1)
    assert [item["index"] for item in embed(http, ["a", "b", "c"])["data"]] == [2, 1, 0]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"input": "x"}, "model"),
        ({"model": SMALL}, "input"),
        ({"model": SMALL, "input": []}, "input"),
        ({"model": SMALL, "input": ""}, "input[0]"),
        ({"model": SMALL, "input": ["a", ""]}, "input[1]"),
        ({"model": SMALL, "input": ["a", 1]}, "input[1]"),
        ({"model": SMALL, "input": [[]]}, "input[0]"),
        ({"model": SMALL, "input": {"text": "x"}}, "input"),
        ({"model": SMALL, "input": "x", "dimensions": 0}, "dimensions"),
        ({"model": SMALL, "input": "x", "dimensions": 9999}, "dimensions"),
        ({"model": "openai/text-embedding-ada-002", "input": "x", "dimensions": 5}, "dimensions"),
        ({"model": SMALL, "input": "x", "encoding_format": "int8"}, "encoding_format"),
        ({"model": "openai/gpt-4o", "input": "x"}, "embedding"),
        ({"model": SMALL, "input": "word " * 9000}, "maximum context length"),
    ],
)
def test_malformed_requests_name_the_field(http: httpx.Client, body: dict, names: str) -> None:
    response = http.post(PATH, json=body)
    assert response.status_code == 400
    assert names in error(response)["message"]
