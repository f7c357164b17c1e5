"""Gateway options of a request: the ``requesty`` body object and the ``X-Requesty-*`` analytics headers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from requesty_core.errors import ConfigurationError

from .checks import a_kind, shown

__all__ = ["RequestyOptions", "analytics_headers", "check_headers", "merge_headers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestyOptions:
    """The ``requesty`` object of a request body (documented under request metadata and auto caching).

    Attributes:
        auto_cache: ask for (``True``) or suppress (``False``) provider prompt caching; unset leaves it to the gateway.
        tags: labels for analytics.
        user_id: end user, for analytics and load-balancing stickiness.
        trace_id: conversation or task, for analytics and load-balancing stickiness (one id keeps one model).
        extra: any further JSON keys; usage reports can group by ``extra.KEY``.
        prompt_id: id of a prompt in the gateway's prompt library.
        prompt_variables: values of that prompt's variables, by name.
    """

    auto_cache: bool | None = None
    tags: Sequence[str] | None = None
    user_id: str | None = None
    trace_id: str | None = None
    extra: Mapping[str, Any] | None = None
    prompt_id: str | None = None
    prompt_variables: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.auto_cache is not None and not isinstance(self.auto_cache, bool):
            raise ConfigurationError(f"options.auto_cache: {shown(self.auto_cache)} is not a bool; give True or False")
        for name in ("user_id", "trace_id", "prompt_id"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"options.{name}: {shown(value)} is not a string")
        if self.tags is not None:
            if not isinstance(self.tags, Sequence) or isinstance(self.tags, (str, bytes)):
                raise ConfigurationError(f"options.tags: {shown(self.tags)} is not a list of strings")
            if wrong := [tag for tag in self.tags if not isinstance(tag, str)]:
                raise ConfigurationError(f"options.tags: {shown(wrong[0])} in it is not a string")
        if self.extra is not None and not isinstance(self.extra, Mapping):
            raise ConfigurationError(f"options.extra: {shown(self.extra)} is not a mapping")
        if self.prompt_variables is not None and not isinstance(self.prompt_variables, Mapping):
            raise ConfigurationError(f"options.prompt_variables: {shown(self.prompt_variables)} is not a mapping")

    @classmethod
    def conversation(cls, **options: Any) -> RequestyOptions:
        """Options for one conversation: a new ``trace_id``, so that load balancing keeps one model for all its turns.

        >>> options = RequestyOptions.conversation(user_id="u-1")
        >>> options.trace_id is not None
        True
        """
        return cls(**{"trace_id": uuid.uuid4().hex, **options})

    @classmethod
    def coerce(cls, value: RequestyOptions | Mapping[str, Any] | None) -> RequestyOptions:
        """Accept an instance, a mapping with the same keys, or ``None``. Raises :class:`ConfigurationError`."""
        if value is None:
            return _EMPTY
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"options: {shown(value)} is neither RequestyOptions nor a mapping")
        unknown = set(value) - {f.name for f in fields(cls)}
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            raise ConfigurationError(f"options: unknown key {names}; put keys of your own under 'extra'")
        return cls(**value)

    def merged(self, other: RequestyOptions | Mapping[str, Any] | None) -> RequestyOptions:
        """These options with ``other`` on top; ``extra`` merges key by key, everything else is replaced."""
        if other is None:
            return self
        top = RequestyOptions.coerce(other)
        extra = {**(self.extra or {}), **(top.extra or {})} or None
        return RequestyOptions(
            auto_cache=self.auto_cache if top.auto_cache is None else top.auto_cache,
            tags=self.tags if top.tags is None else top.tags,
            user_id=self.user_id if top.user_id is None else top.user_id,
            trace_id=self.trace_id if top.trace_id is None else top.trace_id,
            extra=extra,
            prompt_id=self.prompt_id if top.prompt_id is None else top.prompt_id,
            prompt_variables=self.prompt_variables if top.prompt_variables is None else top.prompt_variables,
        )

    def to_body(self) -> dict[str, Any]:
        """The JSON object to send, with only what was set; empty if nothing was."""
        body: dict[str, Any] = {}
        if self.auto_cache is not None:
            body["auto_cache"] = self.auto_cache
        if self.tags is not None:
            body["tags"] = list(self.tags)
        if self.user_id is not None:
            body["user_id"] = self.user_id
        if self.trace_id is not None:
            body["trace_id"] = self.trace_id
        if self.extra:
            body["extra"] = dict(self.extra)
        if self.prompt_id is not None:
            body["prompt_id"] = self.prompt_id
        if self.prompt_variables is not None:
            body["prompt_variables"] = dict(self.prompt_variables)
        return body


_EMPTY = RequestyOptions()


_HEADER_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")


def is_printable(text: str) -> bool:
    """Whether ASCII text has no control character, so that it can stand in a header."""
    return text.replace("\t", " ").isprintable()


def check_headers(headers: Mapping[str, str] | None, setting: str = "extra_headers") -> dict[str, str]:
    """A copy without empty values. Raises :class:`ConfigurationError` for text that cannot be one header.

    ``Authorization`` is refused: the key has a setting of its own, where it is kept out of logs.
    """
    if headers is not None and not isinstance(headers, Mapping):
        raise ConfigurationError(f"{setting}: {shown(headers)} is not a mapping; give names and values, such as a dict")
    checked: dict[str, str] = {}
    given: Mapping[Any, Any] = headers or {}
    for name, value in given.items():
        if value is None or value == "":
            continue
        if not isinstance(name, str) or not isinstance(value, str):
            named = isinstance(name, str)
            wrong = f"the value of {shown(name)} is {a_kind(value)}" if named else f"the name is {a_kind(name)}"
            raise ConfigurationError(f"{setting}: {wrong}; give a text")
        if not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{setting}: {name!r} is not a header name; use letters, digits and hyphens")
        if not value.isascii():
            raise ConfigurationError(f"{setting}: the value of {name!r} is not ASCII; percent-encode it")
        value = value.strip(" \t")
        if not is_printable(value):
            raise ConfigurationError(f"{setting}: the value of {name!r} contains a line break or NUL; remove it")
        if not value:
            continue
        if name.lower() == "authorization":
            raise ConfigurationError(f"{setting}: 'Authorization' cannot be set here; use api_key")
        checked[name] = value
    return checked


def merge_headers(*layers: Mapping[str, str]) -> dict[str, str]:
    """Join header layers; later ones win, compared without regard to case."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in layer.items():
            merged[name.lower()] = (name, value)
    return dict(merged.values())


def analytics_headers(**labels: str) -> dict[str, str]:
    """``X-Requesty-*`` headers from labels: ``analytics_headers(team="search")`` → ``{"X-Requesty-Team": "search"}``.

    The gateway strips them before the provider sees the request (documented under analytics headers).
    """
    headers = {f"X-Requesty-{'-'.join(p.capitalize() for p in k.split('_'))}": v for k, v in labels.items()}
    return check_headers(headers, "analytics_headers")
