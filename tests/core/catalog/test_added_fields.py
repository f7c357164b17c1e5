"""What adapters add by themselves follows the rules of the models that will be asked."""

from __future__ import annotations

import pytest

from requesty_core.catalog import may_force_tools, takes


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (["openai/gpt-4o"], True),
        (["openai/o3-mini"], False),
        (["azure/o3-mini@swedencentral"], False),
        (["openai/gpt-4o", "openai/o4-mini"], False),
        (["policy/mine"], True),
    ],
)
def test_parallel_tool_calls(models: list[str], expected: bool) -> None:
    assert takes(models, "parallel_tool_calls") is expected


@pytest.mark.parametrize(
    ("models", "reasoning", "expected"),
    [
        (["openai/gpt-4o"], True, True),
        (["anthropic/claude-sonnet-4-5"], False, True),
        (["anthropic/claude-sonnet-4-5"], True, False),
        (["bedrock/claude-sonnet-4-5@eu-central-1"], True, False),
        (["openai/gpt-4o", "anthropic/claude-sonnet-4-5"], True, False),
        (["policy/mine"], True, True),
    ],
)
def test_forced_tools(models: list[str], reasoning: bool, expected: bool) -> None:
    assert may_force_tools(models, reasoning=reasoning) is expected
