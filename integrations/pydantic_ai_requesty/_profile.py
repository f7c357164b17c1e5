"""Model profiles: the vendor's own, as Pydantic AI knows it, with what the catalogue and the gateway say on top."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, cast

from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.profiles.openai import OpenAIModelProfile

from requesty_core.catalog import (
    Catalog,
    bundled,
    context_window,
    identify,
    structured_output_form,
    supports_schema,
    supports_web_search,
    token_parameter,
)

from ._schema import RequestyJsonSchemaTransformer

__all__ = ["facts_of", "profile_for", "smallest_window"]

# Makers, and the module of `pydantic_ai.profiles` that knows their models.
_FAMILIES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "mistral": "mistral",
    "alibaba": "qwen",
    "xai": "grok",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "meta": "meta",
    "moonshot": "moonshotai",
    "zai": "zai",
}

_FLAGS = {
    "supports_tool_calling": "supports_tools",
    "supports_json_object": "supports_json_object_output",
    "supports_image_generation": "supports_image_output",
    "supports_vision": "supports_image_input",
    "supports_reasoning": "supports_thinking",
}
_GATEWAY = OpenAIModelProfile(
    json_schema_transformer=RequestyJsonSchemaTransformer,
    supports_thinking=True,
    # `requesty.auto_cache` is the request-side switch.
    supports_cache=True,
    openai_supports_prompt_cache_breakpoints=False,
    openai_chat_thinking_field="reasoning_content",
    openai_chat_send_back_thinking_parts="auto",
    openai_chat_supports_file_urls=True,
    openai_chat_supports_max_completion_tokens=False,
    openai_chat_supports_web_search=False,
)


# Otherwise a tool, as Pydantic AI's own default is.
_MODES = {"schema": "native", "json_object": "prompted"}


def profile_for(model: str, catalog: Catalog | None = None) -> ModelProfile:
    """The profile of a model id, by what the model is: the same for every host, region, spelling and variant of it.

    What nobody knows is left open.
    """
    return merge_profile(_vendor(model), cast("ModelProfile", _GATEWAY), facts_of(model, bundled()))


def facts_of(model: str, catalog: Catalog) -> ModelProfile:
    """What a catalogue and the table of rules know of a model."""
    return merge_profile(_catalogue(model, catalog), _rules(model, catalog))


def _vendor(model: str) -> ModelProfile | None:
    identity = identify(model)
    family = None if identity is None else _FAMILIES.get(identity.maker or "")
    if identity is None or family is None:
        return None
    module = import_module(f"pydantic_ai.profiles.{family}")
    profile: ModelProfile | None = getattr(module, f"{family}_model_profile")(identity.model)
    return profile


def _catalogue(model: str, catalog: Catalog) -> ModelProfile | None:
    info = catalog.lookup(model)
    if info is None:
        return None
    known: dict[str, Any] = {}
    for attribute, key in _FLAGS.items():
        if (value := getattr(info, attribute)) is not None:
            known[key] = value
    if info.context_window is not None:
        known["context_window"] = info.context_window
    return cast("ModelProfile", known)


def _rules(model: str, catalog: Catalog) -> ModelProfile:
    """What the model takes: schemas, and the name of the limit on its output."""
    known: dict[str, Any] = {
        "openai_chat_supports_max_completion_tokens": token_parameter(model) == "max_completion_tokens",
        "openai_chat_supports_web_search": supports_web_search(model, catalog) is True,
    }
    if (schema := supports_schema(model, catalog)) is not None:
        known["supports_json_schema_output"] = schema
    form = structured_output_form([model], catalog)
    if form in _MODES:
        known["default_structured_output_mode"] = _MODES[form]
    return cast("ModelProfile", known)


def smallest_window(profile: ModelProfile, others: Iterable[str], catalog: Catalog) -> ModelProfile:
    """``profile`` with the smallest context window of its model and the others of the chain."""
    known = (profile.get("context_window"), *(context_window(model, catalog) for model in others))
    windows = [window for window in known if window]
    return cast("ModelProfile", {**profile, "context_window": min(windows)}) if windows else profile
