"""Write what other packages' classes do beside ours into pages, from ``docs/peers.json``; ``--check`` only compares.

``make claims ARGS=--write`` holds the results of a run, with its date and the releases.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
HELD = DOCS / "peers.json"
BENCH = DOCS / "bench.json"
FRAMEWORKS = {
    "langchain-openai": ("LangChain", "LangChain stream"),
    "llama-index-llms-openai-like": ("LlamaIndex", "LlamaIndex stream_chat"),
    "haystack-ai": ("Haystack", "Haystack run"),
    "pydantic-ai-slim": ("Pydantic AI", "Pydantic AI run_stream"),
    "openai": ("OpenAI SDK", "OpenAI SDK sync"),
}
PAGES = (DOCS / "concepts" / "migrating.md", DOCS / "index.md")
REGION = re.compile(r"(<!-- peers: (\w+) -->\n).*?(<!-- /peers -->)", re.S)
SITUATIONS = {
    "early_end": "a stream that ends early, its connection closed properly",
    "error_in_stream": "an error inside a stream, behind two words",
    "no_choices": "an answer without choices",
    "error_in_200": "an error body under status 200",
    "html": "a page of HTML under status 200",
    "cost": "cost of an answer",
    "stream_cost": "cost of a stream, no option set for it",
    "odd_cost": "cost where the bill is not the list price",
    "reasoning": "the model's reasoning text",
    "key": "only an address given, `OPENAI_API_KEY` set: that key is",
}


def releases(held: dict[str, Any]) -> str:
    """The sentence that dates everything else."""
    date = datetime.date.fromisoformat(held["date"])
    named = [f"`{name}` {peer['version']}" for name, peer in held["peers"].items()]
    return f"Last run on {date.day} {date:%B %Y}, with {', '.join(named[:-1])} and {named[-1]}.\n"


def situations(held: dict[str, Any]) -> str:
    """Each situation through every class: theirs in columns, ours in the last."""
    peers = held["peers"].values()
    names = [next(iter(_theirs(peer))) for peer in peers]
    lines = [f"| | {' | '.join(f'`{name}`' for name in names)} | this package |", "|---|" + "---|" * (len(names) + 1)]
    for key, title in SITUATIONS.items():
        theirs = [next(iter(_theirs(peer).values()))[key] for peer in peers]
        ours = {_common(next(iter(_ours(peer).values()))[key]) for peer in peers}
        lines.append(f"| {title} | {' | '.join(theirs)} | {', '.join(sorted(ours))} |")
    return "\n".join(lines) + "\n"


def argument(held: dict[str, Any]) -> str:
    """A tab for each framework: its OpenAI class and ours side by side, with what a streamed chunk costs."""
    rows = json.loads(BENCH.read_text(encoding="utf-8"))["rows"]
    lines: list[str] = []
    for name, (title, row) in FRAMEWORKS.items():
        [(their, theirs)] = _theirs(held["peers"][name]).items()
        [(our, ours)] = _ours(held["peers"][name]).items()
        lines += [f'=== "{title}"', "", f"    | | `{their}` | `{our}` |", "    |---|---|---|"]
        lines += [f"    | {said} | {theirs[key]} | {ours[key]} |" for key, said in SITUATIONS.items()]
        lines.append(f"    | CPU of a streamed chunk | {rows[row]['peer']:.0f} µs | {rows[row]['ours']:.0f} µs |")
        lines.append("")
    return "\n".join(lines) + "\n"


def runs(held: dict[str, Any]) -> str:
    """What was run, when, and how much of it."""
    cells = json.loads((DOCS / "conformance.json").read_text(encoding="utf-8"))
    passed = sum(result == "passed" for result in cells.values())
    bench = datetime.date.fromisoformat(json.loads(BENCH.read_text(encoding="utf-8"))["date"])
    return (
        f"Every line is what both classes did against the same emulator, retries off. {releases(held).strip()} CPU: "
        f"`make bench` on {bench.day} {bench:%B %Y}, two cores. The "
        f"[matrix](conformance.md) has {passed:,} of {len(cells):,} cells green: each a story of this kind through one "
        "adapter in one mode.\n"
    )


def _theirs(peer: dict[str, Any]) -> dict[str, Any]:
    return {name: found for name, found in peer["classes"].items() if "equesty" not in name}


def _ours(peer: dict[str, Any]) -> dict[str, Any]:
    return {name: found for name, found in peer["classes"].items() if "equesty" in name}


def _common(result: str) -> str:
    """The core's name of an error that an adapter has under its framework's."""
    return result.replace("`Requesty", "`")


PARTS = {"releases": releases, "situations": situations, "argument": argument, "runs": runs}


def main() -> int:
    """Write the pages, or compare."""
    held = json.loads(HELD.read_text(encoding="utf-8"))
    stale = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        made = REGION.sub(lambda match: f"{match[1]}{PARTS[match[2]](held)}{match[3]}", text)
        if made != text:
            stale.append(page.name)
            if "--check" not in sys.argv[1:]:
                page.write_text(made, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"stale: {', '.join(stale)}; run python docs/generate_peers.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
