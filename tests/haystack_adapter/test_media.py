"""Images and transcriptions: bytes sent, outputs, what is saved, what Haystack's own components saved."""

from __future__ import annotations

import asyncio
import base64
import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from haystack import Pipeline
from haystack.components.generators import OpenAIImageGenerator
from haystack.dataclasses import ByteStream
from haystack.utils import Secret
from tests.support.wire import canned as canned_wire

from haystack_integrations.components.audio.requesty import RequestyTranscriber
from haystack_integrations.components.generators.requesty import RequestyImageGenerator
from requesty_core import Budget, CostLedger
from requesty_core.errors import ConfigurationError, MalformedResponseError, RequestyError

IMAGE, SPEECH = "openai/gpt-image-1", "openai/gpt-4o-transcribe"
CLASSES = [RequestyImageGenerator, RequestyTranscriber]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Any:
    """A component's run, either way."""

    def outputs(component: Any, *given: Any, **arguments: Any) -> dict[str, Any]:
        if request.param:
            return dict(asyncio.run(component.run_async(*given, **arguments)))
        return dict(component.run(*given, **arguments))

    return outputs


def type_of(cls: Any) -> str:
    return f"{cls.__module__}.{cls.__name__}"


def images(gw: Any, **settings: Any) -> RequestyImageGenerator:
    return RequestyImageGenerator(**{"model": IMAGE, "api_base_url": gw.base_url, "max_retries": 0, **settings})


def transcriber(gw: Any, **settings: Any) -> RequestyTranscriber:
    return RequestyTranscriber(**{"model": SPEECH, "api_base_url": gw.base_url, "max_retries": 0, **settings})


# --- images -----------------------------------------------------------------------------------------------------------


def test_a_picture(run: Any, gw: Any) -> None:
    result = run(images(gw), "A lighthouse at dusk.")
    [picture] = result["images"]
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert result["revised_prompt"] == "A lighthouse at dusk."
    assert result["meta"]["usage"] == {"input_tokens": 6, "output_tokens": 256, "total_tokens": 262}
    assert (result["meta"]["model"], result["meta"]["request_id"]) == (IMAGE, gw.last_request.request_id)
    sent = {"model": IMAGE, "prompt": "A lighthouse at dusk.", "size": "1024x1024", "quality": "auto"}
    assert gw.last_request.body == sent


def test_settings_of_a_run_lie_over_those_of_the_generator(run: Any, gw: Any) -> None:
    generator = images(gw, generation_kwargs={"n": 2, "background": "opaque"}, size=None, options={"tags": ["t"]})
    assert len(run(generator, "x", quality="low", generation_kwargs={"background": "transparent"})["images"]) == 2
    body = gw.last_request.body
    assert (body["quality"], body["n"], body["background"]) == ("low", 2, "transparent")
    assert body["requesty"] == {"tags": ["t"]}
    assert "size" not in body
    run(images(gw, response_format="url"), "x", "512x512")
    assert (gw.last_request.body["response_format"], gw.last_request.body["size"]) == ("url", "512x512")


@pytest.mark.parametrize(
    ("item", "image"),
    [
        ({"b64_json": "QQ=="}, "QQ=="),
        ({"url": "data:image/png;base64,QQ=="}, "QQ=="),
        ({"url": "https://pictures.test/1.png"}, "https://pictures.test/1.png"),
    ],
    ids=["base64", "data", "address"],
)
def test_a_picture_is_base64_or_its_address(run: Any, item: Any, image: str) -> None:
    wire = canned_wire({"created": 1, "data": [item], "usage": {"input_tokens": 1, "output_tokens": 2, "cost": "0.04"}})
    generator = RequestyImageGenerator(
        api_key=Secret.from_token("k"),
        api_base_url="http://gateway.test/v1",
        http_client_kwargs={"transport": wire.transport},
    )
    result = run(generator, "x")
    assert (result["images"], result["revised_prompt"]) == ([image], "")
    assert result["meta"]["usage"]["cost"] == 0.04


