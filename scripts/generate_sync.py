"""Write the synchronous modules from their asynchronous sources; ``--check`` only compares.

What differs between the two by ``await`` alone is written once, in a module or folder called ``aio``; this makes the
one called ``sync`` beside it. The text is translated word by word, docstrings included, and put into form by ``ruff``.
What differs in more than words (which transport sends, how batches run at once, how an open stream is closed) is
written by hand below both and has the same names there, but for ``Async``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "integrations"

SOURCES = (
    "requesty_core/client/aio",
    "requesty_core/routes/aio",
    "requesty_core/relay/aio.py",
    "openai_requesty/aio",
)
"""Modules and folders of modules, below ``integrations``."""

WORDS = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aclose": "close",
    "aclosing": "closing",
    "anext": "next",
    "aread": "read",
    "as_async_transport": "as_transport",
    "aauthorised": "authorised",
    "async_auth_flow": "sync_auth_flow",
    "handle_async_request": "handle_request",
    "AsyncByteStream": "SyncByteStream",
}
"""Whole words that the rules below do not know."""

RULES = (
    (r"\basync (?=def |with |for |for``|with``)", ""),
    (r"\bawait ", ""),
    (r"\bAwaitable\[([^\[\]]*)\]", r"\1"),
    (rf"\b({'|'.join(WORDS)})\b", lambda found: WORDS[found[0]]),
    (r"(?<![A-Za-z0-9])Async(?=[A-Z])", ""),
    (r"(?<![A-Za-z0-9])aio(?![A-Za-z0-9])", "sync"),
)

PHRASES: Mapping[str, Mapping[str, str]] = {
    "requesty_core/client/aio/__init__.py": {
        "The asynchronous client and its streams: the source that ``sync`` is generated from.": (
            "The synchronous client and its streams."
        ),
    },
    "requesty_core/client/aio/client.py": {
        "The asynchronous client: a thin": "The synchronous client: a thin",
        "to share between event\nloops.": "to share between\nthreads.",
        "The asynchronous client. Usable from one event loop after another.": (
            "The synchronous client. Usable from many threads at once."
        ),
        "        Not a coroutine: iterate it with ``async for``.\n": "",
        "the shared one of a loop is closed with its loop": "the shared one stays open for others",
    },
    "requesty_core/client/aio/embeddings.py": {
        "Vectors of the asynchronous client": "Vectors of the synchronous client",
        "an asynchronous iterator": "an iterator",
    },
    "requesty_core/client/aio/streams.py": {
        "Streamed answers of the asynchronous client.": "Streamed answers of the synchronous client.",
        "an asynchronous iterator": "an iterator",
        "        A task that waits for the next event meanwhile gets a :class:`TruncatedStreamError`.\n": "",
    },
    "requesty_core/relay/aio.py": {
        "The relay as an asynchronous": "The relay as a synchronous",
        "An asynchronous transport that": "A synchronous transport that",
        "Usable from one event loop after another.": "Thread-safe.",
    },
    "requesty_core/routes/aio/__init__.py": {
        "methods of the asynchronous client: the source that ``sync`` is generated from.": (
            "methods of the synchronous client."
        ),
    },
    "openai_requesty/aio/__init__.py": {
        "The asynchronous client, its streams and resources: the source that ``sync`` is generated from.": (
            "The synchronous client, its streams and resources."
        ),
    },
    "openai_requesty/aio/client.py": {
        "Usable from one event loop after another.": "Usable from many threads at once.",
        "; ``api_key`` may also be an async callable": "",
    },
}
"""By source: sentences of docstrings that are true of one side only, and what is true of the other."""


def translated(text: str, phrases: Mapping[str, str] | None = None) -> str:
    """The synchronous text, not yet in form. Raises ``ValueError`` for a phrase that is not in ``text``."""
    for phrase, other in (phrases or {}).items():
        if phrase not in text:
            raise ValueError(f"no such phrase (any more): {phrase!r}")
        text = text.replace(phrase, other)
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text


def formatted(text: str, path: Path) -> str:
    """In the project's form: imports sorted, those no longer needed left out, lines broken anew."""
    lint = ("check", "--quiet", "--fix-only", "--unsafe-fixes", "--select", "F401,I,RUF022,UP028")
    for command in (lint, ("format", "--quiet")):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


def twin(source: Path) -> Path:
    """Where the synchronous module of a source is."""
    parts = ["sync" if part == "aio" else part for part in source.with_suffix("").relative_to(ROOT).parts]
    return ROOT.joinpath(*parts).with_suffix(".py")


def sources() -> Iterable[Path]:
    """Every asynchronous source."""
    for name in SOURCES:
        path = ROOT / name
        yield from [path] if path.is_file() else sorted(path.glob("*.py"))


def generated(source: Path) -> str:
    """The whole synchronous module of a source."""
    name = source.relative_to(ROOT).as_posix()
    body = translated(source.read_text(encoding="utf-8"), PHRASES.get(name))
    note = f"# Generated by scripts/generate_sync.py from {name}; change that file instead.\n"
    return note + formatted(body, twin(source))


def main() -> int:
    """Write the modules, or with --check compare them."""
    check = "--check" in sys.argv[1:]
    twins = {twin(source): source for source in sources()}
    if not check:
        for path in twins:
            # Imports are sorted by what is there.
            path.parent.mkdir(exist_ok=True)
            path.touch()
    wanted = {path: generated(source) for path, source in twins.items()}
    folders = {path.parent for path in wanted if path.parent.name == "sync"}
    strangers = {path for folder in folders for path in folder.glob("*.py")} - wanted.keys()
    if not check:
        for path in strangers:
            path.unlink()
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    there = {path: path.read_text(encoding="utf-8") for path in wanted if path.exists()}
    stale = [path for path in wanted if there.get(path) != wanted[path]]
    names = sorted(path.relative_to(ROOT).as_posix() for path in {*stale, *strangers})
    if names:
        print(f"integrations: stale: {', '.join(names)}; run: python scripts/generate_sync.py", file=sys.stderr)
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
