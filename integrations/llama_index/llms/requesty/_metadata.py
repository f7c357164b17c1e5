"""What the catalogue says of a chain of models, in LlamaIndex's words."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.base.llms.types import LLMMetadata

from requesty_core.catalog import Catalog

__all__ = ["UNKNOWN_WINDOW", "metadata_for"]

UNKNOWN_WINDOW = 128_000
"""Assumed where the catalogue is silent (policies, new ids). Core's own 3,900 silently drops history and context."""


def metadata_for(
    models: Sequence[str],
    catalog: Catalog,
    *,
    context_window: int | None = None,
    num_output: int | None = None,
    is_function_calling_model: bool | None = None,
) -> LLMMetadata:
    """What every model of the chain can honour; what is given goes before the catalogue.

    Without ``num_output`` it is what the models may write, but at most a quarter of the window: LlamaIndex reserves
    that much of the window in every prompt it packs, and several models may write nearly all of theirs.
    """
    infos = [catalog.lookup(model) for model in models]
    window = context_window
    if window is None:
        windows = [info.context_window for info in infos if info is not None and info.context_window]
        window = min(windows) if windows else UNKNOWN_WINDOW
    output = num_output
    if output is None:
        outputs = [info.max_output_tokens for info in infos if info is not None and info.max_output_tokens]
        # -1 stands for unknown.
        output = min(*outputs, window // 4) if outputs else -1
    calling = is_function_calling_model
    if calling is None:
        calling = all(info is None or info.supports_tool_calling is not False for info in infos)
    return LLMMetadata(
        context_window=window,
        num_output=output,
        is_chat_model=True,
        is_function_calling_model=calling,
        model_name=models[0],
    )
