"""Which request a scripted answer is for."""

from __future__ import annotations

import httpx
import pytest

from requesty_emulator import GatewayEmulator, load_scenario

from .wire import ask, said, tool

READ = tool("read_file", "Reads a file", path={"type": "string"})


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_an_answer_waits_for_a_request_that_offers_the_tool(gw: GatewayEmulator, http: httpx.Client, path: str) -> None:
    gw.say("for readers", offers="read_file")
    plain = READ["function"]
    offered = {
        "/v1/chat/completions": READ,
        "/v1/messages": {"name": "read_file", "input_schema": plain["parameters"]},
        "/v1/responses": {"type": "function", "name": "read_file", "parameters": plain["parameters"]},
    }[path]
    assert said(http, "Write a title") != "for readers"
    assert said(http, "Write a title", tools=[tool("other")]) != "for readers"
    body = {**ask("hello"), "max_tokens": 100, "tools": [offered]}
    if path == "/v1/responses":
        body = {"model": body["model"], "input": "hello", "tools": [offered]}
    assert "for readers" in http.post(path, json=body).text
    assert "for readers" not in http.post(path, json=body).text


def test_a_scenario_may_say_it() -> None:
    assert load_scenario({"answers": [{"text": "x", "offers": "read_file"}]}).answers[0]["offers"] == "read_file"
