"""Images and audio, as thin calls: fields go through as the routes define them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from requesty_core.calls.arguments import take_options
from requesty_core.calls.settings import JSON_HEADERS, ClientSettings, Route
from requesty_core.errors import ConfigurationError, MalformedResponseError, error_from_body
from requesty_core.exchange.body import build_body
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.network.http import URL, multipart
from requesty_core.replies.received import ReceivedResponse

from .call import ApiCall, AsyncEndpoint, AsyncResource, Resource, SyncEndpoint

__all__ = ["AsyncAudio", "AsyncImages", "Audio", "Images", "ImagesReply", "Speech", "Transcription"]

FileInput = tuple[str, bytes, str] | tuple[str, bytes]
"""File name, content, and media type if it cannot be told from the name."""


@dataclass(frozen=True, slots=True)
class ImagesReply:
    """Generated images: ``data`` holds objects with ``url`` or ``b64_json``."""

    data: Sequence[Mapping[str, Any]]
    usage: Usage | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken text: the audio file's bytes and media type."""

    content: bytes = field(repr=False)
    media_type: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """Written speech. ``raw`` has segments and words where ``verbose_json`` was asked for."""

    text: str
    usage: Usage | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


def _object(received: ReceivedResponse) -> dict[str, Any]:
    body = received.json()
    if not isinstance(body, dict):
        raise MalformedResponseError("the answer is JSON but not an object; check base_url")
    if body.get("error") is not None:
        raise error_from_body(body["error"], in_stream=False, requested_model=received.model)
    return body


def _images(received: ReceivedResponse) -> tuple[ImagesReply, Usage | None]:
    body = _object(received)
    data = body.get("data")
    if not isinstance(data, list):
        raise MalformedResponseError("the answer holds no images")
    usage = parse_usage(body.get("usage"))
    return ImagesReply([d for d in data if isinstance(d, dict)], usage, received.request_id, body), usage


def _speech(received: ReceivedResponse) -> tuple[Speech, Usage | None]:
    if received.headers.get("content-type", "").startswith(("application/json", "text/html")):
        _object(received)
        raise MalformedResponseError("the answer is no audio but JSON; check base_url")
    if not received.content:
        raise MalformedResponseError("the answer holds no audio")
    return Speech(received.content, received.headers.get("content-type"), received.request_id), None


def _transcription(received: ReceivedResponse) -> tuple[Transcription, Usage | None]:
    body = _object(received)
    text = body.get("text")
    if not isinstance(text, str):
        raise MalformedResponseError("the answer holds no text")
    usage = parse_usage(body.get("usage"))
    return Transcription(text, usage, received.request_id, body), usage


def _call(
    settings: ClientSettings,
    path: str,
    model: str,
    fields: dict[str, Any],
    read: Any,
    files: Mapping[str, FileInput] | None = None,
    accept: str = "application/json",
) -> ApiCall[Any]:
    own = take_options(fields)
    own.setdefault("fallbacks", ())
    call = settings.call_options(model, **own)
    body = build_body(fields, call.options, call.extra_body)
    headers, content = {**JSON_HEADERS, "Accept": accept}, None
    if files is not None:
        if len(call.steps) > 1:
            raise ConfigurationError("fallbacks: a file upload names one model; leave fallbacks out")
        content, headers["Content-Type"] = multipart({"model": model, **body}, files)
    exchange: UnaryExchange[Any] = UnaryExchange(
        settings.engine(call),
        body,
        read,
        accounts=settings.accounts(call),
        observer=settings.on_event,
        telemetry=settings.telemetry("generate_content", call),
    )
    return ApiCall(exchange, Route("POST", URL(f"{settings.config.base_url}/{path}"), headers, content=content), call)


def _generate(settings: ClientSettings, /, *, model: str, prompt: str, **params: Any) -> ApiCall[ImagesReply]:
    """Generate images. Fields: ``n``, ``size``, ``quality``, ``background``, ``output_format``, ``response_format``."""
    return _call(settings, "images/generations", model, {"prompt": prompt, **params}, _images)


def _edit(
    settings: ClientSettings,
    /,
    *,
    model: str,
    prompt: str,
    image: FileInput,
    mask: FileInput | None = None,
    **params: Any,
) -> ApiCall[ImagesReply]:
    """Edit an image by a prompt."""
    files = {"image": image} if mask is None else {"image": image, "mask": mask}
    return _call(settings, "images/edits", model, {"prompt": prompt, **params}, _images, files)


def _speak(settings: ClientSettings, /, *, model: str, input: str, voice: str, **params: Any) -> ApiCall[Speech]:
    """Speak a text. Fields: ``instructions``, ``response_format`` (mp3, opus, …), ``speed``."""
    return _call(settings, "audio/speech", model, {"input": input, "voice": voice, **params}, _speech, accept="*/*")


def _transcribe(settings: ClientSettings, /, *, model: str, file: FileInput, **params: Any) -> ApiCall[Transcription]:
    """Write down speech. Fields: ``language``, ``response_format`` (json, verbose_json)."""
    return _call(settings, "audio/transcriptions", model, params, _transcription, {"file": file})


class Images(Resource):
    """``client.images``."""

    generate = SyncEndpoint(_generate)
    edit = SyncEndpoint(_edit)


class AsyncImages(AsyncResource):
    """``client.images`` of the asynchronous client."""

    generate = AsyncEndpoint(_generate)
    edit = AsyncEndpoint(_edit)


class Audio(Resource):
    """``client.audio``."""

    speech = SyncEndpoint(_speak)
    transcribe = SyncEndpoint(_transcribe)


class AsyncAudio(AsyncResource):
    """``client.audio`` of the asynchronous client."""

    speech = AsyncEndpoint(_speak)
    transcribe = AsyncEndpoint(_transcribe)
