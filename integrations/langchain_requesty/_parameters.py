"""Request parameters that are fields of the chat model, and the parameters of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from requesty_core.adapters import strict_format
from requesty_core.errors import ConfigurationError

from ._tools import response_format

__all__ = ["MAPPED", "PARAMETERS", "RequestParameters"]

# Fields that are request parameters under their own name.
PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "stop",
    "n",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "user",
    "service_tier",
    "store",
    "verbosity",
    "parallel_tool_calls",
    "reasoning_effort",
    "thinking",
)
MAPPED = frozenset(("max_tokens", "thinking"))
"""Fields that are this package's word for what models take under several names: sent as the model takes it."""


class RequestParameters(BaseModel):
    """What a request says beside its messages; unset fields are not sent."""

    model_config = ConfigDict(defer_build=True)

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Request parameters this class has no field for."""

    temperature: float | None = None
    """Sampling temperature."""
    top_p: float | None = None
    """Nucleus sampling mass."""
    top_k: int | None = None
    """Sample from the k likeliest tokens only."""
    min_p: float | None = None
    """Least probability, relative to the likeliest token."""
    max_tokens: int | None = None
    """Most tokens to generate, sent under the name that the model takes."""
    max_completion_tokens: int | None = None
    """The same under the name some models require."""
    frequency_penalty: float | None = None
    """Penalty on frequent tokens, -2 to 2."""
    presence_penalty: float | None = None
    """Penalty on tokens already present, -2 to 2."""
    repetition_penalty: float | None = None
    """Multiplicative penalty on repetition."""
    seed: int | None = None
    """Seed for reproducible sampling, where supported."""
    stop: list[str] | str | None = Field(default=None, alias="stop_sequences")
    """Texts that end the answer."""
    n: int | None = None
    """Number of answers; more than one only without streaming."""
    logprobs: bool | None = None
    """Whether to return log probabilities."""
    top_logprobs: int | None = None
    """Alternatives per token to return log probabilities of."""
    logit_bias: dict[str, int] | None = None
    """Bias per token id."""
    user: str | None = None
    """End user, for the provider."""
    service_tier: str | None = None
    """Provider's service tier."""
    store: bool | None = None
    """Whether the provider may keep the answer."""
    verbosity: str | None = None
    """``low``, ``medium`` or ``high``, where supported."""
    parallel_tool_calls: bool | None = None
    """Whether several tools may be called at once; sent only with tools."""
    reasoning_effort: str | None = None
    """``none``, ``min``, ``low``, ``medium``, ``high``, ``xhigh``, ``max``, or a token budget such as ``"4096"``."""
    reasoning: dict[str, Any] | None = None
    """The same as a mapping, ``{"effort": "high"}`` or ``{"max_tokens": 4096}``, for code written so."""
    thinking: dict[str, Any] | None = None
    """``{"type": "enabled", "budget_tokens": 4096}``; models that take no budget get the effort it stands for."""

    @property
    def _default_params(self) -> dict[str, Any]:
        """Request parameters set on the model."""
        fields = self.__dict__
        own = {name: value for name in PARAMETERS if (value := fields.get(name)) is not None}
        if self.reasoning is not None and "reasoning_effort" not in own:
            own["reasoning_effort"] = _effort(self.reasoning)
        return {**own, **self.model_kwargs}

    def _parameter(self, name: str, kwargs: Mapping[str, Any]) -> Any:
        """One of a request's parameters as the call or the model has it, for questions that need no other."""
        for given in (kwargs, self.model_kwargs):
            if name in given:
                return given[name]
        return getattr(self, name) if name in PARAMETERS else None

    def _request_params(self, kwargs: Mapping[str, Any], stop: list[str] | None = None) -> dict[str, Any]:
        """Parameters of one request: the model's, then the call's. ``None`` in a call unsets the model's."""
        params = {**self._default_params, **kwargs}
        params.pop("stream", None)
        params.pop("strict_schemas", None)
        if stop is not None:
            params["stop"] = stop
        effort = params.pop("reasoning", None)
        if isinstance(effort, Mapping):
            params["reasoning_effort"] = _effort(effort)
        if (schema := params.get("response_format")) is not None:
            params["response_format"] = strict_format(response_format(schema))[0]
        if not params.get("tools"):
            params.pop("parallel_tool_calls", None)
        return params


def _effort(reasoning: Mapping[str, Any]) -> str:
    """``reasoning_effort`` for the mapping other gateways take."""
    unknown = reasoning.keys() - {"effort", "max_tokens", "enabled"}
    if unknown or not reasoning:
        raise ConfigurationError(f"reasoning: {dict(reasoning)!r} is not usable; give 'effort' or 'max_tokens'")
    if reasoning.get("enabled") is False:
        return "none"
    budget = reasoning.get("max_tokens")
    return str(budget) if budget is not None else str(reasoning.get("effort") or "medium")
