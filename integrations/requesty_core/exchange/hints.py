"""What to do about a refusal, or about no answer at all, in half a line behind what the server or the system said."""

from __future__ import annotations

import re
from typing import Any

from requesty_core.errors import (
    AuthenticationError,
    InsufficientBalanceError,
    NotFoundError,
    PermissionDeniedError,
    RequestyError,
    SpendLimitError,
)
from requesty_core.settings.checks import begins_like_a_key

__all__ = ["hint_for", "origin_of"]

_HINTS: dict[type[RequestyError], tuple[str, str]] = {
    InsufficientBalanceError: (
        "top up the account",
        r"(?i)\btop(ping)?[- ]?up|\bbilling\b|\badd(ing)?\b.*\b(credits?|funds)\b|\brecharge",
    ),
    SpendLimitError: ("raise the key's monthly limit", r"(?i)\b(rais|increas|lift)(e|ing)?\b"),
}
"""What to do about an error of a class, and words of the server's that say so already."""


def origin_of(address: Any) -> str:
    """Scheme, host and port of a URL, as they are on the wire."""
    return f"{address.scheme}://{address.netloc.decode('ascii')}"


def hint_for(cls: type[RequestyError], said: str, model: str, address: Any, key: str) -> str:
    """What to do about an error of this class; empty where its message is all there is to say.

    ``said`` is that message, ``address`` the request's URL, ``model`` the id that was asked for, empty if none was.
    ``key`` says where the key is from, in words that continue "the key"; it is empty if nobody knows.
    """
    if cls is NotFoundError:
        return _not_found(model, address)
    if cls is AuthenticationError:
        return f"check the key {key}" if key else "check the key"
    if cls is PermissionDeniedError:
        return f"asked with the key {key}" if key else ""
    what_to_do, said_already = _HINTS.get(cls, ("", ""))
    return "" if re.search(said_already, said) else what_to_do


def _not_found(model: str, address: Any) -> str:
    if address is not None and "/v1/" not in f"{address.path}/":
        return f"{origin_of(address)}{address.path} has no /v1: end base_url in /v1"
    if not model:
        return ""
    # Where a model is gone, its id is known and near to itself.
    if begins_like_a_key(model):
        return "what was given as model looks like a key; give a model id such as 'openai/gpt-4o-mini'"
    import difflib

    from requesty_core.catalog import bundled

    near = [name for name in difflib.get_close_matches(model, list(bundled()), 3, 0.75) if name != model][:2]
    return f"asked for {model!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")
