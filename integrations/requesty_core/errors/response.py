"""The HTTP response that an error holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from requesty_core.values import Value
from requesty_core.wire.json import decode_json

__all__ = ["ErrorResponse"]


class ErrorResponse(Value, frozen=True):
    """The HTTP response behind an error, without the request (which holds the key).

    Its attributes are those that tracing tools read from HTTP errors; names in ``headers`` are in lower case.
    """

    status_code: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    content: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes are replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Decode the body. Raises ``ValueError`` if it is not JSON."""
        return decode_json(self.content)
