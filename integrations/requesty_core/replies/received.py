"""A complete response as the readers of answers see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requesty_core.errors import MalformedResponseError
from requesty_core.settings.blotter import Blotter
from requesty_core.wire.json import JSONDecodeError, decode_json

__all__ = ["ReceivedResponse"]


class ReceivedResponse:
    """A complete response as the readers see it: status, lower-case headers, body, and what the headers tell."""

    __slots__ = ("_blotter", "_clean", "content", "headers", "model", "provider", "request_id", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str], content: bytes, model: str, blotter: Blotter | None = None
    ) -> None:
        self._blotter = blotter
        self._clean: frozenset[str] = frozenset()
        self.status = status
        self.headers = headers = headers if blotter is None else blotter.headers(headers)
        self.content = content
        self.model = model
        self.request_id = headers.get("x-requesty-request-id") or headers.get("fly-request-id")
        self.provider = headers.get("x-requesty-provider")

    def json(self) -> Any:
        """The decoded body. Raises ``MalformedResponseError`` if it is not JSON."""
        try:
            return self.names(decode_json(self.content))
        except JSONDecodeError as exc:
            excerpt = " ".join(self.content[:200].decode("utf-8", "replace").split())
            raise MalformedResponseError(f"the body is not JSON ({exc}): {excerpt}", status=self.status) from None

    def names(self, body: Any) -> Any:
        """A decoded body, or chunk of one, whose id, model and other texts of its own hold no keys."""
        if self._blotter is None or type(body) is not dict:
            return body
        # The chunks of a stream say the same again and again.
        texts = [value for value in body.values() if type(value) is str]
        if self._clean.issuperset(texts):
            return body
        named = self._blotter.names(body)
        if named is body:
            self._clean = frozenset(texts)
        return named

    def blot(self, text: str) -> str:
        """A text of the answer without keys."""
        return text if self._blotter is None else self._blotter.text(text)

    def served_model(self, body: Mapping[str, Any]) -> str | None:
        """The model that a decoded body names, without keys."""
        model = body.get("model")
        return self.blot(model) if isinstance(model, str) and model else None
