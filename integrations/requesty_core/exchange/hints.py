"""What to do about a refusal, or about no answer at all, in half a line behind what the server or the system said."""

from __future__ import annotations

import difflib
from typing import Any

from requesty_core.catalog import bundled
from requesty_core.errors import (
    AuthenticationError,
    InsufficientBalanceError,
    NotFoundError,
    RequestyError,
    SpendLimitError,
)

__all__ = ["hint_for", "origin_of"]

_HINTS: dict[type[RequestyError], str] = {
    AuthenticationError: "check the key: api_key, else REQUESTY_API_KEY",
    InsufficientBalanceError: "top up the account",
    SpendLimitError: "raise the key's monthly limit",
}


def origin_of(address: Any) -> str:
    """Scheme, host and port of a URL."""
    port = "" if address.port is None else f":{address.port}"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{address.scheme}://{host}{port}"


def hint_for(cls: type[RequestyError], model: str, address: Any) -> str:
    """What to do about an error of this class; empty where its message is all there is to say.

    ``address`` is the request's URL, ``model`` the id that was asked for, empty if none was.
    """
    if cls is not NotFoundError:
        return _HINTS.get(cls, "")
    if address is not None and "/v1/" not in f"{address.path}/":
        return f"{origin_of(address)}{address.path} has no /v1: end base_url in /v1"
    if not model:
        return ""
    # Where a model is gone, its id is known and near to itself.
    near = [name for name in difflib.get_close_matches(model, list(bundled()), 3, 0.75) if name != model][:2]
    return f"asked for {model!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")
