"""What is known of models: ids, windows, prices, abilities, and what they refuse."""

from __future__ import annotations

from .abilities import may_force_tools, takes
from .cache import current
from .catalog import Catalog, ModelInfo, bundled, estimate
from .identity import Identity, identify

__all__ = ["Catalog", "Identity", "ModelInfo", "bundled", "current", "estimate", "identify", "may_force_tools", "takes"]
