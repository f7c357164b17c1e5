"""The bytes sent: settings, options, prompts, history and tools."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import httpx2
import pytest
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    DocumentUrl,
    ImageUrl,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.native_tools import WebSearchTool
from pydantic_ai.tools import ToolDefinition
from tests.pydantic_ai_adapter.conftest import Ways

from pydantic_ai_requesty import RequestyModel, RequestyModelSettings, RequestyProvider, Step
from requesty_core.errors import ConfigurationError
from requesty_core.settings.config import USER_AGENT

TOOL = ToolDefinition(name="f", parameters_json_schema={"type": "object", "properties": {}})


async def sent(make: Any, gw: Any, settings: Any = None, model: str = "openai/gpt-4o-mini", **params: Any) -> Any:
    prompt = params.pop("prompt", "Say json.")
    messages = params.pop("history", None) or [ModelRequest([UserPromptPart(prompt)])]
    parameters = ModelRequestParameters(**params)
    await model_request(make(model), messages, model_settings=settings, model_request_parameters=parameters)
    return gw.last_request.body


async def test_a_plain_request_holds_nothing_else(make: Any, gw: Any) -> None:
    assert await sent(make, gw) == {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": "Say json."}],
    }


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"temperature": 0.0, "top_p": 0.5, "seed": 7}, {"temperature": 0.0, "top_p": 0.5, "seed": 7}),
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
        ({"presence_penalty": 0.1, "frequency_penalty": 0.2}, {"presence_penalty": 0.1, "frequency_penalty": 0.2}),
        ({"logit_bias": {"5": 1}}, {"logit_bias": {"5": 1}}),
        ({"openai_user": "u"}, {"user": "u"}),
        ({"requesty_top_k": 5}, {"top_k": 5}),
        ({"requesty_models": ["a/b"]}, {"models": ["a/b"]}),
        ({"requesty_reasoning_effort": "4096"}, {"reasoning_effort": "4096"}),
        # OpenAI's models take no budget, so they get the effort that it stands for.
        ({"requesty_thinking_budget": 512}, {"reasoning_effort": "low"}),
        ({"extra_body": {"min_p": 0.1}}, {"min_p": 0.1}),
        ({"requesty_auto_cache": False}, {"requesty": {"auto_cache": False}}),
        (
            {"requesty_tags": ["t"], "requesty_user_id": "u", "requesty_trace_id": "x", "requesty_extra": {"k": 1}},
            {"requesty": {"tags": ["t"], "user_id": "u", "trace_id": "x", "extra": {"k": 1}}},
        ),
        ({"cache": True}, {"requesty": {"auto_cache": True}}),
        ({"cache": False}, {}),
        ({"cache": True, "requesty_auto_cache": False}, {"requesty": {"auto_cache": False}}),
    ],
    ids=str,
)
async def test_settings(make: Any, gw: Any, settings: Any, fields: Any) -> None:
    own: RequestyModelSettings = settings
    body = await sent(make, gw, own)
    assert {k: v for k, v in body.items() if k not in ("model", "messages")} == fields


async def test_a_budget_is_sent_to_models_that_take_one(make: Any, gw: Any) -> None:
    own: RequestyModelSettings = {"requesty_thinking_budget": 512}
    body = await sent(make, gw, own, model="anthropic/claude-sonnet-4-5")
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 512}


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [(True, "medium"), (False, "none"), ("minimal", "min"), ("low", "low"), ("high", "high"), ("xhigh", "xhigh")],
)
async def test_thinking_is_reasoning_effort(make: Any, gw: Any, thinking: Any, effort: str) -> None:
    body = await sent(make, gw, {"thinking": thinking}, model="anthropic/claude-sonnet-4-5")
    assert body["reasoning_effort"] == effort


async def test_settings_of_the_model_lie_under_those_of_the_call(provider: Any, gw: Any) -> None:
    model = RequestyModel(
        "openai/gpt-4o-mini",
        provider=provider(options={"tags": ["p"], "user_id": "p"}),
        settings=RequestyModelSettings(requesty_tags=["m"], temperature=0.1),
    )
    settings = RequestyModelSettings(requesty_trace_id="c")
    await model_request(model, [ModelRequest.user_text_prompt("x")], model_settings=settings)
    body = gw.last_request.body
    assert body["requesty"] == {"tags": ["m"], "user_id": "p", "trace_id": "c"}
    assert body["temperature"] == 0.1


async def test_headers(provider: Any, gw: Any) -> None:
    source = provider(app_url="https://app.test", app_title="App", extra_headers={"X-Requesty-Team": "a"})
    settings = RequestyModelSettings(extra_headers={"X-Requesty-Run": "7"})
    await model_request(
        RequestyModel("openai/gpt-4o-mini", provider=source),
        [ModelRequest.user_text_prompt("x")],
        model_settings=settings,
    )
    headers = gw.last_request.headers
    assert headers["authorization"] == f"Bearer {gw.api_key}"
    assert (headers["http-referer"], headers["x-title"]) == ("https://app.test", "App")
    assert (headers["x-requesty-team"], headers["x-requesty-run"]) == ("a", "7")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("by_client", "by_provider", "by_request", "sent"),
    [
        (None, None, None, USER_AGENT),
        ("app/1", None, None, "app/1"),
        ("app/1", "app/2", None, "app/2"),
        ("app/1", "app/2", "app/3", "app/3"),
        (None, None, "app/3", "app/3"),
    ],
)
async def test_the_user_agent_is_the_last_that_somebody_chose(
    provider: Any,
    gw: Any,
    streams: bool,
    by_client: str | None,
    by_provider: str | None,
    by_request: str | None,
    sent: str,
) -> None:
    async with httpx.AsyncClient(headers={"User-Agent": by_client} if by_client else None) as client:
        source = provider(
            http_client=client if by_client else None,
            extra_headers={"user-agent": by_provider} if by_provider else None,
        )
        settings = {"extra_headers": {"user-agent": by_request}} if by_request else {}
        await Ways(streams=streams)(RequestyModel("openai/gpt-4o-mini", provider=source), model_settings=settings)
    assert gw.last_request.headers["user-agent"] == sent


async def test_retries_are_literal(make: Any, gw: Any) -> None:
    gw.fail_next(429, times=9, retry_after=0)
    with pytest.raises(Exception, match="429"):
        await sent(make, gw, {"max_retries": 2})
    assert len(gw.requests) == 3


async def test_timeouts(make: Any, gw: Any) -> None:
    from pydantic_ai.exceptions import ModelTimeoutError

    gw.fault(delay=5.0)
    for timeout in (0.05, httpx2.Timeout(5.0, read=0.05)):
        with pytest.raises(ModelTimeoutError):
            await sent(make, gw, {"timeout": timeout})


async def test_a_prompt_of_many_kinds(make: Any, gw: Any) -> None:
    pdf, png, wav = (BinaryContent(b"x", media_type=t) for t in ("application/pdf", "image/png", "audio/wav"))
    data = base64.b64encode(b"x").decode()
    prompt = [
        "Look",
        CachePoint(),
        png,
        ImageUrl("https://images.test/a.png", vendor_metadata={"detail": "low"}),
        pdf,
        DocumentUrl("https://files.test/a.pdf"),
        wav,
        BinaryContent(b"hi", media_type="text/plain", identifier="note"),
        VideoUrl("https://videos.test/a.mp4"),
        BinaryContent(b"x", media_type="video/webm"),
    ]
    [message] = (await sent(make, gw, prompt=prompt, model="anthropic/claude-sonnet-4-5"))["messages"]
    text, image, linked, file, far, audio, note, video, clip = message["content"]
    assert text == {"type": "text", "text": "Look", "cache_control": {"type": "ephemeral"}}
    assert image["image_url"]["url"] == f"data:image/png;base64,{data}"
    assert linked["image_url"] == {"url": "https://images.test/a.png", "detail": "low"}
    assert file == {
        "type": "input_file",
        "file_data": f"data:application/pdf;base64,{data}",
        "filename": "filename.pdf",
    }
    assert far == {"type": "input_file", "file_data": "https://files.test/a.pdf", "filename": "filename.pdf"}
    assert audio == {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    assert "hi" in note["text"]
    assert video == {
        "type": "input_file",
        "file_data": "https://videos.test/a.mp4",
        "filename": "video.mp4",
        "mime_type": "video/mp4",
    }
    assert (clip["file_data"], clip["filename"]) == (f"data:video/webm;base64,{data}", "video.webm")


@pytest.mark.parametrize(
    ("items", "line"),
    [
        ([CachePoint(), "x"], "messages[0].parts[0].content[0]: CachePoint: there is nothing before it"),
        (
            ["x", BinaryContent(b"x", media_type="audio/ogg")],
            "messages[0].parts[0].content[1]: audio/ogg cannot be sent as audio; give wav or mp3",
        ),
        (
            ["x", BinaryContent(b"\xff", media_type="text/plain")],
            "content[1]: text/plain: the data is not text in UTF-8",
        ),
        (["x", BinaryContent(b"x", media_type="application/x-nothing")], "content[1]: application/x-nothing cannot be"),
        (
            ["x", UploadedFile("file-1", provider_name="openai", media_type="image/png")],
            "messages[0].parts[0].content[1]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_sent_is_said_before(make: Any, gw: Any, items: Any, line: str) -> None:
    with pytest.raises(UserError) as caught:
        await sent(make, gw, prompt=items)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ConfigurationError)
    assert gw.requests == []


async def test_reasoning_goes_back_with_its_signature(make: Any, gw: Any) -> None:
    history = [
        ModelRequest.user_text_prompt("x"),
        ModelResponse(
            [
                ThinkingPart("hm", id="reasoning_content", signature="sig", provider_name="requesty"),
                TextPart("I will."),
                ToolCallPart("f", '{"a":1}', "c"),
            ],
            provider_name="requesty",
        ),
        ModelRequest([ToolReturnPart("f", "done", "c")]),
    ]
    body = await sent(make, gw, history=history, function_tools=[TOOL], model="anthropic/claude-sonnet-4-5")
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "I will.",
        "reasoning_content": "hm",
        "reasoning_signature": "sig",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
    }
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c", "content": "done"}


async def test_reasoning_of_another_provider_goes_as_text_without_its_signature(make: Any, gw: Any) -> None:
    thought = ThinkingPart("hm", signature="theirs", provider_name="anthropic")
    history = [
        ModelRequest.user_text_prompt("x"),
        ModelResponse([thought, TextPart("a")], provider_name="anthropic"),
        ModelRequest.user_text_prompt("y"),
    ]
    body = await sent(make, gw, history=history)
    assert "theirs" not in gw.last_request.raw.decode()
    assert "hm" in str(body["messages"])


async def test_tools_and_choice(make: Any, gw: Any) -> None:
    body = await sent(make, gw, function_tools=[TOOL])
    assert body["tools"][0]["function"]["name"] == "f"
    assert body["tool_choice"] == "auto"
    tools = [TOOL, ToolDefinition(name="g", parameters_json_schema={"type": "object", "properties": {}})]
    body = await sent(make, gw, {"tool_choice": ["f"], "parallel_tool_calls": False}, function_tools=tools)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["parallel_tool_calls"] is False
    body = await sent(make, gw, {"parallel_tool_calls": False})
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()


async def test_web_search_is_a_tool_of_the_gateway(make: Any, gw: Any) -> None:
    model = make("openai-responses/gpt-4.1", profile={"openai_chat_supports_web_search": True})
    parameters = ModelRequestParameters(native_tools=[WebSearchTool()])
    gw.say(text="It rained.")
    await model_request(model, [ModelRequest.user_text_prompt("x")], model_request_parameters=parameters)
    assert gw.last_request.body["tools"] == [{"type": "web_search"}]


async def test_tool_retry_reaches_the_model(make: Any, gw: Any) -> None:
    agent = Agent(make())
    tries: list[str] = []

    @agent.tool_plain
    def weather(city: str) -> str:
        tries.append(city)
        if len(tries) == 1:
            raise ModelRetry("Name a larger city.")
        return "sunny"

    call = {"name": "weather", "arguments": '{"city":"Ulm"}', "id": "c"}
    gw.say(tool_calls=[call])
    gw.say(tool_calls=[{**call, "id": "d"}])
    gw.say(text="Sunny.")
    assert (await agent.run("The weather?")).output == "Sunny."
    assert "Name a larger city." in gw.requests[1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"model_name": ""}, "model"),
        ({"model_name": 5}, "model"),
        ({"model_name": "a/b", "fallbacks": "c/d"}, "fallbacks"),
        ({"model_name": "a/b", "fallbacks": [{"name": "c/d"}]}, "fallbacks"),
        ({"model_name": "a/b", "provider": "openai"}, "provider"),
    ],
    ids=str,
)
def test_unusable_settings_are_one_clear_line(settings: Any, word: str) -> None:
    with pytest.raises(UserError) as caught:
        RequestyModel(**settings)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"base_url": "ftp://x"}, "base_url"), ({"region": "mars"}, "region"), ({"max_retries": -1}, "max_retries")],
    ids=str,
)
def test_unusable_settings_of_the_provider(settings: Any, word: str) -> None:
    with pytest.raises(UserError, match=word):
        RequestyProvider(api_key="k", **settings)


async def test_a_missing_key_is_said_by_the_first_request(monkeypatch: pytest.MonkeyPatch, gw: Any) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    model = RequestyModel("openai/gpt-4o-mini", provider=RequestyProvider(base_url=gw.base_url))
    with pytest.raises(UserError, match="REQUESTY_API_KEY"):
        await model_request(model, [ModelRequest.user_text_prompt("x")])
    assert gw.requests == []


async def test_steps_keep_their_own_settings(make: Any, gw: Any) -> None:
    gw.fail_next(503, times=2, model="openai/gpt-4o-mini", retry_after=0)
    model = make(fallbacks=[Step("anthropic/claude-sonnet-4-5", retries=1)])
    response = await model_request(model, [ModelRequest.user_text_prompt("x")])
    assert [request.model for request in gw.requests] == ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"]
    assert response.provider_details["requested_model"] == "anthropic/claude-sonnet-4-5"
