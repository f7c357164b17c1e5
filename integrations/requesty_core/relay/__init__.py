"""Requests made by another client library, carried out with the promises of this one.

This is the face for adapters that stand on another library's client: the relay as a transport, what is known of a call
beside its answer, and the HTTP classes that both speak. Modules are loaded when a name of theirs is first asked for.
"""

from __future__ import annotations

from requesty_core.lazy import lazy_names

NAMES = {
    "requesty_core.network.http": (
        "URL",
        "AsyncHTTPClient",
        "AsyncTransport",
        "HTTPClient",
        "Request",
        "Response",
        "TimeoutConfig",
        "Transport",
    ),
    ".aio": ("AsyncRelayTransport",),
    ".details": ("CallDetails", "Relayed"),
    ".http": ("EXTENSION",),
    ".sync": ("RelayTransport",),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, NAMES)
