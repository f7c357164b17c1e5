"""Settings as paths into the data of a file, and putting them there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Item", "Setting", "ShapeError", "put", "replaced"]


class ShapeError(ValueError):
    """The file holds something else where a setting's place should be."""


@dataclass(frozen=True, slots=True)
class Item:
    """A step into a list: the object whose ``key`` is ``value``, appended where there is none."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"[{self.key}={self.value}]"


Step = str | Item


@dataclass(frozen=True, slots=True)
class Setting:
    """A value at a path.

    With ``member`` the place is a list that must contain the value, whatever else it has. With ``default`` a value
    that is there already stays.
    """

    path: tuple[Step, ...]
    value: Any
    member: bool = False
    default: bool = False

    def __str__(self) -> str:
        text = ""
        for step in self.path:
            text += str(step) if isinstance(step, Item) else f".{step}" if text else step
        return text


def put(data: Any, settings: Iterable[Setting]) -> Any:
    """A copy of ``data`` (``None`` for an empty file) that holds the settings too. Raises :class:`ShapeError`."""
    root = _copy(data)
    for setting in settings:
        root = _put(root, setting, setting.path)
    return root


def _copy(data: Any) -> Any:
    """A deep copy in which nothing is shared: YAML's aliases would carry a change to other places."""
    if isinstance(data, dict):
        return {key: _copy(value) for key, value in data.items()}
    return [_copy(value) for value in data] if isinstance(data, list) else data


def _put(node: Any, setting: Setting, path: Sequence[Step]) -> Any:
    if not path:
        if not setting.member:
            return node if setting.default and node not in (None, "") else setting.value
        members = [] if node is None else node
        if not isinstance(members, list):
            raise ShapeError(f"{setting} is no list")
        return members if setting.value in members else [*members, setting.value]
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        held = {} if node is None else node
        if not isinstance(held, dict):
            raise ShapeError(f"{setting} cannot be set: what is above {step!r} is no group of settings")
        held[step] = _put(held.get(step), setting, rest)
        return held
    items = [] if node is None else node
    if not isinstance(items, list):
        raise ShapeError(f"{setting} cannot be set: there is no list for {step}")
    for number, item in enumerate(items):
        if isinstance(item, dict) and item.get(step.key) == step.value:
            items[number] = _put(item, setting, rest)
            return items
    return [*items, _put({step.key: step.value}, setting, rest)]


def replaced(data: Any, settings: Iterable[Setting]) -> list[str]:
    """The settings that ``data`` holds with another value, by name; values are not told, they may be secrets."""
    names = []
    for setting in settings:
        if setting.member or setting.default:
            continue
        held = _at(data, setting.path)
        if held is not None and held != setting.value:
            names.append(str(setting))
    return names


def _at(node: Any, path: Sequence[Step]) -> Any:
    for step in path:
        if isinstance(step, str):
            node = node.get(step) if isinstance(node, dict) else None
        else:
            items = node if isinstance(node, list) else []
            node = next((i for i in items if isinstance(i, dict) and i.get(step.key) == step.value), None)
    return node
