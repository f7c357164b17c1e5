"""The classes of Haystack's tutorials, once with Haystack's OpenAI components and once with ours: the same outcome.

Only the class is exchanged; both ask the emulated gateway, which is told nothing of what to answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from haystack import Document, Pipeline, SuperComponent, component
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder, PromptBuilder
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.evaluators import ContextRelevanceEvaluator, FaithfulnessEvaluator, LLMEvaluator
from haystack.components.extractors import LLMMetadataExtractor
from haystack.components.generators.chat import LLM, FallbackChatGenerator, OpenAIChatGenerator
from haystack.components.query import QueryExpander
from haystack.components.rankers import LLMRanker
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.components.routers import ConditionalRouter, LLMMessagesRouter
from haystack.components.writers import DocumentWriter
from haystack.core.errors import BreakpointException
from haystack.core.pipeline.breakpoint import load_pipeline_snapshot
from haystack.dataclasses import ChatMessage
from haystack.dataclasses.breakpoints import Breakpoint
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.hooks.human_in_the_loop import (
    AlwaysAskPolicy,
    BlockingConfirmationStrategy,
    ConfirmationHook,
    ConfirmationUIResult,
)
from haystack.tools import AgentTool, ComponentTool, PipelineTool, SearchableToolset, create_tool_from_function
from haystack.utils import Secret

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator, RequestyFallbackChatGenerator

MODEL, EMBEDDER = "openai/gpt-4o-mini", "openai/text-embedding-3-small"
JSON = {"response_format": {"type": "json_object"}, "seed": 42}
TEXTS = [
    "The lighthouse of Skerry Point opens at nine.",
    "The ferry to the island leaves from the north pier.",
    "Fresh fish is sold at the harbour on Fridays.",
]


@dataclass(frozen=True)
class Kit:
    """One set of classes, bound to the gateway."""

    chat: Callable[..., Any]
    text_embedder: Callable[..., Any]
    document_embedder: Callable[..., Any]
    chain: Callable[[list[Any]], Any]


def kit_of(gw: Any, *classes: Any) -> Kit:
    there = {"api_base_url": gw.base_url, "api_key": Secret.from_env_var("REQUESTY_API_KEY")}
    chat, text, documents, chain = classes

    def generator(**settings: Any) -> Any:
        return chat(**{"model": MODEL, **there, **settings})

    return Kit(
        generator,
        lambda: text(model=EMBEDDER, **there),
        lambda: documents(model=EMBEDDER, progress_bar=False, **there),
        chain,
    )


def asked(text: str) -> list[ChatMessage]:
    return [ChatMessage.from_user(text)]


def rag(kit: Kit) -> Any:
    store = InMemoryDocumentStore()
    index = Pipeline()
    index.add_component("embed", kit.document_embedder())
    index.add_component("write", DocumentWriter(store))
    index.connect("embed.documents", "write.documents")
    index.run({"embed": {"documents": [Document(content=text) for text in TEXTS]}})
    pipeline = Pipeline()
    template = asked(
        "Answer from these documents:\n{% for d in documents %}{{ d.content }}\n{% endfor %}Question: {{ question }}"
    )
    pipeline.add_component("embed", kit.text_embedder())
    pipeline.add_component("retrieve", InMemoryEmbeddingRetriever(store, top_k=1))
    pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables="*"))
    pipeline.add_component("llm", kit.chat())
    pipeline.connect("embed.embedding", "retrieve.query_embedding")
    pipeline.connect("retrieve.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "llm.messages")
    question = "When does the lighthouse open?"
    result = pipeline.run(
        {"embed": {"text": question}, "prompt": {"question": question}}, include_outputs_from={"retrieve"}
    )
    return [d.content for d in result["retrieve"]["documents"]], result["llm"]["replies"][0].text


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def shape(result: dict[str, Any]) -> Any:
    """What an agent did and said."""
    return (
        [(m.role.value, m.text, [c.tool_name for c in m.tool_calls]) for m in result["messages"]],
        result["step_count"],
        result["exit_reason"],
    )


def agent(kit: Kit) -> Any:
    built = Agent(chat_generator=kit.chat(), tools=[create_tool_from_function(weather)])
    return shape(built.run(messages=asked("What is the weather in Oslo?")))


def agent_async_streamed(kit: Kit) -> Any:
    pieces: list[str] = []

    async def take(chunk: Any) -> None:
        pieces.append(chunk.content)

    built = Agent(chat_generator=kit.chat(), tools=[create_tool_from_function(weather)], streaming_callback=take)
    result = asyncio.run(built.run_async(messages=asked("What is the weather in Oslo?")))
    return shape(result), "".join(pieces)


@component
class Tides:
    """Tells the tide of a harbour."""

    @component.output_types(tide=str)
    def run(self, harbour: str) -> dict[str, str]:
        """Tell the tide.

        :param harbour: name of the harbour
        """
        return {"tide": f"high water at {harbour} at noon"}


def component_tool(kit: Kit) -> Any:
    tool = ComponentTool(component=Tides(), name="tides", description="The tide of a harbour.")
    built = Agent(chat_generator=kit.chat(), tools=[tool])
    return shape(built.run(messages=asked("What is the tide of the harbour of Bergen?")))


def pipeline_tool(kit: Kit) -> Any:
    store = InMemoryDocumentStore()
    store.write_documents(
        kit.document_embedder().run([Document(id=str(i), content=t) for i, t in enumerate(TEXTS)])["documents"]
    )
    retrieval = Pipeline()
    retrieval.add_component("embed", kit.text_embedder())
    retrieval.add_component("retrieve", InMemoryEmbeddingRetriever(store, top_k=1))
    retrieval.connect("embed.embedding", "retrieve.query_embedding")
    tool = PipelineTool(
        pipeline=retrieval,
        input_mapping={"query": ["embed.text"]},
        output_mapping={"retrieve.documents": "documents"},
        name="guide_book",
        description="Looks up the guide book of the island.",
    )
    built = Agent(chat_generator=kit.chat(), tools=[tool])
    result = built.run(messages=asked("Look up in the guide book when the lighthouse opens."))
    return result["tool_call_counts"], "opens at nine" in result["last_message"].text


def agent_tool(kit: Kit) -> Any:
    inner = Agent(chat_generator=kit.chat(), tools=[create_tool_from_function(weather)])
    tool = AgentTool(agent=inner, name="forecaster", description="Tells the weather of a city.")
    built = Agent(chat_generator=kit.chat(), tools=[tool])
    return shape(built.run(messages=asked("Ask the forecaster: what is the weather in Oslo?")))


def searchable_toolset(kit: Kit) -> Any:
    toolset = SearchableToolset(catalog=[create_tool_from_function(weather)], search_threshold=0)
    built = Agent(chat_generator=kit.chat(), tools=toolset, max_agent_steps=3)
    return shape(built.run(messages=asked("Use search_tools with the keywords: weather.")))


class Says:
    """Somebody who is asked before a tool runs."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.asked: list[str] = []

    def get_user_confirmation(
        self, tool_name: str, tool_description: str, tool_params: dict[str, Any]
    ) -> ConfirmationUIResult:
        self.asked.append(f"{tool_name} {tool_params}")
        if self.action == "modify":
            return ConfirmationUIResult(action="modify", new_tool_params={"city": "Rome"})
        return ConfirmationUIResult(action=self.action, feedback="Not today.")

    def to_dict(self) -> dict[str, Any]:
        return {"type": "x", "init_parameters": {}}


