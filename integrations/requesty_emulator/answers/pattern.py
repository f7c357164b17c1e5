"""Strings that match a JSON-schema ``pattern``: one from the prompt if it has one, else a made one."""

from __future__ import annotations

import re

_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_SIMPLE = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def matching(pattern: str, text: str) -> str:
    """A string for ``pattern``: the first match inside ``text``, else the shortest one that can be built.

    Patterns beyond the common subset (look-around, back-references) may yield a string that does not
    match; an invalid pattern yields the text's first word.
    """
    try:
        compiled = re.compile(pattern)
    except re.error:
        return (text.split() or ["text"])[0]
    inner = pattern.removeprefix("^").removesuffix("$")
    try:
        found = re.search(rf"(?<!\w)(?:{inner})(?!\w)", text)
    except re.error:
        found = None
    if found and found.group() and compiled.search(found.group()):
        return found.group()
    return _Builder(pattern).build()


class _Builder:
    """Recursive descent over the common subset of regular expressions, taking the shortest way."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

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
            result += unit * self.repeats()
        return result

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
            inner = self.alternatives()
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
