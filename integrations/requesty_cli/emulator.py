"""``requesty-adapters emulator``: a local gateway in the foreground, with its requests as they come."""

from __future__ import annotations

import contextlib
import webbrowser
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from requesty_emulator import GatewayEmulator, RecordedRequest, Recorder, Replayer
from requesty_emulator.cassettes.tape import Exchange

from .harmless import one_line

__all__ = ["run_emulator", "run_recorder", "run_replayer"]

SHOWN = 15


class _Server(Protocol):
    def serve_forever(self, ready: Callable[[Any], None] | None = None) -> None: ...


def run_emulator(*, port: int, scenario: Path | None, seed: int, api_key: str | None, opens: bool = False) -> None:
    """Serve until interrupted; ``opens`` shows the page of requests in the browser.

    Raises ``ConfigError`` for an unusable scenario, port or key.
    """
    board = _Board()
    gateway = GatewayEmulator(seed=seed, scenario=scenario, port=port, api_key=api_key, on_request=board.add)
    board.run(
        gateway,
        opened=(lambda: board.open(f"{gateway.management_url}/")) if opens else None,
        introduction=lambda: (
            f"base URL  {gateway.base_url}\nAPI key   {gateway.api_key}\nrequests  {gateway.management_url}/",
            "Point a client at it:",
            f"  export REQUESTY_BASE_URL={gateway.base_url} REQUESTY_API_KEY={gateway.api_key}",
        ),
    )


def run_recorder(path: Path, upstream: str, *, port: int) -> None:
    """Record until interrupted. Raises ``ConfigError`` for an unusable file, upstream or port."""
    board = _Board()
    recorder = Recorder(path, upstream, port=port, on_exchange=board.add_exchange)
    board.run(
        recorder,
        lambda: (
            f"base URL  {recorder.base_url}\nrecords   {upstream} to {path}",
            "Point a client at it, with a key of that server:",
            f"  export REQUESTY_BASE_URL={recorder.base_url}",
        ),
    )


def run_replayer(path: Path, *, port: int, timing: float, repeat: bool, emulator: dict[str, Any] | None) -> None:
    """Replay until interrupted; ``emulator`` are the arguments of the one that answers the rest, None for none.

    Raises ``ConfigError`` for an unusable file, setting or port.
    """
    board = _Board()
    mixed = GatewayEmulator(**emulator, on_request=board.add) if emulator is not None else False
    replayer = Replayer(path, port=port, timing=timing, repeat=repeat, mixed=mixed, on_exchange=board.add_exchange)
    replayer.on_unknown = board.add_unknown
    board.run(
        replayer,
        lambda: (
            f"base URL  {replayer.base_url}\nAPI key   {replayer.api_key}"
            f"\nreplays   {len(replayer.cassette.exchanges)} of {path}",
            "Point a client at it:",
            f"  export REQUESTY_BASE_URL={replayer.base_url} REQUESTY_API_KEY={replayer.api_key}",
        ),
    )


class _Board:
    """The latest requests: a table in a terminal, a line each in a pipe."""

    def __init__(self) -> None:
        self._console = Console()
        self._latest: deque[list[str]] = deque(maxlen=SHOWN)
        self._count = 0
        self._refresh: Callable[[], None] = lambda: None

    def run(
        self,
        server: _Server,
        introduction: Callable[[], tuple[str, str, str]],
        opened: Callable[[], None] | None = None,
    ) -> None:
        """Serve in the foreground; what to do with it is told once it listens, and then ``opened`` is called."""

        def show() -> None:
            where, how, line = introduction()
            for text, style in ((where, ""), (how, "dim"), (line, ""), ("Ctrl-C ends it.\n", "dim")):
                self._tell(text, style)
            if opened is not None:
                opened()

        if not self._console.is_terminal:
            server.serve_forever(lambda _: show())
            return
        with Live(self, console=self._console, refresh_per_second=8, transient=False) as live:
            self._refresh = live.refresh
            server.serve_forever(lambda _: show())

    def _tell(self, text: str, style: str = "") -> None:
        if self._console.is_terminal:
            self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
            return
        # Whoever read the lines has gone (`| head -1`): the gateway goes on answering.
        with contextlib.suppress(BrokenPipeError):
            print(text, flush=True)

    def open(self, address: str) -> None:
        """Show a page in the browser of whoever runs this; where there is none, say so and go on."""
        try:
            found = webbrowser.open(address)
        except webbrowser.Error:
            found = False
        if not found:
            self._tell(f"--open: no browser was found; open {address} yourself", "yellow")

    def add(self, request: RecordedRequest) -> None:
        """Called from the server's thread with every finished request."""
        self._add(_cells(request))

    def add_exchange(self, exchange: Exchange) -> None:
        """The same for one that was recorded or replayed."""
        self._add(_exchange_cells(exchange))

    def add_unknown(self, told: str) -> None:
        """A request that the cassette does not have, and why."""
        self._tell(told, "red")

    def _add(self, cells: list[str]) -> None:
        self._count += 1
        self._latest.append(cells)
        if self._console.is_terminal:
            self._refresh()
        else:
            self._tell(" ".join(cells))

    def __rich__(self) -> Group:
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
        table.add_column("status", justify="right", no_wrap=True)
        # Where there is no room for all, these two fold; numbers are never cut.
        table.add_column("path", overflow="fold")
        table.add_column("model", overflow="fold")
        for name in ("tokens", "cost USD", "time"):
            table.add_column(name, justify="right", no_wrap=True)
        for status, *cells in tuple(self._latest):
            table.add_row(Text(status, style="green" if status.startswith("2") else "red"), *cells)
        return Group(table, Text(f"{self._count} request{'' if self._count == 1 else 's'}", style="dim"))


def _cells(request: RecordedRequest) -> list[str]:
    usage = request.usage or {}
    status = f"{request.status or '---'}" + (" left" if request.disconnected else "")
    tokens = f"{usage.get('prompt_tokens', 0)}+{usage.get('completion_tokens', 0)}" if usage else "-"
    took = "-" if request.duration is None else f"{request.duration * 1000:.0f} ms"
    cells = [
        status,
        f"{request.method} {request.path}" + (" stream" if request.stream else ""),
        request.model or "-",
        tokens,
        "-" if request.cost is None else f"{request.cost:f}",
        took,
    ]
    return [one_line(cell) for cell in cells]


def _exchange_cells(exchange: Exchange) -> list[str]:
    question, answer = exchange.question, exchange.answer
    body = question.body if question.is_json and isinstance(question.body, dict) else {}
    status = f"{answer.status}" + (" cut" if answer.ending == "cut" else "")
    took = answer.wait + (answer.chunks[-1].at if answer.chunks else 0.0)
    path = f"{question.method} {question.path}" + (" stream" if body.get("stream") else "")
    cells = [status, path, str(body.get("model") or "-"), "-", "-", f"{took * 1000:.0f} ms"]
    return [one_line(cell) for cell in cells]
