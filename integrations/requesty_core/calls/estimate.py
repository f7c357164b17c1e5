"""What an attempt will probably cost, by the prices of the catalogue: an estimate, never booked as a cost."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from requesty_core.money.usage import Usage

from .tokens import BYTES_PER_TOKEN, estimate_tokens

if TYPE_CHECKING:
    from requesty_core.catalog.catalog import Catalog

__all__ = ["BYTES_PER_TOKEN", "USUAL_OUTPUT_TOKENS", "estimate_cost"]

USUAL_OUTPUT_TOKENS = 1024
"""Tokens of an answer where the request sets no limit."""

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


_MOSTLY_TEXT = 32 * 1024
"""Bytes up to which a request is taken for text, without a look at what is in it."""


def estimate_cost(
    catalog: Catalog, model: str, body: Mapping[str, Any], length: int, usage: Usage | None = None
) -> Decimal | None:
    """USD for a request whose JSON is ``length`` bytes long; ``None`` if the catalogue has no price for the model.

    With ``usage``, the tokens that were told are priced. Without, the answer is taken to be as long as the request
    allows, or 1024 tokens if it sets no limit; requests without messages or input items to answer (embeddings) have no
    output. The size of the prompt decides the price of input and output, where a model has several.
    """
    info = catalog.lookup(model)
    if info is None or info.input_price is None:
        return None
    if usage is None or not (usage.input_tokens or usage.output_tokens):
        usage = Usage(input_tokens=_input_tokens(body, length), output_tokens=_output_tokens(body))
    from requesty_core.catalog.prices import estimate

    estimated = estimate(usage, info)
    return None if estimated is None else estimated.cost


def _input_tokens(body: Mapping[str, Any], length: int) -> int:
    messages = body.get("messages")
    if length > _MOSTLY_TEXT and isinstance(messages, list):
        # An image of a megabyte is no quarter of a million tokens.
        tools = body.get("tools")
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            return estimate_tokens(messages, tools if isinstance(tools, list) else ())
    return length // BYTES_PER_TOKEN


def _output_tokens(body: Mapping[str, Any]) -> int:
    if "encoding_format" in body:
        return 0
    limits = [body[name] for name in _LIMITS if isinstance(body.get(name), int)]
    answers = body["n"] if isinstance(body.get("n"), int) else 1
    return max((limits[0] if limits else USUAL_OUTPUT_TOKENS) * answers, 0)
