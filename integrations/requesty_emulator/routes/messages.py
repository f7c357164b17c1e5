"""``POST /v1/messages``: Anthropic's format for any catalogue model (documented)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from requesty_emulator.errors import bad_request
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply, encode
from requesty_emulator.routes.chat import raw_events, served_usage
from requesty_emulator.routes.inference import Outcome, infer
from requesty_emulator.routes.sse import argument_pieces, pieces
from requesty_emulator.validation import checks
from requesty_emulator.validation.chat import unknown_fields, validate_requesty, validate_thinking

_NAMES = (
    "model max_tokens messages system temperature top_p top_k stream stop_sequences tools tool_choice thinking "
    "output_config metadata requesty service_tier container context_management mcp_servers cache_control"
)
_FIELDS = frozenset(_NAMES.split())
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_WEB_SEARCH = re.compile(r"^web_search(?:_\d{8})?$")


async def create_message(call: Call) -> Reply:
    """Answer in Anthropic's shape; ``x-api-key`` and bearer keys both work (documented)."""
    call.authenticate(x_api_key=True)
    body = call.json()
    call.record.unknown_fields = unknown_fields(body, _FIELDS)
    chat = to_chat(body, strict=call.settings.strict_fields)
    outcome = await infer(call, chat)
    scripted = outcome.scripted
    if body.get("stream"):
        events = raw_events(scripted.chunks, done=False) if scripted and scripted.chunks else _events(call, outcome)
        return Reply(events=events, content_type="text/event-stream; charset=utf-8", billable=True, dialect="messages")
    if scripted and scripted.body is not None:
        return Reply(scripted.body, billable=True)
    message = _frame(call, outcome)
    message["content"] = _blocks(outcome)
    message["stop_reason"], message["stop_sequence"] = _stop(outcome)
    if outcome.style != "none":
        message["usage"] = served_usage(outcome.usage.messages(outcome.style), scripted)
    return Reply(message, billable=True)


# request


def to_chat(body: dict[str, Any], *, strict: bool = False) -> dict[str, Any]:
    """Validate a Messages body and rewrite it as a chat-completions body."""
    checks.string(checks.required(body, "model"), "model", empty=False)
    checks.integer(checks.required(body, "max_tokens"), "max_tokens", 1)
    messages = checks.array(checks.required(body, "messages"), "messages", empty=False)
    for name, high in (("temperature", 2), ("top_p", 1)):
        if body.get(name) is not None:
            checks.number(body[name], name, 0, high)
    if body.get("top_k") is not None:
        checks.integer(body["top_k"], "top_k", 0)
    if body.get("stream") is not None:
        checks.boolean(body["stream"], "stream")
    for index, word in enumerate(checks.array(body.get("stop_sequences") or [], "stop_sequences")):
        checks.string(word, f"stop_sequences[{index}]")
    validate_thinking(body.get("thinking"))
    validate_requesty(body.get("requesty"))
    if strict and (unknown := unknown_fields(body, _FIELDS)):
        raise bad_request(f"unknown field {unknown[0]!r}")
    chat: dict[str, Any] = {
        "model": body["model"],
        "max_tokens": body["max_tokens"],
        "messages": [],
        "stop": body.get("stop_sequences") or None,
        "thinking": body.get("thinking"),
        "reasoning_effort": _effort(body),
        "requesty": body.get("requesty"),
        **{name: body[name] for name in ("temperature", "top_p", "top_k") if body.get(name) is not None},
    }
    if body.get("system"):
        chat["messages"].append({"role": "system", "content": _text_blocks(body["system"], "system")})
    pending: set[str] = set()
    for index, item in enumerate(messages):
        pending = _message(checks.obj(item, f"messages[{index}]"), f"messages[{index}]", pending, chat["messages"])
    if pending:
        raise bad_request(f"tool_use ids without tool_result: {', '.join(sorted(pending))}")
    _tools(body, chat)
    return chat


def _effort(body: dict[str, Any]) -> str | None:
    """The effort of ``output_config``, where newer Claude models take it."""
    if body.get("output_config") is None:
        return None
    effort = checks.obj(body["output_config"], "output_config").get("effort")
    words = ("low", "medium", "high", "xhigh", "max")
    return None if effort is None else checks.one_of(effort, "output_config.effort", words)


