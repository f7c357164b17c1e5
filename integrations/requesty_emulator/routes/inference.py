"""What the three chat-like routes share: route, answer, envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from requesty_emulator.answers.model_request import Answer, ModelRequest, from_chat
from requesty_emulator.gateway.billing import Usage
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.routing import route
from requesty_emulator.gateway.scripted import Scripted
from requesty_emulator.models.model import Model
from requesty_emulator.routes.chat import answer, prompt_blocks, provider_rules, shown_model


@dataclass(slots=True)
class Outcome:
    """A finished inference, not yet rendered."""

    model: Model
    request: ModelRequest
    answer: Answer
    usage: Usage
    shown: str
    style: str
    scripted: Scripted | None


async def infer(call: Call, chat: dict[str, Any]) -> Outcome:
    """Serve a body that was converted to the chat form."""
    blocks = prompt_blocks(chat)
    model = await route(call, needs=sum(count for _, count in blocks))
    provider_rules(call, chat, model)
    request = from_chat(chat, model)
    request.blocks, request.risky_tools = blocks, call.settings.risky_tools
    scripted = call.core.scripts.take(call.record.model, call.record.path, [tool.name for tool in request.tools])
    answers, usage = answer(call, request, model, scripted)
    shown = shown_model(call, model, scripted)
    call.served(model, usage, "chat", shown)
    if scripted and scripted.headers:
        call.fault.headers.update(scripted.headers)
    return Outcome(model, request, answers[0], usage, shown, call.fault.usage or call.settings.usage, scripted)
