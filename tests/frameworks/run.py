"""Other frameworks with our clients and models handed in. Run: ``make frameworks``; some of them: ``ARGS="agno dspy"``.

Each example is a script in this folder and runs in an environment of its own, because the frameworks' requirements
conflict. ``--write`` puts the table of the results into the page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.environments import ROOT, environment  # noqa: E402 -- found by the line above

PAGE = ROOT / "docs" / "openai" / "frameworks.md"
CHECKS = ("answer", "tools", "stream", "structure", "fallback", "cost")


@dataclass(frozen=True)
class Framework:
    """One framework: its name, its distribution, the script, and which extra of ours it needs."""

    title: str
    package: str
    script: str
    extra: str = "openai"


FRAMEWORKS = {
    "openai-agents": Framework("OpenAI Agents SDK", "openai-agents", "openai_agents"),
    "instructor": Framework("Instructor", "instructor", "instructor_"),
    "strands": Framework("Strands Agents", "strands-agents[openai]", "strands_agents"),
    "agno": Framework("Agno", "agno", "agno_"),
    "semantic-kernel": Framework("Semantic Kernel", "semantic-kernel", "semantic_kernel_"),
    "agent-framework": Framework("Microsoft Agent Framework", "agent-framework-openai", "agent_framework_"),
    "smolagents": Framework("smolagents", "smolagents[openai]", "smolagents_"),
    "browser-use": Framework("browser-use", "browser-use", "browser_use_"),
    "deepagents": Framework("deepagents", "deepagents", "deepagents_", "langchain"),
    "mem0": Framework("mem0", "mem0ai", "mem0_"),
    "crewai": Framework("CrewAI", "crewai", "crewai_"),
    "dspy": Framework("DSPy", "dspy", "dspy_"),
}


def results(name: str) -> tuple[dict[str, str], str]:
    """What one example says of each check, and the framework's version."""
    framework = FRAMEWORKS[name]
    python = environment(f"framework-{name}", [framework.package], [framework.extra, "emulator"])
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "REQUESTY_"))}
    command = [str(python), str(HERE / f"{framework.script}.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env, check=False)
    package = framework.package.partition("[")[0]
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    version = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    log = ROOT / "build" / f"framework-{name}.log"
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if not lines:
        last = (done.stderr.strip().splitlines() or ["nothing was printed"])[-1]
        return dict.fromkeys(CHECKS, f"the example does not run: {last}"), version
    found: dict[str, str] = json.loads(lines[-1])
    return found, version


def table(rows: dict[str, tuple[dict[str, str], str]]) -> str:
    """The page's table, with the reasons of what does not apply below it."""
    lines = [f"| framework | release | {' | '.join(CHECKS)} |", f"|---|---|{'---|' * len(CHECKS)}"]
    notes = []
    for name, (found, version) in rows.items():
        cells = []
        for check in CHECKS:
            result = found.get(check, "no: not tried")
            if result == "yes":
                cells.append("✓")
            else:
                notes.append(f"{FRAMEWORKS[name].title}, {check}: {result.removeprefix('no: ')}.")
                cells.append(f"– ({len(notes)})")
        lines.append(f"| {FRAMEWORKS[name].title} | {version} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{number}. {note}" for number, note in enumerate(notes, 1))])


def main() -> int:
    """Run the examples; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frameworks", nargs="*", metavar="FRAMEWORK", help=f"some of {', '.join(FRAMEWORKS)}")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    args = parser.parse_args()
    rows = {}
    failed = False
    for name in args.frameworks or FRAMEWORKS:
        found, version = rows[name] = results(name)
        wrong = {c: r for c, r in found.items() if r != "yes" and not r.startswith("no: ")}
        failed = failed or bool(wrong)
        works = [check for check, result in found.items() if result == "yes"]
        print(f"{name} {version}: {', '.join(works) or 'nothing'}", flush=True)
        for check, result in wrong.items():
            print(f"  {check}: {result}")
    if args.write and not failed:
        text = PAGE.read_text(encoding="utf-8")
        head, _, rest = text.partition("<!-- results -->")
        _, _, tail = rest.partition("<!-- /results -->")
        PAGE.write_text(f"{head}<!-- results -->\n{table(rows)}\n<!-- /results -->{tail}", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
