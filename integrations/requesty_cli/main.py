"""Entry point of the `requesty-adapters` command."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line. Without the `[cli]` extra it says so in one line and exits with status 2."""
    try:
        try:
            from .app import app
        except ModuleNotFoundError as missing:
            if missing.name not in ("typer", "rich"):
                raise
            sys.exit(_need_extra(missing.name, "cli"))
        for stream in (sys.stdout, sys.stderr):
            # A terminal of another encoding shows an escape for what it lacks, where Python would end in an error.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        app()
    except KeyboardInterrupt:
        # Pressed while modules were still being imported.
        sys.exit(130)


def _need_extra(package: str | None, extra: str) -> int:
    print(
        f"requesty-adapters: {package} is not installed; run: pip install 'requesty-adapters[{extra}]'",
        file=sys.stderr,
    )
    return 2
