"""What the gateway says when it refuses, and what the emulator says about bad settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Origin = Literal["router", "provider"]

#: Wording of the contract's error table (documented fragments), used when a fault names only a status.
DEFAULT_MESSAGES: Mapping[int, tuple[Origin, str]] = {
    400: ("provider", "Invalid request"),
    401: ("router", "Unauthorized"),
    402: ("router", "Insufficient balance, top up at the billing page"),
    403: ("router", "Invalid authorization token"),
    404: ("router", "Provider and/or model not supported"),
    408: ("provider", "Request timeout"),
    409: ("provider", "Conflict"),
    412: ("router", "Reached monthly spend limit for API key"),
    413: ("router", "Request body too large"),
    422: ("provider", "Unprocessable request"),
    424: ("router", "Invalid provider response format"),
    429: ("provider", "Too many requests"),
    500: ("router", "Internal server error"),
    502: ("provider", "Provider is down: Bad Gateway"),
    503: ("router", "The provider timed out, please try again"),
    504: ("router", "The provider timed out, please try again"),
    529: ("provider", "Provider is overloaded"),
}


class ConfigError(ValueError):
    """A setting, switch, fault or scenario file is wrong; the message is one line and names what."""


class GatewayError(Exception):
    """An answer in the gateway's documented error body ``{"error": {"origin", "message"}}``."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        origin: Origin | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> None:
        default_origin, default_message = DEFAULT_MESSAGES.get(status, ("router", f"HTTP {status}"))
        self.status = status
        self.message = default_message if message is None else message
        self.origin: Origin = default_origin if origin is None else origin
        self.headers = dict(headers or {})
        self.body = body
        super().__init__(f"{status} {self.origin}: {self.message}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _gateway_error, (self.status, self.message, self.origin, self.headers, self.body)

    def envelope(self, style: str = "openai") -> Any:
        """Body of the answer in one of the documented shapes: ``openai``, ``anthropic`` or ``manage``."""
        if self.body is not None:
            return self.body
        if style == "anthropic":
            return {"type": "error", "error": {"type": anthropic_type(self.status), "message": self.message}}
        if style == "manage":
            return {"error": {"message": self.message}}
        return {"error": {"origin": self.origin, "message": self.message}}


def _gateway_error(status: int, message: str, origin: Origin, headers: Mapping[str, str], body: Any) -> GatewayError:
    return GatewayError(status, message, origin, headers=headers, body=body)


def bad_request(message: str, origin: Origin = "router") -> GatewayError:
    """The contract's 400 with a message that names the field."""
    return GatewayError(400, message, origin)


def anthropic_type(status: int) -> str:
    """Error ``type`` word that ``/v1/messages`` documents for a status."""
    words = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    return words.get(status, "api_error")
