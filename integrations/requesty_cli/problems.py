"""What ends a command early, and the exit status it ends with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import typer
from rich.console import Console

from requesty_core import RequestyError
from requesty_core.errors import ConfigurationError, MissingKeyError
from requesty_core.extras import MissingExtraError
from requesty_core.settings.checks import begins_like_a_key

from .harmless import one_line

__all__ = [
    "EPILOG",
    "EXIT_CODES",
    "ExtraMissingError",
    "StepFailedError",
    "UsageProblemError",
    "one_line_errors",
    "tell",
    "without_secrets",
]

HIDDEN = "********"

EXIT_CODES = {
    0: "done",
    1: "the gateway or a step failed",
    2: "wrong usage: an option, a setting, a file or a missing extra",
    130: "interrupted with Ctrl-C",
}
"""Every status a command can end with, and what it means."""

EPILOG = "Exit codes: " + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."
"""What stands below the help of every command."""

NO_KEY = "no API key: set REQUESTY_API_KEY (keys are made at app.requesty.ai)"

P = ParamSpec("P")
R = TypeVar("R")


class UsageProblemError(Exception):
    """Something given to a command is unusable; nothing was done."""


class StepFailedError(Exception):
    """A step of a command that needs no gateway failed."""


class ExtraMissingError(Exception):
    """A command needs an optional part of the package."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)

    def __str__(self) -> str:
        return "{} is not installed; run: pip install 'requesty-adapters[{}]'".format(*self.args)


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what is expected to go wrong into one line on standard error and an exit status.

    A reader that closed the pipe (``| head -1``) has had enough, which is no failure.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()
        except (RequestyError, StepFailedError, ExtraMissingError, UsageProblemError) as error:
            tell(error)
            usage = isinstance(error, (ConfigurationError, ExtraMissingError, UsageProblemError))
            raise typer.Exit(2 if usage else 1) from None
        except MissingExtraError as missing:
            # Whoever runs commands wants the extra of the command line, which has the others that it needs.
            tell(ExtraMissingError(missing.name or "a package", "cli"))
            raise typer.Exit(2) from None
        except BrokenPipeError:
            # Nothing may be written at the interpreter's end either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            # A name that is too long, a disk that is full: the system's words, and what they are about.
            about = "" if error.filename is None else f"{error.filename}: "
            tell(StepFailedError(f"{about}{error.strerror or error}"))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        return result

    return run


def without_secrets(line: str, arguments: Sequence[str]) -> str:
    """The line without those of the command's arguments that are keys, and without the passwords of URLs.

    A key in the place of a prompt, or a ledger's URL without its option, would be repeated as what is wrong.
    """
    for argument in arguments:
        for text in (argument.lstrip("-"), argument.partition("=")[2]):
            if begins_like_a_key(text):
                line = line.replace(text, HIDDEN)
            if password := _password(text):
                line = line.replace(password, HIDDEN)
    return line


def _password(text: str) -> str | None:
    try:
        return urlsplit(text).password
    except ValueError:  # No URL.
        return None


def tell(error: Exception) -> None:
    """One line on standard error."""
    line = NO_KEY if isinstance(error, MissingKeyError) else one_line(without_secrets(str(error), sys.argv[1:]))
    Console(stderr=True).print(
        f"requesty-adapters: {line}", style="red", markup=False, highlight=False, soft_wrap=True, emoji=False
    )
