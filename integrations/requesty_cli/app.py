"""The commands. Each is a thin call of a function elsewhere, imported when it runs, so that the others stay quick."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from requesty_core import CostLedger, RequestyOptions, __version__

from .bulk import bulk
from .models import CAPABILITIES, Sort
from .options import BaseUrl, Json, ManagementUrl, Region, RegionName, connect, gateway_url
from .problems import EPILOG, ExtraMissingError, UsageProblemError, one_line_errors
from .spend import spend
from .testing import emulator, verify
from .usage_errors import OneLineGroup

__all__ = ["ApplicationName", "app"]

MODEL = "openai/gpt-4o-mini"

app = typer.Typer(
    name="requesty-adapters",
    cls=OneLineGroup,
    help=(
        "The Requesty gateway from the command line. The key is read from REQUESTY_API_KEY.\n\n"
        '[bold]Example:[/bold] requesty-adapters chat "Why is the sky blue?"'
    ),
    epilog=EPILOG,
    no_args_is_help=True,
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


@app.command(epilog=EPILOG)
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


@app.command(epilog=EPILOG)
@one_line_errors
def chat(
    prompt: Annotated[
        str | None, typer.Argument(help="The question; without it standard input, or a conversation.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help=f"Model id, policy/NAME included. Default: the resumed one's, or {MODEL}."),
    ] = None,
    fallback: Annotated[list[str] | None, typer.Option(help="Model to try when this one fails; repeatable.")] = None,
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Image, PDF, audio or text for the first question; repeatable."),
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Sampling temperature.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of an answer.")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="FILE", help="Go on with a saved conversation.")] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the conversation, without any key, in a JSON file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each turn, in a line.")] = False,
    cost: Annotated[bool, typer.Option(help="Tell model, tokens and cost on standard error.")] = True,
    reasoning: Annotated[bool, typer.Option(help="Show reasoning, dim, in a terminal.")] = True,
    base_url: BaseUrl = None,
    region: Region = None,
) -> None:
    """Ask a question, or hold a conversation; the answer is streamed.

    Standard output has the answer and nothing else. Ctrl-C stops the answer and closes the connection.

    [bold]Example:[/bold] requesty-adapters chat "Hello!" --fallback policy/spare
    """
    from .attach import attached
    from .chat import ChatOptions, run_chat
    from .conversation import Conversation, resumed, savable

    conversation = Conversation(MODEL) if resume is None else resumed(resume)
    if save is not None:
        savable(save, resume)
    if system and any(message["role"] == "system" for message in conversation.messages):
        raise UsageProblemError("--system: the resumed conversation has a system prompt; leave it out")
    if system:
        conversation.messages.insert(0, {"role": "system", "content": system})
    conversation.model = model or conversation.model
    sent = {"temperature": temperature, "max_tokens": max_tokens}
    options = ChatOptions(
        parameters={name: value for name, value in sent.items() if value is not None},
        attachments=[attached(path) for path in attach or ()],
        show_cost=cost,
        show_reasoning=reasoning,
        as_json=as_json,
        save_to=save,
    )
    ledger = CostLedger()
    # One trace id for the conversation keeps load balancing on one model.
    client = connect(base_url, region, fallbacks=fallback or [], ledger=ledger, options=RequestyOptions.conversation())
    run_chat(client, ledger, prompt, conversation, options)


@app.command(epilog=EPILOG)
@one_line_errors
def models(
    search: Annotated[str | None, typer.Argument(help="Text the id must contain.")] = None,
    capability: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"What the model must be able to do; repeatable: {', '.join(CAPABILITIES)}."),
    ] = None,
    provider: Annotated[str | None, typer.Option(help="First part of the id, such as openai.")] = None,
    app_id: Annotated[
        str | None, typer.Option("--app", help="Application the id is made for: coding or cline.")
    ] = None,
    hosted_in: Annotated[str | None, typer.Option(help="Where the model runs: global, eu, us, uk, ap, sg.")] = None,
    max_input_price: Annotated[
        float | None,
        typer.Option("--max-input-price", "--max-price", min=0, help="Most USD for a million input tokens."),
    ] = None,
    max_output_price: Annotated[float | None, typer.Option(min=0, help="Most USD for a million output tokens.")] = None,
    min_context: Annotated[int | None, typer.Option(min=1, help="Smallest context window in tokens.")] = None,
    sort: Annotated[Sort, typer.Option(help="Order; what is unknown comes last.")] = Sort.ID,
    descending: Annotated[bool, typer.Option("--descending", help="Largest first.")] = False,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Use the catalogue that ships with the package; needs no key."),
    ] = False,
    as_json: Json = False,
    base_url: BaseUrl = None,
    region: Region = None,
) -> None:
    """List models with context window and prices, filtered and sorted.

    A table in a terminal, lines with tabs in a pipe. "?" is unknown: it never
    meets a condition, and comes last in any order.

    [bold]Example:[/bold] requesty-adapters models claude --max-input-price 3
    """
    from .models import Filters, show_models

    filters = Filters(
        search=search,
        capability=tuple(capability or ()),
        provider=provider,
        app=app_id,
        hosted_in=hosted_in,
        max_input_price=max_input_price,
        max_output_price=max_output_price,
        min_context=min_context,
    )
    if offline and (base_url is not None or region is not None):
        raise UsageProblemError("--offline: asks no gateway; leave out --base-url and --region")
    client = None if offline else connect(base_url, region)
    show_models(filters, client=client, sort=sort, descending=descending, as_json=as_json)


@app.command(epilog=EPILOG)
@one_line_errors
def keys(
    as_json: Json = False, base_url: BaseUrl = None, region: Region = None, management_url: ManagementUrl = None
) -> None:
    """List the organisation's keys and what they spent this month.

    Their secrets are never shown. The key in use needs the "manage" permission.

    [bold]Example:[/bold] requesty-adapters keys --json
    """
    from .account import show_keys

    show_keys(connect(base_url, region, management_url), as_json=as_json)


@app.command(epilog=EPILOG)
@one_line_errors
def usage(
    days: Annotated[int, typer.Option(min=1, max=100, help="How far back.")] = 7,
    group_by: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="user_id, model_requested, model_used or extra.FIELD; repeatable."),
    ] = None,
    as_json: Json = False,
    base_url: BaseUrl = None,
    region: Region = None,
    management_url: ManagementUrl = None,
) -> None:
    """Show what the key has used, by day (UTC).

    [bold]Example:[/bold] requesty-adapters usage --days 30 --group-by model_used
    """
    from .account import show_usage

    client = connect(base_url, region, management_url)
    show_usage(client, days=days, group_by=group_by or [], as_json=as_json)


app.command(epilog=EPILOG)(one_line_errors(spend))
app.command(epilog=EPILOG)(one_line_errors(bulk))


@app.command(epilog=EPILOG)
@one_line_errors
def doctor(
    as_json: Json = False, base_url: BaseUrl = None, region: Region = None, management_url: ManagementUrl = None
) -> None:
    """Check key, gateway, latency, clock and installed frameworks.

    What is wrong comes with what to do about it. Costs nothing, no model is asked.
    The key is never shown. Status 1 if anything is bad.

    [bold]Example:[/bold] requesty-adapters doctor --region eu
    """
    try:
        from .doctor import key_or_its_problem, show_doctor
    except ModuleNotFoundError as missing:
        raise ExtraMissingError(missing.name or "packaging", "cli") from None
    client = connect(base_url, region, management_url, max_retries=0, timeout=15.0, api_key=key_or_its_problem())
    raise typer.Exit(show_doctor(client, source=_source(base_url, region), as_json=as_json))


def _source(base_url: str | None, region: RegionName | None) -> str:
    """Where the base URL comes from, in the order of ``Config.build``."""
    if base_url is not None:
        return "--base-url"
    if region is not None:
        return "--region"
    return next((name for name in ("REQUESTY_BASE_URL", "REQUESTY_API_BASE") if os.environ.get(name)), "the default")


class ApplicationName(StrEnum):
    """The applications of :data:`configure.applications.APPLICATIONS`; a test keeps the two alike."""

    ROO_CODE = "roo-code"
    CLINE = "cline"
    CLAUDE_CODE = "claude-code"
    LIBRECHAT = "librechat"
    OPENWEBUI = "openwebui"
    CODEX = "codex"
    QWEN_CODE = "qwen-code"
    OPENCODE = "opencode"
    CLINE_CLI = "cline-cli"
    VSCODE = "vscode"


@app.command(epilog=EPILOG)
@one_line_errors
def configure(
    application: Annotated[ApplicationName, typer.Argument(help="The application to point at the gateway.")],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model id, taken as it is. Default: one that suits it.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write instead of the application's own.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the settings into the file, after a backup of what is there.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the gateway first whether it lists the model; needs REQUESTY_API_KEY.")
    ] = False,
    key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable in which the application finds the key.")
    ] = "REQUESTY_API_KEY",
    as_json: Json = False,
    base_url: BaseUrl = None,
    region: Region = None,
) -> None:
    """Print the settings that point another application at the gateway.

    Standard output has the settings; standard error says where they belong and
    what else to do. --write puts them into the file and changes nothing else
    there; a second run changes nothing. No key is ever printed or written.

    [bold]Example:[/bold] requesty-adapters configure codex --region eu --write
    """
    from .configure.command import show_configure

    show_configure(
        application.value,
        base_url=gateway_url(base_url, region),
        model=model,
        key_env=key_env,
        file=file,
        write=write,
        check=connect(base_url, region) if check else None,
        as_json=as_json,
    )


app.command(epilog=EPILOG)(emulator)
app.command(epilog=EPILOG)(verify)
