"""One request and what came back, as bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, Protocol

import httpx

from requesty_emulator.gateway.redact import Redaction

__all__ = ["MISSING", "Ask", "Known", "Prepared", "Seen", "UntoldError", "prepared", "send"]

Auth = Literal["key", "x-api-key", "bad", "none"]
SECONDS = 90.0
BAD_KEY = "rqy_this-is-no-key"


class UntoldError(Exception):
    """The answer, or the account, leaves a fact open; the text says why."""


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING = _Missing()
"""What stands at a place that an answer does not have."""


class Known(Protocol):
    """What a request can be made of: answers to earlier ones."""

    models: Mapping[str, str]

    def seen(self, name: str) -> Seen:
        """The answer to another request of the table."""


Made = Callable[[Known], Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. ``path`` and ``body`` can be made of earlier answers; bytes of a body are sent as they are.

    ``tokens`` are the most input and output tokens that it can be billed for, ``model`` the role of its model in
    :data:`~requesty_cli.verify.asks.MODELS`; ``most`` is USD beside tokens. ``writes`` changes something there.
    """

    path: str | Made
    body: Any = None
    method: str = "POST"
    auth: Auth = "key"
    host: Literal["inference", "management", "feedback"] = "inference"
    model: str | None = None
    tokens: tuple[int, int] = (0, 0)
    most: Decimal = Decimal(0)
    writes: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """An answer: every byte of it but secrets, and the request that it is for; names of headers in lower case."""

    method: str
    url: str
    sent: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body decoded; :data:`MISSING` where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return MISSING

    def at(self, place: str) -> Any:
        """What stands at ``choices.0.message``; :data:`MISSING` if nothing does."""
        return value_at(self.json, place)

    @cached_property
    def data(self) -> list[str]:
        """The payload of each ``data:`` line of a stream, in order."""
        text = self.body.decode("utf-8", "replace").replace("\r\n", "\n")
        return [line[5:].lstrip(" ") for line in text.split("\n") if line.startswith("data:")]

    @cached_property
    def events(self) -> list[Any]:
        """Each of these decoded, without ``[DONE]``; :data:`MISSING` where one is no JSON."""
        found: list[Any] = []
        for line in self.data:
            if line != "[DONE]":
                try:
                    found.append(json.loads(line))
                except ValueError:
                    found.append(MISSING)
        return found

    @property
    def usage(self) -> Any:
        """The usage object, the last one of a stream; :data:`MISSING` if there is none."""
        places = ("usage", "response.usage", "message.usage")
        if not self.events:
            return self.at("usage")
        found = [value_at(event, place) for event in self.events for place in places]
        return next((value for value in reversed(found) if isinstance(value, dict)), MISSING)


def value_at(value: Any, place: str) -> Any:
    """A value by the names and numbers that lead to it."""
    for step in place.split(".") if place else ():
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it will be sent, and the id of the model it asks."""

    path: str
    content: bytes | None
    model: str


def prepared(ask: Ask, known: Known) -> Prepared:
    """The path and the body of a request. Raises ``UntoldError`` if what it is made of is not there."""
    path = ask.path if isinstance(ask.path, str) else ask.path(known)
    body = ask.body(known) if callable(ask.body) else ask.body
    model = known.models.get(ask.model or "", "")
    if not isinstance(body, dict):
        return Prepared(path, body, model)
    if model:
        body = {"model": model, **body}
    return Prepared(path, json.dumps(body).encode(), str(body.get("model", "")))


def send(http: httpx.Client, ask: Ask, made: Prepared, base: str, key: str) -> Seen:
    """Perform a request; ``base`` is the host's URL without ``/v1``. Raises ``httpx.HTTPError``."""
    headers = {"accept-encoding": "identity", **_auth(ask.auth, key), **ask.headers}
    if made.content is not None:
        headers.setdefault("content-type", "application/json")
    reply = http.request(ask.method, base + made.path, content=made.content, headers=headers, timeout=SECONDS)
    # What is not kept cannot be shown: neither this key nor one that the gateway tells, nor whose account it is.
    redaction = Redaction({"authorization": f"Bearer {key}"}, made.path)
    shown = {name: redaction.text(value) for name, value in reply.headers.items()}
    url, sent = redaction.text(base + made.path), redaction.data(made.content or b"")
    return Seen(ask.method, url, sent, reply.status_code, shown, redaction.data(reply.content))


def _auth(auth: Auth, key: str) -> dict[str, str]:
    if auth == "none":
        return {}
    if auth == "x-api-key":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {key if auth == 'key' else BAD_KEY}"}
