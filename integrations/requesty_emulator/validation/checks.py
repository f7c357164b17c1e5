"""Small typed readers of untrusted JSON; each raises the contract's 400 naming the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from requesty_emulator.errors import bad_request


def kind(value: object) -> str:
    """JSON word for a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def obj(value: object, where: str) -> dict[str, Any]:
    """``value`` as an object."""
    if not isinstance(value, dict):
        raise bad_request(f"{where} must be an object, not {kind(value)}")
    return value


def array(value: object, where: str, *, empty: bool = True) -> list[Any]:
    """``value`` as an array."""
    if not isinstance(value, list):
        raise bad_request(f"{where} must be an array, not {kind(value)}")
    if not value and not empty:
        raise bad_request(f"{where} must not be an empty array")
    return value


def string(value: object, where: str, *, empty: bool = True) -> str:
    """``value`` as a string."""
    if not isinstance(value, str):
        raise bad_request(f"{where} must be a string, not {kind(value)}")
    if not value and not empty:
        raise bad_request(f"{where} must not be empty")
    return value


def boolean(value: object, where: str) -> bool:
    """``value`` as a boolean."""
    if not isinstance(value, bool):
        raise bad_request(f"{where} must be a boolean, not {kind(value)}")
    return value


def integer(value: object, where: str, low: int | None = None, high: int | None = None) -> int:
    """``value`` as an integer inside the given bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"{where} must be an integer, not {kind(value)}")
    _bounds(value, where, low, high)
    return value


def number(value: object, where: str, low: float | None = None, high: float | None = None) -> float:
    """``value`` as a number inside the given bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad_request(f"{where} must be a number, not {kind(value)}")
    _bounds(value, where, low, high)
    try:
        return float(value)
    except OverflowError:
        raise bad_request(f"{where} is too large a number") from None


def one_of(value: object, where: str, allowed: Iterable[str]) -> str:
    """``value`` as one of the allowed words."""
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        raise bad_request(f"{where} must be one of {', '.join(words)}, not {value!r}"[:400])
    return value


def required(body: Mapping[str, Any], name: str) -> Any:
    """A field that must be there and not null."""
    value = body.get(name)
    if value is None:
        raise bad_request(f"missing required field {name!r}")
    return value


def _bounds(value: float, where: str, low: float | None, high: float | None) -> None:
    if low is not None and value < low:
        raise bad_request(f"{where} must be at least {low}, not {value}"[:300])
    if high is not None and value > high:
        raise bad_request(f"{where} must be at most {high}, not {value}"[:300])
