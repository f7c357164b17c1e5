"""Model profiles: the vendor's own, as Pydantic AI knows it, with what the catalogue and the gateway say on top."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.profiles.openai import OpenAIModelProfile

from requesty_core import ModelId
from requesty_core.catalog import bundled

from ._schema import RequestyJsonSchemaTransformer

__all__ = ["narrowed", "profile_for"]

# Prefixes and vendor segments of model ids, and the module of `pydantic_ai.profiles` that knows the family.
_FAMILIES = {
    "openai": "openai",
    "openai-responses": "openai",
    "azure": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "mistral": "mistral",
    "mistralai": "mistral",
    "qwen": "qwen",
    "alibaba": "qwen",
    "xai": "grok",
    "x-ai": "grok",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "meta-llama": "meta",
    "moonshot": "moonshotai",
    "moonshotai": "moonshotai",
}

_FLAGS = {
    "supports_tool_calling": "supports_tools",
    "supports_json_schema": "supports_json_schema_output",
    "supports_json_object": "supports_json_object_output",
    "supports_image_generation": "supports_image_output",
    "supports_vision": "supports_image_input",
    "supports_reasoning": "supports_thinking",
    "supports_web_search": "openai_chat_supports_web_search",
}
# What a chain can do is what all its models can.
_NARROWED = (*_FLAGS.values(), "supports_forced_tool_choice")

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


def profile_for(model: str) -> ModelProfile:
    """The profile of a model id; regions and variants are looked through, and what nobody knows is left open."""
    return merge_profile(_vendor(model), cast("ModelProfile", _GATEWAY), _catalogue(model))


def _vendor(model: str) -> ModelProfile | None:
    parsed = ModelId.parse(model)
    if parsed.kind == "policy":
        return None
    *segments, name = parsed.name.split("/")
    for segment in (*reversed(segments), parsed.prefix):
        family = _FAMILIES.get(segment or "")
        if family is not None:
            module = import_module(f"pydantic_ai.profiles.{family}")
            profile: ModelProfile | None = getattr(module, f"{family}_model_profile")(name)
            return profile
    return None


def _catalogue(model: str) -> ModelProfile | None:
    info = bundled().lookup(model)
    if info is None:
        return None
    known: dict[str, Any] = {}
    for attribute, key in _FLAGS.items():
        if (value := getattr(info, attribute)) is not None:
            known[key] = value
    if info.context_window is not None:
        known["context_window"] = info.context_window
    return cast("ModelProfile", known)


def narrowed(profile: ModelProfile, others: list[ModelProfile]) -> ModelProfile:
    """``profile`` with only the abilities, and the smallest window, that all ``others`` have too."""
    result: dict[str, Any] = dict(profile)
    for other in others:
        for key in _NARROWED:
            if other.get(key) is False:
                result[key] = False
        # Off unless a profile says otherwise, so silence counts as no.
        for key in ("supports_json_schema_output", "supports_image_output", "openai_chat_supports_web_search"):
            if not other.get(key):
                result[key] = False
        windows = [window for window in (result.get("context_window"), other.get("context_window")) if window]
        if windows:
            result["context_window"] = min(cast("list[int]", windows))
    return cast("ModelProfile", result)
