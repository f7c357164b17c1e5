"""Images and audio: fields go through as the routes define them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from requesty_core.calls.arguments import take_options
from requesty_core.calls.route import JSON_HEADERS, Route
from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError, MalformedResponseError, error_from_body
from requesty_core.exchange.body import build_body
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.network.http import URL, multipart
from requesty_core.replies.received import ReceivedResponse
from requesty_core.settings.checks import shown

from .requests import RouteRequest

__all__ = [
    "FileInput",
    "ImagesReply",
    "Speech",
    "Transcription",
    "media_request",
    "read_images",
    "read_speech",
    "read_transcription",
]

T = TypeVar("T")

FileInput = tuple[str, bytes, str] | tuple[str, bytes]
"""File name, content, and media type if it cannot be told from the name."""


@dataclass(frozen=True, slots=True)
class ImagesReply:
    """Generated images: ``data`` holds objects with ``url`` or ``b64_json``.

    ``provider`` and ``served_model`` say who made them, as far as the gateway told.
    """

    data: Sequence[Mapping[str, Any]]
    usage: Usage | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    provider: str | None = None
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken text: the audio file's bytes and media type, and the ``provider`` that made it, if the gateway told."""

    content: bytes = field(repr=False)
    media_type: str | None = None
    request_id: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """Written speech. ``raw`` has segments and words where ``verbose_json`` was asked for.

    ``provider`` and ``served_model`` say who wrote it, as far as the gateway told.
    """

    text: str
    usage: Usage | None = None
    request_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    provider: str | None = None
    served_model: str | None = None


def _object(received: ReceivedResponse) -> dict[str, Any]:
    body = received.json()
    if not isinstance(body, dict):
        raise MalformedResponseError("the answer is JSON but not an object; check base_url")
    if body.get("error") is not None:
        raise error_from_body(body["error"], in_stream=False, requested_model=received.model)
    return body


def read_images(received: ReceivedResponse) -> tuple[ImagesReply, Usage | None]:
    """Images, under ``data``: at least one, each with its bytes or its address."""
    body = _object(received)
    data = body.get("data")
    items = [d for d in data if isinstance(d, dict)] if isinstance(data, list) else []
    if not items or not all(item.get("b64_json") or item.get("url") for item in items):
        raise MalformedResponseError("the answer holds no images")
    usage = parse_usage(body.get("usage"))
    reply = ImagesReply(items, usage, received.request_id, body, received.provider, received.served_model(body))
    return reply, usage


def read_speech(received: ReceivedResponse) -> tuple[Speech, Usage | None]:
    """Audio bytes; an error may come under status 200."""
    if received.headers.get("content-type", "").startswith(("application/json", "text/html")):
        _object(received)
        raise MalformedResponseError("the answer is no audio but JSON; check base_url")
    if not received.content:
        raise MalformedResponseError("the answer holds no audio")
    media_type = received.headers.get("content-type")
    return Speech(received.content, media_type, received.request_id, received.provider), None


def read_transcription(received: ReceivedResponse) -> tuple[Transcription, Usage | None]:
    """The text, under ``text``."""
    body = _object(received)
    text = body.get("text")
    if not isinstance(text, str):
        raise MalformedResponseError("the answer holds no text")
    usage = parse_usage(body.get("usage"))
    reply = Transcription(text, usage, received.request_id, body, received.provider, received.served_model(body))
    return reply, usage


def media_request(
    settings: ClientSettings,
    path: str,
    read: Callable[[ReceivedResponse], tuple[T, Usage | None]],
    model: str,
    fields: dict[str, Any],
    *,
    files: Mapping[str, FileInput] | None = None,
    accept: str = "application/json",
) -> RouteRequest[T]:
    """A billed request of a media route; ``fields`` are the wire's own and call-time options.

    A request that went out in full is not sent again when its answer is lost, because it may have been worked on and
    billed; ``retry_lost=True`` allows it.
    """
    own = take_options(fields, ("retry_lost",))
    retry_lost = own.pop("retry_lost", False)
    if not isinstance(retry_lost, bool):
        raise ConfigurationError(f"retry_lost: {shown(retry_lost)}; give True or False")
    own.setdefault("fallbacks", ())
    options = settings.call_options(model, **own)
    body = build_body(fields, options.options, options.extra_body)
    body.pop("model", None)
    settings.check_candidates(body)
    headers, content = {**JSON_HEADERS, "Accept": accept}, None
    if files is not None:
        if len(options.steps) > 1:
            raise ConfigurationError("fallbacks: a file upload names one model; leave fallbacks out")
        content, headers["Content-Type"] = multipart({"model": model, **body}, files)
    exchange = UnaryExchange(
        settings.engine(options),
        body,
        read,
        accounts=settings.accounts(options),
        observer=settings.on_event,
        telemetry=settings.telemetry("generate_content", options),
    )
    exchange.is_sent_once = not retry_lost
    exchange.is_repeatable = retry_lost
    route = Route("POST", URL(f"{settings.config.base_url}/{path}"), headers, content=content)
    return RouteRequest(exchange, route, options)
