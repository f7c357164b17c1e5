"""``RequestyEmbeddingModel``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pydantic_ai.embeddings import EmbeddingModel, EmbeddingSettings
from pydantic_ai.embeddings.result import EmbedInputType
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import check_allow_model_requests

from requesty_core.adapters import attempts_of, check_model, cost_of

from ._embedding_result import RequestyEmbeddingResult
from ._errors import known_arguments, pydantic_ai_errors
from ._replies import request_usage
from ._settings import options_of
from .provider import RequestyProvider

__all__ = ["RequestyEmbeddingModel", "RequestyEmbeddingSettings"]


class RequestyEmbeddingSettings(EmbeddingSettings, total=False):
    """Settings of an embedding request. ``truncate`` has no counterpart: the gateway refuses what is too long."""

    requesty_batch_size: int
    """Inputs per request; default 256."""

    requesty_max_in_flight: int
    """Requests at a time; default 4."""

    requesty_tags: Sequence[str]
    """Labels for analytics."""

    requesty_user_id: str
    """End user, for analytics."""

    requesty_trace_id: str
    """Task, for analytics."""

    requesty_extra: Mapping[str, Any]
    """Further analytics keys."""


@dataclass(init=False)
class RequestyEmbeddingModel(EmbeddingModel):
    """Embed with any embedding model behind the gateway, in as many concurrent requests as needed.

    Vectors come in the order of the inputs; ``usage`` holds tokens and cost of all batches, and
    ``provider_details`` the request id, requested and served model, cost and attempts. ``result.cost()`` is the price.

    Args:
        model_name: embedding model id, such as ``openai/text-embedding-3-small``.
        provider: a :class:`RequestyProvider`; ``"requesty"`` makes one from the environment.
        settings: defaults of every request.

    Raises:
        UserError: an unusable setting; nothing was sent.
        ModelAPIError: a failed request. If some of several batches failed, its cause names the inputs.
    """

    _model_name: str = field(repr=False)
    _provider: RequestyProvider = field(repr=False)

    @known_arguments
    def __init__(
        self,
        model_name: str,
        *,
        provider: RequestyProvider | Literal["requesty"] = "requesty",
        settings: EmbeddingSettings | None = None,
    ) -> None:
        with pydantic_ai_errors(str(model_name)):
            self._model_name = check_model(model_name)
        if isinstance(provider, str):
            if provider != "requesty":
                raise UserError(f"provider: {provider!r} is not known here; give a RequestyProvider or 'requesty'")
            provider = RequestyProvider()
        self._provider = provider
        super().__init__(settings=settings)

    @property
    def model_name(self) -> str:
        """The model id."""
        return self._model_name

    @property
    def system(self) -> str:
        """``requesty``."""
        return self._provider.name

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._provider.base_url

    async def embed(
        self, inputs: str | Sequence[str], *, input_type: EmbedInputType, settings: EmbeddingSettings | None = None
    ) -> RequestyEmbeddingResult:
        """Vectors for one text or several; an empty list makes no request. ``input_type`` changes nothing here."""
        check_allow_model_requests()
        texts, merged = self.prepare_embed(inputs, settings)
        own = cast("RequestyEmbeddingSettings", merged)
        with pydantic_ai_errors(self._model_name):
            reply = await self._provider.clients.aio.embeddings(
                model=self._model_name,
                # A query does not wait behind the batches of an index.
                input=texts[0] if input_type == "query" and len(texts) == 1 else texts,
                dimensions=own.get("dimensions"),
                batch_size=own.get("requesty_batch_size"),
                max_in_flight=own.get("requesty_max_in_flight"),
                as_lists=True,
                options=options_of(own),
                extra_headers=own.get("extra_headers"),
                extra_body=cast("Any", own.get("extra_body")),
            )
        details = {
            "requested_model": self._model_name,
            "cost": cost_of(reply.usage),
            "served_model": reply.served_model,
            "request_id": reply.request_id,
            "attempts": attempts_of(reply.attempts) or None,
        }
        return RequestyEmbeddingResult(
            embeddings=reply.vectors,
            inputs=texts,
            input_type=input_type,
            usage=request_usage(reply.usage),
            model_name=reply.served_model or self._model_name,
            provider_name=self.system,
            provider_details={key: value for key, value in details.items() if value is not None},
        )

    async def max_input_tokens(self) -> int | None:
        """The model's window from the catalogue, ``None`` if unknown."""
        info = self._provider.clients.settings.catalog.lookup(self._model_name)
        return None if info is None else info.context_window
