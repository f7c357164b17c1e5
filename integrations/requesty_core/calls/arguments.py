"""The keyword arguments of a call: options of the call, fields of the request, and what is neither.

Whatever is no option of a call goes into the request as it is, because the gateway's models take fields that no list
here could keep up with. So that nothing of the client's goes the same way, settings of a client (a key, a host, a
budget) are refused in a call, and so is what is nearly the name of a setting: sent as a field, it would have no effect
and no error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.settings.names import looks_like_a_key, meant, shown_name

__all__ = ["CALL_OPTIONS", "CLIENT_SETTINGS", "check_fields", "check_secrets", "check_unknown", "take_options"]

CALL_OPTIONS = frozenset(
    (
        *("timeout", "max_retries", "fallbacks", "fallback_policy", "options", "extra_headers", "extra_body"),
        *("added_fields", "region"),
    )
)
"""Options of a call; ``region`` is among them to be refused with its own advice."""

CLIENT_SETTINGS = frozenset(
    (
        *("api_key", "base_url", "api_base", "api_base_url", "management_url", "feedback_url", "region"),
        *("app_url", "app_title", "ledger", "budget", "on_event", "window", "tracing", "settings"),
        *("transport", "async_transport", "http_client", "http_async_client", "http_client_kwargs", "default_headers"),
        *("adapt", "require", "ca_bundle", "client_cert", "proxy", "max_connections", "max_response_bytes"),
        *("context_window", "is_chat_model", "is_function_calling_model", "model_kwargs", "additional_kwargs"),
        *("generation_kwargs", "batch_size", "chunk_size", "embed_batch_size", "num_workers", "max_in_flight"),
    )
)
"""Settings of a client, or of a model class, under any name that an adapter gives them."""

_OTHER_CLIENTS = frozenset(
    (
        *("organization", "project", "default_query", "extra_query", "http2", "verify", "cert", "proxies", "mounts"),
        *("trust_env", "limits", "follow_redirects", "verify_ssl", "ssl_context", "client", "async_client"),
    )
)
"""Settings of the OpenAI client and of httpx. ``None`` is what saved calls of other packages have there."""

_FIELDS = frozenset(
    (
        *("model", "messages", "temperature", "top_p", "top_k", "min_p", "n", "stop", "seed", "user", "metadata"),
        *("max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
        *("top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"),
        *("reasoning", "thinking", "stream", "stream_options", "modalities", "audio", "prediction", "store"),
        *(
            "service_tier",
            "verbosity",
            "web_search_options",
            "models",
            "functions",
            "function_call",
            "requesty",
            "prompt",
        ),
        *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "repetition_penalty", "system"),
        *("input", "dimensions", "encoding_format", "max_output_tokens", "text", "include", "truncation", "provider"),
    )
)
"""Fields of the documented routes (docs/contract.md, sections 3, 6, 7, 8), which are never taken for a slip."""

_SECRET = re.compile(
    r"(api|access|secret|private|auth)[-_ ]?(key|token)s?$|^(authorization|password|bearer|secret)$", re.I
)


def take_options(params: dict[str, Any], more: Collection[str] = ()) -> dict[str, Any]:
    """Take the options of the call, and those in ``more``, out of ``params``; what is left are fields of the request.

    Raises :class:`ConfigurationError` for what may not be sent.
    """
    if not params:
        return {}
    names = CALL_OPTIONS.union(more) & params.keys()
    options = {name: params.pop(name) for name in names}
    if params.keys() - _FIELDS:
        check_fields(params, more=more)
    if "region" in options:
        raise ConfigurationError("region: is a setting of the client, not of a call; use 'model@region' ids")
    if options.get("extra_body"):
        check_secrets(options["extra_body"], "extra_body.")
    return options


def check_fields(fields: Mapping[str, Any], *, more: Collection[str] = ()) -> None:
    """Refuse, with the name and what to do, fields that are settings, secrets, or slips of the pen for either."""
    check_secrets(fields, "")
    options = CALL_OPTIONS.union(more)
    for name in sorted(fields.keys() - _FIELDS - _OTHER_CLIENTS):
        _check_field(name, options)


@lru_cache(maxsize=512)
def _check_field(name: str, options: frozenset[str]) -> None:
    # Remembered, because looking for alike names takes longer than the rest of a request.
    near = meant(name, sorted(options), 0.8) or meant(name, sorted(_FIELDS), 0.9)
    if near is None and (client := meant(name, sorted(CLIENT_SETTINGS), 0.8)):
        raise ConfigurationError(f"{name}: is no option of a call; {client} is a setting of the client")
    if near:
        raise ConfigurationError(
            f"{name}: is no option of a call and no known field of a request; did you mean {near}? "
            "(give it in extra_body to send it as it is)"
        )


def check_unknown(given: Mapping[str, Any], settings: Collection[str]) -> None:
    """Refuse, of a constructor's arguments that it has no place for, what is no field of a request either.

    A class that sends unknown arguments with every request would send a slip of the pen too, and a client's setting
    that the class does not have would have no effect.

    Args:
        given: the arguments.
        settings: names that the class has.

    Raises:
        ConfigurationError: one is nearly the name of a setting or field, a client's setting, or named like a secret.
    """
    for name in sorted(given):
        if _SECRET.search(name):
            raise ConfigurationError(f"{name}: is named like a secret and no setting here; give the key as api_key")
        if looks_like_a_key(name):
            raise ConfigurationError(f"{shown_name(name)}: is no setting; give the key as api_key")
        if name in _FIELDS:
            continue
        near = meant(name, sorted(settings), 0.8) or meant(name, sorted(_FIELDS), 0.9)
        if near:
            raise ConfigurationError(f"{name}: is no setting and no known field of a request; did you mean {near}?")
        if name in CLIENT_SETTINGS or name in CALL_OPTIONS:
            raise ConfigurationError(f"{name}: is no setting of this class; leave it out")


def check_secrets(fields: Any, where: str) -> None:
    """Refuse settings of the client and whatever is named like a secret: in a body it would reach the provider."""
    if not isinstance(fields, Mapping):
        return
    for name in fields:
        of_client = name in CLIENT_SETTINGS or (name in _OTHER_CLIENTS and fields[name] is not None)
        if of_client and not where:
            raise ConfigurationError(f"{name}: is a setting of the client, not of a call; make a client with it")
        if isinstance(name, str) and _SECRET.search(name):
            raise ConfigurationError(
                f"{where}{name}: is named like a secret and would be sent in the body of the request; "
                "give the key to the client as api_key"
            )
