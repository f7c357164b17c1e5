"""One call of the image generator: the arguments of the core client, and what comes of its reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haystack_integrations.common.requesty.usage import usage_of
from requesty_core import ImagesReply
from requesty_core.adapters import split_data_url

__all__ = ["fields_of", "result_of"]


def fields_of(
    generator: Any,
    prompt: str,
    size: str | None,
    quality: str | None,
    response_format: str | None,
    generation_kwargs: dict[str, Any] | None,
) -> dict[str, Any]:
    """Arguments of ``client.images.generate``. What is ``None`` is the model's to choose."""
    if not isinstance(prompt, str):
        raise TypeError(f"prompt: expected a string, got {type(prompt).__name__}")
    named = {
        "size": size or generator.size,
        "quality": quality or generator.quality,
        "response_format": response_format or generator.response_format,
        "fallbacks": generator.fallbacks,
    }
    fields = {name: value for name, value in named.items() if value is not None}
    return {
        "model": generator.model,
        "prompt": prompt,
        **fields,
        **generator.generation_kwargs,
        **(generation_kwargs or {}),
    }


def result_of(model: str, reply: ImagesReply) -> dict[str, Any]:
    """The outputs of a run."""
    meta: dict[str, Any] = {"model": reply.raw.get("model") or model, "requested_model": model}
    meta["usage"] = usage_of(reply.usage)
    if reply.request_id is not None:
        meta["request_id"] = reply.request_id
    revised = next((str(item["revised_prompt"]) for item in reply.data if item.get("revised_prompt")), "")
    return {"images": [_image(item) for item in reply.data], "revised_prompt": revised, "meta": meta}


def _image(item: Mapping[str, Any]) -> str:
    """The picture in base64; its address where the answer has only that."""
    if item.get("b64_json"):
        return str(item["b64_json"])
    address = str(item["url"])
    data = split_data_url(address)
    return address if data is None else data[1]
