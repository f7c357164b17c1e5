"""JSON schemas for structured answers and strict tools, and the reading of the answers.

>>> from requesty_core.schemas import compile_schema
>>> compiled = compile_schema({"type": "object", "properties": {"city": {"type": "string"}}})
>>> compiled.strict["properties"]
{'city': {'type': ['string', 'null']}}
>>> compiled.restore({"city": None})
{}
"""

from __future__ import annotations

from requesty_core.errors import AnswerFormatError

from .answers import read_answer
from .compiled import CompiledSchema, compile_class, compile_schema
from .names import legal_name, legal_names
from .plain import without_titles

__all__ = [
    "AnswerFormatError",
    "CompiledSchema",
    "compile_class",
    "compile_schema",
    "legal_name",
    "legal_names",
    "read_answer",
    "without_titles",
]
