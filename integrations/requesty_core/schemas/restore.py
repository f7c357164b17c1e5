"""From an answer to what the user's own schema accepts: a null that stands for an absent property is taken out.

Strict mode makes the model write every property; for those that the user left optional, the strict form allows null.
The walk reads the *user's* schema: a null goes only where that schema takes the property's absence but not its null. In
a union the branch is chosen that the answer fits as it is; failing that, the one it fits without such nulls.
"""

from __future__ import annotations

import re
from typing import Any

from .flat import Flattener, NoFormError, NoValueError
from .keywords import json_type, types_of
from .strict import tuple_items

__all__ = ["Restorer"]

# How well a value fits, worst first; a lower sum is the better branch of a union.
_MISFIT, _OUT_OF_BOUNDS, _CHANGED, _EXTRA_KEYS = 8, 4, 2, 1
Mended = tuple[Any, int]


class Restorer:
    """Restores answers to one schema. Safe to share between threads."""

    def __init__(self, root: Any, flattener: Flattener) -> None:
        self._root = root
        self._flattener = flattener

    def restore(self, answer: Any) -> Any:
        """The answer as the user's schema takes it; the same object if nothing had to go. Never changes ``answer``."""
        return self.fitted(answer)[0]

    def fitted(self, answer: Any) -> tuple[Any, bool]:
        """The restored answer, and whether it has the shape that the schema describes."""
        value, fit = self._mend(self._root, answer, {})
        return value, fit < _MISFIT

    def _mend(self, node: Any, value: Any, known: dict[tuple[int, int], Mended]) -> Mended:
        try:
            flat = self._flattener.flat(node)
        except NoValueError:
            return value, _MISFIT
        except NoFormError:
            # There was no strict form of this either, so no null of ours is in here.
            return value, 0
        if isinstance(flat, bool):
            return value, 0 if flat else _MISFIT
        if "anyOf" not in flat:
            return self._single(flat, value, known)
        if not isinstance(value, (dict, list)):
            return value, min((self._mend(branch, value, known)[1] for branch in flat["anyOf"]), default=_MISFIT)
        # Recursive unions would try the same pair again and again.
        key = (id(flat), id(value))
        if key not in known:
            known[key] = self._branch(flat["anyOf"], value, known)
        return known[key]

    def _branch(self, branches: list[Any], value: Any, known: dict[tuple[int, int], Mended]) -> Mended:
        best: Mended = (value, _MISFIT)
        for branch in branches:
            made = self._mend(branch, value, known)
            if made[1] < best[1]:
                best = made
            if best[1] == 0:
                break
        return best

    def _single(self, flat: dict[str, Any], value: Any, known: dict[tuple[int, int], Mended]) -> Mended:
        word = json_type(value)
        words = types_of(flat)
        if words and word not in words and not (word == "integer" and "number" in words):
            return value, _MISFIT
        if "const" in flat and not _same(value, flat["const"]):
            return value, _MISFIT
        if isinstance(flat.get("enum"), list) and not any(_same(value, item) for item in flat["enum"]):
            return value, _MISFIT
        if isinstance(value, dict):
            return self._object(flat, value, known)
        if isinstance(value, list):
            return self._array(flat, value, known)
        return value, _OUT_OF_BOUNDS if _out_of_bounds(flat, value) else 0

    def _object(self, flat: dict[str, Any], value: dict[str, Any], known: dict[tuple[int, int], Mended]) -> Mended:
        properties, required = flat.get("properties") or {}, flat.get("required") or ()
        rest = flat.get("additionalProperties", True)
        out: dict[str, Any] = {}
        fit = 0 if all(name in value for name in required) else _MISFIT
        for name, item in value.items():
            if name not in properties:
                out[name], inner = (item, _MISFIT) if rest is False else self._mend(rest, item, known)
                fit |= inner | _EXTRA_KEYS
                continue
            out[name], inner = self._mend(properties[name], item, known)
            if item is None and inner >= _OUT_OF_BOUNDS and name not in required:
                del out[name]
                inner = _CHANGED
            fit |= inner
        if not flat.get("minProperties", 0) <= len(out) <= flat.get("maxProperties", len(out)):
            fit |= _OUT_OF_BOUNDS
        return (out if fit & _CHANGED else value), fit

    def _array(self, flat: dict[str, Any], value: list[Any], known: dict[tuple[int, int], Mended]) -> Mended:
        first, rest = tuple_items(flat)
        out: list[Any] = []
        fit = 0
        for index, item in enumerate(value):
            made, inner = self._mend(first[index] if index < len(first) else rest, item, known)
            out.append(made)
            fit |= inner
        if not flat.get("minItems", 0) <= len(value) <= flat.get("maxItems", len(value)):
            fit |= _OUT_OF_BOUNDS
        return (out if fit & _CHANGED else value), fit


def _same(value: Any, other: Any) -> bool:
    """Equality of JSON values: ``1`` and ``1.0`` are one number, ``1`` and ``true`` are not."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    return bool(value == other)


def _out_of_bounds(flat: dict[str, Any], value: Any) -> bool:
    if isinstance(value, str):
        return not _string_fits(flat, value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return not (
        flat.get("minimum", value) <= value <= flat.get("maximum", value)
        and ("exclusiveMinimum" not in flat or value > flat["exclusiveMinimum"])
        and ("exclusiveMaximum" not in flat or value < flat["exclusiveMaximum"])
        and ("multipleOf" not in flat or not flat["multipleOf"] or value % flat["multipleOf"] == 0)
    )


def _string_fits(flat: dict[str, Any], value: str) -> bool:
    if not flat.get("minLength", 0) <= len(value) <= flat.get("maxLength", len(value)):
        return False
    try:
        return "pattern" not in flat or re.search(flat["pattern"], value) is not None
    except (re.error, TypeError):
        # Another dialect's pattern tells nothing here.
        return True
