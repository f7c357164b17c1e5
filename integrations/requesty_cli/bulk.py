"""The command ``bulk``: its options; what it does is in ``bulk_run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import BaseUrl, Json, Region, connect

__all__ = ["bulk"]

ASKING = "What each row is asked"
PACE = "Pace and money"


def bulk(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Rows: a .jsonl, .csv, .tsv or .parquet file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Answers: a .jsonl, .csv or .parquet file.")],
    model: Annotated[str, typer.Option("--model", "-m", metavar="ID", help="The model to ask.")],
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What to ask; {name} is a column.", rich_help_panel=ASKING),
    ] = None,
    prompt_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same, from a file.", rich_help_panel=ASKING)
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A system message.", rich_help_panel=ASKING)
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON schema of the answers.", rich_help_panel=ASKING)
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Embed the rows instead of asking about them.", rich_help_panel=ASKING)
    ] = False,
    text: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="With --embed: the column that holds the texts.", rich_help_panel=ASKING),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Randomness, from 0.", rich_help_panel=ASKING)] = None,
    max_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="Longest answer, in tokens.", rich_help_panel=ASKING)
    ] = None,
    fallback: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A model to ask where the first fails; repeatable.", rich_help_panel=PACE),
    ] = None,
    budget: Annotated[str | None, typer.Option(metavar="USD", help="Stop at so much.", rich_help_panel=PACE)] = None,
    concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="Most requests at a time.", rich_help_panel=PACE)
    ] = None,
    as_json: Json = False,
    base_url: BaseUrl = None,
    region: Region = None,
) -> None:
    """Ask a model about every row of a file, or embed every row.

    Rows are kept in OUT.checkpoint as they are settled: after Ctrl-C, a spent
    budget or a crash, the same command goes on where it was, and asks again what
    failed. OUT is written at the end, with a line for each row and its error if
    it has one; status 1 if any has.

    [bold]Example:[/bold] requesty-adapters bulk reviews.csv labels.jsonl -m openai/gpt-4o-mini --prompt "Label: {text}"
    """
    from .bulk_run import Wanted, run_bulk

    wanted = Wanted(
        source,
        target,
        model,
        prompt=prompt,
        prompt_file=prompt_file,
        system=system,
        schema=schema,
        embed=embed,
        text=text,
        budget=budget,
        concurrency=concurrency,
        fields={"temperature": temperature, "max_tokens": max_tokens},
        fallbacks=fallback or [],
    )
    raise typer.Exit(0 if run_bulk(wanted, lambda: connect(base_url, region), as_json=as_json) else 1)
