"""Token counting, prices, and the emulated prompt caches of the providers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from requesty_emulator.models.model import Model

#: Prompt prefixes that are remembered, the newest.
_MAX_PREFIXES = 100_000
_PLACES = Decimal("0.0000000001")


def tokens(text: str) -> int:
    """Deterministic token estimate: four characters a token, at least one for any text."""
    return (len(text) + 3) // 4


@dataclass(slots=True)
class Usage:
    """What one inference call is billed for. ``cached`` and ``caching`` are parts of ``prompt``."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    caching: int = 0
    caching_1h: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0
    cost: Decimal = Decimal(0)
    extra: dict[str, Any] = field(default_factory=dict)

    def price(self, model: Model) -> Usage:
        """Fill ``cost`` from catalogue prices (USD, ten decimal places so that it survives a JSON float)."""
        plain = max(0, self.prompt - self.cached - self.caching)
        prices = model.tier(self.prompt)
        cached = prices.input_price if prices.cached_price is None else prices.cached_price
        caching = prices.input_price if prices.caching_price is None else prices.caching_price
        cost = (
            plain * prices.input_price
            + self.cached * cached
            + self.caching * caching
            + self.completion * prices.output_price
        )
        self.cost = cost.quantize(_PLACES).normalize() if cost else Decimal(0)
        return self

    def chat(self, style: str = "") -> dict[str, Any]:
        """``usage`` of chat completions, both detail objects and ``cost`` included (documented)."""
        prompt_details: dict[str, Any] = {"cached_tokens": self.cached, "caching_tokens": self.caching}
        if self.caching:
            prompt_details["caching_token_details"] = {
                "caching_5m_tokens": self.caching - self.caching_1h,
                "caching_1h_tokens": self.caching_1h,
            }
        completion_details = {"reasoning_tokens": self.reasoning}
        if self.audio_in:
            prompt_details["audio_tokens"] = self.audio_in
        if self.audio_out:
            completion_details["audio_tokens"] = self.audio_out
        body: dict[str, Any] = {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": prompt_details,
            "completion_tokens_details": completion_details,
        }
        body.update(cost_field(self.cost, style))
        body.update(self.extra)
        return body

    def messages(self, style: str = "") -> dict[str, Any]:
        """``usage`` of ``/v1/messages``, where ``input_tokens`` excludes both cache figures."""
        return {
            "input_tokens": self.prompt - self.cached - self.caching,
            "output_tokens": self.completion,
            "cache_creation_input_tokens": self.caching,
            "cache_read_input_tokens": self.cached,
            **cost_field(self.cost, style),
            **self.extra,
        }

    def responses(self, style: str = "") -> dict[str, Any]:
        """``usage`` of ``/v1/responses`` (documented)."""
        return {
            "input_tokens": self.prompt,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.completion,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.prompt + self.completion,
            **cost_field(self.cost, style),
            **self.extra,
        }


def cost_field(cost: Decimal, style: str = "") -> dict[str, Any]:
    """``cost`` as a number, or as one of the variations that clients met or guard against."""
    if style == "no_cost":
        return {}
    if style == "null_cost":
        return {"cost": None}
    if style == "string_cost":
        return {"cost": format(cost, "f")}
    if style == "zero_cost":
        return {"cost": 0}
    return {"cost": float(cost)}


class PromptCache:
    """Remembers prompt prefixes per model, the way providers cache them (documented: 1024 tokens and up)."""

    def __init__(self, min_tokens: int) -> None:
        self.min_tokens = min_tokens
        self._seen: dict[bytes, None] = {}

    def clear(self) -> None:
        """Forget every prefix."""
        self._seen.clear()

    def apply(
        self, usage: Usage, model: Model, blocks: Sequence[tuple[str, int]], *, breakpoints: Iterable[int] | None
    ) -> None:
        """Set ``cached`` and ``caching`` on ``usage``.

        ``blocks`` are the prompt's blocks in order with their token counts. ``breakpoints`` are the
        indexes of blocks that end a cacheable prefix, or ``None`` for implicit caching (OpenAI,
        DeepSeek, Gemini), which reads without a write charge.
        """
        marks = range(len(blocks)) if breakpoints is None else sorted(set(breakpoints))
        digest = blake2b(model.bare.encode(), digest_size=16)
        total, cached, written, wanted = 0, 0, 0, set(marks)
        for index, (text, count) in enumerate(blocks):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
            total += count
            key = digest.digest()
            if key in self._seen:
                cached = total
            if index in wanted and total >= self.min_tokens:
                written = total
                self._seen[key] = None
                if len(self._seen) > _MAX_PREFIXES:
                    del self._seen[next(iter(self._seen))]
        usage.cached = min(cached, usage.prompt) if cached >= self.min_tokens else 0
        if breakpoints is not None and written > usage.cached:
            usage.caching = min(written, usage.prompt) - usage.cached
