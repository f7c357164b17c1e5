"""Nothing that others wrote commands the terminal: not an answer, a server's message, an id or a file's name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.support.terminal import Run, Terminal

from requesty_cli.harmless import harmless, harmless_json, one_line
from requesty_cli.output import shown
from requesty_emulator import GatewayEmulator

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]")

TABLE = {
    "colour": ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
    "clipboard": ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
    "title": ("\x1b]0;root@host\x1b\\", "␛]0;root@host␛\\"),
    "link": ("\x1b]8;;http://evil\x1b\\here", "␛]8;;http://evil␛\\here"),
    "screen": ("\x1b[2J\x1bc", "␛[2J␛c"),
    "C1 sequence": ("\x9b2J\x9d0;t\x9c", "<U+009B>2J<U+009D>0;t<U+009C>"),
    "next line of C1": ("a\x85b", "a<U+0085>b"),
    "override": ("\u202egnp.exe\u202c", "<U+202E>gnp.exe<U+202C>"),
    "isolate": ("\u2066a\u2069", "<U+2066>a<U+2069>"),
    "separators": ("a\u2028b\u2029c", "a<U+2028>b<U+2029>c"),
    "backspace": ("rm\b\bls", "rm␈␈ls"),
    "delete": ("a\x7fb", "a␡b"),
    "null": ("a\0b", "a␀b"),
    "carriage return": ("safe\rEVIL", "safeEVIL"),
    "line ends": ("a\r\nb\tc\n", "a\nb\tc\n"),
    "half a pair": ("a\ud83db", "a<U+D83D>b"),
    "words of every script": ("naïve שלום 你好 👩\u200d🚀", "naïve שלום 你好 👩\u200d🚀"),
}
EVIL = "\x1b]52;c;cm0=\x07\x1b]0;t\x07\x9b2J\u202eevil"


@pytest.mark.parametrize(("text", "expected"), TABLE.values(), ids=TABLE)
def test_what_a_terminal_obeys_is_shown(text: str, expected: str) -> None:
    assert harmless(text) == expected
    # Cut anywhere, as streams cut it, it is the same.
    assert "".join(map(harmless, text)) == expected
    assert OBEYED.search(harmless(text)) is None


@pytest.mark.parametrize("text", [text for text, _ in TABLE.values()], ids=TABLE)
def test_one_line_and_json_are_harmless_too(text: str) -> None:
    assert "\n" not in one_line(text)
    encoded = harmless_json(json.dumps({"text": text}, ensure_ascii=False))
    assert OBEYED.search(encoded) is None
    assert json.loads(encoded) == {"text": text}
    assert shown(text) == one_line(text)


def test_every_character_of_the_table_of_unicode_that_is_obeyed() -> None:
    every = "".join(map(chr, (*range(0x0300), *range(0x2000, 0x2100), *range(0xD800, 0xE000), *range(0xFFF0, 0x10000))))
    assert OBEYED.search(harmless(every)) is None


def obeyed(text: str) -> list[str]:
    """What a terminal would obey in what a command printed; line ends apart."""
    return OBEYED.findall(text.replace("\r\n", "\n"))


def test_an_answer_and_its_reasoning(gateway: GatewayEmulator, run: Run, terminal: type[Terminal]) -> None:
    for _ in range(2):
        gateway.say(pieces=[EVIL[:1], EVIL[1:], " end"], reasoning=f"why {EVIL}", model=None)
    done = run("chat", "Hello!")
    assert done.stdout == harmless(EVIL) + " end\n"
    assert obeyed(done.stdout + done.stderr) == []
    shown = terminal("chat", "Hello!")
    assert shown.finish() == 0
    # The only sequences are those that make text dim.
    assert obeyed(re.sub(r"\x1b\[[0-9;]*m", "", shown.shown)) == []
    assert f"why {harmless(EVIL)}" in shown.text


def test_an_answer_as_json_is_exact(gateway: GatewayEmulator, run: Run) -> None:
    gateway.say(text=EVIL)
    done = run("chat", "Hello!", "--json")
    assert json.loads(done.stdout)["text"] == EVIL
    assert obeyed(done.stdout) == []


@pytest.mark.parametrize("command", [("chat", "hi"), ("models",), ("keys",), ("usage",), ("doctor",)])
def test_the_message_of_a_server(command: tuple[str, ...], gateway: GatewayEmulator, run: Run) -> None:
    gateway.fault(status=400, message=f"refused {EVIL}")
    done = run(*command)
    assert done.returncode == 1
    assert obeyed(done.stdout + done.stderr) == []
    assert "]52;c;cm0=" in done.stdout + done.stderr


def test_the_name_of_a_key_and_of_a_file(gateway: GatewayEmulator, run: Run, home: Path) -> None:
    done = run("chat", "hi", "--attach", f"no{EVIL}.png", "--model", "x")
    assert done.returncode == 2
    assert obeyed(done.stderr) == []
    assert done.stderr.count("\n") == 1
    done = run("models", "--sort", EVIL)
    assert (done.returncode, obeyed(done.stderr), done.stderr.count("\n")) == (2, [], 1)


def test_a_terminal_of_another_encoding(gateway: GatewayEmulator, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    gateway.say(text="naïve 你好")
    done = run("chat", "Hello!")
    assert (done.returncode, done.stdout) == (0, "na\\xefve \\u4f60\\u597d\n")
