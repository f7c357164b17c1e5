"""The settings of a chat model, and how it describes itself to LangChain."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from langchain_core.language_models import BaseChatModel, LangSmithParams, ModelProfile
from pydantic import ConfigDict, Field, field_validator, model_validator

from requesty_core import FallbackPolicy, Timeouts, __version__
from requesty_core.adapters import CHAIN_SETTINGS, plain_policy, plain_steps, plain_timeout, policy_from
from requesty_core.catalog import supports_schema

from ._binding import BindableChatModel
from ._connection import Connection
from ._parameters import PARAMETERS, RequestParameters
from ._profile import profile_for
from ._tool_calls import PROVIDER

__all__ = ["ChatSettings"]


class ChatSettings(Connection, RequestParameters, BindableChatModel):
    """Everything of a chat model but its calls."""

    model_config = ConfigDict(defer_build=True)

    _unconnected: ClassVar[frozenset[str]] = frozenset(
        (
            *PARAMETERS,
            *BaseChatModel.model_fields,
            "model_name",
            "model_kwargs",
            "reasoning",
            "stream_usage",
            "streaming",
        )
    )

    fallbacks: list[str | dict[str, Any]] = Field(default_factory=list)
    """Models to try when this one fails: ids, or steps ``{model, retries, timeout, first_token_timeout}``."""

    fallback_policy: FallbackPolicy | None = None
    """Rules of retry, cool-down, deadline and hedging."""

    adapt: Literal["chain", "always", "never"] = "chain"
    """When fields that you set follow a model's rules: for the later models of a chain, always, or never."""

    streaming: bool = False
    """Whether ``invoke`` streams underneath. Setting it to ``False`` explicitly turns ``stream`` off too."""
    stream_usage: bool = True
    """Whether streams ask for usage, without which the gateway tells no cost."""
    include_response_headers: bool = False
    """Whether ``response_metadata["headers"]`` is filled."""

    def _check(self) -> None:
        self._request_params({})

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _plain_steps(cls, value: Any) -> Any:
        """Steps as plain mappings, so that the model serialises."""
        return plain_steps(value)

    @field_validator("fallback_policy", mode="before")
    @classmethod
    def _policy(cls, value: Any) -> Any:
        return policy_from(value)

    @model_validator(mode="after")
    def _set_requesty_version(self) -> Self:
        self._add_version("requesty-adapters", __version__)
        return self

    @property
    def _llm_type(self) -> str:
        return "requesty-chat"

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Settings that are objects, as plain values for ``dumpd``."""
        plain: dict[str, Any] = {}
        if isinstance(self.request_timeout, Timeouts):
            plain["request_timeout"] = plain_timeout(self.request_timeout)
        policy = self.fallback_policy
        if policy is not None and policy.should_fall_back is None:
            plain["fallback_policy"] = plain_policy(policy)
        return plain

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether ``dumpd`` and ``load`` work on it: yes, without the key."""
        return True

    @property
    def _identifying_params(self) -> dict[str, Any]:
        routing = {
            "model": self.model_name,
            "base_url": self._pair().sync.base_url,
            "fallbacks": self.fallbacks or None,
            "options": self.options,
            "extra_body": self.extra_body,
        }
        return {key: value for key, value in {**routing, **self._default_params}.items() if value is not None}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = self._request_params(kwargs)
        ls = LangSmithParams(
            ls_provider=PROVIDER, ls_model_name=kwargs.get("model") or self.model_name, ls_model_type="chat"
        )
        if (temperature := params.get("temperature")) is not None:
            ls["ls_temperature"] = temperature
        if (limit := params.get("max_tokens") or params.get("max_completion_tokens")) is not None:
            ls["ls_max_tokens"] = limit
        stops = stop or params.get("stop")
        if stops:
            ls["ls_stop"] = [stops] if isinstance(stops, str) else list(stops)
        return ls

    def _resolve_model_profile(self) -> ModelProfile | None:
        return profile_for(self._model_ids(), self._pair().settings.catalog)

    def _takes_schemas(self) -> bool:
        catalog = self._pair().settings.catalog
        return all(supports_schema(model, catalog) for model in self._model_ids())

    def _model_ids(self) -> list[str]:
        return [self.model_name, *(f if isinstance(f, str) else f["model"] for f in self.fallbacks)]

    def _client_settings(self) -> dict[str, Any]:
        return {**super()._client_settings(), **{name: getattr(self, name) for name in CHAIN_SETTINGS}}
