"""How failures are told of in logs: by what they are, never by words that an answer or a prompt could stand in."""

from __future__ import annotations

import re

from requesty_core.errors import (
    ConnectionFailedError,
    FallbackExhaustedError,
    RequestTimeoutError,
    RequestyError,
)

__all__ = ["described", "described_as", "plain_word"]

_OWN_WORDS = frozenset(cls.__name__ for cls in (ConnectionFailedError, RequestTimeoutError))
"""Errors that are known before a byte of an answer is: what they say is of this package and the operating system."""

_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")


def described_as(name: str | None, status: int | None, words: str | None) -> str:
    """An error by its class, its status, and its words where they are its own."""
    if name in _OWN_WORDS and status is None:
        return f"{name}: {words}"
    shown = name or "error"
    return shown if status is None else f"{shown} (HTTP {status})"


def described(error: Exception) -> str:
    """The same of an exception. One that has several causes names each."""
    name = type(error).__name__
    if isinstance(error, FallbackExhaustedError) and error.attempts:
        each = "; ".join(
            f"{one.model}: {described_as(one.error_class, one.status, one.error)}"
            for one in error.attempts
            if one.outcome == "error"
        )
        return f"{name}: {each}"
    if isinstance(error, RequestyError):
        return described_as(name, error.status, error.message)
    return name


def plain_word(value: str) -> str:
    """A name that servers give, such as a finish reason; ``other`` for what is no single word."""
    return value if _WORD.fullmatch(value) else "other"
