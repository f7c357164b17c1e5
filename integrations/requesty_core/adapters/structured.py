"""Strict tools and structured answers: what is sent, and how arguments and answers come back to the user's schemas."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from requesty_core.errors import ConfigurationError
from requesty_core.replies.reply import (
    ChatReply,
    Message,
    MessageEnd,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from requesty_core.schemas import (
    AnswerFormatError,
    CompiledSchema,
    compile_schema,
    legal_name,
    read_answer,
)
from requesty_core.schemas.formats import json_schema_format
from requesty_core.wire.json import JSONDecodeError, decode_json, encode_json

__all__ = [
    "Restorer",
    "answer_text",
    "compile_parameters",
    "json_schema_format",
    "strict_format",
    "strict_function",
]

Schema = Mapping[str, Any]


def compile_parameters(parameters: Schema | None) -> CompiledSchema:
    """The compiled schema of a tool's parameters; parameters without properties are those of a tool that takes none."""
    given = parameters or {}
    if "properties" not in given and "$ref" not in given and set(given) <= {"type", "title", "description", "required"}:
        given = {**given, "type": "object", "properties": {}}
    return compile_schema(given)


def strict_function(function: Mapping[str, Any], *, where: str = "strict") -> dict[str, Any]:
    """A wire tool's ``function`` with its parameters in strict form and ``strict: true``.

    Raises:
        ConfigurationError: its parameters have no strict form; the line says where and why, under the name ``where``.
    """
    compiled = compile_parameters(function.get("parameters"))
    if (strict := compiled.strict) is None:
        raise ConfigurationError(
            f"{where}: the parameters of {function.get('name')!r} have no strict form: {compiled.reason}; "
            "leave strict out for this tool"
        )
    return {**function, "parameters": strict, "strict": True}


def strict_format(form: Any) -> tuple[Any, CompiledSchema | None]:
    """A wire ``response_format`` as it can be sent, and the schema by which its answer is restored, if it must be.

    A ``json_schema`` that says ``strict: true`` but is not in strict form is brought into it; one without a strict form
    and every other format are the caller's affair and stay as they are.
    """
    inner = form.get("json_schema") if isinstance(form, Mapping) else None
    if not isinstance(inner, Mapping) or inner.get("strict") is not True:
        return form, None
    if not isinstance(inner.get("schema"), Mapping):
        return form, None
    compiled = compile_schema(inner["schema"])
    strict = compiled.strict
    if strict is None or strict == inner["schema"]:
        return form, None
    name = legal_name(str(inner.get("name") or ""))
    return {**form, "json_schema": {**inner, "name": name, "schema": strict}}, compiled


class Restorer:
    """Brings the arguments of strict tools, and the text of a strict answer, back to what the user's schemas take.

    Args:
        tools: the user's own parameters of each tool that was sent in strict form.
        answer: the schema of the response format, if its text is to be restored too: it becomes the bare JSON document.
        hold_text: whether a stream gives that text in one piece at the end, as restored; otherwise its pieces come as
            they arrive and only the final reply has the restored text.
        names: tools' own names by the legal ones that were sent instead.
    """

    def __init__(
        self,
        tools: Mapping[str, Schema | None],
        answer: CompiledSchema | None = None,
        *,
        hold_text: bool = True,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._names = names or {}
        self._hold_text = hold_text
        self._tools = {name: compile_parameters(parameters) for name, parameters in tools.items()}
        self._answer = answer
        self._idle = not (self._tools or self._names or answer)
        # What a stream keeps back: of each call and choice the pieces so far.
        self._calls: dict[tuple[int, int], _Held] = {}
        self._texts: dict[int, list[str]] = {}

    def reply(self, reply: ChatReply) -> ChatReply:
        """The reply with every choice restored."""
        if self._idle:
            return reply
        choices = [self._message(choice) for choice in reply.choices]
        return replace(reply, message=choices[0] if choices else self._message(reply.message), choices=tuple(choices))

    def _message(self, message: Message) -> Message:
        calls = tuple(self._whole_call(call) for call in message.tool_calls)
        return replace(message, tool_calls=calls, text=answer_text(self._answer, message.text))

    def _whole_call(self, call: ToolCall) -> ToolCall:
        name = self._names.get(call.name, call.name)
        return replace(call, name=name, arguments=_restored(self._tools.get(name), call.arguments))

    def events(self, events: Iterator[StreamEvent]) -> Iterator[StreamEvent]:
        """The events of a stream, restored. What has to be read whole to be restored comes in one piece."""
        return events if self._idle else self._events(events)

    def _events(self, events: Iterator[StreamEvent]) -> Iterator[StreamEvent]:
        for event in events:
            yield from self._feed(event)

    def aevents(self, events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        """Async :meth:`events`."""
        return events if self._idle else self._aevents(events)

    async def _aevents(self, events: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        async for event in events:
            for made in self._feed(event):
                yield made

    def _feed(self, event: StreamEvent) -> Sequence[StreamEvent]:
        if isinstance(event, ToolCallDelta):
            return self._call(event)
        if isinstance(event, TextDelta) and self._answer is not None and self._hold_text:
            self._texts.setdefault(event.choice, []).append(event.text)
            return ()
        if isinstance(event, MessageEnd):
            calls = [held.whole() for held in self._calls.values()]
            texts = [
                TextDelta(answer_text(self._answer, "".join(pieces)), choice) for choice, pieces in self._texts.items()
            ]
            return [*texts, *calls, MessageEnd(self.reply(event.reply))]
        return (event,)

    def _call(self, event: ToolCallDelta) -> Sequence[StreamEvent]:
        key = (event.choice, event.index)
        if event.name is not None and event.name in self._names:
            event = ToolCallDelta(event.index, event.id, self._names[event.name], event.arguments, event.choice)
        if event.name is not None and event.name in self._tools:
            self._calls[key] = _Held(event, self._tools[event.name])
            # The call itself is announced at once.
            return (ToolCallDelta(event.index, event.id, event.name, "", event.choice),)
        if key not in self._calls:
            return (event,)
        self._calls[key].pieces.append(event.arguments)
        return ()


class _Held:
    """The arguments of one call of a stream, until they are whole."""

    def __init__(self, first: ToolCallDelta, compiled: CompiledSchema) -> None:
        self.pieces = [first.arguments]
        self._first = first
        self._compiled = compiled

    def whole(self) -> ToolCallDelta:
        text = _restored(self._compiled, "".join(self.pieces))
        return ToolCallDelta(self._first.index, None, None, text, self._first.choice)


def answer_text(compiled: CompiledSchema | None, text: str) -> str:
    """The text of a structured answer: the JSON document, restored and without a fence; any other text as it came."""
    if compiled is None or not text:
        return text
    try:
        value = read_answer(text)
    except AnswerFormatError:
        return text
    restored = compiled.restore(value)
    return text if restored is value and "```" not in text else encode_json(restored).decode()


def _restored(compiled: CompiledSchema | None, text: str) -> str:
    """The JSON text restored; as it came where nothing had to go, or where it is no JSON."""
    if compiled is None or not text:
        return text
    try:
        value = decode_json(text)
    except JSONDecodeError:
        return text
    restored = compiled.restore(value)
    return text if restored is value else encode_json(restored).decode()
