"""What is sent: bodies and headers as the gateway received them."""

from __future__ import annotations

import subprocess
import sys
import traceback
import warnings
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from pydantic import BaseModel, ValidationError
from tests.support.langchain_tools import weather

from langchain_requesty import (
    ChatRequesty,
    ChatRequestyFallback,
    RequestyConfigurationError,
    RequestyEmbeddings,
    RequestyOptions,
)
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
CACHE = {"type": "ephemeral"}


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


WIRE_WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

FIELDS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # constructor, call, body
    ({"temperature": 0}, {}, {"temperature": 0}),
    ({"temperature": 0}, {"temperature": 1}, {"temperature": 1}),
    ({"temperature": 0.5}, {"temperature": None}, {"temperature": ...}),
    (
        {"top_p": 0.9, "top_k": 5, "min_p": 0.1, "seed": 3},
        {},
        {"top_p": 0.9, "top_k": 5, "min_p": 0.1, "seed": 3},
    ),
    ({"max_tokens": 7}, {}, {"max_tokens": 7, "max_completion_tokens": ...}),
    ({"max_completion_tokens": 7}, {}, {"max_tokens": ..., "max_completion_tokens": 7}),
    ({"stop": ["a"]}, {}, {"stop": ["a"]}),
    ({"stop_sequences": ["a"]}, {}, {"stop": ["a"]}),
    ({"stop": ["a"]}, {"stop": ["b"]}, {"stop": ["b"]}),
    ({"logprobs": True, "top_logprobs": 2}, {}, {"logprobs": True, "top_logprobs": 2}),
    ({"reasoning_effort": "high"}, {}, {"reasoning_effort": "high"}),
    ({"reasoning": {"effort": "low"}}, {}, {"reasoning_effort": "low", "reasoning": ...}),
    ({"reasoning": {"max_tokens": 2048}}, {}, {"reasoning_effort": "2048", "reasoning": ...}),
    ({}, {"reasoning": {"enabled": False}}, {"reasoning_effort": "none", "reasoning": ...}),
    ({"model_kwargs": {"prediction": {"x": 1}}}, {}, {"prediction": {"x": 1}}),
    ({"extra_body": {"new_field": 1}}, {"other": 2}, {"new_field": 1, "other": 2}),
    ({"options": {"tags": ["a"], "trace_id": "t"}}, {}, {"requesty": {"tags": ["a"], "trace_id": "t"}}),
    (
        {"options": RequestyOptions(auto_cache=True, extra={"a": 1})},
        {"options": {"extra": {"b": 2}}},
        {"requesty": {"auto_cache": True, "extra": {"a": 1, "b": 2}}},
    ),
    ({"parallel_tool_calls": True}, {}, {"parallel_tool_calls": ...}),
    ({}, {"model": "openai/gpt-4o"}, {"model": "openai/gpt-4o"}),
    ({"user": "u", "service_tier": "flex", "store": False}, {}, {"user": "u", "service_tier": "flex", "store": False}),
    ({}, {"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
]


@pytest.mark.parametrize(("constructor", "call", "expected"), FIELDS)
@pytest.mark.parametrize("mode", ["invoke", "stream", "ainvoke", "astream"])
async def test_fields(
    gateway: GatewayEmulator,
    settings: dict[str, Any],
    constructor: dict[str, Any],
    call: dict[str, Any],
    expected: dict[str, Any],
    mode: str,
) -> None:
    llm = ChatRequesty(model=MODEL, **settings, **constructor)
    if mode == "invoke":
        llm.invoke("Say hi in json", **call)
    elif mode == "stream":
        list(llm.stream("Say hi in json", **call))
    elif mode == "ainvoke":
        await llm.ainvoke("Say hi in json", **call)
    else:
        assert [chunk async for chunk in llm.astream("Say hi in json", **call)]
    (request,) = gateway.requests
    body = request.body
    for name, value in {"model": MODEL, **expected}.items():
        if value is ...:
            assert name not in body
        else:
            assert body[name] == value
    assert body.get("stream") is ({"stream": True, "astream": True}.get(mode))
    assert body.get("stream_options") == ({"include_usage": True} if mode.endswith("stream") else None)


def test_headers(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    llm = ChatRequesty(
        model=MODEL,
        **settings,
        app_url="https://app.test",
        app_title="App",
        extra_headers={"X-Requesty-Team": "search"},
    )
    llm.invoke("hi", extra_headers={"X-Requesty-Team": "docs", "X-Call": "1"})
    headers = gateway.last_request.headers
    assert headers["authorization"] == f"Bearer {gateway.api_key}"
    assert (headers["http-referer"], headers["x-title"]) == ("https://app.test", "App")
    assert (headers["x-requesty-team"], headers["x-call"]) == ("docs", "1")
    ChatRequesty(model=MODEL, **settings).invoke("hi")
    assert not {"http-referer", "x-title"} & gateway.last_request.headers.keys()


def test_usage_can_be_left_out_of_streams(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    chunks = list(ChatRequesty(model=MODEL, stream_usage=False, **settings).stream("hi"))
    assert gateway.last_request.body["stream_options"] == {"include_usage": False}
    assert all(chunk.usage_metadata is None and "cost" not in chunk.response_metadata for chunk in chunks)


def test_unknown_arguments_are_sent_with_a_warning(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match="shiny sent as request parameters"):
        llm = ChatRequesty(model=MODEL, shiny=3, **settings)
    llm.invoke("hi")
    assert gateway.last_request.body["shiny"] == 3


CHOICES: list[tuple[Any, Any]] = [
    (None, None),
    (False, None),
    ("auto", "auto"),
    ("none", "none"),
    ("any", "required"),
    ("required", "required"),
    (True, {"type": "function", "function": {"name": "weather"}}),
    ("weather", {"type": "function", "function": {"name": "weather"}}),
    ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
    ({"type": "any"}, "required"),
    (
        {"type": "function", "function": {"name": "weather"}},
        {"type": "function", "function": {"name": "weather"}},
    ),
]


@pytest.mark.parametrize(("given", "sent"), CHOICES)
def test_tools_and_choice(gateway: GatewayEmulator, settings: dict[str, Any], given: Any, sent: Any) -> None:
    llm = ChatRequesty(model=MODEL, parallel_tool_calls=False, **settings)
    llm.bind_tools([weather], tool_choice=given).invoke("Weather in Oslo?")
    body = gateway.last_request.body
    assert body["tools"] == [WIRE_WEATHER]
    assert body.get("tool_choice") == sent
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize("given", ["wether", {"type": "function", "function": {"name": "wether"}}, 3])
def test_a_choice_that_names_no_tool(settings: dict[str, Any], given: Any) -> None:
    with pytest.raises(RequestyConfigurationError, match=r"^tool_choice: "):
        ChatRequesty(model=MODEL, **settings).bind_tools([weather], tool_choice=given)


def test_other_forms_of_tools(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    cached = {**WIRE_WEATHER, "cache_control": CACHE}
    anthropic = {"name": "find", "description": "Find.", "input_schema": {"type": "object", "properties": {}}}
    tools = [{"type": "web_search"}, cached, Person, anthropic]
    ChatRequesty(model=MODEL, **settings).bind_tools(tools, strict=None, parallel_tool_calls=True).invoke("hi")
    sent = gateway.last_request.body["tools"]
    assert sent[:2] == [{"type": "web_search"}, cached]
    assert [item["function"]["name"] for item in sent[2:]] == ["Person", "find"]
    ChatRequesty(model=MODEL, **settings).bind_tools([]).invoke("hi")
    assert "tools" not in gateway.last_request.body


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"name": "weather", "args": {"city": "Øst"}, "id": "c1", "type": "tool_call"}
WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Øst"}'}}
ASKED = [HumanMessage("q"), AIMessage("", tool_calls=[CALL])]
WIRE_ASKED = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]},
]

