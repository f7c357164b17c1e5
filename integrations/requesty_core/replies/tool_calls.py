"""The tool calls of one choice while their parts arrive.

Theory of operation. A call may come whole or in parts, with an index, an id, both or neither, and providers repeat
ids (one id for all calls, the function's name as id) and names. What decides which call a part belongs to: in a whole
message, its place in the list; in a stream, its index, then its id, then its name. A call whose arguments are already
one whole JSON object is never appended to by a part that names a call: that part begins another.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from requesty_core.errors import MalformedResponseError
from requesty_core.wire.json import JSONDecodeError, decode_json, encode_json

from .reply import StreamEvent, ToolCall, ToolCallDelta
from .text import TextJoiner

__all__ = ["ToolCallState", "ToolCallStates"]

_KNOWN_FIELDS = frozenset(("index", "id", "type", "function", "custom"))
_NO_FIELDS: Mapping[str, Any] = {}


class ToolCallState:
    """One tool call while its parts arrive."""

    __slots__ = ("arguments", "extra", "halves", "id", "index", "is_placeholder", "name", "server", "type", "wire_id")

    def __init__(
        self, index: int, wire_id: str | None, name: str, *, server: bool, kind: str, is_taken: bool = False
    ) -> None:
        self.index = index
        self.wire_id = wire_id
        self.id = f"call_{uuid.uuid4().hex[:24]}" if is_taken or not wire_id else wire_id
        self.name = name
        self.arguments: list[str] = []
        self.halves = TextJoiner()
        self.is_placeholder = False
        """Whether the arguments so far are an empty object, with which some relays open a call before the real ones."""
        self.server = server
        self.type = kind
        self.extra: Mapping[str, Any] = _NO_FIELDS

    def is_complete(self) -> bool:
        """Whether the arguments so far are one whole JSON object; custom input has no end of its own."""
        # Nearly every part that is asked about ends elsewhere: a look at the last character saves joining them all.
        if self.is_placeholder:
            return True
        if not self.arguments or self.type == "custom" or not self.arguments[-1].rstrip().endswith("}"):
            return False
        try:
            decode_json("".join(self.arguments))
        except JSONDecodeError:
            return False
        return True

    def add(self, arguments: str) -> str:
        """Take a part of the arguments; return what of it can be handed on now."""
        if arguments == "{}" and not self.arguments:
            self.is_placeholder = True
            return ""
        if arguments := self.halves.take(arguments):
            self.arguments.append(arguments)
        self.is_placeholder = False
        return arguments

    def rest(self) -> str:
        """What of the arguments was held back until now."""
        return "{}" if self.is_placeholder else self.halves.rest()

    def result(self, *, ended_early: bool = False) -> ToolCall:
        """The call as it stands; if its answer ended early, one without arguments was cut before them.

        So may a custom tool's plain text have been: nothing shows where it ends.
        """
        arguments = "".join(self.arguments) + self.rest()
        is_cut = ended_early and (self.type == "custom" or arguments.strip() in ("", "{}"))
        return ToolCall(self.name, arguments, self.id, self.type, self.extra, is_cut)


class ToolCallStates:
    """All calls of one choice.

    Args:
        choice: index of the choice, for the events.
        declared: names of the tools that the caller declared; ``None`` keeps every call.
    """

    __slots__ = ("_by_index", "_choice", "_declared", "_last", "_visible", "calls")

    def __init__(self, choice: int, declared: frozenset[str] | None) -> None:
        self.calls: list[ToolCallState] = []
        self._choice = choice
        self._declared = declared
        self._visible = 0
        self._by_index: dict[int, ToolCallState] = {}
        self._last: ToolCallState | None = None

    def take(self, part: object, events: list[StreamEvent], *, whole: bool = False) -> ToolCallState | None:
        """Read one part of a call, or one complete call of a message (``whole``); return the call it belongs to.

        A part with nothing in it, as servers write a field that they have no value for, belongs to none.

        Raises :class:`MalformedResponseError` if it is not an object.
        """
        if type(part) is not dict:
            raise MalformedResponseError(f"a tool call is not an object but {type(part).__name__}")
        kind, name, arguments = _read(part)
        wire_id = part.get("id")
        if type(wire_id) is not str or not wire_id:
            wire_id = None
        index = part.get("index")
        if type(index) is not int:
            index = _index(index)
        extra = None if _KNOWN_FIELDS.issuperset(part) else {k: v for k, v in part.items() if k not in _KNOWN_FIELDS}
        if not (name or arguments or extra or wire_id):
            return None
        if whole:
            call = None
        elif wire_id is None and not name:
            call = self._last if index is None else self._by_index.get(index)
        else:
            call = self._find(index, wire_id, name, arguments)
        fresh = call is None
        if call is None:
            call = self._open(wire_id, name, kind)
        elif name and not call.name:
            call.name = name
            fresh = True
        self._last = call
        if index is not None:
            self._by_index[index] = call
        if extra:
            call.extra = {**call.extra, **extra}
        if arguments:
            arguments = call.add(arguments)
        if call.server:
            return call
        if fresh and call.name:
            # A call is announced with its name; arguments that came before the name go out with it.
            events.append(ToolCallDelta(call.index, call.id, call.name, "".join(call.arguments), self._choice))
        elif arguments and call.name:
            events.append(ToolCallDelta(call.index, None, None, arguments, self._choice))
        return call

    def results(self, *, ended_early: bool = False) -> tuple[ToolCall, ...]:
        """The caller's calls as they stand. Only the last one is open where the answer ended early."""
        if not self.calls:
            return ()
        mine = [call for call in self.calls if not call.server]
        return tuple(call.result(ended_early=ended_early and call is self._last) for call in mine)

    def rest(self) -> list[StreamEvent]:
        """Events for what was held back until the end."""
        return [
            ToolCallDelta(call.index, None, None, rest, self._choice)
            for call in self.calls
            if (rest := call.rest()) and call.name and not call.server
        ]

    def _find(self, index: int | None, wire_id: str | None, name: str, arguments: str) -> ToolCallState | None:
        """The call that a part with an id or a name belongs to, or ``None`` if it begins a new one."""
        call = self._last if index is None else self._by_index.get(index)
        if wire_id is not None:
            if call is None or call.wire_id != wire_id:
                call = self._with_id(call, index, wire_id, name)
        elif call is None or not call.name:
            return call
        elif call.name != name:
            return None
        # The id or the name again: a repetition while the arguments are open, another call once they are whole.
        if call is None or not arguments or (wire_id is not None and call.is_placeholder):
            return call
        return None if call.is_complete() else call

    def _with_id(self, call: ToolCallState | None, index: int | None, wire_id: str, name: str) -> ToolCallState | None:
        """The call that a part with an id means, if ``call`` (found by its index) has another id or none."""
        known = next((c for c in self.calls if c.wire_id == wire_id), None)
        if known is not None and (index is None or call is not None or not known.is_complete()):
            return known
        if call is None or call.wire_id is not None:
            # A new id opens a call, also under an index that is taken.
            return None
        # An id that comes late, for a call that has none yet.
        return call if not name or (call.name == name and not call.is_complete()) else None

    def _open(self, wire_id: str | None, name: str, kind: str) -> ToolCallState:
        server = self._is_server_call(wire_id, name)
        # Results are matched by id: of calls that share one, every further one gets an id of its own.
        is_taken = wire_id is not None and any(call.id == wire_id for call in self.calls)
        index = -1 if server else self._visible
        call = ToolCallState(index, wire_id, name, server=server, kind=kind, is_taken=is_taken)
        self._visible += not server
        self.calls.append(call)
        return call

    def _is_server_call(self, wire_id: str | None, name: str) -> bool:
        """Calls the provider ran itself: never declared by the caller (seen with Claude's web search)."""
        if self._declared is None or name in self._declared:
            return False
        return not self._declared or name.startswith("web_search") or (wire_id or "").startswith("srvtoolu_")


def _read(part: Mapping[str, Any]) -> tuple[str, str, str]:
    """(kind, name, arguments) of a part; what is missing is empty. ``input`` of custom tools is plain text."""
    kind, argument, given = "function", "arguments", part.get("function")
    if not given and isinstance(part.get("custom"), dict):
        kind, argument, given = "custom", "input", part["custom"]
    body: Mapping[str, Any] = given if type(given) is dict else _NO_FIELDS
    name, arguments = body.get("name"), body.get(argument)
    if arguments is None:
        arguments = ""
    elif type(arguments) is not str:
        arguments = encode_json(arguments).decode()
    return kind, name if type(name) is str else "", arguments


def _index(value: object) -> int | None:
    """A number that came as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else None
