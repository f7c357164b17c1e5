"""Bodies as the gateway sends them, from which mutated ones are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from requesty_core import RequestyClient
from requesty_core.catalog.catalog import bundled

MODEL = "vertex/google/gemini-2.5-pro"
MESSAGES = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

USAGE = {
    "prompt_tokens": 130,
    "completion_tokens": 10,
    "total_tokens": 1251,
    "prompt_tokens_details": {
        "cached_tokens": 0,
        "caching_tokens": 100,
        "caching_token_details": {"caching_5m_tokens": 100, "caching_1h_tokens": 0},
    },
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.0005208,
}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
ANNOTATION = {
    "type": "url_citation",
    "tool_use_id": "srvtoolu_1",
    "query": "q",
    "url_citation": {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 9},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
ERROR = {"error": {"origin": "provider", "message": "There was a problem with the provider stream", "code": 502}}


def chunk(*deltas: dict[str, Any], usage: Any = None, **choice: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "rqsty-cmpl-3c1f0c9e-5b0e-4f5a-9f6b-0d6c2b1a7e11",
        "object": "chat.completion.chunk",
        "created": 1753000000,
        "model": "gemini-2.5-pro",
        "choices": [{"index": i, "delta": {"role": "assistant", **d}, **choice} for i, d in enumerate(deltas)],
    }
    if usage is not None:
        body["usage"] = usage
    return body


CHAT_STREAMS: list[list[Any]] = [
    [
        chunk({"content": "Hel"}, usage=USAGE),
        chunk({"content": "lo wörld 🌍"}, usage=USAGE),
        chunk({"content": "."}, usage=USAGE, finish_reason="stop"),
        "[DONE]",
    ],
    [
        chunk({"content": ""}),
        chunk({"reasoning_content": "Let me think", "reasoning_signature": None}),
        chunk({"reasoning_content": "", "reasoning_signature": "c2ln"}),
        chunk({"content": "Hi"}),
        chunk({}, finish_reason="stop"),
        {**chunk(), "choices": [], "usage": USAGE},
        "[DONE]",
    ],
    [
        chunk({"tool_calls": [CALL]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "f", "arguments": "{}"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
        chunk({}, finish_reason="tool_calls"),
        chunk({}, usage=USAGE),
        "[DONE]",
    ],
    [
        chunk({"content": "A"}, {"content": "B"}),
        chunk({"web_search": {"content": [{"url": "https://a.test", "title": "A"}]}, "annotations": [ANNOTATION]}),
        chunk({"images": [IMAGE], "refusal": "no"}, {}, logprobs={"content": [{"token": "A", "logprob": -1.5}]}),
        chunk({}, {}, finish_reason="length"),
        "[DONE]",
    ],
    [chunk({"content": "Hel"}), ERROR],
    [chunk({"content": "cut off"})],
]
MESSAGE_STREAM: list[Any] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 4},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s1"}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"url": "u"}}},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7, "cost": "0.5"}},
    {"type": "message_stop"},
]
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-4o-mini",
    "error": None,
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
    ],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 13,
        "cost": 0.25,
    },
}
RESPONSE_STREAM: list[Any] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
    {"type": "response.output_text.delta", "delta": "Hel"},
    {"type": "response.output_text.delta", "delta": "lo"},
    {"type": "response.completed", "response": RESPONSE},
]
STREAMS: list[tuple[str, list[Any]]] = [
    *(("chat", s) for s in CHAT_STREAMS),
    ("messages", MESSAGE_STREAM),
    ("responses", RESPONSE_STREAM),
]


def completion(message: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "id": "rqsty-cmpl-3c1f0c9e",
        "object": "chat.completion",
        "created": 1753000000,
        "model": "gemini-2.5-pro",
        "choices": [
            {"index": 0, "finish_reason": finish, "logprobs": None, "message": {"role": "assistant", **message}}
        ],
        "usage": USAGE,
        **more,
    }


def ask_chat(c: RequestyClient) -> Any:
    return c.chat(model=MODEL, messages=MESSAGES, tools=TOOLS)


def ask_messages(c: RequestyClient) -> Any:
    return c.messages(model=MODEL, max_tokens=9, messages=MESSAGES)


MEMBER = {"id": "u1", "email": "a@b.c", "role": "admin", "monthly_limit": 5, "monthly_spend": 1.5, "active": True}
GROUP = {
    "id": "g1",
    "organization_id": "o1",
    "name": "red",
    "members_count": 1,
    "monthly_spend": 1.5,
    "monthly_limit": 10,
    "created_by": "u1",
    "created_at": "2026-08-07T00:00:00Z",
    "members": [MEMBER],
}
KEY = {
    "id": "k1",
    "name": "ci",
    "monthly_limit": "500",
    "monthly_spend": "12.5",
    "labels": {"a": "b"},
    "permissions": {"manage": "read", "completions": "write"},
    "created_by": {"id": "u1"},
    "group": {"id": "g1"},
}
DAY = {
    "completions_requests": 3,
    "total_requests": 4,
    "spend": "0.25",
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "grouped_data": [{"group_by_values": {"user_id": "ann"}, "total_requests": 1, "spend": "0.1"}],
}
VECTORS = {
    "object": "list",
    "model": "openai/text-embedding-3-small",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
    "data": [
        {"object": "embedding", "index": 1, "embedding": [0.25, -1.5, 3e-9]},
        {"object": "embedding", "index": 0, "embedding": "AACAPwAAAEAAAEBA"},
    ],
}
LIST = {"id": "l1", "name": "safe", "auto_approve": True, "chat": ["a/b"], "embedding": [], "image": None}
CATALOG = {"object": "list", "data": [dict(m.raw) for m in list(bundled().values())[::60]]}

BODIES: list[tuple[Callable[[RequestyClient], Any], Any]] = [
    (
        ask_chat,
        completion({"content": "Hello", "reasoning_content": "hm", "reasoning_signature": "s", "refusal": None}),
    ),
    (
        ask_chat,
        completion({"content": None, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": '{"a": 1}'}}]}),
    ),
    (ask_chat, completion({"content": "Hi", "annotations": [ANNOTATION], "images": [IMAGE]}, system_fingerprint="fp")),
    (ask_chat, completion({"content": "", "function_call": {"name": "f", "arguments": "{}"}}, "function_call")),
    (ask_chat, ERROR),
    (ask_messages, {**MESSAGE_STREAM[0]["message"], "content": [{"type": "text", "text": "Hello"}]}),
    (ask_messages, {"error": {"type": "overloaded_error", "message": "busy"}}),
    (lambda c: c.responses(model=MODEL, input="Hi"), RESPONSE),
    (lambda c: c.embeddings(model="e", input=["a", "b"]), VECTORS),
    (lambda c: c.models.list(), CATALOG),
    (lambda c: c.models.catalog(refresh=True).filter(vision=True, max_input_price=1), CATALOG),
    (lambda c: c.management.keys.list(), {"keys": [KEY, KEY]}),
    (lambda c: c.management.keys.create("n"), {"api_key_id": "k1", "api_key": "s"}),
    (lambda c: c.management.keys.usage(start="2026-08-07"), {"usage": {"2026-08-07T00:00:00Z": DAY}}),
    (lambda c: c.management.groups.get("g1"), {"group": GROUP}),
    (lambda c: c.management.groups.list(), {"groups": [GROUP]}),
    (lambda c: c.management.members(), {"members": [MEMBER]}),
    (lambda c: c.management.access_lists.list(), {"access_lists": [LIST]}),
    (lambda c: c.management.organization(), {"name": "Acme", "balance": 3.25}),
    (lambda c: c.images.generate(model="m", prompt="p"), {"created": 1, "data": [{"url": "u"}], "usage": USAGE}),
    (lambda c: c.audio.transcribe(model="m", file=("a.mp3", b"x")), {"text": "Hi", "usage": {"input_tokens": 3}}),
]