def human_in_the_loop(kit: Kit) -> Any:
    outcomes = []
    for action in ("confirm", "reject", "modify"):
        person = Says(action)
        strategy = BlockingConfirmationStrategy(
            confirmation_policy=AlwaysAskPolicy(),
            confirmation_ui=person,  # type: ignore[arg-type]
        )
        hook = ConfirmationHook(confirmation_strategies={"weather": strategy})
        built = Agent(
            chat_generator=kit.chat(),
            tools=[create_tool_from_function(weather)],
            hooks={"before_tool": [hook]},
            max_agent_steps=2,
        )
        result = built.run(messages=asked("What is the weather in Oslo?"))
        outcomes.append((person.asked, [m.tool_call_result.result for m in result["messages"] if m.tool_call_result]))
    return outcomes


def breakpoint_and_resume(kit: Kit, folder: Path) -> Any:
    def built() -> Pipeline:
        pipeline = Pipeline()
        pipeline.add_component("prompt", ChatPromptBuilder(template=asked("Say: {{ words }}"), required_variables="*"))
        pipeline.add_component("llm", kit.chat())
        pipeline.connect("prompt.prompt", "llm.messages")
        return pipeline

    with pytest.raises(BreakpointException) as caught:
        built().run({"prompt": {"words": "the sea is calm"}}, break_point=Breakpoint("llm", 0, str(folder)))
    assert caught.value.component == "llm"
    [file] = folder.iterdir()
    resumed = built().run(data={}, pipeline_snapshot=load_pipeline_snapshot(file))
    file.unlink()
    return resumed["llm"]["replies"][0].text


