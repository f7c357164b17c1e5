"""Strict reading of a chat-completions body (docs/contract.md, section 3); every refusal names the field."""

from __future__ import annotations

import re
from typing import Any

from requesty_emulator.errors import bad_request
from requesty_emulator.models.catalogue import EFFORTS
from requesty_emulator.validation import checks
from requesty_emulator.validation.content import check_content

#: Fields of section 3 and the OpenAI fields that clients are known to send.
_FIELDS = (
    "model messages prompt functions function_call max_tokens max_completion_tokens temperature top_p top_k min_p seed "
    "stop frequency_penalty presence_penalty repetition_penalty logit_bias user parallel_tool_calls logprobs "
    "top_logprobs stream stream_options tools tool_choice response_format reasoning_effort thinking include_reasoning "
    "models requesty reasoning store service_tier metadata modalities verbosity prediction prompt_cache_key "
    "prompt_cache_retention safety_identifier n web_search_options audio"
)
CHAT_FIELDS = frozenset(_FIELDS.split())
#: Tools that run on the provider's side, by their spelling on the three routes.
SERVER_TOOLS = ("web_search", "web_search_preview")
#: Kinds that agents offer besides functions; the emulated model passes them over.
OTHER_TOOLS = ("custom", "mcp", "image_generation", "code_interpreter", "file_search", "local_shell", "namespace")
_MESSAGE_FIELDS = {
    "system": {"role", "content", "name", "cache_control"},
    "developer": {"role", "content", "name", "cache_control"},
    "user": {"role", "content", "name", "cache_control"},
    "tool": {"role", "content", "tool_call_id", "name", "cache_control"},
    "assistant": {
        "role",
        "content",
        "name",
        "tool_calls",
        "function_call",
        "refusal",
        "reasoning_content",
        "reasoning_signature",
        "reasoning",
        "annotations",
        "audio",
        "images",
        "cache_control",
        "extra_content",
        "reasoning_details",
    },
}
_TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_NUMBERS: dict[str, tuple[float | None, float | None]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "repetition_penalty": (0, None),
}
_INTEGERS: dict[str, tuple[int | None, int | None]] = {
    "max_tokens": (1, None),
    "max_completion_tokens": (1, None),
    "top_k": (0, None),
    "seed": (None, None),
    "n": (1, 128),
    "top_logprobs": (0, 20),
}
_BOOLEANS = ("stream", "logprobs", "parallel_tool_calls", "include_reasoning", "store")
_STRINGS = ("user", "service_tier", "verbosity", "prompt_cache_key", "safety_identifier")


def unknown_fields(body: dict[str, Any], known: frozenset[str]) -> tuple[str, ...]:
    """Top-level fields the contract does not list."""
    return tuple(sorted(name for name in body if name not in known))


def validate_chat(body: dict[str, Any], *, strict_fields: bool = False) -> None:
    """Refuse a malformed chat body with 400; returns nothing when it is well-formed."""
    checks.string(checks.required(body, "model"), "model", empty=False)
    if "messages" not in body and ("prompt" in body or "functions" in body):
        raise bad_request("missing required field 'messages'; 'prompt' and 'functions' are not supported here")
    messages = checks.array(checks.required(body, "messages"), "messages", empty=False)
    _scalars(body)
    validate_messages(messages, strict_fields=strict_fields)
    names = validate_tools(body.get("tools"))
    _tool_choice(body.get("tool_choice"), names, body.get("tools"))
    _response_format(body.get("response_format"))
    _stream_options(body)
    _reasoning(body)
    validate_requesty(body.get("requesty"))
    if strict_fields and (unknown := unknown_fields(body, CHAT_FIELDS)):
        raise bad_request(f"unknown field {unknown[0]!r}")


def _scalars(body: dict[str, Any]) -> None:
    for name, (low, high) in _NUMBERS.items():
        if body.get(name) is not None:
            checks.number(body[name], name, low, high)
    for name, bounds in _INTEGERS.items():
        if body.get(name) is not None:
            checks.integer(body[name], name, *bounds)
    for name in _BOOLEANS:
        if body.get(name) is not None:
            checks.boolean(body[name], name)
    for name in _STRINGS:
        if body.get(name) is not None:
            checks.string(body[name], name)
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise bad_request("top_logprobs needs logprobs to be true")
    stop = body.get("stop")
    if stop is not None and not isinstance(stop, str):
        for index, item in enumerate(checks.array(stop, "stop")):
            checks.string(item, f"stop[{index}]")
    for name in ("logit_bias", "metadata"):
        if body.get(name) is not None:
            checks.obj(body[name], name)
    for name in ("models", "modalities"):
        if body.get(name) is not None:
            for index, item in enumerate(checks.array(body[name], name, empty=False)):
                checks.string(item, f"{name}[{index}]", empty=False)


