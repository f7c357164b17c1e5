"""Verdicts: one word of those that a prompt leaves to choose from, and what guard models say of a message."""

from __future__ import annotations

import re

from requesty_emulator.answers.words import sentences, terms

__all__ = ["verdict"]

_OPTION = r"[\"'`“‘]([\w -]{1,30})[\"'`”’]"
_CHOICE = re.compile(rf"{_OPTION}(?:,\s{{0,3}}{_OPTION}){{0,20}},?\s{{1,3}}or\s{{1,3}}{_OPTION}")
_ONE = re.compile(_OPTION)
_LOOK = 20_000
_GUARD = re.compile(r"guard\b|guard-|moderation", re.I)
_HARM_WORDS = (
    "rob kill bomb steal weapon hack attack murder poison explosive kidnap fraud forge burgle malware abuse drugs "
    "suicide stab shoot threaten"
)
_HARM = frozenset(terms(_HARM_WORDS))
_BAD = frozenset(("unsafe", "harmful", "toxic", "flagged", "block", "blocked", "reject", "unsuitable"))


def verdict(prompt: str, question: str, model: str) -> str | None:
    """The word for a message; ``None`` where nobody asks for one.

    Args:
        prompt: everything said so far.
        question: the last message.
        model: the model's id.
    """
    is_harmful = bool(_HARM & set(terms(question)))
    options = _options(prompt)
    if not options:
        if _GUARD.search(model):
            return "unsafe\nS2" if is_harmful else "safe"
        return None
    bad = [one for one in options if one.lower() in _BAD]
    if bad:
        good = [one for one in options if one not in bad]
        return bad[0] if is_harmful or not good else good[0]
    # What is said of an option beside its name counts for it.
    return max(options, key=lambda one: _meets(one, prompt, question))


def _options(prompt: str) -> list[str]:
    found = _CHOICE.search(prompt[:_LOOK])
    return list(dict.fromkeys(_ONE.findall(found.group(0)))) if found else []


def _meets(option: str, prompt: str, question: str) -> int:
    own = set(terms(question))
    about = [one for one in sentences(prompt) if option in one and question not in one]
    return 3 * len(own & set(terms(option))) + len(own & {word for one in about[:20] for word in terms(one)})
