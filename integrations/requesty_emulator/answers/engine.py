"""The emulated model: turns an :class:`ModelRequest` into answers, deterministically."""

from __future__ import annotations

import base64
import json
import re
from hashlib import blake2b
from typing import Any

from requesty_emulator.answers import retrieve
from requesty_emulator.answers.by_example import by_example
from requesty_emulator.answers.choose import choose
from requesty_emulator.answers.classify import verdict
from requesty_emulator.answers.model_request import Answer, ModelRequest, ToolCall
from requesty_emulator.answers.react import react_reply
from requesty_emulator.answers.risk import fill_call
from requesty_emulator.answers.schema_fill import fill
from requesty_emulator.answers.words import Hints, quoted
from requesty_emulator.gateway.billing import tokens
from requesty_emulator.gateway.bounds import MAX_NESTING, too_deep
from requesty_emulator.gateway.scripted import Scripted
from requesty_emulator.models.model import Model

#: A one-pixel PNG, the picture every emulated image model draws.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
#: Families whose reasoning text comes back (documented); OpenAI's never does.
_SHOWS_REASONING = frozenset({"anthropic", "deepseek", "google", "alibaba", "zai", "xai", "moonshot", "minimaxi"})
_SIGNS_REASONING = frozenset({"anthropic", "google"})
#: Characters of a prompt, and opening braces in them, where a schema is looked for.
_SCHEMA_LOOK = 100_000
_SCHEMA_TRIES = 100
#: Characters of all answers of one reply, and keys of an object that a prompt asks for.
_LONGEST = 1_000_000
_MAX_KEYS = 50
_THINKS_UNASKED = re.compile(r"deepseek-r1|deepseek-reasoner|qwq|[-/]r1\b", re.I)
_OPENAI_REASONER = re.compile(r"(?:^|/)(?:o[134]|gpt-[5-9])", re.I)


def reply(request: ModelRequest, model: Model, seed: int, scripted: Scripted | None = None) -> tuple[list[Answer], int]:
    """All ``n`` answers and the reasoning tokens they took."""
    answers, thought = [], 0
    for index in range(request.n):
        answer = _scripted(scripted, seed, index) if scripted else _answer(request, model, seed, index)
        if scripted is None or scripted.finish_reason is None:
            _stop_and_length(answer, request)
        reasoning, count = _think(request, model, seed, answer)
        if answer.reasoning is None and scripted is None:
            answer.reasoning = reasoning
            if reasoning and model.family in _SIGNS_REASONING:
                answer.signature = _digest(f"{seed}:{reasoning}", 48)
        elif answer.reasoning:
            count = max(tokens(answer.reasoning), 1)
        thought += count
        answers.append(answer)
    return answers, thought


def _answer(request: ModelRequest, model: Model, seed: int, index: int) -> Answer:
    calls = choose(request)
    if calls:
        made = []
        for position, (tool, text) in enumerate(calls):
            arguments = fill_call(tool, text or request.question, request.risky_tools)
            identity = _digest(f"{seed}:{tool.name}:{len(request.turns)}:{index}:{position}:{request.question}", 18)
            made.append(ToolCall(f"call_{_plain(identity)}", tool.name, json.dumps(arguments, ensure_ascii=False)))
        return Answer(text=None, calls=made, finish="tool_calls")
    if request.schema is not None:
        instance = fill(request.schema, _context(request))
        return Answer(text=json.dumps(instance, ensure_ascii=False))
    if request.json_object:
        return Answer(text=json.dumps(_json_object(request), ensure_ascii=False))
    if request.images:
        return Answer(
            text="Here is the image.",
            images=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}],
        )
    asked = react_reply(request) or _schema_in_prompt(request) or _as_asked(request, model)
    text = asked or retrieve.answer(request.turns)
    if index:
        text = f"{text} (variant {index + 1})"
    answer = Answer(text=text)
    if request.web_search:
        answer.annotations = [_citation(request.question, text)]
    return answer


def _as_asked(request: ModelRequest, model: Model) -> str | None:
    """An answer whose form the prompt shows: a word of a choice, or an object like those of its examples."""
    if request.tools or any(turn.role == "tool" for turn in request.turns):
        # The long instructions of an agent leave choices to its tools, not to its answer.
        return None
    prompt = "\n".join(turn.text for turn in request.turns)
    word = verdict(prompt, request.question, model.id)
    if word is not None:
        return word
    value = by_example(prompt, is_asked=False)
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _context(request: ModelRequest) -> str:
    results = [turn.text for turn in request.since_user() if turn.role == "tool"]
    return (
        "\n".join([request.question, *results]) if request.question else "\n".join(turn.text for turn in request.turns)
    )


