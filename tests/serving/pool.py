"""What processes of a pool are given: one object of each adapter, which travels without its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from haystack.dataclasses import ChatMessage
from pydantic_ai import Agent

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from langchain_requesty import ChatRequesty
from llama_index.llms.requesty import Requesty
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import Budget, CostLedger, RequestyClient

MODEL = "openai/gpt-4o-mini"
ADAPTERS = ("core", "langchain", "llama_index", "haystack", "pydantic_ai", "openai")


@dataclass
class Given:
    """One object of each adapter."""

    core: Any
    langchain: Any
    llama_index: Any
    haystack: Any
    pydantic_ai: Any
    openai: Any

    @classmethod
    def made(cls, ledger: CostLedger, budget: Budget) -> Given:
        """Objects that share a ledger and a budget."""
        settings: dict[str, Any] = {"ledger": ledger, "budget": budget}
        return cls(
            core=RequestyClient(**settings),
            langchain=ChatRequesty(model=MODEL, **settings),
            llama_index=Requesty(model=MODEL, **settings),
            haystack=RequestyChatGenerator(model=MODEL, **settings),
            pydantic_ai=RequestyModel(MODEL, provider=RequestyProvider(**settings)),
            openai=settings,
        )

    def ask(self, adapter: str, number: int) -> str:
        """The text that an adapter's object answers."""
        question = f"job {number} : say blue"
        messages: Any = [{"role": "user", "content": question}]
        if adapter == "core":
            return str(self.core.chat(model=MODEL, messages=messages).text)
        if adapter == "langchain":
            return str(self.langchain.invoke(question).text)
        if adapter == "llama_index":
            return str(self.llama_index.complete(question).text)
        if adapter == "haystack":
            return str(self.haystack.run([ChatMessage.from_user(question)])["replies"][0].text)
        if adapter == "pydantic_ai":
            return str(Agent(self.pydantic_ai).run_sync(question).output)
        # The SDK's own clients do not pickle; what ours is made of does.
        client = RequestyOpenAI(**self.openai)
        return str(client.chat.completions.create(model=MODEL, messages=messages).choices[0].message.content)
