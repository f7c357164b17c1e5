"""A short name for a key that tells it from others and tells nothing else of it."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

__all__ = ["is_fingerprint", "key_fingerprint"]

_FORM = re.compile(r"key-[0-9a-f]{12}")


@lru_cache(maxsize=512)
def key_fingerprint(key: str) -> str:
    """The name under which ledgers and budgets know a key: 48 bits of a SHA-256 of it, from which no key can be told.

    >>> key_fingerprint("rqsty-sk-example")
    'key-a86b4c95fb4c'
    """
    return f"key-{hashlib.sha256(f'requesty-adapters:{key.strip()}'.encode()).hexdigest()[:12]}"


def is_fingerprint(text: str) -> bool:
    """Whether it is such a name already."""
    return _FORM.fullmatch(text) is not None
