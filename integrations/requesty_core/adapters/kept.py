"""What an adapter made of a JSON schema, kept for the next request with the same one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from requesty_core.schemas import CompiledSchema
from requesty_core.wire.json import decode_json, encode_json
from requesty_core.wire.plain import is_plain

__all__ = ["kept_form"]

T = TypeVar("T")

_kept: WeakKeyDictionary[CompiledSchema, dict[Hashable, tuple[bytes, Any]]] = WeakKeyDictionary()


def kept_form(
    schema: Mapping[str, Any], compiled: CompiledSchema, how: Hashable, make: Callable[[], tuple[dict[str, Any], T]]
) -> tuple[dict[str, Any], T]:
    """A form of a schema that is made once and given as a fresh copy, which costs a fraction of making it.

    Args:
        schema: the schema as it was given.
        compiled: what it compiles to; the form is kept as long as that.
        how: what tells apart the ways of making it.
        make: gives the form, and what else is to be known of it.
    """
    # Two schemas are the same compiled one only if they are plain JSON: other values are read as text there.
    forms = _kept.setdefault(compiled, {}) if is_plain(schema) else {}
    if how in forms:
        form, known = forms[how]
        return dict(decode_json(form)), known
    made, known = make()
    if is_plain(made):
        forms[how] = encode_json(made), known
    return made, known
