"""What a request asks for, independent of the route it came by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from requesty_emulator.models.catalogue import variant_effort
from requesty_emulator.models.model import Model
from requesty_emulator.validation import content
from requesty_emulator.validation.chat import OTHER_TOOLS

_ENDS = 10_000


@dataclass(slots=True)
class Tool:
    """A function the model may call."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(slots=True)
class Turn:
    """One message: ``role`` is system, user, assistant or tool."""

    role: str
    text: str
    tool: str = ""
    calls: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


@dataclass(slots=True)
class ModelRequest:
    """A validated request. ``effort`` is ``None`` unless reasoning was asked for, else tokens to think."""

    turns: list[Turn]
    tools: list[Tool] = field(default_factory=list)
    choice: str = "auto"
    forced: str | None = None
    parallel: bool = True
    schema: dict[str, Any] | None = None
    json_object: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    effort: int | None = None
    logprobs: int | None = None
    web_search: bool = False
    images: bool = False
    audio_out: bool = False
    blocks: list[tuple[str, int]] = field(default_factory=list)
    cache_marks: tuple[int, ...] = ()
    auto_cache: bool | None = None
    #: Whether shell, file-writing and network tools may be chosen unasked.
    risky_tools: bool = False

    @property
    def last(self) -> Turn:
        """The turn to answer."""
        return self.turns[-1]

    @property
    def question(self) -> str:
        """Text of the last user turn; only both ends of a huge one, which the answer is made from."""
        text = next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")
        return text if len(text) <= 2 * _ENDS else f"{text[:_ENDS]}\n{text[-_ENDS:]}"

    def since_user(self) -> list[Turn]:
        """Turns after the last user turn."""
        for back, turn in enumerate(reversed(self.turns)):
            if turn.role == "user":
                return self.turns[len(self.turns) - back :]
        return list(self.turns)


def from_chat(body: dict[str, Any], model: Model) -> ModelRequest:
    """Read a validated chat-completions body."""
    request = ModelRequest(turns=[])
    names: dict[str, str] = {}
    marks = []
    for index, message in enumerate(body["messages"]):
        request.turns.append(_turn(message, names))
        if content.has_cache_mark(message):
            marks.append(index + 1)
    request.cache_marks = tuple(marks)
    for tool in body.get("tools") or ():
        function = tool.get("function")
        if tool["type"] in OTHER_TOOLS:
            continue
        if function is None:
            request.web_search = True
            continue
        schema = function.get("parameters") or {"type": "object", "properties": {}}
        request.tools.append(Tool(function["name"], function.get("description") or "", schema))
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        request.choice, request.forced = "required", choice["function"]["name"]
    elif choice:
        request.choice = choice
    request.parallel = body.get("parallel_tool_calls") is not False
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        request.schema = form["json_schema"]["schema"]
    request.json_object = form.get("type") == "json_object"
    request.max_tokens = body.get("max_completion_tokens") or body.get("max_tokens")
    stop = body.get("stop") or ()
    request.stop = (stop,) if isinstance(stop, str) else tuple(word for word in stop if word)
    request.n = body.get("n") or 1
    request.effort = budget(body, model)
    if body.get("logprobs"):
        request.logprobs = body.get("top_logprobs") or 0
    request.web_search = request.web_search or bool(body.get("web_search_options"))
    modalities = body.get("modalities") or ()
    request.images = model.images or "image" in modalities
    request.audio_out = "audio" in modalities
    request.auto_cache = (body.get("requesty") or {}).get("auto_cache")
    return request


def _turn(message: dict[str, Any], names: dict[str, str]) -> Turn:
    role = message["role"]
    text = content.plain_text(message.get("content"))
    calls = []
    for call in message.get("tool_calls") or ():
        names[call["id"]] = call["function"]["name"]
        calls.append(call["function"]["name"])
    if role == "developer":
        role = "system"
    return Turn(
        role,
        text,
        tool=names.get(message.get("tool_call_id", ""), message.get("name") or "") if role == "tool" else "",
        calls=tuple(calls),
        attachments=tuple(content.attachments(message.get("content"))),
    )


_BUDGETS = {"none": 1024, "min": 1024, "minimal": 1024, "low": 1024, "medium": 8192, "high": 16384, "xhigh": 32768}
_VERTEX = {"low": 1024, "medium": 8192, "high": 24576}


def budget(body: dict[str, Any], model: Model) -> int | None:
    """Thinking budget in tokens by the documented effort table, ``None`` when reasoning was not asked for."""
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled":
        return int(thinking["budget_tokens"])
    if thinking.get("type") == "adaptive":
        return 8192
    effort = body.get("reasoning_effort") or variant_effort(model.id)
    if effort is None and isinstance(body.get("reasoning"), dict):
        inner = body["reasoning"]
        effort = inner.get("effort") or inner.get("max_tokens")
    if effort is None:
        return None
    top = max((model.max_output or 64_000) - 1, 1)
    word = str(effort)
    if word.isdecimal():
        return min(int(word[:12]), top)
    if model.family == "google" and model.provider == "vertex":
        if word in ("none", "min", "minimal"):
            return 0 if "flash" in model.id else 128
        return _VERTEX.get(word, top)
    return min(_BUDGETS.get(word, top), top)


@dataclass(slots=True)
class ToolCall:
    """A call the model makes; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Answer:
    """One choice of a reply."""

    text: str | None = None
    reasoning: str | None = None
    signature: str | None = None
    calls: list[ToolCall] = field(default_factory=list)
    finish: str = "stop"
    refusal: str | None = None
    images: list[Any] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    stop_word: str | None = None
    pieces: list[str] | None = None
