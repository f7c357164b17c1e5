"""Scripted replies: what a gateway sends as one body, and as the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from requesty_core.errors import ErrorKind

Wire = dict[str, Any]

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.25}
HEAD = {"id": "r1", "created": 1_700_000_000, "model": "gpt-4o-mini"}


@dataclass(frozen=True)
class Reply:
    """One reply.

    Attributes:
        message: the complete message; ``None`` for a reply that only a stream can be.
        deltas: the same in pieces; by default the whole message is one.
        finish: why it ended.
        top: further fields of the body and of every chunk.
        body: the whole body, where it is not made of ``message``.
        events: all events of the stream, where they are not made of ``deltas``.
        not_for: adapters for which it says nothing, with the reason.
    """

    name: str
    message: Wire | None = None
    deltas: Sequence[Wire] = ()
    finish: str | None = "stop"
    top: Mapping[str, Any] = field(default_factory=dict)
    body: Wire | None = None
    events: Sequence[Wire] = ()
    not_for: Mapping[str, str] = field(default_factory=dict)

    def whole(self) -> Wire | None:
        """The body of a complete answer."""
        if self.body is not None or self.message is None:
            return self.body
        message = {"role": "assistant", "content": None, **self.message}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE, **self.top}

    def stream(self) -> list[Wire]:
        """The events of a stream."""
        if self.events:
            return list(self.events)
        made = [chunk({"role": "assistant"}), *map(chunk, self.deltas or [self.message or {}])]
        made.append(chunk({}, self.finish))
        made.append({**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
        return [{**event, **self.top} for event in made]


def chunk(delta: Wire, finish: str | None = None, index: int = 0) -> Wire:
    """One event of a stream."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def call(arguments: Any, name: str = "f", id_: str = "c1", index: int = 0, **more: Any) -> Wire:
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": id_, "type": "function", "function": function, **more}


def unplaced(arguments: str) -> Wire:
    return {key: value for key, value in call(arguments).items() if key != "index"}


def more(arguments: str, index: int = 0) -> Wire:
    return {"index": index, "function": {"arguments": arguments}}


def calls(*items: Wire) -> Wire:
    return {"tool_calls": list(items)}


def calling(name: str, arguments: Any, finish: str = "tool_calls", **fields: Any) -> Reply:
    return Reply(name, calls(call(arguments)), finish=finish, **fields)


HALF = '{"city": "Os'
OSLO, ROME = '{"city": "Oslo"}', '{"city": "Rome"}'
PNG = "data:image/png;base64,iVBORw0KGgo="
NOTE = {
    "type": "url_citation",
    "url_citation": {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 2},
}
AS_SENT = {"OpenAI SDK": "the SDK shows a message as the wire had it"}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}


def _two(part: str, finish: str | None = "stop") -> list[Wire]:
    return [{"index": i, part: {"content": text}, "finish_reason": finish} for i, text in enumerate(("one", "two"))]


