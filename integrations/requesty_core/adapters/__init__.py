"""What the framework adapters share, and their one way into the core beside its public names.

An adapter imports from ``requesty_core`` (what users see), ``requesty_core.errors``, ``requesty_core.catalog``,
``requesty_core.schemas`` and from here, one that stands on another library's client from ``requesty_core.relay`` too;
never from another room of the core. Modules are loaded when a name of theirs is first asked for.
"""

from __future__ import annotations

from requesty_core.lazy import lazy_names

NAMES = {
    "requesty_core.calls.arguments": ("check_unknown",),
    "requesty_core.calls.settings": ("ClientSettings",),
    "requesty_core.calls.tokens": ("estimate_tokens",),
    "requesty_core.catalog.model_id": ("check_model",),
    "requesty_core.client.closing": ("AsyncClosableGenerator", "ClosableGenerator", "async_closable", "closable"),
    "requesty_core.embeddings.batches": ("DEFAULT_BATCH_SIZE",),
    "requesty_core.embeddings.run": ("DEFAULT_MAX_IN_FLIGHT",),
    "requesty_core.exchange.body": ("encode_body",),
    "requesty_core.extras": ("extra_missing",),
    "requesty_core.histories.blocks": (
        "read_block",
        "result_content",
    ),
    "requesty_core.histories.calls": (
        "CallIds",
        "arguments_text",
    ),
    "requesty_core.histories.items": ("LeftOut",),
    "requesty_core.histories.media": (
        "audio_format",
        "data_url",
        "media_part",
        "split_data_url",
    ),
    "requesty_core.histories.turns": (
        "AssistantTurn",
        "assistant_turn",
        "content_parts",
        "user_content",
    ),
    "requesty_core.lifetime": ("after_fork",),
    "requesty_core.network.made": ("made_transports",),
    "requesty_core.retry.chain": ("classified",),
    "requesty_core.retry.health": ("HealthBoard",),
    "requesty_core.retry.steps": ("steps_from",),
    "requesty_core.settings.blotter": ("blotted",),
    "requesty_core.settings.checks": ("a_kind", "shown"),
    "requesty_core.settings.names": (
        "known_arguments",
        "meant",
        "shown_name",
        "unknown_setting",
    ),
    "requesty_core.settings.config": (
        "DEFAULT_MAX_RETRIES",
        "DEFAULT_TIMEOUT",
        "check_count",
    ),
    "requesty_core.settings.options": ("check_headers",),
    "requesty_core.telemetry.words": ("described",),
    ".chain": (
        "Answered",
        "Asking",
        "ask_in_turn",
        "perform",
        "perform_async",
    ),
    ".clients": ("ClientPair",),
    ".content": (
        "URLCitation",
        "image_address",
        "image_data",
        "url_citation",
    ),
    ".errors": (
        "error_classes",
        "mapping",
        "raising_as",
        "unmapped",
    ),
    ".kept": ("kept_form",),
    ".metadata": (
        "attempts_of",
        "cost_of",
        "replayed_fields",
        "reply_metadata",
        "wire_message",
    ),
    ".problems": ("wrong_value",),
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
        "check_setting",
    ),
    ".structured": (
        "Restorer",
        "answer_text",
        "json_schema_format",
        "strict_format",
        "strict_function",
    ),
    ".tool_calls": (
        "call_summary",
        "read_arguments",
        "read_call",
        "wire_tool_call",
    ),
    ".tool_names": (
        "legal_call",
        "original_names",
    ),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, NAMES)
