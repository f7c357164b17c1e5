"""The billed cost in LangSmith's traces, where it would else be guessed from tokens by a price list.

LangSmith reads ``total_cost`` from the usage in a run's metadata. LangChain's tracer writes that usage at the end of a
run from the message, whose own usage may hold whole numbers only: LangChain adds them up and trips over a price. So the
cost waits in the run's metadata and joins the usage when it is written. LangChain tells a model which run it serves
only where it asks for a whole answer; a streamed run has the cost in its message's metadata alone.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["tell_cost"]

_USAGE = "usage_metadata"


class _Metadata(dict[str, Any]):
    """A run's metadata that knows what the run cost, in USD."""

    def __init__(self, given: dict[str, Any], cost: float) -> None:
        super().__init__(given)
        self._cost = cost

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, {**value, "total_cost": self._cost} if key == _USAGE and value else value)


def tell_cost(run_manager: Any, cost: float | None) -> None:
    """Let the tracers of a run, if there are any, know what it cost; an unknown cost stays unknown."""
    tracing = sys.modules.get("langchain_core.tracers.langchain")
    if run_manager is None or cost is None or tracing is None:
        return
    for handler in run_manager.handlers:
        if isinstance(handler, tracing.LangChainTracer):
            run = handler.run_map.get(str(run_manager.run_id))
            if run is not None:
                extra = run.extra = run.extra or {}
                extra["metadata"] = _Metadata(extra.get("metadata") or {}, cost)
