"""JSON with comments and trailing commas: reading it with positions, and changing it in place.

VS Code and others keep such files, and a decoder that drops comments cannot write them back. The reader notes where
every value stands; the writer turns a wanted value into the fewest insertions and replacements of text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Edit", "JSONCError", "Node", "apply_edits", "edit", "load", "parse"]


class JSONCError(ValueError):
    """The text is not JSON, comments and trailing commas allowed."""


@dataclass(slots=True)
class Node:
    """A value and where its text stands. ``members`` of objects are (key, value) pairs in order."""

    start: int
    end: int
    value: Any
    members: list[tuple[str, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)


Edit = tuple[int, int, str]
"""Replace the text from the first to the second position."""

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")
_COMMA = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*,", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]+|//[^\n]*|/\*.*?\*/", re.DOTALL)
DEEPEST = 200


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        assert found is not None  # the pattern matches the empty text
        self.at = found.end()

    def fail(self, what: str) -> JSONCError:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - (self.text.rfind("\n", 0, self.at) + 1) + 1
        return JSONCError(f"line {line} column {column}: {what}")

    def value(self, depth: int = 0) -> Node:
        if depth > DEEPEST:
            raise self.fail("too deeply nested")
        self.blank()
        head = self.text[self.at : self.at + 1]
        if head == "{":
            return self._object(depth)
        if head == "[":
            return self._array(depth)
        pattern = _STRING if head == '"' else _WORD
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.fail("a value is expected here" if head else "the file ends too early")
        try:
            value = json.loads(found[0])
        except ValueError:
            raise self.fail(f"{found[0][:20]!r} is no value") from None
        node = Node(self.at, found.end(), value)
        self.at = found.end()
        return node

    def _object(self, depth: int) -> Node:
        node = Node(self.at, self.at, {})
        self.at += 1
        while not self._closes("}"):
            found = _STRING.match(self.text, self.at)
            if found is None:
                raise self.fail("a key in double quotes is expected here")
            key = json.loads(found[0])
            self.at = found.end()
            self.blank()
            if self.text[self.at : self.at + 1] != ":":
                raise self.fail("a colon is expected here")
            self.at += 1
            member = self.value(depth + 1)
            node.members.append((key, member))
            node.value[key] = member.value
            self._separator("}")
        node.end = self.at
        return node

    def _array(self, depth: int) -> Node:
        node = Node(self.at, self.at, [])
        self.at += 1
        while not self._closes("]"):
            item = self.value(depth + 1)
            node.items.append(item)
            node.value.append(item.value)
            self._separator("]")
        node.end = self.at
        return node

    def _closes(self, bracket: str) -> bool:
        self.blank()
        if self.text[self.at : self.at + 1] == bracket:
            self.at += 1
            return True
        return False

    def _separator(self, bracket: str) -> None:
        self.blank()
        mark = self.text[self.at : self.at + 1]
        if mark == ",":
            self.at += 1
        elif mark != bracket:
            raise self.fail(f"a comma or {bracket!r} is expected here")


def parse(text: str) -> Node | None:
    """The one value of a text, ``None`` if it holds nothing but comments. Raises :class:`JSONCError`."""
    reader = _Reader(text)
    reader.blank()
    if reader.at == len(text):
        return None
    node = reader.value()
    reader.blank()
    if reader.at != len(text):
        raise reader.fail("nothing more is expected here")
    return node


def load(text: str) -> Any:
    """The value a text holds, ``None`` for nothing. Raises :class:`JSONCError`."""
    node = parse(text)
    return None if node is None else node.value


def edit(text: str, wanted: Any) -> str:
    """The text, changed as little as possible, so that it holds ``wanted``. Nothing is ever removed."""
    node = parse(text)
    if node is None:
        return text + ("" if not text or text.endswith("\n") else "\n") + _render(wanted, "  ", "") + "\n"
    edits: list[Edit] = []
    _Writer(text, edits).change(node, wanted)
    return apply_edits(text, edits)


def apply_edits(text: str, edits: list[Edit]) -> str:
    """The text with every edit made; edits do not overlap, and those of one place stay in their order."""
    parts: list[str] = []
    done = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[0]):
        parts += [text[done:start], new]
        done = end
    return "".join([*parts, text[done:]])


def _render(value: Any, unit: str, indent: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", "\n" + indent)


class _Writer:
    def __init__(self, text: str, edits: list[Edit]) -> None:
        self._text = text
        self._edits = edits
        found = re.search(r"^([ \t]+)[\"{\[]", text, re.MULTILINE)
        self._unit = found[1] if found else "  "

    def change(self, node: Node, wanted: Any) -> None:
        if node.value == wanted and type(node.value) is type(wanted):
            return
        if isinstance(wanted, dict) and isinstance(node.value, dict):
            held = dict(node.members)
            for key, member in held.items():
                self.change(member, wanted[key])
            added = [(f"{json.dumps(k, ensure_ascii=False)}: ", v) for k, v in wanted.items() if k not in held]
            self._insert(node, [member for _, member in node.members], added)
        elif isinstance(wanted, list) and isinstance(node.value, list):
            for item, value in zip(node.items, wanted, strict=False):
                self.change(item, value)
            self._insert(node, node.items, [("", value) for value in wanted[len(node.items) :]])
        else:
            self._edits.append((node.start, node.end, _render(wanted, self._unit, self._indent(node.start))))

    def _indent(self, at: int) -> str:
        """White space at the beginning of the line of a position."""
        start = self._text.rfind("\n", 0, at) + 1
        found = re.match(r"[ \t]*", self._text[start:at])
        return found[0] if found else ""

    def _insert(self, node: Node, held: list[Node], added: list[tuple[str, Any]]) -> None:
        """Add members or items, each a prefix and a value, at the end of an object or a list."""
        if not added:
            return
        closing = node.end - 1
        outer = self._indent(node.start)
        last = held[-1] if held else None
        if last is not None and "\n" not in self._text[node.start : node.end]:
            texts = [prefix + json.dumps(value, ensure_ascii=False) for prefix, value in added]
            comma = _COMMA.match(self._text, last.end, closing)
            at = comma.end() if comma else last.end
            self._edits.append((at, at, ("" if comma else ",") + " " + ", ".join(texts)))
            return
        inner = self._indent(last.start) if last is not None else outer + self._unit
        lines = ",\n".join(inner + prefix + _render(value, self._unit, inner) for prefix, value in added)
        if last is None:
            body = self._text[node.start + 1 : closing]
            end = node.start + 1 + len(body.rstrip())
            self._edits.append((end, closing, f"\n{lines}\n{outer}"))
            return
        at, has_comma = self._after(last.end, closing)
        if not has_comma:
            self._edits.append((last.end, last.end, ","))
        rest = self._text[at:closing]
        self._edits.append((at, at, "\n" + lines + ("" if rest.lstrip(" \t").startswith("\n") else "\n" + outer)))

    def _after(self, at: int, closing: int) -> tuple[int, bool]:
        """Where new lines go after the last value: behind its comma, if it has one, and the comments of that line."""
        comma = _COMMA.match(self._text, at, closing)
        start = end = at if comma is None else comma.end()
        while found := _REST_OF_LINE.match(self._text, end, closing):
            end = found.end()
        return (end if self._text[start:end].strip() else start), comma is not None
