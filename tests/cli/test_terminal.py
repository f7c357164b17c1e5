"""The commands in a real terminal (a pty of 80 columns) and in a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from tests.support.terminal import COMMAND, Run, Terminal, hears_interrupts, wait_until_asleep
from typer.testing import CliRunner

from requesty_cli.app import app
from requesty_core import NotFoundError, RequestyClient, __version__
from requesty_emulator import Fault, GatewayEmulator

USER = [{"role": "user", "content": "hi"}]
COMMANDS = ("chat", "configure", "demo", "doctor", "emulator", "keys", "models", "spend", "usage", "verify")


def in_shell(line: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which ``$R`` is the command, with the status of the first command of its pipe."""
    script = f'{line}; echo "status ${{PIPESTATUS[0]}}"'
    return subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "R": COMMAND},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version_and_help(run: Run) -> None:
    assert run("--version").stdout.strip() == __version__
    top = run("--help").stdout
    assert all(name in top for name in COMMANDS)
    assert "Example:" in top


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command(name: str, terminal: type[Terminal]) -> None:
    shown = terminal(name, "--help")
    assert shown.finish() == 0
    assert f"Example: requesty-adapters {name}" in shown.text
    assert re.search(r"Exit codes:\s+0 done,\s+1 the gateway or a step failed,\s+2 wrong usage", shown.text)
    assert [line for line in shown.text.splitlines() if len(line) > 80] == []


# --- demo and emulator ------------------------------------------------------------------------------------------------


def test_demo(terminal: type[Terminal]) -> None:
    demo = terminal("demo")
    assert demo.finish(60) == 0
    assert "eighteen sea miles" in demo.text
    assert "anthropic/claude-sonnet-4-5" in demo.text
    assert re.search(r"3 calls, 0\.00\d+ USD in all", demo.text)
    table = demo.text.partition("What it took")[2]
    assert "…" not in table
    assert all(len(line) <= 80 for line in table.splitlines())


def test_a_failed_step_of_the_demo_is_told_and_the_other_runs(run: Run) -> None:
    done = run("demo", "--model", "openai/[bold]no-such")
    assert done.returncode == 1
    assert "streamed answer failed:" in done.stdout
    assert "from openai/[bold]no-such" in done.stdout
    assert "ferry_departure(" in done.stdout
    assert "Traceback" not in done.stderr


def test_emulator(terminal: type[Terminal]) -> None:
    emulator = terminal("emulator", "--api-key", "rqy-test")
    url = emulator.read_until(r"base URL  (http://127\.0\.0\.1:\d+/v1)")[1]
    emulator.read_until("Ctrl-C")
    client = RequestyClient(base_url=url, api_key="rqy-test", max_retries=0)
    assert client.chat(model="openai/gpt-4o-mini", messages=USER).text
    emulator.read_until(r"200 +POST /v1/chat/completions +openai/gpt-4o-mini")
    emulator.read_until(r"1 request\b")
    long = "openai/a-model-whose-name-does-not-fit-beside-the-others"
    with pytest.raises(NotFoundError):
        client.chat(model=long, messages=USER)
    emulator.read_until(r"2 requests\b")
    table = emulator.text.rpartition("status")[2]
    assert "…" not in table
    assert "tokens" in table
    emulator.interrupt()
    assert emulator.finish() == 0


