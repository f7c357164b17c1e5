"""Classes of every kind as structured answers, and tools of every name, through every adapter, on strict models."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool as HaystackTool
from haystack.utils import Secret
from langchain_core.tools import StructuredTool
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic_ai import Agent, NativeOutput, Tool, ToolOutput

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from langchain_requesty import ChatRequesty
from llama_index.llms.requesty import Requesty
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
PROMPT = "Give me one."
T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Keywords(BaseModel):
    """Properties that are called like keywords of schemas."""

    model_config = ConfigDict(populate_by_name=True)
    default: int
    properties: dict[str, int] | None = None
    items: list[str]
    required: bool
    enum: str
    const: str = "x"
    type: str
    ref: str = Field(alias="$ref")
    defs: str = Field("d", alias="$defs")
    anyOf: int = 3
    additionalProperties: str = "a"


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class Left(BaseModel):
    other: Right | None = None


class Right(BaseModel):
    back: Left | None = None
    name: str


class A(BaseModel):
    kind: Literal["a"]
    x: int


class B(BaseModel):
    kind: Literal["b"]
    y: str


class Union(BaseModel):
    it: Annotated[A | B, Field(discriminator="kind")]
    free: int | str | list[int] | A | None


class Free(BaseModel):
    anything: dict[str, Any]
    nested: dict[str, list[dict[str, A]]]


class Optional(BaseModel):
    a: int | None = None
    b: A | None = None
    c: Literal["x", None] = None
    d: list[int | None] = Field(default_factory=list)
    e: Color = Color.RED
    f: Annotated[int, Field(ge=1, le=5)] = 2


class Page(BaseModel, Generic[T]):
    item: T
    rest: list[T]


class Many(RootModel[list[A]]):
    pass


class Forbids(BaseModel):
    model_config = ConfigDict(extra="forbid")
    z: int


class Allows(BaseModel):
    model_config = ConfigDict(extra="allow")
    z: int


class Nothing(BaseModel):
    pass


class Limits(BaseModel):
    x: Annotated[str, Field(min_length=2, max_length=5, pattern="^[a-z]+$")]
    y: Annotated[list[int], Field(min_length=1, max_length=3)]


CLASSES: list[type[BaseModel]] = [
    *(Keywords, Tree, Left, Union, Free, Optional, Page[A], Page[int], Many, Forbids, Allows, Nothing, Limits),
]


@dataclass(frozen=True)
class Adapters:
    """Models of every adapter on one gateway."""

    key: str
    url: str

    def langchain(self, **more: Any) -> ChatRequesty:
        return ChatRequesty(model=MODEL, api_key=self.key, base_url=self.url, max_retries=0, **more)

    def llama_index(self, **more: Any) -> Requesty:
        return Requesty(MODEL, api_key=self.key, api_base=self.url, max_retries=0, **more)

    def haystack(self, **more: Any) -> RequestyChatGenerator:
        key = Secret.from_token(self.key)
        return RequestyChatGenerator(api_key=key, model=MODEL, api_base_url=self.url, max_retries=0, **more)

    def openai(self) -> RequestyOpenAI:
        return RequestyOpenAI(api_key=self.key, base_url=self.url, max_retries=0)

    def pydantic_ai(self) -> RequestyModel:
        return RequestyModel(MODEL, provider=RequestyProvider(api_key=self.key, base_url=self.url, max_retries=0))


@pytest.fixture(scope="module")
def adapters() -> Iterator[Adapters]:
    with GatewayEmulator() as gateway:
        yield Adapters(gateway.api_key, gateway.base_url)


def in_langchain(adapters: Adapters, cls: Any, method: Any, *, stream: bool = False) -> Any:
    chain = adapters.langchain().with_structured_output(cls, method=method)
    return [*chain.stream(PROMPT)][-1] if stream else chain.invoke(PROMPT)


def in_llama_index(adapters: Adapters, cls: Any, mode: str, *, stream: bool = False) -> Any:
    llm, prompt = adapters.llama_index(structured_output=mode), PromptTemplate(PROMPT)
    if stream:
        return [*llm.stream_structured_predict(cls, prompt)][-1]
    return llm.structured_predict(cls, prompt)


def in_haystack(adapters: Adapters, cls: Any) -> Any:
    generator = adapters.haystack(generation_kwargs={"response_format": cls})
    return cls.model_validate_json(generator.run([ChatMessage.from_user(PROMPT)])["replies"][0].text)


def in_openai(adapters: Adapters, cls: Any) -> Any:
    messages: Any = [{"role": "user", "content": PROMPT}]
    parsed = adapters.openai().chat.completions.parse(model=MODEL, messages=messages, response_format=cls)
    return parsed.choices[0].message.parsed


def in_openai_responses(adapters: Adapters, cls: Any) -> Any:
    return adapters.openai().responses.parse(model=MODEL, input=PROMPT, text_format=cls).output_parsed


def in_pydantic_ai(adapters: Adapters, cls: Any, form: Any) -> Any:
    if cls is Many:
        pytest.skip("Pydantic AI takes no class whose root is no object")
    return Agent(adapters.pydantic_ai(), output_type=form(cls)).run_sync(PROMPT).output


WAYS: dict[str, Callable[[Adapters, Any], Any]] = {
    "langchain schema": lambda adapters, cls: in_langchain(adapters, cls, "json_schema"),
    "langchain tool": lambda adapters, cls: in_langchain(adapters, cls, "function_calling"),
    "langchain stream": lambda adapters, cls: in_langchain(adapters, cls, "json_schema", stream=True),
    "langchain tool stream": lambda adapters, cls: in_langchain(adapters, cls, "function_calling", stream=True),
    "llama_index schema": lambda adapters, cls: in_llama_index(adapters, cls, "json_schema"),
    "llama_index tool": lambda adapters, cls: in_llama_index(adapters, cls, "tools"),
    "llama_index stream": lambda adapters, cls: in_llama_index(adapters, cls, "json_schema", stream=True),
    "llama_index tool stream": lambda adapters, cls: in_llama_index(adapters, cls, "tools", stream=True),
    "haystack": in_haystack,
    "openai": in_openai,
    "openai responses": in_openai_responses,
    "pydantic_ai": lambda adapters, cls: in_pydantic_ai(adapters, cls, lambda one: one),
    "pydantic_ai schema": lambda adapters, cls: in_pydantic_ai(adapters, cls, NativeOutput),
    "pydantic_ai tool": lambda adapters, cls: in_pydantic_ai(adapters, cls, ToolOutput),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_answer_of_the_class(adapters: Adapters, cls: type[BaseModel], way: str) -> None:
    answer = WAYS[way](adapters, cls)
    assert type(answer) is cls
    # What came fits the class by the class's own check, whole.
    assert cls.model_validate_json(answer.model_dump_json(by_alias=True)) == answer


# --- names of tools ---------------------------------------------------------------------------------------------------

NAMES = ["my tool", "a.b", "größe", "Page[A]", "x" * 80, "weather"]
ASK = "The weather of the city Oslo?"


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def langchain_calls(adapters: Adapters, name: str) -> list[tuple[str, Any]]:
    bound = adapters.langchain().bind_tools([StructuredTool.from_function(weather, name=name)])
    return [(call["name"], call["args"]) for call in bound.invoke(ASK).tool_calls]


def llama_index_calls(adapters: Adapters, name: str) -> list[tuple[str, Any]]:
    llm = adapters.llama_index()
    response = llm.chat_with_tools([FunctionTool.from_defaults(weather, name=name)], user_msg=ASK)
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response)]


def haystack_calls(adapters: Adapters, name: str) -> list[tuple[str, Any]]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = HaystackTool(name=name, description="The weather of a city.", parameters=parameters, function=weather)
    (reply,) = adapters.haystack(tools=[tool]).run([ChatMessage.from_user(ASK)])["replies"]
    return [(call.tool_name, call.arguments) for call in reply.tool_calls]


def pydantic_ai_calls(adapters: Adapters, name: str, *, stream: bool = False) -> list[tuple[str, Any]]:
    agent = Agent(adapters.pydantic_ai(), tools=[Tool(weather, name=name, takes_ctx=False)])
    if stream:
        result: Any = agent.run_stream_sync(ASK)
        result.get_output()
    else:
        result = agent.run_sync(ASK)
    parts = [part for message in result.all_messages() for part in message.parts if part.part_kind == "tool-call"]
    return [(part.tool_name, json.loads(part.args_as_json_str())) for part in parts]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "calls",
    [
        langchain_calls,
        llama_index_calls,
        haystack_calls,
        pydantic_ai_calls,
        lambda adapters, name: pydantic_ai_calls(adapters, name, stream=True),
    ],
    ids=["langchain", "llama_index", "haystack", "pydantic_ai", "pydantic_ai stream"],
)
def test_a_tool_of_any_name_is_called_by_it(
    adapters: Adapters, name: str, calls: Callable[[Adapters, str], list[tuple[str, Any]]]
) -> None:
    assert calls(adapters, name) == [(name, {"city": "Oslo"})]
