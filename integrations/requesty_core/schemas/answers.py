"""Reading structured answers: the text of an answer as the JSON value it must be."""

from __future__ import annotations

import re
from typing import Any

from requesty_core.errors import AnswerFormatError
from requesty_core.wire.json import JSONDecodeError, decode_strictly

__all__ = ["read_answer"]

_FENCED = re.compile(r"\s*```[ \t]*(?:json)?[ \t]*\r?\n(.*?)\r?\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
_EXCERPT = 200


def read_answer(text: str) -> Any:
    """The JSON value of a structured answer.

    The text must be exactly one JSON document, or exactly one fenced block (three backticks, with or without the word
    ``json``) that holds one. A number that JSON does not know and an object that gives one key twice are refused:
    reading on would lose or invent something.

    Raises:
        AnswerFormatError: for anything else; it carries the text.
    """
    fenced = _FENCED.fullmatch(text) if "```" in text else None
    body = fenced.group(1) if fenced and "```" not in _without_strings(fenced.group(1)) else text
    try:
        value = decode_strictly(body)
    except JSONDecodeError as error:
        excerpt = " ".join(text.split())[:_EXCERPT]
        raise AnswerFormatError(f"the answer is not JSON ({error}): {excerpt!r}", text=text) from None
    return value


def _without_strings(text: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"', "", text)
