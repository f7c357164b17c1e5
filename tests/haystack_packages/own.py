"""Haystack's MCP tools in an agent of ours, and what OpenRouter's generator and the Whisper transcriber saved.

Prints a line for each, and ends with status 1 if one is not as it should be.
"""

from __future__ import annotations

import sys
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from haystack.components.agents import Agent
from haystack.dataclasses import ByteStream, ChatMessage
from haystack.utils import Secret
from haystack_integrations.components.audio.whisper import RemoteWhisperTranscriber
from haystack_integrations.components.generators.openrouter import OpenRouterChatGenerator
from haystack_integrations.tools.mcp import MCPTool, MCPToolset, StdioServerInfo

from haystack_integrations.components.audio.requesty import RequestyTranscriber
from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from requesty_emulator import GatewayEmulator

SERVER = textwrap.dedent(
    '''
    from mcp.server import MCPServer

    server = MCPServer("weather")


    @server.tool()
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"


    server.run("stdio")
    '''
)
MODEL = "openai/gpt-4o-mini"


def mcp(gateway: GatewayEmulator, folder: Path, there: dict[str, Any]) -> None:
    """A tool, and a set of tools, of an MCP server that runs beside."""
    script = folder / "server.py"
    script.write_text(SERVER)
    info = StdioServerInfo(command=sys.executable, args=[str(script)])
    tool, toolset = MCPTool(name="weather", server_info=info), MCPToolset(server_info=info)
    try:
        for tools in ([tool], toolset):
            for strict in (False, True):
                generator = RequestyChatGenerator(model=MODEL, tools_strict=strict, **there)
                result = Agent(chat_generator=generator, tools=tools).run(
                    messages=[ChatMessage.from_user("What is the weather in Oslo?")]
                )
                assert "sunny in Oslo" in result["last_message"].text, result["last_message"]
                assert result["tool_call_counts"] == {"weather": 1}
                sent = gateway.last_request.body["tools"][0]["function"]
                assert sent["parameters"]["properties"]["city"]["type"] == "string", sent
    finally:
        tool.close()
        toolset.close()


def openrouter(gateway: GatewayEmulator, folder: Path, there: dict[str, Any]) -> None:
    """What OpenRouter's generator saved loads as ours."""
    theirs = OpenRouterChatGenerator(
        model=MODEL,
        api_key=Secret.from_env_var("REQUESTY_API_KEY"),
        api_base_url=gateway.base_url,
        generation_kwargs={"temperature": 0.1},
        extra_headers={"X-Team": "a"},
        timeout=9.0,
    ).to_dict()
    ours = RequestyChatGenerator.from_dict({**theirs, "type": type_of(RequestyChatGenerator)})
    assert (ours.model, ours.timeout, ours.extra_headers) == (MODEL, 9.0, {"X-Team": "a"})
    lost = theirs["init_parameters"].keys() - ours.to_dict()["init_parameters"].keys()
    assert not lost, lost


def whisper(gateway: GatewayEmulator, folder: Path, there: dict[str, Any]) -> None:
    """What the Whisper transcriber saved loads as ours, and both hear the same."""
    recording = ByteStream(data=b"The sea is calm.", meta={"file_path": "talk.mp3"})
    whisper = RemoteWhisperTranscriber(model="openai/whisper-1", language="en", **there)
    theirs = whisper.run([recording])["documents"]
    whisper.api_key = Secret.from_env_var("REQUESTY_API_KEY")
    ours = RequestyTranscriber.from_dict({**whisper.to_dict(), "type": type_of(RequestyTranscriber)})
    assert (ours.model, ours.generation_kwargs["language"]) == ("openai/whisper-1", "en")
    own = RequestyTranscriber(model="openai/whisper-1", generation_kwargs=ours.generation_kwargs, **there)
    assert own.run([recording])["documents"] == theirs


def type_of(cls: Any) -> str:
    """As Haystack saves it."""
    return f"{cls.__module__}.{cls.__name__}"


CHECKS: tuple[Callable[[GatewayEmulator, Path, dict[str, Any]], None], ...] = (mcp, openrouter, whisper)


def main() -> int:
    """Run all; 1 if one failed."""
    failed = 0
    with GatewayEmulator() as gateway, TemporaryDirectory() as folder:
        there = {"api_base_url": gateway.base_url, "api_key": Secret.from_token(gateway.api_key)}
        for check in CHECKS:
            try:
                check(gateway, Path(folder), there)
            except Exception:  # noqa: BLE001 -- the other checks are to run, and this one is told
                traceback.print_exc()
                failed = 1
                print(f"BAD {check.__name__}", flush=True)
            else:
                print(f"ok  {check.__name__}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
