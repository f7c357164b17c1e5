"""Rows on chat completions: request, answer, stream (contract, sections 3, 4 and 5), ids and headers."""

from __future__ import annotations

from .looks import absent, all_of, among, entries, first_of, header, is_json_text, status, the, typed
from .rows import row
from .streams import (
    arguments_join,
    counts_once,
    each_is_json,
    ends_with_done,
    finish_comes_last,
    first_piece_names,
    indexes,
    no_finish_before,
    piece,
    roles,
    same_everywhere,
    usage_place,
)

__all__ = ["ROWS"]

MESSAGE = "choices.0.message"
CALL = f"{MESSAGE}.tool_calls.0"
FINISHES = ("stop", "length", "max_tokens", "tool_calls", "function_call", "content_filter", "other", None)


REQUEST = [
    row("2", "a managed id, without a slash, is served", "managed_chat", typed("choices", "list")),
    row("2 15", "policy/NAME is served", "policy", typed("choices", "list")),
    row("3 21-3", "temperature, top_p, seed, stop, penalties, logit_bias, user are taken", "settings", status(200)),
    row("3", "max_completion_tokens is taken", "new_limit", status(200)),
    row(
        "3",
        "max_tokens ends an answer with length or max_tokens",
        "short",
        among("choices.0.finish_reason", "length", "max_tokens"),
    ),
    row("3", "logprobs are answered", "settings", typed("choices.0.logprobs", "object")),
    row("3", "the requesty object with tags, user_id, trace_id and extra is taken", "chat", status(200)),
    row("3 16", "requesty.auto_cache is taken", "cache", status(200)),
    row(
        "3 4",
        "tool_choice required calls a tool, and ends with tool_calls or stop",
        "tool",
        among("choices.0.finish_reason", "tool_calls", "stop"),
    ),
    row("3", "a forced function is called", "named", among(f"{CALL}.function.name", "tide")),
    row("3", "tool_choice none calls no tool", "unused", all_of(absent(CALL), typed(f"{MESSAGE}.content", "text"))),
    row("3", "a tool's call and result go back in the history", "history", typed(f"{MESSAGE}.content", "text")),
    row("3", "response_format json_object answers JSON", "json", is_json_text(f"{MESSAGE}.content")),
    row("3", "response_format json_schema answers by the schema", "schema", is_json_text(f"{MESSAGE}.content", "city")),
    row("3", "an image part with a data URL is taken", "image_part", typed(f"{MESSAGE}.content", "text")),
    row("3 19-13", "reasoning_effort is taken", "reasoning", status(200)),
]

ANSWER = [
    row("4 19-6 21-7", "id is rqsty-cmpl-UUID or chatcmpl-…", "chat", the("id", r"(rqsty-cmpl-|chatcmpl-).+")),
    row("4", "object is chat.completion", "chat", among("object", "chat.completion")),
    row("4", "created is in seconds since 1970", "chat", typed("created", "count")),
    row("4 19-7", "model is the served id, bare or with its provider", "chat", the("model", r".*gpt-4o-mini.*|[^\s]+")),
    row("4 15", "behind a policy, model is what answered", "policy", the("model", r"(?!policy/).+")),
    row("4", "choices have an index from 0", "chat", among("choices.0.index", 0)),
    row("4", "finish_reason is one of the documented words", "chat", among("choices.0.finish_reason", *FINISHES)),
    row(
        "4",
        "logprobs are null, or missing, unless asked for",
        "chat",
        typed("choices.0.logprobs", "null", optional=True),
    ),
    row("4", "message.role is assistant", "chat", among(f"{MESSAGE}.role", "assistant")),
    row("4", "message.content is text or null", "chat", typed(f"{MESSAGE}.content", "text", "null")),
    row("4", "tool_calls[].type is function", "tool", among(f"{CALL}.type", "function")),
    row("4", "tool_calls[].id is text or null", "tool", typed(f"{CALL}.id", "text", "null")),
    row("4 21-8", "tool_calls[].function.arguments is JSON text", "tool", is_json_text(f"{CALL}.function.arguments")),
    row(
        "4",
        "a tool nobody declared is not called",
        "tool",
        entries(f"{MESSAGE}.tool_calls", "function.name", values=("tide",)),
    ),
    row(
        "4 19-14",
        "reasoning text is in reasoning_content, else in reasoning",
        "reasoning",
        first_of(f"{MESSAGE}.reasoning_content", f"{MESSAGE}.reasoning", kind="text"),
    ),
    row(
        "4 21-9",
        "reasoning_signature is text or null",
        "reasoning",
        typed(f"{MESSAGE}.reasoning_signature", "text", "null", optional=True),
    ),
    row(
        "4 21-6",
        "usage counts prompt, completion and total",
        "chat",
        all_of(*(typed(f"usage.{name}_tokens", "count") for name in ("prompt", "completion", "total"))),
    ),
    row(
        "4 19-12",
        "usage.prompt_tokens_details.cached_tokens is a count",
        "chat",
        typed("usage.prompt_tokens_details.cached_tokens", "count", optional=True),
    ),
    row(
        "4",
        "usage.prompt_tokens_details.caching_tokens is a count",
        "chat",
        typed("usage.prompt_tokens_details.caching_tokens", "count", optional=True),
    ),
    row(
        "4",
        "usage.completion_tokens_details.reasoning_tokens is a count",
        "reasoning",
        typed("usage.completion_tokens_details.reasoning_tokens", "count", optional=True),
    ),
    row(
        "4 19-10 19-11",
        "the cost is in usage.cost, or total_cost, as a number or text",
        "chat",
        first_of("usage.cost", "usage.total_cost", kind="amount"),
    ),
]

