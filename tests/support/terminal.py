"""The command in a real terminal and in a pipe, in a home of its own."""

from __future__ import annotations

import codecs
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
from typing import Any, Protocol

import pytest

COMMAND = str(Path(sys.executable).with_name("requesty-adapters"))
ELSEWHERE = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "APPDATA")


def hears_interrupts() -> None:
    """Let a command hear Ctrl-C where the tests were started without, as in the background (a ``preexec_fn``)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until_asleep(process: subprocess.Popen[Any], seconds: float = 30.0) -> None:
    """Wait until a command does nothing but wait.

    An interrupt that comes between the last thing a Python program shows and its wait for keys is noted by the
    interpreter, but does not end that wait: it is acted on at the next key. A person presses again; a test that types
    as soon as it sees the prompt would wait for ever.
    """
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if _is_asleep(process.pid):
            return
        time.sleep(0.005)
    raise AssertionError(f"the command did not come to rest: {process.args!r}, status {process.returncode}")


def _is_asleep(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        # After the name, which may hold spaces and brackets.
        return stat.read_text().rpartition(")")[2].split()[0] == "S"
    shown = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1] in ("S", "I")


def _in_control() -> None:
    hears_interrupts()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A command in a terminal of 80 columns, or another number of them."""

    columns = 80

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, self.columns, 0, 0))
        # The terminal's own size counts, not what is set here.
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm-256color"},
            # Its own session with the terminal in control: Ctrl-C written to it interrupts the command.
            start_new_session=True,
            preexec_fn=_in_control,
        )
        os.close(slave)
        self.shown = ""
        # A read may end inside a character.
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        """Type Ctrl-C at a command that waits."""
        wait_until_asleep(self.process)
        self.type("\x03")

    def read_until(self, pattern: str, seconds: float = 30.0) -> re.Match[str]:
        """What matches first on the screen so far, escape sequences removed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.text)
            if found:
                return found
            if self._read(end - time.monotonic()) is False:
                break
        raise AssertionError(f"{pattern!r} is not in {self.text!r}")

    def finish(self, seconds: float = 30.0) -> int:
        """The exit status, after everything was read."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._read(0.2) is not False:
            pass
        return self.process.wait(10)

    def _read(self, seconds: float) -> bool | None:
        """False at the end, None if nothing came."""
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0))
        if not ready:
            return None if self.process.poll() is None else False
        with contextlib.suppress(OSError):
            data = os.read(self.master, 65536)
            if data:
                self.shown += self._decode(data)
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


class Run(Protocol):
    """A command in a pipe."""

    def __call__(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run(home: Path) -> Run:
    def call(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        source: dict[str, object] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, **source
        )

    return call


@pytest.fixture
def terminal(home: Path) -> Iterator[type[Terminal]]:
    opened: list[Terminal] = []

    class Kept(Terminal):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            opened.append(self)

    yield Kept
    for one in opened:
        one.close()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of its own, which is the working folder too; no settings of whoever runs the tests."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    for name in [n for n in os.environ if n.startswith("REQUESTY_")]:
        if name not in ("REQUESTY_BASE_URL", "REQUESTY_API_KEY"):
            monkeypatch.delenv(name)
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    return folder
