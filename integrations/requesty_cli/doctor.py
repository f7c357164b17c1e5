"""``doctor``: whether this machine reaches the gateway, as whom, and with which frameworks."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from requesty_core import RequestyClient, RequestyError, __version__
from requesty_core.catalog import bundled
from requesty_core.errors import AuthenticationError, ConfigurationError, MissingKeyError
from requesty_core.settings.config import REGIONS, ApiKey

from .frameworks import Framework, frameworks
from .harmless import one_line
from .models import age_of, fetch, retiring
from .output import print_json
from .probe import Probe, clock_skew, probe

__all__ = ["Finding", "examine", "key_or_its_problem", "region_of", "show_doctor"]

Status = Literal["ok", "bad", "warn", "info"]
MOST_SKEW = 60.0
PROBES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``bad`` makes the verdict bad and comes with advice; ``warn`` only comes with advice."""

    name: str
    status: Status
    detail: str
    advice: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


def region_of(base_url: str) -> str | None:
    """The region whose gateway a base URL is, ``None`` for any other host."""
    host = urlsplit(base_url).hostname
    return next((name for name, url in REGIONS.items() if urlsplit(url).hostname == host), None)


def examine(
    client: RequestyClient,
    *,
    source: str,
    measure: Callable[[str, int], Probe] = probe,
    installed: Callable[[], list[Framework]] = frameworks,
) -> Iterator[Finding]:
    """Every finding, as it is made. ``source`` says where the base URL comes from; the key is never shown."""
    yield Finding("python", "ok", f"{platform.python_version()}, requesty-adapters {__version__}")
    base_url, management = client.base_url, client.settings.config.management_url
    region = region_of(base_url)
    yield Finding(
        "base URL",
        "ok",
        f"{base_url} ({'no Requesty region' if region is None else f'region {region}'}; from {source})",
        data={"url": base_url, "region": region, "source": source},
    )
    yield Finding("management", "ok", management, data={"url": management})
    try:
        measured = measure(base_url, PROBES)
    except RequestyError as error:
        yield Finding("latency", "bad", error.message, "check the network, the proxy and the base URL")
        yield _key_present() or Finding("key", "info", "set (REQUESTY_API_KEY); not tried, the gateway is out of reach")
        yield Finding("clock", "info", "unknown: no answer to compare with")
    else:
        yield _latency(measured)
        yield from _account(client)
        yield _clock(measured)
    yield Finding("catalogue", "info", f"in the package: {age_of(bundled())}", data={"as_of": bundled().as_of})
    yield from _frameworks(installed())


def _latency(measured: Probe) -> Finding:
    low, middle, first = (1000 * s for s in (measured.shortest, measured.median, measured.first.seconds))
    count = len(measured.others)
    return Finding(
        "latency",
        "ok",
        f"{low:.0f} ms at best, {middle:.0f} ms median of {count} requests; {first:.0f} ms to connect and ask once",
        data={"requests": count, "min_ms": round(low, 1), "median_ms": round(middle, 1), "first_ms": round(first, 1)},
    )


def _key_present() -> Finding | None:
    """A finding if there is no key at all."""
    if os.environ.get("REQUESTY_API_KEY"):
        return None
    return Finding(
        "key", "bad", "REQUESTY_API_KEY is not set", "export REQUESTY_API_KEY=... (make a key at app.requesty.ai)"
    )


def key_or_its_problem() -> Callable[[], str] | None:
    """What to make a client with: nothing, or what tells of the key's problem where the key is asked for.

    A key that cannot be one would end the command before it had looked at anything.
    """
    try:
        ApiKey()
    except ConfigurationError as error:
        problem = error
    else:
        return None

    def tell() -> str:
        raise problem

    return tell


