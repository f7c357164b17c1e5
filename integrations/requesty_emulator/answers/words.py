"""Plain text handling: words, sentences, and what a prompt offers to fill a form with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_|-")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
# Repeats are bounded so that no prompt takes quadratic time.
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,16}(?:\.\d{1,16})?(?!\w{0,64}\d)")
_QUOTED = re.compile(
    r"\"([^\"\n]{1,1000})\"|“([^”\n]{1,1000})”|「([^」\n]{1,1000})」|『([^』\n]{1,1000})』"
    r"|(?<!\w)'([^'\n]{1,1000})'(?!\w)|`([^`\n]{1,1000})`"
)
_CAPITAL = re.compile(r"\b[A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*)*(?:,\s*[A-Z]{2}\b)?")
_PLACE = re.compile(r"\b(?:in|at|for|from|to|of|near)\s+([A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*)*(?:,\s*[A-Z][\w]+)?)")
_STOP = (
    "a an and are as at be been but by can could did do does for from get give had has have how i if in into is it its "
    "let many me much my of on or our please shall should so some tell than that the their them then there these they "
    "this to us use was we were what when where which who whom whose why will with would you your about also any not "
    "only given following answer question query context using"
)
_ABOUT = re.compile(r"\b(?:about|of|for|on)\s+(?:(?:a|an|the|my|our)\s+)?([^\W_][\w-]*(?: [\w-]+){0,2})", re.I)
#: Characters of a text that are looked through for quotations.
_LOOK = 100_000
STOPWORDS = frozenset(_STOP.split())
_STARTERS = (
    "What Who When Where Why How Which Is Are Was Were Do Does Did Can Could Would Should Will Please Tell Give Use "
    "Call Find Get Show List Create Make Write Generate Return Extract Hello Hi Hey The A An I My It This That These "
    "Book Search Look Add Multiply Compute Calculate Set Send Say Answer Question Query Name Then And Also In On At "
    "For If Check Convert Translate Summarize Summarise Explain Describe"
)
_SENTENCE_STARTERS = frozenset(_STARTERS.split())


def stem(word: str) -> str:
    """A crude stem, so that ``cats``, ``named`` and ``running`` meet ``cat``, ``name`` and ``run``."""
    for suffix in ("ing", "ied", "ies", "ed", "es", "s", "e"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def terms(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    return [stem(word) for word in (raw.lower() for raw in _WORD.findall(text)) if word not in STOPWORDS]


def name_terms(name: str) -> list[str]:
    """Meaningful stems of an identifier such as ``get_current_weather`` or ``WeatherReport``."""
    return terms(" ".join(_CAMEL.split(name)))


def sentences(text: str) -> list[str]:
    """Sentences and lines of a text, without the empty ones."""
    return [piece for raw in _SENTENCE.split(text) if (piece := raw.strip())]


def quoted(text: str) -> list[str]:
    """Everything in quotation marks (up to 1,000 characters each), in order; a huge text is read to its bound."""
    found = _QUOTED.finditer(text[:_LOOK])
    return [next(group for group in match.groups() if group) for match in found]


def numbers(text: str) -> list[float]:
    """Numbers of a text, in order."""
    return [float(match) for match in _NUMBER.findall(text) if len(match) < 16]


def names(text: str) -> list[str]:
    """Capitalised nouns, in order; words that only start a sentence are left out."""
    found = []
    for match in _CAPITAL.finditer(text):
        parts = match.group().split()
        while parts and parts[0].strip(",'’") in _SENTENCE_STARTERS:
            parts = parts[1:]
        if parts:
            found.append(" ".join(parts))
    return found


def places(text: str) -> list[str]:
    """Capitalised nouns after a preposition of place."""
    return [match.group(1) for match in _PLACE.finditer(text)]


@dataclass(slots=True)
class Hints:
    """What a prompt offers for filling a form. Numbers and names are used up in order."""

    text: str
    numbers: list[float] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    _lines: list[tuple[str, frozenset[str]]] | None = None

    @classmethod
    def of(cls, text: str) -> Hints:
        """Read a prompt, the end of it if it is huge."""
        text = text[-40_000:]
        return cls(text, numbers(text), quoted(text), names(text), places(text))

    def labelled(self, label: str) -> str | None:
        """The value of ``label: value``, ``label = value`` or ``label is value``."""
        words = [re.escape(part) for part in _CAMEL.split(label) if part]
        if not words:
            return None
        name = r"[\s_-]*".join(words)
        match = re.search(rf"\b{name}\b[\"']?\s*(?:is|=|:)\s*[\"']?([^\n,.;\"']+)", self.text, re.IGNORECASE)
        return match.group(1).strip() or None if match else None

    def next_number(self, *, whole: bool) -> float | None:
        """The next unused number; the last one again when all are used."""
        for index, value in enumerate(self.numbers):
            if not whole or value == int(value):
                return self.numbers.pop(index) if len(self.numbers) > 1 else value
        return None

    def next_quoted(self) -> str | None:
        """The next unused quotation; the last one again when all are used."""
        if not self.quoted:
            return None
        return self.quoted.pop(0) if len(self.quoted) > 1 else self.quoted[0]

    def next_name(self) -> str | None:
        """The next unused capitalised noun; the last one again when all are used."""
        if not self.names:
            return None
        return self.names.pop(0) if len(self.names) > 1 else self.names[0]

    def about(self) -> str | None:
        """The few words after ``about``, ``of``, ``for`` or ``on``, articles left out."""
        match = _ABOUT.search(self.text)
        return match.group(1).strip() if match else None

    def phrase(self, about: str = "") -> str:
        """The sentence of the prompt that is most about something; the whole prompt if it is short."""
        if self._lines is None:
            self._lines = [(line, frozenset(terms(line))) for line in sentences(self.text)]
        if not self._lines:
            return "text"
        wanted = set(terms(about))
        scores = [len(wanted & words) for _, words in self._lines]
        best = scores.index(max(scores)) if any(scores) else -1
        return self._lines[best][0][:200]