def validate_messages(messages: list[Any], *, strict_fields: bool = False) -> None:
    """Roles, content parts, and the pairing of tool calls with tool results."""
    pending: dict[str, int] = {}
    known: set[str] = set()
    for index, item in enumerate(messages):
        where = f"messages[{index}]"
        message = checks.obj(item, where)
        role = checks.one_of(message.get("role"), f"{where}.role", _MESSAGE_FIELDS)
        if strict_fields:
            for name in message:
                if name not in _MESSAGE_FIELDS[role]:
                    raise bad_request(f"unknown field {where}.{name}")
        if message.get("name") is not None:
            checks.string(message["name"], f"{where}.name")
        if role == "tool":
            _tool_result(message, where, known, pending)
            continue
        if pending:
            first = next(iter(pending))
            raise bad_request(
                f"messages[{pending[first]}].tool_calls: no tool message answers tool_call_id {first!r} before {where}"
            )
        if role == "assistant":
            pending = _assistant(message, where, index)
            known.update(pending)
        else:
            if message.get("content") is None:
                raise bad_request(f"{where}.content is required")
            check_content(message["content"], f"{where}.content", role)
    if pending:
        first = next(iter(pending))
        raise bad_request(f"messages[{pending[first]}].tool_calls: no tool message answers tool_call_id {first!r}")


def _tool_result(message: dict[str, Any], where: str, known: set[str], pending: dict[str, int]) -> None:
    call_id = checks.string(message.get("tool_call_id"), f"{where}.tool_call_id", empty=False)
    if call_id not in known:
        raise bad_request(
            f"{where}.tool_call_id {call_id!r} does not answer a tool call of a previous assistant message"
        )
    if call_id not in pending:
        raise bad_request(f"{where}.tool_call_id {call_id!r} does not answer the preceding assistant message")
    del pending[call_id]
    if message.get("content") is None:
        raise bad_request(f"{where}.content is required")
    check_content(message["content"], f"{where}.content", "tool")


def _assistant(message: dict[str, Any], where: str, index: int) -> dict[str, int]:
    for name in ("reasoning_content", "reasoning_signature", "refusal"):
        if message.get(name) is not None:
            checks.string(message[name], f"{where}.{name}")
    content, calls = message.get("content"), message.get("tool_calls")
    if content is not None:
        check_content(content, f"{where}.content", "assistant")
    pending: dict[str, int] = {}
    if calls is not None:
        for position, item in enumerate(checks.array(calls, f"{where}.tool_calls", empty=False)):
            spot = f"{where}.tool_calls[{position}]"
            call = checks.obj(item, spot)
            call_id = checks.string(call.get("id"), f"{spot}.id", empty=False)
            if call_id in pending:
                raise bad_request(f"{spot}.id {call_id!r} is used twice")
            _call_body(call, spot)
            pending[call_id] = index
    elif content is None and not any(message.get(name) for name in ("function_call", "refusal", "reasoning_content")):
        raise bad_request(f"{where}.content is required unless tool_calls are given")
    return pending


def _call_body(call: dict[str, Any], spot: str) -> None:
    """What is called: a function with JSON text, or a custom tool with plain text."""
    kind = checks.one_of(call.get("type"), f"{spot}.type", ("function", "custom"))
    body = checks.obj(call.get(kind), f"{spot}.{kind}")
    checks.string(body.get("name"), f"{spot}.{kind}.name", empty=False)
    given = "arguments" if kind == "function" else "input"
    checks.string(body.get(given), f"{spot}.{kind}.{given}")


def validate_tools(tools: object) -> list[str]:
    """Names of the offered functions; an empty array is refused (seen by clients)."""
    if tools is None:
        return []
    names: dict[str, None] = {}
    for index, item in enumerate(checks.array(tools, "tools", empty=False)):
        where = f"tools[{index}]"
        tool = checks.obj(item, where)
        word = checks.string(tool.get("type"), f"{where}.type")
        if word in SERVER_TOOLS or re.fullmatch(
            r"web_search_(preview_)?\d{8}|web_search_preview_\d{4}_\d\d_\d\d", word
        ):
            continue
        if word in OTHER_TOOLS:
            continue
        checks.one_of(word, f"{where}.type", ("function", *SERVER_TOOLS, *OTHER_TOOLS))
        function = checks.obj(tool.get("function"), f"{where}.function")
        name = checks.string(function.get("name"), f"{where}.function.name", empty=False)
        if not _TOOL_NAME.match(name):
            raise bad_request(f"{where}.function.name {name!r} must match {_TOOL_NAME.pattern}"[:300])
        if name in names:
            raise bad_request(f"{where}.function.name {name!r} is used twice")
        names[name] = None
        if function.get("description") is not None:
            checks.string(function["description"], f"{where}.function.description")
        if function.get("strict") is not None:
            checks.boolean(function["strict"], f"{where}.function.strict")
        if function.get("parameters") is not None:
            schema = checks.obj(function["parameters"], f"{where}.function.parameters")
            if schema.get("type", "object") != "object":
                raise bad_request(f"{where}.function.parameters.type must be 'object', not {schema['type']!r}"[:300])
    return list(names)


