"""A schema as the ``response_format`` that asks for answers by it."""

from __future__ import annotations

from typing import Any

from .compiled import CompiledSchema
from .names import legal_name

__all__ = ["json_schema_format"]


def json_schema_format(
    compiled: CompiledSchema, name: str, *, strict: bool | None, description: str | None = None
) -> dict[str, Any]:
    """A wire ``response_format`` of type ``json_schema``.

    Args:
        compiled: the schema.
        name: any name; it is made legal.
        strict: ``True`` for the strict form; ``None`` or ``False`` for the plain one, the latter saying so.
        description: tells the model what the object is.

    Raises:
        ConfigurationError: ``strict`` is true and there is no strict form.
    """
    schema = compiled.require_strict("strict") if strict else compiled.plain
    inner: dict[str, Any] = {"name": legal_name(name), "schema": schema}
    if description:
        inner["description"] = description
    if strict is not None:
        inner["strict"] = strict
    return {"type": "json_schema", "json_schema": inner}
