"""A plugin for the OpenAI SDK's own tests: our clients in the place of its two, wherever a test imports them.

A test that gives no HTTP client gets the SDK's default one, because the mocks of that suite stand in that library; the
connections of ours are not theirs to intercept.
"""

from __future__ import annotations

import inspect
from typing import Any

import openai
import openai._client

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from requesty_core import FallbackPolicy, RetryPolicy

MOST_RETRIES = 20


def _given(settings: dict[str, Any], default: type[Any]) -> dict[str, Any]:
    if settings.get("http_client") is None and settings.get("transport") is None:
        settings["http_client"] = default()
    # The suite makes the waits of the SDK short; ours are ours.
    settings.setdefault("fallback_policy", FallbackPolicy(retry=RetryPolicy(base=0.01, cap=0.05)))
    # Some tests allow a googol of retries, of an answer that is none to the core: an end that a time limit may miss.
    if isinstance(settings.get("max_retries"), int):
        settings["max_retries"] = min(settings["max_retries"], MOST_RETRIES)
    # Without a key the core asks the environment, and never for the SDK's variables.
    return {name: value for name, value in settings.items() if name != "admin_api_key"}


class OpenAI(RequestyOpenAI):
    """The synchronous client."""

    def __init__(self, *, _parent: Any = None, **settings: Any) -> None:
        super().__init__(_parent=_parent, **_given(settings, openai.DefaultHttpxClient))


class AsyncOpenAI(AsyncRequestyOpenAI):
    """The asynchronous client."""

    def __init__(self, *, _parent: Any = None, **settings: Any) -> None:
        super().__init__(_parent=_parent, **_given(settings, openai.DefaultAsyncHttpxClient))


for module in (openai, openai._client):
    for name, ours in (
        ("OpenAI", OpenAI),
        ("AsyncOpenAI", AsyncOpenAI),
        ("Client", OpenAI),
        ("AsyncClient", AsyncOpenAI),
    ):
        if inspect.isclass(getattr(module, name, None)):
            setattr(module, name, ours)