@pytest.mark.parametrize("data", [None, [], [{}], [None], [{"b64_json": "QQ=="}, {"url": ""}]], ids=str)
def test_an_answer_without_a_picture_is_an_error(run: Any, data: Any) -> None:
    wire = canned_wire({"created": 1, "data": data})
    generator = RequestyImageGenerator(
        api_key=Secret.from_token("k"),
        api_base_url="http://gateway.test/v1",
        http_client_kwargs={"transport": wire.transport},
    )
    with pytest.raises(MalformedResponseError, match="holds no images"):
        run(generator, "x")


def test_another_model_draws_when_the_first_is_down(run: Any, gw: Any) -> None:
    gw.fail_next(503, model=IMAGE)
    result = run(images(gw, fallbacks=[f"azure/{IMAGE}"]), "x")
    assert result["images"]
    assert [request.model for request in gw.requests] == [IMAGE, f"azure/{IMAGE}"]


def test_what_haystacks_generator_saved_loads(gw: Any) -> None:
    theirs = OpenAIImageGenerator(
        model=IMAGE, quality="low", size="1024x1536", api_key=Secret.from_env_var("REQUESTY_API_KEY")
    ).to_dict()
    ours = RequestyImageGenerator.from_dict({**theirs, "type": type_of(RequestyImageGenerator)})
    assert (ours.model, ours.quality, ours.size) == (IMAGE, "low", "1024x1536")
    assert ours.to_dict()["init_parameters"].keys() >= theirs["init_parameters"].keys() - {"organization"}


def test_a_prompt_is_a_string(run: Any, gw: Any) -> None:
    with pytest.raises(TypeError, match=r"^prompt: expected a string, got list"):
        run(images(gw), ["x"])
    assert gw.requests == []


# --- transcriptions ---------------------------------------------------------------------------------------------------


def test_recordings_become_documents(run: Any, gw: Any, tmp_path: Path) -> None:
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"The sea is calm.")
    stream = ByteStream(data=b"The ferry is late.", meta={"speaker": "Ada"}, mime_type="audio/wav")
    result = run(transcriber(gw, generation_kwargs={"language": "en"}), [str(path), stream, path])
    assert [d.content for d in result["documents"]] == ["The sea is calm.", "The ferry is late.", "The sea is calm."]
    assert [d.meta for d in result["documents"]] == [
        {"file_path": str(path)},
        {"speaker": "Ada"},
        {"file_path": str(path)},
    ]
    assert [request.form["file"] for request in gw.requests] == ["talk.mp3", "audio.wav", "talk.mp3"]
    assert {(r.form["model"], r.form["language"]) for r in gw.requests} == {(SPEECH, "en")}
    assert result["meta"]["model"] == SPEECH
    assert result["meta"]["request_ids"] == [request.request_id for request in gw.requests]
    assert result["meta"]["usage"]["output_tokens"] > 3
    assert "file_path" not in stream.meta


def test_times_stand_in_the_documents_meta(run: Any, gw: Any) -> None:
    recording = ByteStream(data=b"The sea is calm.", meta={"file_name": "a.ogg"})
    result = run(transcriber(gw, generation_kwargs={"response_format": "verbose_json"}), [recording])
    [document] = result["documents"]
    assert document.meta["segments"][0]["text"] == document.content == "The sea is calm."
    assert result["meta"]["usage"]["seconds"] == document.meta["duration"]


def test_no_recordings_are_no_request(run: Any, gw: Any) -> None:
    assert run(transcriber(gw), []) == {"documents": [], "meta": {}}
    assert gw.requests == []


