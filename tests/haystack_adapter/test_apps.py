"""Agents and pipelines, and their saved form read by a fresh process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.writers import DocumentWriter
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import Tool, Toolset, create_tool_from_function

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyFallbackChatGenerator

A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


TOOL = Tool(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    function=weather,
)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("chained", [False, True], ids=["one model", "a chain"])
def test_an_agents_cost_is_the_bill(make: Any, gw: Any, is_async: bool, streams: bool, chained: bool) -> None:
    generator = make()
    if chained:
        settings = {"api_base_url": gw.base_url, "max_retries": 0}
        generator = RequestyFallbackChatGenerator(models=[A, B], generator_kwargs=settings)
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c"}])
    gw.say(text="Sunny.")
    agent = Agent(chat_generator=generator, tools=[create_tool_from_function(weather)])
    pieces: list[str] = []
    arguments: dict[str, Any] = {"messages": [ChatMessage.from_user("Weather of Oslo?")]}
    if streams and is_async:

        async def take(chunk: Any) -> None:
            pieces.append(chunk.content)

        arguments["streaming_callback"] = take
    elif streams:
        arguments["streaming_callback"] = lambda chunk: pieces.append(chunk.content)
    result = asyncio.run(agent.run_async(**arguments)) if is_async else agent.run(**arguments)
    assert result["last_message"].text == "Sunny."
    assert len(gw.requests) == 2
    assert result["token_usage"]["cost"] == pytest.approx(float(gw.billed), rel=1e-12)
    assert result["token_usage"]["prompt_tokens"] == sum(r.usage["prompt_tokens"] for r in gw.requests)
    assert gw.last_request.body["messages"][-1]["content"] == "sunny in Oslo"
    assert ("Sunny." in "".join(pieces)) is streams


def test_rag(make: Any, gw: Any) -> None:
    store = InMemoryDocumentStore()
    embedder = RequestyDocumentEmbedder(
        model="openai/text-embedding-3-small", api_base_url=gw.base_url, progress_bar=False
    )
    index = Pipeline()
    index.add_component("embed", embedder)
    index.add_component("write", DocumentWriter(store))
    index.connect("embed.documents", "write.documents")
    index.run({"embed": {"documents": [Document(content="The lighthouse opens at nine."), Document(content="Fish.")]}})
    assert store.count_documents() == 2
    query = RequestyTextEmbedder(model="openai/text-embedding-3-small", api_base_url=gw.base_url)
    vector = query.run("When does the lighthouse open?")["embedding"]
    best, *_ = store.embedding_retrieval(vector, top_k=1)
    assert best.content == "The lighthouse opens at nine."
    pipeline = Pipeline()
    template = [ChatMessage.from_user("{{ text }} When does the lighthouse open?")]
    pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables=["text"]))
    pipeline.add_component("llm", make())
    pipeline.connect("prompt.prompt", "llm.messages")
    result = pipeline.run({"prompt": {"text": best.content}})
    assert "nine" in result["llm"]["replies"][0].text


def saved_pipeline(make: Any, gw: Any, tools: list[Tool]) -> str:
    pipeline = Pipeline()
    toolset = Toolset(tools)
    settings = {"api_base_url": gw.base_url, "tools": tools}
    pipeline.add_component("llm", make(tools=toolset, generation_kwargs={"temperature": 0.1}, options={"tags": ["t"]}))
    pipeline.add_component(
        "chain", RequestyFallbackChatGenerator(models=[A, {"model": B, "retries": 1}], generator_kwargs=settings)
    )
    pipeline.add_component("agent", Agent(chat_generator=make(), tools=toolset))
    embedder = {"model": "openai/text-embedding-3-small", "api_base_url": gw.base_url}
    pipeline.add_component("text", RequestyTextEmbedder(**embedder))
    pipeline.add_component("documents", RequestyDocumentEmbedder(**embedder, progress_bar=False))
    return str(pipeline.dumps())


SCRIPT = """
import sys
from haystack import Document, Pipeline
from haystack.dataclasses import ChatMessage

text = sys.stdin.read()
pipeline = Pipeline.loads(text, **({"allowed_modules": sys.argv[1:]} if sys.argv[1:] else {}))
assert pipeline.dumps() == text
user = [ChatMessage.from_user("Hello")]
result = pipeline.run(
    {
        "llm": {"messages": user, "tools": []},
        "chain": {"messages": user},
        "agent": {"messages": user},
        "text": {"text": "Hello"},
        "documents": {"documents": [Document(content="Hello")]},
    }
)
print(sorted(result))
"""


@pytest.mark.parametrize("tools", [[], [TOOL]], ids=["default allowlist", "own tools allowed"])
def test_yaml_is_read_by_a_fresh_process(make: Any, gw: Any, tmp_path: Any, tools: list[Tool]) -> None:
    text = saved_pipeline(make, gw, tools)
    assert gw.api_key not in text
    # The function of a tool is named by its module, which a fresh process must be able to import and told to trust.
    (tmp_path / "house_tools.py").write_text('def weather(city: str) -> str:\n    return f"sunny in {city}"\n')
    text = text.replace(f"{weather.__module__}.weather", "house_tools.weather")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *(["house_tools.weather", "house_tools"] if tools else [])],
        input=text,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "['agent', 'chain', 'documents', 'llm', 'text']"


def test_an_abandoned_pipeline_stream_frees_the_connection(make: Any, gw: Any) -> None:
    gw.say(text="x " * 400, pieces=["x "] * 400)
    gw.fault(chunk_delay=0.02)
    pipeline = Pipeline()
    pipeline.add_component("llm", make())

    async def leave() -> int:
        seen = 0
        async for chunk in pipeline.stream({"llm": {"messages": [ChatMessage.from_user("x")]}}):
            seen += bool(chunk.content)
            if seen == 3:
                break
        return seen

    assert asyncio.run(leave()) == 3
    assert gw.wait_idle()
    assert gw.last_request.disconnected


def test_a_cancelled_run_frees_the_connection(make: Any, gw: Any) -> None:
    gw.say(text="x " * 400, pieces=["x "] * 400)
    gw.fault(chunk_delay=0.02)

    async def leave() -> int:
        seen = 0
        started = asyncio.Event()

        async def take(chunk: Any) -> None:
            nonlocal seen
            seen += 1
            started.set()

        pipeline = Pipeline()
        pipeline.add_component("llm", make())
        messages = [ChatMessage.from_user("x")]
        task = asyncio.create_task(pipeline.run_async({"llm": {"messages": messages, "streaming_callback": take}}))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seen

    assert asyncio.run(leave()) < 400
    assert gw.wait_idle()
