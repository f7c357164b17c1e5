"""What an attempt will probably cost, by the prices of the catalogue: an estimate, never booked as a cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from requesty_core.catalog.catalog import Catalog
from requesty_core.money.exact import product, total

__all__ = ["BYTES_PER_TOKEN", "USUAL_OUTPUT_TOKENS", "estimate_cost"]

BYTES_PER_TOKEN = 4
"""Bytes of a request's JSON that make a token of English text, by the model makers' own rule of thumb."""

USUAL_OUTPUT_TOKENS = 1024
"""Tokens of an answer where the request sets no limit."""

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def estimate_cost(catalog: Catalog, model: str, body: Mapping[str, Any], length: int) -> Decimal | None:
    """USD for a request whose JSON is ``length`` bytes long; ``None`` if the catalogue has no price for the model.

    The answer is taken to be as long as the request allows, or 1024 tokens if it sets no limit; requests without
    messages or input items to answer (embeddings) have no output.
    """
    info = catalog.lookup(model)
    if info is None or info.input_price is None:
        return None
    limits = [body[name] for name in _LIMITS if isinstance(body.get(name), int)]
    output = (limits[0] if limits else USUAL_OUTPUT_TOKENS) * (body["n"] if isinstance(body.get("n"), int) else 1)
    if info.output_price is None:
        return None
    if "encoding_format" in body:
        output = 0
    return total((product(info.input_price, length // BYTES_PER_TOKEN), product(info.output_price, max(output, 0))))
