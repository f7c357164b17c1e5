"""``requesty-adapters verify``: which gateway, how much it may cost, and where the report goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path

from rich.console import Console

from requesty_cli.options import RegionName, connect
from requesty_cli.output import check_writable
from requesty_cli.problems import UsageProblemError
from requesty_core.settings.config import Config
from requesty_emulator import GatewayEmulator, Policy

from .report import as_json, counts, dumped, evidence_of, head_of, line_of, summary, text_of
from .run import Result, Target, Verification

__all__ = ["emulated", "live_target", "run_verify"]

STYLES = {"confirmed": "green", "contradicted": "bold red", "not testable": "dim", "not run": "yellow"}


@contextmanager
def emulated() -> Iterator[Target]:
    """A fresh emulator with a policy, so that no fact lacks what it needs."""
    with GatewayEmulator(balance=100) as gateway:
        gateway.policies["verify"] = Policy(models=["openai/gpt-4o-mini"])
        url = gateway.management_url
        yield Target(url, url, url, gateway.api_key)


def live_target(base_url: str | None, region: RegionName | None, management_url: str | None) -> Target:
    """The real gateway. Raises ``UsageProblemError`` for an unusable option, ``MissingKeyError`` without a key."""
    connect(base_url, region, management_url)
    config = Config.build(
        base_url=base_url, region=None if region is None else region.value, management_url=management_url
    )
    inference = config.base_url.removesuffix("/v1")
    return Target(inference, config.management_url, config.feedback_url, config.api_key.get())


def budget_of(text: str) -> Decimal:
    """An amount in USD. Raises ``UsageProblemError``."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise UsageProblemError(f"--budget: must be an amount in USD from 0, such as 0.10, not {text!r}")
    return amount


def run_verify(
    target: Target,
    *,
    live: bool,
    budget: Decimal,
    writes: bool,
    models: dict[str, str],
    reports: Sequence[Path],
    as_json_text: bool,
) -> int:
    """Verify, print and write the reports. Returns the status: 0, or 1 if anything is contradicted.

    Raises ``UsageProblemError`` for a report that cannot be written, before anything is asked.
    """
    for path in reports:
        check_writable(path, "--report")
    console = Console(highlight=False)

    def tell(result: Result) -> None:
        if not as_json_text:
            console.print(line_of(result), style=STYLES[result.verdict], markup=False, soft_wrap=True, emoji=False)

    run = Verification(target, budget=budget, writes=writes, models=models, on_result=tell)
    if not as_json_text:
        console.print(head_of(run, live), markup=False, soft_wrap=True)
    results = run.run()
    report = as_json(run, results, live=live)
    for path in reports:
        text = dumped(report) if path.suffix == ".json" else text_of(run, results, live=live)
        path.write_text(text, encoding="utf-8")
    if as_json_text:
        print(dumped(report), end="")
    else:
        shown = evidence_of(results)
        console.print(f"\n{shown}" if shown else "", markup=False, soft_wrap=True, emoji=False)
        console.print(summary(run, results), markup=False, soft_wrap=True)
    return 1 if counts(results)["contradicted"] else 0
