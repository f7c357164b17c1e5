"""Settings that are objects with methods: checked when they are given, not when the first call needs them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from requesty_core.retry.policy import FallbackPolicy
from requesty_core.settings.checks import refuse

__all__ = ["check_callable", "check_object", "check_policy"]

_OBJECTS = {
    "ledger": ("record", "a ledger", "give CostLedger()"),
    "budget": ("reserve", "a budget", "give Budget(1.0), an amount in USD"),
}
_SIGNATURES = {
    "on_event": "give a function that takes an event",
    "window": "give a function from a model's id to its context window",
}


def check_object(value: Any, setting: str) -> Any:
    """``value`` if it is ``None`` or can do what a ledger or budget does. Raises :class:`ConfigurationError`."""
    method, kind, give = _OBJECTS[setting]
    if isinstance(value, type):
        refuse(setting, value, f"is not {kind} but a class", f"give {value.__name__}(…)")
    if value is not None and not callable(getattr(value, method, None)):
        amount = _amount(value) if setting == "budget" else None
        if setting == "budget" and isinstance(value, (list, tuple)) and value:
            give = "give Budgets(…) of them"
        refuse(setting, value, f"is not {kind}", give if amount is None else f"give Budget({amount})")
    return value


def _amount(value: object) -> str | None:
    """A number of USD, as it was written."""
    try:
        is_amount = (
            not isinstance(value, bool) and isinstance(value, (int, float, str, Decimal)) and Decimal(value) >= 0
        )
    except InvalidOperation:
        return None
    return repr(value) if is_amount else None


def check_callable(value: Any, setting: str) -> Any:
    """``value`` if it is ``None`` or can be called. Raises :class:`ConfigurationError`."""
    if value is not None and not callable(value):
        refuse(setting, value, "is not a function", _SIGNATURES[setting])
    return value


def check_policy(value: Any) -> FallbackPolicy | None:
    """``value`` if it is ``None`` or a policy. Raises :class:`ConfigurationError`."""
    if value is not None and not isinstance(value, FallbackPolicy):
        fields = ", ".join(f"{name}=…" for name in value) if isinstance(value, dict) else "deadline=30"
        refuse("fallback_policy", value, "is not a FallbackPolicy", f"give FallbackPolicy({fields})")
    return value
