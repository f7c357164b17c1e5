"""Settings as plain JSON values and back, for frameworks that save their objects as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.retry.backoff import RetryPolicy
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions

__all__ = ["plain_options", "plain_policy", "plain_steps", "plain_timeout", "policy_from", "timeout_from"]


def plain_steps(steps: Iterable[Any]) -> list[Any]:
    """Chain members as ids and plain mappings."""
    return [_plain_step(step) if isinstance(step, Step) else step for step in steps]


def _plain_step(step: Step) -> str | dict[str, Any]:
    fields = {key: value for key, value in asdict(step).items() if value is not None}
    return step.model if len(fields) == 1 else fields


def plain_options(options: RequestyOptions | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Gateway options as a plain mapping."""
    if isinstance(options, RequestyOptions):
        return options.to_body()
    return None if options is None else dict(options)


def plain_timeout(timeout: Timeouts | float | None) -> dict[str, Any] | float | None:
    """A timeout as a number or a plain mapping."""
    return asdict(timeout) if isinstance(timeout, Timeouts) else timeout


def timeout_from(value: Any) -> Any:
    """The reverse of :func:`plain_timeout`."""
    return Timeouts(**value) if isinstance(value, dict) else value


def plain_policy(policy: FallbackPolicy | None) -> dict[str, Any] | None:
    """A policy as a plain mapping. Raises :class:`ConfigurationError` for one with a function."""
    if policy is None:
        return None
    if policy.should_fall_back is not None:
        raise ConfigurationError("fallback_policy: should_fall_back is a function and cannot be saved; leave it out")
    return {key: value for key, value in asdict(policy).items() if value is not None}


def policy_from(value: Any) -> Any:
    """The reverse of :func:`plain_policy`."""
    if not isinstance(value, dict):
        return value
    retry = value.get("retry")
    return FallbackPolicy(**{**value, **({"retry": RetryPolicy(**retry)} if isinstance(retry, dict) else {})})
