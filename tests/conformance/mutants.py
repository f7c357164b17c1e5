"""Delete one rule of the core after the other: each must turn at least one cell of the matrix red.

Run: ``make mutants``, or this file with a word of the rules to judge. Every mutant is a copy of ``integrations/`` with
one line changed, put before the installed package; only the core's own column is run, up to the first red cell. A
survivor, or a rule that is no longer found in the source, ends the run with an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = "requesty_core"

# rule, module, text, replacement
RULES = (
    ("streams ask for usage", "exchange/body", '{"include_usage": True, ', "{"),
    ("the requesty object is sent", "exchange/body", "    if requesty:\n", "    if False:\n"),
    ("max_retries are tried", "retry/fallback", "max_retries if len(steps) == 1 else 0", "0"),
    ("errors not worth a retry are not retried", "retry/fallback", "if error.is_retryable and ", "if "),
    ("only classified errors fall back", "retry/policy", "return error.kind in FALLBACK_KINDS", "return True"),
    ("a failed model cools down", "retry/fallback", "if error.kind in COOLING_KINDS:", "if False:"),
    (
        "the deadline ends a chain",
        "retry/fallback",
        "if self._deadline is not None and now >= self._deadline:\n            self._over",
        "if False:\n            self._over",
    ),
    ("an overflow goes to a larger window", "retry/fallback", "window is None or window > self._min_window", "True"),
    (
        "hedging starts the next step",
        "retry/fallback",
        "return self._policy.hedge_after if len(self._steps) > 1 else None",
        "return None",
    ),
    ("Retry-After is honoured", "retry/backoff", "asked = error.retry_after or 0.0", "asked = 0.0"),
    ("a long Retry-After is not waited for", "retry/backoff", "None if asked > self.max_retry_after else ", ""),
    ("two spellings of reasoning", "replies/choice", 'elif key == "reasoning" and', 'elif key == "-" and'),
    ("the signature of reasoning is kept", "replies/choice", "self.signature = signature\n", "pass\n"),
    (
        "a new id opens a new call",
        "replies/choice",
        "known = next((s for s in self.slots if s.wire_id == wire_id), None)",
        "known = slot",
    ),
    (
        "calls the provider ran are set aside",
        "replies/choice",
        "if self.declared is None or name in self.declared:",
        "if True:",
    ),
    ("odd finish words are translated", "replies/choice", "FINISH_WORDS.get(finish, finish)", "finish"),
    (
        "null arguments are empty arguments",
        "replies/choice",
        'if arguments is None:\n            arguments = ""',
        'if arguments is None:\n            arguments = "null"',
    ),
    (
        "usage of failed attempts is booked",
        "exchange/exchange",
        "self._book_unfinished(running, usage)\n        self.engine.failed",
        "pass\n        self.engine.failed",
    ),
    ("attempts are recorded", "exchange/exchange", "self.attempts.append(attempt)", "pass"),
    ("a spent budget refuses the next call", "money/accounts", "else self.budget.reserve(estimate)", "pass"),
    (
        "cost in text is read",
        "money/usage",
        "isinstance(value, (int, float, str, Decimal))",
        "isinstance(value, (int, float, Decimal))",
    ),
    (
        "an unknown cost is no zero",
        "money/usage",
        "        return None\n    try:\n        amount",
        "        return Decimal(0)\n    try:\n        amount",
    ),
)


def judge(rule: str, module: str, text: str, replacement: str) -> str | None:
    """``None`` if a cell turns red, else what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "integrations"
        shutil.copytree(ROOT / "integrations", copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        path = copy / CORE / f"{module}.py"
        source = path.read_text(encoding="utf-8")
        if source.count(text) != 1:
            return f"the rule is found {source.count(text)} times in {module}.py"
        path.write_text(source.replace(text, replacement), encoding="utf-8")
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/conformance", "-q", "-x", "-k", "Core", "-p", "no:cacheprovider"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    red = re.findall(r"test_cell\[(.+?)\]", run.stdout)
    if run.returncode == 1 and red:
        print(f"  red     {rule}: {red[-1]}", flush=True)
        return None
    return "survived" if run.returncode == 0 else f"the run broke (exit {run.returncode})"


def main() -> int:
    """Judge them all."""
    wrong = 0
    chosen = [rule for rule in RULES if all(word in rule[0] for word in sys.argv[1:])]
    for rule, module, text, replacement in chosen:
        problem = judge(rule, module, text, replacement)
        if problem is not None:
            wrong += 1
            print(f"  PROBLEM {rule}: {problem}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} rules turn a cell red when they are deleted")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
