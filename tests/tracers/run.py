"""What tracing packages of the OpenAI SDK record on our clients, compared with the SDK's own. Run: ``make tracers``.

The packages live in an environment of their own. Each is hooked into a process that makes the same calls, once with the
SDK's clients and once with ours (with ``tracing=True``), against the emulator; the spans it made must be equal, the
caller's words must be in them, and beside them there must be our span with the cost. ``--write`` puts the table into
the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.environments import ROOT, environment

PACKAGES = {
    "opentelemetry": "opentelemetry-instrumentation-genai-openai",
    "openllmetry": "opentelemetry-instrumentation-openai",
    "openinference": "openinference-instrumentation-openai",
    "langfuse": "langfuse",
    "logfire": "logfire",
}
PAGE = ROOT / "docs" / "concepts" / "tracing.md"

VOLATILE = re.compile(
    r"server\.port|duration|completion_start_time|time_to_first_chunk"
    r"|logfire\.(msg|metrics|exception\.fingerprint)|thread\.|code\."
)
"""Attributes that differ from run to run: addresses, times, and where in whose code a call stands. Logfire sums the
process's metrics on its spans, and ours count as well."""

_CLASS = (("chat, parsed", "responses, parsed"), "the schema of a class is ours, where the SDK's cannot always be sent")
DELIBERATE = {
    "error.type": (("an error",), "the class is ours, and the SDK's at the same time"),
    "input.value": _CLASS,
    "llm.invocation_parameters": _CLASS,
    "request_data": _CLASS,
    "output.value": (("responses, parsed",), "the answer repeats the schema that was sent"),
}
"""Attributes in which the clients may differ, with the scenarios where they may, and why."""

_MOMENTS = re.compile(r'"created(_at)?": ?[\d.]+')


def differing(plain: dict[str, Any], ours: dict[str, Any], scenario: str) -> list[str]:
    """In what two spans differ, by attribute."""
    found = [field for field in ("name", "status") if _words(plain[field]) != _words(ours[field])]
    if [name for name, _ in plain["events"]] != [name for name, _ in ours["events"]]:
        found.append("events")
    left, right = plain["attributes"], ours["attributes"]
    for name in sorted(left.keys() | right.keys()):
        if VOLATILE.search(name) or _words(left.get(name)) == _words(right.get(name)):
            continue
        if name in DELIBERATE and scenario.startswith(DELIBERATE[name][0]):
            continue
        found.append(name)
    return found


def _words(value: Any) -> str:
    return _MOMENTS.sub("", str(value)).replace("openai_requesty.errors.", "openai.")


def compare(plain: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """What is wrong with what was recorded on our clients, one line each."""
    wrong = []
    for scenario, expected in plain.items():
        theirs = [span for span in ours[scenario] if span["scope"] != "requesty"]
        calls = [s for s in ours[scenario] if s["scope"] == "requesty" and not s["name"].startswith("attempt ")]
        if not expected:
            wrong.append(f"{scenario}: nothing is recorded on the SDK's own client either")
        if len(expected) != len(theirs):
            wrong.append(f"{scenario}: {len(expected)} spans on the SDK's client, {len(theirs)} on ours")
            continue
        for left, right in zip(expected, theirs, strict=True):
            wrong += [f"{scenario}: {name} differs" for name in differing(left, right, scenario)]
        said = "Oslo" in json.dumps([span["attributes"] for span in theirs]) or "embeddings" in scenario
        if not said:
            wrong.append(f"{scenario}: the prompt is not in the spans")
        if len(calls) != 1:
            wrong.append(f"{scenario}: {len(calls)} spans of our own")
        elif not scenario.startswith(("an error", "embeddings")) and not calls[0]["attributes"].get(
            "gen_ai.usage.cost"
        ):
            wrong.append(f"{scenario}: no cost on our span")
    return wrong


def record(python: Path, tracer: str, kind: str) -> dict[str, Any]:
    """What one package records on one kind of client."""
    command = [str(python), str(Path(__file__).with_name("probe.py")), tracer, kind]
    env = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env, check=False)
    if done.returncode:
        raise SystemExit(f"{tracer} on {kind} clients failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def version(python: Path, package: str) -> str:
    """The installed version of a package."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    """Run every package; 1 if one records anything else on ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tracers", nargs="*", metavar="TRACER", help=f"some of {', '.join(PACKAGES)}")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    args = parser.parse_args()
    packages = ["openai>=3", "opentelemetry-sdk", *PACKAGES.values()]
    python = environment("tracers", packages, ["openai", "emulator"])
    rows, failed = [], False
    for tracer in args.tracers or PACKAGES:
        plain, ours = record(python, tracer, "plain"), record(python, tracer, "ours")
        wrong = compare(plain, ours)
        failed = failed or bool(wrong)
        print(f"{tracer}: {len(plain)} calls, {'equal' if not wrong else f'{len(wrong)} differences'}", flush=True)
        for line in wrong:
            print(f"  {line}")
        package = PACKAGES[tracer]
        rows.append(
            f"| `{package}` {version(python, package)} | {len(plain)} | {'equal' if not wrong else 'differs'} |"
        )
    if args.write and not failed:
        table = "\n".join(["| package | calls compared | what it records |", "|---|---|---|", *rows])
        text = PAGE.read_text(encoding="utf-8")
        start, end = "<!-- tracers -->", "<!-- /tracers -->"
        head, _, rest = text.partition(start)
        tail = rest.partition(end)[2] if end in rest else rest
        PAGE.write_text(f"{head}{start}\n{table}\n{end}{tail}", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
