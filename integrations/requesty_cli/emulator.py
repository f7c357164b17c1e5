"""``requesty-adapters emulator``: a local gateway in the foreground, with its requests as they come."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from requesty_emulator import GatewayEmulator, RecordedRequest

from .harmless import one_line

__all__ = ["run_emulator"]

SHOWN = 15


def run_emulator(*, port: int, scenario: Path | None, seed: int, api_key: str | None) -> None:
    """Serve until interrupted. Raises ``ConfigError`` for an unusable scenario, port or key."""
    console = Console()
    board = _Board(console)
    gateway = GatewayEmulator(seed=seed, scenario=scenario, port=port, api_key=api_key, on_request=board.add)

    def show() -> None:
        lines = (
            (f"base URL  {gateway.base_url}\nAPI key   {gateway.api_key}", ""),
            ("Point a client at it:", "dim"),
            (f"  export REQUESTY_BASE_URL={gateway.base_url} REQUESTY_API_KEY={gateway.api_key}", ""),
            ("Ctrl-C ends it.\n", "dim"),
        )
        for text, style in lines:
            if console.is_terminal:
                console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
            else:
                with contextlib.suppress(BrokenPipeError):
                    print(text, flush=True)

    if console.is_terminal:
        with Live(board, console=console, refresh_per_second=8, transient=False) as live:
            board.refresh = live.refresh
            gateway.serve_forever(lambda _: show())
    else:
        gateway.serve_forever(lambda _: show())


class _Board:
    """The latest requests: a table in a terminal, a line each in a pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._latest: deque[RecordedRequest] = deque(maxlen=SHOWN)
        self._count = 0
        self.refresh: Callable[[], None] = lambda: None

    def add(self, request: RecordedRequest) -> None:
        """Called from the server's thread with every finished request."""
        self._count += 1
        self._latest.append(request)
        if self._console.is_terminal:
            self.refresh()
        else:
            # Whoever read the lines has gone (`| head -1`): the gateway goes on answering.
            with contextlib.suppress(BrokenPipeError):
                print(" ".join(_cells(request)), flush=True)

    def __rich__(self) -> Group:
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
        table.add_column("status", justify="right", no_wrap=True)
        # Where there is no room for all, these two fold; numbers are never cut.
        table.add_column("path", overflow="fold")
        table.add_column("model", overflow="fold")
        for name in ("tokens", "cost USD", "time"):
            table.add_column(name, justify="right", no_wrap=True)
        for request in tuple(self._latest):
            status, *cells = _cells(request)
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
