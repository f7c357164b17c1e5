"""RequestyChatGenerator against OpenAIChatGenerator on the same gateway, as ratios from one run; conditions as in ``quick``.

Run: ``python benchmarks/bench_haystack.py``. The ratio is ours to OpenAIChatGenerator's.
"""  # noqa: E501 -- a title

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

from typing import Any

import httpx
from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack.utils import Secret

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from quick import KEY, compare, floor_stream, server

MESSAGES = [ChatMessage.from_user("From how far away can the light be seen?")]
TOOLS = [
    Tool(
        name="write",
        description="Writes.",
        parameters={"type": "object", "properties": {}},
        function=lambda **_: None,
    )
]


def ignore(chunk: Any) -> None:
    """A callback that makes a run a stream."""


def main() -> None:
    """Print the table."""
    secret = Secret.from_token(KEY)
    print(f"{'':42}{'OpenAI':>10}{'ours':>10}   {'ratio':>8}")
    with server() as url:

        def pair(model: str) -> tuple[Any, Any]:
            plain = OpenAIChatGenerator(model=model, api_key=secret, api_base_url=url, max_retries=0)
            return plain, RequestyChatGenerator(model=model, api_key=secret, api_base_url=url, max_retries=0)

        for title, model, tools in (
            ("stream of 2000, per chunk", "bench/stream-2000", None),
            ("tool arguments of 2000, per chunk", "bench/tool-2000", TOOLS),
        ):
            theirs, ours = (
                lambda g=generator, t=tools: g.run(MESSAGES, streaming_callback=ignore, tools=t)
                for generator in pair(model)
            )
            compare(title, "us", 2000, theirs, ours, "<= 0.20")
        theirs, ours = (lambda g=g: [g.run(MESSAGES) for _ in range(50)] for g in pair("bench/unary"))
        compare("run, one after another", "us", 50, theirs, ours, "")
        documents = [Document(content=f"x{number}") for number in range(100)]
        # The peer asks for floats and reads nothing else.
        settings = {
            "model": "bench/floats",
            "api_key": secret,
            "api_base_url": url,
            "progress_bar": False,
            "batch_size": 100,
        }
        embedders = (OpenAIDocumentEmbedder(**settings), RequestyDocumentEmbedder(**settings))
        theirs, ours = (lambda e=e: e.run(documents) for e in embedders)
        compare("embed 100 documents", "us", 1, theirs, ours, "")
        by_hand = httpx.Client()
        _, generator = pair("bench/stream-2000")
        compare(
            "(httpx+json by hand / ours)",
            "us",
            2000,
            lambda: floor_stream(by_hand, url, "bench/stream-2000"),
            lambda: generator.run(MESSAGES, streaming_callback=ignore),
            "",
        )


if __name__ == "__main__":
    main()