HEADERS = [
    row("14 21-2", "x-requesty-provider says who served", "chat", header("x-requesty-provider")),
    row("14", "x-requesty-cache is like HIT or MISS", "chat", header("x-requesty-cache", r"(?i)hit|miss|none|bypass")),
    row("14", "x-requesty-latency-ms is a number", "chat", header("x-requesty-latency-ms", r"\d+(\.\d+)?")),
    row("14", "x-requesty-request-id is an id", "chat", header("x-requesty-request-id", r"\S+")),
    row("14", "fly-request-id is an id", "chat", header("fly-request-id", r"\S+")),
    row("14 21-1", "x-ratelimit-… headers, never seen so far", "chat", header("x-ratelimit-remaining-requests")),
    row("14 21-2", "x-requesty-request-id comes with streams", "stream", header("x-requesty-request-id", r"\S+")),
    row(
        "14 21-2",
        "x-requesty-request-id comes with errors",
        "no_model",
        header("x-requesty-request-id", r"\S+"),
        answered=False,
    ),
]

STREAM = [
    row("5", "a stream is text/event-stream", "stream", header("content-type", r"text/event-stream.*")),
    row("5", "every data: line is a JSON object", "stream", each_is_json),
    row("5", "[DONE] ends it, once", "stream", ends_with_done),
    row("5", "object is chat.completion.chunk", "stream", same_everywhere("object")),
    row("5", "id is the same on every chunk", "stream", same_everywhere("id")),
    row("5", "delta.role is assistant from the first chunk on", "stream", roles),
    row("5", "delta.content has the text", "stream", piece("content")),
    row("5", "finish_reason is missing, or null, until the end", "stream", no_finish_before),
    row("5", "no text comes after the finish reason", "stream", finish_comes_last("stop", "length", "max_tokens")),
    row("5 19-8 19-9", "usage is on every chunk, cumulative, or on one last chunk", "stream", usage_place),
    row("5 19-10", "include_usage brings the cost into a stream", "stream", counts_once("cost", int, float, str)),
    row("5", "a stream without include_usage is whole too", "stream_plain", all_of(each_is_json, ends_with_done)),
    row(
        "5", "a streamed tool call ends with tool_calls or stop", "stream_tool", finish_comes_last("tool_calls", "stop")
    ),
    row("5", "delta.tool_calls[].index is always there", "stream_tool", indexes),
    row("5", "id and name of a tool call are in its first piece only", "stream_tool", first_piece_names),
    row("5", "the pieces of the arguments join to JSON", "stream_tool", arguments_join),
    row(
        "5", "delta.reasoning_content has the reasoning", "stream_reasoning", piece("reasoning_content", optional=True)
    ),
    row(
        "5",
        "delta.reasoning_signature is text or null",
        "stream_reasoning",
        piece("reasoning_signature", optional=True),
    ),
]

ROWS = [*REQUEST, *ANSWER, *HEADERS, *STREAM]
