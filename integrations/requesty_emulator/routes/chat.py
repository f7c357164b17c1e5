"""``POST /v1/chat/completions``."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from requesty_emulator.answers.engine import reply
from requesty_emulator.answers.model_request import Answer, ModelRequest, from_chat
from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.billing import Usage, tokens
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.delivery import Reply, encode
from requesty_emulator.gateway.guardrails import mask
from requesty_emulator.gateway.routing import route
from requesty_emulator.gateway.scripted import Scripted
from requesty_emulator.models.model import Model
from requesty_emulator.models.rules import check_upstream
from requesty_emulator.routes.sse import chat_events, pieces, token_logprobs
from requesty_emulator.validation.chat import CHAT_FIELDS, unknown_fields, validate_chat
from requesty_emulator.validation.content import ATTACHMENT_TOKENS
from requesty_emulator.validation.strict_schema import check_strict_schemas

#: Tokens a message costs beyond its text.
_PER_MESSAGE = 4
_IMPLICIT_CACHE = frozenset({"openai", "deepseek", "google"})
_MARKED_CACHE = frozenset({"anthropic", "google"})


async def chat_completions(call: Call) -> Reply:
    """Answer a chat completion, streamed or whole."""
    call.authenticate()
    body = call.json()
    call.record.unknown_fields = unknown_fields(body, CHAT_FIELDS)
    validate_chat(body, strict_fields=call.settings.strict_fields)
    check_strict_schemas(body, refuse=call.settings.strict_schemas)
    blocks = prompt_blocks(body)
    model = await route(call, needs=sum(count for _, count in blocks))
    provider_rules(call, body, model)
    request = from_chat(body, model)
    request.blocks, request.risky_tools = blocks, call.settings.risky_tools
    scripted = call.core.scripts.take(call.record.model, call.record.path, [tool.name for tool in request.tools])
    answers, usage = answer(call, request, model, scripted)
    frame = envelope(call, model, scripted)
    style = call.fault.usage or call.settings.usage
    call.served(model, usage, "chat", frame["model"])
    if scripted and scripted.headers:
        call.fault.headers.update(scripted.headers)
    if body.get("stream"):
        return Reply(
            events=_events(call, body, frame, answers, usage, scripted, style, request.logprobs),
            content_type="text/event-stream; charset=utf-8",
            billable=True,
        )
    if scripted and scripted.body is not None:
        return Reply(scripted.body, billable=True)
    frame["object"] = "chat.completion"
    frame["choices"] = [
        _choice(index, item, request.logprobs, call.settings.server_tools) for index, item in enumerate(answers)
    ]
    if style != "none":
        frame["usage"] = served_usage(usage.chat(style), scripted)
    return Reply(frame, billable=True)


def prompt_blocks(body: dict[str, Any]) -> list[tuple[str, int]]:
    """The prompt in cacheable blocks with token counts: the tools, then every message."""
    head = [body[name] for name in ("tools", "response_format") if body.get(name)]
    text = msgspec.json.encode(head).decode() if head else ""
    blocks = [(text, tokens(text))]
    for message in body["messages"]:
        content = message.get("content")
        extra = 0
        if isinstance(content, list):
            extra = ATTACHMENT_TOKENS * sum(1 for part in content if part.get("type") not in ("text", "refusal"))
            plain = "\n".join(part.get("text") or "" for part in content)
        else:
            plain = content or ""
        if message.get("tool_calls"):
            plain += msgspec.json.encode(message["tool_calls"]).decode()
        blocks.append((f"{message['role']}\n{plain}", tokens(plain) + extra + _PER_MESSAGE))
    return blocks


def provider_rules(call: Call, body: dict[str, Any], model: Model) -> None:
    """Upstream refusals; their origin is the provider."""
    if not call.settings.upstream_rules:
        return
    route = call.record.path.rpartition("/")[2]
    check_upstream(body, model, route if route in ("messages", "responses") else "chat")
    form = body.get("response_format") or {}
    if form.get("type") == "json_object" and model.family == "openai" and not _says_json(body):
        raise bad_request(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "provider",
        )
    tools = body.get("tools") or ()
    functions = [tool for tool in tools if tool.get("type") == "function"]
    if model.family == "google" and functions and len(functions) < len(tools):
        raise bad_request("web search cannot be combined with function tools", "provider")
    thinking, limit = body.get("thinking") or {}, body.get("max_tokens") or body.get("max_completion_tokens")
    if model.family == "anthropic" and limit and thinking.get("budget_tokens", 0) >= limit:
        raise bad_request("max_tokens must be greater than thinking.budget_tokens", "provider")


def _says_json(body: dict[str, Any]) -> bool:
    return any("json" in text.lower() for text, _ in prompt_blocks({"messages": body["messages"]}))


def answer(call: Call, request: ModelRequest, model: Model, scripted: Scripted | None) -> tuple[list[Answer], Usage]:
    """The answers and what they cost, caches included."""
    answers, thought = reply(request, model, call.core.state.seed, scripted)
    if call.settings.guardrails:
        for item in answers:
            item.text = mask(item.text) if item.text else item.text
            item.reasoning = mask(item.reasoning) if item.reasoning else item.reasoning
            for made in item.calls:
                made.arguments = mask(made.arguments)
    usage = Usage(prompt=max(1, sum(count for _, count in request.blocks)), reasoning=thought)
    for item in answers:
        usage.completion += tokens(item.text or "") + tokens(item.refusal or "")
        usage.completion += sum(tokens(made.name) + tokens(made.arguments) + _PER_MESSAGE for made in item.calls)
        usage.completion += ATTACHMENT_TOKENS * len(item.images)
    usage.completion = max(1, usage.completion + thought)
    if any("input_audio" in turn.attachments for turn in request.turns):
        usage.audio_in = ATTACHMENT_TOKENS
    if request.audio_out:
        usage.audio_out = usage.completion
    _cache(call, request, model, usage)
    return answers, usage.price(model)


def _cache(call: Call, request: ModelRequest, model: Model, usage: Usage) -> None:
    auto = call.settings.auto_cache if request.auto_cache is None else request.auto_cache
    auto = auto or model.provider in ("coding", "cline")
    cache = call.core.state.prompt_cache
    cache.min_tokens = call.settings.cache_min_tokens
    if model.family in _MARKED_CACHE and (auto or request.cache_marks):
        marks = {*request.cache_marks, *([len(request.blocks) - 1] if auto else [])}
        cache.apply(usage, model, request.blocks, breakpoints=marks)
    elif model.family in _IMPLICIT_CACHE:
        cache.apply(usage, model, request.blocks, breakpoints=None)


def envelope(call: Call, model: Model, scripted: Scripted | None) -> dict[str, Any]:
    """``id``, ``created`` and ``model`` of a reply (ids ``rqsty-cmpl-UUID`` and bare models, seen on the wire)."""
    identity = f"rqsty-cmpl-{call.core.state.new_id()}"
    call.record.response_id = identity
    call.core.state.response_ids.add(identity)
    return {"id": identity, "object": "", "created": int(time.time()), "model": shown_model(call, model, scripted)}


def shown_model(call: Call, model: Model, scripted: Scripted | None = None) -> str:
    """The reply's ``model``: bare, prefixed or echoed, or what the script says."""
    if scripted and scripted.served_model:
        return scripted.served_model
    if call.settings.echo_model:
        return call.record.model or model.id
    return model.id if call.settings.prefixed_model else model.bare