def _tool_choice(choice: object, names: list[str], tools: object) -> None:
    if choice is None:
        return
    if not tools:
        raise bad_request("tool_choice needs tools")
    if isinstance(choice, str):
        checks.one_of(choice, "tool_choice", ("auto", "none", "required"))
        if choice == "required" and not names:
            raise bad_request("tool_choice 'required' needs a function tool")
        return
    named = checks.obj(choice, "tool_choice")
    checks.one_of(named.get("type"), "tool_choice.type", ("function",))
    function = checks.obj(named.get("function"), "tool_choice.function")
    name = checks.string(function.get("name"), "tool_choice.function.name")
    if name not in names:
        raise bad_request(f"tool_choice.function.name {name!r} is not one of the tools")


def _response_format(value: object) -> None:
    if value is None:
        return
    form = checks.obj(value, "response_format")
    word = checks.one_of(form.get("type"), "response_format.type", ("text", "json_object", "json_schema"))
    if word == "json_schema":
        inner = checks.obj(form.get("json_schema"), "response_format.json_schema")
        checks.string(inner.get("name"), "response_format.json_schema.name", empty=False)
        checks.obj(inner.get("schema"), "response_format.json_schema.schema")
        if inner.get("strict") is not None:
            checks.boolean(inner["strict"], "response_format.json_schema.strict")


def _stream_options(body: dict[str, Any]) -> None:
    if body.get("stream_options") is None:
        return
    options = checks.obj(body["stream_options"], "stream_options")
    if options.get("include_usage") is not None:
        checks.boolean(options["include_usage"], "stream_options.include_usage")
    if not body.get("stream"):
        raise bad_request("stream_options needs stream to be true")


def _reasoning(body: dict[str, Any]) -> None:
    effort = body.get("reasoning_effort")
    if effort is not None:
        word = checks.string(effort, "reasoning_effort")
        if word not in EFFORTS and word != "minimal" and not (word.isdecimal() and len(word) <= 9):
            raise bad_request(f"reasoning_effort must be one of {', '.join(EFFORTS)} or a numeric string, not {word!r}")
    if body.get("reasoning") is not None:
        reasoning = checks.obj(body["reasoning"], "reasoning")
        if reasoning.get("effort") is not None:
            checks.string(reasoning["effort"], "reasoning.effort")
        if reasoning.get("max_tokens") is not None:
            checks.integer(reasoning["max_tokens"], "reasoning.max_tokens", 0)
    validate_thinking(body.get("thinking"))


def validate_thinking(value: object) -> None:
    """``thinking`` of chat completions and Messages: enabled with a budget, adaptive, or disabled."""
    if value is None:
        return
    thinking = checks.obj(value, "thinking")
    word = checks.one_of(thinking.get("type"), "thinking.type", ("enabled", "disabled", "adaptive"))
    if word == "enabled":
        checks.integer(thinking.get("budget_tokens"), "thinking.budget_tokens", 1)


def validate_requesty(value: object) -> None:
    """The ``requesty`` object: documented keys typed, other keys kept (the vendor's own SDK nests some)."""
    if value is None:
        return
    options = checks.obj(value, "requesty")
    if options.get("auto_cache") is not None:
        checks.boolean(options["auto_cache"], "requesty.auto_cache")
    if options.get("tags") is not None:
        for index, tag in enumerate(checks.array(options["tags"], "requesty.tags")):
            checks.string(tag, f"requesty.tags[{index}]")
    for name in ("user_id", "trace_id", "prompt_id"):
        if options.get(name) is not None:
            checks.string(options[name], f"requesty.{name}")
    if options.get("prompt_variables") is not None:
        for name, value in checks.obj(options["prompt_variables"], "requesty.prompt_variables").items():
            checks.string(value, f"requesty.prompt_variables.{name}")
    if options.get("extra") is not None:
        checks.obj(options["extra"], "requesty.extra")
