"""The key: where it is from, what is wrong with it, and that it is never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from requesty_core.errors import ConfigurationError, MissingKeyError

from .blotter import Blotter
from .options import is_printable

__all__ = ["ApiKey", "KeySource"]

KeySource = str | Callable[[], str] | Callable[[], Awaitable[str]] | None


class ApiKey:
    """The key, kept out of ``repr``, logs, errors, pickles and every serialised form.

    ``source`` is the key itself, an object with ``get_secret_value()``, or a callable that is asked before every
    request (for rotation; it may return an awaitable when only async clients use it). Without one, the environment
    variable ``REQUESTY_API_KEY`` is read, now, or if it is not set yet, when the first request needs it. No other
    variable is ever read. ``variable`` is for a caller that has read another one: errors about the key name it.
    """

    __slots__ = ("_found", "_last", "_source", "_variable", "blotter")
    _last: tuple[str, str] | None
    _source: str | Callable[[], Any] | None
    _variable: str | None
    blotter: Blotter
    """Takes every key that was ever used out of texts."""

    def __init__(self, source: Any = None, *, variable: str | None = None) -> None:
        given = source if isinstance(source, ApiKey) else None
        if given is not None:
            source = given._source
        reveal = getattr(source, "get_secret_value", None)
        if callable(reveal):
            source = reveal()
        if isinstance(source, str):
            source = _check_key(source, variable or "api_key")
        elif source is not None and not callable(source):
            raise ConfigurationError(f"api_key: must be a string or a callable, not {type(source).__name__}")
        self._source = source
        self._variable = given._variable if given is not None and variable is None else variable
        self._found: str | None = None
        self._last = None
        self.blotter = Blotter(_of_environment) if given is None else given.blotter
        if source is None:
            self._found = _of_environment() if given is None else given._found
            if self._found and self._found.strip():
                # What is set is checked now; what is not may be set until the first request.
                _check_key(self._found, "REQUESTY_API_KEY")
        for key in (source, self._found):
            if isinstance(key, str):
                self.blotter.add(key)

    @property
    def origin(self) -> str:
        """Where the key is from, in words that continue "the key"."""
        if self._variable is not None:
            return f"in {self._variable}"
        if self._source is None:
            return "in REQUESTY_API_KEY"
        return "that the api_key function returned" if callable(self._source) else "given as api_key"

    @property
    def is_set(self) -> bool:
        """Whether a request could find a key now."""
        return self._source is not None or bool(self._found or _of_environment())

    def get(self) -> str:
        """The key. Raises :class:`MissingKeyError` if there is none."""
        value = self._ask()
        if not isinstance(value, str):
            close = getattr(value, "close", None)
            if callable(close):
                close()
            raise ConfigurationError("api_key: the callable returned no string; async callables need the async client")
        return self._used(value)

    async def aget(self) -> str:
        """The key, awaiting the callable's answer if need be. Raises as :meth:`get`."""
        value = self._ask()
        if isawaitable(value):
            value = await value
        if not isinstance(value, str):
            raise ConfigurationError("api_key: the callable returned no string")
        return self._used(value)

    def _used(self, value: str) -> str:
        last = self._last
        if last is not None and last[0] == value:
            return last[1]
        key = _check_key(value, "REQUESTY_API_KEY" if self._source is None else "api_key")
        self.blotter.add(key)
        self._last = value, key
        return key

    def redact(self, text: str) -> str:
        """The text with every key blotted out that was ever used, where a server or proxy echoed one."""
        return self.blotter.text(text)

    def _ask(self) -> Any:
        source = self._source
        if source is None:
            source = self._found = self._found or _of_environment()
            if not source:
                raise MissingKeyError("api_key: no Requesty API key; pass api_key=... or set REQUESTY_API_KEY")
        return source() if callable(source) else source

    def __repr__(self) -> str:
        return "ApiKey('**********')" if self._source is not None else "ApiKey()"

    __str__ = __repr__

    def __deepcopy__(self, memo: dict[int, Any]) -> ApiKey:
        return self

    def __reduce__(self) -> tuple[type[ApiKey], tuple[()]]:
        # A pickle may be stored or sent: the copy reads the environment of wherever it wakes up.
        return ApiKey, ()


def _of_environment() -> str | None:
    return os.environ.get("REQUESTY_API_KEY")


def _check_key(key: str, setting: str = "api_key") -> str:
    if not key.strip():
        raise MissingKeyError("api_key: empty; pass api_key=... or set REQUESTY_API_KEY")
    key = key.strip()
    if not key.isascii() or not is_printable(key):
        raise ConfigurationError(f"{setting}: contains a line break or a character outside ASCII; copy it again")
    if key[0] in "\"'`" or key[-1] in "\"'`":
        raise ConfigurationError(f"{setting}: is in quotation marks, which would be sent too; give it without them")
    if key.lower().startswith("bearer "):
        raise ConfigurationError(f"{setting}: begins with 'Bearer', which is added for you; give the key alone")
    words = key.split()
    if len(words) > 1 and len(set(words)) == 1:
        raise ConfigurationError(f"{setting}: stands there twice; copy it again")
    if re.fullmatch(r"\$\w+|\$\{\w+\}|%\w+%", key):
        raise ConfigurationError(f"{setting}: is the name of a variable that nothing filled in; give its value")
    return key
