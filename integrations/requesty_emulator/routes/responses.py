"""``POST /v1/responses``: OpenAI's Responses format (documented)."""

from __future__ import annotations

import time
from typing import Any

from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply, encode
from requesty_emulator.routes.chat import raw_events, served_usage
from requesty_emulator.routes.inference import Outcome, infer
from requesty_emulator.routes.sse import argument_pieces, pieces
from requesty_emulator.validation import checks
from requesty_emulator.validation.chat import unknown_fields, validate_messages, validate_requesty, validate_tools
from requesty_emulator.validation.strict_schema import check_strict_schemas

_NAMES = (
    "model input instructions max_output_tokens stream temperature top_p top_logprobs parallel_tool_calls tools "
    "tool_choice reasoning text include metadata store truncation user requesty previous_response_id service_tier "
    "background prompt_cache_key prompt_cache_retention safety_identifier max_tool_calls stream_options "
    "conversation prompt"
)
_FIELDS = frozenset(_NAMES.split())
_SERVER_TOOLS = ("web_search", "web_search_preview")
_KEPT = 1000


async def create_response(call: Call) -> Reply:
    """Answer as a Response object; streamed usage and cost need no option (documented)."""
    call.authenticate(x_api_key=True)
    body = call.json()
    call.record.unknown_fields = unknown_fields(body, _FIELDS)
    chat = to_chat(body, strict=call.settings.strict_fields)
    check_strict_schemas(chat, refuse=call.settings.strict_schemas)
    _continue(call, body, chat)
    outcome = await infer(call, chat)
    scripted = outcome.scripted
    response = _response(call, body, outcome)
    _remember(call, response["id"], chat, outcome)
    if body.get("stream"):
        events = raw_events(scripted.chunks, done=False) if scripted and scripted.chunks else _events(response)
        return Reply(events=events, content_type="text/event-stream; charset=utf-8", billable=True, dialect="responses")
    if scripted and scripted.body is not None:
        return Reply(scripted.body, billable=True)
    return Reply(response, billable=True)


# request


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
    if strict and (unknown := unknown_fields(body, _FIELDS)):
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
        if inner.get("strict") is not None:
            checks.boolean(inner["strict"], "text.format.strict")
        kept = {key: inner[key] for key in ("name", "schema", "strict") if key in inner}
        chat["response_format"] = {"type": kind, "json_schema": kept}
    else:
        chat["response_format"] = {"type": kind}


def _continue(call: Call, body: dict[str, Any], chat: dict[str, Any]) -> None:
    """``previous_response_id`` works on OpenAI models only (documented)."""
    previous = body.get("previous_response_id")
    if not previous:
        return
    if not str(body["model"]).startswith(("openai/", "openai-responses/", "azure/", "gpt-")):
        raise bad_request("previous_response_id is only supported by OpenAI models", "provider")
    history = call.core.state.conversations.get(previous)
    if history is None:
        raise GatewayError(404, f"Previous response with id {previous!r} not found.", "provider")
    chat["messages"] = [*history, *chat["messages"]]
    validate_messages(chat["messages"])


def _remember(call: Call, identity: str, chat: dict[str, Any], outcome: Outcome) -> None:
    kept = call.core.state.conversations
    while len(kept) >= _KEPT:
        kept.pop(next(iter(kept)))
    turn: dict[str, Any] = {"role": "assistant", "content": outcome.answer.text or ""}
    if outcome.answer.calls:
        turn["tool_calls"] = [
            {"id": made.id, "type": "function", "function": {"name": made.name, "arguments": made.arguments}}
            for made in outcome.answer.calls
        ]
    kept[identity] = [message for message in chat["messages"] if message["role"] != "system"] + [turn]


# response


