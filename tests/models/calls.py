"""The four things that every user asks of a model, as users of each framework write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from haystack.dataclasses import ChatMessage as HaystackMessage
from haystack.tools import Tool
from llama_index.core.llms import ChatMessage as LlamaMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel
from pydantic_ai import Agent

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from langchain_requesty import ChatRequesty
from llama_index.llms.requesty import Requesty
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import RequestyClient

PROMPT = "What is the weather in Oslo?"
NAMING = "Name the city: Oslo"
WIRE = [{"role": "user", "content": PROMPT}]
EFFORT = "low"


class City(BaseModel):
    """A city."""

    name: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


SCHEMA = City.model_json_schema()
FUNCTION = {
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS: list[Any] = [{"type": "function", "function": FUNCTION}]

Call = Callable[[str, dict[str, Any]], Any]
"""Asks a model (and, by ``fallbacks`` among the settings, a chain) and returns something that is true."""


def core(model: str, more: dict[str, Any], **params: Any) -> Any:
    return RequestyClient(max_retries=0, **more).chat(model=model, messages=WIRE, **params).attempts


def sdk(model: str, more: dict[str, Any], **params: Any) -> Any:
    client = RequestyOpenAI(max_retries=0, **more)
    return client.chat.completions.create(model=model, messages=WIRE, **params).choices  # type: ignore[call-overload]


def langchain(model: str, more: dict[str, Any], *, tools: bool = False, schema: bool = False, **params: Any) -> Any:
    chat = ChatRequesty(model=model, max_retries=0, **more, **params)
    if schema:
        return chat.with_structured_output(City).invoke(NAMING)
    return (chat.bind_tools([weather]) if tools else chat).invoke(PROMPT)


def llama_index(model: str, more: dict[str, Any], *, tools: bool = False, schema: bool = False, **params: Any) -> Any:
    llm = Requesty(model, max_retries=0, **more, **params)
    if schema:
        return llm.structured_predict(City, PromptTemplate(NAMING))
    if tools:
        return llm.chat_with_tools([FunctionTool.from_defaults(weather)], user_msg=PROMPT)
    return llm.chat([LlamaMessage(content=PROMPT)])


def haystack(model: str, more: dict[str, Any], *, tools: bool = False, schema: bool = False, **params: Any) -> Any:
    tool = Tool(name="weather", description="The weather.", parameters=FUNCTION["parameters"], function=weather)  # type: ignore[arg-type]
    wanted = {**params, "response_format": City} if schema else params
    generator = RequestyChatGenerator(
        model=model, max_retries=0, generation_kwargs=wanted, tools=[tool] if tools else None, **more
    )
    return generator.run([HaystackMessage.from_user(NAMING if schema else PROMPT)])["replies"]


def pydantic_ai(
    model: str,
    more: dict[str, Any],
    *,
    tools: bool = False,
    schema: bool = False,
    reasoning_effort: str | None = None,
    **params: Any,
) -> Any:
    requesty = RequestyModel(model, provider=RequestyProvider(max_retries=0), **more)
    settings: Any = {**params, "requesty_reasoning_effort": reasoning_effort} if reasoning_effort else {**params}
    output: Any = City if schema else str
    agent: Any = Agent(requesty, output_type=output, tools=[weather] if tools else [])
    return agent.run_sync(NAMING if schema else PROMPT, model_settings=settings).output


FORMAT = {"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}}
WIRE_CALLS: dict[str, dict[str, Any]] = {
    "chat": {},
    "tools": {"tools": TOOLS},
    "schema": {"response_format": FORMAT},
    "effort": {"reasoning_effort": EFFORT},
}
OWN_CALLS: dict[str, dict[str, Any]] = {
    "chat": {},
    "tools": {"tools": True},
    "schema": {"schema": True},
    "effort": {"reasoning_effort": EFFORT},
    "schema and effort": {"schema": True, "reasoning_effort": EFFORT},
}
LIMIT = {"max_tokens": 5000}
BUDGET = {"type": "enabled", "budget_tokens": 2000}
ADAPTERS: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {
    "core": (core, WIRE_CALLS),
    "openai": (sdk, WIRE_CALLS),
    "haystack": (haystack, OWN_CALLS),
    "langchain": (langchain, {**OWN_CALLS, "limit": LIMIT, "budget": {**LIMIT, "thinking": BUDGET}}),
    "llama_index": (llama_index, {**OWN_CALLS, "limit": LIMIT}),
    "pydantic_ai": (
        pydantic_ai,
        {
            **OWN_CALLS,
            "limit": LIMIT,
            "budget": {**LIMIT, "requesty_thinking_budget": 2000},
            "thinking": {"thinking": "low", "tools": True},
            "no thinking": {"thinking": False},
        },
    ),
}
