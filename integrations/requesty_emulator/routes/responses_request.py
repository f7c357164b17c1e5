"""Reading of a Responses body: validated and rewritten as a chat-completions body (docs/contract.md, section 7)."""

from __future__ import annotations

import re
from typing import Any

from requesty_emulator.errors import bad_request
from requesty_emulator.gateway.delivery import encode
from requesty_emulator.validation import checks
from requesty_emulator.validation.chat import unknown_fields, validate_messages, validate_requesty, validate_tools

_NAMES = (
    "model input instructions max_output_tokens stream temperature top_p top_logprobs parallel_tool_calls tools "
    "tool_choice reasoning text include metadata store truncation user requesty previous_response_id service_tier "
    "background prompt_cache_key prompt_cache_retention safety_identifier max_tool_calls stream_options "
    "conversation prompt"
)
RESPONSE_FIELDS = frozenset(_NAMES.split())
#: Items of earlier answers that the emulated model does not read.
_PASSED_OVER = re.compile(
    r"\w+_call(?:_output)?$|reasoning$|item_reference$|compaction\w*$|mcp_\w+$|additional_tools$|tool_search\w*$"
)
_WEB_SEARCH = re.compile(r"^web_search(?:_preview)?(?:_\d{4}_\d\d_\d\d)?$")


def to_chat(body: dict[str, Any], *, strict: bool = False) -> dict[str, Any]:
    """Validate a Responses body and rewrite it as a chat-completions body."""
    checks.string(checks.required(body, "model"), "model", empty=False)
    if body.get("max_output_tokens") is not None:
        checks.integer(body["max_output_tokens"], "max_output_tokens", 1)
    for name, high in (("temperature", 2), ("top_p", 1)):
        if body.get(name) is not None:
            checks.number(body[name], name, 0, high)
    for name in ("stream", "store", "parallel_tool_calls", "background"):
        if body.get(name) is not None:
            checks.boolean(body[name], name)
    if body.get("previous_response_id") is not None:
        checks.string(body["previous_response_id"], "previous_response_id")
    validate_requesty(body.get("requesty"))
    if strict and (unknown := unknown_fields(body, RESPONSE_FIELDS)):
        raise bad_request(f"unknown field {unknown[0]!r}")
    messages: list[dict[str, Any]] = []
    if body.get("instructions") is not None:
        messages.append({"role": "system", "content": checks.string(body["instructions"], "instructions")})
    raw = checks.required(body, "input")
    if isinstance(raw, str):
        messages.append({"role": "user", "content": raw})
    else:
        items = [checks.obj(item, f"input[{at}]") for at, item in enumerate(checks.array(raw, "input", empty=False))]
        _items(items, messages)
    if not messages:
        raise bad_request("input holds no message")
    chat: dict[str, Any] = {
        "model": body["model"],
        "messages": messages,
        "max_tokens": body.get("max_output_tokens"),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "requesty": body.get("requesty"),
        **{name: body[name] for name in ("temperature", "top_p", "top_logprobs") if body.get(name) is not None},
    }
    if not body.get("previous_response_id"):
        validate_messages(messages)
    _reasoning(body, chat)
    _tools(body, chat)
    _format(body, chat)
    return chat


def _items(items: list[dict[str, Any]], messages: list[dict[str, Any]]) -> None:
    """Messages of the input; calls and results of other tool kinds count when both are there, else are passed over."""
    calls = {str(item.get("call_id")) for item in items if str(item.get("type")).endswith("_call")}
    results = {str(item.get("call_id")) for item in items if str(item.get("type")).endswith("_call_output")}
    both = calls & results
    for index, item in enumerate(items):
        where = f"input[{index}]"
        kind = checks.string(item.get("type", "message"), f"{where}.type", empty=False)
        if kind == "message":
            messages.append(_message(item, where))
        elif kind == "function_call":
            _call(item, item.get("arguments"), where, messages)
        elif kind == "function_call_output":
            _call_output(item, where, messages)
        elif kind.endswith("_call_output") and str(item.get("call_id")) in both:
            _call_output({**item, "output": _text_of(item.get("output"))}, where, messages)
        elif kind.endswith("_call") and str(item.get("call_id")) in both:
            made = {"name": item.get("name") or kind.removesuffix("_call"), "call_id": item["call_id"]}
            _call(made, _text_of(item.get("input") or item.get("action") or {}), where, messages)
        elif not _PASSED_OVER.match(kind):
            raise bad_request(f"{where}.type {kind!r} is not a kind of input item"[:300])


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def _message(item: dict[str, Any], where: str) -> dict[str, Any]:
    role = checks.one_of(item.get("role"), f"{where}.role", ("system", "developer", "user", "assistant"))
    content = item.get("content")
    if not isinstance(content, str):
        blocks = checks.array(content, f"{where}.content", empty=False)
        content = [_part(checks.obj(raw, where), f"{where}.content[{at}]") for at, raw in enumerate(blocks)]
    return {"role": role, "content": content}


