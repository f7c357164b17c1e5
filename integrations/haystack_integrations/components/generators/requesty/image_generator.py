"""``RequestyImageGenerator``: a prompt to pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from haystack import component, default_from_dict, default_to_dict
from haystack.utils import Secret

from haystack_integrations.common.requesty.clients import KEY
from haystack_integrations.common.requesty.component import Component, restored
from requesty_core import Budget, CostLedger, RequestyOptions, Timeouts
from requesty_core.adapters import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, known_arguments, plain_steps

from ._images import fields_of, result_of

if TYPE_CHECKING:
    from requesty_core import CallEvent

__all__ = ["RequestyImageGenerator"]


@component
class RequestyImageGenerator(Component):
    """
    Generates images with a model behind the Requesty gateway.

    ```python
    from haystack_integrations.components.generators.requesty import RequestyImageGenerator

    result = RequestyImageGenerator(model="openai/gpt-image-1").run("A lighthouse at dusk.")
    result["images"], result["revised_prompt"], result["meta"]["usage"]
    ```

    A request whose answer is lost is not sent again, because it may have been billed.
    """

    @known_arguments
    def __init__(
        self,
        model: str = "openai/gpt-image-1",
        quality: str | None = "auto",
        size: str | None = "1024x1024",
        response_format: str | None = None,
        api_key: Secret | Callable[[], str] = KEY,
        api_base_url: str | None = None,
        timeout: float | Timeouts | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        http_client_kwargs: dict[str, Any] | None = None,
        *,
        generation_kwargs: dict[str, Any] | None = None,
        fallbacks: list[str | dict[str, Any]] | None = None,
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
        Creates the generator. Nothing is sent.

        :param model:
            Image model id, sent untouched.
        :param quality:
            `auto`, `high`, `medium` or `low`; `None` leaves it to the model.
        :param size:
            Width and height, such as `1024x1024`, or `auto`; `None` leaves it to the model.
        :param response_format:
            `b64_json` or `url`, for models that know it; the others give base64 and refuse the parameter.
        :param api_key:
            The key; by default from `REQUESTY_API_KEY`, read when the first run needs it.
        :param api_base_url:
            Base URL of the gateway; by default from `REQUESTY_BASE_URL`, else the global router.
        :param timeout:
            Longest silence in seconds, or `requesty_core.Timeouts`; `None` waits forever.
        :param max_retries:
            Further attempts after a retryable failure; 0 means one request.
        :param http_client_kwargs:
            Arguments of `httpx.Client` and `httpx.AsyncClient`, such as `proxy` or `transport`.
        :param generation_kwargs:
            Further request parameters: `n`, `background`, `output_format`.
        :param fallbacks:
            Models to try when this one fails: ids, or steps.
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
            Whether calls open OpenTelemetry spans and count in its metrics, if its API is installed; `"content"`
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
        self.quality = quality
        self.size = size
        self.response_format = response_format
        self.generation_kwargs = generation_kwargs or {}
        self.fallbacks = plain_steps(fallbacks)

    def to_dict(self) -> dict[str, Any]:
        """
        Serializes the generator. The key is saved as the name of its environment variable only.

        :returns:
            A dictionary for `from_dict`.
        """
        own = ("quality", "size", "response_format", "generation_kwargs", "fallbacks")
        saved: dict[str, Any] = default_to_dict(self, **self._saved(), **{name: getattr(self, name) for name in own})
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RequestyImageGenerator:
        """
        Deserializes a generator; the dictionary is not changed.

        :param data:
            What `to_dict` returned, of this class or of Haystack's `OpenAIImageGenerator`.
        :returns:
            The generator.
        """
        return default_from_dict(cls, restored(data))

    @component.output_types(images=list[str], revised_prompt=str, meta=dict[str, Any])
    def run(
        self,
        prompt: str,
        size: str | None = None,
        quality: str | None = None,
        response_format: str | None = None,
        *,
        generation_kwargs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Generates images.

        :param prompt:
            What to show.
        :param size:
            Overrides the size given at initialization.
        :param quality:
            Overrides the quality given at initialization.
        :param response_format:
            Overrides the format given at initialization.
        :param generation_kwargs:
            Request parameters, laid over those given at initialization key by key.
        :returns:
            `images` in base64 (or their addresses, if the model gives those), `revised_prompt` (empty if there was no
            revision), and `meta` with `model`, `usage` (with `cost` in USD, if known) and `request_id`.
        :raises RequestyError:
            Typed by what went wrong.
        """
        fields = fields_of(self, prompt, size, quality, response_format, generation_kwargs)
        return result_of(fields["model"], self._clients.open().sync.images.generate(**fields))

    @component.output_types(images=list[str], revised_prompt=str, meta=dict[str, Any])
    async def run_async(
        self,
        prompt: str,
        size: str | None = None,
        quality: str | None = None,
        response_format: str | None = None,
        *,
        generation_kwargs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Generates images without blocking the event loop; arguments and outputs as of `run`.

        :raises RequestyError:
            Typed by what went wrong.
        """
        fields = fields_of(self, prompt, size, quality, response_format, generation_kwargs)
        return result_of(fields["model"], await self._clients.open().aio.images.generate(**fields))
