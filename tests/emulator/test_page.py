"""The page of requests by HTTP: its files, the requests as JSON, the stream of changes, and what it never shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requesty_emulator import Fault, GatewayEmulator, Policy
from requesty_emulator.page.reading import answer_of, prompt_of, tools_of

from .wire import CHAT, MODEL, ask, tool

LIST = "/_emulator/requests"
WEATHER = tool("get_weather", "Current weather of a city", city={"type": "string"})


def shown(http: httpx.Client, number: int = -1) -> dict[str, Any]:
    """All that the page shows of a request."""
    identity = http.get(LIST).json()["requests"][number]["id"]
    answer: dict[str, Any] = http.get(f"{LIST}/{identity}").json()
    return answer


def said(pieces: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(one["role"], one["kind"], one.get("name", "") + one["text"]) for one in pieces]


def test_its_files_come_from_here_and_ask_nobody_else(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    files = ["/", *re.findall(r'(?:href|src)="([^"]+)"', page.text)]
    assert len(files) >= 4
    modules = [f"/_emulator/{name}.js" for name in ("dom", "list", "detail")]
    for name in [*files, *modules]:
        answer = http.get(name)
        assert answer.status_code == 200, name
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", answer.text), name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", answer.text), name
    assert http.get(LIST).json()["requests"] == [], "the page's own requests are not in the log"


def test_a_row_says_what_happened(gw: GatewayEmulator, http: httpx.Client) -> None:
    http.post(CHAT, json=ask("The light is 31 metres high. How high is it?", stream=True))
    http.post(CHAT, json=ask("hi", temperature=9))
    assert gw.wait_idle()
    told = http.get(LIST).json()
    good, refused = told["requests"]
    assert (good["model"], good["status"], good["state"], good["stream"]) == (MODEL, 200, "done", True)
    assert good["asked"] == "The light is 31 metres high. How high is it?"
    assert good["cost"] == f"{gw.requests[0].cost:f}"
    assert good["tokens_in"] == gw.requests[0].usage["prompt_tokens"]  # type: ignore[index]
    assert (refused["status"], refused["cost"], refused["error_origin"]) == (400, None, "router")
    assert "temperature" in refused["error"]
    assert (told["total"], told["billed"]) == (2, f"{gw.billed:f}")


def test_limit_is_checked(http: httpx.Client) -> None:
    for number in range(3):
        http.post(CHAT, json=ask(f"number {number}"))
    assert [row["asked"] for row in http.get(LIST, params={"limit": 2}).json()["requests"]] == ["number 1", "number 2"]
    for wrong in ("0", "-1", "many", "9" * 30, "²"):
        answer = http.get(LIST, params={"limit": wrong})
        assert answer.status_code == 400
        assert "limit" in answer.json()["error"]
    assert http.get(f"{LIST}/nothing").status_code == 404


def test_prompt_tools_and_answer_are_read_from_the_wire(gw: GatewayEmulator, http: httpx.Client) -> None:
    gw.say("Mild.", reasoning="Look outside.", tool_calls=[{"name": "get_weather", "arguments": {"city": "Oslo"}}])
    http.post(CHAT, json=ask("How is Oslo?", tools=[WEATHER]))
    one = shown(http)
    assert said(one["prompt"]) == [("user", "text", "How is Oslo?")]
    assert one["tools"] == [{"name": "get_weather", "description": "Current weather of a city"}]
    assert {(kind, text) for _, kind, text in said(one["answer"])} == {
        ("text", "Mild."),
        ("reasoning", "Look outside."),
        ("call", 'get_weather{"city": "Oslo"}'),
    }


BODIES = {
    CHAT: ask("How is Oslo?", tools=[WEATHER]),
    "/v1/messages": {
        "model": "anthropic/claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "How is Oslo?"}]}],
        "tools": [{"name": "get_weather", "description": "", "input_schema": WEATHER["function"]["parameters"]}],
    },
    "/v1/responses": {
        "model": MODEL,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "How is Oslo?"}]}],
        "tools": [{"type": "function", "name": "get_weather", "parameters": WEATHER["function"]["parameters"]}],
    },
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("streamed", [False, True])
def test_every_format_says_the_same(gw: GatewayEmulator, http: httpx.Client, path: str, streamed: bool) -> None:
    gw.say("Mild, ünd wet.", tool_calls=[{"name": "get_weather", "arguments": {"city": "Oslo"}}])
    http.post(path, json={**BODIES[path], "stream": streamed})
    one = shown(http)
    assert said(one["prompt"]) == [("user", "text", "How is Oslo?")]
    assert [item["name"] for item in one["tools"]] == ["get_weather"]
    found = {(kind, text.replace(" ", "")) for _, kind, text in said(one["answer"])}
    assert found == {("text", "Mild,ündwet."), ("call", 'get_weather{"city":"Oslo"}')}
    assert one["stream"] is streamed


def test_chunks_stand_on_a_time_line(gw: GatewayEmulator, http: httpx.Client) -> None:
    gw.settings.chunk_delay = 0.001
    http.post(CHAT, json=ask("one two three", stream=True))
    assert gw.wait_idle()
    one = shown(http)
    times = [at for at, _ in one["writes"]]
    assert len(times) > 3
    assert times == sorted(times)
    assert sum(size for _, size in one["writes"]) == one["answer_bytes"] == one["answer_kept"]
    assert one["answer_body"].endswith("data: [DONE]\n\n")


def test_a_policys_tries_and_a_clients_are_a_waterfall(gw: GatewayEmulator, http: httpx.Client) -> None:
    gw.policies["support"] = Policy(models=["openai/gpt-4o", "anthropic/claude-sonnet-4-5"])
    gw.fault(model="openai/gpt-4o", status=503, times=1)
    gw.fail_next(429, model="policy/support")
    for model in ("policy/support", "policy/support", MODEL):
        http.post(CHAT, json={**ask("Who painted it?"), "model": model})
    http.post(CHAT, json=ask("Something else"))
    one = shown(http, 1)
    assert [(other["model"], other["status"]) for other in one["same_call"]] == [
        ("policy/support", 429),
        ("policy/support", 200),
        (MODEL, 200),
    ]
    assert one["same_call"][0]["to"] <= 0 == one["same_call"][1]["from"] <= one["same_call"][2]["from"]
    assert [(tried["model"], tried["status"]) for tried in one["tries"]] == gw.requests[1].attempts
    assert len(one["tries"]) >= 2
    assert all(0 <= tried["from"] <= tried["to"] for tried in one["tries"])
    assert [len(shown(http, number)["same_call"]) for number in range(4)] == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Fault(status=503), (503, "done", "fault")),
        (Fault(truncate_after_chunks=2), (200, "done", None)),
        (Fault(cut_after_bytes=40), (200, "done", None)),
        (Fault(malformed_json=True), (200, "done", None)),
        (Fault(html=True), (502, "done", None)),
        (Fault(drop_connection=True), (None, "done", None)),
        (Fault(error_event={"message": "broke"}), (200, "done", None)),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_faults_are_shown_as_they_went_out(
    gw: GatewayEmulator, http: httpx.Client, fault: Fault, state: tuple[Any, ...], streamed: bool
) -> None:
    gw.fail_next(fault=fault)
    try:
        got = http.post(CHAT, json=ask("one two three four", stream=streamed)).content
    except httpx.TransportError:
        got = None
    assert gw.wait_idle()
    one = shown(http)
    assert (one["status"], one["state"], one["error_origin"]) == state
    if got is not None:
        assert one["answer_body"].encode() == got


SECRET = "rqsty-sk-0123456789abcdef0123456789abcdef"


def test_no_key_is_shown(gw: GatewayEmulator, http: httpx.Client) -> None:
    other = gw.add_key("other", secret="local-key-of-another-kind")
    words = f"My keys are {SECRET}, {gw.api_key} and {other.secret}."
    gw.settings.chunk_delay = 0.0001
    gw.say(pieces=["It is ", SECRET[:9], SECRET[9:20], SECRET[20:], f" and {other.secret[:8]}", other.secret[8:], "."])
    http.post(
        CHAT, json=ask(words, stream=True, user=gw.api_key), headers={"x-note": gw.api_key, "cookie": "id=12345678"}
    )
    http.post(CHAT, json={**ask(), "model": f"openai/{other.secret}"}, headers={"x-api-key": SECRET})
    http.get(f"/v1/{gw.api_key}")
    http.post("/v1/manage/apikey", json={"name": "new", "permissions": {"completions": "write"}})
    assert gw.wait_idle()
    rows = http.get(LIST)
    told = [rows.text, *(http.get(f"{LIST}/{row['id']}").text for row in rows.json()["requests"])]
    secrets = [SECRET, gw.api_key, "12345678", *(key.secret for key in gw.state.keys.values())]
    assert len(secrets) >= 6
    assert [secret for secret in secrets for text in told if secret in text] == []
    assert all("REDACTED" in text for text in told[1:4])


def changes(client: httpx.Client) -> Iterator[tuple[str, dict[str, Any]]]:
    with client.stream("GET", "/_emulator/events", timeout=20) as answer:
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])


def test_changes_are_streamed(gw: GatewayEmulator, http: httpx.Client) -> None:
    http.post(CHAT, json=ask("first"))
    told = changes(http)
    name, data = next(told)
    assert (name, [row["asked"] for row in data["requests"]]) == ("all", ["first"])
    http.post(CHAT, json=ask("second"))
    last = {}
    for name, data in told:
        assert name == "some"
        last |= {row["asked"]: row["state"] for row in data["requests"]}
        if last.get("second") == "done":
            break
    assert set(last) == {"second"}
    gw.clear()
    name, data = next(told)
    assert (name, data["requests"], data["total"], data["billed"]) == ("all", [], 0, "0")
    told.close()  # type: ignore[attr-defined]
    assert gw.wait_idle(), "a page that is open is no request"


def test_a_page_that_left_is_not_told(gw: GatewayEmulator, http: httpx.Client) -> None:
    told = changes(http)
    next(told)
    feed = gw._core.feed
    assert len(feed._watchers) == 1
    told.close()  # type: ignore[attr-defined]
    for _ in range(200):
        if not feed._watchers:
            break
        http.get(LIST)
    assert not feed._watchers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("localhost.evil.example", 403),
        ("10.0.0.1", 403),
        ("", 403),
    ],
)
def test_a_name_of_another_site_does_not_reach_it(http: httpx.Client, host: str, status: int) -> None:
    for path in ("/", LIST, f"{LIST}/x", "/_emulator/events", "/_emulator/main.js"):
        if path.endswith("events") and status == 200:
            continue
        found = http.get(path, headers={"host": host}).status_code
        assert (found == 403) == (status == 403), path


NAMES = [
    *("messages", "input", "content", "role", "type", "text", "tools", "function", "name", "arguments", "tool_calls"),
    *("choices", "delta", "message", "index", "output", "summary", "item", "content_block", "system", "prompt"),
    *("data", "embedding", "reasoning"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(body=JSON, cut=st.integers(0, 300))
def test_reading_takes_anything(body: Any, cut: int) -> None:
    """Whatever went over the wire, cut anywhere, gives pieces of text and no error."""
    data = json.dumps(body).encode()
    for made in (
        prompt_of(body),
        answer_of(data[: max(len(data) - cut, 0)], "application/json"),
        answer_of(b"event: x\ndata: " + data + b"\n\ndata: " + data[:cut], "text/event-stream"),
    ):
        assert all(isinstance(value, str) for piece in made for value in piece.values())
    assert all(isinstance(value, str) for one in tools_of(body) for value in one.values())