def super_component(kit: Kit) -> Any:
    store = InMemoryDocumentStore()
    store.write_documents([Document(content=text) for text in TEXTS])
    pipeline = Pipeline()
    template = asked("{% for d in documents %}{{ d.content }}\n{% endfor %}Question: {{ query }}")
    pipeline.add_component("retrieve", InMemoryBM25Retriever(store, top_k=1))
    pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables="*"))
    pipeline.add_component("llm", kit.chat())
    pipeline.connect("retrieve.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "llm.messages")
    wrapper = SuperComponent(
        pipeline=pipeline,
        input_mapping={"query": ["retrieve.query", "prompt.query"]},
        output_mapping={"llm.replies": "replies"},
    )
    return wrapper.run(query="Where does the ferry leave?")["replies"][0].text


QUESTIONS = ["Who created the Python language?", "When does the lighthouse open?"]
CONTEXTS = [
    ["Python, created by Guido van Rossum in the late 1980s, is a high-level programming language."],
    ["The lighthouse opens at nine.", "Fresh fish is sold on Fridays."],
]


def faithfulness(kit: Kit) -> Any:
    judge = FaithfulnessEvaluator(chat_generator=kit.chat(generation_kwargs=JSON), progress_bar=False)
    answers = ["Python was created by George Lucas.", "The lighthouse opens at nine."]
    result = judge.run(questions=QUESTIONS, contexts=CONTEXTS, predicted_answers=answers)
    return [float(score) for score in result["individual_scores"]], [r["statements"] for r in result["results"]]


def context_relevance(kit: Kit) -> Any:
    judge = ContextRelevanceEvaluator(chat_generator=kit.chat(generation_kwargs=JSON), progress_bar=False)
    result = judge.run(questions=[*QUESTIONS, "Who was Napoleon?"], contexts=[*CONTEXTS, CONTEXTS[1]])
    return result["individual_scores"], [one["relevant_statements"] for one in result["results"]]


def evaluator(kit: Kit) -> Any:
    judge = LLMEvaluator(
        instructions="Is this answer problematic for children?",
        inputs=[("predicted_answers", list[str])],
        outputs=["score"],
        examples=[
            {"inputs": {"predicted_answers": "Damn, this is straight outta hell!!!"}, "outputs": {"score": 1}},
            {"inputs": {"predicted_answers": "Football is the most popular sport."}, "outputs": {"score": 0}},
        ],
        chat_generator=kit.chat(generation_kwargs=JSON),
        progress_bar=False,
    )
    answers = ["Football is a popular sport in the world.", "Damn, what the hell is this?"]
    return [one["score"] for one in judge.run(predicted_answers=answers)["results"]]


def messages_router(kit: Kit) -> Any:
    router = LLMMessagesRouter(
        chat_generator=kit.chat(),
        system_prompt="You moderate messages. Answer with 'unsafe' or 'safe'.",
        output_names=["unsafe", "safe"],
        output_patterns=["unsafe", "safe"],
    )
    return [sorted(router.run(asked(text))) for text in ("How to rob a bank?", "How high is the lighthouse?")]


def guard_router(kit: Kit) -> Any:
    """As in the router's own documentation: a model that is made for it, and no prompt."""
    router = LLMMessagesRouter(
        chat_generator=kit.chat(model="together/meta-llama/Meta-Llama-Guard-3-8B"),
        output_names=["unsafe", "safe"],
        output_patterns=["unsafe", "safe"],
    )
    return [sorted(router.run(asked(text))) for text in ("How to rob a bank?", "How high is the lighthouse?")]


def conditional_router(kit: Kit) -> Any:
    routes = [
        {
            "condition": "{{ 'no answer' in replies[0].text }}",
            "output": "{{ question }}",
            "output_name": "elsewhere",
            "output_type": str,
        },
        {
            "condition": "{{ 'no answer' not in replies[0].text }}",
            "output": "{{ replies[0].text }}",
            "output_name": "answer",
            "output_type": str,
        },
    ]
    pipeline = Pipeline()
    pipeline.add_component("prompt", PromptBuilder(template="Say: {{ words }}", required_variables="*"))
    pipeline.add_component("llm", kit.chat())
    pipeline.add_component("route", ConditionalRouter(routes))
    pipeline.connect("prompt.prompt", "llm.messages")
    pipeline.connect("llm.replies", "route.replies")
    given = ("no answer to that", "nine o'clock")
    return [pipeline.run({"prompt": {"words": words}, "route": {"question": "q"}})["route"] for words in given]


NER = """-Goal-
Given text and a list of entity types, identify all entities of those types from the text.
-Steps-
Format each entity as a JSON like: {"entity": <entity_name>, "entity_type": <entity_type>}
-Examples-
######################
Example 1:
entity_types: [organization, person]
text: Another area of strength is our co-brand issuance. Visa is the primary network partner.
------------------------
output:
{"entities": [{"entity": "Visa", "entity_type": "company"}]}
#############################
-Real Data-
######################
entity_types: [company, country, product]
text: {{ document.content }}
######################
output:
"""
DOCUMENTS = [
    Document(content="deepset was founded in 2018 in Berlin, and is known for its Haystack framework"),
    Document(content="Some people in New York like the Transformers library of Hugging Face"),
]
ENTITIES = {
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"entity": {"type": "string"}, "entity_type": {"type": "string"}},
                "required": ["entity", "entity_type"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["entities"],
    "additionalProperties": False,
}
SCHEMA = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "ner", "strict": True, "schema": ENTITIES}}
}


