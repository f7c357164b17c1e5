"""``RequestyEmbedding``: embeddings through the Requesty gateway for LlamaIndex."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import ConfigDict, Field, field_validator
from llama_index.core.storage.kvstore.types import BaseKVStore
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base import BaseEvent

from llama_index.utils.requesty import Connection
from requesty_core import EmbeddingsReply
from requesty_core.adapters import check_model, cost_of
from requesty_core.errors import ConfigurationError

from ._cache import ScopedCache, scoped

if TYPE_CHECKING:
    from ._typed import EmbeddingArguments

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
    :class:`RequestyEmbeddingUsageEvent` and added up in ``ledger``. Entries of an ``embeddings_cache`` belong to the
    model, its dimensions, prefix and parameters, and to queries or documents; one store may serve many models.

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

    def __init__(self, model: str | None = None, **kwargs: Unpack[EmbeddingArguments]) -> None:
        given: dict[str, Any] = {**kwargs}
        name = given.pop("model_name", None) if model is None else model
        if given.get("model_name") not in (None, name):
            raise ConfigurationError("model: differs from model_name; give only one of them")
        if not name:
            raise ConfigurationError("model: missing; give a model id such as 'openai/text-embedding-3-small'")
        super().__init__(**{**given, "model_name": name})

    @field_validator("embeddings_cache", mode="before")
    @classmethod
    def _scoped_cache(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, BaseKVStore):
            raise ValueError("not a key-value store; give one such as SimpleKVStore()")
        return _in_scope(value)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _in_scope(value) if name == "embeddings_cache" else value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; one with other settings reads and writes cache entries of its own."""
        if update and "embeddings_cache" in update:
            update = {**update, "embeddings_cache": _in_scope(update["embeddings_cache"])}
        return super().model_copy(update=update, deep=deep)

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

    def _call(self, texts: list[str], *, is_query: bool) -> dict[str, Any]:
        """Arguments of the core client for one call. Raises for an empty text before anything is billed."""
        for index, text in enumerate(texts):
            if not text:
                raise ConfigurationError(f"texts[{index}]: empty; no model embeds an empty text, leave it out")
        return {
            "model": self.model_name,
            # A query does not wait behind the batches of an index.
            "input": texts[0] if is_query else texts,
            "dimensions": self.dimensions,
            "user": self.user,
            "batch_size": self.embed_batch_size,
            "max_in_flight": self.num_workers,
            "as_lists": True,
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

    def _embed(self, texts: list[str], *, is_query: bool = False) -> list[Embedding]:
        return self._vectors(texts, self._pair().sync.embeddings(**self._call(texts, is_query=is_query)))

    async def _aembed(self, texts: list[str], *, is_query: bool = False) -> list[Embedding]:
        return self._vectors(texts, await self._pair().aio.embeddings(**self._call(texts, is_query=is_query)))

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._embed([self.query_prefix + query], is_query=True)[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aembed([self.query_prefix + query], is_query=True))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._embed([self.text_prefix + text for text in texts])

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await self._aembed([self.text_prefix + text for text in texts])

    # --- cache: core's own methods in a scope, without their spans, because these methods get theirs ---

    def _scope(self, role: str) -> str:
        prefix = self.query_prefix if role == "query" else self.text_prefix
        made_by = [self.model_name, self.dimensions, role, prefix, self.additional_kwargs]
        return json.dumps(made_by, sort_keys=True, default=str) + " "

    def get_query_embedding(self, query: str) -> Embedding:
        """The vector of a query."""
        with scoped(self._scope("query")):
            return _plain(BaseEmbedding.get_query_embedding)(self, query)  # type: ignore[no-any-return]

    async def aget_query_embedding(self, query: str) -> Embedding:
        """Async :meth:`get_query_embedding`."""
        with scoped(self._scope("query")):
            return await _plain(BaseEmbedding.aget_query_embedding)(self, query)  # type: ignore[no-any-return]

    def get_text_embedding(self, text: str) -> Embedding:
        """The vector of a document."""
        with scoped(self._scope("text")):
            return _plain(BaseEmbedding.get_text_embedding)(self, text)  # type: ignore[no-any-return]

    async def aget_text_embedding(self, text: str) -> Embedding:
        """Async :meth:`get_text_embedding`."""
        with scoped(self._scope("text")):
            return await _plain(BaseEmbedding.aget_text_embedding)(self, text)  # type: ignore[no-any-return]

    def _get_text_embeddings_cached(self, texts: list[str]) -> list[Embedding]:
        with scoped(self._scope("text")):
            return super()._get_text_embeddings_cached(texts)

    async def _aget_text_embeddings_cached(self, texts: list[str]) -> list[Embedding]:
        with scoped(self._scope("text")):
            return await super()._aget_text_embeddings_cached(texts)


def _in_scope(store: Any) -> Any:
    return ScopedCache(store) if isinstance(store, BaseKVStore) and not isinstance(store, ScopedCache) else store


def _plain(method: Any) -> Any:
    """A method of core's without the span around it."""
    return getattr(method, "__wrapped__", method)