def _json_object(request: ModelRequest) -> dict[str, Any]:
    """An object with the keys that the prompt quotes; a schema in the prompt wins."""
    found = _prompt_schema(request)
    if found is not None:
        value = fill(found, request.question)
        if isinstance(value, dict):
            return value
    shown = by_example("\n".join(turn.text for turn in request.turns), is_asked=True)
    if shown is not None:
        return shown
    asked = [key for key in quoted(request.question) if re.fullmatch(r"[\w -]{1,40}", key)]
    if not asked:
        asked = [key for turn in request.turns for key in quoted(turn.text) if re.fullmatch(r"[A-Za-z_]\w{0,39}", key)]
    if not asked:
        return {"answer": retrieve.answer(request.turns)}
    asked = asked[:_MAX_KEYS]
    hints = Hints.of(re.sub("|".join(rf"[\"'`“]{re.escape(key)}[\"'`”]" for key in asked), " ", request.question))
    return {key: hints.labelled(key) or hints.phrase(key) for key in dict.fromkeys(asked)}


def _prompt_schema(request: ModelRequest) -> dict[str, Any] | None:
    """A JSON schema written into the prompt text, as schema-in-prompt parsers do; the last one wins."""
    for turn in reversed(request.turns):
        if turn.role in ("assistant", "tool") or "schema" not in turn.text.lower():
            continue
        text = turn.text[-_SCHEMA_LOOK:]
        # Templates that were filled but not formatted double every brace.
        found = _last_schema(text) or _last_schema(text.replace("{{", "{").replace("}}", "}"))
        if found is not None:
            return found
    return None


def _last_schema(text: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    decoder, at = json.JSONDecoder(), text.find("{")
    for _ in range(_SCHEMA_TRIES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value.get("properties"), dict) and not too_deep(value, MAX_NESTING):
                found = value if "foo" not in value["properties"] else found
        at = text.find("{", end)
    return found


def _schema_in_prompt(request: ModelRequest) -> str | None:
    found = _prompt_schema(request)
    if found is None:
        return None
    plain = request.question.split("{", 1)[0] or request.question
    return json.dumps(fill(found, plain), ensure_ascii=False)


def _citation(question: str, text: str) -> dict[str, Any]:
    return {
        "type": "url_citation",
        "tool_use_id": "srvtoolu_emulated",
        "query": question[:80],
        "url_citation": {
            "url": "https://example.com/emulated",
            "title": "Emulated search result",
            "start_index": 0,
            "end_index": len(text),
        },
    }


def _stop_and_length(answer: Answer, request: ModelRequest) -> None:
    if answer.text and len(answer.text) * request.n > _LONGEST:
        answer.text, answer.finish = answer.text[: _LONGEST // request.n], "length"
    if answer.text and not answer.calls:
        hits = [(at, word) for word in request.stop if (at := answer.text.find(word)) >= 0]
        if hits:
            at, answer.stop_word = min(hits)
            answer.text = answer.text[:at]
    if request.max_tokens and answer.text and tokens(answer.text) > request.max_tokens and not answer.calls:
        answer.text = answer.text[: request.max_tokens * 4]
        answer.finish, answer.stop_word = "length", None


def _think(request: ModelRequest, model: Model, seed: int, answer: Answer) -> tuple[str | None, int]:
    """Reasoning text, if this family shows it, and the reasoning tokens it takes."""
    asked = request.effort is not None and request.effort > 0 and model.reasoning
    if model.family == "openai":
        if not _OPENAI_REASONER.search(model.id):
            return None, 0
        return None, 16 * (1 + min((request.effort or 8192) // 1024, 32))
    if not asked and not _THINKS_UNASKED.search(model.id):
        return None, 0
    steps = 1 + min((request.effort or 1024) // 8192, 4)
    topic = " ".join(request.question.split())[:120] or "the conversation"
    lines = [f"The user asks: {topic}."]
    if answer.calls:
        lines.append(f"I should call {', '.join(call.name for call in answer.calls)}.")
    lines += [f"Step {step + 1}: weigh what the given text says." for step in range(steps)]
    text = " ".join(lines)
    return (text if model.family in _SHOWS_REASONING else None), tokens(text)


def _scripted(item: Scripted, seed: int, index: int) -> Answer:
    answer = Answer(
        text=item.text,
        reasoning=item.reasoning,
        signature=item.signature,
        refusal=item.refusal,
        images=list(item.images or ()),
        annotations=list(item.annotations or ()),
        pieces=item.pieces,
    )
    if item.pieces is not None and item.text is None:
        answer.text = "".join(item.pieces)
    for position, raw in enumerate(item.tool_calls or ()):
        function = raw.get("function", raw)
        arguments = function.get("arguments", function.get("args", {}))
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        identity = raw.get("id") or f"call_{_plain(_digest(f'{seed}:{index}:{position}:{text}', 18))}"
        answer.calls.append(ToolCall(identity, function["name"], text))
    answer.finish = item.finish_reason or ("tool_calls" if answer.calls else "stop")
    return answer


def _digest(text: str, size: int) -> str:
    raw = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return base64.b64encode(raw).decode()


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "x", text)
