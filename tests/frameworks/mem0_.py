"""mem0: its OpenAI language model and embedder with our client."""

from __future__ import annotations

from typing import Any

from harness import ASK, MODEL, Wire, run
from mem0.configs.embeddings.base import BaseEmbedderConfig
from mem0.configs.llms.openai import OpenAIConfig
from mem0.embeddings.openai import OpenAIEmbedding
from mem0.llms.openai import OpenAILLM

from openai_requesty import RequestyOpenAI
from requesty_emulator import GatewayEmulator


def answer(wire: Wire) -> Any:
    """What ``Memory`` asks its language model and its embedder for."""
    llm = OpenAILLM(OpenAIConfig(model=MODEL, api_key="not used"))
    llm.client = RequestyOpenAI(**wire.settings)
    return llm.generate_response([{"role": "user", "content": ASK}])


def vectors(wire: Wire) -> Any:
    """A vector from a gateway of its own, as no cost is told of vectors; then an answer."""
    embedder = OpenAIEmbedding(
        BaseEmbedderConfig(model="openai/text-embedding-3-small", embedding_dims=256, api_key="not used")
    )
    with GatewayEmulator() as other:
        embedder.client = RequestyOpenAI(base_url=other.base_url, api_key=other.api_key)
        assert len(embedder.embed(ASK)) == 256
    return answer(wire)


run(
    answer=vectors,
    tools="it calls no tools",
    stream="it does not stream",
    structure="it reads JSON text itself",
)
