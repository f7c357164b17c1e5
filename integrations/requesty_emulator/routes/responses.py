"""``POST /v1/responses``: OpenAI's Responses format (documented)."""

from __future__ import annotations

import time
from typing import Any

from requesty_emulator.answers.model_request import Answer
from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply, encode
from requesty_emulator.routes.chat import raw_events, served_usage
from requesty_emulator.routes.inference import Outcome, infer
from requesty_emulator.routes.responses_request import RESPONSE_FIELDS, to_chat
from requesty_emulator.routes.sse import argument_pieces, pieces
from requesty_emulator.validation.chat import unknown_fields, validate_messages
from requesty_emulator.validation.strict_schema import check_strict_schemas

#: Responses that can be continued, and bytes of requests that they may take together.
_KEPT = 1000
_KEPT_BYTES = 16 * 1024 * 1024


async def create_response(call: Call) -> Reply:
    """Answer as a Response object; streamed usage and cost need no option (documented)."""
    call.authenticate(x_api_key=True)
    body = call.json()
    call.record.unknown_fields = unknown_fields(body, RESPONSE_FIELDS)
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
    share = _KEPT_BYTES // max(len(call.record.raw), _KEPT_BYTES // _KEPT)
    while len(kept) >= max(share, 1):
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
    output, incomplete = _output(identity, answer), answer.finish == "length"
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


def _output(identity: str, answer: Answer) -> list[dict[str, Any]]:
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
    return output


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
