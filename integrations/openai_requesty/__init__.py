"""``openai.OpenAI`` and ``openai.AsyncOpenAI`` for the Requesty gateway, without changing a call.

>>> from openai_requesty import RequestyOpenAI, call_details
>>> client = RequestyOpenAI(fallbacks=["anthropic/claude-sonnet-4-5"])  # key from REQUESTY_API_KEY
>>> answer = client.chat.completions.create(model="openai/gpt-4o-mini", messages=[...])  # doctest: +SKIP
>>> answer.usage.cost, call_details(answer).attempts  # doctest: +SKIP

Anything else that takes an ``httpx`` client can have the same with :class:`RelayTransport` or
:class:`AsyncRelayTransport`.
"""

from __future__ import annotations

try:
    import openai  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "openai") from None

from requesty_core.relay import AsyncRelayTransport, CallDetails, RelayTransport

from .aio.client import AsyncRequestyOpenAI
from .aio.streams import AsyncRequestyStream
from .details import call_details
from .options import ClientOptions
from .sync.client import RequestyOpenAI
from .sync.streams import RequestyStream

__all__ = [
    "AsyncRelayTransport",
    "AsyncRequestyOpenAI",
    "AsyncRequestyStream",
    "CallDetails",
    "ClientOptions",
    "RelayTransport",
    "RequestyOpenAI",
    "RequestyStream",
    "call_details",
]
