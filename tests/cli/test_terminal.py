"""The commands in a real terminal (a pty of 80 columns) and in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
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
from pathlib import Path

import pytest

from requesty_core import RequestyClient, __version__

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
    for command in ((), ("demo",), ("emulator",)):
        shown = run(*command, "--help")
        assert shown.returncode == 0
        if command:
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


@pytest.mark.parametrize(
    "arguments", [("emulator", "--port", "99999"), ("emulator", "--scenario", "nowhere.toml")], ids=" ".join
)
def test_bad_input_is_one_line_and_status_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
