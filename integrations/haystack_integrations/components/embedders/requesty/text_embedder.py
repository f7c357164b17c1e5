"""``RequestyTextEmbedder``: one text, such as a query, to a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from haystack import component, default_from_dict, default_to_dict
from haystack.utils import Secret

from haystack_integrations.common.requesty.clients import KEY
from haystack_integrations.common.requesty.component import restored
from requesty_core import Budget, CostLedger, RequestyOptions, Timeouts
from requesty_core.adapters import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, known_arguments

from ._base import Embedder, meta_of

if TYPE_CHECKING:
    from requesty_core import CallEvent

__all__ = ["RequestyTextEmbedder"]


@component
class RequestyTextEmbedder(Embedder):
    """
    Embeds one text, such as a query, with a model behind the Requesty gateway.

    ```python
    from haystack_integrations.components.embedders.requesty import RequestyTextEmbedder

    result = RequestyTextEmbedder(model="openai/text-embedding-3-small").run("Where is the lighthouse?")
    result["embedding"], result["meta"]["usage"]
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
        timeout: float | Timeouts | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client_kwargs: dict[str, Any] | None = None,
        *,
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
        :param timeout:
            Longest silence in seconds, or `requesty_core.Timeouts`; `None` waits forever.
        :param max_retries:
            Further attempts after a retryable failure; 0 means one request.
        :param http_client_kwargs:
            Arguments of `httpx.Client` and `httpx.AsyncClient`, such as `proxy` or `transport`.
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

    def to_dict(self) -> dict[str, Any]:
        """
        Serializes the embedder. The key is saved as the name of its environment variable only.

        :returns:
            A dictionary for `from_dict`.
        """
        saved: dict[str, Any] = default_to_dict(self, **self._saved())
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RequestyTextEmbedder:
        """
        Deserializes an embedder; the dictionary is not changed.

        :param data:
            What `to_dict` returned.
        :returns:
            The embedder.
        """
        return default_from_dict(cls, restored(data))

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    def run(self, text: str) -> dict[str, Any]:
        """
        Embeds a text.

        :param text:
            The text.
        :returns:
            `embedding`, and `meta` with `model`, `usage` (with `cost` in USD, if known) and `request_id`.
        :raises RequestyError:
            Typed by what went wrong.
        """
        reply = self._embed(self._prepared(text))
        return {"embedding": reply.vectors[0], "meta": meta_of(reply)}

    @component.output_types(embedding=list[float], meta=dict[str, Any])
    async def run_async(self, text: str) -> dict[str, Any]:
        """
        Embeds a text without blocking the event loop.

        :param text:
            The text.
        :returns:
            `embedding` and `meta`, as `run`.
        :raises RequestyError:
            Typed by what went wrong.
        """
        reply = await self._embed_async(self._prepared(text))
        return {"embedding": reply.vectors[0], "meta": meta_of(reply)}

    def _prepared(self, text: str) -> str:
        if not isinstance(text, str):
            raise TypeError("text: expected a string; use RequestyDocumentEmbedder for documents")
        return f"{self.prefix}{text}{self.suffix}"
