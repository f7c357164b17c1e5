"""JSON schemas as providers demand them for strict adherence, without touching the user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["optional_keys", "response_format", "strict_schema"]


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which every object is closed and lists all its keys; keys that were optional may be null instead.

    Maps (objects whose ``additionalProperties`` is a schema) are left as they are.
    """
    return _strict(schema)  # type: ignore[no-any-return]


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    out = {key: _strict(value) for key, value in node.items() if key != "default"}
    properties = out.get("properties")
    if isinstance(properties, dict) and not isinstance(out.get("additionalProperties"), dict):
        needed = out.get("required") or []
        out["properties"] = {k: v if k in needed else _nullable(v) for k, v in properties.items()}
        out["required"] = list(properties)
        out["additionalProperties"] = False
    elif out.get("type") == "object" and not isinstance(out.get("additionalProperties"), dict):
        out |= {"properties": {}, "required": [], "additionalProperties": False}
    return out


def _nullable(schema: Any) -> Any:
    if not isinstance(schema, dict) or _allows_null(schema):
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _allows_null(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    options = schema.get("anyOf") or schema.get("oneOf") or ()
    return any(isinstance(option, Mapping) and _allows_null(option) for option in options)


def optional_keys(schema: Mapping[str, Any]) -> frozenset[str]:
    """Keys of an object schema that :func:`strict_schema` made nullable: a null there means "not given"."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return frozenset()
    needed = schema.get("required") or ()
    return frozenset(key for key, value in properties.items() if key not in needed and not _allows_null(value))


def response_format(value: Any) -> Any:
    """A wire ``response_format``; a pydantic class becomes a strict JSON schema."""
    maker = getattr(value, "model_json_schema", None)
    if not isinstance(value, type) or maker is None:
        return value
    schema = strict_schema(maker())
    schema.pop("title", None)
    return {"type": "json_schema", "json_schema": {"name": value.__name__, "strict": True, "schema": schema}}
