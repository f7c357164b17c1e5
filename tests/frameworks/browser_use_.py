"""browser-use: its OpenAI chat model with our asynchronous client; no browser is opened here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from browser_use.llm.messages import UserMessage
from browser_use.llm.openai.chat import ChatOpenAI
from harness import ASK, MODEL, Tide, Wire, run

from openai_requesty import AsyncRequestyOpenAI


@dataclass
class ChatRequestyBrowser(ChatOpenAI):
    """The model that an ``Agent(task=…, llm=…)`` takes."""

    requesty: Any = None

    def get_client(self) -> Any:
        """Our client in place of its own."""
        return self.requesty


def ask(wire: Wire, form: Any = None) -> Any:
    """An answer, or an object of a class."""
    model = ChatRequestyBrowser(model=MODEL, requesty=AsyncRequestyOpenAI(**wire.settings))
    return asyncio.run(model.ainvoke([UserMessage(content=ASK)], form)).completion


run(
    answer=ask,
    tools="its agent asks for actions as structured answers",
    stream="its agent does not stream",
    structure=lambda wire: ask(wire, Tide),
)