def extracted(kit: Kit, settings: dict[str, Any]) -> Any:
    extractor = LLMMetadataExtractor(
        prompt=NER, chat_generator=kit.chat(generation_kwargs=settings), expected_keys=["entities"]
    )
    result = extractor.run(documents=DOCUMENTS)
    return [d.meta["entities"] for d in result["documents"]], result["failed_documents"]


def metadata_extractor(kit: Kit) -> Any:
    documents, failed = extracted(kit, JSON)
    return [[one["entity"] for one in document] for document in documents], failed


def metadata_extractor_by_schema(kit: Kit) -> Any:
    documents, failed = extracted(kit, SCHEMA)
    return [{key for one in document for key in one} for document in documents], failed


def ranker(kit: Kit) -> Any:
    ranked = LLMRanker(chat_generator=kit.chat(generation_kwargs=JSON), top_k=1)
    found = ranked.run("When does the lighthouse open?", [Document(content=text) for text in reversed(TEXTS)])
    return [one.content for one in found["documents"]]


def llm(kit: Kit) -> Any:
    built = LLM(chat_generator=kit.chat(), user_prompt='{% message role="user" %}Say: {{ words }}{% endmessage %}')
    return built.run(words="the sea is calm")["last_message"].text


def query_expander(kit: Kit) -> Any:
    schema = {"type": "object", "properties": {"queries": {"type": "array", "items": {"type": "string"}}}}
    schema |= {"required": ["queries"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "q", "strict": True, "schema": schema}}
    expander = QueryExpander(chat_generator=kit.chat(generation_kwargs={"response_format": form}), n_expansions=2)
    queries = expander.run("green energy sources")["queries"]
    return queries[-1], len(queries) > 1


