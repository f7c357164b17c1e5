from __future__ import annotations

import base64

import httpx
import pytest

from requesty_emulator import GatewayEmulator

from .wire import events


def test_images(http: httpx.Client, gw: GatewayEmulator) -> None:
    body = {"model": "openai/gpt-image-1", "prompt": "a cat", "n": 2}
    response = http.post("/v1/images/generations", json=body).json()
    assert len(response["data"]) == 2
    assert base64.b64decode(response["data"][0]["b64_json"]).startswith(b"\x89PNG")
    assert "cost" not in response["usage"]
    assert gw.billed > 0
    as_url = http.post("/v1/images/generations", json={**body, "response_format": "url"}).json()
    assert as_url["data"][0]["url"].startswith("data:image/png")


def test_image_edits_are_multipart(http: httpx.Client, gw: GatewayEmulator) -> None:
    data = {"model": "openai/gpt-image-1", "prompt": "a hat"}
    response = http.post("/v1/images/edits", data=data, files={"image": ("a.png", b"\x89PNG", "image/png")})
    assert response.status_code == 200
    assert gw.last_request.body == {**data, "image": "a.png"}


@pytest.mark.parametrize(
    ("form", "start", "kind"),
    [(None, b"\xff\xfb", "audio/mpeg"), ("wav", b"RIFF", "audio/wav"), ("pcm", b"\0", "audio/pcm")],
)
def test_speech(http: httpx.Client, form: str | None, start: bytes, kind: str) -> None:
    body = {"model": "openai/tts-1", "input": "hello", "voice": "alloy"}
    response = http.post("/v1/audio/speech", json={**body, "response_format": form})
    assert response.headers["content-type"] == kind
    assert response.content.startswith(start)


def test_speech_as_events(http: httpx.Client) -> None:
    body = {"model": "openai/gpt-4o-mini-tts", "input": "hello", "voice": "verse", "stream_format": "sse"}
    found = events(http.post("/v1/audio/speech", json=body).text)
    assert [event["type"] for event in found] == ["speech.audio.delta"] * 2 + ["speech.audio.done"]


@pytest.mark.parametrize(
    ("data", "text"), [(b"good morning", "good morning"), (b"\xff\xfb\x00", "emulated transcription")]
)
def test_transcriptions(http: httpx.Client, gw: GatewayEmulator, data: bytes, text: str) -> None:
    fields = {"model": "openai/gpt-4o-transcribe"}
    response = http.post("/v1/audio/transcriptions", data=fields, files={"file": ("a.mp3", data, "audio/mpeg")})
    assert text in response.json()["text"]
    assert response.json()["usage"]["type"] == "tokens"
    assert gw.last_request.model == "openai/gpt-4o-transcribe"


def test_verbose_transcriptions(http: httpx.Client) -> None:
    fields = {"model": "openai/whisper-1", "response_format": "verbose_json", "language": "de"}
    body = http.post("/v1/audio/transcriptions", data=fields, files={"file": ("a.wav", b"hallo")}).json()
    assert body["language"] == "de"
    assert body["segments"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/images/generations", {"model": "openai/gpt-image-1"}),
        ("/v1/images/generations", {"model": "openai/gpt-image-1", "prompt": "x", "n": 11}),
        ("/v1/images/generations", {"model": "openai/gpt-4o", "prompt": "x"}),
        ("/v1/audio/speech", {"model": "openai/tts-1", "input": "x"}),
        ("/v1/audio/speech", {"model": "openai/tts-1", "input": "x", "voice": "alloy", "response_format": "midi"}),
        ("/v1/audio/transcriptions", {"model": "openai/whisper-1"}),
    ],
)
def test_malformed_media_requests(http: httpx.Client, path: str, body: dict) -> None:
    assert http.post(path, json=body).status_code == 400


def test_unknown_file_kinds_are_refused(http: httpx.Client) -> None:
    files = {"file": ("a.txt", b"x")}
    response = http.post("/v1/audio/transcriptions", data={"model": "openai/whisper-1"}, files=files)
    assert response.status_code == 400
    assert "a.txt" in response.text


@pytest.mark.parametrize("number", ["x", "1.5", "0"])
def test_multipart_numbers_are_checked(http: httpx.Client, number: str) -> None:
    data = {"model": "openai/gpt-image-1", "prompt": "a hat", "n": number}
    files = {"image": ("a.png", b"\x89PNG", "image/png")}
    assert http.post("/v1/images/edits", data=data, files=files).status_code == 400
