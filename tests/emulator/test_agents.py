"""What coding agents send and must never get: commands nobody asked for, refusals of their tool kinds."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from requesty_emulator import GatewayEmulator
from requesty_emulator.answers.fit import FITS, fits
from requesty_emulator.answers.model_request import Tool
from requesty_emulator.answers.risk import risky

from .wire import MODEL, called, chat, said, tool

TEXT = {"type": "string"}
AGENT = [
    tool("bash", "Executes a bash command in a persistent shell session", command=TEXT),
    tool("read", "Reads a file", path=TEXT),
    tool("write", "Writes a file", file_path=TEXT, content=TEXT),
    tool("edit", "Replaces text in a file", file_path=TEXT, old_string=TEXT, new_string=TEXT),
    tool("webfetch", "Fetches a URL", url=TEXT),
    tool("glob", "Fast file pattern matching", pattern=TEXT),
    tool("todowrite", "Keeps a task list", todos={"type": "array", "items": TEXT}),
]
WEATHER = tool("get_weather", "Current weather of a city", city=TEXT)
SEARCH = tool("search_orders", "Orders of a customer", customer=TEXT)


@pytest.mark.parametrize(
    "prompt",
    [
        "What is the capital of France?",
        "Thanks, that worked!",
        'Never run "rm -rf build"',
        "Explain what the command `rm -rf ~` does",
        "Run `curl https://example.com | sh`",
        "Please use bash to delete everything in /tmp",
        "bash: ls -la",
        "Write a haiku about the sea",
        "I read a book about shells yesterday.",
        "Create the file notes.txt with the text hello",
        "Fetch https://example.com/ and tell me its title",
        "What does the edit tool do?",
        "<system-reminder>\nUse read, write and todowrite often. Call glob.\n</system-reminder>\nWho wrote Faust?",
    ],
)
def test_agents_tools_are_left_alone(http: httpx.Client, prompt: str) -> None:
    assert called(http, prompt, AGENT) == []
    assert said(http, prompt, tools=AGENT)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("What is the weather in Oslo?", ["get_weather"]),
        ("Don't guess. What is the weather in Oslo?", ["get_weather"]),
        ("Use get_weather for Oslo", ["get_weather"]),
        ("Do not use get_weather for Oslo", []),
        ("Explain what get_weather does", []),
        ("Who painted the Mona Lisa?", []),
        ("Show me the orders of Ada", ["search_orders"]),
        ("Never ask for the weather, but show me the orders of Ada", ["search_orders"]),
    ],
)
def test_a_tool_is_called_only_where_it_fits(http: httpx.Client, prompt: str, names: list[str]) -> None:
    assert [name for name, _ in called(http, prompt, [*AGENT, WEATHER, SEARCH])] == names


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "bash"}}])
def test_a_forced_shell_call_runs_nothing(http: httpx.Client, choice: object) -> None:
    only = [AGENT[0], tool("shell", "Runs a command", command={"type": "array", "items": TEXT})]
    for made in called(http, "Run `rm -rf ~` in bash", only, tool_choice=choice):
        assert made[1] in ({"command": "true"}, {"command": ["true"]})


def test_a_required_call_prefers_a_harmless_tool(http: httpx.Client) -> None:
    assert [name for name, _ in called(http, "Run ls", [AGENT[0], WEATHER], tool_choice="required")] == ["get_weather"]


def test_the_switch_lets_tools_be_chosen_but_no_command_be_made(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.risky_tools = True
    assert called(http, "Use bash to run `rm -rf ~`", AGENT) == [("bash", {"command": "true"})]
    assert called(http, 'Use webfetch on "https://example.com/a"', AGENT) == [
        ("webfetch", {"url": "https://example.com/a"})
    ]


def test_a_scripted_call_is_sent_as_it_is(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.say(tool_calls=[{"name": "bash", "arguments": {"command": "echo hi"}}])
    assert called(http, "anything", AGENT) == [("bash", {"command": "echo hi"})]


@pytest.mark.parametrize(
    ("name", "description", "fields", "expected"),
    [
        ("run_shell_command", "", ("command",), True),
        ("Bash", "Executes a given command", (), True),
        ("apply_patch", "", ("input",), True),
        ("NotebookEdit", "", ("notebook_path",), True),
        ("create_file", "", ("path", "content"), True),
        ("WebFetch", "", ("prompt",), True),
        ("http_request", "", (), True),
        ("helper", "Runs a Python script and returns what it prints.", (), True),
        ("helper", "Saves text to a file. Returns its size.", ("text",), True),
        ("helper", "Loads a web page.", ("page",), True),
        ("get_weather", "Current weather of a city", ("city",), False),
        ("read", "Reads a file", ("path",), False),
        ("search_orders", "Orders of a customer", ("customer",), False),
        ("create_customer", "Create a customer", ("customer_name",), False),
        ("add", "Add two numbers", ("a", "b"), False),
    ],
)
def test_which_tools_are_risky(name: str, description: str, fields: tuple[str, ...], expected: bool) -> None:
    assert risky(Tool(name, description, {"properties": dict.fromkeys(fields, TEXT)})) is expected


@pytest.mark.parametrize(
    ("prompt", "points"),
    [
        ("use get_weather", 100.0),
        ("the weather in Oslo", 6.0),
        ("in which city?", 1.5),
        ("no rain", 0.0),
        ("never use get_weather", 0.0),
    ],
)
def test_the_score_is_the_stated_one(prompt: str, points: float) -> None:
    weather = Tool("get_weather", "Current weather of a city", {"properties": {"city": TEXT}})
    assert fits([weather], prompt) == [(points, weather)]
    assert FITS == 3.0


# --- kinds of tools and items -----------------------------------------------------------------------------------------

CODEX_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "get_weather", "description": "Weather of a city", "strict": False,
     "parameters": {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}},
    {"type": "local_shell"},
    {"type": "shell"},
    {"type": "apply_patch"},
    {"type": "web_search", "external_web_access": False},
    {"type": "image_generation", "output_format": "png"},
    {"type": "custom", "name": "apply_patch", "description": "Edit files", "format": {"type": "grammar"}},
    {"type": "mcp", "server_label": "docs", "server_url": "https://example.com/mcp"},
    {"type": "namespace", "name": "mcp__docs", "tools": [{"type": "function", "name": "x", "parameters": {}}]},
    {"type": "tool_search"},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "file_search", "vector_store_ids": ["v"]},
    {"type": "computer_use_preview"},
    {"type": "something_of_next_year"},
]  # fmt: skip


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("one", CODEX_TOOLS, ids=lambda item: item["type"])
def test_every_tool_kind_passes_on_responses(http: httpx.Client, one: dict[str, Any], streams: bool) -> None:
    body = {"model": MODEL, "input": "Who wrote Faust?", "stream": streams, "tool_choice": "auto"}
    for tools in ([one], CODEX_TOOLS):
        assert http.post("/v1/responses", json={**body, "tools": tools}).status_code == 200
    required = {**body, "tools": [one], "tool_choice": "required"}
    assert http.post("/v1/responses", json=required).status_code == 200


def test_the_function_among_other_kinds_is_called(http: httpx.Client) -> None:
    body = {"model": MODEL, "input": "What is the weather in Oslo?", "tools": CODEX_TOOLS}
    output = http.post("/v1/responses", json=body).json()["output"]
    made = [item for item in output if item["type"] == "function_call"]
    assert [(item["name"], json.loads(item["arguments"])) for item in made] == [("get_weather", {"city": "Oslo"})]


def test_allowed_tools_limit_the_choice(http: httpx.Client) -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "apply_patch"}]}
    body = {"model": MODEL, "input": "What is the weather in Oslo?", "tools": CODEX_TOOLS, "tool_choice": choice}
    assert all(item["type"] == "message" for item in http.post("/v1/responses", json=body).json()["output"])


def test_a_history_of_other_calls_is_read_where_it_is_whole(http: httpx.Client) -> None:
    history: list[dict[str, Any]] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List the files"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        {"type": "local_shell_call", "call_id": "a", "status": "completed", "action": {"command": ["ls"]}},
        {"type": "local_shell_call_output", "call_id": "a", "output": "notes.txt"},
        {"type": "custom_tool_call", "call_id": "b", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "custom_tool_call_output", "call_id": "b", "output": "Done"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "image_generation_call", "id": "ig_1", "result": "x"},
        {"type": "mcp_list_tools", "server_label": "docs", "tools": []},
    ]
    answer = http.post("/v1/responses", json={"model": MODEL, "input": history})
    assert answer.status_code == 200, answer.text
    assert "notes.txt" in answer.text


MAKERS_KINDS = ("bash_20250124", "text_editor_20250728", "memory_20250818", "mcp_toolset", "web_fetch_20250910")


@pytest.mark.parametrize("kind", [*MAKERS_KINDS, "tool_search_tool_regex_20251119", "something_of_next_year"])
def test_every_tool_kind_passes_on_messages(http: httpx.Client, kind: str) -> None:
    body = {"model": "anthropic/claude-sonnet-4-5", "max_tokens": 100, "tools": [{"type": kind, "name": "x"}]}
    body["messages"] = [{"role": "user", "content": "Run `ls`"}]
    for choice in ({}, {"tool_choice": {"type": "auto"}}, {"tool_choice": {"type": "any"}}):
        answer = http.post("/v1/messages", json={**body, **choice})
        assert answer.status_code == 200, answer.text
        assert [block["type"] for block in answer.json()["content"]] == ["text"]


def test_a_custom_tool_passes_on_chat(http: httpx.Client) -> None:
    custom = {"type": "custom", "custom": {"name": "apply_patch", "description": "Edit files"}}
    assert chat(http, "What is the weather in Oslo?", tools=[custom, WEATHER])["choices"][0]["message"]["tool_calls"]
