"""Whole turns: what a user wrote, strictly, and what a model said, as far as it goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from requesty_core.errors import ConfigurationError
from requesty_core.replies.reply import ToolCall
from requesty_core.values import Value

from .blocks import read_block
from .calls import CallIds
from .items import CacheMark, Item, LeftOut, Part, Refusal, Result, Thought
from .sources import text_part

__all__ = ["AssistantTurn", "UserContent", "assistant_turn", "content_parts", "user_content"]

_OF_A_MODEL = "belongs in an assistant message"


class UserContent(NamedTuple):
    """What a turn of the user's side holds.

    Attributes:
        results: tools' results that stood among its blocks (Anthropic's and Gemini's form); they go out before it as
            tool messages.
        parts: its content parts.
    """

    results: list[Result]
    parts: list[dict[str, Any]]


def user_content(blocks: Iterable[object], where: str) -> UserContent:
    """What a user, a system or a tool message says, in content parts.

    Args:
        blocks: strings and mappings, in the form of any provider.
        where: the content's place, such as ``messages[0].content``.

    Raises:
        ConfigurationError: a block cannot be sent; the line names it. Nothing of what a user wrote is left out.
    """
    results: list[Result] = []
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        spot = f"{where}[{index}]"
        if block == "":
            continue
        for item in read_block(block, spot):
            if isinstance(item, Part):
                parts.append(_without_transcript(item.part))
            elif isinstance(item, Result):
                results.append(_marked(item, block))
            elif isinstance(item, CacheMark):
                if not parts:
                    raise ConfigurationError(f"{spot}: a cache point marks the block before it, and there is none")
                parts[-1]["cache_control"] = item.control
            else:
                raise ConfigurationError(f"{spot}: a {_name(item, block)} block {_OF_A_MODEL}")
    return UserContent(results, parts)


def content_parts(blocks: Iterable[object], where: str) -> list[dict[str, Any]]:
    """The parts of a content that holds no results of tools. Raises as :func:`user_content`."""
    results, parts = user_content(blocks, where)
    if results:
        raise ConfigurationError(f"{where}: a tool_result block belongs in a user message")
    return parts


def _name(item: Item, block: object) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else type(item).__name__


def _marked(result: Result, block: object) -> Result:
    """The result with its block's cache mark on its last part."""
    mark = block.get("cache_control") if isinstance(block, Mapping) else None
    if mark is None:
        return result
    content = result.content
    parts = [text_part(content)] if isinstance(content, str) else list(content)
    return Result(result.call_id, result.name, [*parts[:-1], {**parts[-1], "cache_control": mark}] if parts else "")


def _without_transcript(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "transcript"} if "transcript" in part else part


class AssistantTurn(Value, frozen=True):
    """What a model once said, as it can be sent to any other.

    Attributes:
        parts: text, refusals and images, as content parts.
        calls: its tool calls, each once.
        reasoning, signature: what it thought.
        left_out: what stays behind, with the reason.
    """

    parts: list[dict[str, Any]]
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    signature: str | None = None
    left_out: tuple[LeftOut, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """The assistant message.

        Content that is one bare text is a string, and ``None`` beside calls without any text. A turn of which nothing
        is left says what stayed behind, because providers refuse an empty turn.
        """
        wire: dict[str, Any] = {"role": "assistant", "content": self._content()}
        if self.calls:
            wire["tool_calls"] = [call.to_wire() for call in self.calls]
        if self.reasoning:
            wire["reasoning_content"] = self.reasoning
        if self.signature:
            wire["reasoning_signature"] = self.signature
        return wire

    def _content(self) -> Any:
        if len(self.parts) == 1 and self.parts[0].keys() == {"type", "text"}:
            return self.parts[0]["text"]
        if self.parts:
            return self.parts
        if self.calls:
            return None
        if not self.reasoning and self.left_out:
            return f"[{', '.join(dict.fromkeys(one.kind for one in self.left_out))}]"
        return ""


def assistant_turn(
    content: str | Sequence[object] | None,
    where: str,
    *,
    calls: Sequence[ToolCall] = (),
    ids: CallIds | None = None,
) -> AssistantTurn:
    """The turn of a model, from content in the form of any provider.

    Args:
        content: a text, or strings and mappings.
        where: the content's place, for the reasons.
        calls: tool calls that the framework has read already; blocks that repeat one of them add nothing.
        ids: gives ids to calls without one; one object for a whole conversation.

    Blocks that mean nothing to another provider, are broken, or are of an unknown kind stay behind and are told in
    ``left_out``; nothing is raised.
    """
    found = _Found([*calls])
    for index, block in enumerate([content] if isinstance(content, str) else content or ()):
        spot = f"{where}[{index}]"
        try:
            items = read_block(block, spot)
        except ConfigurationError as error:
            found.left_out.append(LeftOut(_kind(block), str(error)))
            continue
        for item in items:
            found.take(item, spot)
    ids = ids or CallIds()
    named = tuple(call if call.id else _with_id(call, ids) for call in found.calls)
    return AssistantTurn(found.parts, named, "".join(found.thoughts), found.signature, tuple(found.left_out))


def _with_id(call: ToolCall, ids: CallIds) -> ToolCall:
    return ToolCall(call.name, call.arguments, ids.called(call.name), call.type, call.extra)


def _kind(block: object) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else type(block).__name__


class _Found:
    """What the blocks of a turn have given so far."""

    def __init__(self, calls: list[ToolCall]) -> None:
        self.calls = calls
        self._known = {call.id for call in calls if call.id}
        self._named = {call.name for call in calls}
        self.parts: list[dict[str, Any]] = []
        self.thoughts: list[str] = []
        self.signature: str | None = None
        self.left_out: list[LeftOut] = []

    def take(self, item: Item, where: str) -> None:
        if isinstance(item, Part):
            self._take_part(item.part, where)
        elif isinstance(item, Thought):
            self.thoughts.append(item.text)
            self.signature = item.signature or self.signature
        elif isinstance(item, Refusal):
            self.parts.append({"type": "refusal", "refusal": item.text})
        elif isinstance(item, ToolCall):
            self._take_call(item)
        elif isinstance(item, CacheMark):
            if self.parts:
                self.parts[-1]["cache_control"] = item.control
        elif isinstance(item, LeftOut):
            self.left_out.append(item)
        else:
            self.left_out.append(LeftOut("tool_result", f"{where}: a result does not belong in an assistant's turn"))

    def _take_call(self, call: ToolCall) -> None:
        """A call that the framework has not told of. Without an id, the name decides."""
        if call.id in self._known or (not call.id and call.name in self._named):
            return
        if call.id:
            self._known.add(call.id)
        self.calls.append(call)

    def _take_part(self, part: dict[str, Any], where: str) -> None:
        kind = part["type"]
        if kind == "text" and not part["text"]:
            return
        if kind in ("text", "image_url"):
            self.parts.append(part)
        elif part.get("transcript"):
            self.parts.append(text_part(part["transcript"]))
        else:
            self.left_out.append(LeftOut(kind, f"{where}: a {kind} part cannot stand in an assistant's turn"))
