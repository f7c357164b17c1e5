"""The suites of the packages that ours stand in for, run with our classes in the place of theirs. Run: ``make peers``.

The source distributions that bring their tests along are downloaded by name; nothing of them is kept in the repository.
Each suite runs twice in an environment of its own: as it is, which is the control, and with a plugin that puts our
classes in the place of theirs. A test that passes in the control and not with ours must stand in ``differences.toml``
with its reason; one that is not there, and an entry that no longer differs, fail.

``--quick`` runs the part that takes seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.environments import ROOT, environment  # noqa: E402 -- found by the line above

BUILD = ROOT / "build" / "peers"
KINDS = ("not applicable", "needs a live model", "deliberate")


@dataclass(frozen=True)
class Suite:
    """One package's tests.

    Attributes:
        package: what is downloaded, with the release whose tests the list of differences is about.
        needs: what the tests import beside it.
        extras: of this project.
        tests: files and folders that touch what ours stand in for.
        quick: those of them that take seconds.
    """

    package: str
    needs: tuple[str, ...]
    extras: tuple[str, ...]
    tests: tuple[str, ...]
    quick: tuple[str, ...]


_PYTEST = ("pytest>=9", "pytest-asyncio", "pytest-xdist", "pytest-timeout")
_LANGCHAIN = (
    *_PYTEST,
    *("pytest-mock", "pytest-socket", "pytest-retry", "pytest-cov", "pytest-benchmark", "syrupy", "freezegun", "vcrpy"),
    *("numpy", "toml", "blockbuster", "langchain", "langchain-tests", "langchain-openai"),
)
_QUICK_OPENAI = (
    *("tests/test_response.py", "tests/test_legacy_response.py", "tests/test_required_args.py"),
    *("tests/test_request_body_routing_order.py", "tests/test_status_error_messages.py", "tests/lib/chat"),
    *("tests/lib/test_embeddings.py", "tests/lib/test_embedding_request_context.py", "tests/lib/test_audio.py"),
)
_CLIENT_OPENAI = (
    *("tests/test_stream_mode.py", "tests/test_client.py", "tests/test_streaming.py", "tests/test_sse_framing.py"),
    *("tests/test_retry_after_overflow.py", "tests/test_large_payload_contract.py", "tests/test_union_parsing.py"),
    *("tests/test_debug_logging.py", "tests/test_httpx_compat.py", "tests/lib/responses"),
)
SUITES = {
    "openai": Suite(
        "openai==3.57.0",
        (
            *_PYTEST,
            "inline-snapshot",
            "rich",
            "trio",
            "azure-identity",
            "botocore",
            "httpx-aiohttp",
            "websockets",
            "numpy",
        ),
        ("openai",),
        (*_QUICK_OPENAI, *_CLIENT_OPENAI),
        _QUICK_OPENAI,
    ),
    "langchain-openai": Suite(
        "langchain-openai==1.7.4",
        _LANGCHAIN,
        ("langchain",),
        ("tests/unit_tests/chat_models/test_base_standard.py", "tests/unit_tests/embeddings/test_base_standard.py"),
        ("tests/unit_tests/chat_models/test_base_standard.py", "tests/unit_tests/embeddings/test_base_standard.py"),
    ),
    "langchain": Suite(
        "langchain==1.5.2",
        _LANGCHAIN,
        ("langchain",),
        ("tests/unit_tests/agents/middleware/implementations/test_model_fallback.py",),
        ("tests/unit_tests/agents/middleware/implementations/test_model_fallback.py",),
    ),
}


def source(suite: Suite) -> Path:
    """The unpacked source distribution, downloaded once."""
    name, _, version = suite.package.partition("==")
    folder = BUILD / f"{name.replace('-', '_')}-{version}"
    if not folder.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
        subprocess.run([*command, "--no-binary", ":all:", "-d", str(BUILD), suite.package], check=True)
        with tarfile.open(f"{folder}.tar.gz") as archive:
            archive.extractall(BUILD, filter="data")
    return folder


def outcomes(name: str, suite: Suite, tests: tuple[str, ...], *, ours: bool) -> dict[str, str]:
    """``passed``, ``failed`` or ``skipped`` by test."""
    folder = source(suite)
    python = environment(f"peers-{name}", [suite.package, *suite.needs], suite.extras)
    report = BUILD / f"{name}-{'ours' if ours else 'control'}.xml"
    report.unlink(missing_ok=True)
    plugin = ["-p", f"substitute_{name.replace('-', '_')}"] if ours else []
    # In one process: the suite's fixtures last for a session, and a worker that a hanging test ends takes them along.
    command = [str(python), "-m", "pytest", *tests, *plugin, "-p", "no:xdist", "-q", "--tb=short", "--timeout=6"]
    options = [
        # A limit that passes while pytest writes of a failure ends the whole run.
        "-o",
        "timeout_func_only=true",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        "-o",
        "xfail_strict=false",
        "-o",
        "filterwarnings=default",
        f"--junitxml={report}",
    ]
    env = {**os.environ, "PYTHONPATH": str(HERE), "REQUESTY_API_KEY": "rqy-not-a-key"}
    log = report.with_suffix(".log")
    with log.open("w") as out:
        subprocess.run([*command, *options], cwd=folder, env=env, stdout=out, stderr=out, check=False)
    if not report.exists():
        raise SystemExit(f"{name}: no test ran; see {log.relative_to(ROOT)}")
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        failed = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        test = f"{case.get('classname', '').removeprefix('tests.')}::{case.get('name')}"
        found[test] = "failed" if failed else "skipped" if skipped else "passed"
    return found


def explained(name: str, differing: list[str]) -> tuple[list[str], set[str]]:
    """What the list does not explain, one line each, and what of it explains nothing."""
    listed = tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8")).get(name, [])
    wrong = [f"{e['test']}: {e['kind']!r} is none of {', '.join(KINDS)}" for e in listed if e["kind"] not in KINDS]
    used = set()
    for test in differing:
        entry = next((e for e in listed if fnmatchcase(test, e["test"])), None)
        if entry is None:
            wrong.append(f"{test}: passes with theirs, not with ours")
        else:
            used.add(entry["test"])
    return wrong, {e["test"] for e in listed} - used


def main() -> int:
    """Run the suites; 1 if one differs in anything that is not on the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="some of them; default: all")
    parser.add_argument("--quick", action="store_true", help="the part that takes seconds")
    args = parser.parse_args()
    failed = False
    for name in args.suites or SUITES:
        suite = SUITES[name]
        tests = suite.quick if args.quick else suite.tests
        control = outcomes(name, suite, tests, ours=False)
        ours = outcomes(name, suite, tests, ours=True)
        differing = sorted(t for t, outcome in control.items() if outcome == "passed" and ours.get(t) != "passed")
        wrong, stale = explained(name, differing)
        passed = sum(outcome == "passed" for outcome in control.values())
        print(f"{name}: {passed} tests pass with theirs, {passed - len(differing)} of them with ours", flush=True)
        if not args.quick:
            wrong += [f"{test}: on the list, but nothing of it differs" for test in sorted(stale)]
        for line in wrong:
            print(f"  {line}")
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
