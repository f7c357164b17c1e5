"""The commands in a real terminal (a pty of 80 columns) and in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from requesty_core import RequestyClient, __version__
from requesty_emulator import GatewayEmulator

COMMAND = str(Path(sys.executable).with_name("requesty-adapters"))
USER = [{"role": "user", "content": "hi"}]


class Terminal:
    """A command in a terminal."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        # The terminal's own size counts, not what is set here.
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm-256color"},
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        """What matches first on the screen so far, escape sequences removed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.text)
            if found:
                return found
            if not self._read(end - time.monotonic()):
                break
        raise AssertionError(f"{pattern!r} is not in {self.text!r}")

    def finish(self, seconds: float = 20.0) -> int:
        """The exit status, after everything was read."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._read(0.2) is not False:
            pass
        return self.process.wait(5)

    def _read(self, seconds: float) -> bool | None:
        """False at the end, None if nothing came."""
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0))
        if not ready:
            return None if self.process.poll() is None else False
        with contextlib.suppress(OSError):
            data = os.read(self.master, 65536)
            if data:
                self.shown += data.decode("utf-8", "replace")
                return True
        return False

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown).replace("\r", "")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal() -> Iterator[type[Terminal]]:
    opened: list[Terminal] = []

    class Kept(Terminal):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            opened.append(self)

    yield Kept
    for one in opened:
        one.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a pipe."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_version_and_help() -> None:
    assert run("--version").stdout.strip() == __version__
    names = ("chat", "demo", "doctor", "emulator", "keys", "models", "usage")
    assert all(name in run("--help").stdout for name in names)
    for command in ((name,) for name in names):
        shown = run(*command, "--help")
        assert shown.returncode == 0
        assert "Example:" in shown.stdout


def test_demo(terminal: type[Terminal]) -> None:
    demo = terminal("demo")
    assert demo.finish(60) == 0
    assert "eighteen sea miles" in demo.text
    assert "anthropic/claude-sonnet-4-5" in demo.text
    assert re.search(r"3 calls, 0\.00\d+ USD in all", demo.text)
    table = demo.text.partition("What it took")[2]
    assert "…" not in table
    assert all(len(line) <= 80 for line in table.splitlines())


def test_emulator(terminal: type[Terminal]) -> None:
    emulator = terminal("emulator", "--api-key", "rqy-test")
    url = emulator.read_until(r"base URL  (http://127\.0\.0\.1:\d+/v1)")[1]
    emulator.read_until("Ctrl-C")
    client = RequestyClient(base_url=url, api_key="rqy-test", max_retries=0)
    assert client.chat(model="openai/gpt-4o-mini", messages=USER).text
    emulator.read_until(r"200 +POST /v1/chat/completions +openai/gpt-4o-mini")
    emulator.read_until("1 requests")
    emulator.process.send_signal(signal.SIGINT)
    assert emulator.finish() == 0


def test_emulator_in_a_pipe(tmp_path: Path) -> None:
    scenario = tmp_path / "faults.toml"
    scenario.write_text('[[faults]]\nmodel = "openai/gpt-4o"\nstatus = 503\n')
    process = subprocess.Popen(
        [COMMAND, "emulator", "--scenario", str(scenario), "--api-key", "rqy-test"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[-1]
        client = RequestyClient(base_url=url, api_key="rqy-test", fallbacks=["openai/gpt-4o-mini"])
        assert [a.outcome for a in client.chat(model="openai/gpt-4o", messages=USER).attempts] == ["error", "ok"]
        told = (line for line in process.stdout if "POST /v1/chat/completions" in line)
        assert [next(told).split()[0] for _ in range(2)] == ["503", "200"]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as running:
        monkeypatch.setenv("REQUESTY_BASE_URL", running.base_url)
        monkeypatch.setenv("REQUESTY_API_KEY", running.api_key)
        yield running


def test_chat_in_a_pipe(gateway: GatewayEmulator) -> None:
    gateway.say(text="Good morning.", usage={"cost": 0.25}, model="openai/gpt-4o")
    gateway.fail_next(503, model="openai/gpt-4o-mini")
    command = [COMMAND, "chat", "--model", "openai/gpt-4o-mini", "--fallback", "openai/gpt-4o", "--system", "Be brief."]
    done = subprocess.run(command, input="Hello!\n", capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "Good morning.\n")
    assert "0.25 USD, 2 attempts" in done.stderr
    sent = gateway.last_request.body["messages"]
    assert sent == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]


def test_chat_in_a_terminal(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    gateway.say(text="Good morning.")
    gateway.say(text="Good night.")
    chat = terminal("chat")
    for said, answer in (("Hello!", "Good morning."), ("Bye!", "Good night.")):
        chat.read_until(r"> $")
        os.write(chat.master, f"{said}\n".encode())
        chat.read_until(re.escape(answer))
    chat.read_until(r"> $")
    os.write(chat.master, b"\n")
    assert chat.finish() == 0
    assert "2 calls" in chat.text
    assert [turn["content"] for turn in gateway.last_request.body["messages"]] == ["Hello!", "Good morning.", "Bye!"]


def test_models(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    shown = terminal("models", "gpt-4o-mini", "--capability", "vision", "--max-price", "1")
    assert shown.finish() == 0
    assert re.search(r"openai/gpt-4o-mini +128000 +0\.15 +0\.6", shown.text)
    piped = run("models", "--offline", "--provider", "anthropic", "--json")
    assert all(model["id"].startswith("anthropic/") for model in json.loads(piped.stdout))
    assert "openai/gpt-4o-mini" in [line.split("\t")[0] for line in run("models", "gpt-4o-mini").stdout.splitlines()]


def test_keys_and_usage(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    assert run("chat", "Hello!").returncode == 0
    [key] = json.loads(run("keys", "--json").stdout)
    assert Decimal(key["spent"]) == gateway.billed
    [row] = json.loads(run("usage", "--group-by", "model_requested", "--json").stdout)
    assert (row["group"], row["requests"], Decimal(row["spend"])) == ("openai/gpt-4o-mini", 1, gateway.billed)
    for command in ("keys", "usage"):
        shown = terminal(command)
        assert shown.finish() == 0
        assert "1 rows" in shown.text
        assert gateway.api_key not in shown.text


def test_doctor(terminal: type[Terminal], gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal("doctor")
    assert shown.finish() == 0
    assert "Everything needed is in place." in shown.text
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-wrong")
    done = run("doctor")
    assert done.returncode == 1
    assert re.search(r"bad +key +HTTP 403", done.stdout)


def test_without_a_key_it_is_one_line(gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY")
    for command in (("chat", "x"), ("keys",), ("usage",)):
        done = run(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert "REQUESTY_API_KEY" in done.stderr
    assert gateway.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "--capability", "flying", "--offline"),
        ("emulator", "--port", "99999"),
        ("emulator", "--scenario", "nowhere.toml"),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_status_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
