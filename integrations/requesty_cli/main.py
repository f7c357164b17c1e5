"""Entry point of the `requesty-adapters` command."""

from __future__ import annotations

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
