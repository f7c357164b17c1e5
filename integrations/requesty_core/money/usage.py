"""Tokens and money of a call.

Cost is ``Decimal`` USD or ``None``. ``None`` means the gateway did not say; it is never turned into zero, and zero
(a free model) is never turned into ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec.structs import replace

from requesty_core.values import Value

from .exact import total

__all__ = [
    "Usage",
    "count",
    "money",
    "parse_usage",
    "sum_usage",
]


def money(value: object) -> Decimal | None:
    """A finite amount from a JSON number or decimal string, else ``None``. The gateway sends both forms."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        amount = Decimal(str(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    # Beyond any exponent that arithmetic can carry, it is no amount: adding it up would fail.
    return amount if amount.is_finite() and abs(amount.adjusted()) < 10_000 else None


def count(value: object) -> int:
    """A number of tokens or requests, also as text; 0 for anything that is none."""
    if type(value) is int:
        return value if value > 0 else 0
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return 0
    return max(int(value), 0)


def _add_money(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return None
    return total((left, right))


class Usage(Value, frozen=True):
    """Usage of one call or of several added together.

    Attributes:
        input_tokens: prompt tokens, cache reads and writes included.
        output_tokens: completion tokens, reasoning included.
        total_tokens: as reported; may exceed input + output (seen with Gemini thinking).
        cached_tokens: prompt tokens read from the provider's cache.
        caching_tokens: prompt tokens written to the provider's cache.
        reasoning_tokens: part of ``output_tokens`` spent on reasoning.
        cost: USD as billed by the gateway; ``None`` if it did not say.
        raw: the usage object as received, unknown fields included.
        estimated: the cost was computed from catalogue prices at the caller's request.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    caching_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal | None = None
    raw: Mapping[str, Any] = msgspec.field(default_factory=dict)
    estimated: bool = False

    _unshown = frozenset(("raw",))

    def __add__(self, other: Usage) -> Usage:
        """Add counts; the cost of a sum is known only if both costs are."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            caching_tokens=self.caching_tokens + other.caching_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost=_add_money(self.cost, other.cost),
            estimated=self.estimated or other.estimated,
        )


def sum_usage(usages: Iterable[Usage]) -> Usage | None:
    """The usages added together, ``None`` for none. The cost is ``None`` as soon as one of them is unknown."""
    whole: Usage | None = None
    for usage in usages:
        whole = usage if whole is None else whole + usage
    return None if whole is None else replace(whole, raw=whole.raw)


def parse_usage(raw: object) -> Usage | None:
    """Read a usage object in chat, embeddings, Messages or Responses spelling; ``None`` if it is not an object."""
    # Answers are dictionaries; asking the abstract class takes longer than all that is read here.
    if type(raw) is not dict and not isinstance(raw, Mapping):
        return None
    prompt = raw.get("prompt_tokens")
    completion = raw.get("completion_tokens")
    input_tokens = count(raw.get("input_tokens") if prompt is None else prompt)
    output_tokens = count(raw.get("output_tokens") if completion is None else completion)
    details = raw.get("prompt_tokens_details") or raw.get("input_tokens_details")
    details = details if type(details) is dict or isinstance(details, Mapping) else {}
    out_details = raw.get("completion_tokens_details") or raw.get("output_tokens_details")
    out_details = out_details if type(out_details) is dict or isinstance(out_details, Mapping) else {}
    cached = details.get("cached_tokens", raw.get("cache_read_input_tokens"))
    caching = details.get("caching_tokens", raw.get("cache_creation_input_tokens"))
    cost = money(raw.get("cost"))
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=count(raw.get("total_tokens")) or input_tokens + output_tokens,
        cached_tokens=count(cached),
        caching_tokens=count(caching),
        reasoning_tokens=count(out_details.get("reasoning_tokens")),
        cost=money(raw.get("total_cost")) if cost is None else cost,
        raw=raw,
    )
