"""``requesty-adapters bulk``: a file of rows in, a file of answers out, and going on where it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from tests.support.terminal import Run, Terminal

from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
ASK = ("-m", MODEL, "--prompt", "Label: {text}")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with one row that cannot be read."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "in.csv"
    path.write_text('id,text\n1,good\n2\n3,"bad, very"\n')
    return path


def test_rows_in_answers_out(run: Run, source: Path, gateway: GatewayEmulator, tmp_path: Path) -> None:
    done = run("bulk", "in.csv", "out.jsonl", *ASK)
    assert done.returncode == 1, "a row failed"
    assert "line 3 has 1 columns, the header has 2" in done.stderr
    assert f"2 answered, 1 failed, 2 requests, {gateway.billed:f} USD.\nout.jsonl written." in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row.get("id"), row["error_class"]) for row in rows] == [
        ("1", None),
        (None, "ConfigurationError"),
        ("3", None),
    ]
    assert "good" in rows[0]["answer"]
    assert rows[0]["cost"] > 0
    prompts = [one.body["messages"][0]["content"] for one in gateway.chat_requests]
    assert sorted(prompts) == ["Label: bad, very", "Label: good"]

    again = run("bulk", "in.csv", "out.jsonl", *ASK, "--json")
    report = json.loads(again.stdout)
    assert (report["resumed"], report["requests"], report["resumed_cost"]) == (2, 0, f"{gateway.billed:f}")
    assert report["problems"] == ["line 3 has 1 columns, the header has 2"]


def test_files_of_other_kinds(run: Run, source: Path, gateway: GatewayEmulator, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(
        '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
    )
    assert run("bulk", "in.csv", "out.csv", *ASK, "--schema", "schema.json").returncode == 1
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "", "3"]
    assert isinstance(json.loads(rows[0]["answer"])["n"], int)

    (tmp_path / "in.jsonl").write_text('{"body": "a"}\n{"body": "b"}\n')
    done = run("bulk", "in.jsonl", "out.parquet", "-m", "openai/text-embedding-3-small", "--embed", "--text", "body")
    assert done.returncode == 0, done.stderr
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["body"] for row in table] == ["a", "b"]
    assert len(table[0]["vector"]) == 1536


def test_a_spent_budget_keeps_what_was_paid(run: Run, gateway: GatewayEmulator, tmp_path: Path, source: Path) -> None:
    (tmp_path / "many.jsonl").write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(200)))
    done = run("bulk", "many.jsonl", "out.jsonl", *ASK, "--budget", "0.0002")
    assert done.returncode == 1
    assert "the run ended early: budget: " in done.stderr
    paid = len(gateway.chat_requests)
    assert 0 < paid < 200
    assert f"{paid} answers are kept in out.jsonl.checkpoint; the same command goes on from there." in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
    assert run("bulk", "many.jsonl", "out.jsonl", *ASK).returncode == 0
    assert len(gateway.chat_requests) == 200
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 200


def test_ctrl_c_lets_what_is_under_way_end(
    terminal: type[Terminal], gateway: GatewayEmulator, tmp_path: Path, source: Path
) -> None:
    gateway.fault(delay=0.3)
    (tmp_path / "many.jsonl").write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(2000)))
    shell = terminal("bulk", "many.jsonl", "out.jsonl", *ASK)
    shell.read_until(r"\b8/|[1-9]\d*row ")
    shell.type("\x03")
    shell.read_until("Stopping: what is under way is kept")
    assert shell.finish() == 130
    assert gateway.wait_idle()
    lines = (tmp_path / "out.jsonl.checkpoint").read_bytes().splitlines()
    assert len(lines) - 1 == len(gateway.chat_requests) < 2000
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("in.csv", "out.xlsx", *ASK), "OUT: out.xlsx has no known ending; give one of .jsonl, .csv, .parquet"),
        (("in.csv", "no/out.csv", *ASK), "OUT: the folder no does not exist"),
        (("in.csv", "in.csv", *ASK), "OUT: in.csv is there already"),
        (("none.csv", "out.csv", *ASK), "IN: none.csv cannot be read: No such file or directory"),
        (("in.csv", "out.csv", *ASK, "--budget", "x"), "--budget: 'x' is not an amount"),
        (("in.csv", "out.csv", *ASK, "--concurrency", "0"), "--concurrency: 0 is too small"),
        (("in.csv", "out.csv", *ASK, "--schema", "in.csv"), "--schema: in.csv is not JSON"),
        (("in.csv", "out.csv", *ASK, "--embed"), "--prompt: asks something, and --embed does not"),
        (("in.csv", "out.csv", *ASK, "--text", "a"), "--text: belongs to --embed"),
        (("in.csv", "out.csv", *ASK, "--prompt-file", "in.csv"), "--prompt-file: given together with --prompt"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_sent(
    run: Run, source: Path, gateway: GatewayEmulator, tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    done = run("bulk", *words)
    assert done.returncode == 2, done.stderr
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert gateway.requests == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.csv"]


def test_a_column_that_is_taken(run: Run, gateway: GatewayEmulator, tmp_path: Path, source: Path) -> None:
    (tmp_path / "taken.jsonl").write_text('{"text": "a", "answer": "b"}\n')
    done = run("bulk", "taken.jsonl", "out.jsonl", *ASK)
    assert done.returncode == 2
    assert "IN: the column 'answer' is added by the run; rename the one that is there" in done.stderr
