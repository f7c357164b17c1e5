"""The members of a chain: made of model ids, saved and restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from haystack.core.serialization import component_from_dict, component_to_dict, import_class_by_name
from haystack.utils import Secret

from requesty_core import FallbackPolicy, Step
from requesty_core.adapters import plain_policy, plain_steps, steps_from

from .chat_generator import RequestyChatGenerator

if TYPE_CHECKING:
    from .fallback import RequestyFallbackChatGenerator

__all__ = ["one_client", "plain_chain", "restored_chain"]

_GENERATOR = f"{RequestyChatGenerator.__module__}.{RequestyChatGenerator.__name__}"


def one_client(
    models: Sequence[str | Step | dict[str, Any]],
    api_key: Secret | Callable[[], str],
    policy: FallbackPolicy | None,
    settings: Mapping[str, Any],
) -> RequestyChatGenerator:
    """One generator that asks the models in turn. Raises :class:`ConfigurationError` for what is no model."""
    first, *rest = steps_from(models)
    generator = RequestyChatGenerator(
        model=first.model, api_key=api_key, fallbacks=list(rest), fallback_policy=policy, **settings
    )
    generator._first = first
    return generator


def plain_chain(chain: RequestyFallbackChatGenerator) -> dict[str, Any]:
    """Init parameters for ``to_dict``."""
    policy = plain_policy(chain.policy)
    if not chain.models:
        return {
            "generators": [component_to_dict(member, name="generator") for member in chain.generators],
            "policy": policy,
        }
    (member,) = chain.generators
    inner = member.to_dict()["init_parameters"]
    own = {key: inner[key] for key in chain.generator_kwargs or () if key in inner}
    steps = plain_steps([member._first, *steps_from(member.fallbacks)])
    return {"models": steps, "api_key": chain.api_key, "policy": policy, "generator_kwargs": own or None}


def restored_chain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Init parameters with the members in place of what was saved of them; the data is not changed."""
    parameters: dict[str, Any] = deepcopy(data.get("init_parameters", {}))
    if parameters.get("chat_generators"):
        parameters["generators"] = parameters.pop("chat_generators")
    if parameters.get("generators"):
        parameters["generators"] = [
            component_from_dict(import_class_by_name(item["type"]), item, name="generator")
            for item in parameters["generators"]
        ]
    elif own := parameters.get("generator_kwargs"):
        inner = {"type": _GENERATOR, "init_parameters": {"model": "x", **own}}
        restored = RequestyChatGenerator.from_dict(inner)
        parameters["generator_kwargs"] = {name: getattr(restored, name) for name in own}
    return parameters