def _text_blocks(value: object, where: str) -> Any:
    if isinstance(value, str):
        return value
    parts = []
    for index, raw in enumerate(checks.array(value, where)):
        block = checks.obj(raw, f"{where}[{index}]")
        checks.one_of(block.get("type"), f"{where}[{index}].type", ("text",))
        parts.append(
            {**_cache(block), "type": "text", "text": checks.string(block.get("text"), f"{where}[{index}].text")}
        )
    return parts


def _cache(block: dict[str, Any]) -> dict[str, Any]:
    return {"cache_control": block["cache_control"]} if block.get("cache_control") else {}


def _role(message: dict[str, Any], where: str) -> str:
    """Who speaks. Newer Claude models take instructions between turns (Anthropic's SDK, Claude Code, November 2026)."""
    # Those before the first turn belong into the field `system`.
    roles = ("user", "assistant") if where == "messages[0]" else ("user", "assistant", "system")
    return str(checks.one_of(message.get("role"), f"{where}.role", roles))


def _message(message: dict[str, Any], where: str, pending: set[str], out: list[dict[str, Any]]) -> set[str]:
    role, content = _role(message, where), message.get("content")
    if role == "system" and not isinstance(content, str):
        content = _text_blocks(checks.array(content, f"{where}.content", empty=False), f"{where}.content")
    if isinstance(content, str) or role == "system":
        if pending:
            raise bad_request(f"{where}: tool_use ids without tool_result: {', '.join(sorted(pending))}")
        out.append({"role": role, "content": content})
        return set()
    blocks = [checks.obj(item, f"{where}.content") for item in checks.array(content, f"{where}.content", empty=False)]
    turn: dict[str, Any] = {"role": role, "content": None}
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    open_ids = set(pending)
    for index, block in enumerate(blocks):
        spot = f"{where}.content[{index}]"
        kind = block.get("type")
        if kind == "tool_result" and role == "user":
            call_id = checks.string(block.get("tool_use_id"), f"{spot}.tool_use_id", empty=False)
            if call_id not in open_ids:
                raise bad_request(f"{spot}.tool_use_id {call_id!r} does not answer the previous message's tool_use")
            open_ids.discard(call_id)
            out.append(
                {
                    "role": "tool",
                    "tool_call_id": call_id,
                    "content": _result(block.get("content"), spot),
                    **_cache(block),
                }
            )
        elif kind == "tool_use" and role == "assistant":
            calls.append(_tool_use(block, spot))
        elif kind in ("thinking", "redacted_thinking") and role == "assistant":
            if kind == "thinking":
                checks.string(block.get("thinking"), f"{spot}.thinking")
                checks.string(block.get("signature"), f"{spot}.signature")
        elif role == "assistant" and str(kind).endswith(("_tool_use", "_tool_result")):
            continue
        else:
            parts.append(_part(block, spot))
    if open_ids:
        raise bad_request(f"{where}: tool_use ids without tool_result: {', '.join(sorted(open_ids))}")
    if parts:
        turn["content"] = parts
    if calls:
        turn["tool_calls"] = calls
    if parts or calls:
        out.append(turn)
    return {item["id"] for item in calls}


def _tool_use(block: dict[str, Any], where: str) -> dict[str, Any]:
    arguments = checks.obj(block.get("input"), f"{where}.input")
    call_id = checks.string(block.get("id"), f"{where}.id", empty=False)
    name = checks.string(block.get("name"), f"{where}.name", empty=False)
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": encode(arguments).decode()}}


def _result(content: object, where: str) -> Any:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    blocks = checks.array(content, f"{where}.content")
    return [_part(checks.obj(item, f"{where}.content"), f"{where}.content[{at}]") for at, item in enumerate(blocks)]


def _part(block: dict[str, Any], where: str) -> dict[str, Any]:
    kind = checks.one_of(block.get("type"), f"{where}.type", ("text", "image", "document"))
    if kind == "text":
        return {"type": "text", "text": checks.string(block.get("text"), f"{where}.text"), **_cache(block)}
    source = checks.obj(block.get("source"), f"{where}.source")
    form = checks.one_of(source.get("type"), f"{where}.source.type", ("base64", "url", "text", "file"))
    if form == "base64":
        data = checks.string(source.get("data"), f"{where}.source.data", empty=False)
        media_type = checks.string(source.get("media_type"), f"{where}.source.media_type", empty=False)
        url = f"data:{media_type};base64,{data}"
    else:
        url = checks.string(source.get("url") or source.get("data") or source.get("file_id"), f"{where}.source.{form}")
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}, **_cache(block)}
    return {"type": "input_file", "file_data": url, **_cache(block)}