REPLIES = [
    Reply("text", {"content": "Hello there."}, [{"content": "Hello"}, {"content": " there"}, {"content": "."}]),
    Reply("text cut by the limit", {"content": "Hello the"}, [{"content": "Hello"}, {"content": " the"}], "length"),
    Reply("a split character", {"content": "a\U0001f600b"}, [{"content": "a\ud83d"}, {"content": "\ude00b"}]),
    Reply(
        "reasoning with a signature",
        {"content": "Yes.", "reasoning_content": "because", "reasoning_signature": "sig"},
        [
            {"reasoning_content": "be"},
            {"reasoning_content": "cause"},
            {"reasoning_signature": "sig"},
            {"content": "Yes."},
        ],
    ),
    Reply(
        "thinking as a part",
        {"content": [THOUGHT, {"type": "text", "text": "ok"}]},
        not_for=AS_SENT,
    ),
    Reply("a refusal", {"refusal": "I will not."}, [{"refusal": "I will"}, {"refusal": " not."}]),
    Reply("nothing, by a filter", {"content": ""}, finish="content_filter"),
    Reply("half a text, by a filter", {"content": "Half"}, finish="content_filter"),
    Reply("an unknown end", {"content": "ok"}, finish="tired"),
    Reply("an image", {"content": "Here.", "images": [{"type": "image_url", "image_url": {"url": PNG}}]}),
    Reply("a citation", {"content": "So it is.", "annotations": [NOTE]}),
    Reply("a ghost of a call", {"content": "ok", "function_call": {"name": "", "arguments": ""}}),
    Reply(
        "a legacy call", {"function_call": {"name": "f", "arguments": OSLO}}, finish="function_call", not_for=AS_SENT
    ),
    calling("a call", OSLO),
    Reply(
        "a call in pieces",
        calls(call(OSLO)),
        [calls(call("")), calls(more('{"city"')), calls(more(': "Os')), calls(more('lo"}'))],
        "tool_calls",
    ),
    Reply(
        "two calls at once",
        calls(call(OSLO), call(ROME, "g", "c2", 1)),
        [
            calls(call("", "f", "c1", 0), call("", "g", "c2", 1)),
            calls(more(ROME[:9], 1), more(OSLO[:5])),
            calls(more(OSLO[5:])),
            calls(more(ROME[9:], 1)),
        ],
        "tool_calls",
    ),
    Reply(
        "two calls with one id",
        calls(call(OSLO), call(ROME, "f", "c1", 1)),
        [calls(call(OSLO)), calls(call(ROME, "f", "c1", 1))],
        "tool_calls",
    ),
    Reply(
        "two calls with one id and no index",
        calls(unplaced(OSLO), unplaced(ROME)),
        [calls(unplaced(OSLO)), calls(unplaced(ROME))],
        "tool_calls",
    ),
    Reply(
        "two calls under one index",
        calls(call("", "f", "c1"), call(ROME, "g", "c2")),
        [calls(call("", "f", "c1")), calls(call(ROME, "g", "c2"))],
        "tool_calls",
    ),
    Reply("text before a call", {"content": "Let me see.", **calls(call(OSLO))}, finish="tool_calls"),
    calling("a call without arguments", ""),
    calling("a call with null", "null"),
    calling("a call with an object for a text", {"city": "Oslo"}),
    calling("half a call", HALF),
    calling("half a call, by the limit", HALF, "length"),
    calling("half a call, by a filter", HALF, "content_filter"),
    calling("a call cut before its arguments", "", "length"),
    calling("a call cut after a placeholder", "{}", "length"),
    calling("a whole call at the limit", OSLO, "length"),
    calling("arguments that are a list", "[1]"),
    calling("arguments with more behind", OSLO + " {}"),
    Reply(
        "a call with a signature",
        calls(call(OSLO, extra_content={"google": {"thought_signature": "s"}})),
        finish="tool_calls",
    ),
    Reply(
        "a cost in words and odd times",
        {"content": "ok"},
        top={"created": 1_700_000_000_123, "usage": {**USAGE, "cost": "0.25"}},
    ),
    Reply("a tier", {"content": "ok"}, top={"service_tier": "flex"}),
    Reply(
        "two choices that nobody asked for",
        body={**HEAD, "choices": _two("message"), "usage": USAGE},
        events=[
            {**HEAD, "choices": _two("delta", None)},
            {**HEAD, "choices": [{"index": i, "delta": {}, "finish_reason": "stop"} for i in (1, 0)], "usage": USAGE},
        ],
    ),
    Reply("no choices", body={**HEAD, "choices": [], "usage": USAGE}, events=[{**HEAD, "choices": [], "usage": USAGE}]),
    Reply("no message", body={**HEAD, "choices": [{"index": 0, "finish_reason": "stop"}], "usage": USAGE}),
    Reply("an error for an answer", body={"error": {"message": "Busy.", "code": 503}}),
    Reply(
        "an error after text",
        events=[chunk({"content": "Hel"}), {"error": {"message": "Busy.", "code": 503}, "usage": USAGE}],
    ),
    Reply("an error for an end", events=[chunk({"content": "Hel"}), {**chunk({}, "error"), "usage": USAGE}]),
]

RUNS_OSLO = [("f", {"city": "Oslo"}, "c1")]
NOT_WHOLE = [("f", None, "c1")]
WITHOUT = [("f", {}, "c1")]
SAYS: dict[str, dict[str, Any]] = {
    "text": {"text": "Hello there.", "finish": "stop", "calls": [], "cost": 0.25},
    "a split character": {"text": "a\U0001f600b"},
    "reasoning with a signature": {"text": "Yes.", "reasoning": "because", "signature": "sig"},
    "thinking as a part": {"text": "ok", "reasoning": "hm"},
    "a refusal": {"text": "", "refusal": "I will not."},
    "nothing, by a filter": {"text": "", "finish": "content_filter"},
    "an unknown end": {"finish": "tired"},
    "an image": {"images": [PNG]},
    "a ghost of a call": {"text": "ok", "calls": []},
    "a legacy call": {"calls": [("f", {"city": "Oslo"}, "made up")], "finish": "tool_calls"},
    "a call": {"calls": RUNS_OSLO},
    "a call in pieces": {"calls": RUNS_OSLO},
    "two calls at once": {"calls": [*RUNS_OSLO, ("g", {"city": "Rome"}, "c2")]},
    "two calls with one id": {"calls": [*RUNS_OSLO, ("f", {"city": "Rome"}, "made up")]},
    "two calls with one id and no index": {"calls": [*RUNS_OSLO, ("f", {"city": "Rome"}, "made up")]},
    "two calls under one index": {"calls": [*WITHOUT, ("g", {"city": "Rome"}, "c2")]},
    "a call without arguments": {"calls": WITHOUT},
    "a call with null": {"calls": WITHOUT},
    "a call with an object for a text": {"calls": RUNS_OSLO},
    "half a call": {"calls": NOT_WHOLE},
    "half a call, by the limit": {"calls": NOT_WHOLE},
    "half a call, by a filter": {"calls": NOT_WHOLE},
    "a call cut before its arguments": {"calls": NOT_WHOLE},
    "a call cut after a placeholder": {"calls": NOT_WHOLE},
    "a whole call at the limit": {"calls": RUNS_OSLO, "finish": "length"},
    "arguments that are a list": {"calls": NOT_WHOLE},
    "arguments with more behind": {"calls": NOT_WHOLE},
    "a cost in words and odd times": {"cost": 0.25},
    "two choices that nobody asked for": {"text": "one"},
    "no choices": {"error": ErrorKind.EMPTY_CHOICES},
    "no message": {"error": ErrorKind.MALFORMED},
    "an error for an answer": {"error": ErrorKind.OVERLOADED},
    "an error after text": {"error": ErrorKind.OVERLOADED},
    "an error for an end": {"error": ErrorKind.STREAM},
}
"""What replies say, told apart from the reader whose reading the paths are compared with."""
