"""``requesty:…`` model strings inside agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model, ModelResolutionContext
from pydantic_ai.settings import ModelSettings

from requesty_core import FallbackPolicy, Step
from requesty_core.adapters import steps_from

from ._errors import pydantic_ai_errors
from .model import RequestyModel
from .provider import RequestyProvider

__all__ = ["PREFIX", "RequestyModels"]

PREFIX = "requesty:"


@dataclass
class RequestyModels(AbstractCapability[Any]):
    """Lets an agent take ``requesty:MODEL`` strings wherever it takes a model name.

    Only the first colon is the framework's: ``requesty:openai/o3-mini:high`` asks for ``openai/o3-mini:high``.

    Example:
        ```python
        agent = Agent("requesty:openai/gpt-4o", capabilities=[RequestyModels()])
        agent.run_sync("…", model="requesty:policy/production")
        ```

    Args:
        provider: shared by all models; made from the environment when first needed.
        fallbacks, fallback_policy, settings: given to every model, see :class:`RequestyModel`.
    """

    provider: RequestyProvider | None = None
    fallbacks: tuple[str | Step, ...] = ()
    fallback_policy: FallbackPolicy | None = None
    settings: ModelSettings | None = None
    _models: dict[str, RequestyModel] = field(default_factory=dict, init=False, repr=False)

    async def resolve_model_id(self, ctx: ModelResolutionContext[Any], *, model_id: str) -> Model | None:
        """The model of a ``requesty:`` string, one object per id; ``None`` leaves other strings to the framework."""
        if not model_id.startswith(PREFIX):
            return None
        name = model_id.removeprefix(PREFIX)
        if name not in self._models:
            if self.provider is None:
                self.provider = RequestyProvider()
            self._models[name] = RequestyModel(
                name,
                provider=self.provider,
                fallbacks=self.fallbacks,
                fallback_policy=self.fallback_policy,
                settings=self.settings,
            )
        return self._models[name]

    @classmethod
    def get_serialization_name(cls) -> str | None:
        """Its name in agent specs: ``Agent.from_spec(…, custom_capability_types=[RequestyModels])``."""
        return cls.__name__

    @classmethod
    def from_spec(cls, fallbacks: Sequence[str | dict[str, Any]] = (), settings: ModelSettings | None = None) -> Self:
        """What an agent spec may say of it. A provider is made from the environment: specs hold no keys."""
        with pydantic_ai_errors(""):
            return cls(fallbacks=steps_from(fallbacks), settings=settings)
