"""From the functions of one process to those of a cluster, where the rows are a dataset of Ray's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from requesty_core.extras import extra_missing

__all__ = ["is_dataset", "on_ray"]


def is_dataset(rows: object) -> bool:
    """Whether it is a ``ray.data.Dataset``, without importing Ray."""
    return any(kind.__module__.startswith("ray.data.") and kind.__name__ == "Dataset" for kind in type(rows).__mro__)


def on_ray(name: str, dataset: Any, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What ``requesty_ray`` makes of a dataset, given the arguments that differ from their defaults.

    Raises :class:`MissingExtraError` if Ray is not installed.
    """
    try:
        spread = import_module("requesty_ray.datasets")
    except ModuleNotFoundError as missing:
        raise extra_missing(missing, "ray") from None
    given = {
        parameter.name: arguments[parameter.name]
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and arguments[parameter.name] != parameter.default
    }
    return getattr(spread, name)(dataset, **given, **arguments["params"])
