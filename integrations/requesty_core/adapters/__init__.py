"""What the framework adapters share, and their one way into the core beside its public names.

An adapter imports from ``requesty_core`` (what users see), ``requesty_core.errors``, ``requesty_core.catalog``,
``requesty_core.schemas`` and from here; never from another room of the core. Modules are loaded when a name of theirs
is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requesty_core.calls.settings import ClientSettings
    from requesty_core.catalog.model_id import check_model
    from requesty_core.embeddings.plan import DEFAULT_BATCH_SIZE, DEFAULT_MAX_IN_FLIGHT
    from requesty_core.extras import extra_missing
    from requesty_core.retry.chain import classified
    from requesty_core.retry.health import HealthBoard
    from requesty_core.retry.steps import steps_from
    from requesty_core.settings.config import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, check_count

    from .chain import Answered, Asking, ask_in_turn, perform, perform_async
    from .clients import ClientPair
    from .content import URLCitation, audio_format, data_url, image_address, split_data_url, url_citation
    from .errors import error_classes, raising_as
    from .metadata import attempts_of, cost_of, reply_metadata
    from .saved import plain_options, plain_policy, plain_step, plain_steps, plain_timeout, policy_from, timeout_from
    from .settings import CHAIN_SETTINGS, CONNECTION_SETTINGS, ChainSettings, ConnectionSettings, check_positive
    from .structured import Restorer, answer_text, json_schema_format, strict_format, strict_function
    from .tool_calls import call_summary, read_arguments, wire_tool_call
    from .tool_names import legal_call, original_names

__all__ = [
    "CHAIN_SETTINGS",
    "CONNECTION_SETTINGS",
    "DEFAULT_BATCH_SIZE",
    "DEFAULT_MAX_IN_FLIGHT",
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_TIMEOUT",
    "Answered",
    "Asking",
    "ChainSettings",
    "ClientPair",
    "ClientSettings",
    "ConnectionSettings",
    "HealthBoard",
    "Restorer",
    "URLCitation",
    "answer_text",
    "ask_in_turn",
    "attempts_of",
    "audio_format",
    "call_summary",
    "check_count",
    "check_model",
    "check_positive",
    "classified",
    "cost_of",
    "data_url",
    "error_classes",
    "extra_missing",
    "image_address",
    "json_schema_format",
    "legal_call",
    "original_names",
    "perform",
    "perform_async",
    "plain_options",
    "plain_policy",
    "plain_step",
    "plain_steps",
    "plain_timeout",
    "policy_from",
    "raising_as",
    "read_arguments",
    "reply_metadata",
    "split_data_url",
    "steps_from",
    "strict_format",
    "strict_function",
    "timeout_from",
    "url_citation",
    "wire_tool_call",
]

_HOMES = {
    name: module
    for module, names in {
        "requesty_core.calls.settings": ("ClientSettings",),
        "requesty_core.catalog.model_id": ("check_model",),
        "requesty_core.embeddings.plan": ("DEFAULT_BATCH_SIZE", "DEFAULT_MAX_IN_FLIGHT"),
        "requesty_core.extras": ("extra_missing",),
        "requesty_core.retry.chain": ("classified",),
        "requesty_core.retry.health": ("HealthBoard",),
        "requesty_core.retry.steps": ("steps_from",),
        "requesty_core.settings.config": ("DEFAULT_MAX_RETRIES", "DEFAULT_TIMEOUT", "check_count"),
        ".chain": ("Answered", "Asking", "ask_in_turn", "perform", "perform_async"),
        ".clients": ("ClientPair",),
        ".content": (
            "URLCitation",
            "audio_format",
            "data_url",
            "image_address",
            "split_data_url",
            "url_citation",
        ),
        ".errors": ("error_classes", "raising_as"),
        ".metadata": ("attempts_of", "cost_of", "reply_metadata"),
        ".saved": (
            "plain_options",
            "plain_policy",
            "plain_step",
            "plain_steps",
            "plain_timeout",
            "policy_from",
            "timeout_from",
        ),
        ".settings": (
            "CHAIN_SETTINGS",
            "CONNECTION_SETTINGS",
            "ChainSettings",
            "ConnectionSettings",
            "check_positive",
        ),
        ".structured": ("Restorer", "answer_text", "json_schema_format", "strict_format", "strict_function"),
        ".tool_names": ("legal_call", "original_names"),
        ".tool_calls": ("call_summary", "read_arguments", "wire_tool_call"),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(module, __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
