"""The fixture ``requesty_cassette``, in test runs of their own; and cassettes of two processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.terminal import COMMAND, Run, hears_interrupts, home, run

from requesty_emulator import Cassette, GatewayEmulator, Replayer

__all__ = ["home", "run"]

TEST = """
import json, urllib.error, urllib.request, pytest

def ask(server, text):
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    headers = {"content-type": "application/json", "authorization": "Bearer " + server.api_key}
    request = urllib.request.Request(server.base_url + "/chat/completions", json.dumps(body).encode(), headers)
    try:
        return json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        return error.status
"""
PASSES = (
    TEST
    + """
def test_it(requesty_cassette):
    assert ask(requesty_cassette, "say 'one'") == "one"

@pytest.mark.parametrize("word", ["a b", "c/d"])
def test_each(requesty_cassette, word):
    assert ask(requesty_cassette, f"say '{word}'") == word

@pytest.mark.requesty_cassette("shared.json", repeat=True)
def test_marked(requesty_cassette):
    assert ask(requesty_cassette, "say 'two'") == "two"
"""
)


@pytest.fixture
def upstream() -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as running:
        yield running


def pytest_run(folder: Path, text: str, *arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_inner.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    line = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), *arguments, "test_inner.py"]
    env = {**os.environ, "REQUESTY_API_KEY": key}
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=90, check=False, env=env)


def test_cassettes_are_recorded_and_replayed(upstream: GatewayEmulator, tmp_path: Path) -> None:
    without = pytest_run(tmp_path, PASSES)
    assert "record it with pytest --requesty-record URL" in without.stdout
    recorded = pytest_run(tmp_path, PASSES, "--requesty-record", upstream.base_url, key=upstream.api_key)
    assert (recorded.returncode, "4 passed" in recorded.stdout) == (0, True), recorded.stdout
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.json"))
    folder = "cassettes/test_inner"
    assert files == [
        f"{folder}/test_each-a-b.json",
        f"{folder}/test_each-c-d.json",
        f"{folder}/test_it.json",
        "shared.json",
    ]
    upstream.stop()
    replayed = pytest_run(tmp_path, PASSES)
    assert (replayed.returncode, "4 passed" in replayed.stdout) == (0, True), replayed.stdout


def test_an_unknown_request_fails_the_test_even_if_nobody_minds(tmp_path: Path) -> None:
    Cassette().save(tmp_path / "none.json")
    mark = "@pytest.mark.requesty_cassette('none.json'{})\n"
    mark += "def test_it(requesty_cassette):\n    ask(requesty_cassette, 'x')\n"
    done = pytest_run(tmp_path, TEST + mark.format(""))
    assert done.returncode == 1
    assert "POST /v1/chat/completions is not recorded: the cassette is empty" in done.stdout
    assert pytest_run(tmp_path, TEST + mark.format(", mixed=True")).returncode == 0


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("('x.json', speed=1)", "takes one file and mixed, repeat, timing, not 'speed'"),
        ("('broken.json')", "is not JSON"),
        ("('broken.json', timing=-1)", "timing must be a number from 0"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, mark: str, told: str) -> None:
    (tmp_path / "broken.json").write_text("{")
    test = f"@pytest.mark.requesty_cassette{mark}\ndef test_it(requesty_cassette): ...\n"
    done = pytest_run(tmp_path, TEST + test)
    assert done.returncode == 1
    assert told in done.stdout
    assert "Traceback" not in done.stdout


# --- the command ------------------------------------------------------------------------------------------------------

ASK = r"""
import json, sys, urllib.request
base, number = sys.argv[1:]
for turn in range(5):
    body = {"model": "openai/gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": f"say '{turn}'"}]}
    request = urllib.request.Request(base + "/chat/completions", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + sys.argv[-1]})
    print(json.dumps(urllib.request.urlopen(request).read().decode()))
"""


def ask_from_two_processes(base_url: str, key: str) -> list[list[str]]:
    line = [sys.executable, "-c", ASK, base_url, key]
    running = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return [one.communicate(timeout=60)[0].splitlines() for one in running]


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [COMMAND, "emulator", *arguments], stdout=subprocess.PIPE, text=True, preexec_fn=hears_interrupts
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def ended(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return out


def by_turn(answers: list[list[str]]) -> list[list[str]]:
    return [sorted(turn) for turn in zip(*answers, strict=True)]


def test_recorded_by_one_command_and_replayed_by_another_to_two_processes(
    upstream: GatewayEmulator, tmp_path: Path
) -> None:
    file = str(tmp_path / "two.json")
    process, url = started("--record", file, "--upstream", upstream.base_url)
    recorded = ask_from_two_processes(url, upstream.api_key)
    told = ended(process)
    assert told.count("200 POST /v1/chat/completions stream openai/gpt-4o-mini") == 10
    assert upstream.api_key not in Path(file).read_text()
    process, url = started("--replay", file)
    replayed = ask_from_two_processes(url, "another-key")
    ended(process)
    # Which of the two asked first is nobody's concern: both answers to a request were given, each once.
    assert by_turn(replayed) == by_turn(recorded)


def test_an_interrupt_ends_a_server_that_still_says_where_it_listens(tmp_path: Path) -> None:
    Cassette().save(tmp_path / "none.json")

    listened: list[str] = []

    def interrupted(server: Any) -> None:
        listened.append(server.base_url)
        raise KeyboardInterrupt

    GatewayEmulator().serve_forever(interrupted)
    Replayer(tmp_path / "none.json").serve_forever(interrupted)
    for url in listened:
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(f"{url}/models", timeout=5)
    assert len(listened) == 2


def test_unknown_requests_are_told_by_the_command(tmp_path: Path) -> None:
    Cassette().save(tmp_path / "none.json")
    process, url = started("--replay", str(tmp_path / "none.json"))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + "/models")
    assert json.load(refused.value)["error"]["type"] == "cassette_unknown"
    assert "GET /v1/models is not recorded: the cassette is empty" in ended(process)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--record x.json", "--record: needs --upstream URL"),
        ("--upstream http://127.0.0.1:1/v1", "--upstream: is for --record FILE"),
        ("--record x.json --replay y.json", "--record: given together with --replay"),
        ("--mixed", "--mixed: is for --replay FILE"),
        ("--timing 1", "--timing: is for --replay FILE"),
        ("--replay y.json --seed 3", "--seed: nothing is emulated here"),
        ("--replay missing.json", "cassette missing.json: cannot be read"),
        ("--replay missing.json --timing nan", "timing must be a number from 0"),
        ("--record x.json --upstream nowhere", "upstream 'nowhere': must begin with https"),
        ("--record x.json --upstream http://127.0.0.1:1/v1", "upstream 127.0.0.1:1: cannot connect"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run: Run, line: str, told: str) -> None:
    done = run("emulator", *line.split())
    assert done.returncode == 2
    assert re.fullmatch(rf"requesty-adapters: .*{re.escape(told)}.*\n", done.stderr), done.stderr
