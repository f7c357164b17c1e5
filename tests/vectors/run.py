"""Responses from the test suites of h11 and httptools, read by our parser. Run: ``make vectors``.

Both suites come with the source distributions, which are downloaded by name and not kept in the repository. From h11
come all responses that stand in its tests as literals; what h11 itself makes of them is what ours must make of them.
From httptools comes the table of responses of the C parser it brings along, with status, body and keep-alive as that
table has them. Every response is also fed byte by byte.

After them comes what our transport and ``httpx`` make of the same answers, which is also a test of every run
(``tests/core/test_httpx_reference.py``).

Refusing is allowed where the reason is listed below; reading another body or another status never is.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h11
import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.core.test_httpx_reference import ANSWERS, outcome, own_transport

from requesty_core.network.http import RemoteProtocolError
from requesty_core.network.http11 import ResponseParser

SOURCES = ("h11", "httptools")

STRICTER = (
    "did not answer with HTTP/1.1",
    "control character",
    "header is malformed",
    "switched protocols",
    "content length is not one number",
    "unknown transfer encoding",
    "chunk size is not a number",
    "chunk size and its extensions are longer",
)
"""What is refused here though a lenient parser reads it: the answer is an error, never a guess."""


@dataclass
class Read:
    """What a parser made of a response."""

    status: int = 0
    body: bytes = b""
    refused: str = ""


def read(data: bytes, step: int) -> Read:
    """Our parser's reading; interim responses are passed over."""
    parser, result = ResponseParser(), Read()
    try:
        for at in range(0, len(data), step):
            result.body += parser.feed(data[at : at + step])
        parser.close()
    except RemoteProtocolError as exc:
        return Read(refused=str(exc))
    result.status = parser.status
    return result


def read_with_h11(data: bytes) -> Read:
    """The reading of h11's client."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    result = Read()
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                result.status = event.status_code
            elif isinstance(event, h11.Data):
                result.body += event.data
            elif event is h11.PAUSED or isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                return result
    except h11.RemoteProtocolError as exc:
        return Read(refused=str(exc))


def download(folder: Path) -> dict[str, Path]:
    """The source distributions, unpacked."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
    subprocess.run([*command, "--no-binary", ":all:", "-d", str(folder), *SOURCES], check=True)
    found = {}
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        found[archive.name.partition("-")[0]] = folder / archive.name.removesuffix(".tar.gz")
    return found


def literals(folder: Path) -> Iterator[bytes]:
    """Every response among the byte strings of Python tests."""
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, bytes) and value.startswith(b"HTTP/"):
                # Tests of single headers leave the end of the head to another literal.
                yield value if b"\n\r\n" in value or b"\n\n" in value else value.rstrip(b"\r\n") + b"\r\n\r\n"


_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def table(path: Path) -> Iterator[tuple[str, bytes, int, bytes]]:
    """Name, bytes, status and body of every response in the C parser's table."""
    source = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="latin-1"), flags=re.S)
    source = source[source.index("responses[] =") :]
    for entry in source.split("{.name=")[1:]:
        raw = re.search(r"\.raw\s*=\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)", entry)
        status = re.search(r"\.status_code\s*=\s*(\d+)", entry)
        body = re.search(r"\.body\s*=\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)", entry)
        if raw is None or status is None or ".type= HTTP_RESPONSE" not in entry:
            continue
        name = _STRING.search(entry)
        yield name[1] if name else "?", _text(raw[1]), int(status[1]), _text(body[1]) if body else b""


def _text(literal: str) -> bytes:
    joined = "".join(_STRING.findall(literal))
    # C's escapes, as far as the table uses them, are Python's.
    return joined.encode("latin-1").decode("unicode_escape").encode("latin-1")


def compare(name: str, data: bytes, wanted: Read) -> str:
    """What is wrong with our reading; empty if nothing is."""
    readings = {step: read(data, step) for step in (len(data), 1)}
    whole, single = readings.values()
    if (whole.status, whole.body, bool(whole.refused)) != (single.status, single.body, bool(single.refused)):
        return f"{name}: read otherwise byte by byte: {whole} {single}"
    if whole.refused:
        listed = any(reason in whole.refused for reason in STRICTER)
        return "" if wanted.refused or listed else f"{name}: refused ({whole.refused})"
    if wanted.refused:
        return f"{name}: accepted what is refused elsewhere ({wanted.refused}): {data[:80]!r}"
    if (whole.status, whole.body) != (wanted.status, wanted.body):
        return f"{name}: {whole} instead of {wanted}"
    return ""


def beside_httpx() -> bool:
    """Print what we make of answers otherwise than ``httpx``; whether any of it is not in the table."""
    unknown = False
    print(f"\n{'answer':38}{'httpx':>12}{'ours':>12}   difference")
    with httpx.Client(trust_env=False) as plain, httpx.Client(transport=own_transport(), trust_env=False) as ours:
        for name, (answer, reason) in ANSWERS.items():
            theirs, own = outcome(plain, answer), outcome(ours, answer)
            unknown |= (theirs == own) is bool(reason)
            words = [made if isinstance(made, str) else str(made[0]) for made in (theirs, own)]
            print(f"{name:38}{words[0]:>12}{words[1]:>12}   {reason or ('' if theirs == own else 'NOT EXPECTED')}")
    return unknown


def main() -> int:
    """Print the figures; 1 if any reading is wrong."""
    problems: list[str] = []
    counts: dict[str, int] = {}
    refused = 0
    with tempfile.TemporaryDirectory() as place:
        folders = download(Path(place))
        cases = [("h11", data, read_with_h11(data)) for data in literals(folders["h11"])]
        cases += [("httptools", data, read_with_h11(data)) for data in literals(folders["httptools"])]
        for path in folders["httptools"].rglob("http-parser/test.c"):
            cases += [(f"httptools: {n}", d, Read(status, body)) for n, d, status, body in table(path)]
    for name, data, wanted in cases:
        suite = name.partition(":")[0]
        counts[suite] = counts.get(suite, 0) + 1
        refused += bool(read(data, len(data)).refused)
        if "-v" in sys.argv:
            print(name, read(data, len(data)).refused)
        problem = compare(name, data, wanted)
        if problem:
            problems.append(problem)
    print(f"{sum(counts.values())} responses ({counts}), {refused} refused, {len(problems)} read wrongly")
    for problem in problems:
        print(" ", problem)
    apart = beside_httpx()
    return bool(problems) or apart or len(counts) < len(SOURCES)


if __name__ == "__main__":
    sys.exit(main())
