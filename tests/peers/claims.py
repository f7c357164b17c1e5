"""What the pages say about other packages, run again at their newest releases. Run: ``make claims``.

Each package runs in an environment of its own, made anew, so that it is the newest release that is asked: how its class
answers the situations of ``classes.py``, beside ours, and whether the phrases of ``sentences.py`` still hold. With
``ARGS=--write`` the results and the date go into ``docs/peers.json``, and from there into the pages; without, a result
that differs from the held one fails.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.environments import ROOT, environment  # noqa: E402 -- found by the line above

HELD = ROOT / "docs" / "peers.json"
PAGE = ROOT / "docs" / "concepts" / "migrating.md"


@dataclass(frozen=True)
class Peer:
    """A package: what is installed, which extra of ours goes beside it, its class and ours."""

    requirements: tuple[str, ...]
    extra: str
    theirs: str
    ours: str


PEERS = {
    "langchain-openai": Peer(("langchain-openai",), "langchain", "ChatOpenAI", "ChatRequesty"),
    "llama-index-llms-openai-like": Peer(
        ("llama-index-llms-openai-like>=0.8",), "llama-index", "OpenAILike", "Requesty"
    ),
    "haystack-ai": Peer(("haystack-ai",), "haystack", "OpenAIChatGenerator", "RequestyChatGenerator"),
    "pydantic-ai-slim": Peer(
        ("pydantic-ai-slim[openai,openrouter]",), "pydantic-ai", "OpenAIChatModel", "RequestyModel"
    ),
    "openai": Peer(("openai",), "openai", "openai.OpenAI", "RequestyOpenAI"),
    "litellm": Peer(("litellm",), "openai", "litellm.completion", "RequestyClient"),
}


def told(python: Path, script: str, name: str) -> dict[str, Any]:
    """The JSON object that a script prints last."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "REQUESTY_"))}
    env["HAYSTACK_TELEMETRY_ENABLED"] = "false"
    command = [str(python), str(HERE / script), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise SystemExit(f"claims: {script} {name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def results(name: str) -> dict[str, Any]:
    """What a package and our class say today, and what no longer holds of the page."""
    peer = PEERS[name]
    python = environment(f"claims-{name}", peer.requirements, [peer.extra, "emulator"])
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    version = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    classes = {cls: told(python, "classes.py", cls) for cls in (peer.theirs, peer.ours)}
    sentences = told(python, "sentences.py", name)
    return {"version": version, "classes": classes, "sentences": sentences}


def main() -> int:
    """Run, compare or write; 1 if something on a page does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", metavar="PACKAGE", help=f"some of {', '.join(PEERS)}")
    parser.add_argument("--write", action="store_true", help="hold the results, with today's date")
    args = parser.parse_args()
    held: dict[str, Any] = json.loads(HELD.read_text(encoding="utf-8")) if HELD.exists() else {"peers": {}}
    page = PAGE.read_text(encoding="utf-8")
    failed = 0
    for name in args.peers or PEERS:
        found = results(name)
        print(f"{name} {found['version']}", flush=True)
        for phrase, holds in found.pop("sentences").items():
            if phrase not in page:
                failed += 1
                print(f"  not on the page: {phrase}")
            elif holds is not True:
                failed += 1
                print(f"  no longer so: {phrase}{'' if holds is False else f' ({holds})'}")
        before = held["peers"].get(name, {}).get("classes")
        if before != found["classes"] and not args.write:
            failed += 1
            print(f"  answers otherwise than docs/peers.json says: {json.dumps(found['classes'])}")
        held["peers"][name] = found
    if args.write:
        held["date"] = datetime.date.today().isoformat()
        held["peers"] = {name: held["peers"][name] for name in PEERS if name in held["peers"]}
        HELD.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        subprocess.run([sys.executable, str(ROOT / "docs" / "generate_peers.py")], check=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