MESSAGES: list[tuple[str, list[BaseMessage], list[dict[str, Any]]]] = [
    (
        "roles and names",
        [SystemMessage("s"), HumanMessage("h", name="Ann"), AIMessage("a"), ChatMessage("u", role="user")],
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "h", "name": "Ann"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "u"},
        ],
    ),
    (
        "developer",
        [SystemMessage("s", additional_kwargs={"__openai_role__": "developer"}), HumanMessage("h")],
        [{"role": "developer", "content": "s"}, {"role": "user", "content": "h"}],
    ),
    (
        "tool loop",
        [*ASKED, ToolMessage("sunny", tool_call_id="c1")],
        [*WIRE_ASKED, {"role": "tool", "tool_call_id": "c1", "content": "sunny"}],
    ),
    (
        "media and cache mark in a tool result",
        [
            *ASKED,
            ToolMessage(
                [
                    {"type": "text", "text": "a chart", "cache_control": CACHE},
                    {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
                ],
                tool_call_id="c1",
            ),
        ],
        [
            *WIRE_ASKED,
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "text", "text": "a chart", "cache_control": CACHE}, IMAGE],
            },
        ],
    ),
    (
        "a cache mark for a whole message",
        [SystemMessage("long", additional_kwargs={"cache_control": CACHE}), HumanMessage("h")],
        [
            {"role": "system", "content": [{"type": "text", "text": "long", "cache_control": CACHE}]},
            {"role": "user", "content": "h"},
        ],
    ),
    (
        "every kind of part",
        [
            HumanMessage(
                [
                    "bare",
                    {"type": "text", "text": "t", "cache_control": CACHE},
                    {"type": "image", "url": "https://x.test/a.png", "mime_type": "image/png"},
                    {"type": "image_url", "image_url": {"url": "https://x.test/b.png", "detail": "low"}},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "audio", "base64": "AAAA", "mime_type": "audio/mpeg"},
                    {"type": "file", "base64": "AAAA", "mime_type": "application/pdf", "filename": "a.pdf"},
                    {"type": "file", "url": "https://x.test/a.pdf"},
                    {"type": "file", "file_id": "f1"},
                    {"type": "video", "base64": "AAAA", "mime_type": "video/mp4"},
                    {"type": "text-plain", "text": "plain", "mime_type": "text/plain"},
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
                        "title": "d.pdf",
                    },
                ]
            )
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "bare"},
                    {"type": "text", "text": "t", "cache_control": CACHE},
                    {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "mime_type": "image/png"}},
                    {"type": "image_url", "image_url": {"url": "https://x.test/b.png", "detail": "low"}},
                    IMAGE,
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                    {
                        "type": "input_file",
                        "file_data": "data:application/pdf;base64,AAAA",
                        "filename": "a.pdf",
                        "mime_type": "application/pdf",
                    },
                    {"type": "input_file", "file_data": "https://x.test/a.pdf", "filename": "file.pdf"},
                    {"type": "file", "file": {"file_id": "f1"}},
                    {
                        "type": "input_file",
                        "file_data": "data:video/mp4;base64,AAAA",
                        "filename": "video.mp4",
                        "mime_type": "video/mp4",
                    },
                    {"type": "text", "text": "plain"},
                    {
                        "type": "input_file",
                        "file_data": "data:application/pdf;base64,AAAA",
                        "filename": "d.pdf",
                        "mime_type": "application/pdf",
                    },
                ],
            }
        ],
    ),
    (
        "reasoning and signature of an earlier answer",
        [
            HumanMessage("q"),
            AIMessage(
                "",
                tool_calls=[CALL],
                additional_kwargs={"reasoning_content": "hm", "reasoning_signature": "sig"},
            ),
            ToolMessage("sunny", tool_call_id="c1"),
        ],
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [WIRE_CALL],
                "reasoning_content": "hm",
                "reasoning_signature": "sig",
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    ),
    (
        "the same from v1 blocks",
        [
            HumanMessage("q"),
            AIMessage(
                content_blocks=[
                    {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}},
                    {"type": "text", "text": "Let me look."},
                    CALL,  # type: ignore[list-item]
                ]
            ),
            ToolMessage("sunny", tool_call_id="c1"),
        ],
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "Let me look."}],
                "tool_calls": [WIRE_CALL],
                "reasoning_content": "hm",
                "reasoning_signature": "sig",
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    ),
    (
        "Anthropic blocks",
        [
            HumanMessage("q"),
            AIMessage(
                [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Øst"}},
                ]
            ),
            HumanMessage(
                [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "sunny", "cache_control": CACHE},
                    {"type": "text", "text": "And now?"},
                ]
            ),
        ],
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "Let me look."}],
                "tool_calls": [WIRE_CALL],
                "reasoning_content": "hm",
                "reasoning_signature": "sig",
            },
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "text", "text": "sunny", "cache_control": CACHE}],
            },
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ],
    ),
    (
        "arguments that were never JSON go back as they came",
        [
            HumanMessage("q"),
            AIMessage(
                "",
                invalid_tool_calls=[
                    {"name": "weather", "args": '{"city": ', "id": "c1", "error": "cut", "type": "invalid_tool_call"}
                ],
            ),
            ToolMessage("not JSON", tool_call_id="c1", status="error"),
        ],
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": '}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "not JSON"},
        ],
    ),
    (
        "a refusal in the history",
        [HumanMessage("q"), AIMessage("", additional_kwargs={"refusal": "No."}), HumanMessage("why?")],
        [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": None, "refusal": "No."},
            {"role": "user", "content": "why?"},
        ],
    ),
]


