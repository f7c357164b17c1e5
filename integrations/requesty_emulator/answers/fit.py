"""How well a tool fits a prompt. A tool is called unasked only at a score of :data:`FITS` and above.

The prompt is read sentence by sentence. A sentence that forbids ("never run …", "do not call …") or that asks about a
tool ("explain what `get_weather` does") asks for no tool and scores 0. Of the others the best one counts:

===========================================================================  =====================
the tool's name stands in it (see :func:`named`)                             100
each word it shares with the tool's name, verbs such as ``get`` left out     3
a sum ("3 * 4", "3 plus 4") and a tool that calculates                       3
each word it shares with the description, up to three                        1
these are half of the sentence's words, which are two or more                2
each word it shares with the names of the parameters, up to two              0.5
===========================================================================  =====================

Words are compared by their stems; words such as "the" and "what" do not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from requesty_emulator.answers.model_request import Tool
from requesty_emulator.answers.words import name_terms, stem, terms

FITS = 3.0
NAMED = 100.0
#: Sentences and tools that are looked at, from the end of the prompt and the start of the list.
_MAX_SENTENCES = 60
_MAX_TOOLS = 512
_LOOK = 4_000

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|\bbut\b|\binstead\b", re.I)
_CLAUSE = re.compile(r"\band\b|\bthen\b|[,;?.!\n]|\balso\b|\bund\b", re.I)
_FORBIDS = re.compile(
    r"\b(?:never|do not|don['’]?t|must not|mustn['’]?t|should not|shouldn['’]?t|may not|cannot|can['’]?t|without|"
    r"avoid|refrain from|stop|no need to|instead of|rather than|niemals|nicht)\b",
    re.I,
)
_ASKS_ABOUT = re.compile(
    r"\b(?:explain|describe|what (?:does|do|did|would|will|is|are)|how (?:does|do|would)|why|meaning of|mean|means|"
    r"difference between|tell me (?:about|what|how)|document|define)\b",
    re.I,
)
_TAG = re.compile(r"<([A-Za-z]+[-_][\w-]{1,60})>")
_CODE = re.compile(r"`[^`\n]{1,400}`")
_SUM = re.compile(r"\d\s{0,4}(?:[-+*/×^]|plus|minus|times|(?:divided|multiplied) by)\s{0,4}\(?\s{0,4}\d", re.I)
_CALCULATES = re.compile(r"calc|math|add|sum\b|arith|multip|comput", re.I)
_VERBS = (
    "get fetch find look search tool function call run current data read write edit open list execute create update "
    "delete send make do use ask task think plan view show set start stop check load save new all item value text name "
    "work user file code command try go help thank please"
)
#: Words of a name that say nothing about its subject.
_GENERIC = frozenset(stem(word) for word in _VERBS.split()) | frozenset(_VERBS.split())


@dataclass(slots=True)
class Fit:
    """A tool's words, read once for all sentences of a prompt."""

    tool: Tool
    name: frozenset[str] = frozenset()
    about: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    calculates: bool = False
    identifier: bool = False
    pattern: re.Pattern[str] = field(default_factory=lambda: re.compile(""))

    @classmethod
    def of(cls, tool: Tool) -> Fit:
        """Read a tool's name, description and parameters."""
        properties = tool.schema.get("properties")
        fields = " ".join(list(properties)[:100]) if isinstance(properties, dict) else ""
        description = tool.description[:_LOOK]
        return cls(
            tool,
            frozenset(name_terms(tool.name)) - _GENERIC,
            frozenset(terms(description)) - _GENERIC,
            frozenset(name_terms(fields)),
            bool(_CALCULATES.search(f"{tool.name} {description[:200]}")),
            bool(re.search(r"[_\d-]|[a-z][A-Z]", tool.name)),
            re.compile(rf"(?<!\w){re.escape(tool.name)}(?!\w)", re.I),
        )

    def score(self, sentence: str) -> float:
        """The score of one sentence or clause, by the table above."""
        if _FORBIDS.search(sentence):
            return 0.0
        mentioned = self.pattern.search(sentence)
        if mentioned and named(self, sentence):
            return 0.0 if _ASKS_ABOUT.search(sentence[: mentioned.start()]) and "(" not in sentence else NAMED
        # Text in backticks is quoted, not said.
        words = set(terms(_CODE.sub(" ", sentence)))
        shared = len(words & self.about)
        return (
            3.0 * len(words & self.name)
            + 3.0 * bool(self.calculates and _SUM.search(sentence))
            + 1.0 * min(shared, 3)
            + 2.0 * (len(words) > 1 and shared * 2 >= len(words))
            + 0.5 * min(len(words & self.fields), 2)
        )


def named(fit: Fit, sentence: str) -> bool:
    """Whether a sentence names the tool outright.

    An identifier such as ``get_weather`` does so anywhere; a name that is also a word ("read", "add") only as a
    command at the start of a clause ("please add 3 and 4"), after "use", "call" or "run", before "tool" or "(".
    """
    if fit.identifier:
        return bool(fit.pattern.search(sentence))
    word = rf"[`'\"]?{re.escape(fit.tool.name)}[`'\"]?"
    start = r"(?:^|[,:]|\band\b|\bthen\b)\W{0,5}(?:(?:please|now|also|can you|could you|would you)\W{1,5}){0,2}"
    use = r"\b(?:use|using|call|calling|invoke|run|via|through)\W{1,5}(?:the\W{1,5}|a\W{1,5})?"
    after = r"(?:\W{0,3}\b(?:tool|function)\b|\()"
    return bool(re.search(rf"{start}{word}(?!\w)|{use}{word}(?!\w)|(?<!\w){word}{after}", sentence, re.I))


def sentences_of(prompt: str) -> list[str]:
    """Sentences of what a user asks: blocks that programs add (``<system-reminder>…``) are left out."""
    found = _SENTENCE.split(_without_blocks(prompt)[-_LOOK:])
    return [sentence for raw in found if (sentence := raw.strip())][-_MAX_SENTENCES:]


def clauses_of(prompt: str) -> list[str]:
    """Clauses of the sentences that forbid nothing."""
    kept = [sentence for sentence in sentences_of(prompt) if not _FORBIDS.search(sentence)]
    return [clause for sentence in kept for raw in _CLAUSE.split(sentence) if (clause := raw.strip())][-_MAX_SENTENCES:]


def fits(tools: list[Tool], prompt: str) -> list[tuple[float, Tool]]:
    """Every tool with its best score over the sentences of a prompt, best first, equals in the order offered."""
    lines = sentences_of(prompt)
    scored = [(max((fit.score(line) for line in lines), default=0.0), fit.tool) for fit in read(tools)]
    return sorted(scored, key=lambda pair: -pair[0])


def read(tools: list[Tool]) -> list[Fit]:
    """The tools with their words."""
    return [Fit.of(tool) for tool in tools[:_MAX_TOOLS]]


def _without_blocks(prompt: str) -> str:
    """The prompt without ``<some-tag>…</some-tag>`` blocks, unless nothing else is there."""
    kept, at = [], 0
    for tag in _TAG.finditer(prompt):
        if tag.start() < at:
            continue
        end = prompt.find(f"</{tag.group(1)}>", tag.end())
        if end < 0:
            continue
        kept.append(prompt[at : tag.start()])
        at = end + len(tag.group(1)) + 3
    rest = "".join([*kept, prompt[at:]])
    return rest if rest.strip() else prompt