def _account(client: RequestyClient) -> Iterator[Finding]:
    absent = _key_present()
    if absent is not None:
        yield absent
        yield Finding("models", "info", "not asked: needs a key")
        return
    where = "set (REQUESTY_API_KEY)"
    try:
        client.management.check_auth()
    except (MissingKeyError, ConfigurationError) as error:
        yield Finding("key", "bad", f"{where} but unusable: {error.message}", "copy the key again")
        yield Finding("models", "info", "not asked: needs a key")
        return
    except AuthenticationError as error:
        yield Finding(
            "key", "bad", f"{where}, refused: {error.message}", "use another key, or make one at app.requesty.ai"
        )
    except RequestyError as error:
        yield Finding(
            "key", "bad", f"{where}, not checked: {error.message}", "check --management-url; the models line tells more"
        )
    else:
        yield Finding("key", "ok", f"{where}, accepted")
    try:
        models = fetch(client)
    except RequestyError as error:
        yield Finding("models", "bad", error.message, "check the base URL, which ends in /v1, and what the key may use")
    else:
        yield Finding("models", "ok", f"{len(models)} listed", data={"count": len(models)})
        if (going := retiring(models.values())) is not None:
            yield Finding("retiring", "warn", going, "move what uses them to other models")


def _clock(measured: Probe) -> Finding:
    skew = clock_skew((*measured.others, measured.first)[0])
    if skew is None:
        return Finding("clock", "info", "unknown: the gateway's answers carry no date", data={"skew_s": None})
    data = {"skew_s": round(skew, 1)}
    if abs(skew) <= MOST_SKEW:
        shown = "in step with" if abs(skew) < 2 else f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}"
        return Finding("clock", "ok", f"{shown} the gateway's", data=data)
    side = "ahead of" if skew > 0 else "behind"
    return Finding(
        "clock",
        "warn",
        f"{abs(skew):.0f} s {side} the gateway's",
        "set the clock; usage by day and expiry need it",
        data,
    )


def _frameworks(found: list[Framework]) -> Iterator[Finding]:
    if not found:
        yield Finding("frameworks", "info", "unknown: requesty-adapters runs from its source, without metadata")
    for one in found:
        install = f"pip install 'requesty-adapters[{one.extra}]'"
        data = {"package": one.package, "installed": one.installed, "supported": one.supported}
        if one.installed is None:
            yield Finding(one.extra, "info", f"not installed ({install})", data=data)
        elif one.is_supported:
            yield Finding(one.extra, "ok", f"{one.package} {one.installed} (supported: {one.supported})", data=data)
        else:
            detail = f"{one.package} {one.installed} is outside the supported {one.supported}"
            yield Finding(one.extra, "bad", detail, install.replace("install", "install --upgrade", 1), data)


def show_doctor(client: RequestyClient, *, source: str, as_json: bool) -> int:
    """Print the findings and a verdict. Returns the exit status: 1 if something is wrong."""
    if as_json:
        findings = list(examine(client, source=source))
        bad = [f.name for f in findings if f.status == "bad"]
        checks = [
            {"name": f.name, "status": f.status, "detail": f.detail, "advice": f.advice, **f.data} for f in findings
        ]
        print_json({"ok": not bad, "bad": bad, "checks": checks})
        return 1 if bad else 0
    console = Console()
    bad = []
    for finding in examine(client, source=source):
        _print(console, finding)
        if finding.status == "bad":
            bad.append(finding.name)
    if bad:
        console.print(
            f"\nNot ready: {', '.join(bad)}. What to do stands below each line.", markup=False, highlight=False
        )
        return 1
    console.print("\nReady: the gateway answers and accepts the key.", highlight=False)
    return 0


MARKS = {"ok": "green", "bad": "red", "warn": "yellow", "info": "dim"}


def _print(console: Console, finding: Finding) -> None:
    mark = "--" if finding.status == "info" else finding.status
    advice = None if finding.advice is None else f"-> {one_line(finding.advice)}"
    detail = one_line(finding.detail)
    if not console.is_terminal:
        print(f"{mark:<4} {finding.name:<11} {detail}", flush=True)
        if advice is not None:
            print(f"{'':<16} {advice}", flush=True)
        return
    # A grid keeps long texts in their column.
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=4)
    grid.add_column(width=11)
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark, style=MARKS[finding.status]), finding.name, Text(detail))
    if advice is not None:
        grid.add_row("", "", Text(advice))
    console.print(grid, highlight=False)