@pytest.mark.parametrize(
    ("sources", "expected", "word"),
    [
        ("talk.mp3", TypeError, r"^sources: expected a list of paths and ByteStreams, got str"),
        ([5], TypeError, r"^sources\[0\]: expected a path or a ByteStream, got int"),
        ([ByteStream(data=b"")], ConfigurationError, r"^sources\[0\]: holds no audio"),
        (["not/there.mp3"], FileNotFoundError, "not/there"),
    ],
    ids=["a string", "a number", "empty", "not there"],
)
def test_what_is_no_recording_is_refused_before_anything_is_sent(
    run: Any, gw: Any, sources: Any, expected: Any, word: str
) -> None:
    with pytest.raises(expected, match=word):
        run(transcriber(gw), sources)
    assert gw.requests == []


def test_cost_over_recordings_is_told_if_each_told_it(run: Any) -> None:
    def meta(*usages: Any) -> Any:
        wire = canned_wire(*({"text": "x", "usage": usage} for usage in usages))
        component = RequestyTranscriber(
            api_key=Secret.from_token("k"),
            api_base_url="http://gateway.test/v1",
            http_client_kwargs={"transport": wire.transport},
        )
        return run(component, [ByteStream(data=b"a")] * len(usages))["meta"]["usage"]

    priced = {"type": "tokens", "input_tokens": 2, "output_tokens": 1, "cost": 0.5}
    assert meta(priced, priced) == {"input_tokens": 4, "output_tokens": 2, "cost": 1.0}
    assert meta(priced, {**priced, "cost": None}) == {"input_tokens": 4, "output_tokens": 2}


def test_what_the_whisper_transcriber_saved_loads(gw: Any) -> None:
    saved = {
        "type": type_of(RequestyTranscriber),
        "init_parameters": {
            "api_key": Secret.from_env_var("REQUESTY_API_KEY").to_dict(),
            "model": "openai/whisper-1",
            "organization": None,
            "api_base_url": gw.base_url,
            "http_client_kwargs": None,
            "response_format": "json",
            "language": "en",
        },
    }
    before = copy.deepcopy(saved)
    component = RequestyTranscriber.from_dict(saved)
    assert saved == before
    assert component.generation_kwargs == {"language": "en", "response_format": "json"}
    assert component.run([ByteStream(data=b"The sea.")])["documents"][0].content == "The sea."


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES)
def test_saved_copied_and_pickled_without_the_key(cls: Any, gw: Any) -> None:
    component = cls(
        api_base_url=gw.base_url, generation_kwargs={"a": 1}, timeout=9.0, options={"tags": ["t"]}, budget=Budget("1")
    )
    pipeline = Pipeline()
    pipeline.add_component("one", component)
    text = pipeline.dumps()
    assert gw.api_key not in text
    assert Pipeline.loads(text).dumps() == text
    for twin in (copy.deepcopy(component), pickle.loads(pickle.dumps(component))):
        assert twin.to_dict() == component.to_dict()
    with pytest.raises(ValueError, match=r"[Tt]oken"):
        cls(api_key=Secret.from_token("rqy-secret")).to_dict()


@pytest.mark.parametrize("cls", CLASSES)
def test_failures_are_typed_and_sent_once(run: Any, gw: Any, cls: Any) -> None:
    given: Any = "x" if cls is RequestyImageGenerator else [ByteStream(data=b"a")]
    gw.fail_next(429)
    ledger = CostLedger()
    with pytest.raises(RequestyError) as caught:
        run(cls(api_base_url=gw.base_url, max_retries=0, ledger=ledger), given)
    assert caught.value.status == 429
    assert len(gw.requests) == 1
    assert run(cls(api_base_url=gw.base_url, ledger=ledger), given)
    assert ledger.total.calls == 1


@pytest.mark.parametrize("cls", CLASSES)
def test_a_pipeline_runs_them_on_an_event_loop_and_closes_them(gw: Any, cls: Any) -> None:
    is_image = cls is RequestyImageGenerator
    pipeline = Pipeline()
    pipeline.add_component("one", cls(api_base_url=gw.base_url))
    data = {"prompt": "x"} if is_image else {"sources": [ByteStream(data=b"a")]}
    for _ in range(2):
        assert asyncio.run(pipeline.run_async({"one": data}))["one"]["images" if is_image else "documents"]
        pipeline.close()
