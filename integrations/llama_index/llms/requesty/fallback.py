"""``RequestyFallback``: a chain of models that is itself a function-calling LLM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from llama_index.core.bridge.pydantic import Field

from requesty_core import Step
from requesty_core.adapters import plain_steps, steps_from
from requesty_core.errors import ConfigurationError

from .base import Requesty

if TYPE_CHECKING:
    from ._typed import ChainArguments

__all__ = ["RequestyFallback"]

_EMPTY = "models: empty; give the models to try, in order"
_USE_MODELS = "{}: a chain takes it from its list; set models"
_DERIVED = frozenset(("model", "fallbacks"))
# What a member says of the one model it names; everything else is asked of the whole chain alike.
_OF_THE_MODEL = frozenset(
    ("model", "fallbacks", "models", "callback_manager", "ledger", "context_window", "num_output")
)


class RequestyFallback(Requesty):
    """A chain of models: the first that answers wins, unseen until its first meaningful delta.

    The same as ``Requesty(first, fallbacks=rest)``, with per-step settings for the first model too. It is one LLM:
    one span and one pair of events per call, one callback manager, one ledger. Prefer a routing policy of the gateway
    (``policy/NAME``) where it can express what you need; this class also survives an outage of a policy.

    Members may be ids, :class:`requesty_core.Step`, mappings ``{model, retries, timeout, first_token_timeout}``, or
    :class:`Requesty` objects. Objects lend the chain their settings, which must therefore agree: every model is sent
    the same request.

    Example:
        ```python
        from llama_index.llms.requesty import RequestyFallback

        llm = RequestyFallback(
            models=[{"model": "openai/gpt-4o", "first_token_timeout": 5}, "anthropic/claude-sonnet-4-5"],
        )
        response = llm.complete("Hello")
        response.additional_kwargs["attempts"]
        ```

    Raises:
        FallbackExhaustedError: every model failed; ``errors`` and ``attempts`` say how.
        RequestyError: a failure that no other model can help with (a bad request, a wrong key), or one after output,
            with ``partial``.
    """

    models: list[str | dict[str, Any]] = Field(default_factory=list, description="The chain, in order.")

    def __init__(
        self,
        models: Sequence[str | Step | dict[str, Any] | Requesty] | None = None,
        **kwargs: Unpack[ChainArguments],
    ) -> None:
        chain = _chain(models)
        members = [item for item in models or () if isinstance(item, Requesty)]
        for name in _DERIVED & kwargs.keys():
            # A dump has them beside the chain that they are from; anything else would have no effect.
            if plain_steps(kwargs.get(name)) != chain[name]:
                raise ConfigurationError(_USE_MODELS.format(name))
        given: dict[str, Any] = {key: value for key, value in kwargs.items() if key not in ("model", "fallbacks")}
        settings = {**_shared_settings(members, given), **given}
        super().__init__(**settings, **chain)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _DERIVED:
            raise ConfigurationError(_USE_MODELS.format(name))
        for key, item in (_chain(value) if name == "models" else {name: value}).items():
            super().__setattr__(key, item)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; ``update`` may give other ``models``."""
        update = dict(update or {})
        if given := _DERIVED & update.keys():
            raise ConfigurationError(_USE_MODELS.format(min(given)))
        if "models" in update:
            update |= _chain(update["models"])
        return super().model_copy(update=update, deep=deep)

    @classmethod
    def class_name(cls) -> str:
        """Id of the class in serialised form."""
        return "RequestyFallback_LLM"

    def _first(self) -> str | Step:
        return steps_from(self.models[:1])[0]


def _chain(models: Any) -> dict[str, Any]:
    """The fields that say what the chain is. Raises :class:`ConfigurationError` for anything but a list of models."""
    if not models:
        raise ConfigurationError(_EMPTY)
    if isinstance(models, (str, Step, dict, Requesty)) or not isinstance(models, Iterable):
        raise ConfigurationError("models: give a list of models, not a single one")
    steps = steps_from([step for item in models for step in (_steps(item) if isinstance(item, Requesty) else [item])])
    plain = plain_steps(steps)
    return {"models": plain, "model": steps[0].model, "fallbacks": plain[1:]}


def _steps(member: Requesty) -> list[Any]:
    """The steps a member stands for, its own fallbacks included."""
    first = member.models[0] if isinstance(member, RequestyFallback) else member.model
    return [first, *member.fallbacks]


def _shared_settings(members: list[Requesty], given: dict[str, Any]) -> dict[str, Any]:
    """The settings that all members have. Raises :class:`ConfigurationError` where they differ and none is given."""
    if not members:
        return {}
    shared: dict[str, Any] = {}
    for name in Requesty.model_fields:
        if name in _OF_THE_MODEL or name in given:
            continue
        values = [getattr(member, name) for member in members]
        if any(value != values[0] for value in values):
            raise ConfigurationError(
                f"models: the members differ in {name}, but every model of a chain is sent the same request; "
                f"pass {name}= to the fallback itself"
            )
        shared[name] = values[0]
    return shared | {"ledger": members[0].ledger, "callback_manager": members[0].callback_manager} | given
