"""What a checkpoint keeps, through every way of ending; and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.support.terminal import hears_interrupts

from requesty_core import ConfigurationError, RequestyClient, bulk_chat, bulk_embed
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
EMBEDDER = "openai/text-embedding-3-small"

WORKER = """
import sys
from requesty_core import RequestyClient, bulk_chat, bulk_embed
base_url, key, path, kind, count = sys.argv[1:6]
client = RequestyClient(api_key=key, base_url=base_url)
rows = (f"row {number}" for number in range(int(count)))
if kind == "chat":
    run = bulk_chat(rows, model="openai/gpt-4o-mini", client=client, checkpoint=path, concurrency=8)
else:
    run = bulk_embed(rows, model="openai/text-embedding-3-small", client=client, checkpoint=path, batch_size=8)
for item in run:
    assert item.error is None, item.error
    print(item.position, flush=True)
"""


def start(gw: GatewayEmulator, path: Path, kind: str, count: int) -> subprocess.Popen[str]:
    arguments = [gw.base_url, gw.api_key, str(path), kind, str(count)]
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is heard where the tests were started without, as in the background.
        preexec_fn=None if sys.platform == "win32" else hears_interrupts,
    )


def asked(gw: GatewayEmulator) -> Counter[str]:
    """How often each row was answered."""
    found: Counter[str] = Counter()
    for one in gw.requests:
        if one.status == 200 and one.path.endswith("/chat/completions"):
            found[one.body["messages"][-1]["content"]] += 1
        elif one.status == 200:
            found.update(one.body["input"])
    return found


@pytest.mark.parametrize("kind", ["chat", "embed"])
def test_a_killed_process_loses_nothing_that_was_settled(gw: GatewayEmulator, tmp_path: Path, kind: str) -> None:
    gw.fault(delay=0.02)
    path, count = tmp_path / "rows.jsonl", 400
    for seconds in (0.7, 0.9):
        process = start(gw, path, kind, count)
        deadline = time.monotonic() + 30
        while not (path.exists() and path.stat().st_size > 20_000 * seconds) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    settled = {json.loads(line)["at"] for line in path.read_bytes().splitlines()[1:] if line.endswith(b"}")}
    assert settled
    before = asked(gw)

    process = start(gw, path, kind, count)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [int(line) for line in out.split()] == list(range(count))

    after = asked(gw)
    assert set(after) == {f"row {number}" for number in range(count)}
    for number in settled:
        assert after[f"row {number}"] == before[f"row {number}"], "a settled row was asked again"
    # Only what was under way at a kill is asked twice.
    again = sum(times - 1 for times in after.values())
    assert again <= 2 * 8 * (1 if kind == "chat" else 8)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(gw: GatewayEmulator, tmp_path: Path) -> None:
    gw.fault(delay=0.02)
    path = tmp_path / "rows.jsonl"
    process = start(gw, path, "chat", 5000)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in (1, -signal.SIGINT)
    client = RequestyClient(api_key=gw.api_key, base_url=gw.base_url)
    rows = (f"row {number}" for number in range(50))
    assert sum(item.resumed for item in bulk_chat(rows, model=MODEL, client=client, checkpoint=path)) >= 20


def test_everything_of_an_answer_comes_back(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": "ä"}'}}
    gw.say("text ü", reasoning="because", tool_calls=[call], served_model="other")
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    (first,) = bulk_chat(["a"], model=MODEL, client=client, checkpoint=path, tools=tools)
    (again,) = bulk_chat(["a"], model=MODEL, client=client, checkpoint=path, tools=tools)

    assert first.reply is not None
    assert again.reply is not None
    assert again.resumed
    assert again.reply.message == first.reply.message
    assert again.reply.tool_calls[0].arguments == '{"a": "ä"}'
    for name in ("id", "served_model", "provider", "request_id", "created", "choices", "extra"):
        assert getattr(again.reply, name) == getattr(first.reply, name), name
    assert again.cost == first.cost is not None
    assert again.attempts == ()


def test_more_rows_are_appended_to_a_run(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    list(bulk_chat(["a", "b"], model=MODEL, client=client, checkpoint=path))
    run = bulk_chat(["a", "b", "c"], model=MODEL, client=client, checkpoint=path)
    assert [item.resumed for item in run] == [True, True, False]
    assert (run.report.resumed, run.report.requests) == (2, 1)
    told = run.report.resumed_usage
    assert told is not None
    assert told.cost is not None
    assert run.report.cost + told.cost == gw.billed


def test_what_failed_is_asked_again(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    gw.fail_next(400)
    first = list(bulk_chat(["a", "b"], model=MODEL, client=client, checkpoint=path, concurrency=1))
    assert [item.error is None for item in first] == [False, True]
    again = list(bulk_chat(["a", "b"], model=MODEL, client=client, checkpoint=path))
    assert [(item.error, item.resumed) for item in again] == [(None, False), (None, True)]
    assert len(gw.chat_requests) == 3


def test_rows_that_ask_the_same_are_asked_each(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    list(bulk_chat(["a", "a"], model=MODEL, client=client, checkpoint=path))
    assert len(gw.chat_requests) == 2
    assert [item.resumed for item in bulk_chat(["a", "a", "a"], model=MODEL, client=client, checkpoint=path)] == [
        True,
        True,
        False,
    ]


def chat(path: Path, client: RequestyClient, rows: Any = ("a", "b"), **changed: Any) -> Any:
    given = {"model": MODEL, "temperature": 0, "checkpoint": path, "client": client, **changed}
    return list(bulk_chat(rows, **given))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"model": "openai/gpt-4o"}, "it was asked of 'openai/gpt-4o-mini', not of 'openai/gpt-4o'"),
        ({"temperature": 1}, "temperature was 0, and is 1 now"),
        ({"seed": 3}, "seed was None, and is 3 now"),
        ({"schema": {"type": "object", "properties": {}}}, "schema was None"),
        ({"rows": ("z", "b")}, "its first row was another one, or was asked something else"),
        ({"prompt": "Say {text}"}, "its first row was another one, or was asked something else"),
        ({"rows": ("a", "z")}, "row 1 was another one, or was asked something else"),
    ],
)
def test_another_run_is_refused_and_nothing_is_sent(
    gw: GatewayEmulator, client: RequestyClient, tmp_path: Path, changed: dict[str, Any], line: str
) -> None:
    path = tmp_path / "rows.jsonl"
    chat(path, client)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as raised:
        chat(path, client, **changed)
    assert f"it is of another run: {line}" in str(raised.value)
    assert str(raised.value).endswith("; give another file, or remove this one")
    assert len(gw.chat_requests) == 2
    assert path.read_bytes() == before
    # How rows are sent may change between two runs.
    assert [item.resumed for item in chat(path, client, timeout=5, max_retries=0, fallbacks=["openai/gpt-4o"])] == [
        True,
        True,
    ]


def test_embeddings_do_not_go_on_where_chats_were(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    chat(path, client)
    with pytest.raises(ConfigurationError, match="it holds chat answers, not embeddings"):
        bulk_embed(["a"], model=EMBEDDER, client=client, checkpoint=path)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"some,other,file\n1,2,3\n", "it is no checkpoint"),
        (b'{"a": 1}\n', "it is no checkpoint"),
        (b"no line at all", "it is no checkpoint"),
        (b'{"requesty_bulk":99,"kind":"chat","model":"m"}\n', "it was written by another version (form 99)"),
    ],
)
def test_what_is_no_checkpoint_is_left_as_it_is(
    client: RequestyClient, tmp_path: Path, content: bytes, line: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        chat(path, client)
    assert line in str(raised.value)
    assert path.read_bytes() == content


def test_two_runs_do_not_write_one_file(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    run = bulk_chat(["a"], model=MODEL, client=client, checkpoint=path)
    with pytest.raises(ConfigurationError, match="is in use by another run; wait for its end"):
        bulk_chat(["a"], model=MODEL, client=client, checkpoint=path)
    assert len(list(run)) == 1
    assert len(chat(tmp_path / "other", client)) == 2


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_is_asked_again(
    gw: GatewayEmulator, client: RequestyClient, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "rows.jsonl"
    chat(path, client)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    again = chat(path, client)
    assert [item.resumed for item in again] == [True, False]
    assert [item.resumed for item in chat(path, client)] == [True, True]
    assert len(gw.chat_requests) == 3


def test_a_head_that_was_cut_begins_anew(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    chat(path, client)
    path.write_bytes(path.read_bytes()[:25])
    assert [item.resumed for item in chat(path, client)] == [False, False]
    assert [item.resumed for item in chat(path, client)] == [True, True]


def test_a_run_that_settles_nothing_leaves_no_file(client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert chat(path, client, rows=()) == []
    assert not path.exists()


def test_the_checkpoint_is_its_owners_alone_and_holds_no_key(client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    chat(path, client)
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
    assert client.settings.config.api_key.get().encode() not in path.read_bytes()


def test_vectors_come_back_to_the_bit(gw: GatewayEmulator, client: RequestyClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [f"text {number}" for number in range(30)]
    first = list(bulk_embed(rows, model=EMBEDDER, client=client, checkpoint=path, batch_size=7, dimensions=16))
    again = list(bulk_embed(rows, model=EMBEDDER, client=client, checkpoint=path, batch_size=7, dimensions=16))
    assert all(item.resumed for item in again)
    assert [item.vector for item in again] == [item.vector for item in first]
    assert first[0].vector == client.embeddings(model=EMBEDDER, input=rows, dimensions=16).arrays[0]
