"""Requesty against OpenAILike on the same gateway, as ratios from one run; conditions as in ``quick``.

Run: ``python benchmarks/bench_llama_index.py``. The ratio is ours to OpenAILike's (embeddings: to
OpenAIEmbedding's). Needs ``llama-index-llms-openai-like`` and ``llama-index-embeddings-openai``, which this project
does not install.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai_like import OpenAILike

from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty
from quick import KEY, compare, drain, floor_stream, fresh, server

MODEL = "bench/stream-2000"
MESSAGES = [ChatMessage("From how far away can the light be seen?")]
TEXTS = ["x"] * 100
TOOLS = [{"type": "function", "function": {"name": "write", "parameters": {"type": "object", "properties": {}}}}]


def agent(llm: FunctionCallingLLM) -> Iterator[Any]:
    """A tool call as an agent reads it: the calls so far are asked for with every piece."""
    for response in llm.stream_chat(MESSAGES, tools=TOOLS):
        yield llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)


def main() -> None:
    """Print the table."""
    print(f"{'':42}{'OpenAILike':>10}{'ours':>10}   {'ratio':>8}")
    with server() as url:

        def peer(model: str) -> OpenAILike:
            return OpenAILike(
                model=model,
                api_key=KEY,
                api_base=url,
                max_retries=0,
                is_chat_model=True,
                is_function_calling_model=True,
            )

        def ours(model: str) -> Requesty:
            return Requesty(model=model, api_key=KEY, base_url=url, max_retries=0)

        a, b = peer(MODEL), ours(MODEL)
        compare(
            "stream of 2000, per chunk",
            "us",
            2000,
            lambda: drain(a.stream_chat(MESSAGES)),
            lambda: drain(b.stream_chat(MESSAGES)),
            "",
        )
        by_hand = httpx.Client()
        compare(
            "(httpx+json by hand / ours)",
            "us",
            2000,
            lambda: floor_stream(by_hand, url, MODEL),
            lambda: drain(b.stream_chat(MESSAGES)),
            "",
        )
        c, d = peer("bench/tool-2000"), ours("bench/tool-2000")
        compare("agent's tool arguments, per piece", "us", 2000, lambda: drain(agent(c)), lambda: drain(agent(d)), "")
        e, f = peer("bench/unary"), ours("bench/unary")
        compare(
            "chat",
            "us",
            100,
            lambda: [e.chat(MESSAGES) for _ in range(100)],
            lambda: [f.chat(MESSAGES) for _ in range(100)],
            "",
        )
        g = OpenAIEmbedding(model_name="bench/base64", api_key=KEY, api_base=url, max_retries=0)
        h = RequestyEmbedding(model="bench/base64", api_key=KEY, base_url=url, max_retries=0)
        compare(
            "embeddings, per batch of 100",
            "us",
            5,
            lambda: [g.get_text_embedding_batch(TEXTS) for _ in range(5)],
            lambda: [h.get_text_embedding_batch(TEXTS) for _ in range(5)],
            "",
        )
        compare(
            "constructor, warm",
            "us",
            20,
            lambda: [peer(MODEL) for _ in range(20)],
            lambda: [ours(MODEL) for _ in range(20)],
            "< 1 ms",
        )
    base = fresh("import llama_index.core, httpx, msgspec")
    for label, code in (
        ("import llama_index.llms.openai_like", "from llama_index.llms.openai_like import OpenAILike"),
        ("import llama_index.llms.requesty", "from llama_index.llms.requesty import Requesty"),
    ):
        print(f"{label:42}{(fresh(code) - base) * 1e3:10.0f} ms over llama-index-core, httpx and msgspec")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
