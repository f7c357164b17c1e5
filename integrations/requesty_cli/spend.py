"""The command ``spend``: its options; what it does is in ``spend_report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import BaseUrl, Json, ManagementUrl, Region, connect
from .problems import UsageProblemError

__all__ = ["NAMES", "spend"]

NAMES = ("model", "tag", "user", "day", "framework", "key")


def spend(
    by: Annotated[str, typer.Option(metavar="NAME", help=f"What to add up by: {', '.join(NAMES)}.")] = "model",
    since: Annotated[str | None, typer.Option(metavar="DAY", help="First day, as 2026-11-26 or 7d (UTC).")] = None,
    ledger: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Path or URL of the ledger. Default: REQUESTY_LEDGER.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Also draw it, into a .png or .svg.")] = None,
    against: Annotated[
        bool, typer.Option("--reconcile", help="Hold it against the gateway's report, by day and key.")
    ] = False,
    key_id: Annotated[
        list[str] | None,
        typer.Option(metavar="FINGERPRINT=ID", help="Another key to compare, by its id at the gateway; repeatable."),
    ] = None,
    as_json: Json = False,
    base_url: BaseUrl = None,
    region: Region = None,
    management_url: ManagementUrl = None,
) -> None:
    """Show what a ledger holds: calls, tokens and cost by model, tag, user, …

    --reconcile asks the management API what the key in use was billed, and names
    the days that differ; status 1 if there are any. Nothing else asks the gateway.

    [bold]Example:[/bold] requesty-adapters spend --ledger spend.db --by tag
    """
    from .spend_report import check_picture, day_of, grouping, open_history, plot_spend, show_reconciled, show_spend

    name = grouping(by)
    first = day_of(since, "--since")
    if plot is not None:
        check_picture(plot)
    history = open_history(ledger)
    if against:
        if plot is not None:
            raise UsageProblemError("--plot: draws no --reconcile; leave one of them out")
        client = connect(base_url, region, management_url)
        raise typer.Exit(
            not show_reconciled(history, client, since=first, keys=key_id or [], as_json=as_json),
        )
    found = show_spend(history, by=name, since=first, as_json=as_json)
    if plot is not None:
        plot_spend(found, name, plot)
