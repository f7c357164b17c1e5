"""``models``, ``keys``, ``usage`` and ``doctor``: what the gateway knows, and whether this machine reaches it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from requesty_core import RequestyClient, RequestyError
from requesty_core.catalog import Catalog, ModelInfo, bundled

__all__ = ["show_doctor", "show_keys", "show_models", "show_usage"]

MILLION = Decimal(1_000_000)


def _emit(columns: Sequence[tuple[str, str]], rows: list[dict[str, Any]], as_json: bool) -> None:
    """Rows as a table, as JSON, or in a pipe as lines with tabs."""
    if as_json:
        print(json.dumps(rows, indent=2, default=str))
        return
    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(_shown(row[name]) for name, _ in columns))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, (_, title) in enumerate(columns):
        table.add_column(title, justify="left" if number == 0 else "right", no_wrap=number > 0, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[name]) for name, _ in columns))
    console.print(table)
    console.print(f"{len(rows)} rows", style="dim", highlight=False)


def _shown(value: Any) -> str:
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def show_models(
    *,
    search: str | None,
    capabilities: list[str],
    provider: str | None,
    application: str | None,
    region: str | None,
    max_input_price: float | None,
    min_context: int | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Models that meet every condition. Raises ``TypeError`` for an unknown capability, else ``RequestyError``."""
    catalog: Catalog = bundled() if offline else RequestyClient().models.catalog()
    limit = None if max_input_price is None else Decimal(str(max_input_price)) / MILLION
    wanted: dict[str, Any] = dict.fromkeys((name.replace("-", "_") for name in capabilities), True)
    found = catalog.filter(
        provider=provider,
        application=application,
        geolocation=region,
        min_context=min_context,
        max_input_price=limit,
        where=lambda model: search is None or search.lower() in model.id.lower(),
        **wanted,
    )
    columns = (
        ("id", "model"),
        ("context", "context"),
        ("input", "USD/M in"),
        ("output", "USD/M out"),
        ("tools", "tools"),
    )
    _emit(columns, [_row(model) for model in found], as_json)


def _row(model: ModelInfo) -> dict[str, Any]:
    return {
        "id": model.id,
        "context": model.context_window,
        "input": _per_million(model.input_price),
        "output": _per_million(model.output_price),
        "tools": model.supports_tool_calling,
        "vision": model.supports_vision,
        "reasoning": model.supports_reasoning,
        "region": model.geolocation,
    }


def _per_million(price: Decimal | None) -> Decimal | None:
    return None if price is None else (price * MILLION).normalize()


def show_keys(*, as_json: bool) -> None:
    """The organisation's keys; never their secrets. Raises ``RequestyError``."""
    rows = [
        {
            "name": key.name,
            "spent": key.monthly_spend,
            "limit": key.monthly_limit,
            "expires": key.expires_at,
            "id": key.id,
        }
        for key in RequestyClient().management.keys.list()
    ]
    columns = (("name", "key"), ("spent", "spent USD"), ("limit", "limit USD"), ("expires", "expires"), ("id", "id"))
    _emit(columns, rows, as_json)


def show_usage(*, days: int, group_by: str | None, as_json: bool) -> None:
    """Usage of the key by day, or by what it is grouped by. Raises ``RequestyError``."""
    start = datetime.now(tz=UTC) - timedelta(days=days)
    groups = [group_by] if group_by else []
    usage = RequestyClient().management.keys.usage
    rows: list[dict[str, Any]] = []
    for period in usage(start=start, end=datetime.now(tz=UTC), resolution="day", group_by=groups):
        for entry in period.groups or (period,):
            rows.append(
                {
                    "period": period.period[:10],
                    "group": ", ".join(map(str, entry.group.values())),
                    "requests": entry.total_requests,
                    "tokens": entry.total_tokens,
                    "spend": entry.spend,
                }
            )
    columns = [("period", "day"), ("requests", "requests"), ("tokens", "tokens"), ("spend", "USD")]
    if group_by:
        columns.insert(1, ("group", group_by))
    _emit(columns, rows, as_json)


# --- doctor -----------------------------------------------------------------------------------------------------------

FRAMEWORKS = {
    "langchain-core": "langchain",
    "llama-index-core": "llama-index",
    "haystack-ai": "haystack",
    "pydantic-ai-slim": "pydantic-ai",
    "openai": "openai",
}


def show_doctor() -> int:
    """Key, address, latency and installed frameworks, with a verdict; 1 if something is wrong."""
    console = Console()
    client = RequestyClient(max_retries=0)
    good = True

    def line(ok: bool | None, what: str, told: str) -> None:
        nonlocal good
        good &= ok is not False
        mark = {True: "[green]ok[/green]  ", False: "[red]bad[/red] ", None: "[dim]--[/dim]  "}[ok]
        console.print(f"{mark}{what:<14}", end="")
        console.print(told, markup=False, highlight=False, soft_wrap=True)

    line(True, "base URL", client.base_url)
    started = time.perf_counter()
    try:
        client.management.check_auth()
        line(True, "key", "accepted")
    except RequestyError as error:
        line(False, "key", error.message)
    line(None, "latency", f"{(time.perf_counter() - started) * 1000:.0f} ms for the first request")
    try:
        started = time.perf_counter()
        models = client.models.list()
        line(True, "models", f"{len(models)} listed in {(time.perf_counter() - started) * 1000:.0f} ms")
    except RequestyError as error:
        line(False, "models", error.message)
    for package, extra in FRAMEWORKS.items():
        try:
            line(True, extra, f"{package} {version(package)}")
        except PackageNotFoundError:
            line(None, extra, f"not installed (pip install 'requesty-adapters[{extra}]')")
    console.print("\nEverything needed is in place." if good else "\nSomething is wrong; see the lines marked bad.")
    return 0 if good else 1
