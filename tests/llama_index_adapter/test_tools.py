"""Tool calls as they arrive, and the loop of calls and results."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

from requesty_core.errors import ConfigurationError


def piece(arguments: str, **fields: Any) -> dict[str, Any]:
    name = fields.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {**fields, "function": function}


def chunks(*deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = [{"id": "i", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]} for calls in deltas]
    return [*made, {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]


ONE, TWO = '{"a": 1}', '{"b": 2}'
TWO_CALLS = [("a", "f", {"a": 1}), ("b", "g", {"b": 2})]
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("f", "g")]


@pytest.mark.parametrize(
    "stream",
    [
        chunks([piece(ONE, index=0, id="a", name="f"), piece(TWO, index=1, id="b", name="g")]),
        chunks(
            [piece("", index=0, id="a", name="f")],
            [piece("", index=1, id="b", name="g")],
            [piece(ONE[:4], index=0)],
            [piece(TWO[:4], index=1)],
            [piece(ONE[4:], index=0)],
            [piece(TWO[4:], index=1)],
        ),
        chunks([piece(ONE, id="a", name="f")], [piece(TWO, id="b", name="g")]),
        chunks(
            [piece(ONE[:4], index=0, id="a", name="f")],
            [piece(ONE[4:], index=0, id="a", name="f")],
            [piece(TWO, index=1, id="b", name="g")],
        ),
    ],
    ids=["in one chunk", "interleaved", "without index", "repeated id and name"],
)
def test_calls_are_merged(canned: Any, stream: Any) -> None:
    llm, _ = canned(stream)
    last = list(llm.stream_chat([ChatMessage("x")], tools=TOOLS))[-1]
    calls = llm.get_tool_calls_from_response(last)
    assert [(call.tool_id, call.tool_name, call.tool_kwargs) for call in calls] == TWO_CALLS


def test_a_long_argument_is_read_a_bounded_number_of_times(canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index.llms.requesty import _streams

    parses: list[int] = []
    parse = _streams.parse_partial_json
    monkeypatch.setattr(_streams, "parse_partial_json", lambda text: parses.append(len(text)) or parse(text))
    pieces = [f'"{number:04}",' for number in range(2000)]
    text = '{"a": [' + "".join(pieces) + "0]}"
    llm, _ = canned(
        chunks(
            [piece('{"a": [', index=0, id="a", name="f")],
            *[[piece(p, index=0)] for p in pieces],
            [piece("0]}", index=0)],
        )
    )
    responses = list(llm.stream_chat([ChatMessage("x")], tools=TOOLS))
    assert len(responses) > 2000
    [call] = llm.get_tool_calls_from_response(responses[-1])
    assert call.tool_kwargs == json.loads(text)
    # Lengths that grow by a quarter: what is read in all stays below five times the text, not 2,000 times.
    assert sum(parses) < 5 * len(text)


def test_chat_with_tools_leaves_the_callers_history_alone(make: Any, gw: Any) -> None:
    def f(a: int) -> int:
        """F."""
        return a

    history = [ChatMessage("before")]
    tool = FunctionTool.from_defaults(f)
    llm = make()
    gw.say(
        tool_calls=[{"name": "f", "arguments": {"a": 1}, "id": "a"}, {"name": "f", "arguments": {"a": 2}, "id": "b"}]
    )
    response = llm.chat_with_tools([tool], user_msg="x", chat_history=history)
    assert len(history) == 1
    assert len(llm.get_tool_calls_from_response(response)) == 1
    body = gw.last_request.body
    assert body["parallel_tool_calls"] is False
    assert "strict" not in body["tools"][0]["function"]
    assert "additionalProperties" not in body["tools"][0]["function"]["parameters"]
    gw.say(text="No.")
    with pytest.raises(ValueError, match="No"):
        llm.get_tool_calls_from_response(llm.chat_with_tools([tool], user_msg="x", tool_choice="none"))
    assert gw.last_request.body["tool_choice"] == "none"
    with pytest.raises(ConfigurationError, match="tool_choice"):
        llm.chat_with_tools([tool], user_msg="x", tool_choice="h")
    llm.chat_with_tools([tool], user_msg="x", tool_required=True, strict=True)
    function = gw.last_request.body["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["additionalProperties"] is False
    assert gw.last_request.body["tool_choice"] == "required"
