"""Single values for JSON schemas: numbers, booleans, choices and strings, taken from a prompt where it has some."""

from __future__ import annotations

import math
import re
from typing import Any

from requesty_emulator.answers.pattern import matching
from requesty_emulator.answers.words import Hints, name_terms

#: Longest string that a schema can ask for by ``minLength``.
_MAX_LENGTH = 10_000
#: Choices of an ``enum`` that are looked for in the prompt.
_MAX_CHOICES = 200
_PLACE_WORDS = (
    *(
        "city",
        "location",
        "place",
        "country",
        "town",
        "destination",
        "origin",
        "region",
        "capital",
        "harbour",
        "harbor",
    ),
    *("port", "station", "address", "island", "street"),
)
#: Fields that want a whole sentence; any other text field is taken for a short value.
_LONG = re.compile(
    r"query|question|text|content|prompt|message|summary|descr|input|search|request|answer|reason|note|body", re.I
)
_JOKE = {
    "setup": "Why did the cat sit on the gateway?",
    "punchline": "It wanted to keep an eye on the mouse traffic.",
}
_FORMATS = {
    "date": (r"\d{4}-\d\d-\d\d", "2025-01-15"),
    "date-time": (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*", "2025-01-15T12:00:00Z"),
    "time": (r"\b\d\d:\d\d:\d\dZ?\b", "12:00:00Z"),
    "email": (r"[\w.+-]+@[\w-]+\.[\w.]*\w", "user@example.com"),
    "uri": (r"https?://[^\s\"'<>)]+", "https://example.com/"),
    "url": (r"https?://[^\s\"'<>)]+", "https://example.com/"),
    "uuid": (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-4000-8000-000000000000"),
    "ipv4": (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "127.0.0.1"),
    "ipv6": (r"\b[0-9a-f:]*::[0-9a-f:]*\b", "::1"),
    "hostname": (r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", "example.com"),
    "duration": (r"\bP(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?\b", "PT1H"),
}


class ValueFiller:
    """Fills what has no parts; ``hints`` are used up in order."""

    def __init__(self, hints: Hints) -> None:
        self.hints = hints

    def number(self, schema: dict[str, Any], name: str, *, whole: bool = True) -> float | int:
        """A number that the prompt gives, inside the bounds of the schema."""
        label = self.hints.labelled(name)
        match = re.search(r"-?\d+(?:\.\d+)?", label) if label else None
        value = float(match.group()) if match else self.hints.next_number(whole=whole)
        return self.clamp(schema, 1.0 if value is None else value, whole=whole)

    def clamp(self, schema: dict[str, Any], value: float, *, whole: bool) -> float | int:
        """``value`` inside the bounds of the schema and on its step."""
        low, high = _limits(schema, whole)
        step = _finite(schema.get("multipleOf"))
        value = min(max(value, low), high)
        if step is not None and step > 0 and math.isfinite(value / step):
            value = math.floor(value / step + 1e-9) * step
            if value < low:
                value += step
        if whole:
            return math.ceil(value) if value < low + 1 else int(value)
        return int(value) if value == int(value) and abs(value) < 1e15 else value

    def boolean(self, name: str) -> bool:
        """True unless the prompt says otherwise."""
        label = (self.hints.labelled(name) or "").lower()
        if label:
            return not label.startswith(("false", "no", "off", "0"))
        plain = " ".join(name_terms(name))
        return not (
            plain and re.search(rf"\b(?:not|no|without|never)\s+(?:\w+\s+)?{re.escape(plain)}", self.hints.text, re.I)
        )

    def pick(self, choices: list[Any]) -> Any:
        """The first choice that the prompt names, else the first of all."""
        text = self.hints.text.lower()
        for choice in choices[:_MAX_CHOICES]:
            if isinstance(choice, str) and choice and re.search(rf"(?<!\w){re.escape(choice.lower())}(?!\w)", text):
                return choice
        found = set(self.hints.numbers)
        for choice in choices[:_MAX_CHOICES]:
            if isinstance(choice, (int, float)) and not isinstance(choice, bool) and choice in found:
                return choice
        return choices[0]

    def string(self, schema: dict[str, Any], name: str) -> str:
        """A string that fits the pattern, format or name."""
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and pattern:
            return matching(pattern, self.hints.text)
        known = _FORMATS.get(str(schema.get("format") or ""))
        if known:
            match = re.search(known[0], self.hints.text)
            return match.group() if match else known[1]
        return self.fit(schema, self.words(schema, name))

    def words(self, schema: dict[str, Any], name: str) -> str:
        """Words of the prompt for a field of this name."""
        lower = name.lower()
        parts = name_terms(name) or [lower]
        if "email" in lower or "url" in lower or lower == "link":
            expression, fallback = _FORMATS["email" if "email" in lower else "url"]
            match = re.search(expression, self.hints.text)
            return match.group() if match else fallback
        if "date" in parts or lower in ("day", "dat"):
            match = re.search(_FORMATS["date"][0], self.hints.text)
            if match:
                return match.group()
        if (label := self.hints.labelled(name)) is not None and len(label) < 80:
            return label
        if any(word in lower for word in _PLACE_WORDS):
            place = (self.hints.places or self.hints.names or [""])[0]
            if place:
                if len(self.hints.places) > 1:
                    self.hints.places.pop(0)
                return place
        if lower.endswith("name") or lower in ("title", "who", "person"):
            found = self.hints.next_quoted() or self.hints.next_name()
            if found:
                return found
        if lower in ("job", "role", "profession", "occupation") and (
            match := re.search(r"\bas an? (\w[\w -]*?)(?: (?:in|at|for)\b|[.,;]|$)", self.hints.text)
        ):
            return match.group(1)
        if lower in ("expression", "equation", "formula"):
            match = re.search(r"[\d(][\d\s.+\-*/%^()]*[\d)]", self.hints.text)
            if match:
                return match.group()
        if (text := self.hints.next_quoted()) is not None:
            return text
        if lower in _JOKE and "joke" in self.hints.text.lower():
            return _JOKE[lower]
        if not _LONG.search(name) and (short := self.short()) is not None:
            return short
        return self.hints.phrase(f"{name} {schema.get('description') or ''}")

    def short(self) -> str | None:
        """A short value: a place, a name, or what the prompt says it is about."""
        found = self.hints.places[:1] or self.hints.names[:1]
        return found[0] if found else self.hints.about()

    def fit(self, schema: dict[str, Any], text: str) -> str:
        """``text`` stretched or cut to the lengths of the schema."""
        low, high = count(schema, "minLength", _MAX_LENGTH) or 0, count(schema, "maxLength")
        while len(text) < low:
            text = f"{text} {text}" if text else "text"
        return text if high is None else text[: max(high, low)]


def count(schema: dict[str, Any], name: str, most: int | None = None) -> int | None:
    """A whole number of the schema, not negative and at most ``most``; ``None`` where there is none."""
    value = _finite(schema.get(name))
    if value is None:
        return None
    whole = max(0, int(value))
    return whole if most is None else min(whole, most)


def _finite(value: object) -> float | None:
    """A number of a schema that arithmetic can hold; JSON's integers know no end."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < 1e300 else None


def _limits(schema: dict[str, Any], whole: bool) -> tuple[float, float]:
    def bound(name: str, default: float) -> float:
        value = _finite(schema.get(name))
        return default if value is None else value

    low, high = bound("minimum", -math.inf), bound("maximum", math.inf)
    nudge = 1.0 if whole else 1e-6
    if (above := bound("exclusiveMinimum", -math.inf)) > -math.inf:
        low = max(low, (math.floor(above) + 1.0) if whole else above + nudge * max(1.0, abs(above)))
    if (below := bound("exclusiveMaximum", math.inf)) < math.inf:
        high = min(high, (math.ceil(below) - 1.0) if whole else below - nudge * max(1.0, abs(below)))
    if whole:
        low = float(math.ceil(low)) if math.isfinite(low) else low
        high = float(math.floor(high)) if math.isfinite(high) else high
    return low, high