@pytest.mark.parametrize(("messages", "wire"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES])
def test_messages(
    gateway: GatewayEmulator, settings: dict[str, Any], messages: list[BaseMessage], wire: list[dict[str, Any]]
) -> None:
    gateway.say(text="ok")
    ChatRequesty(model=MODEL, **settings).invoke(messages)
    assert gateway.last_request.body["messages"] == wire


REFUSED: list[tuple[list[BaseMessage], str]] = [
    ([HumanMessage([{"type": "hologram"}])], r"messages\[0\]\.content\[0\]: a block of type 'hologram'"),
    ([HumanMessage([{"type": "image"}])], "neither 'url' nor 'base64'"),
    ([HumanMessage([{"type": "audio", "url": "https://x.test/a.mp3"}])], "audio by URL"),
    ([FunctionMessage("x", name="f")], "use ToolMessage"),
]


@pytest.mark.parametrize(("messages", "match"), REFUSED)
def test_what_cannot_be_sent_is_refused_before_sending(
    gateway: GatewayEmulator, settings: dict[str, Any], messages: list[BaseMessage], match: str
) -> None:
    with pytest.raises(RequestyConfigurationError, match=match):
        ChatRequesty(model=MODEL, **settings).invoke(messages)
    assert gateway.requests == []


