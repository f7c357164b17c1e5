"""Request bodies, from what the caller gave to the bytes on the wire, without IO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import shown
from requesty_core.settings.options import RequestyOptions
from requesty_core.wire.json import encode_json
from requesty_core.wire.plain import NotJSONError, is_plain, plain_json

__all__ = ["build_body", "chat_body", "check_gateway_object", "check_json", "declared_tools", "encode_body"]


def build_body(
    params: Mapping[str, Any],
    options: RequestyOptions,
    extra_body: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Parameters that are not ``None``, the ``requesty`` object if any option is set, and ``extra_body`` on top.

    The ``requesty`` object is joined key by key: options first, then a ``requesty`` parameter, then ``extra_body``'s.
    Only what the caller set is sent: how the gateway treats an unknown or null field varies by provider.
    """
    body = {key: value for key, value in params.items() if value is not None}
    requesty = options.to_body()
    for setting, fields in (("", body), ("extra_body.", extra_body or {})):
        if (own := fields.get("requesty")) is not None:
            check_gateway_object(own, f"{setting}requesty")
            requesty.update(own)
    body.update(extra_body or {})
    if requesty:
        body["requesty"] = requesty
    else:
        body.pop("requesty", None)
    return body


def check_gateway_object(value: Any, setting: str) -> None:
    """Raise :class:`ConfigurationError` unless ``value`` is ``None`` or can be the ``requesty`` object."""
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting}: {shown(value)} is not a mapping; give auto_cache, tags, …")


def chat_body(
    messages: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
    *,
    stream: bool,
    options: RequestyOptions,
    extra_body: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Body of a chat completion, without ``model`` (each attempt sets its own).

    An empty ``tools`` list is dropped together with what refers to it, because the gateway refuses an empty array.
    Streams ask for usage, without which the gateway tells no cost (documented under cost tracking).
    """
    if type(messages) is not list and (
        isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence)
    ):
        raise ConfigurationError("messages: give a list of message objects with 'role' and 'content'")
    body = build_body({"messages": messages, **params}, options, extra_body)
    if "tools" in body and not body["tools"]:
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            body.pop(name, None)
    body.pop("stream", None)
    if stream:
        body["stream"] = True
        wanted = body.get("stream_options")
        body["stream_options"] = {"include_usage": True, **(wanted if isinstance(wanted, Mapping) else {})}
    else:
        body.pop("stream_options", None)
    return body


_NO_TOOLS: frozenset[str] = frozenset()


def declared_tools(*bodies: Mapping[str, Any]) -> frozenset[str]:
    """Names of the tools that bodies declare: functions (also in the older ``functions`` list) and custom tools."""
    declared: list[Any] = []
    for body in bodies:
        if "tools" not in body and "functions" not in body:
            continue
        tools = [tool for tool in body.get("tools") or () if _is_mapping(tool)]
        declared += [tool.get(kind) for tool in tools for kind in ("function", "custom")]
        declared += body.get("functions") or ()
    if not declared:
        return _NO_TOOLS
    names = [tool.get("name") for tool in declared if _is_mapping(tool)]
    return frozenset(name for name in names if isinstance(name, str))


def _is_mapping(value: object) -> bool:
    # Asking the abstract class takes ten times as long.
    return type(value) is dict or isinstance(value, Mapping)


def check_json(value: Mapping[str, Any], setting: str) -> None:
    """Raise :class:`ConfigurationError`, naming the place in the setting, for what could not be sent."""
    try:
        if not is_plain(value):
            plain_json(value, setting)
    except NotJSONError as error:
        raise ConfigurationError(f"{error.path}: {error.reason}") from None


def encode_body(body: Mapping[str, Any]) -> bytes:
    """JSON bytes. Raises :class:`ConfigurationError` naming the place of what JSON cannot hold."""
    try:
        return encode_json(body if is_plain(body) else plain_json(body))
    except NotJSONError as error:
        raise ConfigurationError(f"{error.path or 'request'}: {error.reason}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"request: cannot be sent as JSON ({error})") from None
