"""The result of an embeddings call, with a price that Pydantic AI's own price data does not have."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from genai_prices import types as prices
from pydantic_ai.embeddings import EmbeddingResult

from requesty_core.catalog import bundled

__all__ = ["RequestyEmbeddingResult"]


@dataclass
class RequestyEmbeddingResult(EmbeddingResult):
    """An :class:`~pydantic_ai.embeddings.EmbeddingResult` whose :meth:`cost` knows the gateway."""

    def cost(self) -> prices.PriceCalculation:
        """What the call cost in USD: as billed where the gateway said so, else by the catalogue's price of the model.

        The gateway does not always tell what embeddings cost; ``usage.cost`` is ``None`` then.

        Raises:
            LookupError: neither is known.
        """
        asked = str((self.provider_details or {}).get("requested_model") or self.model_name)
        info = bundled().lookup(asked)
        price = None if info is None else info.input_price
        total = self.usage.cost
        if total is None:
            if price is None or self.usage.unmeasured_requests:
                raise LookupError(f"the gateway told no cost, and the catalogue has no price for {asked!r}")
            total = price * self.usage.input_tokens
        per_million = prices.ModelPrice(input_mtok=None if price is None else price * 1_000_000)
        model = prices.ModelInfo(id=asked, match=prices.ClauseEquals(equals=asked), prices=per_million)
        return prices.PriceCalculation(
            input_price=total,
            output_price=Decimal(0),
            total_price=total,
            model=model,
            provider=prices.Provider(id="requesty", name="Requesty", api_pattern="", models=[model]),
            model_price=per_million,
            auto_update_timestamp=None,
        )
