"""``RequestyDocumentEmbedder``: documents to vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from haystack import Document, component, default_from_dict, default_to_dict, logging
from haystack.utils import Secret
from tqdm import tqdm

from haystack_integrations.common.requesty.clients import KEY
from haystack_integrations.common.requesty.component import restored
from requesty_core import (
    Budget,
    CostLedger,
    EmbeddingsError,
    EmbeddingsReply,
    RequestyError,
    RequestyOptions,
    Timeouts,
)
from requesty_core.adapters import (
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    check_positive,
    described,
    known_arguments,
)

from ._base import Embedder, meta_of

if TYPE_CHECKING:
    from requesty_core import CallEvent

__all__ = ["RequestyDocumentEmbedder"]

logger = logging.getLogger(__name__)


@component
class RequestyDocumentEmbedder(Embedder):
    """
    Embeds documents with a model behind the Requesty gateway, in ordered batches, several at a time.

    ```python
    from haystack import Document
    from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder

    embedder = RequestyDocumentEmbedder(model="openai/text-embedding-3-small")
    result = embedder.run([Document(content="The lighthouse was lit in 1874.")])
    result["documents"][0].embedding, result["meta"]["usage"]
    ```
    """

    @known_arguments
    def __init__(
        self,
        api_key: Secret | Callable[[], str] = KEY,
        model: str = "openai/text-embedding-3-small",
        dimensions: int | None = None,
        api_base_url: str | None = None,
        prefix: str = "",
        suffix: str = "",
        batch_size: int = 32,
        progress_bar: bool = True,
        meta_fields_to_embed: list[str] | None = None,
        embedding_separator: str = "\n",
        timeout: float | Timeouts | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client_kwargs: dict[str, Any] | None = None,
        *,
        raise_on_failure: bool = True,
        max_concurrency: int = DEFAULT_MAX_IN_FLIGHT,
        region: str | None = None,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        app_url: str | None = None,
        app_title: str | None = None,
        extra_headers: dict[str, str] | None = None,
        extra_body: dict[str, Any] | None = None,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        on_event: Callable[[CallEvent], None] | None = None,
        tracing: bool | Literal["content"] = False,
        require: dict[str, Any] | None = None,
    ) -> None:
        """
        Creates the embedder. Nothing is sent.

        :param api_key:
            The key; by default from `REQUESTY_API_KEY`, read when the first run needs it.
        :param model:
            Embedding model id, sent untouched.
        :param dimensions:
            Length of the vectors, where the model lets it be chosen.
        :param api_base_url:
            Base URL of the gateway; by default from `REQUESTY_BASE_URL`, else the global router.
        :param prefix:
            Put before every text.
        :param suffix:
            Put after every text.
        :param batch_size:
            Texts per request.
        :param progress_bar:
            Whether to show a progress bar.
        :param meta_fields_to_embed:
            Meta fields put before the content.
        :param embedding_separator:
            What stands between meta fields and content.
        :param timeout:
            Longest silence in seconds, or `requesty_core.Timeouts`; `None` waits forever.
        :param max_retries:
            Further attempts after a retryable failure; 0 means one request.
        :param http_client_kwargs:
            Arguments of `httpx.Client` and `httpx.AsyncClient`, such as `proxy` or `transport`.
        :param raise_on_failure:
            Whether a failed batch raises (the default). With `False` the failure is logged, named in `meta["failed"]`,
            and the documents come back without an embedding: an index written from them has holes.
        :param max_concurrency:
            Requests at a time.
        :param region:
            `global`, `eu`, `us` or `ap`, instead of `api_base_url`.
        :param options:
            The gateway's `requesty` object: `tags`, `user_id`, `trace_id`, `extra`.
        :param app_url:
            Attribution URL, sent only if set.
        :param app_title:
            Attribution title, sent only if set.
        :param extra_headers:
            Headers sent with every request.
        :param extra_body:
            Body fields sent with every request.
        :param ledger:
            Where usage and cost are added up. Not saved by `to_dict`.
        :param budget:
            Refuses the next run once spent. Not saved by `to_dict`.
        :param on_event:
            Called with every event of a call.
        :param tracing:
            Whether calls open OpenTelemetry spans and count in its metrics, which needs its API; `"content"`
            records prompts and answers too.
        :param require:
            What the catalogue must show of every model before anything is sent to it, such as
            `{"geolocation": "eu", "training": False, "retention": "none"}`; unknown is refused.
        :raises ConfigurationError:
            If a setting is unusable; the message names it.
        """
        self._connect(
            model,
            http_client_kwargs,
            api_key=api_key,
            base_url=api_base_url,
            region=region,
            timeout=timeout,
            max_retries=max_retries,
            options=options,
            app_url=app_url,
            app_title=app_title,
            extra_headers=extra_headers,
            extra_body=extra_body,
            ledger=ledger,
            budget=budget,
            on_event=on_event,
            tracing=tracing,
            require=require,
        )
        self._shape(dimensions, prefix, suffix)
        check_positive(batch_size=batch_size, max_concurrency=max_concurrency)
        self.batch_size = batch_size
        self.progress_bar = progress_bar
        self.meta_fields_to_embed = meta_fields_to_embed or []
        self.embedding_separator = embedding_separator
        self.raise_on_failure = raise_on_failure
        self.max_concurrency = max_concurrency

    def to_dict(self) -> dict[str, Any]:
        """
        Serializes the embedder. The key is saved as the name of its environment variable only.

        :returns:
            A dictionary for `from_dict`.
        """
        saved: dict[str, Any] = default_to_dict(
            self,
            batch_size=self.batch_size,
            progress_bar=self.progress_bar,
            meta_fields_to_embed=self.meta_fields_to_embed,
            embedding_separator=self.embedding_separator,
            raise_on_failure=self.raise_on_failure,
            max_concurrency=self.max_concurrency,
            **self._saved(),
        )
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RequestyDocumentEmbedder:
        """
        Deserializes an embedder; the dictionary is not changed.

        :param data:
            What `to_dict` returned.
        :returns:
            The embedder.
        """
        return default_from_dict(cls, restored(data))

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embeds documents.

        :param documents:
            The documents; they are not changed.
        :returns:
            `documents`: copies with their embedding, in order; `meta` with `model` and `usage` over all batches (with
            `cost` in USD, if known).
        :raises RequestyError:
            If a batch failed and `raise_on_failure` is set; an `EmbeddingsError` names the failed positions.
        """
        texts = self._texts(documents)
        if not texts:
            return {"documents": list(documents), "meta": {}}
        with self._progress(len(set(texts))) as bar:
            try:
                reply = self._embed(list(dict.fromkeys(texts)), **self._batching(bar))
            except RequestyError as error:
                return self._without(documents, texts, error)
        return self._with(documents, texts, reply)

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embeds documents without blocking the event loop.

        :param documents:
            The documents; they are not changed.
        :returns:
            `documents` and `meta`, as `run`.
        :raises RequestyError:
            If a batch failed and `raise_on_failure` is set.
        """
        texts = self._texts(documents)
        if not texts:
            return {"documents": list(documents), "meta": {}}
        with self._progress(len(set(texts))) as bar:
            try:
                reply = await self._embed_async(list(dict.fromkeys(texts)), **self._batching(bar))
            except RequestyError as error:
                return self._without(documents, texts, error)
        return self._with(documents, texts, reply)

    def _progress(self, total: int) -> Any:
        return tqdm(total=total, disable=not self.progress_bar, desc="Calculating embeddings", unit="text")

    def _batching(self, bar: Any) -> dict[str, Any]:
        return {
            "batch_size": self.batch_size,
            "max_in_flight": self.max_concurrency,
            "on_batch": bar.update,
            # Without raising, a batch comes back as a whole, as from Haystack's own embedders.
            "halves": self.raise_on_failure,
        }

    def _texts(self, documents: list[Document]) -> list[str]:
        """The text of each document; equal ones are embedded once, whatever ids their documents have."""
        if not isinstance(documents, list) or not all(isinstance(item, Document) for item in documents):
            raise TypeError("documents: expected a list of Documents; use RequestyTextEmbedder for a string")
        return [self._text(document) for document in documents]

    def _text(self, document: Document) -> str:
        fields = [str(document.meta[k]) for k in self.meta_fields_to_embed if document.meta.get(k) is not None]
        return self.prefix + self.embedding_separator.join([*fields, document.content or ""]) + self.suffix

    def _with(self, documents: list[Document], texts: list[str], reply: EmbeddingsReply) -> dict[str, Any]:
        found = dict(zip(dict.fromkeys(texts), reply.vectors, strict=True))
        embedded = [replace(d, embedding=found[text]) for d, text in zip(documents, texts, strict=True)]
        return {"documents": embedded, "meta": meta_of(reply)}

    def _without(self, documents: list[Document], texts: list[str], error: RequestyError) -> dict[str, Any]:
        """What is there after a failure, if that is wanted; else the failure is raised again."""
        if self.raise_on_failure:
            raise error
        own = dict.fromkeys(texts)
        vectors = error.vectors if isinstance(error, EmbeddingsError) else [None] * len(own)
        found = dict(zip(own, vectors, strict=True))
        failed = [d.id for d, text in zip(documents, texts, strict=True) if found[text] is None]
        logger.warning("{count} documents have no embedding: {error}", count=len(failed), error=described(error))
        meta = {**(meta_of(error) if isinstance(error, EmbeddingsError) else {}), "failed": failed}
        embedded = [replace(d, embedding=found[text]) for d, text in zip(documents, texts, strict=True)]
        return {"documents": embedded, "meta": meta}
