"""Constructor arguments: what is unknown, and what is wrong in one line of this package's own class."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from langchain_core.utils.utils import get_pydantic_field_names
from pydantic import BaseModel, ValidationError

from requesty_core.adapters import check_setting, check_unknown, shown
from requesty_core.errors import ConfigurationError

__all__ = ["collect_unknown", "told_in_one_line"]

_NAMES = {"requesty_api_key": "api_key", "requesty_api_base": "base_url", "request_timeout": "timeout"}
"""Fields that have a name of LangChain's own, as they are called in the constructor and by the core."""


def collect_unknown(cls: type[BaseModel], values: Any) -> Any:
    """Move arguments without a field into ``model_kwargs``, with a warning.

    Raises :class:`ConfigurationError` for what is nearly the name of a setting, or given twice.
    """
    if not isinstance(values, dict):
        return values
    known = get_pydantic_field_names(cls)
    unknown = {key: values[key] for key in values if key not in known}
    if not unknown:
        return values
    check_unknown(unknown, {name for name in known if name not in _NAMES})
    given = values.get("model_kwargs") or {}
    if twice := unknown.keys() & given.keys():
        raise ConfigurationError(f"model_kwargs: {sorted(twice)[0]!r} is given twice; give it once")
    names = ", ".join(sorted(unknown))
    warnings.warn(f"{cls.__name__}: {names} sent as request parameters (model_kwargs)", stacklevel=6)
    kept = {key: value for key, value in values.items() if key not in unknown}
    return {**kept, "model_kwargs": {**given, **unknown}}


def told_in_one_line(cls: type[BaseModel], given: Mapping[str, Any], error: ValidationError) -> ConfigurationError:
    """What pydantic found, as the error that the core would raise: the setting, its value if it is no secret, the mend.

    Args:
        cls: the class that was to be made.
        given: the constructor's arguments.
        error: pydantic's error; of several the first one is told.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    cause = (first.get("ctx") or {}).get("error")
    if isinstance(cause, ConfigurationError):
        return cause
    place = [str(part) for part in first["loc"]]
    name = _argument(cls, place[0]) if place else cls.__name__
    if first["type"] == "missing":
        return ConfigurationError(f"{name}: missing; give one")
    field = next((key for key, info in cls.model_fields.items() if info.alias == name), name)
    value = given.get(name, given.get(field))
    try:
        check_setting(name, value)
    except ConfigurationError as told:
        return told
    wanted = first["msg"].removeprefix("Input ")
    return ConfigurationError(f"{name}: {shown(value)} does not fit; it {wanted}")


def _argument(cls: type[BaseModel], name: str) -> str:
    """The name under which the constructor's documentation has a field."""
    info = cls.model_fields.get(name)
    return _NAMES.get(name) or (info.alias if info is not None and info.alias else name)
