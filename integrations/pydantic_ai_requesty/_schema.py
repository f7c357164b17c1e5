"""Tool and output schemas for strict mode, where Pydantic AI's own transformer stops short.

That transformer calls a schema strict, or makes one for ``strict=True``, that OpenAI refuses: with a field of any value
(``Any``), a tuple, ``allOf``, a pointer other than to ``$defs``, an unused definition without a type, too many enum
values or levels. The core's compiler has the last word here: it makes the strict form, or says that there is none.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

from requesty_core.adapters import kept_form
from requesty_core.schemas import CompiledSchema, compile_schema

from ._errors import RequestyConfigurationError

__all__ = ["RequestyJsonSchemaTransformer"]


class RequestyJsonSchemaTransformer(OpenAIJsonSchemaTransformer):
    """``json_schema_transformer`` of every profile.

    Without ``strict`` it decides as Pydantic AI does (strict where no property is optional), unless there is no strict
    form. With ``strict=True`` every property is required, as in Pydantic AI: the model writes the defaults out.

    Raises:
        RequestyConfigurationError: ``strict=True`` and the schema has no strict form; one line says where and why.
    """

    def walk(self) -> dict[str, Any]:
        """The schema as it is sent."""
        compiled = compile_schema(self.schema)
        if self.strict is True:
            return self._forced(compiled)
        how = type(self), self.strict
        made, self.is_strict_compatible = kept_form(self.schema, compiled, how, lambda: self._walked(compiled))
        return made

    def _walked(self, compiled: CompiledSchema) -> tuple[dict[str, Any], bool]:
        """The schema as it is sent, and whether it is strict."""
        # The parent's walk writes into what it is given.
        self.schema = deepcopy(self.schema)
        loose = super().walk()
        if self.strict is False or not self.is_strict_compatible:
            return loose, self.is_strict_compatible
        strict = None if compiled.wrapper else compiled.full_strict()
        return (loose, False) if strict is None else (strict, True)

    def _forced(self, compiled: CompiledSchema) -> dict[str, Any]:
        strict = None if compiled.wrapper else compiled.full_strict()
        if strict is None:
            reason = compiled.reason or "$: the root must be an object"
            raise RequestyConfigurationError(f"strict: the schema has no strict form: {reason}; leave strict out")
        return strict
