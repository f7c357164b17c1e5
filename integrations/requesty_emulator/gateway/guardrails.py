"""Masking of personal data the way the gateway's organisation setting does (documented tokens)."""

from __future__ import annotations

import re
from typing import Any, TypeVar

_RULES = (
    (re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{0,200}\w"), "[EMAIL REDACTED]"),
    (re.compile(r"\b(?:sk|rqsty|rqy|ghp|xoxb)[-_][A-Za-z0-9_-]{12,}\b"), "[API KEY REDACTED]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+"), "[TOKEN REDACTED]"),
    (re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), "[SSN REDACTED]"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"), "[BANK REDACTED]"),
    (re.compile(r"\b(?:\d[ -]?){15}\d\b"), "[CARD REDACTED]"),
    (re.compile(r"(?<![\w-])\+?\(?\d{1,3}\)?[ -.]\(?\d{2,4}\)?[ -.]\d{3,4}[ -.]?\d{3,4}\b"), "[PHONE REDACTED]"),
    (re.compile(r"(?i)(?<=password[:=] )\S+|(?<=password is )\S+"), "[CREDENTIAL REDACTED]"),
)
_KEYS = (
    "content text arguments input reasoning_content thinking prompt instructions partial_json delta output_text "
    "refusal system query"
)
_TEXT_KEYS = frozenset(_KEYS.split())
T = TypeVar("T")


def mask(text: str) -> str:
    """The text with personal data replaced."""
    for expression, token in _RULES:
        text = expression.sub(token, text)
    return text


def mask_json(value: T, key: str = "") -> T:
    """A copy of a JSON value with the texts of messages masked; ids, models and settings stay."""
    result: Any = value
    if isinstance(value, dict):
        result = {name: mask_json(inner, name) for name, inner in value.items()}
    elif isinstance(value, list):
        result = [mask_json(inner, key) for inner in value]
    elif isinstance(value, str) and key in _TEXT_KEYS:
        result = mask(value)
    typed: T = result
    return typed
