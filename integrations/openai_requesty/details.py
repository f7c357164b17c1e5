"""What is known of a call beside its answer: attempts, cost, request id, requested and served model."""

from __future__ import annotations

from typing import Any

from requesty_core.errors import RequestyError
from requesty_core.relay import EXTENSION, CallDetails, Relayed

__all__ = ["attach", "call_details", "relayed_of"]

_ATTRIBUTE = "_requesty"


def relayed_of(response: Any) -> Relayed | None:
    """The call behind an HTTP response."""
    extensions = getattr(response, "extensions", None)
    relayed = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return relayed if isinstance(relayed, Relayed) else None


def attach(model: Any, details: CallDetails) -> None:
    """Keep the details with an answer, out of its fields: it dumps, compares and pickles as before."""
    object.__setattr__(model, _ATTRIBUTE, details)


def call_details(source: Any) -> CallDetails:
    """The details of anything a client returned or raised.

    Args:
        source: an answer (``ChatCompletion``, ``CreateEmbeddingResponse``, ``Response``, a page of models, …), a
            stream or a stream helper (complete once the stream has ended), a raw or streaming response, or an error.

    Raises:
        TypeError: the object does not come from a Requesty client.
    """
    if isinstance(source, RequestyError):
        partial = source.partial
        return CallDetails(
            requested_model=source.requested_model,
            served_model=None if partial is None else partial.served_model,
            provider=None if partial is None else partial.provider,
            request_id=source.request_id,
            usage=None if partial is None else partial.usage,
            attempts=source.attempts,
        )
    details = getattr(source, "__dict__", {}).get(_ATTRIBUTE)
    if isinstance(details, CallDetails):
        return details
    for candidate in (source, *_responses(source)):
        relayed = relayed_of(candidate)
        if relayed is not None:
            return relayed.details()
    raise TypeError(f"{type(source).__name__}: no call details; give what a Requesty client returned or raised")


def _responses(source: Any) -> list[Any]:
    """Where the SDK's streams, stream helpers and raw responses keep the HTTP response."""
    names = ("http_response", "response", "_response")
    raw = getattr(source, "_raw_stream", None)
    return [getattr(holder, name, None) for holder in (source, raw) if holder is not None for name in names]