BAD_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, r"^model: "),
    ({"timeout": -1}, r"^timeout: -1\.0 is negative"),
    ({"max_retries": -1}, r"^max_retries: "),
    ({"region": "mars"}, r"^region: 'mars'"),
    ({"base_url": "router.test/v1"}, r"^base_url: .*https://router\.test/v1"),
    ({"extra_headers": {"X-A": "a\r\nb"}}, r"^extra_headers: .*line break"),
    ({"fallbacks": [{"modle": "x"}]}, r"^fallbacks: "),
    ({"options": {"tagz": []}}, r"^options: unknown key tagz"),
    ({"reasoning": {"depth": 3}}, r"^reasoning: "),
    ({"api_key": " "}, r"^api_key: empty"),
]


KEY = "rqsty-sk-0123456789abcdef0123"
# What a type check would have found: of any class, told in the core's words where it knows the setting.
BAD_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"timeout": "30s"}, "timeout: '30s' is not a number; give seconds above 0, or None for no limit"),
    ({"max_retries": "two"}, "max_retries: 'two' is not a whole number; give 0 or more"),
    ({"options": "tags"}, "options: 'tags' is neither RequestyOptions nor a mapping"),
    ({"budget": 1.0}, "budget: 1.0 is not a budget; give Budget(1.0)"),
    ({"budget": "2.50"}, "budget: '2.50' is not a budget; give Budget('2.50')"),
    ({"ledger": True}, "ledger: True is not a ledger; give CostLedger()"),
    ({"on_event": "print"}, "on_event: 'print' is not a function; give a function that takes an event"),
    ({"api_key": (KEY,)}, "api_key: must be a string or a callable, not tuple"),
    ({"api_key": [KEY]}, "api_key: must be a string or a callable, not list"),
    ({"api_key": {"key": KEY}}, "api_key: must be a string or a callable, not dict"),
    ({"extra_headers": KEY}, "extra_headers: a string of 29 characters is not a mapping; give names and values"),
    ({"extra_body": [KEY]}, "extra_body: a list is not a mapping of JSON fields"),
    ({"base_url": KEY}, "base_url: a string of 29 characters has no http or https scheme; give a URL such as"),
    ({"region": KEY}, "region: a string of 29 characters is unknown; use one of global, eu, us, ap"),
    (
        {"api_base": "https://x.test/v1"},
        "api_base: is no setting and no known field of a request; did you mean base_url?",
    ),
    ({"apikey": KEY}, "apikey: is named like a secret and no setting here; give the key as api_key"),
    ({"max_retires": 0}, "max_retires: is no setting and no known field of a request; did you mean max_retries?"),
]
BAD_CHAT_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"fallbacks": "openai/gpt-4o"}, "fallbacks: give a list of models, not a single one"),
    ({"fallbacks": 3}, "fallbacks: 3 is not a list of models"),
    (
        {"fallback": ["openai/gpt-4o"]},
        "fallback: is no setting and no known field of a request; did you mean fallbacks?",
    ),
    ({"temprature": 1}, "temprature: is no setting and no known field of a request; did you mean temperature?"),
    ({"temperature": "hot"}, "temperature: 'hot' does not fit; it should be a valid number"),
    ({"max_tokens": KEY}, "max_tokens: a string of 29 characters does not fit; it should be a valid integer"),
    ({"logit_bias": {"1": "x"}}, "logit_bias: {'1': 'x'} does not fit; it should be a valid integer"),
    ({"fallback_policy": 5}, "fallback_policy: 5 is not a FallbackPolicy; give FallbackPolicy(deadline=30)"),
    ({"adapt": "sometimes"}, "adapt: "),
    ({"model": 3}, "model: 3 does not fit; it should be a valid string"),
]


