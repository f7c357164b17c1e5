"""What is known of models: ids, windows, prices and abilities."""

from __future__ import annotations

from .catalog import Catalog, ModelInfo, bundled, estimate

__all__ = ["Catalog", "ModelInfo", "bundled", "estimate"]
