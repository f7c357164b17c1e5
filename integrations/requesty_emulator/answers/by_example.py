"""Answers of the form that a prompt shows by example: evaluators, extractors and rankers ask so.

The prompt holds outputs as JSON, then the input at hand. The answer has the keys and kinds of value of the outputs
shown. Sentences are taken from the input at hand; marks that go with them say whether the rest of the input bears
them out; a single mark is that of the example whose input is nearest; names are the capitalised ones of the input.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from requesty_emulator.answers.words import names, quoted, sentences, terms
from requesty_emulator.gateway.bounds import MAX_NESTING, too_deep

__all__ = ["by_example"]

_LABEL = re.compile(r"(?:outputs?|responses?|answers?|results?|structure|format)\b[^\n{]{0,20}:?\s*$", re.I)
_ENDS_OPEN = re.compile(r"\boutputs?\s*:\s*$", re.I)
_FIELD = re.compile(r"\"(\w+)\":\s*(.*?)(?=,\s*\"\w+\":|\}\s*(?:\n|$)|$)", re.S)
_NUMBERED = re.compile(r"^[^\w\n]*\w{1,40} (\d{1,6}):(.*?)(?=^[^\w\n]*\w{1,40} \d{1,6}:|\Z)", re.S | re.M)
_TEXT = re.compile(
    r"^[ \t]*(?:text|document|content|input)[ \t]*:(.*?)(?=^[^\w\n]*$|^[ \t]*output|\Z)", re.S | re.M | re.I
)
_LOOK, _TRIES, _MOST = 20_000, 200, 20
_BORNE_OUT = 0.7


@dataclass(frozen=True)
class _Shown:
    value: dict[str, Any]
    start: int
    end: int
    is_output: bool


def by_example(prompt: str, *, is_asked: bool) -> dict[str, Any] | None:
    """An object like the outputs that a prompt shows, about its input at hand; ``None`` if it shows none.

    Args:
        prompt: all of it.
        is_asked: whether the request asks for JSON; if not, the prompt must end where an output is due.
    """
    text = prompt[-_LOOK:]
    if not is_asked and not _ENDS_OPEN.search(text[-40:]):
        return None
    shown = _objects(text)
    outputs = [one for one in shown if one.is_output]
    if not outputs:
        return None
    same = [one for one in outputs if one.value.keys() == outputs[-1].value.keys()]
    inputs = [_input_of(output, shown, text) for output in same]
    return _filled([one.value for one in same], inputs, text[same[-1].end :])


def _objects(text: str) -> list[_Shown]:
    found: list[_Shown] = []
    decoder, at = json.JSONDecoder(), text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict) and value and not too_deep(value, MAX_NESTING):
                found.append(_Shown(value, at, end, bool(_LABEL.search(text[max(0, at - 60) : at]))))
        at = text.find("{", end)
    return found


def _input_of(output: _Shown, shown: Sequence[_Shown], text: str) -> str:
    """The input of an output: the object before it, else what was said since the output before it."""
    earlier = [one for one in shown if one.end <= output.start]
    if earlier and not earlier[-1].is_output:
        return text[earlier[-1].start : earlier[-1].end]
    return text[earlier[-1].end if earlier else 0 : output.start]


def _filled(outputs: list[dict[str, Any]], inputs: list[str], task: str) -> dict[str, Any]:
    fields: dict[str, str] = dict(_FIELD.findall(task))
    marks = [key for key in outputs[-1] if _kind(outputs, key) == "marks"]
    said = _sentences(fields, task, has_marks=bool(marks))
    answer: dict[str, Any] = {}
    for key, example in outputs[-1].items():
        kind = _kind(outputs, key)
        if kind == "marks":
            answer[key] = [_borne_out(one, fields, task) for one in said]
        elif kind == "sentences":
            answer[key] = said
        elif kind == "objects":
            answer[key] = _listed(outputs, key, task)
        else:
            nearest = _nearest(inputs, task)
            answer[key] = outputs[nearest].get(key, example)
    return answer


def _kind(outputs: list[dict[str, Any]], key: str) -> str:
    if not all(isinstance(output[key], list) for output in outputs):
        return "single"
    values = [one for output in outputs for one in output[key]]
    if values and all(isinstance(one, dict) and one for one in values):
        return "objects"
    return "marks" if values and all(isinstance(one, int) for one in values) else "sentences"


def _sentences(fields: dict[str, str], task: str, *, has_marks: bool) -> list[str]:
    """Those of the answer that is judged, or those of the context that the question is about."""
    if has_marks:
        judged = [value for name, value in fields.items() if "answer" in name or "response" in name]
        return sentences(_plain(judged[-1] if judged else task))[:_MOST]
    question = " ".join(value for name, value in fields.items() if "question" in name or "query" in name)
    context = [value for name, value in fields.items() if name not in ("questions", "question", "query")]
    pieces = [one for value in context for one in sentences(_plain(value))] or quoted(task)
    wanted = set(terms(question))
    return [one for one in pieces if not wanted or wanted & set(terms(one))][:_MOST]


def _plain(value: str) -> str:
    return value.strip().strip("[]'\"").replace("', '", " ").replace('", "', " ")


def _borne_out(sentence: str, fields: dict[str, str], task: str) -> int:
    given = [value for name, value in fields.items() if "answer" not in name and "response" not in name]
    known = set(terms(" ".join(given) or task))
    own = terms(sentence)
    return int(bool(own) and sum(one in known for one in own) / len(own) >= _BORNE_OUT and _who(sentence) <= known)


def _who(sentence: str) -> set[str]:
    """The names in it: what differs by a name is another fact."""
    return {one for name in names(sentence) for one in terms(name)}


def _listed(outputs: list[dict[str, Any]], key: str, task: str) -> list[dict[str, Any]]:
    """One object for each name of the input, or for each numbered item that meets the query, best first."""
    example = next(one for output in outputs for one in output[key])
    first, *rest = example
    if isinstance(example[first], int):
        head, *_ = task.split("1:", 1)
        wanted = set(terms(head))
        scored = [(len(wanted & set(terms(item))), int(number)) for number, item in _NUMBERED.findall(task)]
        return [{first: number} for score, number in sorted(scored, key=lambda one: -one[0]) if score][:_MOST]
    told = _TEXT.findall(task)
    text = (told[-1] if told else task).strip()
    found = [one for one in dict.fromkeys(names(text)) if terms(one)][:_MOST]
    return [{first: name, **{other: example[other] for other in rest}} for name in found]


def _nearest(inputs: list[str], task: str) -> int:
    own = set(terms(task))
    scores = [len(own & set(terms(one))) / (len(own | set(terms(one))) or 1) for one in inputs]
    return max(range(len(scores)), key=lambda index: scores[index])
