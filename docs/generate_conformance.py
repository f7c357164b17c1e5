"""Write ``docs/conformance.md`` from the results of a run (``docs/conformance.json``); ``--check`` only compares.

``make conformance`` runs the matrix and both steps. The check fails when the list of cells has changed since the run,
when a cell of the run did not pass, or when the page is not what the results make.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.conformance.matrix import cell_id, cells, drivers, why_not  # noqa: E402
from tests.conformance.model import SCENARIOS, Driver, Scenario  # noqa: E402

PAGE, RESULTS = HERE / "conformance.md", HERE / "conformance.json"
HEAD = """# What works in my framework

Every line is one story, told through every adapter against the strict emulator, complete and streamed, synchronous and
asynchronous. This page is made from the results of a run (`make conformance`), and every cell is a test of `make test`.

**✓** passes in every mode · **✗** fails · **–** does not apply, for the reason in the note. In brackets: the number of
modes (sync, async, stream, async stream) the story is told in.
"""


def page(results: dict[str, str]) -> str:
    """The whole page."""
    lines = [HEAD]
    notes: list[str] = []
    for group, members in groupby(SCENARIOS, key=lambda scenario: scenario.group):
        lines += [f"## {group}\n", f"| | {' | '.join(driver.name for driver in drivers())} |"]
        lines.append("|---|" + ":-:|" * len(drivers()))
        lines += [row(scenario, results, notes) for scenario in members]
        lines.append("")
    lines += ["## Notes\n", *(f"{number}. {note}" for number, note in enumerate(notes, 1)), ""]
    return "\n".join(lines)


def row(scenario: Scenario, results: dict[str, str], notes: list[str]) -> str:
    """One story's line."""
    shown = " | ".join(cell(scenario, driver, results, notes) for driver in drivers())
    return f"| {scenario.title} ({len(scenario.modes)}) | {shown} |".replace("`|`", "`\\|`")


def cell(scenario: Scenario, driver: Driver, results: dict[str, str], notes: list[str]) -> str:
    """One adapter's cell."""
    reason = why_not(scenario, driver)
    if reason is not None:
        note = f"{driver.name}: {reason}."
        if note not in notes:
            notes.append(note)
        return f"– [{notes.index(note) + 1}](#notes)"
    bad = [mode.value for mode in scenario.modes if results.get(cell_id(scenario, driver, mode)) != "passed"]
    return f"✗ {', '.join(bad)}" if bad else "✓"


def problems(results: dict[str, str]) -> Iterator[str]:
    """Why the page may not be shown."""
    wanted = {cell_id(*item) for item in cells()}
    if missing := wanted - results.keys():
        yield f"{len(missing)} cells are not in the results, such as {min(missing)}"
    if extra := results.keys() - wanted:
        yield f"{len(extra)} results belong to no cell, such as {min(extra)}"
    if failed := sorted(name for name, outcome in results.items() if outcome != "passed"):
        yield f"{len(failed)} cells did not pass, such as {failed[0]}"


def main() -> int:
    """Write or compare."""
    results: dict[str, str] = json.loads(RESULTS.read_text(encoding="utf-8"))
    made = page(results)
    found = list(problems(results))
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != made:
            found.append(f"{PAGE.name} is not what the results make")
    else:
        PAGE.write_text(made, encoding="utf-8")
    for line in found:
        print(f"docs/conformance: {line}; run `make conformance`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
