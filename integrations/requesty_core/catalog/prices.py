"""What a call costs by the catalogue, for when the gateway does not say."""

from __future__ import annotations

from requesty_core.money.exact import product, total
from requesty_core.money.usage import Usage

from .info import ModelInfo, PriceTier

__all__ = ["EstimatedUsage", "estimate"]


class EstimatedUsage(Usage, frozen=True):
    """A usage whose cost was computed from catalogue prices.

    ``tier`` is the price tier by prompt size that was used; ``None`` where the gateway lists one price for all sizes.
    """

    tier: PriceTier | None = None


def estimate(usage: Usage, model: ModelInfo) -> EstimatedUsage | None:
    """The usage with a cost computed from catalogue prices, marked ``estimated``; ``None`` if a price is unknown.

    The size of the prompt decides the tier, for input and output alike. Cache reads and writes are part of the input
    tokens and priced on their own where the catalogue has a price. Catalogue prices are list prices: what the gateway
    adds on top (its pricing page names 5 %) is not in the figure; ``usage.cost`` of a reply has the truth.
    """
    tier = model.tier(usage.input_tokens)
    flat = PriceTier(0, model.input_price, model.output_price, model.cached_price, model.caching_price)
    prices = flat if tier is None else tier
    if prices.input_price is None or prices.output_price is None:
        return None
    cached = prices.input_price if prices.cached_price is None else prices.cached_price
    caching = prices.input_price if prices.caching_price is None else prices.caching_price
    plain = max(usage.input_tokens - usage.cached_tokens - usage.caching_tokens, 0)
    cost = total(
        (
            product(prices.input_price, plain),
            product(cached, usage.cached_tokens),
            product(caching, usage.caching_tokens),
            product(prices.output_price, usage.output_tokens),
        )
    )
    return EstimatedUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=usage.cached_tokens,
        caching_tokens=usage.caching_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost=cost,
        raw=usage.raw,
        estimated=True,
        tier=tier,
    )
