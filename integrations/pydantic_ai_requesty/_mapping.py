"""From Pydantic AI messages to the gateway's, where that is not what every OpenAI-compatible model is sent.

What a user wrote is sent as it is meant or refused in one line that names its place; Pydantic AI's own mapping ends in
assertions and ``NotImplementedError`` for some of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import httpx2
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    CachePoint,
    ModelMessage,
    ModelRequest,
    UserContent,
    VideoUrl,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from requesty_core.adapters import audio_format, data_url, estimate_tokens

from ._errors import RequestyConfigurationError
from ._history import ResponseMapping

__all__ = ["MessageMapping"]


class _UnsendableError(Exception):
    """An item of a user's prompt that has no form on the wire."""

    def __init__(self, item: object, reason: str) -> None:
        super().__init__(reason)
        self.item = item


class MessageMapping(OpenAIChatModel):
    """The mapping of messages. The model itself is :class:`RequestyModel`."""

    # The gateway takes videos as files.
    _unsupported_file_inputs = frozenset()
    _MapModelResponseContext = ResponseMapping

    async def count_tokens(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> RequestUsage:
        """An estimate, for ``UsageLimits(count_tokens_before_request=True)``: text by its length, media by their kind.

        Nothing is sent.
        """
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        own: Any = settings or {}
        tools, _ = self._get_tool_choice(own, parameters)
        wire = await self._map_messages(messages, parameters, model_settings=own)
        return RequestUsage(input_tokens=estimate_tokens(wire, cast("Any", tools)))

    async def _map_messages(
        self,
        messages: Sequence[ModelMessage],
        model_request_parameters: ModelRequestParameters,
        **options: Any,
    ) -> Any:
        try:
            return await super()._map_messages(messages, model_request_parameters, **options)
        except _UnsendableError as error:
            where, reason = _place(messages, error.item), str(error)
        raise RequestyConfigurationError(f"{where}: {reason}")

    async def _map_user_prompt_content_item(self, item: UserContent, content: list[Any]) -> None:
        if isinstance(item, CachePoint):
            if not content:
                raise _UnsendableError(
                    item, "CachePoint: there is nothing before it in the prompt to cache; move it after some content"
                )
            content[-1]["cache_control"] = {"type": "ephemeral"}
            return
        try:
            await super()._map_user_prompt_content_item(item, content)
        except UserError as error:
            raise _UnsendableError(item, str(error)) from error
        except httpx2.HTTPError as error:
            raise _UnsendableError(item, f"{_kind(item)}: cannot be downloaded ({error})") from error
        if content and content[-1].get("type") == "file" and "file_data" in content[-1]["file"]:
            # The shape the gateway documents for documents; the OpenAI one is read by some routes only.
            content[-1] = {"type": "input_file", **content[-1]["file"]}

    async def _map_binary_content_item(self, item: BinaryContent) -> Any:
        if item.is_video:
            return _video(item.data_uri, item.media_type)
        if item.is_audio:
            kind = audio_format(item.media_type)
            if kind not in ("wav", "mp3"):
                raise _UnsendableError(item, f"{item.media_type} cannot be sent as audio; give wav or mp3")
            return {"type": "input_audio", "input_audio": {"data": item.base64, "format": kind}}
        try:
            return await super()._map_binary_content_item(item)
        except UnicodeDecodeError:
            raise _UnsendableError(item, f"{item.media_type}: the data is not text in UTF-8") from None
        except RuntimeError:
            raise _UnsendableError(
                item, f"{item.media_type} cannot be sent; give text, an image, a document, wav or mp3 audio or a video"
            ) from None

    async def _map_audio_url_item(self, item: AudioUrl) -> Any:
        try:
            return await super()._map_audio_url_item(item)
        except AssertionError:
            raise _UnsendableError(
                item, "AudioUrl: only wav and mp3 audio can be sent; give it as BinaryContent of one of these"
            ) from None

    async def _map_video_url_item(self, item: VideoUrl) -> Any:
        if not item.force_download:
            try:
                media_type = item.media_type
            except ValueError:
                media_type = None
            return _video(item.url, media_type)
        from pydantic_ai.models import download_item

        video = await download_item(item, data_format="base64")
        media_type = str(video["data_type"])
        return _video(data_url(media_type, video["data"]), media_type)


def _video(address: str, media_type: str | None) -> dict[str, Any]:
    ending = (media_type or "video/mp4").partition("/")[2]
    part = {"type": "input_file", "filename": f"video.{ending}", "file_data": address}
    return part if media_type is None else {**part, "mime_type": media_type}


def _kind(item: object) -> str:
    return type(item).__name__


def _place(messages: Sequence[ModelMessage], item: object) -> str:
    """Where an item stands, such as ``messages[0].parts[1].content[2]``; its type if it was made on the way."""
    for number, message in enumerate(messages):
        if not isinstance(message, ModelRequest):
            continue
        for index, part in enumerate(message.parts):
            content = getattr(part, "content", None)
            where = f"messages[{number}].parts[{index}].content"
            if content is item:
                return where
            if isinstance(content, (list, tuple)):
                for position, inner in enumerate(content):
                    if inner is item:
                        return f"{where}[{position}]"
    return _kind(item)
