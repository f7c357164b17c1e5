"""``RequestyFallbackMiddleware``: the pack's fallback rules for agents, over any chat models.

A model with ``fallbacks=[...]`` needs no middleware. This is for agents whose models are separate objects (also of
other providers), or whose primary model is chosen at run time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core import exceptions as lc
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langgraph.errors import GraphBubbleUp

from requesty_core import FallbackPolicy, RequestyError
from requesty_core import errors as core
from requesty_core.adapters import Answered, Asking, HealthBoard, ask_in_turn, classified, perform, perform_async

from ._cache_marks import request_for
from ._errors import langchain_errors
from .chat_models import ChatRequesty

__all__ = ["RequestyFallbackMiddleware"]

# Other providers' errors, as the kinds the rules speak of. The order is from special to general.
_FOREIGN: tuple[tuple[type[lc.ModelError], type[RequestyError]], ...] = (
    (lc.ContextOverflowError, core.ContextOverflowError),
    (lc.ModelRateLimitError, core.RateLimitError),
    (lc.ModelTimeoutError, core.RequestTimeoutError),
    (lc.ModelConnectionError, core.ConnectionFailedError),
    (lc.ModelAPIError, core.ServerError),
    (lc.ModelNotFoundError, core.NotFoundError),
)


class RequestyFallbackMiddleware(AgentMiddleware[Any, Any, Any]):
    """Try further models when the agent's model fails.

    Falls back on classified errors only (rate limit, overload, server, connection, timeout, truncated, no credit,
    unknown model, context overflow), never on a bad request, a wrong key, an interrupt or a bug. A model that failed is
    passed over for a while. After output has been streamed the error is raised, because a second answer would follow
    the first half. Each model's own ``max_retries`` stays in force. Errors of other providers' packages are read by
    their status, also where they are wrapped. Cache marks of the request reach the models that take them, the gateway's
    among them, and are left out for the others.

    Args:
        models: models to try in order after the agent's own: chat models, or ids for :class:`ChatRequesty`; an id takes
            over the settings of the agent's model if that is a ``ChatRequesty``.
        policy: cool-down, deadline, attempt budget and predicate.

    Raises:
        RequestyFallbackExhaustedError: every model failed (when called); ``errors`` says how.

    The failed attempts stand before the successful one in ``response_metadata["requesty"]["attempts"]``.
    """

    def __init__(self, *models: BaseChatModel | str, policy: FallbackPolicy | None = None) -> None:
        super().__init__()
        if not models:
            raise core.ConfigurationError("models: none given; name at least one model to fall back to")
        self.models = models
        self._policy = policy or FallbackPolicy()
        self._health = HealthBoard()

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Ask the models in turn."""
        with langchain_errors():
            requests = self._requests(request)
            return _response(perform(self._asking(requests), lambda position: handler(requests[position])))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Ask the models in turn."""
        with langchain_errors():
            requests = self._requests(request)
            return _response(await perform_async(self._asking(requests), lambda position: handler(requests[position])))

    def _requests(self, request: ModelRequest[Any]) -> list[ModelRequest[Any]]:
        """The request to each model of the chain, the agent's own first."""
        others = [_as_model(model, request.model) for model in self.models]
        return [request, *(request_for(request, model) for model in others)]

    def _asking(self, requests: list[ModelRequest[Any]]) -> Asking[ModelResponse[Any]]:
        names = [_name(request.model) for request in requests]
        return ask_in_turn(names, self._policy, self._health, _classified)


def _name(model: BaseChatModel) -> str:
    """A name for messages and for the memory of failures."""
    return str(getattr(model, "model_name", None) or getattr(model, "model", None) or type(model).__name__)


def _as_model(model: BaseChatModel | str, primary: BaseChatModel) -> BaseChatModel:
    if isinstance(model, BaseChatModel):
        return model
    if isinstance(primary, ChatRequesty):
        return primary.model_copy(update={"model_name": model})
    return ChatRequesty(model=model)


def _classified(position: int, error: Exception) -> RequestyError | None:
    """The error in the terms of the rules; ``None`` for one they do not cover."""
    if isinstance(error, (GraphBubbleUp, core.ConfigurationError)):
        return None
    if isinstance(error, RequestyError):
        return error
    if not isinstance(error, lc.ModelError):
        return classified(error)
    for foreign, cls in _FOREIGN:
        if isinstance(error, foreign):
            made = cls(str(error))
            made.__cause__ = error
            return made
    return None


def _response(answered: Answered[ModelResponse[Any]]) -> ModelResponse[Any]:
    """The response, with the failed attempts in front of its own."""
    response = answered.result
    if not answered.failed:
        return response
    for message in response.result:
        if isinstance(message, AIMessage):
            own = message.response_metadata.get("requesty") or {}
            attempts = [*answered.failed, *own.get("attempts", ())]
            message.response_metadata = {**message.response_metadata, "requesty": {**own, "attempts": attempts}}
            break
    return response
