"""Settings as plain JSON values and back, for frameworks that save their objects as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, fields
from typing import Any

from requesty_core.errors import ConfigurationError, UnknownSettingError
from requesty_core.retry.backoff import RetryPolicy
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step, steps_from
from requesty_core.settings.config import Timeouts
from requesty_core.settings.names import meant, unknown_setting
from requesty_core.settings.options import RequestyOptions

__all__ = [
    "plain_options",
    "plain_policy",
    "plain_step",
    "plain_steps",
    "plain_timeout",
    "policy_from",
    "timeout_from",
]


def plain_steps(steps: Any) -> Any:
    """Chain members as ids and plain mappings, ``None`` as an empty chain; what is no list stays for its check."""
    if steps is None:
        return []
    if isinstance(steps, AbstractSet):
        # Refused here: a framework would make a list of it, in any order.
        return steps_from(steps)
    if isinstance(steps, (str, bytes, Mapping)) or not isinstance(steps, Iterable):
        return steps
    return [plain_step(step) for step in steps]


def plain_step(step: Any) -> Any:
    """A :class:`Step` as its id, or as a mapping without unset keys; anything else as it is."""
    if not isinstance(step, Step):
        return step
    plain = _set_fields(step)
    return step.model if len(plain) == 1 else plain


def plain_options(options: Any) -> Any:
    """Gateway options as a plain mapping; what are none stay for their check."""
    if isinstance(options, RequestyOptions):
        return options.to_body()
    return dict(options) if isinstance(options, Mapping) else options


def plain_timeout(timeout: Timeouts | float | None) -> dict[str, Any] | float | None:
    """A timeout as a number or a plain mapping."""
    return asdict(timeout) if isinstance(timeout, Timeouts) else timeout


def timeout_from(value: Any) -> Any:
    """The reverse of :func:`plain_timeout`."""
    return Timeouts(**_known(Timeouts, value, "timeout")) if isinstance(value, dict) else value


def plain_policy(policy: FallbackPolicy | None, *, drop_function: bool = False) -> dict[str, Any] | None:
    """A policy as a plain mapping.

    A function in it (``should_fall_back``) cannot be saved: it is left out with ``drop_function``, for frameworks that
    dump their objects into every trace, else it raises :class:`ConfigurationError`.
    """
    if policy is None:
        return None
    if policy.should_fall_back is not None and not drop_function:
        raise ConfigurationError("fallback_policy: should_fall_back is a function and cannot be saved; leave it out")
    plain = _set_fields(policy)
    # Neither can be saved, and what is remembered of failures need not be.
    for name in ("should_fall_back", "health"):
        plain.pop(name, None)
    return plain


def policy_from(value: Any) -> Any:
    """The reverse of :func:`plain_policy`."""
    if not isinstance(value, dict):
        return value
    own, retry = _known(FallbackPolicy, value, "fallback_policy"), value.get("retry")
    if isinstance(retry, dict):
        own["retry"] = RetryPolicy(**_known(RetryPolicy, retry, "fallback_policy.retry"))
    return FallbackPolicy(**own)


def _known(cls: Any, given: Mapping[Any, Any], setting: str) -> dict[str, Any]:
    """The fields of ``cls`` in a mapping. Raises :class:`UnknownSettingError` for one that is none."""
    known = [field.name for field in fields(cls)]
    for name in given:
        if name not in known:
            otherwise = f"it takes {', '.join(known)}"
            line = unknown_setting(cls.__name__, str(name), known, "" if meant(str(name), known) else otherwise)
            raise UnknownSettingError(f"{setting}.{line}")
    return dict(given)


def _set_fields(value: Step | FallbackPolicy) -> dict[str, Any]:
    return {key: item for key, item in asdict(value).items() if item is not None}
