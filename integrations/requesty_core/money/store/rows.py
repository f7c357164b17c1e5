"""What stands in a ledger: one row per attempt, and what it adds to budgets. Encoding is JSON, one line each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from itertools import count
from typing import Any

import msgspec

from requesty_core.lifetime import after_fork
from requesty_core.money.exact import EXACT
from requesty_core.money.usage import Usage

__all__ = ["Entry", "LedgerRow", "Settlement", "decode", "encode", "from_units", "new_id", "plain", "row", "to_units"]

_SCALE = 12
_ONE = Decimal(1)
_MOST = 2**63 - 1
_DAY = 24 * 3600 * 1_000_000


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="row", tag_field="kind"):
    """One attempt as a ledger keeps it.

    Attributes:
        id: of the row; written once, however often it is tried.
        at: when the attempt ended, in microseconds since 1970 (UTC). ``time`` and ``day`` are made of it.
        model: the model asked for.
        served_model, provider: what the gateway said of who answered.
        framework: the adapter: ``core``, ``langchain``, ``llama_index``, ``haystack``, ``pydantic_ai`` or ``openai``.
        key: a fingerprint of the API key (:func:`requesty_core.key_fingerprint`), never the key.
        tags, user, trace: the call's options.
        request_id: the gateway's id of the attempt.
        outcome: ``ok``, ``error`` or ``cancelled``.
        phase, status, error: how far it came, its HTTP status, the class of its error.
        input_tokens, output_tokens, total_tokens, cached_tokens, caching_tokens, reasoning_tokens: as in ``Usage``.
        cost: USD as billed, ``None`` if that was not told.
        estimate: what an attempt of unknown cost probably cost in USD.
        latency, time_to_first_token: seconds.
        counted: whether it was, or may have been, billed.
        resent: whether it was sent a second time on another connection, because a kept one had ended without a word;
            should the first have been worked for, that is billed too, and nobody tells.
    """

    id: str
    at: int
    model: str
    served_model: str | None = None
    provider: str | None = None
    framework: str = ""
    key: str | None = None
    tags: tuple[str, ...] = ()
    user: str | None = None
    trace: str | None = None
    request_id: str | None = None
    outcome: str = "ok"
    phase: str = "answered"
    status: int | None = None
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    caching_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal | None = None
    estimate: Decimal | None = None
    latency: float = 0.0
    time_to_first_token: float | None = None
    counted: bool = True
    resent: bool = False

    @property
    def time(self) -> datetime:
        """When the attempt ended, UTC."""
        return datetime.fromtimestamp(self.at / 1e6, UTC)

    @property
    def day(self) -> str:
        """The day of it, UTC: ``2026-11-26``."""
        return _day(self.at // _DAY)

    @property
    def usage(self) -> Usage:
        """Tokens and cost."""
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            cached_tokens=self.cached_tokens,
            caching_tokens=self.caching_tokens,
            reasoning_tokens=self.reasoning_tokens,
            cost=self.cost,
        )


@lru_cache(16)
def _day(number: int) -> str:
    """A day by its number since 1970."""
    return (date(1970, 1, 1) + timedelta(number)).isoformat()


class Settlement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="settlement", tag_field="kind"):
    """What an attempt leaves in a budget: its reservation ends, its cost is spent.

    ``id`` is the reservation's, ``at`` when it ends, in microseconds; ``counted`` is false for an attempt that nobody
    bills.
    """

    id: str
    at: int
    budget: str
    period: str
    cost: Decimal | None = None
    counted: bool = True


Entry = LedgerRow | Settlement

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """An entry as JSON in one line, without its end, its text such as databases and JSON take it."""
    try:
        line = _encoder.encode(entry)
    except UnicodeEncodeError:
        return _encoder.encode(_cleaned(entry))
    return _encoder.encode(_cleaned(entry)) if b"\\u0000" in line else line


def _cleaned(entry: Entry) -> Entry:
    fields: dict[str, Any] = msgspec.structs.asdict(entry)
    clean: dict[str, Any] = {name: plain(value) for name, value in fields.items() if isinstance(value, str)}
    if isinstance(entry, LedgerRow):
        clean["tags"] = tuple(map(plain, entry.tags))
    return msgspec.structs.replace(entry, **clean)


def decode(line: bytes) -> LedgerRow | Settlement | None:
    """The entry of a line; ``None`` for a line that was not written to its end."""
    try:
        entry: LedgerRow | Settlement = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return entry


def new_id() -> str:
    """An id that no other process makes; later ones sort behind earlier ones."""
    # At random places of the tables' indices, inserting costs three times as much, and more as they grow.
    return f"{time.time_ns() // 1000:014x}{_process}{next(_number):06x}"


@after_fork
def _new_process() -> None:
    global _process
    _process = os.urandom(6).hex()


_process = os.urandom(6).hex()
_number = count()


def row(
    model: str,
    usage: Usage | None,
    *,
    at: int,
    tags: Iterable[str] = (),
    user: str | None = None,
    trace: str | None = None,
    estimate: Decimal | None = None,
    **more: Any,
) -> LedgerRow:
    """A row with counts that any database takes, within 64 bits."""
    # Run once a call, where every line of code is a cold one: what is seldom needed is done elsewhere.
    used = _NOTHING if usage is None else usage
    tokens: tuple[int, ...] = (
        used.input_tokens,
        used.output_tokens,
        used.total_tokens,
        used.cached_tokens,
        used.caching_tokens,
        used.reasoning_tokens,
    )
    if max(tokens) > _MOST or type(sum(tokens)) is not int:
        tokens = tuple(min(int(number), _MOST) for number in tokens)
    return LedgerRow(
        id=new_id(),
        at=at,
        model=model,
        tags=tuple(tags),
        user=user,
        trace=trace,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        total_tokens=tokens[2],
        cached_tokens=tokens[3],
        caching_tokens=tokens[4],
        reasoning_tokens=tokens[5],
        cost=used.cost,
        estimate=estimate if used.cost is None else None,
        **more,
    )


_NOTHING = Usage()


def plain(text: str) -> str:
    """Text as databases and JSON take it."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def to_units(amount: Decimal | None) -> int | None:
    """USD in units of 10⁻¹² USD, in which sums are exact; ``None`` for what is no possible cost of one attempt."""
    if amount is None or not amount.is_finite() or amount.adjusted() >= 6:
        return None
    if amount.adjusted() <= -_SCALE - 2:
        return 0
    return int(EXACT.scaleb(amount, Decimal(_SCALE)).to_integral_value(ROUND_HALF_EVEN))


def from_units(units: int) -> Decimal:
    """USD of so many units, without zeros at its end."""
    amount = EXACT.normalize(EXACT.scaleb(Decimal(units), Decimal(-_SCALE)))
    return EXACT.quantize(amount, _ONE) if amount == amount.to_integral_value(ROUND_HALF_EVEN) else amount
