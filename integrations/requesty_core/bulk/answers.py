"""Answers by a schema: what is sent for it, and how an answer is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, is_typeddict

import msgspec

from requesty_core.errors import AnswerFormatError, ConfigurationError
from requesty_core.replies.reply import ChatReply
from requesty_core.schemas import CompiledSchema, compile_schema, read_answer
from requesty_core.schemas.formats import json_schema_format
from requesty_core.settings.checks import shown

__all__ = ["Answers"]

_GIVE = "give a JSON schema, a pydantic model, a dataclass, a TypedDict or a msgspec Struct"


class Answers:
    """How answers are asked for and read.

    Args:
        schema: a JSON schema, whose answers are JSON values, or a class, whose answers are its objects; ``None`` for
            plain text.

    Attributes:
        params: what is sent for it.
        form: the JSON schema, to tell runs apart; ``None`` without one.
    """

    def __init__(self, schema: type | Mapping[str, Any] | None) -> None:
        self.params: dict[str, Any] = {}
        self.form: dict[str, Any] | None = None
        self._compiled: CompiledSchema | None = None
        self._convert: Callable[[Any], Any] | None = None
        if schema is None:
            return
        given, self._convert = _read_schema(schema)
        self._compiled = compile_schema(given)
        self.form = self._compiled.plain
        name = schema.__name__ if isinstance(schema, type) else str(given.get("title") or "answer")
        strict = True if self._compiled.strict is not None else None
        self.params = {"response_format": json_schema_format(self._compiled, name, strict=strict)}

    def read(self, reply: ChatReply) -> Any:
        """What the answer says; ``None`` without a schema. Raises :class:`AnswerFormatError` with the text."""
        if self._compiled is None:
            return None
        if reply.refusal and not reply.text:
            raise AnswerFormatError(f"the model refused: {reply.refusal}", text=reply.refusal)
        value = self._compiled.restore(read_answer(reply.text))
        if self._convert is None:
            return value
        try:
            return self._convert(value)
        except ValueError as error:
            # pydantic's errors and msgspec's are of this kind.
            why = " ".join(str(error).split())[:300]
            raise AnswerFormatError(f"the answer does not fit the schema: {why}", text=reply.text) from None


def _read_schema(schema: Any) -> tuple[Mapping[str, Any], Callable[[Any], Any] | None]:
    """The JSON schema, and what makes the class's object of a value."""
    if isinstance(schema, Mapping):
        return schema, None
    if isinstance(schema, type):
        if hasattr(schema, "model_json_schema") and hasattr(schema, "model_validate"):
            return schema.model_json_schema(), schema.model_validate
        if dataclasses.is_dataclass(schema) or is_typeddict(schema) or issubclass(schema, msgspec.Struct):
            try:
                (form,), definitions = msgspec.json.schema_components([schema], ref_template="#/$defs/{name}")
            except TypeError as error:
                raise ConfigurationError(f"schema: {schema.__name__} has no JSON schema ({error}); {_GIVE}") from None
            return {**form, "$defs": definitions}, lambda value: msgspec.convert(value, schema)
    raise ConfigurationError(f"schema: {shown(schema)} is no schema; {_GIVE}")