def test_emulator_in_a_pipe(tmp_path: Path, home: Path) -> None:
    scenario = tmp_path / "faults.toml"
    scenario.write_text('[[faults]]\nmodel = "openai/gpt-4o"\nstatus = 503\n')
    process = subprocess.Popen(
        [COMMAND, "emulator", "--scenario", str(scenario), "--api-key", "rqy-test"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hears_interrupts,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[-1]
        client = RequestyClient(base_url=url, api_key="rqy-test", fallbacks=["openai/gpt-4o-mini"])
        assert [a.outcome for a in client.chat(model="openai/gpt-4o", messages=USER).attempts] == ["error", "ok"]
        told = (line for line in process.stdout if "POST /v1/chat/completions" in line)
        assert [next(told).split()[0] for _ in range(2)] == ["503", "200"]
    finally:
        wait_until_asleep(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_the_emulator_goes_on_when_its_reader_has_gone(home: Path) -> None:
    process = subprocess.Popen(
        [COMMAND, "emulator", "--api-key", "rqy-test"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_interrupts,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        url = process.stdout.readline().split()[-1]
        process.stdout.close()
        client = RequestyClient(base_url=url, api_key="rqy-test", max_retries=0)
        assert [client.chat(model="openai/gpt-4o-mini", messages=USER).text for _ in range(3)]
    finally:
        wait_until_asleep(process)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_port_that_is_taken_is_one_line(gateway: GatewayEmulator, home: Path) -> None:
    done = CliRunner().invoke(app, ["emulator", "--port", str(gateway.port)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "in use" in done.stderr


# --- chat -------------------------------------------------------------------------------------------------------------


def test_chat_in_a_pipe(gateway: GatewayEmulator, run: Run) -> None:
    gateway.say(text="Good morning.", usage={"cost": 0.25}, model="openai/gpt-4o")
    gateway.fail_next(503, model="openai/gpt-4o-mini")
    done = run(
        *("chat", "--model", "openai/gpt-4o-mini", "--fallback", "openai/gpt-4o", "--system", "Be brief."),
        stdin="Hello!\n",
    )
    assert (done.returncode, done.stdout) == (0, "Good morning.\n")
    assert "0.25 USD, 2 attempts" in done.stderr
    sent = gateway.last_request.body["messages"]
    assert sent == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]


def test_chat_in_a_terminal(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    gateway.say(text="Good morning.")
    gateway.say(text="Good night.")
    chat = terminal("chat")
    for said, answer in (("Hello!", "Good morning."), ("Bye!", "Good night.")):
        chat.read_until(r"> $")
        chat.type(f"{said}\n")
        chat.read_until(re.escape(answer))
    chat.read_until(r"> $")
    chat.type("\n")
    assert chat.finish() == 0
    assert "2 calls" in chat.text
    assert [turn["content"] for turn in gateway.last_request.body["messages"]] == ["Hello!", "Good morning.", "Bye!"]


def test_ctrl_c_stops_an_answer_and_closes_the_connection(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    gateway.say(pieces=["one ", "two ", *("three " for _ in range(2000))])
    gateway.fault(chunk_delay=0.05)
    chat = terminal("chat", "Count!")
    chat.read_until("one two")
    chat.type("\x03")
    assert chat.finish() == 130
    assert "Traceback" not in chat.text
    assert chat.text.endswith("\n")
    assert gateway.wait_idle()
    assert gateway.last_request.disconnected


def test_ctrl_c_at_the_prompt_ends_the_conversation(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    chat = terminal("chat")
    chat.read_until(r"> $")
    chat.interrupt()
    assert chat.finish() == 130
    assert "Traceback" not in chat.text
    assert gateway.requests == []


def test_an_error_behind_a_partial_answer_is_one_line(gateway: GatewayEmulator, run: Run) -> None:
    gateway.say(pieces=["one ", "two ", "three"])
    gateway.fail_next(fault=Fault(error_event={"message": "provider stream broke"}, error_after_chunks=3))
    done = run("chat", "Count!")
    assert done.returncode == 1
    assert done.stdout.startswith("one ")
    assert done.stdout.endswith("\n")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "provider stream broke" in done.stderr


@pytest.mark.parametrize("line", ["$R chat 'Tell me.' | head -c 1", "$R models | head -1", "$R configure codex | true"])
def test_a_reader_that_leaves_is_no_failure(line: str, gateway: GatewayEmulator, home: Path) -> None:
    gateway.say(pieces=["word " for _ in range(3000)])
    done = in_shell(line)
    assert "status 0" in done.stdout
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("given", ["", "  \n"])
def test_an_empty_question_is_not_sent(given: str, gateway: GatewayEmulator, run: Run) -> None:
    for done in (run("chat", stdin=given), run("chat", given)):
        assert (done.returncode, done.stdout) == (2, "")
        assert "empty" in done.stderr
    assert gateway.requests == []


# --- models, keys, usage ----------------------------------------------------------------------------------------------


def test_models(terminal: type[Terminal], gateway: GatewayEmulator, run: Run) -> None:
    shown = terminal("models", "gpt-4o-mini", "--capability", "vision", "--max-price", "1")
    assert shown.finish() == 0
    assert re.search(r"openai/gpt-4o-mini +128000 +0\.15 +0\.6", shown.text)
    assert all(len(line) <= 80 for line in shown.text.splitlines())
    piped = run("models", "--offline", "--provider", "anthropic", "--json")
    assert all(model["id"].startswith("anthropic/") for model in json.loads(piped.stdout))
    lines = run("models", "gpt-4o-mini").stdout.splitlines()
    assert "openai/gpt-4o-mini\t128000\t0.15\t0.6\tyes\tyes" in lines


def test_models_for_an_application_in_a_region_by_price(gateway: GatewayEmulator, run: Run) -> None:
    dedicated = json.loads(run("models", "--app", "coding", "--json").stdout)
    assert {model["app"] for model in dedicated} == {"coding"}
    found = json.loads(
        run(
            *("models", "--hosted-in", "eu", "--max-output-price", "10", "--min-context", "200000"),
            *("--sort", "output-price", "--descending", "--json"),
        ).stdout
    )
    prices = [Decimal(model["output"]) for model in found]
    assert prices
    assert prices == sorted(prices, reverse=True)
    assert all(p <= 10 for p in prices)
    assert {model["hosted_in"] for model in found} == {"eu"}
    assert all(model["context"] >= 200_000 for model in found)


def test_no_model_says_which_condition_is_to_blame(gateway: GatewayEmulator, run: Run) -> None:
    done = run("models", "gpt-4o", "--max-input-price", "0.0001", "--capability", "vision")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.search(r"Without --max-input-price 0\.0001: \d+ models", done.stderr)
    assert "--capability vision:" not in done.stderr
    assert run("models", "gpt-4o", "--max-input-price", "0.0001", "--json").stdout == "[]\n"


def test_models_of_an_unreachable_gateway_are_an_error_not_an_old_list(gateway: GatewayEmulator, run: Run) -> None:
    gateway.fault(status=503)
    done = run("models")
    assert (done.returncode, done.stdout) == (1, "")


def test_keys_and_usage(terminal: type[Terminal], gateway: GatewayEmulator, run: Run) -> None:
    assert "Nothing was used in the last 7 days." in run("usage").stderr
    assert run("chat", "Hello!").returncode == 0
    [key] = json.loads(run("keys", "--json").stdout)
    assert Decimal(key["spent"]) == gateway.billed
    [row] = json.loads(run("usage", "--group-by", "model_requested", "--json").stdout)
    assert (row["group"], row["requests"], Decimal(row["spend"])) == ("openai/gpt-4o-mini", 1, gateway.billed)
    for command, noun in (("keys", "1 key"), ("usage", "1 row")):
        shown = terminal(command)
        assert shown.finish() == 0
        assert re.search(rf"^{noun}$", shown.text, re.MULTILINE)
        assert gateway.api_key not in shown.text


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor(terminal: type[Terminal], gateway: GatewayEmulator) -> None:
    shown = terminal("doctor")
    assert shown.finish() == 0
    assert "Ready: the gateway answers and accepts the key." in shown.text
    assert re.search(r"ok +latency +\d+ ms at best, \d+ ms median of 5 requests", shown.text)
    assert "from REQUESTY_BASE_URL" in " ".join(shown.text.split())
    assert all(len(line) <= 80 for line in shown.text.splitlines())
    assert gateway.api_key not in shown.text
    # Measuring sends no key, nothing asks a model, and the models are those that `models` lists.
    assert [r.path for r in gateway.requests].count("/v1/models/managed") == 7
    assert gateway.billed == 0


def test_doctor_with_a_wrong_key(gateway: GatewayEmulator, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-wrong")
    done = run("doctor")
    assert done.returncode == 1
    assert re.search(r"bad +key +set \(REQUESTY_API_KEY\), refused: HTTP 403.*\n +-> ", done.stdout)
    assert "Not ready: key." in done.stdout
    assert "rqy-wrong" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ('"rqy-key"', "in quotation marks"),
        ("Bearer rqy-key", "begins with 'Bearer'"),
        ("$RQY_KEY", "nothing filled in"),
    ],
)
def test_doctor_with_what_cannot_be_a_key_checks_the_rest(
    gateway: GatewayEmulator, run: Run, monkeypatch: pytest.MonkeyPatch, key: str, told: str
) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", key)
    done = run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(rf"bad +key +.*{re.escape(told)}.*\n +-> ", done.stdout)
    assert re.search(r"ok +latency ", done.stdout)
    assert "Not ready: key." in done.stdout
    assert key not in done.stdout
    assert all("authorization" not in r.headers for r in gateway.requests)


def test_doctor_without_a_key_checks_the_rest(
    gateway: GatewayEmulator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY")
    done = run("doctor", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert (report["ok"], report["bad"]) == (False, ["key"])
    assert checks["key"]["advice"].startswith("export REQUESTY_API_KEY=")
    assert checks["latency"]["status"] == "ok"
    assert checks["langchain"]["status"] == "ok"
    assert checks["models"]["status"] == "info"


def test_doctor_without_a_gateway(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-test")
    # Port 9 (discard) of this machine: nothing listens there.
    done = run("doctor", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 1
    assert re.search(r"bad +latency +.+\n +-> check the network", done.stdout)
    assert re.search(r"-- +key +set \(REQUESTY_API_KEY\); not tried", done.stdout)
    assert re.search(r"ok +langchain ", done.stdout)


# --- what is wrong on this side ---------------------------------------------------------------------------------------


def test_without_a_key_it_is_one_line(gateway: GatewayEmulator, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY")
    for command in (("chat", "x"), ("keys",), ("usage",), ("models",), ("demo", "--live")):
        done = run(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert "set REQUESTY_API_KEY" in done.stderr
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("models", "--capability", "flying", "--offline"), "--capability: 'flying'"),
        (("models", "--offline", "--region", "eu"), "--offline"),
        (("chat", "hi", "--base-url", "ftp://x"), "--base-url: 'ftp://x'"),
        (("keys", "--management-url", "nonsense"), "--management-url"),
        (("usage", "--region", "eu", "--base-url", "http://127.0.0.1:9/v1"), "--region"),
        (("chat", "hi", "--fallback", ""), "--fallback"),
        (("emulator", "--port", "99999"), "port"),
        (("emulator", "--scenario", "nowhere.toml"), "nowhere.toml"),
        (("configure", "cline", "--write"), "cline"),
        (("configure", "codex", "--key-env", "rqsty-sk-0123456789"), "--key-env"),
        (("configure", "codex", "--model", " "), "--model"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_status_2(arguments: tuple[str, ...], told: str, home: Path) -> None:
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "0123456789" not in done.stderr


def test_bad_input_in_a_pipe(run: Run) -> None:
    done = run("models", "--capability", "flying", "--offline")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_region_is_the_gateway_of_that_region(run: Run, no_gateway: None) -> None:
    assert 'base_url = "https://router.eu.requesty.ai/v1"' in run("configure", "codex", "--region", "eu").stdout


# --- the page of requests ---------------------------------------------------------------------------------------------


def test_open_shows_the_page_in_the_browser(tmp_path: Path, home: Path) -> None:
    """The browser is a command that writes down the address it was given."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}.part && /bin/mv {seen}.part {seen}\n')
    browser.chmod(0o755)
    for command, found in ((str(browser), True), (str(tmp_path / "none"), False)):
        process = subprocess.Popen(
            [COMMAND, "emulator", "--open", "--api-key", "rqy-test"],
            env={**os.environ, "HOME": str(home), "BROWSER": f"{command} %s", "PATH": str(tmp_path), "DISPLAY": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline().strip() for _ in range(7 if found else 8)]
            page = next(line for line in lines if line.startswith("requests  ")).split()[-1]
            assert httpx.get(page, trust_env=False).status_code == 200
            if found:
                for _ in range(500):
                    if seen.exists():
                        break
                    time.sleep(0.02)
                assert seen.read_text() == page
            else:
                assert lines[-1] == f"--open: no browser was found; open {page} yourself"
        finally:
            process.terminate()
            process.wait(timeout=20)


def test_open_is_for_the_emulator() -> None:
    done = CliRunner().invoke(app, ["emulator", "--open", "--replay", "x.json"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("requesty-adapters: --open: ")
