"""Write the feature table of README.md and docs/index.md from the results of the conformance run; ``--check`` compares.

A cell is ticked when every story of its row passed through that adapter in every mode, and is a dash where the
framework has no such thing. ``docs/conformance.md`` says why, story by story.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.conformance.matrix import cell_id, drivers, why_not  # noqa: E402
from tests.conformance.model import SCENARIOS, Driver, Scenario  # noqa: E402

PAGES = (HERE.parent / "README.md", HERE / "index.md")
MARKS = ("<!-- features: written by docs/generate_features.py -->", "<!-- end of features -->")
# A row of the table and its stories: a group's name, or single stories of it.
ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "chat and streaming, sync and async": ("Answers", ()),
    "tools, parallel and streamed piece by piece": ("Tools", ()),
    "agents, also across a fallback": ("Fallback", ("agent",)),
    "structured output by JSON schema": ("Structured output", ("json_schema", "cut")),
    "partial objects while streaming": ("Structured output", ("partials",)),
    "reasoning with its signature, back and forth": ("Reasoning", ()),
    "images, PDF and audio in; images and citations out": ("Media", ()),
    "tags, trace ids, prompt caching, policies": ("Gateway", ()),
    "cost of calls, streams, failed attempts, embeddings; budgets": ("Money", ()),
    "typed errors that carry what had arrived; one retry layer": ("Faults", ()),
    "fallback with hold-back, cool-down, deadline, hedging": ("Fallback", ()),
    "threads, event loops, pickling, deep copies": (
        "Life",
        ("loops", "threads", "crowd", "stop_early", "cancel", "pickled", "deep_copy", "secret", "no_leak"),
    ),
    "the framework's own serialisation, without the key": ("Life", ("serialised",)),
}


def table(results: dict[str, str]) -> str:
    """The table, its cells linked to nothing: the page of conformance is the long form."""
    columns = [driver for driver in drivers() if driver.name != "core"]
    lines = [f"| | {' | '.join(driver.name for driver in columns)} |", "|---|" + ":-:|" * len(columns)]
    for title, (group, ids) in ROWS.items():
        stories = [story for story in SCENARIOS if story.group == group and (not ids or story.id in ids)]
        assert len(stories) >= max(len(ids), 1), f"{title}: a story is gone"
        lines.append(f"| {title} | {' | '.join(cell(stories, driver, results) for driver in columns)} |")
    return "\n".join(lines)


def cell(stories: list[Scenario], driver: Driver, results: dict[str, str]) -> str:
    """A tick, a dash, or a cross."""
    told = [story for story in stories if why_not(story, driver) is None]
    if not told:
        return "–"
    good = all(results.get(cell_id(story, driver, mode)) == "passed" for story in told for mode in story.modes)
    return "✓" if good else "✗"


def with_table(text: str, made: str) -> str:
    """A page with the table between its marks."""
    start, end = (re.escape(mark) for mark in MARKS)
    new, count = re.subn(f"{start}.*?{end}", lambda _: f"{MARKS[0]}\n{made}\n{MARKS[1]}", text, flags=re.S)
    if count != 1:
        raise SystemExit(f"the page needs the marks {MARKS[0]} and {MARKS[1]} once")
    return new


def main() -> int:
    """Write the tables, or with --check compare them."""
    made = table(json.loads((HERE / "conformance.json").read_text(encoding="utf-8")))
    stale = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if with_table(text, made) != text:
            stale.append(page.name)
            if "--check" not in sys.argv[1:]:
                page.write_text(with_table(text, made), encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"stale: {', '.join(stale)}; run: python docs/generate_features.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
