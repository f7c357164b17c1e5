"""``RequestyEmbeddings``: embedding models behind the Requesty gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict, Field

from requesty_core import EmbeddingsReply
from requesty_core.adapters import DEFAULT_BATCH_SIZE, DEFAULT_MAX_IN_FLIGHT, check_positive

from ._connection import Connection
from ._errors import langchain_errors

if TYPE_CHECKING:
    from ._typed import EmbeddingsArguments

__all__ = ["RequestyEmbeddings"]


class RequestyEmbeddings(Connection, Embeddings):
    """Embed texts with a model behind the Requesty gateway.

    Texts are sent as plain text, in ordered batches of ``chunk_size`` with at most ``max_concurrency`` requests at a
    time, sync and async alike. Usage and cost are counted in ``ledger`` and returned by :meth:`embed` and
    :meth:`aembed`.

    Example:
        ```python
        from langchain_requesty import RequestyEmbeddings

        embeddings = RequestyEmbeddings(model="openai/text-embedding-3-small", dimensions=256)
        vectors = embeddings.embed_documents(["one text", "another"])
        reply = embeddings.embed(["a text whose cost matters"])
        reply.vectors, reply.usage.cost
        ```

    Raises:
        RequestyError: the classes of ``langchain_requesty``. When some of several batches fail, it is the class of the
            first failure, with ``failed_inputs`` (positions), ``vectors`` (those that came), ``usage`` and ``errors``.
    """

    model_config = ConfigDict(defer_build=False)

    if TYPE_CHECKING:

        def __init__(self, *, model: str, **settings: Unpack[EmbeddingsArguments]) -> None: ...

    dimensions: int | None = None
    """Length of the vectors, where the model lets it be chosen."""
    chunk_size: int = DEFAULT_BATCH_SIZE
    """Texts per request."""
    max_concurrency: int = DEFAULT_MAX_IN_FLIGHT
    """Requests at a time."""
    user: str | None = None
    """End user, for the provider."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Request parameters this class has no field for."""

    def _check(self) -> None:
        check_positive(chunk_size=self.chunk_size, max_concurrency=self.max_concurrency)

    def _call(self, texts: list[str]) -> dict[str, Any]:
        return {
            "model": self.model_name,
            "input": texts,
            "dimensions": self.dimensions,
            "user": self.user,
            "batch_size": self.chunk_size,
            "max_in_flight": self.max_concurrency,
            **self.model_kwargs,
        }

    def embed(self, texts: list[str]) -> EmbeddingsReply:
        """Vectors in the order of ``texts``, with usage, cost and attempts."""
        with langchain_errors():
            return self._pair().sync.embeddings(**self._call(texts))

    async def aembed(self, texts: list[str]) -> EmbeddingsReply:
        """Async :meth:`embed`."""
        with langchain_errors():
            return await self._pair().aio.embeddings(**self._call(texts))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text, in order. No texts, no request."""
        return [list(vector) for vector in self.embed(texts).vectors]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Async :meth:`embed_documents`."""
        return [list(vector) for vector in (await self.aembed(texts)).vectors]

    async def aembed_query(self, text: str) -> list[float]:
        """Async :meth:`embed_query`."""
        return (await self.aembed_documents([text]))[0]
