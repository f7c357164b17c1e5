"""What a row can demand of an answer. Each returns what it saw in a few words, or raises that it is otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .wire import MISSING, Seen, UntoldError, value_at

__all__ = [
    "ContradictionError",
    "Look",
    "absent",
    "all_of",
    "among",
    "answered",
    "entries",
    "error",
    "first_of",
    "header",
    "is_json_text",
    "quiet",
    "status",
    "the",
    "typed",
]

Look = Callable[[Seen], str]
TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "count": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "amount": lambda value: _is_amount(value),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


class ContradictionError(Exception):
    """An answer is not what the contract says; the text says how."""


def _is_amount(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) >= 0
    except (TypeError, ValueError):
        return False


def short(value: Any) -> str:
    """A value in at most 60 characters."""
    text = repr(value) if value is MISSING else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def otherwise(where: str, wanted: str, found: Any) -> ContradictionError:
    """That something else stands there."""
    return ContradictionError(f"{where} should be {wanted}, and is {short(found)}")


def answered(seen: Seen) -> None:
    """For rows about an answer: raise what a refusal means for them."""
    if 200 <= seen.status < 300:
        return
    message = seen.at("error.message")
    shown = seen.body[:80].decode("utf-8", "replace") if message is MISSING else message
    told = f"the gateway answered {seen.status}: {short(shown)}"
    unserved = seen.status == 404 and re.search(r"(?i)model|policy|provider", str(message))
    if unserved or seen.status in (401, 402, 403, 408, 410, 412, 424, 429) or seen.status >= 500:
        raise UntoldError(told)
    raise ContradictionError(told)


def status(*codes: int) -> Look:
    """One of these statuses."""

    def look(seen: Seen) -> str:
        if seen.status not in codes:
            raise otherwise("status", " or ".join(map(str, codes)), seen.status)
        return str(seen.status)

    return look


def typed(place: str, *kinds: str, optional: bool = False) -> Look:
    """A value of one of these kinds (``text``, ``count``, …); a missing one is fine if ``optional``."""

    def look(seen: Seen) -> str:
        value = seen.at(place)
        if value is MISSING and optional:
            return f"no {place}"
        if not any(TYPES[kind](value) for kind in kinds):
            raise otherwise(place, " or ".join(kinds), value)
        return short(value)

    return look


def the(place: str, pattern: str, *, optional: bool = False) -> Look:
    """Text that a pattern fits whole."""

    def look(seen: Seen) -> str:
        value = seen.at(place)
        if value is MISSING and optional:
            return f"no {place}"
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.DOTALL):
            raise otherwise(place, f"like {pattern}", value)
        return short(value)

    return look


def among(place: str, *values: Any) -> Look:
    """One of these values."""

    def look(seen: Seen) -> str:
        value = seen.at(place)
        if value is MISSING or value not in values:
            raise otherwise(place, " or ".join(map(short, values)), value)
        return short(value)

    return look


def absent(place: str) -> Look:
    """Nothing there."""

    def look(seen: Seen) -> str:
        if seen.at(place) is not MISSING:
            raise otherwise(place, "missing", seen.at(place))
        return f"no {place}"

    return look


def quiet(look: Look) -> Look:
    """The same demand, without telling what it saw, which is the account's own business."""

    def silent(seen: Seen) -> str:
        look(seen)
        return "so it is"

    return silent


def first_of(*places: str, kind: str) -> Look:
    """The first of several places that has something, for facts on which sources disagree; it says which."""

    def look(seen: Seen) -> str:
        found = next((place for place in places if seen.at(place) is not MISSING), None)
        if found is None:
            raise ContradictionError(f"none of {', '.join(places)} is there")
        if not TYPES[kind](seen.at(found)):
            raise otherwise(found, kind, seen.at(found))
        return f"{found}: {short(seen.at(found))}"

    return look


def all_of(*looks: Look) -> Look:
    """Each of several; what they saw, joined."""

    def look(seen: Seen) -> str:
        return ", ".join(one(seen) for one in looks)

    return look


def header(name: str, pattern: str = r".+") -> Look:
    """A header like that; one that does not come leaves the fact open."""

    def look(seen: Seen) -> str:
        value = seen.headers.get(name)
        if value is None:
            raise UntoldError(f"{name} did not come with this answer, and need not")
        if not re.fullmatch(pattern, value):
            raise otherwise(name, f"like {pattern}", value)
        return short(value)

    return look


def error(codes: tuple[int, ...], words: str = r".+", *, origin: str | None = None) -> Look:
    """A refusal with one of these statuses whose message contains such words."""

    def look(seen: Seen) -> str:
        if seen.status not in codes:
            raise otherwise("status", " or ".join(map(str, codes)), seen.status)
        message = seen.at("error.message")
        if not isinstance(message, str) or not re.search(words, message, re.IGNORECASE):
            raise otherwise("error.message", f"text with {words}", message)
        if origin is not None and seen.at("error.origin") not in origin.split("|"):
            raise otherwise("error.origin", origin.replace("|", " or "), seen.at("error.origin"))
        return f"{seen.status} {short(message)}"

    return look


def is_json_text(place: str, *names: str) -> Look:
    """Text that is a JSON object with these keys."""

    def look(seen: Seen) -> str:
        value = seen.at(place)
        try:
            found = json.loads(value) if isinstance(value, str) else MISSING
        except ValueError:
            found = MISSING
        if not isinstance(found, dict) or any(name not in found for name in names):
            raise otherwise(place, f"JSON with {', '.join(names) or 'an object'}", value)
        return short(found)

    return look


def entries(
    place: str, name: str, *kinds: str, values: tuple[Any, ...] = (), optional: bool = False, pattern: str = ""
) -> Look:
    """A field of every entry of a list; how many have it is said. Without entries the fact stays open."""

    def look(seen: Seen) -> str:
        found = seen.at(place)
        if not isinstance(found, list):
            raise otherwise(place, "a list", found)
        if not found:
            raise UntoldError(f"{place} is empty")
        having = 0
        for number, entry in enumerate(found):
            value = value_at(entry, name)
            if value is MISSING and optional:
                continue
            having += 1
            fits = not kinds or any(TYPES[kind](value) for kind in kinds)
            fits = fits and (not values or value in values)
            if not fits or value is MISSING or (pattern and not re.fullmatch(pattern, str(value))):
                wanted = pattern or " or ".join([*kinds, *map(short, values)])
                raise otherwise(f"{place}.{number}.{name}", wanted, value)
        return f"in {having} of {len(found)}"

    return look
