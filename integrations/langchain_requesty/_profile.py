"""Model profiles (``model.profile``) from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from langchain_core.language_models import ModelProfile

from requesty_core.catalog import Catalog, ModelInfo

__all__ = ["profile_for", "profile_of"]

_FLAGS = {
    "supports_vision": ("image_inputs", "image_url_inputs"),
    "supports_reasoning": ("reasoning_output",),
    "supports_tool_calling": ("tool_calling",),
    "supports_json_schema": ("structured_output",),
    "supports_image_generation": ("image_outputs",),
}


def profile_of(info: ModelInfo) -> ModelProfile:
    """The profile of a catalogue entry; what the catalogue does not know has no key."""
    profile: dict[str, Any] = {"text_inputs": True, "text_outputs": True}
    if info.context_window is not None:
        profile["max_input_tokens"] = info.context_window
    if info.max_output_tokens is not None:
        profile["max_output_tokens"] = info.max_output_tokens
    for attribute, keys in _FLAGS.items():
        value = getattr(info, attribute)
        if value is not None:
            profile.update(dict.fromkeys(keys, value))
    return cast("ModelProfile", profile)


def profile_for(models: Iterable[str], catalog: Catalog) -> ModelProfile | None:
    """What every model of a chain can do: the smallest limits, and only capabilities all are known to have.

    ``@region`` and ``:variant`` are looked through. ``None`` as soon as one is unknown, as a policy always is.
    """
    merged: dict[str, Any] | None = None
    for model in models:
        info = catalog.lookup(model)
        if info is None or info.api != "chat":
            return None
        own = cast("dict[str, Any]", profile_of(info))
        if merged is None:
            merged = own
            continue
        # min() of booleans is "all of them".
        merged = {key: min(value, own[key]) for key, value in merged.items() if key in own}
    return cast("ModelProfile | None", merged)
