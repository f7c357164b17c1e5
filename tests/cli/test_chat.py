"""A conversation on the command line: what is kept, sent, shown and saved."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.support.terminal import Run, Terminal

from requesty_cli.attach import MOST_BYTES, attached
from requesty_cli.conversation import resumed
from requesty_cli.problems import UsageProblemError
from requesty_emulator import Fault, GatewayEmulator


def said(gateway: GatewayEmulator) -> list[Any]:
    return [turn["content"] for turn in gateway.last_request.body["messages"]]


class Talk:
    """A conversation in a terminal."""

    def __init__(self, terminal: type[Terminal], *arguments: str) -> None:
        self.shown = terminal("chat", *arguments)
        self._prompts = 0

    def prompt(self) -> None:
        """Wait for the next prompt."""
        self._prompts += 1
        self.shown.read_until(rf"(?:(?:^|\n)> [\s\S]*?){{{self._prompts}}}$")

    def say(self, text: str) -> None:
        self.prompt()
        self.shown.type(f"{text}\n")

    def end(self) -> int:
        self.say("")
        return self.shown.finish()


def test_a_failed_turn_is_dropped_and_can_be_asked_again(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    gateway.say(text="One.")
    talk = Talk(terminal)
    talk.say("First?")
    talk.prompt()
    gateway.fail_next(400, message="no such thing")
    talk.shown.type("Second?\n")
    talk.prompt()
    assert re.search(r"requesty-adapters: HTTP 400: no such thing", talk.shown.text)
    gateway.say(text="Two.")
    talk.shown.type("/retry\n")
    talk.prompt()
    assert said(gateway) == ["First?", "One.", "Second?"]
    gateway.fail_next(400)
    talk.shown.type("Third?\n")
    talk.prompt()
    gateway.say(text="Four.")
    talk.shown.type("Fourth?\n")
    talk.prompt()
    assert said(gateway) == ["First?", "One.", "Second?", "Two.", "Fourth?"]
    talk.shown.type("/retry\n")
    talk.prompt()
    assert "nothing to retry" in talk.shown.text
    talk.shown.type("\n")
    assert talk.shown.finish() == 0
    assert "Traceback" not in talk.shown.text


def test_ctrl_c_during_an_answer_ends_the_turn_only(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    gateway.say(pieces=["one ", "two ", *("three " for _ in range(2000))])
    gateway.fail_next(fault=Fault(chunk_delay=0.05))
    talk = Talk(terminal)
    talk.say("Count!")
    talk.shown.read_until("one two")
    talk.shown.type("\x03")
    talk.prompt()
    assert "stopped; the question is not part of the conversation" in talk.shown.text
    assert gateway.wait_idle()
    assert gateway.last_request.disconnected
    gateway.say(text="Well.")
    talk.shown.type("And now?\n")
    talk.prompt()
    assert said(gateway) == ["And now?"]
    talk.shown.type("\n")
    assert talk.shown.finish() == 0


def test_reasoning_is_shown_dim_and_the_cost_of_turn_and_conversation(
    terminal: type[Terminal], gateway: GatewayEmulator
) -> None:
    for text in ("One.", "Two."):
        gateway.say(text=text, reasoning="Let me think.", usage={"cost": 0.25})
    talk = Talk(terminal)
    for question in ("First?", "Second?"):
        talk.say(question)
    assert talk.end() == 0
    assert "\x1b[2mLet " in talk.shown.shown
    assert "Let me think." in talk.shown.text
    assert "0.25 USD]" in talk.shown.text
    assert re.search(r"0\.25 USD, 0\.50? USD so far\]", talk.shown.text)
    assert re.search(r"2 calls, 0\.50? USD in all", talk.shown.text)


def test_without_a_key_a_conversation_does_not_begin(
    terminal: type[Terminal], gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY")
    shown = terminal("chat")
    assert shown.finish() == 2
    assert "set REQUESTY_API_KEY" in shown.text


def test_parameters_are_sent_only_if_given(gateway: GatewayEmulator, run: Run) -> None:
    assert run("chat", "hi", "--temperature", "0.5", "--max-tokens", "7").returncode == 0
    body = gateway.last_request.body
    assert (body["temperature"], body.get("max_tokens", body.get("max_completion_tokens"))) == (0.5, 7)
    assert run("chat", "hi").returncode == 0
    assert {"temperature", "max_tokens", "max_completion_tokens"} & gateway.last_request.body.keys() == set()


def test_json_is_one_object_in_a_line(gateway: GatewayEmulator, run: Run) -> None:
    gateway.say(text="Two\nlines", reasoning="Why not.", usage={"cost": 0.25})
    done = run("chat", "hi", "--json", "--no-cost")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    told = json.loads(done.stdout)
    assert (told["text"], told["reasoning"], told["cost"]) == ("Two\nlines", "Why not.", "0.25")
    assert told["requested_model"] == "openai/gpt-4o-mini"
    assert told["model"]
    assert told["usage"]["input_tokens"] > 0
    assert told["request_id"]
    gateway.fail_next(400)
    done = run("chat", "hi", "--json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


# --- saving -----------------------------------------------------------------------------------------------------------


def test_a_conversation_is_saved_and_resumed(gateway: GatewayEmulator, run: Run, home: Path) -> None:
    gateway.say(text=f"Your key is {gateway.api_key}.")
    first = run("chat", "Hello!", "--model", "openai/gpt-4o", "--system", "Be brief.", "--save", "talk.json")
    assert first.returncode == 0
    file = home / "talk.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert gateway.api_key not in file.read_text()
    assert [p.name for p in home.iterdir()] == ["talk.json"]
    gateway.say(text="Bye.")
    assert run("chat", "And?", "--resume", "talk.json", "--save", "talk.json").returncode == 0
    assert gateway.last_request.body["model"] == "openai/gpt-4o"
    assert said(gateway) == ["Be brief.", "Hello!", "Your key is **********.", "And?"]
    assert [m["role"] for m in resumed(file).messages] == ["system", "user", "assistant", "user", "assistant"]


def test_a_failed_turn_leaves_the_file_as_it_was(gateway: GatewayEmulator, run: Run, home: Path) -> None:
    assert run("chat", "Hello!", "--save", "talk.json").returncode == 0
    before = (home / "talk.json").read_bytes()
    gateway.fail_next(400)
    assert run("chat", "Again!", "--resume", "talk.json", "--save", "talk.json").returncode == 1
    assert (home / "talk.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "content", "told"),
    [
        (("--resume", "f"), None, "--resume: f: No such file"),
        (("--resume", "f"), "{", "not JSON"),
        (("--resume", "f"), "[" * 100_000, "not JSON"),
        (("--resume", "f"), "[]", "holds no list of messages"),
        (("--resume", "f"), '{"model": "m", "messages": [{"role": "key"}]}', "holds no list of messages"),
        (("--resume", "f"), '{"messages": []}', "names no model"),
        (("--save", "f"), "{}", "--save: f: exists"),
        (("--save", "nowhere/f"), None, "no such folder"),
        (("--resume", "f", "--system", "x"), '{"model":"m","messages":[{"role":"system","content":"y"}]}', "--system"),
        (("--temperature", "-1"), None, "--temperature"),
        (("--max-tokens", "0"), None, "--max-tokens"),
        (("--temprature", "1"), None, "--temperature"),
        (("--attach", "none.png"), None, "--attach: none.png: No such file"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    arguments: tuple[str, ...], content: str | None, told: str, gateway: GatewayEmulator, run: Run, home: Path
) -> None:
    if content is not None:
        (home / "f").write_text(content)
    done = run("chat", "hi", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr
    assert gateway.requests == []


# --- attachments ------------------------------------------------------------------------------------------------------

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


def test_attachments_go_with_the_first_question(gateway: GatewayEmulator, run: Run, home: Path) -> None:
    (home / "a.png").write_bytes(PNG)
    (home / "b.pdf").write_bytes(b"%PDF-1.4\n")
    (home / "c.mp3").write_bytes(b"ID3")
    (home / "d.rs").write_text("fn main() {}")
    given = [word for name in ("a.png", "b.pdf", "c.mp3", "d.rs") for word in ("--attach", name)]
    assert run("chat", "What is this?", *given, "--model", "google/gemini-2.5-flash").returncode == 0
    [content] = said(gateway)
    assert [part["type"] for part in content] == ["text", "image_url", "input_file", "input_audio", "text"]
    assert content[1]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert (content[2]["filename"], content[2]["file_data"][:28]) == ("b.pdf", "data:application/pdf;base64,")
    assert content[3]["input_audio"] == {"data": base64.b64encode(b"ID3").decode(), "format": "mp3"}
    assert content[4]["text"] == "d.rs:\nfn main() {}"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.bin", b"\0\1\2", "is not an image"),
        ("a.svg", b"<svg/>", "image/svg+xml is not an image (png"),
        ("a.mp4", b"\0", "video/mp4 is not an image"),
        ("a.txt", b"\xff\xfe", "text/plain is not"),
        ("a.zip", b"PK\3\4\0", "is not an image"),
        ("a.png", b"", "the file is empty"),
        ("big.png", b"x" * (MOST_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_what_cannot_be_attached_is_one_line(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageProblemError, match=re.escape(told)) as raised:
        attached(tmp_path / name)
    assert "\n" not in str(raised.value)
