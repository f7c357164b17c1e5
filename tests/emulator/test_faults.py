from __future__ import annotations

import time

import httpx
import pytest

from requesty_emulator import ConfigError, Fault, GatewayEmulator

from .wire import CHAT, ask, chat, error, events, joined, said, stream


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 412, 422, 424, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("streamed", [False, True])
def test_every_error_status(http: httpx.Client, gw: GatewayEmulator, status: int, streamed: bool) -> None:
    gw.fail_next(status)
    response = http.post(CHAT, json=ask(stream=streamed))
    assert response.status_code == gw.last_request.status == status
    assert error(response).keys() == {"origin", "message"}
    assert http.post(CHAT, json=ask()).status_code == 200
    assert gw.requests[0].cost is None


def test_details_of_a_failure(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fail_next(503, retry_after=1.5, message="ResourceExhausted", origin="provider")
    response = http.post(CHAT, json=ask())
    assert response.headers["retry-after"] == "1.5"
    assert error(response) == {"origin": "provider", "message": "ResourceExhausted"}
    gw.fail_next(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT", body={"error": "slow down"})
    response = http.post(CHAT, json=ask())
    assert response.headers["retry-after"].startswith("Wed")
    assert response.json() == {"error": "slow down"}


def test_which_request_a_fault_hits(http: httpx.Client, gw: GatewayEmulator) -> None:
    def statuses(count: int, **fields: object) -> list[int]:
        return [http.post(CHAT, json=ask(**fields)).status_code for _ in range(count)]

    gw.fail_next(500, times=2)
    assert statuses(3) == [500, 500, 200]
    gw.fail_next(500, model="openai/gpt-4o")
    assert statuses(1) + statuses(2, model="openai/gpt-4o") == [200, 500, 200]
    gw.fault(nth=2, status=502)
    assert statuses(3) == [200, 502, 200]
    other = gw.add_key("other")
    gw.fail_next(429, key=other.id)
    assert statuses(1) == [200]
    headers = {"authorization": f"Bearer {other.secret}"}
    assert http.post(CHAT, json=ask(), headers=headers).status_code == 429
    gw.fault(model="openai/gpt-4o", status=503)
    assert statuses(3, model="openai/gpt-4o") == [503, 503, 503]
    gw.clear()
    assert statuses(1, model="openai/gpt-4o") == [200]
    gw.fail_next(500, path="/embeddings")
    assert statuses(1) == [200]


def test_retry_after_can_be_a_switch(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.retry_after = 7
    gw.fail_next(429)
    assert http.post(CHAT, json=ask()).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ({"html": True}, lambda r: r.status_code == 502 and "<html>" in r.text),
        ({"html": True, "status": 503}, lambda r: r.status_code == 503 and "text/html" in r.headers["content-type"]),
        (
            {"error_in_200": "upstream broke"},
            lambda r: r.status_code == 200 and r.json() == {"error": "upstream broke"},
        ),
        ({"error_in_200": {"message": "m"}}, lambda r: r.json() == {"error": {"message": "m"}}),
        ({"empty_choices": True}, lambda r: r.json()["choices"] == [] and r.json()["usage"]),
        ({"malformed_json": True}, lambda r: r.status_code == 200 and not r.text.endswith("}")),
        ({"headers": {"x-extra": "1"}}, lambda r: r.headers["x-extra"] == "1"),
    ],
)
def test_disturbed_whole_answers(http: httpx.Client, gw: GatewayEmulator, fault: dict, check) -> None:
    gw.fault(**fault)
    assert check(http.post(CHAT, json=ask()))


@pytest.mark.parametrize("error_event", ["There was a problem with the provider stream", {"message": "m", "code": 502}])
def test_an_error_inside_a_stream(http: httpx.Client, gw: GatewayEmulator, error_event: object) -> None:
    gw.fail_next(fault=Fault(error_event=error_event, error_after_chunks=3))
    chunks = stream(http, "Count from 1 to 9")
    assert chunks[-1] == {"error": error_event}
    assert joined(chunks[:-1]) == "1, 2, "
    assert gw.last_request.cost is None
    assert gw.billed == 0


def test_a_truncated_stream_ends_cleanly(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(truncate_after_chunks=4)
    chunks = stream(http, "Count from 1 to 9")
    assert joined(chunks) == "1, 2, 3, "
    assert len(chunks) == 4


def test_done_can_be_missing(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(no_done=True)
    assert stream(http)[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("fault", [{"cut_after_chunks": 3}, {"cut_after_bytes": 700}])
def test_a_cut_stream(http: httpx.Client, gw: GatewayEmulator, fault: dict) -> None:
    gw.fault(**fault)
    received: list[bytes] = []
    with http.stream("POST", CHAT, json=ask(stream=True)) as response, pytest.raises(httpx.RemoteProtocolError):
        received.extend(response.iter_raw())
    assert b"rqsty-cmpl" in b"".join(received)
    assert b"[DONE]" not in b"".join(received)
    assert gw.wait_idle()
    assert gw.last_request.cost is None


def test_a_cut_whole_answer(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(cut_after_bytes=50)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(CHAT, json=ask())


def test_a_dropped_connection(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(drop_connection=True, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(CHAT, json=ask())
    assert gw.wait_idle()
    assert gw.last_request.status is None
    assert said(http, "hello")


def test_a_stalled_stream_waits_for_the_client_to_leave(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(stall_after_chunks=2)
    with pytest.raises(httpx.ReadTimeout):
        http.post(CHAT, json=ask(stream=True), timeout=0.2)
    assert gw.wait_idle()
    assert gw.last_request.disconnected


def test_delays(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(delay=0.15, times=1)
    started = time.perf_counter()
    chat(http)
    assert time.perf_counter() - started >= 0.15
    gw.fault(delay=5, times=1)
    with pytest.raises(httpx.ReadTimeout):
        http.post(CHAT, json=ask(), timeout=0.1)
    assert gw.wait_idle()
    assert gw.last_request.disconnected


@pytest.mark.parametrize("fault", [{"slow_bytes": 1}, {"slow_bytes": 7, "chunk_delay": 0.0005}])
@pytest.mark.parametrize("streamed", [True, False])
def test_slow_bytes_change_nothing_but_time(
    http: httpx.Client, gw: GatewayEmulator, fault: dict, streamed: bool
) -> None:
    gw.fault(**fault)
    if streamed:
        assert joined(stream(http, "Count from 1 to 3")) == "1, 2, 3"
    else:
        assert said(http, "Count from 1 to 3") == "1, 2, 3"


def test_other_dialects_of_event_streams(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(crlf=True, comments=True, event_lines=True)
    text = http.post(CHAT, json=ask("Count from 1 to 3", stream=True)).text
    assert text.startswith(": keep-alive\r\n\r\nevent: message\r\ndata: {")
    assert "\n" not in text.replace("\r\n", "")
    assert joined(events(text)) == "1, 2, 3"


def test_a_malformed_chunk(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(malformed_json=True)
    text = http.post(CHAT, json=ask("Count from 1 to 9", stream=True)).text
    with pytest.raises(ValueError):
        events(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stauts": 500}, "did you mean 'status'"),
        ({"status": 1000}, "fault status"),
        ({"usage": "sometimes"}, "fault usage"),
        ({"nth": 0, "status": 500}, "nth"),
        ({"times": 0, "status": 500}, "times"),
        ({"origin": "moon", "status": 500}, "origin"),
    ],
)
def test_bad_faults_are_named(gw: GatewayEmulator, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        gw.fault(**options)


# scripted answers


def test_scripted_text_reasoning_and_usage(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.say(
        "scripted", reasoning="because", signature="sig", served_model="gpt-9", usage={"cost": 0.5}, finish_reason="x"
    )
    body = chat(http)
    message = body["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"], message["reasoning_signature"]) == (
        "scripted",
        "because",
        "sig",
    )
    assert body["model"] == gw.last_request.response_model == "gpt-9"
    assert body["choices"][0]["finish_reason"] == "x"
    assert body["usage"]["cost"] == 0.5
    assert said(http, "hello") != "scripted"


def test_scripted_tool_calls(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.say(
        tool_calls=[{"name": "f", "arguments": {"a": 1}}, {"id": "x", "name": "g", "arguments": "not json"}], times=2
    )
    calls = chat(http)["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"a": 1}', "not json"]
    assert calls[1]["id"] == "x"
    deltas = [chunk["choices"][0]["delta"] for chunk in stream(http)[:-1]]
    assert {piece["index"] for delta in deltas for piece in delta.get("tool_calls", ())} == {0, 1}


def test_scripted_refusal_images_annotations_and_pieces(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.say(refusal="I must not")
    assert chat(http)["choices"][0]["message"]["refusal"] == "I must not"
    gw.say(
        "see", images=[{"type": "image_url", "image_url": {"url": "data:,"}}], annotations=[{"type": "url_citation"}]
    )
    message = chat(http)["choices"][0]["message"]
    assert message["images"]
    assert message["annotations"]
    gw.say(pieces=["a", "", "b"])
    texts = [chunk["choices"][0]["delta"]["content"] for chunk in stream(http)[:-1]]
    assert texts == ["", "a", "", "b"]


def test_raw_bodies_and_chunks(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.say(body={"anything": 1})
    assert chat(http) == {"anything": 1}
    gw.say(chunks=[{"choices": []}, '{"x": 1}', b": raw\n\n"])
    assert stream(http) == [{"choices": []}, {"x": 1}, "[DONE]"]


def test_scripts_wait_for_their_model(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.say("later", model="openai/gpt-4o")
    assert said(http, "hello") != "later"
    assert said(http, "hello", model="openai/gpt-4o") == "later"
