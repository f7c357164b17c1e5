"""``requesty-adapters chat``: one question or a conversation, streamed."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

from requesty_core import ChatReply, CostLedger, RequestyClient, RequestyOptions, TextDelta

__all__ = ["run_chat"]


def run_chat(prompt: str | None, *, model: str, fallbacks: list[str], system: str | None, show_cost: bool) -> None:
    """Answer ``prompt``, standard input in a pipe, or a conversation in a terminal. Raises ``RequestyError``."""
    ledger = CostLedger()
    # One trace id for the conversation keeps load balancing on one model.
    client = RequestyClient(fallbacks=fallbacks, ledger=ledger, options=RequestyOptions.conversation())
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    notes = Console(stderr=True)
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read().strip()
    if prompt is not None:
        reply = _turn(client, model, messages, prompt)
        if show_cost:
            notes.print(_told(reply), style="dim", markup=False, highlight=False)
        return
    notes.print(f"{model}; an empty line ends the conversation", style="dim", markup=False)
    while line := _line():
        reply = _turn(client, model, messages, line)
        notes.print(_told(reply), style="dim", markup=False, highlight=False)
    total = ledger.total
    if total.calls:
        notes.print(f"{total.calls} calls, {total.cost:f} USD in all", style="dim", highlight=False)


def _line() -> str:
    try:
        return input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def _turn(client: RequestyClient, model: str, messages: list[dict[str, Any]], text: str) -> ChatReply:
    messages.append({"role": "user", "content": text})
    with client.stream(model=model, messages=messages) as stream:
        for event in stream:
            if isinstance(event, TextDelta):
                print(event.text, end="", flush=True)
        reply = stream.message
    print()
    messages.append({"role": "assistant", "content": reply.text})
    return reply


def _told(reply: ChatReply) -> str:
    usage = reply.usage
    cost = "unknown cost" if usage is None or usage.cost is None else f"{usage.cost:f} USD"
    tokens = "" if usage is None else f", {usage.input_tokens}+{usage.output_tokens} tokens"
    tried = "" if len(reply.attempts) < 2 else f", {len(reply.attempts)} attempts"
    return f"[{reply.served_model or reply.requested_model}{tokens}, {cost}{tried}]"
