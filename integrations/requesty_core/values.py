"""The base of the immutable values that calls make and give back.

They are made several times in every call. A ``Struct`` is made in a tenth of the time of a frozen dataclass, and its
class in a fiftieth, which is what an import pays. Whatever takes a dataclass takes them as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, make_dataclass
from functools import cache
from inspect import get_annotations
from typing import Any, ClassVar

import msgspec

__all__ = ["Value"]


class _OfDataclass:
    """An attribute that the class has as a dataclass; made when it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[Value]) -> Any:
        return getattr(_dataclass(owner), self._name)


class Value(msgspec.Struct, frozen=True):
    """An immutable value, equal to another of its class with the same fields.

    The functions of :mod:`dataclasses` (``replace``, ``asdict``, ``fields``) take it, and pydantic as a field of a
    model; ``copy.replace`` of newer Pythons and ``msgspec.structs`` do the same faster.
    """

    __dataclass_fields__: ClassVar[Any] = _OfDataclass("__dataclass_fields__")
    __dataclass_params__: ClassVar[Any] = _OfDataclass("__dataclass_params__")
    _unshown: ClassVar[frozenset[str]] = frozenset()
    """Fields that ``repr`` leaves out."""

    def __repr__(self) -> str:
        shown = (name for name in self.__struct_fields__ if name not in self._unshown)
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def to_dict(self) -> dict[str, Any]:
        """The fields that ``repr`` shows as a dictionary, values in them too.

        Tracers ask this of objects that they do not know; ``dataclasses.asdict`` gives every field.
        """
        return {name: _as_dict(getattr(self, name)) for name in self.__struct_fields__ if name not in self._unshown}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Value], handler: Any) -> Any:
        """A value, or a mapping of its fields; written as that mapping."""
        from pydantic_core import core_schema

        fields = handler.generate_schema(_dataclass(cls))
        read = core_schema.no_info_after_validator_function(lambda like: cls(**vars(like)), fields)
        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                # A value of a subclass has more fields than its place says.
                lambda value: _dataclass(cls)(*(getattr(value, name) for name in cls.__struct_fields__)),
                return_schema=fields,
            ),
        )


def _as_dict(value: Any) -> Any:
    if isinstance(value, Value):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _as_dict(item) for key, item in value.items()}
    return [_as_dict(item) for item in value] if isinstance(value, (tuple, list)) else value


@cache
def _dataclass(owner: type[Value]) -> Any:
    """A dataclass with the class's fields."""
    types: dict[str, Any] = {}
    for base in reversed(owner.__mro__):
        types |= get_annotations(base)
    names, defaults = owner.__struct_fields__, owner.__struct_defaults__
    bare = len(names) - len(defaults)
    made = [(name, types[name], field()) for name in names[:bare]]
    made += [(name, types[name], _default(value)) for name, value in zip(names[bare:], defaults, strict=True)]
    # In its module, where the names in its annotations are known.
    return make_dataclass(owner.__name__, made, namespace={"__module__": owner.__module__, "__doc__": owner.__doc__})


def _default(value: Any) -> Any:
    factory = getattr(value, "factory", None)
    return field(default=value) if factory is None else field(default_factory=factory)
