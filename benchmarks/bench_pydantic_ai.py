"""RequestyModel against OpenAIChatModel on the same gateway, as ratios from one run; conditions as in ``quick``.

Run: ``python benchmarks/bench_pydantic_ai.py``. The ratio is ours to OpenAIChatModel's; the last lines are ours to
``httpx`` and the ``json`` module by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
from pydantic_ai import Agent, Embedder
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition

from pydantic_ai_requesty import RequestyEmbeddingModel, RequestyModel, RequestyProvider
from quick import KEY, compare, floor_astream, floor_chat, server

PROMPT = "From how far away can the light be seen?"
SHORT: list[ModelMessage] = [ModelRequest.user_text_prompt(PROMPT)]
LONG: list[ModelMessage] = [
    turn
    for number in range(25)
    for turn in (
        ModelRequest.user_text_prompt(f"Question {number}? " * 20),
        ModelResponse([TextPart(f"Answer {number}. " * 40)]),
    )
]
LONG.append(ModelRequest.user_text_prompt(PROMPT))
FIELDS = {
    "type": "object",
    "properties": {f"field_{n}": {"type": "string", "description": "What to write there."} for n in range(6)},
    "required": ["field_0"],
}
TOOLS = ModelRequestParameters(
    function_tools=[ToolDefinition(name=f"tool_{n}", parameters_json_schema=FIELDS) for n in range(10)]
)
WRITE = ModelRequestParameters(
    function_tools=[ToolDefinition(name="write", parameters_json_schema={"type": "object", "properties": {}})]
)


async def stream(model: Model, parameters: ModelRequestParameters | None = None) -> None:
    """Read a stream of the direct API to its end."""
    async with model_request_stream(model, SHORT, model_request_parameters=parameters) as events:
        async for _ in events:
            pass


async def agent_stream(model: Model) -> None:
    """Read a stream of an agent run to its end."""
    async with Agent(model).run_stream(PROMPT) as result:
        async for _ in result.stream_text(delta=True, debounce_by=None):
            pass


async def requests(model: Model, messages: list[ModelMessage], parameters: ModelRequestParameters, times: int) -> None:
    """Complete answers, one after the other."""
    for _ in range(times):
        await model_request(model, messages, model_request_parameters=parameters)


def main() -> None:
    """Print the table."""
    loop = asyncio.new_event_loop()

    def on_loop(make: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], object]:
        return lambda: loop.run_until_complete(make())

    print(f"{'':42}{'OpenAI':>10}{'ours':>10}   {'ratio':>8}")
    with server() as url:
        sdk, source = OpenAIProvider(base_url=url, api_key=KEY), RequestyProvider(base_url=url, api_key=KEY)

        def pair(name: str) -> tuple[Model, Model]:
            return OpenAIChatModel(name, provider=sdk), RequestyModel(name, provider=source)

        def row(
            title: str, per: int, models: tuple[Any, Any], call: Callable[[Any], Coroutine[Any, Any, object]]
        ) -> None:
            theirs, ours = models
            compare(title, "us", per, on_loop(lambda: call(theirs)), on_loop(lambda: call(ours)), "")

        for title, name, parameters in (
            ("stream of 2000, bulk, per chunk", "bench/stream-2000", None),
            ("tool arguments of 2000, per chunk", "bench/tool-2000", WRITE),
        ):
            row(title, 2000, pair(name), lambda model, p=parameters: stream(model, p))
        row("Agent.run_stream of 2000, per chunk", 2000, pair("bench/stream-2000"), agent_stream)
        unary = pair("bench/unary")
        row("request, small", 50, unary, lambda model: requests(model, SHORT, ModelRequestParameters(), 50))
        row("request, 25 turns and 10 tools", 10, unary, lambda model: requests(model, LONG, TOOLS, 10))
        for name in ("base64", "floats"):
            embedders = (
                Embedder(OpenAIEmbeddingModel(f"bench/{name}", provider=sdk)),
                Embedder(RequestyEmbeddingModel(f"bench/{name}", provider=source)),
            )
            row(f"embeddings, 100 as {name}", 1, embedders, lambda embedder: embedder.embed_documents(["x"] * 100))

        print(f"\n{'':42}{'by hand':>10}{'ours':>10}   {'ratio':>8}")
        _, ours = pair("bench/stream-2000")
        by_hand, sync = httpx.AsyncClient(), httpx.Client()
        floor = on_loop(lambda: floor_astream(by_hand, url, "bench/stream-2000"))
        compare("stream of 2000, bulk, per chunk", "us", 2000, floor, on_loop(lambda: stream(ours)), "< 2.2")
        compare(
            "request, small",
            "us",
            50,
            lambda: [floor_chat(sync, url) for _ in range(50)],
            on_loop(lambda: requests(unary[1], SHORT, ModelRequestParameters(), 50)),
            "",
        )
        loop.run_until_complete(by_hand.aclose())
        sync.close()
    loop.close()


if __name__ == "__main__":
    main()
