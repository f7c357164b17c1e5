"""Keeping requests cheap below the SDK's public methods.

Before it sends a request, the SDK walks its arguments along their type annotations to rename fields and turn iterables
into lists: milliseconds for a long conversation. No parameter of the chat, responses and embeddings routes has another
name on the wire, so plain JSON values come out of that walk as they went in, and need none of it.

The walk is a helper that the SDK's methods call by name. :func:`direct` makes a copy of such a method that calls a
quicker helper; the SDK's own stays as it is. Whoever replaces a method (tracing packages and mocks do) gets every call
of it with the caller's own arguments: a method that is not the SDK's own is called as it is.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import CellType, FunctionType, MethodType
from typing import Any

import openai
from openai._utils import async_maybe_transform, is_given, maybe_transform
from pydantic import BaseModel

__all__ = ["direct"]

_FOLDER = os.path.dirname(openai.__file__) + os.sep


def is_plain(value: Any) -> bool:
    """Whether a value consists of nothing but what JSON has types for."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return True
    if kind is dict:
        return all(type(k) is str and is_plain(v) for k, v in value.items())
    return kind is list and all(map(is_plain, value))


def _as_json(items: Any) -> Any:
    """A list with the SDK's own models among its items turned into what they were on the wire."""
    if type(items) is not list:
        return items
    return [
        item.model_dump(exclude_unset=True, mode="json", exclude=getattr(item, "__api_exclude__", None))
        if isinstance(item, BaseModel)
        else item
        for item in items
    ]


def _quick(data: Any) -> dict[str, Any] | None:
    """The body made of a method's arguments; ``None`` if they need the SDK's walk."""
    if type(data) is not dict:
        return None
    body = {name: _as_json(value) for name, value in data.items() if is_given(value)}
    return body if is_plain(body) else None


def _transform(data: Any, expected_type: Any) -> Any:
    body = _quick(data)
    return maybe_transform(data, expected_type) if body is None else body


async def _async_transform(data: Any, expected_type: Any) -> Any:
    body = _quick(data)
    return await async_maybe_transform(data, expected_type) if body is None else body


_EXCHANGED = {"maybe_transform": _transform, "async_maybe_transform": _async_transform}


def direct(method: Callable[..., Any]) -> Callable[..., Any]:
    """A bound method of the SDK's resources, quicker; anything else as it is."""
    if type(method) is not MethodType:
        return method
    copy = _quick_copy(method.__func__)
    return method if copy is None else MethodType(copy, method.__self__)


@functools.lru_cache(maxsize=256)
def _quick_copy(function: Any) -> FunctionType | None:
    return _copy(function)


def _copy(function: Any) -> FunctionType | None:
    """A copy that calls the quick helper, itself or by way of what it wraps or calls; ``None`` without any."""
    if type(function) is not FunctionType or not function.__code__.co_filename.startswith(_FOLDER):
        return None
    scope = function.__globals__
    changed: dict[str, Any] = {}
    for name in function.__code__.co_names:
        if name in _EXCHANGED and name in scope:
            changed[name] = _EXCHANGED[name]
        elif _calls_helper(scope.get(name)):
            changed[name] = _copy(scope[name])
    cells = tuple(_cell(cell) for cell in function.__closure__ or ())
    if not changed and cells == (function.__closure__ or ()):
        return None
    copy = FunctionType(
        function.__code__, {**scope, **changed}, function.__name__, function.__defaults__, cells or None
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _calls_helper(value: Any) -> bool:
    return type(value) is FunctionType and not _EXCHANGED.keys().isdisjoint(value.__code__.co_names)


def _cell(cell: CellType) -> CellType:
    copy = _copy(cell.cell_contents)
    return cell if copy is None else CellType(copy)
