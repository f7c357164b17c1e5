"""``requesty-adapters chat``: one question or a conversation, streamed."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from requesty_core import ChatReply, CostLedger, MissingKeyError, RequestyClient, RequestyError, TextDelta
from requesty_core.replies.reply import ReasoningDelta, RefusalDelta

from .conversation import Conversation, save
from .harmless import harmless, harmless_json
from .output import dim_console, note
from .problems import StepFailedError, UsageProblemError, tell

__all__ = ["ChatOptions", "run_chat"]

RETRY = "/retry"


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How a chat is shown and kept.

    Attributes:
        parameters: what is sent besides the messages, such as ``temperature``.
        attachments: content parts that go with the first question.
        show_cost: tell model, tokens and cost on standard error.
        show_reasoning: show the model's reasoning, dim, where standard error is a terminal.
        as_json: print an object for each turn in place of the text.
        save_to: the file that holds the conversation after each turn.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    show_cost: bool = True
    show_reasoning: bool = True
    as_json: bool = False
    save_to: Path | None = None


def run_chat(
    client: RequestyClient, ledger: CostLedger, prompt: str | None, conversation: Conversation, options: ChatOptions
) -> None:
    """Answer ``prompt``, standard input in a pipe, or a conversation in a terminal.

    ``ledger`` is the client's. For one question it raises ``RequestyError``, and an interrupt passes on; what had
    arrived of the answer is printed before. In a conversation both end the turn only.
    """
    chat = _Chat(client, ledger, conversation, options)
    if prompt is None and not sys.stdin.isatty():
        prompt = sys.stdin.read()
        if not prompt.strip():
            raise UsageProblemError("standard input: empty; give a question as argument or in a pipe")
    if prompt is not None:
        prompt = prompt.strip()
        if not prompt:
            raise UsageProblemError("the question is empty")
        chat.turn(chat.content(prompt))
        return
    if not client.settings.config.api_key.is_set:
        raise MissingKeyError("api_key: no Requesty API key; set REQUESTY_API_KEY")
    chat.converse()


class _Chat:
    """A chat under way. A question whose answer did not come whole is no part of it, and can be asked again."""

    def __init__(
        self, client: RequestyClient, ledger: CostLedger, conversation: Conversation, options: ChatOptions
    ) -> None:
        self._client, self._ledger, self._conversation, self._options = client, ledger, conversation, options
        self._attachments = options.attachments
        self._turns = 0
        self._aside = dim_console() if options.show_reasoning and sys.stderr.isatty() else None

    def content(self, question: str) -> str | list[dict[str, Any]]:
        """The question with the attachments that no answered question has taken yet."""
        return [{"type": "text", "text": question}, *self._attachments] if self._attachments else question

    def converse(self) -> None:
        """Ask for questions and answer them, until an empty line, the end of input or an interrupt at the prompt."""
        # Editing keys and history at the prompt, where Python has them (not on Windows).
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401
        note(f"{self._conversation.model}; an empty line ends the conversation")
        failed: str | list[dict[str, Any]] | None = None
        try:
            while line := _line():
                if line == RETRY and failed is None:
                    note("nothing to retry: the last question was answered")
                    continue
                asked = self.content(line) if line != RETRY or failed is None else failed
                failed = asked if not self._survived(asked) else None
        finally:
            total = self._ledger.total
            if self._options.show_cost and total.calls:
                note(f"{total.calls} call{'' if total.calls == 1 else 's'}, {self._total()} in all")

    def _survived(self, content: str | list[dict[str, Any]]) -> bool:
        """Whether the question was answered; what went wrong is told."""
        try:
            self.turn(content)
        except KeyboardInterrupt:
            note(f"stopped; the question is not part of the conversation, {RETRY} asks it again")
            return False
        except RequestyError as error:
            tell(error)
            note(f"the question is not part of the conversation, {RETRY} asks it again")
            return False
        except StepFailedError as error:
            # It was answered; only the file is missing a turn, which the next one writes.
            tell(error)
        return True

    def turn(self, content: str | list[dict[str, Any]]) -> None:
        """Ask, show the answer, keep both. Raises ``RequestyError``, and ``StepFailedError`` if saving fails."""
        reply = self._asked(content)
        self._turns += 1
        if self._options.as_json:
            print(harmless_json(json.dumps(_as_json(reply), ensure_ascii=False)), flush=True)
        if self._options.show_cost:
            note(self._told(reply))
        answer = reply.text or reply.refusal
        if not answer:
            note(f"no text in the answer (finish reason: {reply.finish_reason}); it is not part of the conversation")
            return
        self._conversation.answered(content, answer)
        self._attachments = []
        if self._options.save_to is not None:
            save(self._conversation, self._options.save_to, self._client.settings.config.api_key.redact)

    def _asked(self, content: str | list[dict[str, Any]]) -> ChatReply:
        shown = _Shown(self._aside, quiet=self._options.as_json)
        messages = self._conversation.asked(content)
        try:
            with self._client.stream(
                model=self._conversation.model, messages=messages, **self._options.parameters
            ) as stream:
                for event in stream:
                    shown.add(event)
                reply = stream.message
        except BrokenPipeError:
            raise
        except BaseException:
            # What follows, a message or the shell's prompt, begins on a line of its own.
            shown.end(only_if_begun=True)
            raise
        shown.end(only_if_begun=self._options.as_json)
        return reply

    def _told(self, reply: ChatReply) -> str:
        usage = reply.usage
        parts = [reply.served_model or reply.requested_model]
        parts += [] if usage is None else [f"{usage.input_tokens}+{usage.output_tokens} tokens"]
        parts += ["unknown cost" if usage is None or usage.cost is None else f"{usage.cost:f} USD"]
        parts += [f"{len(reply.attempts)} attempts"] if len(reply.attempts) > 1 else []
        parts += [f"{self._total()} so far"] if self._turns > 1 else []
        return f"[{', '.join(parts)}]"

    def _total(self) -> str:
        total = self._ledger.total
        unknown = f" and {total.unknown} of unknown cost" if total.unknown else ""
        return f"{total.cost:f} USD{unknown}"


class _Shown:
    """An answer on the screen: its text on standard output, its reasoning dim on standard error."""

    def __init__(self, aside: Any, *, quiet: bool) -> None:
        self._aside, self._quiet = aside, quiet
        self._open: str | None = None

    def add(self, event: object) -> None:
        """Show a piece of the first choice."""
        if getattr(event, "choice", 0) != 0:
            return
        if isinstance(event, (TextDelta, RefusalDelta)) and not self._quiet:
            if self._open == "reasoning":
                self._aside.print()
            self._open = "text"
            print(harmless(event.text), end="", flush=True)
        elif isinstance(event, ReasoningDelta) and self._aside is not None and event.text:
            if self._open == "text":
                print(flush=True)
            self._open = "reasoning"
            self._aside.print(harmless(event.text), end="")

    def end(self, *, only_if_begun: bool) -> None:
        """End the line."""
        if self._open == "reasoning":
            self._aside.print()
        if self._open == "text" or not only_if_begun:
            print(flush=True)


def _line() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        print()
        return ""
    except KeyboardInterrupt:
        print()
        raise


def _as_json(reply: ChatReply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "refusal": reply.refusal,
        "finish_reason": reply.finish_reason,
        "model": reply.served_model,
        "requested_model": reply.requested_model,
        "usage": None
        if usage is None
        else {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "cached_tokens": usage.cached_tokens,
        },
        "cost": None if usage is None or usage.cost is None else f"{usage.cost:f}",
        "request_id": reply.request_id,
        "attempts": len(reply.attempts),
    }
