"""What a budget decides by, without IO: whose attempts it counts, in which period, and whether one more fits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import refuse, shown
from requesty_core.settings.fingerprint import is_fingerprint, key_fingerprint
from requesty_core.values import Value

from .exact import hundredth, total

__all__ = ["Scope", "Spender", "Standing", "Window", "check_window", "period_of", "refusal", "reservation"]

Window = Literal["total", "day", "month"]


class Spender(NamedTuple):
    """Who an attempt is for: the requested model, the call's tags and user, and the key's fingerprint."""

    model: str
    tags: Sequence[str] = ()
    user: str | None = None
    key: str | None = None


class Standing(Value, frozen=True):
    """How a budget stands in one period: USD spent and reserved, calls, those of unknown cost, the dearest call."""

    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    calls: int = 0
    unknown: int = 0
    dearest: Decimal | None = None


class Scope(Value, frozen=True):
    """Which attempts a budget counts: those that match everything given; of several values of one name, any."""

    key: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    model: tuple[str, ...] = ()

    @classmethod
    def of(cls, *, key: object = None, tag: object = None, user: object = None, model: object = None) -> Scope:
        """Checked values. A key is turned into its fingerprint at once. Raises :class:`ConfigurationError`."""
        keys = tuple(one if is_fingerprint(one) else key_fingerprint(one) for one in _values(key, "key"))
        return cls(keys, _values(tag, "tag"), _values(user, "user"), _values(model, "model"))

    def matches(self, spender: Spender) -> bool:
        """Whether an attempt counts. Models may be patterns: ``anthropic/*``."""
        return (
            (not self.key or spender.key in self.key)
            and (not self.tag or any(tag in self.tag for tag in spender.tags))
            and (not self.user or spender.user in self.user)
            and (not self.model or any(fnmatchcase(spender.model, pattern) for pattern in self.model))
        )

    def __str__(self) -> str:
        given = ((name, getattr(self, name)) for name in ("key", "tag", "user", "model"))
        return " ".join(f"{name}={','.join(values)}" for name, values in given if values)


def _values(given: object, setting: str) -> tuple[str, ...]:
    values = (given,) if isinstance(given, str) else () if given is None else given
    if not isinstance(values, Collection) or not all(isinstance(one, str) and one.strip() for one in values):
        # What stands here may be a key.
        shape = shown(given) if setting != "key" else f"a {type(given).__name__}"
        raise ConfigurationError(f"budget: {setting}: {shape} is no text; give one, or a list of them")
    return tuple(sorted(values))


def check_window(window: object) -> Window:
    """Raises :class:`ConfigurationError` unless it is one of ``total``, ``day`` and ``month``."""
    if window not in ("total", "day", "month"):
        refuse("budget: window", window, "is unknown", "give 'total', 'day' or 'month'")
    return window


def period_of(window: Window, seconds: float) -> str:
    """The period of a moment (seconds since 1970), UTC: ``""`` of all time, ``2026-11-26`` or ``2026-11``."""
    if window == "total":
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d" if window == "day" else "%Y-%m")


def reservation(estimate: Decimal | None, standing: Standing, limit: Decimal) -> Decimal:
    """What an attempt sets aside: its estimate, else the dearest one so far, else a hundredth of the limit."""
    amount = estimate if estimate is not None else standing.dearest
    return hundredth(limit) if amount is None else amount


def refusal(standing: Standing, amount: Decimal, limit: Decimal, scope: Scope, period: str) -> str | None:
    """Why an attempt that sets ``amount`` aside may not be sent; ``None`` if it may.

    One alone is let in while anything is left: an estimate is no bill.
    """
    what = ", ".join(part for part in (str(scope), period) if part)
    name = f"budget ({what})" if what else "budget"
    if standing.spent >= limit:
        then = f"wait until {period} (UTC) is over or raise the limit" if period else _ADVICE
        return f"{name}: {standing.spent} of {limit} USD is spent; {then}"
    if standing.reserved and total((standing.spent, standing.reserved, amount)) > limit:
        return (
            f"{name}: {standing.spent} of {limit} USD is spent and {standing.reserved} is reserved for calls under "
            f"way; wait for them, {_ADVICE}"
        )
    return None


_ADVICE = "raise the limit or use a new Budget"
