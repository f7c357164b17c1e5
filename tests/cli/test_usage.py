"""How commands are called: usage errors in a line, tab completion, tables in a narrow terminal, counts that agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.support.terminal import COMMAND, Run, Terminal

from requesty_emulator import GatewayEmulator


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("chat", "--temprature", "1"), r"--temprature.*--temperature.*chat --help"),
        (("caht",), r"'caht'.*'chat'.*--help"),
        (("models", "--sort", "foo"), r"--sort.*'input-price'"),
        (("models", "--min-context", "x"), "--min-context.*integer"),
        (("configure", "foo"), "'roo-code'"),
        (("configure",), "(?i)missing argument"),
        (("chat", "a", "b"), "extra argument"),
        (("chat", "--model"), "--model.*argument"),
        (("usage", "--days", "0"), "--days"),
        (("--nothing",), "--nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_usage_error_is_one_line(arguments: tuple[str, ...], told: str, run: Run) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("requesty-adapters: ")
    assert re.search(told, done.stderr)


KEY = "rqsty-sk-4f9a8b7c6d5e4f3a2b1c"


@pytest.mark.parametrize(
    "arguments",
    [
        ("chat", "Hello!", KEY),
        (KEY,),
        ("models", f"--{KEY}"),
        ("spend", "--by", KEY),
        ("spend", f"--by={KEY}"),
        ("chat", "--resume", KEY),
        ("keys", KEY),
        ("spend", f"postgresql://user:{KEY[9:]}@db.test/spend"),
        ("spend", "--ledger", f"postgresql://user:{KEY[9:]}@127.0.0.1:1/spend"),
        ("doctor", "--base-url", f"https://user:{KEY[9:]}@gateway.test/v1"),
    ],
    ids=" ".join,
)
def test_a_key_or_password_in_the_wrong_place_is_not_repeated(arguments: tuple[str, ...], run: Run) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert KEY[9:] not in done.stderr


LONG = "x" * 300 + ".json"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that root cannot write to either")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("chat", "Hello!", "--save", "/proc/x.json"), "--save: /proc/x.json cannot be written"),
        (("chat", "Hello!", "--save", LONG), "File name too long"),
        (("chat", "Hello!", "--resume", LONG), "File name too long"),
        (("chat", "Hello!", "--attach", LONG), "File name too long"),
        (("verify", "--report", "/proc/x.json"), "--report: /proc/x.json cannot be written"),
        (("bulk", "rows.csv", "/proc/x.jsonl", "--prompt", "{a}", "-m", "m/m"), "OUT: /proc/x.jsonl cannot be written"),
        (("bulk", "rows.csv", f"{LONG}l", "--prompt", "{a}", "-m", "m/m"), "File name too long"),
        (("spend", "--ledger", "spend.db", "--plot", "/proc/x.png"), "--plot: /proc/x.png cannot be written"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, tuple) else "",
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(
    arguments: tuple[str, ...], told: str, run: Run, home: Path, gateway: GatewayEmulator
) -> None:
    (home / "rows.csv").write_text("a\n1\n")
    done = run(*arguments)
    assert done.returncode in (1, 2)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert told in done.stderr
    assert list(gateway.requests) == []
    assert {path.name for path in home.iterdir()} <= {"rows.csv", "spend.db"}


def test_without_a_command_it_is_the_help(run: Run) -> None:
    done = run()
    assert "Example:" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_tab_completion_installs_and_completes(home: Path) -> None:
    folder = str(Path(COMMAND).parent)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
    # The shell that the command runs in is found among its parents.
    script = "requesty-adapters --install-completion; echo installed $?"
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "installed 0" in done.stdout
    assert "requesty-adapters" in (home / ".bashrc").read_text()
    ask = (
        "source ~/.bashrc; f=$(complete -p requesty-adapters | sed 's/.*-F \\([^ ]*\\).*/\\1/');"
        "COMP_WORDS=(requesty-adapters mod); COMP_CWORD=1; COMP_LINE='requesty-adapters mod'; $f requesty-adapters mod;"
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", ask], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["models"]


@pytest.mark.parametrize(
    "command",
    [("models", "gpt-4o"), ("keys",), ("usage", "--group-by", "model_requested"), ("doctor",), ("demo",)],
    ids=lambda command: str(command[0]),
)
def test_tables_fit_a_terminal_of_60_columns(
    command: tuple[str, ...], terminal: type[Terminal], gateway: GatewayEmulator, run: Run
) -> None:
    assert run("chat", "hi", "--model", "anthropic/claude-sonnet-4-5").returncode == 0
    narrow = type("Narrow", (terminal,), {"columns": 60})
    shown = narrow(*command)
    assert shown.finish() == 0
    # What the demo streams above its table is prose, which the terminal wraps.
    table = shown.text.partition("What it took")[2] or shown.text
    assert [line for line in table.splitlines() if len(line) > 60] == []
    assert "…" not in shown.text
    if command == ("demo",):
        # Ids are not broken over lines.
        assert "anthropic/claude-sonnet-4-5 " in shown.text


def test_models_and_doctor_count_alike(gateway: GatewayEmulator, run: Run, terminal: type[Terminal]) -> None:
    listed = json.loads(run("models", "--json").stdout)
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert checks["models"]["count"] == len(listed) == len({model["id"] for model in listed})
    assert len(run("models").stdout.splitlines()) == len(listed)
    shown = terminal("models")
    assert shown.finish() == 0
    assert shown.text.rstrip().endswith(f"\n{len(listed)} models")