@pytest.mark.parametrize(("arguments", "match"), BAD_SETTINGS)
def test_bad_settings_are_one_clear_line(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(RequestyConfigurationError, match=match) as caught:
        ChatRequesty(**{"model": MODEL, **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cls", "arguments", "line"),
    [
        *((cls, *row) for cls in (ChatRequesty, ChatRequestyFallback, RequestyEmbeddings) for row in BAD_TYPES),
        *((ChatRequesty, *row) for row in BAD_CHAT_TYPES),
    ],
)
def test_wrong_types_and_slips_are_one_line_of_our_own_class_without_secrets(
    cls: Any, arguments: dict[str, Any], line: str
) -> None:
    given = {"models": [MODEL]} if cls is ChatRequestyFallback else {"model": MODEL}
    with pytest.raises(RequestyConfigurationError) as caught:
        cls(**{**given, **arguments})
    told = str(caught.value)
    assert told.startswith(line)
    assert "\n" not in told
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_model_is_needed() -> None:
    cls: Any = ChatRequesty
    with pytest.raises(RequestyConfigurationError, match=r"^model: missing; give one$"):
        cls()
    with pytest.raises(ValidationError) as caught:
        cls.model_validate({"model": MODEL, "api_key": [KEY]})
    assert KEY not in str(caught.value)


def test_every_name_can_be_imported_at_once_with_the_extra_alone() -> None:
    code = "import sys; sys.modules['langchain'] = None\nfrom langchain_requesty import *\nprint(ChatRequesty.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["ChatRequesty"]


def test_a_missing_key_is_told_by_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    llm = ChatRequesty(model=MODEL)
    with pytest.raises(RequestyConfigurationError, match="set REQUESTY_API_KEY"):
        llm.invoke("hi")


def test_several_answers_need_no_stream(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    llm = ChatRequesty(model=MODEL, n=2, **settings)
    with pytest.raises(RequestyConfigurationError, match=r"^n: a stream gives one answer"):
        list(llm.stream("hi"))
    assert gateway.requests == []
    result = llm.generate([[HumanMessage("hi")]])
    generations = result.generations[0]
    assert len(generations) == 2
    usages = [generation.message.usage_metadata for generation in generations]  # type: ignore[attr-defined]
    assert usages[0] is not None
    assert usages[1] is None


def test_construction_warns_of_nothing(settings: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChatRequesty(model=MODEL, **settings)
