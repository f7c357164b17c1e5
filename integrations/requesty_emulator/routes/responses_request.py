"""Reading of a Responses body: validated and rewritten as a chat-completions body (docs/contract.md, section 7)."""

from __future__ import annotations

from typing import Any

from requesty_emulator.errors import bad_request
from requesty_emulator.validation import checks
from requesty_emulator.validation.chat import unknown_fields, validate_messages, validate_requesty, validate_tools

_NAMES = (
    "model input instructions max_output_tokens stream temperature top_p top_logprobs parallel_tool_calls tools "
    "tool_choice reasoning text include metadata store truncation user requesty previous_response_id service_tier "
    "background prompt_cache_key prompt_cache_retention safety_identifier max_tool_calls stream_options "
    "conversation prompt"
)
RESPONSE_FIELDS = frozenset(_NAMES.split())
_SERVER_TOOLS = ("web_search", "web_search_preview")


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
        for index, item in enumerate(checks.array(raw, "input", empty=False)):
            _item(checks.obj(item, f"input[{index}]"), f"input[{index}]", messages)
    if not messages:
        raise bad_request("input holds no message")
    chat: dict[str, Any] = {
        "model": body["model"],
        "messages": messages,
        "max_tokens": body.get("max_output_tokens"),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "requesty": body.get("requesty"),
    }
    if not body.get("previous_response_id"):
        validate_messages(messages)
    _reasoning(body, chat)
    _tools(body, chat)
    _format(body, chat)
    return chat


def _item(item: dict[str, Any], where: str, messages: list[dict[str, Any]]) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        role = checks.one_of(item.get("role"), f"{where}.role", ("system", "developer", "user", "assistant"))
        content = item.get("content")
        if not isinstance(content, str):
            blocks = checks.array(content, f"{where}.content", empty=False)
            content = [_part(checks.obj(raw, where), f"{where}.content[{at}]") for at, raw in enumerate(blocks)]
        messages.append({"role": role, "content": content})
    elif kind == "function_call":
        call_id = checks.string(item.get("call_id"), f"{where}.call_id", empty=False)
        name = checks.string(item.get("name"), f"{where}.name", empty=False)
        arguments = checks.string(item.get("arguments"), f"{where}.arguments")
        made = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        if messages and messages[-1]["role"] == "assistant":
            messages[-1].setdefault("tool_calls", []).append(made)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
    elif kind == "function_call_output":
        call_id = checks.string(item.get("call_id"), f"{where}.call_id", empty=False)
        output = item.get("output")
        if not isinstance(output, str):
            blocks = checks.array(output, f"{where}.output")
            output = [_part(checks.obj(raw, where), f"{where}.output[{at}]") for at, raw in enumerate(blocks)]
        messages.append({"role": "tool", "tool_call_id": call_id, "content": output})
    else:
        checks.one_of(
            kind,
            f"{where}.type",
            ("message", "function_call", "function_call_output", "reasoning", "web_search_call", "item_reference"),
        )


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
    tools: list[dict[str, Any]] = []
    for index, raw in enumerate(checks.array(body.get("tools") or [], "tools")):
        tool = checks.obj(raw, f"tools[{index}]")
        kind = checks.one_of(tool.get("type"), f"tools[{index}].type", ("function", *_SERVER_TOOLS))
        if kind == "function":
            tools.append({"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}})
        else:
            tools.append({"type": "web_search"})
    names = validate_tools(tools) if tools else []
    if tools:
        chat["tools"] = tools
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not tools and choice not in ("auto", "none"):
        raise bad_request("tool_choice needs tools")
    if isinstance(choice, str):
        chat["tool_choice"] = checks.one_of(choice, "tool_choice", ("auto", "none", "required"))
        return
    named = checks.obj(choice, "tool_choice")
    if named.get("type") in _SERVER_TOOLS:
        return
    checks.one_of(named.get("type"), "tool_choice.type", ("function",))
    if named.get("name") not in names:
        raise bad_request(f"tool_choice.name {named.get('name')!r} is not one of the tools")
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
        chat["response_format"] = {"type": kind, "json_schema": {"name": inner["name"], "schema": inner["schema"]}}
    else:
        chat["response_format"] = {"type": kind}
