"""``requesty-adapters chat``: one question or a conversation, streamed."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from requesty_core import ChatReply, CostLedger, RequestyClient, TextDelta

from .output import note
from .problems import UsageProblemError

__all__ = ["run_chat"]


def run_chat(
    client: RequestyClient,
    ledger: CostLedger,
    prompt: str | None,
    *,
    model: str,
    system: str | None,
    show_cost: bool,
) -> None:
    """Answer ``prompt``, standard input in a pipe, or a conversation in a terminal.

    ``ledger`` is the client's. Raises ``RequestyError``; what had arrived of an answer is printed before. An interrupt
    closes the connection and passes on.
    """
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read()
        if not prompt.strip():
            raise UsageProblemError("standard input: empty; give a question as argument or in a pipe")
    if prompt is not None:
        prompt = prompt.strip()
        if not prompt:
            raise UsageProblemError("the question is empty")
        reply = _turn(client, model, messages, prompt)
        if show_cost:
            note(_told(reply))
        return
    _converse(client, ledger, model, messages, show_cost)


def _converse(
    client: RequestyClient, ledger: CostLedger, model: str, messages: list[dict[str, Any]], show_cost: bool
) -> None:
    # Editing keys and history at the prompt, where Python has them (not on Windows).
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    note(f"{model}; an empty line ends the conversation")
    try:
        while line := _line():
            reply = _turn(client, model, messages, line)
            if show_cost:
                note(_told(reply))
    finally:
        total = ledger.total
        if show_cost and total.calls:
            unknown = f", {total.unknown} of them of unknown cost" if total.unknown else ""
            note(f"{total.calls} call{'' if total.calls == 1 else 's'}{unknown}, {total.cost:f} USD in all")


def _line() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        print()
        return ""
    except KeyboardInterrupt:
        print()
        raise


def _turn(client: RequestyClient, model: str, messages: list[dict[str, Any]], text: str) -> ChatReply:
    messages.append({"role": "user", "content": text})
    started = False
    try:
        with client.stream(model=model, messages=messages) as stream:
            for event in stream:
                if isinstance(event, TextDelta) and event.choice == 0:
                    started = True
                    print(event.text, end="", flush=True)
            reply = stream.message
    except BrokenPipeError:
        raise
    except BaseException:
        # What follows, a message or the shell's prompt, begins on a line of its own.
        if started:
            print(flush=True)
        raise
    print(flush=True)
    messages.append({"role": "assistant", "content": reply.text})
    return reply


def _told(reply: ChatReply) -> str:
    usage = reply.usage
    cost = "unknown cost" if usage is None or usage.cost is None else f"{usage.cost:f} USD"
    tokens = "" if usage is None else f", {usage.input_tokens}+{usage.output_tokens} tokens"
    tried = "" if len(reply.attempts) < 2 else f", {len(reply.attempts)} attempts"
    return f"[{reply.served_model or reply.requested_model}{tokens}, {cost}{tried}]"
