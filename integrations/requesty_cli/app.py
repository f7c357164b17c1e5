"""The commands. Each is a thin call of a function elsewhere; errors of the package end in one line and status 1.

Exit codes: 0 done, 1 the gateway or a step failed, 2 wrong usage or a missing extra.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console

from requesty_core import RequestyError, __version__

__all__ = ["app"]

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    name="requesty-adapters",
    help="The Requesty gateway from the command line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the package's own errors into one line on stderr and exit status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (RequestyError, ExtraMissingError, UsageProblemError) as error:
            Console(stderr=True).print(
                f"requesty-adapters: {error}", style="red", markup=False, highlight=False, soft_wrap=True
            )
            raise typer.Exit(1 if isinstance(error, RequestyError) else 2) from None

    return run


class UsageProblemError(Exception):
    """Something given to a command is unusable."""


class ExtraMissingError(Exception):
    """A command needs an optional part of the package."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'requesty-adapters[{extra}]'")


@app.command()
@one_line_errors
def demo(
    live: Annotated[bool, typer.Option("--live", help="Talk to the real gateway; needs REQUESTY_API_KEY.")] = False,
    model: Annotated[str, typer.Option(help="Model that answers.")] = "openai/gpt-4o-mini",
    tool_model: Annotated[str, typer.Option(help="Model that calls the tool.")] = "anthropic/claude-sonnet-4-5",
) -> None:
    """Stream an answer, run one tool round trip, and show what it cost.

    Without --live everything happens on this machine, against the emulator.

    [bold]Example:[/bold] requesty-adapters demo --model openai/gpt-4o
    """
    try:
        from .demo import run_demo
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        extra = {"langchain_core": "langchain,cli", "starlette": "cli", "uvicorn": "cli"}.get(name)
        if extra is None:
            raise
        raise ExtraMissingError(name, extra) from None
    raise typer.Exit(run_demo(live=live, model=model, tool_model=tool_model))


@app.command()
@one_line_errors
def emulator(
    port: Annotated[int, typer.Option(help="Port on the loopback interface; 0 takes a free one.")] = 0,
    scenario: Annotated[
        Path | None, typer.Option(help="JSON or TOML file with keys, policies, faults, answers and switches.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same ids and answers.")] = 0,
    api_key: Annotated[str | None, typer.Option(help="Key to accept; made from the seed by default.")] = None,
) -> None:
    """Run a local gateway and show its requests as they come.

    It answers on this machine only, without a key of yours and without cost.

    [bold]Example:[/bold] requesty-adapters emulator --port 8765 --scenario faults.toml
    """
    try:
        from requesty_emulator import ConfigError

        from .emulator import run_emulator
    except ModuleNotFoundError as missing:
        raise ExtraMissingError(missing.name or "a package", "cli") from None
    try:
        run_emulator(port=port, scenario=scenario, seed=seed, api_key=api_key)
    except (ConfigError, OSError) as error:
        raise UsageProblemError(str(error)) from None


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@one_line_errors
def chat(
    prompt: Annotated[
        str | None, typer.Argument(help="The question; without it standard input, or a conversation.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model id, policy/NAME included.")] = "openai/gpt-4o-mini",
    fallback: Annotated[list[str] | None, typer.Option(help="Model to try when this one fails; repeatable.")] = None,
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    cost: Annotated[bool, typer.Option(help="Tell model, tokens and cost on standard error.")] = True,
) -> None:
    """Ask a question, or hold a conversation; the answer is streamed.

    [bold]Example:[/bold] echo "Why is the sky blue?" | requesty-adapters chat -m openai/gpt-4o --fallback policy/spare
    """
    from .chat import run_chat

    run_chat(prompt, model=model, fallbacks=fallback or [], system=system, show_cost=cost)


@app.command()
@one_line_errors
def models(
    search: Annotated[str | None, typer.Argument(help="Text the id must contain.")] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="vision, reasoning, tool-calling, caching, json-schema, …; repeatable.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="First part of the id, such as openai.")] = None,
    app_id: Annotated[str | None, typer.Option("--app", help="Dedicated application: coding or cline.")] = None,
    region: Annotated[str | None, typer.Option(help="Where the model runs, such as eu.")] = None,
    max_price: Annotated[float | None, typer.Option(help="Most USD for a million input tokens.")] = None,
    min_context: Annotated[int | None, typer.Option(help="Smallest context window in tokens.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use the catalogue that ships with the package.")] = False,
    as_json: Json = False,
) -> None:
    """List models and their prices.

    [bold]Example:[/bold] requesty-adapters models claude --capability vision --max-price 3
    """
    from .account import show_models

    try:
        show_models(
            search=search,
            capabilities=capability or [],
            provider=provider,
            application=app_id,
            region=region,
            max_input_price=max_price,
            min_context=min_context,
            offline=offline,
            as_json=as_json,
        )
    except TypeError as error:
        raise UsageProblemError(f"--capability: {error}") from None


@app.command()
@one_line_errors
def keys(as_json: Json = False) -> None:
    """List the organisation's keys with what they spent; never their secrets.

    [bold]Example:[/bold] requesty-adapters keys --json
    """
    from .account import show_keys

    show_keys(as_json=as_json)


@app.command()
@one_line_errors
def usage(
    days: Annotated[int, typer.Option(min=1, max=100, help="How far back.")] = 7,
    group_by: Annotated[str | None, typer.Option(help="user_id, model_requested, model_used or extra.FIELD.")] = None,
    as_json: Json = False,
) -> None:
    """Show what the key has used, by day.

    [bold]Example:[/bold] requesty-adapters usage --days 30 --group-by model_used
    """
    from .account import show_usage

    show_usage(days=days, group_by=group_by, as_json=as_json)


@app.command()
@one_line_errors
def doctor() -> None:
    """Check key, address, latency and installed frameworks.

    [bold]Example:[/bold] requesty-adapters doctor
    """
    from .account import show_doctor

    raise typer.Exit(show_doctor())
