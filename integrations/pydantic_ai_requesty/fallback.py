"""``RequestyFallbackModel``: several gateway models as one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic_ai.exceptions import UserError
from pydantic_ai.profiles import ModelProfileSpec
from pydantic_ai.settings import ModelSettings

from requesty_core import FallbackPolicy, Step
from requesty_core.adapters import steps_from

from ._errors import known_arguments, pydantic_ai_errors
from .model import RequestyModel
from .provider import RequestyProvider

__all__ = ["RequestyFallbackModel"]


class RequestyFallbackModel(RequestyModel):
    """A chain of gateway models on one client: category-aware, with hold-back, cool-down and optional hedging.

    A stream falls back until its first text, reasoning or tool call has come; after that an error carries what
    arrived. Models are passed over while they cool down, and every attempt is in ``failed_attempts`` and
    ``provider_details["attempts"]`` with its cost. It works with tools, output types and streaming as any model does.

    Example:
        ```python
        model = RequestyFallbackModel("openai/gpt-4o", Step("anthropic/claude-sonnet-4-5", retries=1))
        ```

    For chains that also hold models of other providers, use Pydantic AI's ``FallbackModel`` or ``ModelFallback`` with
    ``fallback_on=should_fall_back``.

    Args:
        models: ids, steps (:class:`requesty_core.Step`) or mappings, in order; at least one.
        policy: rules of retry, cool-down, deadline and hedging.
        provider, profile, settings: as for :class:`RequestyModel`.

    Raises:
        UserError: an unusable setting; nothing was sent.
    """

    @known_arguments
    def __init__(
        self,
        *models: str | Step | dict[str, Any],
        policy: FallbackPolicy | None = None,
        provider: RequestyProvider | Literal["requesty"] = "requesty",
        profile: ModelProfileSpec | None = None,
        settings: ModelSettings | None = None,
    ) -> None:
        with pydantic_ai_errors(""):
            steps = steps_from(models)
        if not steps:
            raise UserError("models: give at least one model id, such as 'openai/gpt-4o-mini'")
        super().__init__(
            steps[0],
            fallbacks=steps[1:],
            fallback_policy=policy,
            provider=provider,
            profile=profile,
            settings=settings,
        )

    @property
    def models(self) -> list[str]:
        """The ids of the chain, in order."""
        return [self._step.model, *(step.model for step in self._fallbacks)]
