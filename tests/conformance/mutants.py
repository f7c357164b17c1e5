"""Delete one rule after the other: each must turn at least one cell of the matrix, or of a table of tests, red.

Run: ``make mutants``, or this file with a word of the rules to judge. Every mutant is a copy of ``integrations/`` with
one line changed, put before the installed package; only the column of the core, or of the adapter whose rule it is, or
the tests named beside the rule are run, up to the first red cell. A survivor, or a rule that is no longer found in the
source, ends the run with an error.
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

Rule = tuple[str, tuple[str, ...], str, str, str]
"""What it says, the tests that turn red without it, its module, and the text there with what takes its place."""

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
    ("an overflow goes to a larger window", "retry/candidates", "window is None or window > self._too_small", "True"),
    (
        "an overflow nobody can take is raised as itself",
        "retry/exhausted",
        "if all(error.kind is ErrorKind.CONTEXT_OVERFLOW",
        "if False and all(error.kind is ErrorKind.CONTEXT_OVERFLOW",
    ),
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
        "replies/tool_calls",
        "if call is None or call.wire_id != wire_id:",
        "if call is None:",
    ),
    (
        "calls the provider ran are set aside",
        "replies/tool_calls",
        "if self._declared is None or name in self._declared:",
        "if True:",
    ),
    ("odd finish words are translated", "replies/finish", "return _WORDS.get(word) or", "return word or"),
    (
        "a call cut before its arguments is not whole",
        "replies/tool_calls",
        "is_cut = ended_early and (",
        "is_cut = False and (",
    ),
    ("null arguments are none", "replies/arguments", "if value is None:", "if False:"),
    ("arguments are one object", "replies/arguments", "if not isinstance(value, dict):", "if False:"),
    (
        "a whole call is not added to",
        "replies/tool_calls",
        "return None if call.is_complete() else call",
        "return call",
    ),
    ("calls that share an id get their own", "replies/tool_calls", "is_taken=is_taken)", "is_taken=False)"),
    ("a ghost of a call is none", "replies/tool_calls", "if not (name or arguments or extra or wire_id):", "if False:"),
    ("thoughts among the parts are thoughts", "replies/choice", 'elif kind == "reasoning":', 'elif kind == "-":'),
    ("an answer without a message is an error", "replies/accumulate", 'if part == "message":', 'if part == "-":'),
    ("halves of a character are joined", "replies/text", 'if "\\ud800" <= text[-1] <= "\\udbff":', "if False:"),
    (
        "usage of failed attempts is booked",
        "money/accounts",
        'return usage is not None or phase in ("sent", "answering", "answered")',
        'return phase == "answered"',
    ),
    ("attempts are recorded", "exchange/exchange", "self.attempts.append(attempt)", "pass"),
    (
        "a spent budget refuses the next call",
        "money/accounts",
        "return budget.reserve(estimate, spender) if budget.matches(spender) else None",
        "return None",
    ),
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

LANGCHAIN, LLAMA_INDEX, PYDANTIC_AI = "langchain_requesty", "llama_index/llms/requesty", "pydantic_ai_requesty"

# rule, column, file, text, replacement
ADAPTER_RULES = (
    (
        "a sum of chunks is read strictly",
        "LangChain",
        f"{LANGCHAIN}/_chunks",
        'if self.chunk_position != "last" or not self.tool_call_chunks:',
        "if True:",
    ),
    (
        "events learn at the end which calls are not whole",
        "LangChain",
        f"{LANGCHAIN}/_replies",
        "last.closing.extend(closing_blocks(choice))",
        "pass",
    ),
    ("only the first choice is streamed", "LangChain", f"{LANGCHAIN}/_replies", " or event.choice:", ":"),
    (
        "null arguments are none in events too",
        "LangChain",
        f"{LANGCHAIN}/_replies",
        'if arguments and "null".startswith(arguments.strip()):',
        "if False:",
    ),
    (
        "a call that is not whole is marked",
        "LlamaIndex",
        f"{LLAMA_INDEX}/_tool_calls",
        "if problem is not None:",
        "if False:",
    ),
    (
        "a completion keeps what is no text",
        "LlamaIndex",
        f"{LLAMA_INDEX}/_replies",
        "additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},",
        "additional_kwargs=response.additional_kwargs,",
    ),
    (
        "the last response of a stream is the whole reply",
        "LlamaIndex",
        f"{LLAMA_INDEX}/_streams",
        'return chat_response(event.reply, "", loose=self._loose)',
        'return self._so_far("")',
    ),
    ("a cut call has arguments no tool takes", "Pydantic", f"{PYDANTIC_AI}/_replies", "if call.is_cut:", "if False:"),
    (
        "what is known at the end reaches the part",
        "Pydantic",
        f"{PYDANTIC_AI}/_stream",
        "yield from self._finish_calls(event.reply)",
        "pass",
    ),
    (
        "a refusal is a filter's end",
        "Pydantic",
        f"{PYDANTIC_AI}/_replies",
        'return "content_filter" if message.refusal else',
        "return",
    ),
)

HISTORIES, ENDS, SETTINGS = (
    ("tests/core/test_histories.py",),
    ("tests/langchain_adapter/test_ends.py", "-k", "structured or several or refusal or half_objects or not_called"),
    ("tests/core/test_settings.py",),
)

# rule, tests that know it, file, text, replacement
OTHER_RULES = (
    (
        "of what a user wrote nothing is left out",
        HISTORIES,
        f"{CORE}/histories/turns",
        'raise ConfigurationError(f"{spot}: a {_name(item, block)} block {_OF_A_MODEL}")',
        "pass",
    ),
    (
        "what a model once said stops no request",
        HISTORIES,
        f"{CORE}/histories/turns",
        "found.left_out.append(LeftOut(_kind(block), str(error)))",
        "raise",
    ),
    (
        "an empty text is no part",
        HISTORIES,
        f"{CORE}/histories/turns",
        'if kind == "text" and not part["text"]:',
        "if 0:",
    ),
    (
        "a call that is told twice is one",
        HISTORIES,
        f"{CORE}/histories/turns",
        "if call.id in self._known or",
        "if False or",
    ),
    (
        "a turn of which nothing is left says so",
        HISTORIES,
        f"{CORE}/histories/turns",
        "if not self.reasoning and self.left_out:",
        "if False:",
    ),
    ("a file path is no address", HISTORIES, f"{CORE}/histories/media", 'if scheme not in ("http", "https"):', "if 0:"),
    ("a cut answer is no object", ENDS, f"{LANGCHAIN}/_answers", "if self._finish in _CUTS:", "if False:"),
    (
        "a misfit stream is no silence",
        ENDS,
        f"{LANGCHAIN}/_answers",
        "        if self._started:\n            value = self.whole()",
        "        if False:\n            value = self.whole()",
    ),
    (
        "half an object does not stand beside its error",
        ENDS,
        f"{LANGCHAIN}/_structured",
        "return _Told({**self, **other, **raw})",
        "return _Told({**other, **self, **raw})",
    ),
    (
        "a tool that was not called is no silence",
        ENDS,
        f"{LANGCHAIN}/_answers",
        "        if self._parser.tool:\n            called",
        "        if self._parser.tool:\n            return None\n            called",
    ),
    (
        "several answers are asked for as a whole",
        ENDS,
        f"{LANGCHAIN}/chat_models",
        'return self._asks_for_several(self._parameter("extra_body", kwargs), self._parameter("n", kwargs))',
        "return False",
    ),
    (
        "what may be a key is not repeated",
        SETTINGS,
        f"{CORE}/settings/checks",
        "return not may_be_secret(value)",
        "return True",
    ),
    (
        "objects are checked when they are given",
        SETTINGS,
        f"{CORE}/calls/objects",
        "if value is not None and not callable(getattr(value, method, None)):",
        "if False:",
    ),
    (
        "a board given with the policy is the one that counts",
        ("tests/core/test_operations.py",),
        f"{CORE}/retry/fallback",
        "self._health = health = policy.health or health",
        "self._health = health",
    ),
    (
        "a forked child gets fresh locks",
        ("tests/core/test_fork.py", "-k", "what_is_under_way"),
        f"{CORE}/lifetime",
        "        owner._after_fork()\n",
        "        pass\n",
    ),
    (
        "threads of ours see the caller's context",
        ("tests/core/test_embeddings.py",),
        f"{CORE}/lifetime",
        "contextvars.Context() if serves_all else contextvars.copy_context()",
        "contextvars.Context()",
    ),
    (
        "logs do not quote what was answered",
        ("tests/core/test_nothing_said.py",),
        f"{CORE}/telemetry/words",
        "if name in _OWN_WORDS and status is None:",
        "if words:",
    ),
    (
        "money has a context of its own",
        ("tests/core/test_exact_money.py",),
        f"{CORE}/money/exact",
        "EXACT.add(found, amount)",
        "found + amount",
    ),
    (
        "a generator is closed while another thread reads it",
        ("tests/conformance/test_closing.py",),
        f"{CORE}/client/closing",
        'if getattr(self._generator, "gi_running", False) and self._streams:',
        "if False:",
    ),
    (
        "a call is under way from its first attempt",
        ("tests/core/test_operations.py",),
        f"{CORE}/exchange/exchange",
        "            noted(self)\n",
        "            pass\n",
    ),
    (
        "the short way for text takes nothing else",
        ("tests/core/test_text_chunks.py",),
        f"{CORE}/replies/text_chunk",
        "class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):",
        "class _Delta(msgspec.Struct, gc=False):",
    ),
    (
        "an answer that its client had whole is recorded whole",
        ("tests/emulator/test_cassette_ends.py",),
        "requesty_emulator/cassettes/record",
        'if ending == "cut" and (missing == 0',
        "if False and (missing == 0",
    ),
)


def judge(rule: str, tests: tuple[str, ...], module: str, text: str, replacement: str) -> str | None:
    """``None`` if a cell turns red, else what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "integrations"
        shutil.copytree(ROOT / "integrations", copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        path = copy / f"{module}.py"
        source = path.read_text(encoding="utf-8")
        if source.count(text) != 1:
            return f"the rule is found {source.count(text)} times in {module}.py"
        path.write_text(source.replace(text, replacement), encoding="utf-8")
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *tests, "-q", "-x", "-p", "no:cacheprovider"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    red = re.findall(r"FAILED \S+::(test_\w+(?:\[.+?\])?)", run.stdout)
    if run.returncode == 1 and red:
        print(f"  red     {rule}: {red[-1]}", flush=True)
        return None
    return "survived" if run.returncode == 0 else f"the run broke (exit {run.returncode})"


def _column(name: str) -> tuple[str, ...]:
    return "tests/conformance", "-k", name


def every_rule() -> list[Rule]:
    """All of them, with the tests that are to turn red."""
    return [
        *((rule, _column("core"), f"{CORE}/{module}", *change) for rule, module, *change in RULES),
        *((rule, _column(column), *change) for rule, column, *change in ADAPTER_RULES),
        *OTHER_RULES,
    ]


def main() -> int:
    """Judge them all."""
    wrong = 0
    chosen = [rule for rule in every_rule() if all(word in rule[0] for word in sys.argv[1:])]
    for rule, tests, module, text, replacement in chosen:
        problem = judge(rule, tests, module, text, replacement)
        if problem is not None:
            wrong += 1
            print(f"  PROBLEM {rule}: {problem}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} rules turn a cell red when they are deleted")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