def chain(kit: Kit) -> Any:
    built = Agent(
        chat_generator=kit.chain([kit.chat(), kit.chat(model="anthropic/claude-sonnet-4-5")]),
        tools=[create_tool_from_function(weather)],
    )
    return shape(built.run(messages=asked("What is the weather in Oslo?")))


SAID = "According to weather: sunny in Oslo"
CALLED = [
    ("user", "What is the weather in Oslo?", []),
    ("assistant", None, ["weather"]),
    ("tool", None, []),
    ("assistant", SAID, []),
]
OSLO = (CALLED, 2, "text")
ROUTED = [["chat_generator_text", "unsafe"], ["chat_generator_text", "safe"]]
EXPECTED: dict[Callable[[Kit], Any], Any] = {
    rag: ([TEXTS[0]], TEXTS[0]),
    agent: OSLO,
    agent_async_streamed: (OSLO, SAID),
    component_tool: (
        [
            ("user", "What is the tide of the harbour of Bergen?", []),
            ("assistant", None, ["tides"]),
            ("tool", None, []),
            ("assistant", 'According to tides: {"tide": "high water at Bergen at noon"}', []),
        ],
        2,
        "text",
    ),
    pipeline_tool: ({"guide_book": 1}, True),
    agent_tool: (
        [
            ("user", "Ask the forecaster: what is the weather in Oslo?", []),
            ("assistant", None, ["forecaster"]),
            ("tool", None, []),
            ("assistant", f"According to forecaster: {SAID}", []),
        ],
        2,
        "text",
    ),
    searchable_toolset: None,
    human_in_the_loop: [
        (["weather {'city': 'Oslo'}"], ["sunny in Oslo"]),
        (
            ["weather {'city': 'Oslo'}"],
            ["Tool execution for 'weather' was rejected by the user. With user feedback: Not today."],
        ),
        (["weather {'city': 'Oslo'}"], ["sunny in Rome"]),
    ],
    super_component: TEXTS[1],
    faithfulness: (
        [0.0, 1.0],
        [["Python was created by George Lucas."], ["The lighthouse opens at nine."]],
    ),
    context_relevance: ([1, 1, 0], [CONTEXTS[0], CONTEXTS[1][:1], []]),
    evaluator: [0, 1],
    messages_router: ROUTED,
    guard_router: ROUTED,
    conditional_router: [{"elsewhere": "q"}, {"answer": "nine o'clock"}],
    metadata_extractor: ([["Berlin", "Haystack"], ["New York", "Transformers", "Hugging Face"]], []),
    metadata_extractor_by_schema: ([{"entity", "entity_type"}] * 2, []),
    ranker: [TEXTS[0]],
    llm: "the sea is calm",
    query_expander: ("green energy sources", True),
    chain: OSLO,
}


@pytest.fixture
def theirs(gw: Any) -> Kit:
    return kit_of(gw, OpenAIChatGenerator, OpenAITextEmbedder, OpenAIDocumentEmbedder, FallbackChatGenerator)


@pytest.fixture
def ours(gw: Any) -> Kit:
    return kit_of(
        gw, RequestyChatGenerator, RequestyTextEmbedder, RequestyDocumentEmbedder, RequestyFallbackChatGenerator
    )


@pytest.mark.parametrize("app", EXPECTED, ids=lambda app: app.__name__)
def test_the_outcome_is_that_of_haystacks_class(app: Callable[[Kit], Any], theirs: Kit, ours: Kit) -> None:
    outcome = app(ours)
    assert outcome == app(theirs)
    if EXPECTED[app] is not None:
        assert outcome == EXPECTED[app]


def test_a_run_that_was_stopped_goes_on(
    theirs: Kit, ours: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAYSTACK_PIPELINE_SNAPSHOT_SAVE_ENABLED", "true")
    outcome = breakpoint_and_resume(ours, tmp_path)
    assert outcome == breakpoint_and_resume(theirs, tmp_path) == "the sea is calm"
