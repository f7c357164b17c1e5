"""Fields of the LLM, and what they make of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from llama_index.core.base.llms.types import ChatMessage, LLMMetadata
from llama_index.core.bridge.pydantic import Field, field_serializer, field_validator

from llama_index.utils.requesty import Connection
from requesty_core import FallbackPolicy, Step
from requesty_core.adapters import (
    CHAIN_SETTINGS,
    check_model,
    legal_call,
    plain_policy,
    plain_steps,
    policy_from,
    strict_format,
)
from requesty_core.catalog import Catalog

from ._messages import wire_messages
from ._metadata import metadata_for
from ._structured import StructuredMode

__all__ = ["ChatSettings"]

# Fields that are request parameters under their own name.
PARAMETERS = ("temperature", "max_tokens", "top_p", "seed", "stop", "reasoning_effort")
MAPPED = frozenset(("max_tokens", "thinking"))
"""Parameters that models take under several names: sent as the model takes them."""


class ChatSettings(Connection):
    """Settings of a chat model, and the arguments of its calls."""

    _connected = (*Connection._connected, *CHAIN_SETTINGS)

    model: str = Field(description="Model id, sent untouched: `openai/gpt-4o-mini`, `policy/NAME`, `…@eu`, …")
    fallbacks: list[str | dict[str, Any]] = Field(
        default_factory=list,
        description="Models to try when this one fails: ids, or steps {model, retries, timeout, first_token_timeout}.",
    )
    fallback_policy: FallbackPolicy | None = Field(
        default=None, description="Rules of retry, cool-down, deadline and hedging."
    )
    adapt: Literal["chain", "always", "never"] = Field(
        default="chain",
        description="When fields set by you follow a model's rules: for later models of a chain, always, or never.",
    )
    temperature: float | None = Field(default=None, description="Sampling temperature; sent only if set.")
    max_tokens: int | None = Field(
        default=None, description="Most tokens to generate, under the name that the model takes; sent only if set."
    )
    top_p: float | None = Field(default=None, description="Nucleus sampling mass.")
    seed: int | None = Field(default=None, description="Seed for reproducible sampling, where supported.")
    stop: list[str] | str | None = Field(default=None, description="Texts that end the answer.")
    reasoning_effort: str | None = Field(
        default=None, description="`none`, `low`, `medium`, `high`, `max`, …, or a token budget such as `4096`."
    )
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Request parameters this class has no field for."
    )
    strict: bool = Field(default=False, description="Whether tool arguments must follow the tool's schema exactly.")
    structured_output: StructuredMode = Field(
        default="auto",
        description="`json_schema`, `tools` or `prompt`; `auto` takes the first that every model is known to do.",
    )
    catalog: Catalog | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Facts about models instead of those known here, as from `RequestyClient(…).models.catalog()`.",
    )
    context_window: int | None = Field(default=None, gt=0, description="Overrules the catalogue.")
    num_output: int | None = Field(default=None, description="Overrules the catalogue; -1 for unknown.")
    is_function_calling_model: bool | None = Field(default=None, description="Overrules the catalogue.")

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _plain_steps(cls, value: Any) -> Any:
        """Steps as plain mappings, so that the model serialises."""
        return plain_steps(value)

    @field_validator("fallback_policy", mode="before")
    @classmethod
    def _policy(cls, value: Any) -> Any:
        return policy_from(value)

    @field_serializer("fallback_policy")
    def _dump_policy(self, value: FallbackPolicy | None) -> dict[str, Any] | None:
        """The policy as plain values; a function of the caller's cannot be dumped."""
        return plain_policy(value, drop_function=True)

    def _check(self) -> None:
        check_model(self.model)

    def _models(self) -> list[str]:
        """Ids of the whole chain."""
        return [self.model, *(item if isinstance(item, str) else item["model"] for item in self.fallbacks)]

    def _first(self) -> str | Step:
        """The model to ask first."""
        return self.model

    def _facts(self) -> Catalog:
        """What is known of models: the catalogue that was given, else what was fetched last, else the snapshot."""
        return self._pair().settings.catalog if self.catalog is None else self.catalog

    @property
    def metadata(self) -> LLMMetadata:
        """What every model of the chain can honour: as set, else from the catalogue."""
        return metadata_for(
            self._models(),
            self._facts(),
            context_window=self.context_window,
            num_output=self.max_tokens if self.num_output is None else self.num_output,
            is_function_calling_model=self.is_function_calling_model,
        )

    def _call(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the core client for one call; a call's ``None`` unsets the model's parameter."""
        own = {name: getattr(self, name) for name in PARAMETERS}
        added = {*kwargs.get("added_fields", ())}
        params = {**own, **self.additional_kwargs, **kwargs}
        # What the class adds by itself yields to what the caller set for every call.
        params |= {name: self.additional_kwargs[name] for name in added & self.additional_kwargs.keys()}
        params.pop("stream", None)
        params.pop("strict_schemas", None)
        params.pop("loose_tools", None)
        if "response_format" in params:
            params["response_format"] = strict_format(params["response_format"])[0]
        if not params.get("tools"):
            # Without tools the gateway refuses these.
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                params.pop(name, None)
        if mapped := MAPPED & params.keys():
            params["added_fields"] = (*added, *mapped)
        model = params.pop("model", None) or self._first()
        return legal_call({"model": model, "messages": wire_messages(messages), **params})
