"""``RequestyTranscriber``: recordings to documents of what is said in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.dataclasses import ByteStream
from haystack.utils import Secret

from haystack_integrations.common.requesty.clients import KEY
from haystack_integrations.common.requesty.component import Component, restored
from requesty_core import Budget, CostLedger, RequestyOptions, Timeouts
from requesty_core.adapters import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, known_arguments

from ._sources import document_of, meta_over, sources_of

if TYPE_CHECKING:
    from requesty_core import CallEvent

__all__ = ["RequestyTranscriber"]

_WHISPER = ("language", "prompt", "response_format", "temperature")


@component
class RequestyTranscriber(Component):
    """
    Transcribes recordings with a model behind the Requesty gateway.

    ```python
    from haystack_integrations.components.audio.requesty import RequestyTranscriber

    result = RequestyTranscriber(model="openai/gpt-4o-transcribe").run(["interview.mp3"])
    result["documents"][0].content, result["meta"]["usage"]
    ```

    A request whose answer is lost is not sent again, because it may have been billed.
    """

    @known_arguments
    def __init__(
        self,
        api_key: Secret | Callable[[], str] = KEY,
        model: str = "openai/gpt-4o-mini-transcribe",
        api_base_url: str | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
        *,
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | Timeouts | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
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
        Creates the transcriber. Nothing is sent.

        :param api_key:
            The key; by default from `REQUESTY_API_KEY`, read when the first run needs it.
        :param model:
            Transcription model id, sent untouched.
        :param api_base_url:
            Base URL of the gateway; by default from `REQUESTY_BASE_URL`, else the global router.
        :param http_client_kwargs:
            Arguments of `httpx.Client` and `httpx.AsyncClient`, such as `proxy` or `transport`.
        :param generation_kwargs:
            Request parameters such as `language` or `response_format` (`json` or `verbose_json`).
        :param timeout:
            Longest silence in seconds, or `requesty_core.Timeouts`; `None` waits forever.
        :param max_retries:
            Further attempts after a retryable failure; 0 means one request.
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
        self.generation_kwargs = generation_kwargs or {}

    def to_dict(self) -> dict[str, Any]:
        """
        Serializes the transcriber. The key is saved as the name of its environment variable only.

        :returns:
            A dictionary for `from_dict`.
        """
        saved: dict[str, Any] = default_to_dict(self, **self._saved(), generation_kwargs=self.generation_kwargs)
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RequestyTranscriber:
        """
        Deserializes a transcriber; the dictionary is not changed.

        :param data:
            What `to_dict` returned, of this class or of `RemoteWhisperTranscriber`.
        :returns:
            The transcriber.
        """
        data = restored(data)
        parameters = data["init_parameters"]
        whisper = {name: parameters.pop(name) for name in _WHISPER if name in parameters}
        if whisper:
            parameters["generation_kwargs"] = {**whisper, **(parameters.get("generation_kwargs") or {})}
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    def run(self, sources: list[str | Path | ByteStream]) -> dict[str, Any]:
        """
        Transcribes recordings, one after the other.

        :param sources:
            Paths of audio files and audio as `ByteStream`.
        :returns:
            `documents`: one for each source, with its meta (and `segments`, `duration` and `language` for
            `verbose_json`); `meta` with `model`, `usage` over all of them (with `cost` in USD, if known) and
            `request_ids`.
        :raises RequestyError:
            Typed by what went wrong.
        """
        if not (recordings := sources_of(sources)):
            return {"documents": [], "meta": {}}
        audio, fields = self._clients.open().sync.audio, {"model": self.model, **self.generation_kwargs}
        heard = [audio.transcribe(**fields, file=one.file) for one in recordings]
        documents = [document_of(one, said) for one, said in zip(recordings, heard, strict=True)]
        return {"documents": documents, "meta": meta_over(fields["model"], heard)}

    @component.output_types(documents=list[Document], meta=dict[str, Any])
    async def run_async(self, sources: list[str | Path | ByteStream]) -> dict[str, Any]:
        """
        Transcribes recordings without blocking the event loop.

        :param sources:
            Paths of audio files and audio as `ByteStream`.
        :returns:
            `documents` and `meta`, as `run`.
        :raises RequestyError:
            Typed by what went wrong.
        """
        if not (recordings := sources_of(sources)):
            return {"documents": [], "meta": {}}
        audio, fields = self._clients.open().aio.audio, {"model": self.model, **self.generation_kwargs}
        heard = [await audio.transcribe(**fields, file=one.file) for one in recordings]
        documents = [document_of(one, said) for one, said in zip(recordings, heard, strict=True)]
        return {"documents": documents, "meta": meta_over(fields["model"], heard)}