def _response(call: Call, body: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    state, answer = call.core.state, outcome.answer
    prefix = "resp_" if outcome.model.family == "openai" else "rqsty-cmpl-"
    identity = prefix + (state.new_id().replace("-", "") if prefix == "resp_" else state.new_id())
    call.record.response_id = identity
    state.response_ids.add(identity)
    output: list[dict[str, Any]] = []
    if answer.reasoning is not None:
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        output.append({"id": f"rs_{identity[-24:]}", "type": "reasoning", "summary": summary})
    if answer.annotations:
        output.append({"id": f"ws_{identity[-24:]}", "type": "web_search_call", "status": "completed"})
    if answer.refusal is not None:
        output.append(_message(identity, [{"type": "refusal", "refusal": answer.refusal}]))
    elif answer.text is not None:
        notes = [
            {"type": "url_citation", **item["url_citation"]} for item in answer.annotations if "url_citation" in item
        ]
        output.append(
            _message(identity, [{"type": "output_text", "text": answer.text, "annotations": notes, "logprobs": []}])
        )
    for index, made in enumerate(answer.calls):
        output.append(
            {
                "id": f"fc_{index}_{identity[-22:]}",
                "type": "function_call",
                "status": "completed",
                "call_id": made.id,
                "name": made.name,
                "arguments": made.arguments,
            }
        )
    incomplete = answer.finish == "length"
    response: dict[str, Any] = {
        "id": identity,
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if incomplete else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if incomplete else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": outcome.shown,
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "store": body.get("store") is not False,
        "temperature": body.get("temperature"),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p"),
        "truncation": body.get("truncation") or "disabled",
        "metadata": body.get("metadata") or {},
    }
    if outcome.style != "none":
        response["usage"] = served_usage(outcome.usage.responses(outcome.style), outcome.scripted)
    return response


def _message(identity: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{identity[-24:]}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": content,
    }


def _events(response: dict[str, Any]) -> list[bytes]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    for index, item in enumerate(response["output"]):
        events += _item_events(index, item)
    final = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
    events.append((final, {"response": response}))
    rendered = []
    for number, (name, payload) in enumerate(events):
        data = encode({"type": name, "sequence_number": number, **payload})
        rendered.append(f"event: {name}\n".encode() + b"data: " + data + b"\n\n")
    return rendered


def _item_events(index: int, item: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    at: dict[str, Any] = {"output_index": index, "item_id": item["id"]}
    kind = item["type"]
    empty = dict(item)
    if "status" in item:
        empty["status"] = "in_progress"
    middle: list[tuple[str, dict[str, Any]]] = []
    if kind == "message":
        empty["content"] = []
        middle = _part_events({**at, "content_index": 0}, item["content"][0])
    elif kind == "reasoning":
        empty["summary"] = []
        text, spot = item["summary"][0]["text"], {**at, "summary_index": 0}
        name = "response.reasoning_summary"
        middle = [
            (f"{name}_part.added", {**spot, "part": {"type": "summary_text", "text": ""}}),
            *[(f"{name}_text.delta", {**spot, "delta": piece}) for piece in pieces(text)],
            (f"{name}_text.done", {**spot, "text": text}),
            (f"{name}_part.done", {**spot, "part": item["summary"][0]}),
        ]
    elif kind == "function_call":
        empty["arguments"] = ""
        name = "response.function_call_arguments"
        middle = [
            *[(f"{name}.delta", {**at, "delta": piece}) for piece in argument_pieces(item["arguments"])],
            (f"{name}.done", {**at, "name": item["name"], "arguments": item["arguments"]}),
        ]
    added = ("response.output_item.added", {"output_index": index, "item": empty})
    return [added, *middle, ("response.output_item.done", {"output_index": index, "item": item})]


def _part_events(at: dict[str, Any], part: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    word = "text" if part["type"] == "output_text" else "refusal"
    name = "response.output_text" if word == "text" else "response.refusal"
    extra: dict[str, Any] = {"logprobs": []} if word == "text" else {}
    blank = {**part, word: "", **({"annotations": []} if word == "text" else {})}
    return [
        ("response.content_part.added", {**at, "part": blank}),
        *[(f"{name}.delta", {**at, "delta": piece, **extra}) for piece in pieces(part[word])],
        *[
            (f"{name}.annotation.added", {**at, "annotation_index": number, "annotation": note})
            for number, note in enumerate(part.get("annotations") or ())
        ],
        (f"{name}.done", {**at, word: part[word], **extra}),
        ("response.content_part.done", {**at, "part": part}),
    ]
