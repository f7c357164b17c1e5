"""Rendering of ``chat.completion.chunk`` events, all of them before the first byte is sent."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from requesty_emulator.answers.model_request import Answer

_PIECE = re.compile(r"\S+\s*|\s+")
DONE = b"data: [DONE]\n\n"
_encoder = msgspec.json.Encoder()


def pieces(text: str) -> list[str]:
    """Text cut into words with the white space that follows them."""
    return _PIECE.findall(text)


def argument_pieces(arguments: str) -> list[str]:
    """Tool arguments in at least two pieces, cut in places that mean nothing."""
    step = max(1, min(12, (len(arguments) + 1) // 2))
    return [arguments[at : at + step] for at in range(0, len(arguments), step)]


def event(payload: dict[str, Any]) -> bytes:
    """One ``data:`` event."""
    return b"data: " + _encoder.encode(payload) + b"\n\n"


def token_logprobs(words: list[str], top: int) -> dict[str, Any]:
    """``logprobs`` in OpenAI's shape: one entry a word, which keeps its white space."""
    entries = []
    for word in words:
        entry = {"token": word, "logprob": -0.01, "bytes": list(word.encode("utf-8", "surrogatepass"))}
        entries.append({**entry, "top_logprobs": [entry][:top]})
    return {"content": entries}


def chat_events(
    frame: dict[str, Any],
    answers: list[Answer],
    usage: dict[str, Any] | None,
    style: str,
    *,
    logprobs: int | None = None,
) -> list[bytes]:
    """Every event of a streamed chat completion.

    ``role`` stands on every delta, ``finish_reason`` is absent until the end, the last chunk of text
    carries it (seen on the wire). ``usage`` None leaves usage out; ``style`` says where it goes.
    """
    frame = {**frame, "object": "chat.completion.chunk"}
    choices: list[dict[str, Any]] = []
    for index, answer in enumerate(answers):
        choices += _choice_deltas(index, answer, logprobs)
    chunks = [{**frame, "choices": [choice]} for choice in choices]
    if usage is not None and style == "every_chunk":
        _cumulative(chunks, usage)
    elif usage is not None:
        last: dict[str, Any] = dict(frame)
        if style == "last_empty_delta":
            last["choices"] = [{"index": 0, "delta": {}}]
        elif style != "last_no_choices":
            last["choices"] = []
        chunks.append({**last, "usage": usage})
    return [*map(event, chunks), DONE]


def _choice_deltas(index: int, answer: Answer, logprobs: int | None) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"content": ""}]
    if answer.reasoning:
        thoughts = pieces(answer.reasoning)
        deltas += [{"reasoning_content": thought, "reasoning_signature": None} for thought in thoughts]
        if answer.signature is not None:
            deltas[-1]["reasoning_signature"] = answer.signature
    if answer.refusal:
        deltas += [{"refusal": piece} for piece in pieces(answer.refusal)]
    texts = answer.pieces if answer.pieces is not None else pieces(answer.text or "")
    deltas += [{"content": piece} for piece in texts]
    if answer.images:
        deltas.append({"images": answer.images})
    if answer.annotations:
        found = [item["url_citation"] for item in answer.annotations if "url_citation" in item]
        web = [{"url": item.get("url"), "title": item.get("title")} for item in found]
        deltas.append({"annotations": answer.annotations, "web_search": {"content": web}})
    for position, call in enumerate(answer.calls):
        first = {"index": position, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        deltas.append({"tool_calls": [first]})
        deltas += [
            {"tool_calls": [{"index": position, "function": {"arguments": piece}}]}
            for piece in argument_pieces(call.arguments)
        ]
    if "content" not in deltas[-1] or len(deltas) == 1:
        deltas.append({})
    result: list[dict[str, Any]] = []
    for delta in deltas:
        choice: dict[str, Any] = {"index": index, "delta": {"role": "assistant", **delta}}
        if logprobs is not None and delta.get("content"):
            choice["logprobs"] = token_logprobs([delta["content"]], logprobs)
        result.append(choice)
    result[-1]["finish_reason"] = answer.finish
    return result


def _cumulative(chunks: list[dict[str, Any]], usage: dict[str, Any]) -> None:
    """Usage on every chunk: growing completion tokens, the whole truth on the last one."""
    total = int(usage.get("completion_tokens") or 0)
    count = len(chunks)
    for position, chunk in enumerate(chunks):
        done = position == count - 1
        so_far = total if done else total * position // count
        partial = {**usage, "completion_tokens": so_far, "total_tokens": int(usage.get("prompt_tokens") or 0) + so_far}
        if not done:
            partial.pop("cost", None)
        chunk["usage"] = usage if done else partial
