"""The billed cost in LangSmith's traces, where it would else be guessed from tokens by a price list.

LangSmith reads ``total_cost`` from the usage in a run's metadata. LangChain's tracer writes that usage at the end of a
run from the message, whose own usage may hold whole numbers only: LangChain adds them up and trips over a price. So the
cost waits in the run's metadata and joins the usage when it is written. Where LangChain tells a model which run it
serves, the model says it there. It does not for ``stream`` and ``astream``: there a handler of the run's own, which
stands before the tracers, hears of the end first and reads the cost from the sum of the chunks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.runnables import RunnableConfig, ensure_config

__all__ = ["tell_billed", "tell_cost", "telling_config"]

_USAGE = "usage_metadata"


class _Metadata(dict[str, Any]):
    """A run's metadata that knows what the run cost, in USD."""

    def __init__(self, given: dict[str, Any], cost: float) -> None:
        super().__init__(given)
        self._cost = cost

    def __setitem__(self, key: str, value: Any) -> None:
        # An answer from LangChain's cache has a cost there already, which is none.
        super().__setitem__(key, {"total_cost": self._cost, **value} if key == _USAGE and value else value)


def tell_billed(run_manager: Any, result: ChatResult) -> None:
    """Let the tracers of a run, if there are any, know what its answer cost by its metadata."""
    if run_manager is not None and run_manager.handlers:
        tell_cost(run_manager, next((cost for one in result.generations if (cost := _cost(one)) is not None), None))


def _cost(generation: Any) -> float | None:
    if not isinstance(generation, ChatGeneration):
        return None
    cost: float | None = generation.message.response_metadata.get("cost")
    return cost


def tell_cost(run_manager: Any, cost: float | None) -> None:
    """Let the tracers of a run, if there are any, know what it cost; an unknown cost stays unknown."""
    if run_manager is not None and cost is not None:
        _tell(_tracers(run_manager.handlers), run_manager.run_id, cost)


def telling_config(config: RunnableConfig | None, local: Any, *, is_async: bool) -> RunnableConfig | None:
    """The configuration of a streamed run, whose tracers will know what it cost; the given one if none traces it.

    Args:
        config: the caller's.
        local: the model's own callbacks.
        is_async: whether the run is asynchronous.
    """
    whole = ensure_config(config)
    kind = AsyncCallbackManager if is_async else CallbackManager
    manager = kind.configure(whole.get("callbacks"), local)
    tracers = _tracers(manager.handlers)
    if not tracers:
        return config
    manager.handlers.insert(0, _Teller(tracers))
    return {**whole, "callbacks": manager}


class _Teller(BaseCallbackHandler):
    """Hears of a run's end before the tracers do."""

    run_inline = True

    def __init__(self, tracers: Sequence[Any]) -> None:
        self._tracers = tracers

    @property
    def ignore_chat_model(self) -> bool:
        """The start of a run is of no interest."""
        return True

    def on_llm_end(self, response: LLMResult, *, run_id: Any, **kwargs: Any) -> None:
        """The run is over."""
        for generation in (one for several in response.generations for one in several):
            cost = _cost(generation)
            if cost is not None:
                _tell(self._tracers, run_id, cost)


def _tracers(handlers: Iterable[Any]) -> list[Any]:
    tracing = sys.modules.get("langchain_core.tracers.langchain")
    return [] if tracing is None else [one for one in handlers if isinstance(one, tracing.LangChainTracer)]


def _tell(tracers: Iterable[Any], run_id: Any, cost: float) -> None:
    for tracer in tracers:
        run = tracer.run_map.get(str(run_id))
        if run is not None:
            extra = run.extra = run.extra or {}
            extra["metadata"] = _Metadata(extra.get("metadata") or {}, cost)