def _call(item: dict[str, Any], arguments: object, where: str, messages: list[dict[str, Any]]) -> None:
    call_id = checks.string(item.get("call_id"), f"{where}.call_id", empty=False)
    name = checks.string(item.get("name"), f"{where}.name", empty=False)
    text = checks.string(arguments, f"{where}.arguments")
    made = {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}
    if messages and messages[-1]["role"] == "assistant":
        messages[-1].setdefault("tool_calls", []).append(made)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [made]})


def _call_output(item: dict[str, Any], where: str, messages: list[dict[str, Any]]) -> None:
    call_id = checks.string(item.get("call_id"), f"{where}.call_id", empty=False)
    output = item.get("output")
    if not isinstance(output, str):
        blocks = checks.array(output, f"{where}.output")
        output = [_part(checks.obj(raw, where), f"{where}.output[{at}]") for at, raw in enumerate(blocks)]
    messages.append({"role": "tool", "tool_call_id": call_id, "content": output})


def _part(part: dict[str, Any], where: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return {"type": "text", "text": checks.string(part.get("text"), f"{where}.text")}
    if kind == "refusal":
        return {"type": "refusal", "refusal": checks.string(part.get("refusal"), f"{where}.refusal")}
    if kind == "input_image":
        return {"type": "image_url", "image_url": {"url": checks.string(part.get("image_url"), f"{where}.image_url")}}
    checks.one_of(kind, f"{where}.type", ("input_text", "input_image", "input_file", "output_text", "refusal"))
    return {**part, "type": "input_file"}


def _reasoning(body: dict[str, Any], chat: dict[str, Any]) -> None:
    if body.get("reasoning") is None:
        return
    reasoning = checks.obj(body["reasoning"], "reasoning")
    effort = reasoning.get("effort")
    if effort is not None:
        words = ("none", "minimal", "min", "low", "medium", "high", "xhigh", "max")
        chat["reasoning_effort"] = checks.one_of(effort, "reasoning.effort", words)
    if reasoning.get("summary") is not None:
        checks.one_of(reasoning["summary"], "reasoning.summary", ("auto", "concise", "detailed"))


def _tools(body: dict[str, Any], chat: dict[str, Any]) -> None:
    """Functions and web search; of other kinds (shells, patches, MCP servers, images, …) the model calls none."""
    tools: list[dict[str, Any]] = []
    offered = checks.array(body.get("tools") or [], "tools")
    for index, raw in enumerate(offered):
        tool = checks.obj(raw, f"tools[{index}]")
        kind = checks.string(tool.get("type"), f"tools[{index}].type", empty=False)
        if kind == "function":
            tools.append({"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}})
        elif _WEB_SEARCH.match(kind):
            tools.append({"type": "web_search"})
        elif kind.lower().startswith("function"):
            raise bad_request(f"tools[{index}].type must be 'function', not {kind!r}"[:300])
    names = validate_tools(tools) if tools else []
    choice = body.get("tool_choice")
    if choice is not None and not offered and choice not in ("auto", "none"):
        raise bad_request("tool_choice needs tools")
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        tools, choice = _allowed(choice, tools)
        names = [tool["function"]["name"] for tool in tools if "function" in tool]
    if not tools:
        return
    chat["tools"] = tools
    if choice is not None:
        _choose(choice, names, chat)


def _allowed(choice: dict[str, Any], tools: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The tools that a ``tool_choice`` of type ``allowed_tools`` leaves, and its mode."""
    mode = checks.one_of(choice.get("mode") or "auto", "tool_choice.mode", ("auto", "required"))
    entries = checks.array(choice.get("tools"), "tool_choice.tools")
    kept = {str(checks.obj(entry, f"tool_choice.tools[{at}]").get("name")) for at, entry in enumerate(entries)}
    return [tool for tool in tools if tool.get("function", {}).get("name") in kept], mode


def _choose(choice: object, names: list[str], chat: dict[str, Any]) -> None:
    if isinstance(choice, str):
        word = checks.one_of(choice, "tool_choice", ("auto", "none", "required"))
        # Where only kinds are offered that the model does not call, it answers in words.
        chat["tool_choice"] = word if names or word != "required" else "auto"
        return
    named = checks.obj(choice, "tool_choice")
    kind = checks.string(named.get("type"), "tool_choice.type", empty=False)
    if kind != "function":
        return
    if named.get("name") not in names:
        raise bad_request(f"tool_choice.name {named.get('name')!r} is not one of the tools"[:300])
    chat["tool_choice"] = {"type": "function", "function": {"name": named["name"]}}


def _format(body: dict[str, Any], chat: dict[str, Any]) -> None:
    if body.get("text") is None:
        return
    form = checks.obj(body["text"], "text").get("format")
    if form is None:
        return
    inner = checks.obj(form, "text.format")
    kind = checks.one_of(inner.get("type"), "text.format.type", ("text", "json_object", "json_schema"))
    if kind == "json_schema":
        checks.string(inner.get("name"), "text.format.name", empty=False)
        checks.obj(inner.get("schema"), "text.format.schema")
        if inner.get("strict") is not None:
            checks.boolean(inner["strict"], "text.format.strict")
        kept = {key: inner[key] for key in ("name", "schema", "strict") if key in inner}
        chat["response_format"] = {"type": kind, "json_schema": kept}
    else:
        chat["response_format"] = {"type": kind}
