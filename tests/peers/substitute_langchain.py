"""A plugin for LangChain's own tests: our fallback middleware in the place of theirs."""

from __future__ import annotations

import langchain.agents.middleware
from langchain.agents.middleware import model_fallback

from langchain_requesty import RequestyFallbackMiddleware

langchain.agents.middleware.ModelFallbackMiddleware = RequestyFallbackMiddleware  # type: ignore[misc,assignment]
model_fallback.ModelFallbackMiddleware = RequestyFallbackMiddleware  # type: ignore[misc,assignment]
