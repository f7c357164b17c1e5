"""What adapters ask of a model, or of all models of a chain: pure answers from the catalogue and the rule table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from .catalog import Catalog, bundled
from .identity import identify
from .rules import rules_for

__all__ = [
    "EmbeddingLimits",
    "StructuredForm",
    "context_window",
    "embedding_limits",
    "may_force_tools",
    "may_take",
    "media_kinds",
    "structured_output_form",
    "supports_schema",
    "supports_web_search",
    "takes",
    "thinking_form",
    "token_parameter",
]

StructuredForm = Literal["schema", "forced_tool", "tool", "json_object"]
"""How a model is made to answer in a schema: ``response_format`` with the schema, a tool that it has to call, a tool
that it may call (where forcing is refused), or a JSON object that the prompt describes."""

#: Makers whose models search the web at the gateway (docs:web-search); OpenAI only by the Responses API or at Azure.
_SEARCHING = frozenset({"anthropic", "xai", "perplexity"})


def supports_schema(model: str, catalog: Catalog | None = None) -> bool | None:
    """Whether the model takes a JSON schema as ``response_format``; ``None`` if neither catalogue nor table says."""
    info = (bundled() if catalog is None else catalog).lookup(model)
    if info is not None and info.supports_json_schema is not None:
        return info.supports_json_schema
    return rules_for(model).schema


def structured_output_form(
    models: Sequence[str], catalog: Catalog | None = None, *, reasoning: bool = False
) -> StructuredForm:
    """The form that every model of a chain takes, the most reliable first.

    ``reasoning`` says that the request asks for it. What is not known of a model (a policy, a new id) counts as no
    schema but a forced tool: a refusal of ``tool_choice`` is answered by sending it again without.
    """
    if all(supports_schema(model, catalog) for model in models):
        return "schema"
    infos = [(bundled() if catalog is None else catalog).lookup(model) for model in models]
    if any(info is not None and info.supports_tool_calling is False for info in infos):
        return "json_object"
    for rules in map(rules_for, models):
        thinks = reasoning or rules.reasons
        if rules.forced_tool_choice == "refused" or (rules.forced_tool_choice != "accepted" and thinks):
            return "tool"
    return "forced_tool"


def takes(models: Iterable[str], field: str) -> bool:
    """Whether no model of a chain is known to refuse a field of the body, such as ``parallel_tool_calls``."""
    return all(field not in rules_for(model).refused for model in models)


def may_force_tools(models: Iterable[str], *, reasoning: bool = False) -> bool:
    """Whether no model of a chain is known to refuse a forced tool call; ``reasoning`` says that it is asked for."""
    found = [rules_for(model) for model in models]
    return all(
        rules.forced_tool_choice == "accepted"
        or (rules.forced_tool_choice != "refused" and not (reasoning or rules.reasons))
        for rules in found
    )


def thinking_form(model: str) -> Literal["budget", "effort"] | None:
    """What asks the model to reason: ``thinking`` with a budget, or only ``reasoning_effort``; ``None`` if unknown."""
    return rules_for(model).thinking


def token_parameter(model: str) -> Literal["max_tokens", "max_completion_tokens"]:
    """The field that limits the model's output."""
    return rules_for(model).token_parameter


def context_window(models: str | Iterable[str], catalog: Catalog | None = None) -> int | None:
    """The smallest known context window of the models, in tokens; ``None`` if none is known."""
    known = bundled() if catalog is None else catalog
    windows = (known.window(model) for model in ([models] if isinstance(models, str) else models))
    return min((window for window in windows if window), default=None)


def media_kinds(model: str, catalog: Catalog | None = None) -> frozenset[str] | None:
    """What a prompt may hold (``text``, ``image``, ``pdf``, ``audio``, ``video``); ``None`` if not known.

    OpenAI models read PDFs through ``openai-responses/`` ids only (docs:pdf-support).
    """
    info = (bundled() if catalog is None else catalog).lookup(model)
    if info is None:
        return None
    kinds = info.input_modalities
    if kinds is None:
        kinds = (
            None if info.supports_vision is None else frozenset({"text", *(["image"] if info.supports_vision else [])})
        )
    identity = identify(model)
    if kinds is not None and identity is not None and identity.maker == "openai" and identity.route is None:
        return kinds - {"pdf"}
    return kinds


def may_take(model: str, media: Set[str], catalog: Catalog | None = None) -> bool:
    """Whether a prompt with these kinds of media may go to the model; what is not known counts as yes."""
    kinds = media_kinds(model, catalog)
    return kinds is None or media <= kinds


def supports_web_search(model: str, catalog: Catalog | None = None) -> bool | None:
    """Whether the model searches the web when asked to; ``None`` if not known."""
    info = (bundled() if catalog is None else catalog).lookup(model)
    if info is not None and info.supports_web_search is not None:
        return info.supports_web_search
    identity = identify(model)
    if identity is None or identity.maker is None:
        return None
    if identity.maker == "openai":
        return identity.route == "openai-responses" or identity.host == "azure" or None
    if identity.maker == "google":
        return identity.host == "vertex" or None
    return identity.maker in _SEARCHING or None


@dataclass(frozen=True, slots=True)
class EmbeddingLimits:
    """Limits of an embedding model: tokens of one text, texts and tokens of one request, length of its vectors."""

    window: int | None = None
    max_inputs: int | None = None
    max_request_tokens: int | None = None
    dimensions: int | None = None


def embedding_limits(model: str, catalog: Catalog | None = None) -> EmbeddingLimits:
    """What is known of an embedding model; every limit that is not is ``None``."""
    info = (bundled() if catalog is None else catalog).lookup(model)
    if info is None or info.api != "embedding":
        return EmbeddingLimits()
    return EmbeddingLimits(info.context_window, info.max_inputs, info.max_request_tokens, info.dimensions)
