"""What a later model of a chain is sent is what it would be sent alone; profiles are those of the model itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from tests.support.bodies import completion

from pydantic_ai_requesty import RequestyFallbackModel, RequestyModel, RequestyModels, RequestyProvider

GPT5, MINI, SONNET = "openai/gpt-5", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"
GEMINI, NEW, POLICY = "google/gemini-2.5-pro", "openai/gpt-5.6", "policy/mine"
MODELS = [GPT5, MINI, SONNET, GEMINI, NEW, POLICY]


class City(BaseModel):
    """A city."""

    name: str


class Gateway(httpx.AsyncBaseTransport):
    """Fails the models named, answers for the others in the way they were asked, and keeps what each was sent."""

    def __init__(self, *down: str) -> None:
        self.down = down
        self.sent: dict[str, dict[str, Any]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.sent[body["model"]] = body
        if body["model"] in self.down:
            return httpx.Response(503, json={"error": {"message": "down"}})
        names = [tool["function"]["name"] for tool in body.get("tools", ())]
        if "final_result" in names:
            call = {"name": "final_result", "arguments": '{"name": "Oslo"}'}
            message = {"content": None, "tool_calls": [{"id": "c", "type": "function", "function": call}]}
            return httpx.Response(200, json=completion(message, finish="tool_calls"))
        return httpx.Response(200, json=completion({"content": '{"name": "Oslo"}'}))


def asked(models: list[str], down: tuple[str, ...], settings: Any, output: Any) -> tuple[dict[str, Any], Any]:
    """What the last of the models was sent, and the run's output."""
    gateway = Gateway(*down)
    provider = RequestyProvider(api_key="k", max_retries=0, http_client=gateway)
    model = (
        RequestyFallbackModel(*models, provider=provider)
        if len(models) > 1
        else RequestyModel(models[0], provider=provider)
    )
    agent: Agent[None, Any] = Agent(model, output_type=output)

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    result = asyncio.run(agent.run("Oslo", model_settings=settings))
    return gateway.sent[models[-1]], result.output


SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sampling": {"temperature": 0.2, "top_p": 0.9, "max_tokens": 500},
    "thinking": {"thinking": "high", "max_tokens": 500},
    "no thinking": {"thinking": False},
    "parallel": {"parallel_tool_calls": False},
}
OUTPUTS: dict[str, Any] = {"text": str, "auto": City, "tool": ToolOutput(City), "prompted": PromptedOutput(City)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_candidate_is_asked_as_it_is_asked_alone(settings: dict[str, Any], output: Any) -> None:
    for second in MODELS:
        alone, expected = asked([second], (), settings, output)
        for first in MODELS:
            if first != second:
                chained, result = asked([first, second], (first,), settings, output)
                # What the caller set and the model is known to refuse is left out only in a chain.
                left_out = alone.keys() - chained.keys()
                assert left_out <= {"temperature", "top_p", "max_tokens", "reasoning_effort", "parallel_tool_calls"}
                assert chained == {k: v for k, v in alone.items() if k not in left_out} | {
                    k: chained[k] for k in chained.keys() & {"max_completion_tokens"}
                }, (first, second)
                assert result == expected


@pytest.mark.filterwarnings("ignore")
def test_the_first_model_is_asked_as_it_is_alone() -> None:
    for first in MODELS:
        alone, _ = asked([first], (), {"thinking": "high"}, City)
        gateway = Gateway()
        provider = RequestyProvider(api_key="k", http_client=gateway)
        chain = RequestyFallbackModel(first, *(m for m in MODELS if m != first), provider=provider)
        agent = Agent(chain, output_type=City)
        agent.run_sync("Oslo", model_settings={"thinking": "high"})
        without_tools = {k: v for k, v in alone.items() if k not in ("tools", "tool_choice")}
        assert without_tools.items() <= gateway.sent[first].items()


OF_THE_HOST = {
    "context_window",
    "supports_image_output",
    "openai_chat_supports_web_search",
    "supported_native_tools",
}
"""What differs between the hosts of a model."""

SAME = [
    ("anthropic/claude-sonnet-4-5", "bedrock/claude-sonnet-4-5@eu-central-1", "vertex/anthropic/claude-sonnet-4-5"),
    ("google/gemini-2.5-pro", "vertex/gemini-2.5-pro@europe-west4", "Google/Gemini-2.5-Pro"),
    ("openai/gpt-5", "azure/gpt-5@swedencentral", "openai/gpt-5:high"),
]


@pytest.mark.parametrize("ids", SAME, ids=[ids[0] for ids in SAME])
def test_one_model_has_one_profile_wherever_it_runs(ids: tuple[str, ...]) -> None:
    first, *others = [RequestyModel(name, provider=RequestyProvider(api_key="k")).profile for name in ids]
    for other in others:
        assert {k: v for k, v in other.items() if k not in OF_THE_HOST} == {
            k: v for k, v in first.items() if k not in OF_THE_HOST
        }


@pytest.mark.parametrize(
    ("model", "form"),
    [(MINI, "response_format"), (SONNET, "response_format"), (POLICY, "tools"), ("acme/unheard-of", "tools")],
)
def test_structured_output_takes_the_form_that_the_model_is_known_to_take(model: str, form: str) -> None:
    gateway = Gateway()
    requesty = RequestyModel(model, provider=RequestyProvider(api_key="k", http_client=gateway))
    assert Agent(requesty, output_type=City).run_sync("Oslo").output == City(name="Oslo")
    assert {"response_format", "tools"} & gateway.sent[model].keys() == {form}


def test_native_output_that_a_later_model_cannot_give_is_refused_before_anything_is_sent() -> None:
    gateway = Gateway()
    provider = RequestyProvider(api_key="k", http_client=gateway)
    agent = Agent(RequestyFallbackModel(MINI, POLICY, provider=provider), output_type=NativeOutput(City))
    with pytest.raises(Exception, match="Native structured output is not supported"):
        agent.run_sync("Oslo")
    assert gateway.sent == {}


def test_a_refused_tool_choice_is_left_out_and_the_agent_goes_on() -> None:
    class Refusing(Gateway):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "tool_choice" in json.loads(request.content):
                error = {"message": "tool_choice is not supported with this model", "param": "tool_choice"}
                return httpx.Response(400, json={"error": error})
            return await super().handle_async_request(request)

    requesty = RequestyModel("acme/new", provider=RequestyProvider(api_key="k", http_client=Refusing(), max_retries=0))
    result = Agent(requesty, output_type=City).run_sync("Oslo")
    assert result.output == City(name="Oslo")
    assert [a["status"] for a in result.response.provider_details["attempts"]] == [400, 200]  # type: ignore[index]


@pytest.mark.parametrize("entry", ["RequestyModels", {"RequestyModels": {"fallbacks": ["openai/gpt-4o"]}}])
def test_an_agent_spec_takes_the_gateways_ids(
    entry: Any, requesty_gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTY_BASE_URL", requesty_gateway.base_url)
    monkeypatch.setenv("REQUESTY_API_KEY", requesty_gateway.api_key)
    spec = {"model": "requesty:openai/gpt-4o-mini", "capabilities": [entry]}
    agent = Agent.from_spec(spec, custom_capability_types=[RequestyModels])
    if isinstance(entry, dict):
        requesty_gateway.fault(model="openai/gpt-4o-mini", status=503)
    assert agent.run_sync("Hello").output
    assert requesty_gateway.last_request.model == ("openai/gpt-4o" if isinstance(entry, dict) else "openai/gpt-4o-mini")
