"""What becomes of a chain whose first member is of another package and fails: it falls back, or raises.

Overload, outage and a connection that fails are what a chain is for; a request or a key that is refused is the caller's
affair. Prints a table, and ends with status 1 if a cell of it is not as it should be.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from haystack_integrations.components.generators.amazon_bedrock import AmazonBedrockChatGenerator
from haystack_integrations.components.generators.anthropic import AnthropicChatGenerator
from haystack_integrations.components.generators.google_genai import GoogleGenAIChatGenerator
from haystack_integrations.components.generators.mistral import MistralChatGenerator
from haystack_integrations.components.generators.ollama import OllamaChatGenerator
from haystack_integrations.components.generators.openrouter import OpenRouterChatGenerator
from tests.haystack_packages.failing import WAYS, failing

from haystack_integrations.components.generators.requesty import RequestyChatGenerator, RequestyFallbackChatGenerator
from requesty_emulator import GatewayEmulator

KEY = Secret.from_token("k")
LIMIT = 1
"""Seconds that a member waits for its server."""


def google(address: str) -> Any:
    os.environ["GOOGLE_GEMINI_BASE_URL"] = address
    return GoogleGenAIChatGenerator(api_key=KEY, timeout=LIMIT, max_retries=0)


def bedrock(address: str) -> Any:
    os.environ["AWS_ENDPOINT_URL"] = address
    limits = {"read_timeout": LIMIT, "connect_timeout": LIMIT, "retries": {"max_attempts": 0}}
    return AmazonBedrockChatGenerator(
        model="anthropic.claude-3-5-sonnet-20240620-v1:0",
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        aws_region_name="eu-west-1",
        boto3_config=limits,
    )


def anthropic(address: str) -> Any:
    os.environ["ANTHROPIC_BASE_URL"] = address
    return AnthropicChatGenerator(api_key=KEY, timeout=LIMIT, max_retries=0)


def ollama(address: str) -> Any:
    return OllamaChatGenerator(url=address, timeout=LIMIT)


def openai_like(cls: Any) -> Callable[[str], Any]:
    def build(address: str) -> Any:
        return cls(api_key=KEY, model="m", api_base_url=f"{address}/v1", timeout=LIMIT, max_retries=0)

    return build


MEMBERS: dict[str, Callable[[str], Any]] = {
    "GoogleGenAIChatGenerator": google,
    "AmazonBedrockChatGenerator": bedrock,
    "AnthropicChatGenerator": anthropic,
    "OllamaChatGenerator": ollama,
    "MistralChatGenerator": openai_like(MistralChatGenerator),
    "OpenRouterChatGenerator": openai_like(OpenRouterChatGenerator),
    "OpenAIChatGenerator": openai_like(OpenAIChatGenerator),
    "OpenAIResponsesChatGenerator": openai_like(OpenAIResponsesChatGenerator),
}
RAISED = ("400", "401")


def outcome(member: Any, spare: Any, *, is_async: bool, streams: bool) -> str:
    """``spare`` if the chain fell back, with what it says of the failure; the error's class if it raised."""
    chain = RequestyFallbackChatGenerator([member, spare])
    messages = [ChatMessage.from_user("Say: saved")]
    pieces: list[str] = []
    callback = (lambda chunk: pieces.append(chunk.content)) if streams else None
    try:
        result = asyncio.run(chain.run_async(messages, callback)) if is_async else chain.run(messages, callback)
    except Exception as error:  # noqa: BLE001 -- which one it is is the outcome
        return f"raised {type(error).__name__}"
    reply, first = result["replies"][0], result["meta"]["attempts"][0]
    assert reply.text == "saved", reply.text
    assert not streams or "".join(pieces) == "saved", pieces
    assert len(result["meta"]["attempts"]) == 2, result["meta"]
    return f"spare after {first.get('status') or first['error_class']}"


def main() -> int:
    """Run every member in every way; 1 if one did not end as it should."""
    wrong = 0
    with GatewayEmulator() as gateway:
        own = {"api_key": Secret.from_token(gateway.api_key), "api_base_url": gateway.base_url}
        for name, build in MEMBERS.items():
            for way in WAYS:
                with failing(way) as address:
                    spare = RequestyChatGenerator(model="openai/gpt-4o-mini", **own)
                    cells = {
                        outcome(build(address), spare, is_async=is_async, streams=streams)
                        for is_async in (False, True)
                        for streams in (False, True)
                    }
                good = all(cell.startswith("raised" if way in RAISED else "spare") for cell in cells)
                wrong += not good
                print(f"{'ok ' if good else 'BAD'} {name:30} {way:8} {' | '.join(sorted(cells))}", flush=True)
    print(f"{wrong} of {len(MEMBERS) * len(WAYS)} are not as they should be")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
