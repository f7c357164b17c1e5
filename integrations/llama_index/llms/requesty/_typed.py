"""The constructors' arguments for type checkers; nothing is imported from here at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import BaseOutputParser, PydanticProgramMode

from llama_index.utils.requesty.typed import ConnectionArguments
from requesty_core import FallbackPolicy, Step
from requesty_core.catalog import Catalog

from ._structured import StructuredMode

__all__ = ["ChainArguments", "ChatArguments"]


class ChainArguments(ConnectionArguments, total=False):
    """Arguments of ``RequestyFallback`` beside ``models``."""

    fallback_policy: FallbackPolicy | None
    adapt: Literal["chain", "always", "never"]
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    seed: int | None
    stop: Sequence[str] | str | None
    reasoning_effort: str | None
    strict: bool
    structured_output: StructuredMode
    catalog: Catalog | None
    context_window: int | None
    num_output: int | None
    is_function_calling_model: bool | None
    system_prompt: str | None
    messages_to_prompt: Callable[..., str] | None
    completion_to_prompt: Callable[..., str] | None
    output_parser: BaseOutputParser | None
    pydantic_program_mode: PydanticProgramMode
    query_wrapper_prompt: BasePromptTemplate | None


class ChatArguments(ChainArguments, total=False):
    """Arguments of ``Requesty`` beside ``model``."""

    fallbacks: Sequence[str | Step | dict[str, Any]]
