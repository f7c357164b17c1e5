"""Strings that match a JSON-schema ``pattern``: one from the prompt if it has one, else a made one."""

from __future__ import annotations

import re

from requesty_emulator.answers.words import quoted

#: Steps that looking for a pattern may take, longest pattern that is looked for, longest string that is built.
_STEPS = 1e6
_MAX_PATTERN = 500
_LONGEST_PATTERN = 20_000
_MAX_LENGTH = 10_000
_MAX_NESTING = 50
_REPEAT = re.compile(r"(?<!\\)[*+]|\{\d*,\d*\}")
_GROUP_REPEAT = re.compile(r"\)(?:[*+]|\{)")
_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_SIMPLE = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def matching(pattern: str, text: str) -> str:
    """A string for ``pattern``: the first match inside ``text``, else the shortest one that can be built.

    Patterns beyond the common subset (look-around, back-references) may yield a string that does not
    match; an invalid pattern yields the text's first word.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return (text.split() or ["text"])[0]
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return (text.split() or ["text"])[0]
    inner = pattern.removeprefix("^").removesuffix("$")
    try:
        search = re.compile(rf"(?<!\w)(?:{inner})(?!\w)").search
    except (re.error, RecursionError, OverflowError):
        search = None
    for piece in _pieces(pattern, text) if search else ():
        found = search(piece) if search else None
        if found and found.group() and compiled.search(found.group()):
            return found.group()
    return _Builder(pattern).build()[:_MAX_LENGTH]


def _pieces(pattern: str, text: str) -> list[str]:
    """Parts of the text to look for the pattern in, so short that backtracking cannot stall the server.

    A pattern with ``k`` open-ended repeats takes up to ``n ** (k + 1)`` steps on ``n`` characters, one
    with a repeated group up to ``2 ** n``.
    """
    if len(pattern) > _MAX_PATTERN:
        return []
    repeats = len(_REPEAT.findall(pattern))
    length = 12 if _GROUP_REPEAT.search(pattern) else int(_STEPS ** (1 / (repeats + 1)))
    if length >= 1_000:
        return [text[:2_000]]
    return [word for word in [*quoted(text[:2_000]), *text[:2_000].split()] if len(word) <= length][:100]


class _Builder:
    """Recursive descent over the common subset of regular expressions, taking the shortest way."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.nesting = 0

    def build(self) -> str:
        return self.alternatives()

    def peek(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def take(self) -> str:
        char = self.peek()
        self.at += 1
        return char

    def alternatives(self) -> str:
        first = self.sequence()
        while self.peek() == "|":
            self.take()
            self.sequence()
        return first

    def sequence(self) -> str:
        result = ""
        while self.peek() and self.peek() not in "|)":
            unit = self.atom()
            result += unit[:_MAX_LENGTH] * min(self.repeats(), _MAX_LENGTH // max(len(unit), 1) + 1)
        return result[:_MAX_LENGTH]

    def repeats(self) -> int:
        char, count = self.peek(), 1
        if char and char in "*?":
            self.take()
            count = 0
        elif char == "+":
            self.take()
        elif char == "{" and (match := _SIMPLE.match(self.pattern, self.at)):
            self.at = match.end()
            count = int(match.group(1))
        else:
            return 1
        if self.peek() in ("?", "+"):
            self.take()
        return count

    def atom(self) -> str:
        char = self.take()
        if char in "^$":
            return ""
        if char == "(":
            if self.pattern.startswith(("?:", "?="), self.at):
                self.at += 2
            elif match := re.compile(r"\?P?<\w+>").match(self.pattern, self.at):
                self.at = match.end()
            if self.nesting >= _MAX_NESTING:
                self.at = len(self.pattern)
                return ""
            self.nesting += 1
            inner = self.alternatives()
            self.nesting -= 1
            self.take()
            return inner
        if char == "[":
            return self.choice()
        if char == "\\":
            return self.escape()
        return "a" if char == "." else char

    def escape(self) -> str:
        char = self.take()
        if char in "bBAZ":
            return ""
        return _CLASSES.get(char, _ESCAPES.get(char, char))

    def choice(self) -> str:
        negated = self.peek() == "^"
        if negated:
            self.take()
        members: list[str] = []
        while self.peek() and (self.peek() != "]" or not members):
            char = self.take()
            members.append(self.escape() if char == "\\" else char)
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.take()
                top = self.take()
                if negated:
                    members += [chr(code) for code in range(ord(members[-1]), ord(top) + 1)]
        self.take()
        if not negated:
            return members[0] if members else ""
        return next(char for char in "a0-_ bcdxyzABC.,~" if char not in members)
