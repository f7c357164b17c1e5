"""Response formats as they are saved and as they are sent, and the schema their answers are restored by."""

from __future__ import annotations

from typing import Any

from requesty_core.adapters import json_schema_format, strict_format
from requesty_core.schemas import CompiledSchema, compile_class, legal_name

__all__ = ["response_format", "sent_format"]


def response_format(value: Any) -> Any:
    """A wire `response_format` with the user's own schema; a pydantic class becomes one, strict if it can be."""
    if not _is_class(value):
        return value
    compiled = _compiled(value)
    inner: dict[str, Any] = {"name": legal_name(value.__name__), "schema": value.model_json_schema()}
    if compiled.reason is not None:
        inner["schema"] = compiled.plain
    else:
        inner["strict"] = True
    return {"type": "json_schema", "json_schema": inner}


def sent_format(value: Any) -> tuple[Any, CompiledSchema | None]:
    """The format as it goes over the wire, and the schema to restore its answers by, if they are to be restored."""
    if not _is_class(value):
        form, compiled = strict_format(value)
        return form, compiled
    compiled = _compiled(value)
    return json_schema_format(compiled, value.__name__, strict=None if compiled.reason else True), compiled


def _is_class(value: Any) -> bool:
    return isinstance(value, type) and hasattr(value, "model_json_schema")


def _compiled(cls: Any) -> CompiledSchema:
    return compile_class(cls, lambda owner: owner.model_json_schema())  # type: ignore[attr-defined]
