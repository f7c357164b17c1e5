"""The bodies of one call's attempts, as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from requesty_core.catalog.prepared import Prepared
from requesty_core.errors import ErrorKind, RequestyError
from requesty_core.retry.fallback import Send

from .adaptation import Adaptation
from .body import encode_body

__all__ = ["Contents"]


class Contents:
    """Each attempt's body follows its model's rules; attempts of equal bodies share the bytes.

    Args:
        first: the JSON body without ``model``; ``None`` sends no body.
        later: bodies of the chain's second model and those after it, where they are not the first one's.
        adaptation: how a body follows the rules of each attempt's model; ``None`` sends it to all as it is.
        names_model: whether the body carries ``model``.
    """

    __slots__ = ("_adaptation", "_encoded", "_later", "_names_model", "first")

    def __init__(
        self,
        first: Mapping[str, Any] | None,
        later: Sequence[Mapping[str, Any]] = (),
        adaptation: Adaptation | None = None,
        *,
        names_model: bool = True,
    ) -> None:
        self.first = first
        self._later = later
        self._adaptation = adaptation
        self._names_model = names_model
        self._encoded: tuple[Send, object, bytes, Prepared] | None = None

    def of(self, send: Send) -> bytes:
        """Body bytes of an attempt."""
        return b"" if self.first is None else self._made(self.first, send)[0]

    def prepared(self, send: Send) -> Prepared | None:
        """The body as the attempt sends it, if it follows the model's rules."""
        return None if self._adaptation is None or self.first is None else self._made(self.first, send)[1]

    def _made(self, body: Mapping[str, Any], send: Send) -> tuple[bytes, Prepared]:
        encoded = self._encoded
        if encoded is not None and encoded[0] is send:
            return encoded[2:]
        adaptation, model = self._adaptation, send.step.model
        key = (send.position, model if adaptation is None else adaptation.key(send))
        if 0 < send.position <= len(self._later):
            body = self._later[send.position - 1]
        if encoded is None or encoded[1] != key:
            prepared = Prepared(body) if adaptation is None else adaptation.prepare(body, send)
            sent = {"model": model, **prepared.body} if self._names_model else prepared.body
            encoded = send, key, encode_body(sent), prepared
        self._encoded = send, *encoded[1:]
        return encoded[2:]

    def learn(self, error: RequestyError, prepared: Prepared | None, send: Send) -> bool:
        """Whether the model refused a field that the call can do without; it is left out from then on."""
        if self._adaptation is None or prepared is None or error.kind is not ErrorKind.BAD_REQUEST:
            return False
        return self._adaptation.learn(error, prepared, send)
