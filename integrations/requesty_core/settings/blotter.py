"""The one place that takes keys out of texts: servers and proxies echo them in ids, headers, bodies and errors.

What is looked through is what describes an answer (ids, names, headers), and errors whole. What a model said is left as
it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from requesty_core.lifetime import renewed_after_fork

__all__ = ["Blotter", "blotted"]

BLOT = "**********"

_SHORTEST = 4
"""Keys shorter than this are not looked for: they are words of every text."""

_MOST_KEYS = 512
"""Keys that are remembered; a callable may give another one for every request."""


class Blotter:
    """Knows every key that a client ever used. Safe for threads.

    Args:
        more: what else is a key now, such as the environment's.
    """

    __slots__ = ("__weakref__", "_keys", "_lock", "_more")

    def __init__(self, more: Callable[[], str | None]) -> None:
        self._keys: dict[str, None] = {}
        self._lock = threading.Lock()
        self._more = more
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def add(self, key: str) -> None:
        """A key is used from now on, or was."""
        if key in self._keys or len(key) < _SHORTEST:
            return
        with self._lock:
            for form in (key, quote(key, safe="")):
                self._keys[form] = None
            while len(self._keys) > _MOST_KEYS:
                del self._keys[next(iter(self._keys))]

    def _found(self, text: str) -> list[str]:
        more = self._more()
        keys = (*tuple(self._keys), more) if more and len(more) >= _SHORTEST else tuple(self._keys)
        found = [key for key in keys if key in text]
        # The longest first: one key may be the beginning of another.
        return sorted(found, key=len, reverse=True) if found else found

    def _is_echoed(self, text: str) -> bool:
        """Whether a key that was sent is in what a server says; it was told of no other."""
        for key in tuple(self._keys):  # noqa: SIM110 -- asked of every answer, and a generator costs more
            if key in text:
                return True
        return False

    def text(self, text: str) -> str:
        """The text without keys."""
        for key in self._found(text):
            text = text.replace(key, BLOT)
        return text

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Headers without keys; the same object if there are none in them."""
        if not self._is_echoed("\n".join(headers.values())):
            return headers
        return {name: self.text(value) for name, value in headers.items()}

    def names(self, body: Any) -> Any:
        """A decoded answer whose own texts (id, model, …) hold no keys; its nested ones are what the model said."""
        if type(body) is not dict:
            return body
        texts = {name: value for name, value in body.items() if type(value) is str}
        if texts and self._is_echoed("\n".join(texts.values())):
            return {**body, **{name: self.text(value) for name, value in texts.items()}}
        return body

    def content(self, content: bytes) -> bytes:
        """Bytes of a body without keys."""
        # Latin-1 has a character for every byte, and keys are ASCII.
        text = content.decode("latin-1")
        return self.text(text).encode("latin-1") if self._found(text) else content


def blotted(value: Any, text: Callable[[str], str]) -> Any:
    """JSON with every text in it, keys of objects included, put through ``text``."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {blotted(key, text): blotted(item, text) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [blotted(item, text) for item in value]
    return value
