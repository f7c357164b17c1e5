"""Wrong usage as one line: an unknown option, a missing argument, a value that is none of those there are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from .problems import UsageProblemError, tell

__all__ = ["OneLineGroup"]


class OneLineGroup(TyperGroup):
    """The commands; what is wrong with how they are called is told in one line, with status 2."""

    def main(self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **more: Any) -> Any:  # type: ignore[override]
        """Run a command and exit. Outside standalone mode, errors of usage are raised as they are."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **more)
        try:
            status = super().main(args, standalone_mode=False, **more)
        except typer.Abort:
            sys.exit(130)
        except Exception as error:
            message = getattr(error, "format_message", None)
            if message is None:
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                # Help was asked for, by saying nothing: it is no error to be told.
                error.show()  # type: ignore[attr-defined]
                sys.exit(2)
            tell(UsageProblemError(_told(message(), getattr(error, "ctx", None))))
            sys.exit(2)
        sys.exit(status if isinstance(status, int) else 0)


def _told(message: str, context: Any) -> str:
    line = message.replace("Value error, ", "").rstrip(".")
    return line if context is None else f"{line}; see {context.command_path} --help"