def served_usage(usage: dict[str, Any], scripted: Scripted | None) -> dict[str, Any]:
    """The usage object as sent: a scripted one overrides key by key."""
    return {**usage, **scripted.usage} if scripted and scripted.usage else usage


def _choice(index: int, item: Answer, logprobs: int | None, server_tools: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": item.text}
    if item.reasoning is not None:
        message["reasoning_content"] = item.reasoning
        if item.signature is not None:
            message["reasoning_signature"] = item.signature
    if item.refusal is not None:
        message["refusal"] = item.refusal
    if item.calls:
        message["tool_calls"] = [
            {"id": made.id, "type": "function", "function": {"name": made.name, "arguments": made.arguments}}
            for made in item.calls
        ]
    finish = item.finish
    if item.annotations:
        message["annotations"] = item.annotations
        if server_tools:
            search = {"name": "web_search", "arguments": encode({"query": item.annotations[0].get("query")}).decode()}
            message.setdefault("tool_calls", []).append(
                {"id": "srvtoolu_emulated", "type": "function", "function": search}
            )
            finish = "tool_calls"
    if item.images:
        message["images"] = item.images
    return {
        "index": index,
        "finish_reason": finish,
        "logprobs": None if logprobs is None else token_logprobs(pieces(item.text or ""), logprobs),
        "message": message,
    }


def _events(
    call: Call,
    body: dict[str, Any],
    frame: dict[str, Any],
    answers: list[Answer],
    usage: Usage,
    scripted: Scripted | None,
    style: str,
    logprobs: int | None,
) -> list[bytes]:
    if scripted and scripted.chunks is not None:
        return raw_events(scripted.chunks, done=True)
    if scripted and scripted.body is not None:
        raise GatewayError(500, "a scripted body cannot answer a streaming request; script chunks instead")
    asked = bool((body.get("stream_options") or {}).get("include_usage")) or call.settings.always_stream_usage
    if style == "every_chunk":
        asked = True
    total = served_usage(usage.chat(style), scripted) if asked and style != "none" else None
    if call.fault.empty_choices:
        answers = []
    return chat_events(frame, answers, total, style, logprobs=logprobs)


def raw_events(chunks: list[Any], *, done: bool) -> list[bytes]:
    """Scripted chunks as SSE: objects are encoded, strings become ``data:`` payloads, bytes go out as they are.

    ``done`` adds the final ``[DONE]`` unless a chunk has it.
    """
    events = []
    for chunk in chunks:
        if isinstance(chunk, bytes):
            events.append(chunk)
        elif isinstance(chunk, str):
            events.append(f"data: {chunk}\n\n".encode())
        else:
            events.append(b"data: " + encode(chunk) + b"\n\n")
    if done and not any(event.startswith(b"data: [DONE]") for event in events):
        events.append(b"data: [DONE]\n\n")
    return events
