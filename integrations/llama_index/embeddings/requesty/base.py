"""``RequestyEmbedding``: embeddings through the Requesty gateway for LlamaIndex."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import ConfigDict, Field
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base import BaseEvent

from llama_index.utils.requesty import Connection
from requesty_core import EmbeddingsReply
from requesty_core.adapters import check_model, cost_of
from requesty_core.errors import ConfigurationError

__all__ = ["RequestyEmbedding", "RequestyEmbeddingUsageEvent"]

dispatcher = get_dispatcher(__name__)


class RequestyEmbeddingUsageEvent(BaseEvent):
    """What one embeddings call used; dispatched beside core's own events, which have no place for it.

    ``cost`` is USD and ``None`` if the gateway did not say; ``inputs`` is the number of texts.
    """

    model: str
    served_model: str | None = None
    request_id: str | None = None
    inputs: int
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None

    @classmethod
    def class_name(cls) -> str:
        """Id of the event."""
        return "RequestyEmbeddingUsageEvent"


class RequestyEmbedding(Connection, BaseEmbedding):
    """Embed texts with a model behind the Requesty gateway.

    Texts are sent exactly as given, vectors come back in their order. Usage and cost of every call are dispatched as
    :class:`RequestyEmbeddingUsageEvent` and added up in ``ledger``.

    Example:
        ```python
        from llama_index.core import Settings
        from llama_index.embeddings.requesty import RequestyEmbedding

        Settings.embed_model = RequestyEmbedding(model="openai/text-embedding-3-small", dimensions=256)
        ```

    Raises:
        ConfigurationError: an unusable setting, or an empty text, which no model embeds.
        RequestyError: a failed call. LlamaIndex asks batch by batch (``embed_batch_size``); vectors of batches before
            the one that failed are kept only by an ``embeddings_cache``.
    """

    model_config = ConfigDict(defer_build=False)

    embed_batch_size: int = Field(default=100, gt=0, le=2048, description="Texts per request.")
    dimensions: int | None = Field(default=None, gt=0, description="Length of the vectors, where it can be chosen.")
    user: str | None = Field(default=None, description="End user, for the provider.")
    query_prefix: str = Field(default="", description="Put before queries, for models that tell them from documents.")
    text_prefix: str = Field(default="", description="Put before documents.")
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Request parameters this class has no field for."
    )

    def __init__(self, model: str | None = None, **kwargs: Any) -> None:
        name = kwargs.pop("model_name", None) if model is None else model
        if kwargs.get("model_name") not in (None, name):
            raise ConfigurationError("model: differs from model_name; give only one of them")
        if not name:
            raise ConfigurationError("model: missing; give a model id such as 'openai/text-embedding-3-small'")
        super().__init__(**{**kwargs, "model_name": name})

    @property
    def model(self) -> str:
        """The model id, under its constructor name."""
        return self.model_name

    @classmethod
    def class_name(cls) -> str:
        """Id of the class in serialised form."""
        return "RequestyEmbedding"

    def _check(self) -> None:
        check_model(self.model_name)

    def _call(self, texts: list[str]) -> dict[str, Any]:
        """Arguments of the core client for one call. Raises for an empty text before anything is billed."""
        for index, text in enumerate(texts):
            if not text:
                raise ConfigurationError(f"texts[{index}]: empty; no model embeds an empty text, leave it out")
        return {
            "model": self.model_name,
            "input": texts,
            "dimensions": self.dimensions,
            "user": self.user,
            "batch_size": self.embed_batch_size,
            **self.additional_kwargs,
        }

    def _vectors(self, texts: list[str], reply: EmbeddingsReply) -> list[Embedding]:
        """The vectors, after reporting what they cost."""
        usage = reply.usage
        dispatcher.event(
            RequestyEmbeddingUsageEvent(
                model=self.model_name,
                served_model=reply.served_model,
                request_id=reply.request_id,
                inputs=len(texts),
                prompt_tokens=usage.input_tokens if usage else None,
                total_tokens=usage.total_tokens if usage else None,
                cost=cost_of(usage),
            )
        )
        return reply.vectors

    def _embed(self, texts: list[str]) -> list[Embedding]:
        return self._vectors(texts, self._pair().sync.embeddings(**self._call(texts)))

    async def _aembed(self, texts: list[str]) -> list[Embedding]:
        return self._vectors(texts, await self._pair().aio.embeddings(**self._call(texts)))

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._embed([self.query_prefix + query])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aembed([self.query_prefix + query]))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._embed([self.text_prefix + text for text in texts])

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await self._aembed([self.text_prefix + text for text in texts])
