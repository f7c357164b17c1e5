"""A plugin for LangChain's own tests: our fallback middleware in the place of theirs.

The models of these tests fail with a bare ``ValueError``, after which theirs falls back and ours rightly does not: no
model failed. Here it is told that one did, so that all the rest is compared.
"""

from __future__ import annotations

import langchain.agents.middleware
from langchain.agents.middleware import model_fallback

from langchain_requesty import RequestyFallbackMiddleware, middleware
from requesty_core import RequestyError
from requesty_core.errors import ServerError

_classified = middleware._classified


def classified(position: int, error: Exception) -> RequestyError | None:
    """As ours, and a ``ValueError`` that no other has caused is a server's failure."""
    if type(error) is ValueError:
        made = ServerError(str(error))
        made.__cause__ = error
        return made
    return _classified(position, error)


middleware._classified = classified
langchain.agents.middleware.ModelFallbackMiddleware = RequestyFallbackMiddleware  # type: ignore[misc,assignment]
model_fallback.ModelFallbackMiddleware = RequestyFallbackMiddleware  # type: ignore[misc,assignment]
