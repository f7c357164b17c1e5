"""Scripted misbehaviour: what can go wrong, and which request it happens to."""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass, field, fields
from typing import Any

from requesty_emulator.errors import ConfigError, GatewayError, Origin
from requesty_emulator.gateway.bad_vectors import BAD_VECTORS
from requesty_emulator.gateway.settings import USAGE_STYLES


@dataclass(slots=True, kw_only=True)
class Fault:
    """One deviation from a healthy answer. Unset fields change nothing; fields combine.

    ``status`` answers with an error; the other fields disturb an otherwise good answer. Chunk counts
    count ``data:`` events. Delays are seconds.
    """

    status: int | None = None
    message: str | None = None
    origin: Origin | None = None
    body: Any = None
    retry_after: float | int | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    chunk_delay: float | None = None
    slow_bytes: int | None = None
    cut_after_bytes: int | None = None
    cut_after_chunks: int | None = None
    error_event: dict[str, Any] | str | None = None
    error_after_chunks: int = 1
    truncate_after_chunks: int | None = None
    stall_after_chunks: int | None = None
    drop_connection: bool = False
    html: bool = False
    malformed_json: bool = False
    error_in_200: dict[str, Any] | str | None = None
    empty_choices: bool = False
    usage: str | None = None
    crlf: bool = False
    comments: bool = False
    event_lines: bool = False
    no_done: bool = False
    reorder_embeddings: bool = False
    bad_vectors: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None and not (isinstance(self.status, int) and 100 <= self.status <= 599):
            raise ConfigError(f"fault status must be an HTTP status code, not {self.status!r}")
        if self.usage is not None and self.usage not in USAGE_STYLES:
            raise ConfigError(f"fault usage must be one of {', '.join(USAGE_STYLES)}, not {self.usage!r}")
        if self.bad_vectors is not None and self.bad_vectors not in BAD_VECTORS:
            raise ConfigError(f"fault bad_vectors must be one of {', '.join(BAD_VECTORS)}, not {self.bad_vectors!r}")
        if self.origin not in (None, "router", "provider"):
            raise ConfigError(f"fault origin must be 'router' or 'provider', not {self.origin!r}")

    @property
    def is_error(self) -> bool:
        """Whether the answer is an error status instead of a model's reply."""
        return self.status is not None and self.status >= 300

    def error(self) -> GatewayError:
        """The error answer that ``status`` asks for."""
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return GatewayError(self.status or 500, self.message, self.origin, headers=headers, body=self.body)


@dataclass(slots=True)
class Rule:
    """A fault with the requests it applies to; ``times`` None is every one, ``nth`` counts from 1."""

    fault: Fault
    model: str | None = None
    key: str | None = None
    path: str | None = None
    times: int | None = 1
    nth: int | None = None
    seen: int = 0

    def matches(self, model: str | None, key_id: str, secret: str, path: str) -> bool:
        """Whether the rule speaks about this request; ``key`` may be a key's id or its secret."""
        return (
            (self.model is None or self.model == model)
            and (self.key is None or self.key in (key_id, secret))
            and (self.path is None or self.path in path)
        )


class FaultQueue:
    """Faults waiting for requests. Safe to fill from the test's thread while the server takes."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(self, rule: Rule) -> None:
        """Queue a rule behind the ones already there."""
        if rule.times is not None and rule.times < 1:
            raise ConfigError(f"fault times must be 1 or more, not {rule.times!r}")
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self._rules.clear()

    def take(
        self, model: str | None, key_id: str, secret: str, path: str, *, exact_model: bool = False
    ) -> Fault | None:
        """The fault for this request, if any; the first matching rule wins and is used up.

        ``exact_model`` skips rules without a model, for the attempts inside a routing policy: a rule
        that names no model already had its chance at the request as a whole.
        """
        with self._lock:
            for rule in self._rules:
                if (exact_model and rule.model is None) or not rule.matches(model, key_id, secret, path):
                    continue
                if rule.nth is not None:
                    rule.seen += 1
                    if rule.seen != rule.nth:
                        continue
                    self._rules.remove(rule)
                    return rule.fault
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times == 0:
                        self._rules.remove(rule)
                return rule.fault
        return None


def make_fault(options: dict[str, Any]) -> Fault:
    """Build a :class:`Fault` from keyword options, with a one-line error naming an unknown one."""
    known = [field.name for field in fields(Fault)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known fields: {', '.join(known)}"
            raise ConfigError(f"unknown fault field {name!r}{hint}")
    return Fault(**options)
