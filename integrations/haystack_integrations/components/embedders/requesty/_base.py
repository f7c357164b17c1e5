"""What both embedders have in common: settings, lifecycle, saving, and the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from haystack.utils import Secret, deserialize_callable, serialize_callable

from haystack_integrations.common.requesty.clients import Clients, as_secret, without_key
from requesty_core.adapters.saved import plain_options, plain_timeout, timeout_from
from requesty_core.catalog.model_id import check_model
from requesty_core.embeddings.plan import EmbeddingsError, EmbeddingsReply
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.money.usage import Usage
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions

if TYPE_CHECKING:
    from requesty_core.telemetry.events import CallEvent

__all__ = ["Embedder", "meta_of", "restored"]


class Embedder:
    """Settings and clients of an embedder."""

    def _set(
        self,
        *,
        api_key: Secret | Callable[[], str],
        model: str,
        dimensions: int | None,
        api_base_url: str | None,
        region: str | None,
        prefix: str,
        suffix: str,
        timeout: float | Timeouts | None,
        max_retries: int,
        options: RequestyOptions | Mapping[str, Any] | None,
        extra_headers: dict[str, str] | None,
        extra_body: dict[str, Any] | None,
        http_client_kwargs: dict[str, Any] | None,
        ledger: CostLedger | None,
        budget: Budget | None,
        on_event: Callable[[CallEvent], None] | None,
    ) -> None:
        """Check and keep the settings. Raises :class:`ConfigurationError` naming the one that is unusable."""
        self.api_key = api_key = as_secret(api_key)
        self.model = check_model(model)
        self.dimensions = dimensions
        self.api_base_url = api_base_url
        self.region = region
        self.prefix = prefix
        self.suffix = suffix
        self.timeout = timeout_from(timeout)
        self.max_retries = max_retries
        self.options = plain_options(options)
        self.extra_headers = extra_headers
        self.extra_body = extra_body
        self.http_client_kwargs = http_client_kwargs
        self.ledger = ledger
        self.budget = budget
        self.on_event = on_event
        self._clients = Clients(
            api_key,
            http_client_kwargs,
            {
                "base_url": api_base_url,
                "region": region,
                "timeout": self.timeout,
                "max_retries": max_retries,
                "options": self.options,
                "extra_headers": extra_headers,
                "extra_body": extra_body,
                "ledger": ledger,
                "budget": budget,
                "on_event": on_event,
            },
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "api_key": without_key(self.api_key)}

    def warm_up(self) -> None:
        """
        Reads the key and makes the clients ready. Idempotent, thread-safe, and done by the first run anyway.

        :raises ValueError:
            If the key's environment variable is not set.
        """
        self._clients.open()

    async def warm_up_async(self) -> None:
        """
        The same on an event loop.
        """
        self._clients.open()

    def close(self) -> None:
        """
        Closes clients made from `http_client_kwargs`. The embedder opens again with its next run.
        """
        self._clients.close()

    async def close_async(self) -> None:
        """
        The same on an event loop.
        """
        await self._clients.aclose()

    def _saved(self) -> dict[str, Any]:
        """Init parameters for ``to_dict``; ledger and budget are accounts of a running program and not among them."""
        return {
            "api_key": self.api_key,
            "model": self.model,
            "dimensions": self.dimensions,
            "api_base_url": self.api_base_url,
            "region": self.region,
            "prefix": self.prefix,
            "suffix": self.suffix,
            "timeout": plain_timeout(self.timeout),
            "max_retries": self.max_retries,
            "options": self.options,
            "extra_headers": self.extra_headers,
            "extra_body": self.extra_body,
            "http_client_kwargs": self.http_client_kwargs,
            "on_event": serialize_callable(self.on_event) if self.on_event else None,
        }

    def _call(self, texts: Sequence[str], **more: Any) -> dict[str, Any]:
        return {"model": self.model, "input": list(texts), "dimensions": self.dimensions, **more}

    def _embed(self, texts: Sequence[str], **more: Any) -> EmbeddingsReply:
        return self._clients.open().sync.embeddings(**self._call(texts, **more))

    async def _embed_async(self, texts: Sequence[str], **more: Any) -> EmbeddingsReply:
        return await self._clients.open().aio.embeddings(**self._call(texts, **more))


def restored(data: dict[str, Any]) -> dict[str, Any]:
    """A copy of saved data with its callable back in place."""
    parameters = deepcopy(data.get("init_parameters", {}))
    if parameters.get("on_event"):
        parameters["on_event"] = deserialize_callable(parameters["on_event"])
    return {**data, "init_parameters": parameters}


def meta_of(source: EmbeddingsReply | EmbeddingsError) -> dict[str, Any]:
    """Served model, usage over all batches with ``cost`` as a float, request id."""
    if isinstance(source, EmbeddingsError):
        return {"usage": _usage(source.usage)}
    meta: dict[str, Any] = {"model": source.served_model or source.requested_model}
    meta |= {"requested_model": source.requested_model, "usage": _usage(source.usage)}
    if source.request_id is not None:
        meta["request_id"] = source.request_id
    return meta


def _usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    told: dict[str, Any] = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.total_tokens}
    return told if usage.cost is None else {**told, "cost": float(usage.cost)}