def _tools(body: dict[str, Any], chat: dict[str, Any]) -> None:
    tools: list[dict[str, Any]] = []
    names: list[str] = []
    for index, raw in enumerate(checks.array(body.get("tools") or [], "tools")):
        where = f"tools[{index}]"
        tool = checks.obj(raw, where)
        kind = tool.get("type")
        if kind is not None and kind != "custom":
            # Of the maker's own kinds (shells, editors, searches of tools, MCP servers, …) the model calls none.
            if _WEB_SEARCH.match(checks.string(kind, f"{where}.type", empty=False)):
                tools.append({"type": "web_search"})
            continue
        names.append(checks.string(tool.get("name"), f"{where}.name", empty=False))
        schema = checks.obj(tool.get("input_schema"), f"{where}.input_schema")
        if tool.get("description") is not None:
            checks.string(tool["description"], f"{where}.description")
        function = {"name": names[-1], "description": tool.get("description") or "", "parameters": schema}
        tools.append({"type": "function", "function": function})
    if tools:
        chat["tools"] = tools
    if body.get("tool_choice") is None:
        return
    choice = checks.obj(body["tool_choice"], "tool_choice")
    kind = checks.one_of(choice.get("type"), "tool_choice.type", ("auto", "any", "tool", "none"))
    if not body.get("tools"):
        raise bad_request("tool_choice needs tools")
    if not tools:
        return
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
    if kind == "tool":
        if choice.get("name") not in names:
            if any(tool.get("name") == choice.get("name") for tool in body["tools"]):
                return
            raise bad_request(f"tool_choice.name {choice.get('name')!r} is not one of the tools")
        chat["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    else:
        chat["tool_choice"] = kind if kind != "any" else "required" if names else "auto"


# response


def _frame(call: Call, outcome: Outcome) -> dict[str, Any]:
    identity = f"msg_{call.core.state.new_id().replace('-', '')}"
    call.record.response_id = identity
    call.core.state.response_ids.add(identity)
    return {"id": identity, "type": "message", "role": "assistant", "content": [], "model": outcome.shown}


def _stop(outcome: Outcome) -> tuple[str, str | None]:
    if outcome.answer.stop_word is not None and outcome.answer.finish == "stop":
        return "stop_sequence", outcome.answer.stop_word
    return _STOP_REASONS.get(outcome.answer.finish, outcome.answer.finish), None


def _blocks(outcome: Outcome) -> list[dict[str, Any]]:
    answer = outcome.answer
    blocks: list[dict[str, Any]] = []
    if answer.reasoning is not None:
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": answer.signature or ""})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for made in answer.calls:
        try:
            arguments = msgspec.json.decode(made.arguments)
        except msgspec.DecodeError:
            arguments = {}
        blocks.append(
            {"type": "tool_use", "id": made.id.replace("call_", "toolu_"), "name": made.name, "input": arguments}
        )
    return blocks


def _events(call: Call, outcome: Outcome) -> list[bytes]:
    usage = served_usage(outcome.usage.messages(outcome.style), outcome.scripted)
    start = {**_frame(call, outcome), "stop_reason": None, "stop_sequence": None}
    start["usage"] = {**{k: v for k, v in usage.items() if k != "cost"}, "output_tokens": 1}
    events = [_event("message_start", {"message": start})]
    for index, block in enumerate(_blocks(outcome)):
        events += _block_events(index, block)
        if not index:
            events.insert(2, _event("ping", {}))
    reason, word = _stop(outcome)
    last = {key: value for key, value in usage.items() if key in ("output_tokens", "cost")}
    delta: dict[str, Any] = {"delta": {"stop_reason": reason, "stop_sequence": word}, "usage": last}
    if outcome.style == "none":
        delta["usage"] = {"output_tokens": usage["output_tokens"]}
    return [*events, _event("message_delta", delta), _event("message_stop", {})]


def _block_events(index: int, block: dict[str, Any]) -> list[bytes]:
    kind = block["type"]
    if kind == "text":
        empty: dict[str, Any] = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    elif kind == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    else:
        empty = {**block, "input": {}}
        text = encode(block["input"]).decode()
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in argument_pieces(text)]
    return [
        _event("content_block_start", {"index": index, "content_block": empty}),
        *[_event("content_block_delta", {"index": index, "delta": delta}) for delta in deltas],
        _event("content_block_stop", {"index": index}),
    ]


def _event(name: str, payload: dict[str, Any]) -> bytes:
    return f"event: {name}\n".encode() + b"data: " + encode({"type": name, **payload}) + b"\n\n"
