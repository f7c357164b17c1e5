"""Bulk embeddings: which texts are sent together, and which of them fails."""

from __future__ import annotations

import pytest

from requesty_core import BadRequestError, ConfigurationError, RequestyClient, bulk_embed
from requesty_emulator import GatewayEmulator

EMBEDDER = "openai/text-embedding-3-small"


def test_batches_and_vectors(gw: GatewayEmulator, client: RequestyClient) -> None:
    rows = [{"id": number, "body": f"text {number}"} for number in range(300)]
    run = bulk_embed(rows, model=EMBEDDER, text="body", client=client, batch_size=100, dimensions=8)
    items = list(run)
    assert [item.row["id"] for item in items] == list(range(300))
    reference = client.embeddings(model=EMBEDDER, input=[row["body"] for row in rows], dimensions=8).arrays
    assert [item.vector for item in items] == reference
    assert sorted(len(one.body["input"]) for one in gw.requests[:3]) == [100, 100, 100]
    assert run.report.usage is not None
    assert run.report.usage.input_tokens == sum((one.usage or {})["prompt_tokens"] for one in gw.requests[:3])


def test_only_the_text_that_is_refused_fails(gw: GatewayEmulator, client: RequestyClient) -> None:
    too_long = "word " * 20_000
    rows = [too_long if number in (7, 31) else f"text {number}" for number in range(64)]
    items = list(bulk_embed(rows, model=EMBEDDER, client=client, batch_size=32))
    assert [item.position for item in items if item.error is not None] == [7, 31]
    assert all(isinstance(item.error, BadRequestError) for item in items if item.error is not None)
    assert all(item.vector is not None for item in items if item.error is None)


def test_only_what_failed_of_a_batch_is_repeated(gw: GatewayEmulator, client: RequestyClient) -> None:
    gw.fail_next(500, times=1)
    gw.fail_next(429, times=2)
    items = list(bulk_embed(map(str, range(64)), model=EMBEDDER, client=client, batch_size=32, concurrency=2))
    assert [item.error for item in items] == [None] * 64
    answered = [text for one in gw.requests if one.status == 200 for text in one.body["input"]]
    assert sorted(answered) == sorted(map(str, range(64)))


def test_a_row_without_a_text(gw: GatewayEmulator, client: RequestyClient) -> None:
    rows = [{"text": "a"}, {"text": 3}, {"other": "b"}, {"text": "c"}]
    items = list(bulk_embed(rows, model=EMBEDDER, client=client))
    assert [item.error is None for item in items] == [True, False, False, True]
    assert str(items[1].error) == "text: 3 is not a text; give the column that holds the texts"
    assert [one.body["input"] for one in gw.requests] == [["a", "c"]]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"batch_size": 0}, "batch_size: 0 is too small; give 1 or more"),
        ({"input": ["a"]}, "input: is for the run to say; leave it out"),
        ({"dimension": 3}, "dimension"),
        ({"text": 3}, "text: 3 is neither a text nor a function"),
    ],
)
def test_wrong_arguments(client: RequestyClient, given: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        bulk_embed(["a"], model=EMBEDDER, client=client, **given)  # type: ignore[arg-type]
    assert line in str(raised.value)
