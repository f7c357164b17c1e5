"""Images and audio."""

from __future__ import annotations

from typing import Any

from requesty_core.routes.media import (
    FileInput,
    ImagesReply,
    Speech,
    Transcription,
    media_request,
    read_images,
    read_speech,
    read_transcription,
)

from .resource import AsyncResource

__all__ = ["AsyncAudio", "AsyncImages"]


class AsyncImages(AsyncResource):
    """``client.images``.

    A request whose answer gets lost is not sent again unless ``retry_lost=True`` allows it: it may have been billed.
    """

    async def generate(self, *, model: str, prompt: str, **params: Any) -> ImagesReply:
        """Generate images. Raises :class:`RequestyError`.

        Fields: ``n``, ``size``, ``quality``, ``background``, ``output_format``, ``response_format``.
        """
        fields = {"prompt": prompt, **params}
        return await self._perform(media_request(self._settings, "images/generations", read_images, model, fields))

    async def edit(
        self, *, model: str, prompt: str, image: FileInput, mask: FileInput | None = None, **params: Any
    ) -> ImagesReply:
        """Edit an image by a prompt. Raises :class:`RequestyError`."""
        fields = {"prompt": prompt, **params}
        files = {"image": image} if mask is None else {"image": image, "mask": mask}
        request = media_request(self._settings, "images/edits", read_images, model, fields, files=files)
        return await self._perform(request)


class AsyncAudio(AsyncResource):
    """``client.audio``. Lost answers as for images."""

    async def speech(self, *, model: str, input: str, voice: str, **params: Any) -> Speech:
        """Speak a text. Fields: ``instructions``, ``response_format`` (mp3, opus, …), ``speed``.

        Raises :class:`RequestyError`.
        """
        fields = {"input": input, "voice": voice, **params}
        request = media_request(self._settings, "audio/speech", read_speech, model, fields, accept="*/*")
        return await self._perform(request)

    async def transcribe(self, *, model: str, file: FileInput, **params: Any) -> Transcription:
        """Turn speech into text. Fields: ``language``, ``response_format`` (json, verbose_json).

        Raises :class:`RequestyError`.
        """
        files = {"file": file}
        path = "audio/transcriptions"
        return await self._perform(media_request(self._settings, path, read_transcription, model, params, files=files))
