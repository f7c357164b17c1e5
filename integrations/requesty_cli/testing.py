"""The commands that stand in for a gateway, or put one to the test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import BaseUrl, Json, ManagementUrl, Region
from .problems import ExtraMissingError, UsageProblemError, one_line_errors

__all__ = ["emulator", "verify"]

CASSETTES = "Cassettes"


Record = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Pass requests on to --upstream and write what it answers to a cassette, without keys.",
        rich_help_panel=CASSETTES,
    ),
]
Upstream = Annotated[
    str | None, typer.Option(metavar="URL", help="Server to record, with its /v1.", rich_help_panel=CASSETTES)
]
Replay = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Answer from a cassette and refuse the rest.", rich_help_panel=CASSETTES),
]
Mixed = Annotated[
    bool, typer.Option("--mixed", help="With --replay: the emulator answers the rest.", rich_help_panel=CASSETTES)
]
Repeat = Annotated[
    bool, typer.Option("--repeat", help="With --replay: used-up answers begin again.", rich_help_panel=CASSETTES)
]
Timing = Annotated[
    float | None,
    typer.Option(
        help="With --replay: factor on the recorded waits; 1 as recorded. Default: no waits.",
        rich_help_panel=CASSETTES,
    ),
]


@one_line_errors
def emulator(
    port: Annotated[int, typer.Option(help="Port on the loopback interface; 0 takes a free one.")] = 0,
    scenario: Annotated[
        Path | None, typer.Option(help="JSON or TOML file with keys, policies, faults, answers and switches.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same ids and answers.")] = 0,
    api_key: Annotated[str | None, typer.Option(help="Key to accept; made from the seed by default.")] = None,
    opens: Annotated[bool, typer.Option("--open", help="Show the requests in the browser as well.")] = False,
    record: Record = None,
    upstream: Upstream = None,
    replay: Replay = None,
    mixed: Mixed = False,
    repeat: Repeat = False,
    timing: Timing = None,
) -> None:
    """Run a local gateway and show its requests as they come.

    It answers on this machine only, without a key of yours and without cost.
    The address of the requests is a page for the browser; --open opens it.
    --record passes requests on instead and keeps the answers; --replay answers
    from those. Ctrl-C ends it, with status 0.

    [bold]Example:[/bold] requesty-adapters emulator --scenario faults.toml
    """
    _check_modes(record, upstream, replay, {"--mixed": mixed, "--repeat": repeat, "--timing": timing is not None})
    if opens and (record or replay):
        raise UsageProblemError("--open: shows the emulator's requests; leave it out with --record and --replay")
    if (record or (replay and not mixed)) and (scenario or seed or api_key):
        name = "--scenario" if scenario else "--seed" if seed else "--api-key"
        raise UsageProblemError(f"{name}: nothing is emulated here; leave it out, or add --replay FILE --mixed")
    try:
        from requesty_emulator import ConfigError

        from .emulator import run_emulator, run_recorder, run_replayer
    except ModuleNotFoundError as missing:
        raise ExtraMissingError(missing.name or "a package", "cli") from None
    made: dict[str, Any] = {"seed": seed, "scenario": scenario, "api_key": api_key}
    try:
        if record is not None and upstream is not None:
            run_recorder(record, upstream, port=port)
        elif replay is not None:
            run_replayer(replay, port=port, timing=timing or 0.0, repeat=repeat, emulator=made if mixed else None)
        else:
            run_emulator(port=port, opens=opens, **made)
    except BrokenPipeError:
        raise
    except (ConfigError, OSError) as error:
        raise UsageProblemError(str(error)) from None


def _check_modes(record: Path | None, upstream: str | None, replay: Path | None, only: dict[str, bool]) -> None:
    """What goes together. Raises ``UsageProblemError`` that names the option."""
    if record is not None and replay is not None:
        raise UsageProblemError("--record: given together with --replay; give only one of them")
    if record is not None and upstream is None:
        raise UsageProblemError("--record: needs --upstream URL, the server to record")
    if upstream is not None and record is None:
        raise UsageProblemError("--upstream: is for --record FILE; nothing else calls another server")
    given = next((name for name, value in only.items() if value), None)
    if given is not None and replay is None:
        raise UsageProblemError(f"{given}: is for --replay FILE")


@one_line_errors
def verify(
    live: Annotated[bool, typer.Option("--live", help="Ask the real gateway; needs REQUESTY_API_KEY.")] = False,
    budget: Annotated[str, typer.Option(metavar="USD", help="The most that the run may cost.")] = "0.10",
    writes: Annotated[
        bool,
        typer.Option("--writes", help="Also make and delete a key, a group and an access list, and send feedback."),
    ] = False,
    report: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write the report: JSON into a .json file, else text; repeatable."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model for chat, instead of openai/gpt-4o-mini.")
    ] = None,
    embedding_model: Annotated[
        str | None, typer.Option(help="Model for embeddings, instead of openai/text-embedding-3-small.")
    ] = None,
    as_json: Json = False,
    base_url: BaseUrl = None,
    region: Region = None,
    management_url: ManagementUrl = None,
) -> None:
    """Check the wire contract against a gateway, fact by fact.

    Without --live a fresh emulator is asked. Each fact is confirmed, contradicted
    (with the bytes, the key taken out) or not testable (with why). The run stops
    before it could cost more than the budget, and without --writes it changes
    nothing at the gateway. Status 1 if anything is contradicted.

    [bold]Example:[/bold] requesty-adapters verify --live --report verify.json
    """
    if not live and (base_url or region or management_url):
        raise UsageProblemError("--base-url, --region, --management-url: are for --live")
    try:
        from .verify.command import budget_of, emulated, live_target, run_verify
    except ModuleNotFoundError as missing:
        raise ExtraMissingError(missing.name or "a package", "cli") from None
    models = {role: name for role, name in {"chat": model, "embedding": embedding_model}.items() if name}
    settings: dict[str, Any] = {"live": live, "budget": budget_of(budget), "writes": writes, "models": models}
    settings |= {"reports": report or [], "as_json_text": as_json}
    if live:
        raise typer.Exit(run_verify(live_target(base_url, region, management_url), **settings))
    with emulated() as target:
        raise typer.Exit(run_verify(target, **settings))
