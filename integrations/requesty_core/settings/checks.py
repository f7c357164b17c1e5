"""How a wrong setting is told: one line that names the setting, what it is, and what to give instead.

A value that could be a secret is never repeated: keys land in the wrong setting too, by a trailing comma or in the
wrong order, and what an error says ends up in logs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from requesty_core.errors import ConfigurationError

__all__ = ["a_kind", "begins_like_a_key", "may_be_secret", "refuse", "shown"]

_LONGEST = 60
_SECRET = re.compile(r"^(sk|rk|pk|rqsty|requesty|key|bearer)[-_. ]", re.IGNORECASE)
_KEY = re.compile(r"(sk|rqsty|rqy)-[^/]*$")
_RUN = re.compile(r"[0-9A-Za-z_+=-]{16,}")


def shown(value: object) -> str:
    """The value for an error: what is short and harmless as it is, anything else by its kind only.

    >>> shown(1.0), shown("mars"), shown(["a"]), shown("rqsty-sk-0123456789abcdef"), shown(("rqsty-sk-0123",))
    ('1.0', "'mars'", "['a']", 'a string of 25 characters', 'a tuple')
    """
    if _is_harmless(value) and len(text := repr(value)) <= _LONGEST and "\n" not in text:
        return text
    return f"a string of {len(value)} characters" if isinstance(value, str) else a_kind(value)


def a_kind(value: object) -> str:
    """``a tuple``, ``an int``: what the value is."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _is_harmless(value: object) -> bool:
    if value is None or isinstance(value, (bool, int, float)):
        return True
    if isinstance(value, str):
        return not may_be_secret(value)
    if isinstance(value, Mapping):
        return type(value) is dict and all(_is_harmless(item) for pair in value.items() for item in pair)
    return isinstance(value, (list, tuple, set, frozenset)) and all(_is_harmless(item) for item in value)


def begins_like_a_key(text: str) -> bool:
    """Whether a text begins as keys do; no model's id does."""
    return _KEY.match(text) is not None


def may_be_secret(text: str) -> bool:
    """Whether a text may be a key: by how keys begin, or a long run of letters and digits without a word in it."""
    if _SECRET.match(text) or len(text) > _LONGEST:
        return True
    return any(any(c.isdigit() for c in run) and any(c.isalpha() for c in run) for run in _RUN.findall(text))


def refuse(setting: str, value: object, problem: str, give: str) -> NoReturn:
    """Raise :class:`ConfigurationError`: ``budget: 1.0 is not a budget; give Budget(1.0)``."""
    raise ConfigurationError(f"{setting}: {shown(value)} {problem}; {give}")
