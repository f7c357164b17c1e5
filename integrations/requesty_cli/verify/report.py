"""The report of a run, as text and as JSON; what it shows of bytes has no key in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from .run import Result, Verification

__all__ = ["as_json", "counts", "dumped", "evidence_of", "head_of", "line_of", "summary", "text_of"]

SHOWN = 1_500
WORDS = ("confirmed", "contradicted", "not testable", "not run")


def counts(results: Sequence[Result]) -> dict[str, int]:
    """How many rows have each verdict."""
    found: Counter[str] = Counter(result.verdict for result in results)
    return {word: found[word] for word in WORDS}


def line_of(result: Result) -> str:
    """A row as one line: verdict, sections, fact, and what was seen or why not."""
    row = result.row
    return f"{result.verdict:<12}  {', '.join(row.sections):<10}  {row.fact}: {result.told}"


def text_of(run: Verification, results: Sequence[Result], *, live: bool) -> str:
    """The whole report as text."""
    lines = [head_of(run, live), "", *map(line_of, results), "", *_evidence(results), summary(run, results)]
    return "\n".join(lines) + "\n"


def head_of(run: Verification, live: bool) -> str:
    """What was asked."""
    what = "the gateway" if live else "an emulator on this machine, which is no gateway"
    return f"The wire contract against {what}: {run.target.inference}"


def summary(run: Verification, results: Sequence[Result]) -> str:
    """The last line: how many rows have which verdict, and what the run cost."""
    told = ", ".join(f"{number} {word}" for word, number in counts(results).items())
    return f"{told}; {run.spent:.6f} of {run.budget} USD"


def _evidence(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        shown = _bytes(result)
        if shown is not None:
            yield f"section {', '.join(result.row.sections)}: {result.row.fact}"
            yield f"  {result.told}"
            yield f"  > {shown['request']}"
            yield from (f"  > {line}" for line in shown["sent"].splitlines())
            yield f"  < {shown['status']}"
            yield from (f"  < {line}" for line in shown["received"].splitlines())
            yield ""


def evidence_of(results: Sequence[Result]) -> str:
    """The bytes behind every contradiction."""
    return "\n".join(_evidence(results))


def _bytes(result: Result) -> dict[str, Any] | None:
    seen = result.seen
    if result.verdict != "contradicted" or seen is None:
        return None

    def shown(data: bytes) -> str:
        text = data.decode("utf-8", "replace")
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(data)} bytes)"

    return {
        "request": f"{seen.method} {seen.url}",
        "sent": shown(seen.sent),
        "status": seen.status,
        "content_type": seen.headers.get("content-type"),
        "received": shown(seen.body),
    }


def as_json(run: Verification, results: Sequence[Result], *, live: bool) -> dict[str, Any]:
    """The whole report for programs; amounts are text, so that they stay exact."""
    rows = []
    for result in results:
        row: dict[str, Any] = {
            "sections": list(result.row.sections),
            "fact": result.row.fact,
            "request": result.row.ask or None,
            "verdict": result.verdict,
            "told": result.told,
        }
        shown = _bytes(result)
        rows.append(row if shown is None else {**row, "bytes": shown})
    return {
        "gateway": run.target.inference,
        "live": live,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "budget": str(run.budget),
        "spent": str(run.spent),
        "counts": counts(results),
        "rows": rows,
    }


def dumped(report: dict[str, Any]) -> str:
    """JSON text."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
