"""``ChatRequestyFallback``: a chain of models that is itself a chat model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from pydantic import Field

from requesty_core import Step
from requesty_core.adapters import plain_steps, steps_from
from requesty_core.errors import ConfigurationError

from ._errors import langchain_errors
from .chat_models import ChatRequesty

if TYPE_CHECKING:
    from ._typed import FallbackArguments

__all__ = ["ChatRequestyFallback"]

_EMPTY = "models: empty; give the models to try, in order"
_USE_MODELS = "{}: a chain takes it from its list; set models"


class ChatRequestyFallback(ChatRequesty):
    """A chain of models: the first that answers wins, unseen until its first meaningful delta.

    The same as ``ChatRequesty(model=first, fallbacks=rest)``, with per-step settings for the first model too. Tools,
    structured output, streaming, agents and serialisation work as on any chat model. Prefer a routing policy of the
    gateway (``policy/NAME``) where it can express what you need; this class also survives an outage of a policy.

    Example:
        ```python
        from langchain_requesty import ChatRequestyFallback

        llm = ChatRequestyFallback(
            models=[{"model": "openai/gpt-4o", "first_token_timeout": 5}, "anthropic/claude-sonnet-4-5"],
        )
        message = llm.invoke("Hello")
        message.response_metadata["requesty"]["attempts"]
        ```

    Raises:
        RequestyFallbackExhaustedError: every model failed; ``errors`` and ``attempts`` say how.
        RequestyError: a failure that no other model can help with (a bad request, a wrong key), or one after output.
    """

    _unconnected: ClassVar[frozenset[str]] = ChatRequesty._unconnected

    models: list[str | dict[str, Any]] = Field(default_factory=list)
    """The chain: ids, or steps ``{model, retries, timeout, first_token_timeout}``."""

    if TYPE_CHECKING:

        def __init__(
            self, models: Sequence[str | Step | dict[str, Any]], **settings: Unpack[FallbackArguments]
        ) -> None: ...
    else:

        def __init__(self, models=None, **kwargs):
            super().__init__(**_chain(models, kwargs))

    def _check(self) -> None:
        super()._check()
        if not self.models:
            raise ConfigurationError(_EMPTY)

    def _first(self) -> str | Step:
        return steps_from(self.models[:1])[0]


def _chain(models: Sequence[str | Step | dict[str, Any]] | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``ChatRequesty`` for a chain."""
    if models is None:
        return kwargs
    with langchain_errors():
        steps = plain_steps(steps_from(models))
        if not steps:
            raise ConfigurationError(_EMPTY)
        # A dump has them beside the chain that they are from; anything else would have no effect.
        derived = {"model": _id(steps[0]), "model_name": _id(steps[0]), "fallbacks": steps[1:]}
        for name in derived.keys() & kwargs.keys():
            if plain_steps(kwargs[name]) != derived[name]:
                raise ConfigurationError(_USE_MODELS.format(name))
    own = {key: value for key, value in kwargs.items() if key not in derived}
    return {**own, "models": steps, "model": _id(steps[0]), "fallbacks": steps[1:]}


def _id(step: str | dict[str, Any]) -> str:
    return step if isinstance(step, str) else step["model"]
