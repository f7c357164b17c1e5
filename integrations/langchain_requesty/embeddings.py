"""``RequestyEmbeddings``: embedding models behind the Requesty gateway."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Unpack

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict, Field

from requesty_core import ConfigurationError, EmbeddingsReply
from requesty_core.adapters import DEFAULT_BATCH_SIZE, DEFAULT_MAX_IN_FLIGHT, check_positive

from ._connection import Connection
from ._errors import langchain_errors

if TYPE_CHECKING:
    from ._typed import EmbeddingsArguments

__all__ = ["RequestyEmbeddings"]


class RequestyEmbeddings(Connection, Embeddings):
    """Embed texts with a model behind the Requesty gateway.

    Texts are sent as plain text, in ordered batches of ``chunk_size`` with at most ``max_concurrency`` requests at a
    time, sync and async alike. They may come as a list, an array, a column of a data frame or a generator. Usage and
    cost are counted in ``ledger`` and returned by :meth:`embed` and :meth:`aembed`; :meth:`embed_stream` and
    :meth:`aembed_stream` embed any number of texts in bounded memory.

    Example:
        ```python
        from langchain_requesty import RequestyEmbeddings

        embeddings = RequestyEmbeddings(model="openai/text-embedding-3-small", dimensions=256)
        vectors = embeddings.embed_documents(["one text", "another"])
        reply = embeddings.embed(["a text whose cost matters"])
        reply.vectors, reply.usage.cost
        ```

    Raises:
        RequestyError: the classes of ``langchain_requesty``. When only some texts fail, it is the class of the first
            failure, with ``failed_inputs`` (positions), ``vectors`` (those that came), ``usage`` and ``errors``.
    """

    model_config = ConfigDict(defer_build=False)

    if TYPE_CHECKING:

        def __init__(self, *, model: str, **settings: Unpack[EmbeddingsArguments]) -> None: ...

    dimensions: int | None = None
    """Length of the vectors, where the model lets it be chosen."""
    chunk_size: int = DEFAULT_BATCH_SIZE
    """Most texts per request; never more than the model takes."""
    max_concurrency: int = DEFAULT_MAX_IN_FLIGHT
    """Requests of this object at a time, whatever calls them. A single query does not wait in line."""
    show_progress_bar: bool = False
    """Whether to show a progress bar for documents; needs ``tqdm``."""
    user: str | None = None
    """End user, for the provider."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Request parameters this class has no field for."""

    def _check(self) -> None:
        check_positive(chunk_size=self.chunk_size, max_concurrency=self.max_concurrency)
        if self.show_progress_bar and find_spec("tqdm") is None:
            raise ConfigurationError("show_progress_bar: tqdm is not installed; run: pip install tqdm")

    def _call(self, texts: Iterable[str], **more: Any) -> dict[str, Any]:
        return {
            "model": self.model_name,
            "input": texts,
            "dimensions": self.dimensions,
            "user": self.user,
            "batch_size": self.chunk_size,
            "max_in_flight": self.max_concurrency,
            "as_lists": True,
            **more,
            **self.model_kwargs,
        }

    @property
    def cache_namespace(self) -> str:
        """What vectors depend on, as a name for caches: the model, its dimensions and the request's other fields.

        For ``CacheBackedEmbeddings.from_bytes_store(…, namespace=embeddings.cache_namespace)``, whose keys are the bare
        texts otherwise: a store that two models share would give the vectors of one for the other.
        """
        made_by = [self.model_name, self.dimensions, self.model_kwargs, self.extra_body]
        digest = sha256(json.dumps(made_by, sort_keys=True, default=str).encode()).hexdigest()[:16]
        # Of characters that file stores allow in keys.
        return f"{re.sub(r'[^0-9A-Za-z._/-]', '-', self.model_name)}-{self.dimensions or 'full'}-{digest}-"

    @contextmanager
    def _shown(self, texts: Iterable[str]) -> Generator[dict[str, Any]]:
        """Arguments of a call for many texts, which a progress bar follows if one is wanted."""
        if not self.show_progress_bar:
            yield self._call(texts)
            return
        from tqdm.auto import tqdm

        with tqdm(total=len(texts) if isinstance(texts, Sized) else None, unit="text") as bar:
            yield self._call(texts, on_batch=bar.update)

    def embed(self, texts: Iterable[str]) -> EmbeddingsReply:
        """Vectors in the order of ``texts``, with usage, cost and attempts."""
        with langchain_errors(), self._shown(texts) as call:
            return self._pair().sync.embeddings(**call)

    async def aembed(self, texts: Iterable[str]) -> EmbeddingsReply:
        """Async :meth:`embed`."""
        with langchain_errors(), self._shown(texts) as call:
            return await self._pair().aio.embeddings(**call)

    def embed_documents(self, texts: Iterable[str]) -> list[list[float]]:
        """One vector per text, in order. No texts, no request."""
        return self.embed(texts).vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        with langchain_errors():
            return self._pair().sync.embeddings(**self._call(text)).vectors[0]

    async def aembed_documents(self, texts: Iterable[str]) -> list[list[float]]:
        """Async :meth:`embed_documents`."""
        return (await self.aembed(texts)).vectors

    async def aembed_query(self, text: str) -> list[float]:
        """Async :meth:`embed_query`."""
        with langchain_errors():
            return (await self._pair().aio.embeddings(**self._call(text))).vectors[0]

    def embed_stream(self, texts: Iterable[str]) -> Iterator[tuple[int, list[float]]]:
        """Positions and vectors in the order of ``texts``, which may be any number: only a few batches are held.

        Leaving the iteration ends the run. If some texts were not embedded, the error that names them comes after all
        other vectors.
        """
        with (
            langchain_errors(),
            self._shown(texts) as call,
            # As arrays while they wait to be taken, which is an eighth of the memory.
            self._pair().sync.stream_embeddings(**{**call, "as_lists": False}) as stream,
        ):
            for position, vector in stream:
                yield position, list(vector)

    async def aembed_stream(self, texts: Iterable[str]) -> AsyncIterator[tuple[int, list[float]]]:
        """Async :meth:`embed_stream`."""
        with langchain_errors(), self._shown(texts) as call:
            async with self._pair().aio.stream_embeddings(**{**call, "as_lists": False}) as stream:
                async for position, vector in stream:
                    yield position, list(vector)
