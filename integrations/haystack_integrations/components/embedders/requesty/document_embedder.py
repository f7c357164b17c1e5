"""``RequestyDocumentEmbedder``: documents to vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.utils import Secret

from haystack_integrations.common.requesty.clients import KEY
from haystack_integrations.common.requesty.component import restored
from requesty_core import Budget, CostLedger, RequestyError, RequestyOptions, Timeouts
from requesty_core.adapters import (
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    check_positive,
    known_arguments,
)

from ._base import Embedder
from ._documents import Documents

if TYPE_CHECKING:
    from requesty_core import CallEvent

__all__ = ["RequestyDocumentEmbedder"]

_OWN = (
    "batch_size",
    "progress_bar",
    "meta_fields_to_embed",
    "embedding_separator",
    "raise_on_failure",
    "max_concurrency",
)


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
        saved: dict[str, Any] = default_to_dict(self, **self._saved(), **{name: getattr(self, name) for name in _OWN})
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
        batch = Documents(self, documents)
        if not batch.texts:
            return batch.nothing()
        with batch.progress() as bar:
            try:
                reply = self._embed(batch.own, **batch.batching(bar))
            except RequestyError as error:
                return batch.without(error)
        return batch.embedded(reply)

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, documents: list[Document]) -> dict[str, Any]:
        """
        Embeds documents without blocking the event loop; arguments and outputs as of `run`.

        :raises RequestyError:
            If a batch failed and `raise_on_failure` is set.
        """
        batch = Documents(self, documents)
        if not batch.texts:
            return batch.nothing()
        with batch.progress() as bar:
            try:
                reply = await self._embed_async(batch.own, **batch.batching(bar))
            except RequestyError as error:
                return batch.without(error)
        return batch.embedded(reply)
