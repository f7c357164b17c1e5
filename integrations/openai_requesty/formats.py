"""Classes as response formats of ``parse``: what is sent, and how the answer comes back before the SDK parses it.

The SDK's own helper leaves in a schema what strict mode refuses (defaults, ``oneOf``, tuples, sets, a root that is no
object) and forbids absent fields that the class has defaults for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic import BaseModel, TypeAdapter

from requesty_core.adapters import answer_text, json_schema_format
from requesty_core.schemas import CompiledSchema, compile_class, compile_schema, legal_name

__all__ = ["formatted", "parsing", "restore_completion", "streamed", "wanted"]

#: The schema of the ``parse`` call under way, for the client that sends its request.
_wanted: ContextVar[CompiledSchema | None] = ContextVar("_wanted", default=None)


def wanted() -> CompiledSchema | None:
    """The schema of the ``parse`` call under way in this context."""
    return _wanted.get()


@contextmanager
def parsing(compiled: CompiledSchema | None) -> Iterator[None]:
    """Within the block, answers are restored to a schema before they are parsed."""
    token = _wanted.set(compiled)
    try:
        yield
    finally:
        _wanted.reset(token)


def formatted(arguments: dict[str, Any]) -> tuple[dict[str, Any], CompiledSchema | None]:
    """The arguments of ``parse`` with the class's schema in the form that can be sent, strict where there is one."""
    cls = arguments.get("response_format")
    if not isinstance(cls, type) or not (issubclass(cls, BaseModel) or hasattr(cls, "__pydantic_config__")):
        return arguments, None
    compiled = compile_class(cls, _schema_of)
    strict = None if compiled.reason else True
    form = {"response_format": json_schema_format(compiled, cls.__name__, strict=strict)}
    return {**arguments, "extra_body": {**form, **(arguments.get("extra_body") or {})}}, compiled


def streamed(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that the SDK's ``stream`` helper makes of a class, with a schema that can be sent.

    The helper parses the pieces itself, so nothing can be restored: the model is made to write every property, as the
    SDK's own form does.
    """
    headers = arguments.get("extra_headers")
    form = arguments.get("response_format")
    if not isinstance(headers, Mapping) or headers.get("X-Stainless-Helper-Method") != "chat.completions.stream":
        return arguments
    inner = form.get("json_schema") if isinstance(form, Mapping) else None
    if not isinstance(form, Mapping) or not isinstance(inner, Mapping):
        return arguments
    if inner.get("strict") is not True or "schema" not in inner:
        return arguments
    compiled = compile_schema(inner["schema"])
    if compiled.wrapper is not None:
        return arguments
    kept = {key: value for key, value in inner.items() if key != "strict"}
    full = compiled.full_strict()
    sent = {"schema": compiled.plain} if full is None else {"schema": full, "strict": True}
    made = {**kept, "name": legal_name(str(inner.get("name") or "")), **sent}
    return {**arguments, "response_format": {**form, "json_schema": made}}


def _schema_of(cls: type) -> dict[str, Any]:
    return cls.model_json_schema() if issubclass(cls, BaseModel) else TypeAdapter(cls).json_schema()


def restore_completion(completion: Any, compiled: CompiledSchema) -> None:
    """Give every choice the text that the class's own schema accepts."""
    for choice in getattr(completion, "choices", None) or ():
        message = choice.message
        if message.content:
            message.content = answer_text(compiled, message.content)
