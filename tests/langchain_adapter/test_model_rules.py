"""Structured output by a tool call on models that refuse a forced call, or the flag for parallel calls."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from langchain_requesty import ChatRequesty
from requesty_emulator import GatewayEmulator


class Light(BaseModel):
    """A light."""

    name: str


@pytest.mark.parametrize(
    ("model", "settings", "choice", "parallel"),
    [
        ("openai/gpt-4o-mini", {}, "forced", False),
        ("openai/o3-mini", {}, "forced", None),
        ("anthropic/claude-sonnet-4-5", {"reasoning_effort": "high"}, None, False),
    ],
)
def test_what_is_added_follows_the_model(
    model: str, settings: dict[str, Any], choice: str | None, parallel: Any
) -> None:
    with GatewayEmulator() as gateway:
        gateway.say(tool_calls=[{"name": "Light", "arguments": '{"name": "Skerry"}'}])
        chat = ChatRequesty(model=model, base_url=gateway.base_url, api_key=gateway.api_key, **settings)
        assert chat.with_structured_output(Light, method="function_calling").invoke("light?") == Light(name="Skerry")
        body = gateway.last_request.body
    assert ("forced" if "tool_choice" in body else None) == choice
    assert body.get("parallel_tool_calls") is parallel
