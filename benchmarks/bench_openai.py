"""RequestyOpenAI against the plain OpenAI SDK, as ratios from one run; conditions as in ``quick``.

Run: ``python benchmarks/bench_openai.py``. The ratio is ours to the SDK's: 0.33 is three times cheaper.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import openai

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from quick import KEY, MESSAGES, adrain, compare, drain, fifty, floor_stream, fresh, server

MODEL = "bench/stream-2000"
USAGE = {"include_usage": True}


def large_request() -> dict[str, Any]:
    """25 turns with tool calls, and 10 tools."""
    messages: list[dict[str, Any]] = []
    for i in range(25):
        call = {"id": f"call_{i}", "type": "function", "function": {"name": "look_up", "arguments": '{"q": "x"}'}}
        messages += [
            {"role": "user", "content": "From how far away can the light be seen? " * 5},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{i}", "content": "Eighteen sea miles. " * 5},
        ]
    fields = {f"field_{n}": {"type": "string", "description": "what to look for"} for n in range(8)}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    tools = [
        {"type": "function", "function": {"name": f"tool_{n}", "description": "Looks things up", "parameters": schema}}
        for n in range(10)
    ]
    return {"messages": messages, "tools": tools}


def again(call: Callable[[], object], times: int) -> Callable[[], object]:
    """The call, many times in a row."""
    return lambda: [call() for _ in range(times)]


def main() -> None:
    """Print the table."""
    print(f"{'openai ' + openai.__version__:42}{'plain':>10}{'ours':>10}   {'ratio':>8}   target")
    with server() as url:
        plain = openai.OpenAI(api_key=KEY, base_url=url, max_retries=0)
        ours = RequestyOpenAI(api_key=KEY, base_url=url, max_retries=0)
        by_hand = httpx.Client()

        def stream(client: openai.OpenAI, model: str) -> None:
            drain(
                client.chat.completions.create(model=model, messages=MESSAGES, stream=True, stream_options=USAGE)  # type: ignore[call-overload]
            )

        for name, model in (("stream", MODEL), ("tool arguments", "bench/tool-2000")):
            compare(
                f"{name} of 2000, sync, per chunk",
                "us",
                2000,
                lambda m=model: stream(plain, m),
                lambda m=model: stream(ours, m),
                "<= 0.33",
            )
        compare(
            "(the same: httpx+json by hand / ours)",
            "us",
            2000,
            lambda: floor_stream(by_hand, url, MODEL),
            lambda: stream(ours, MODEL),
            "",
        )
        compare(
            "stream of 8000 (ours) / of 500 x 16 (ours)",
            "us",
            8000,
            again(lambda: stream(ours, "bench/stream-500"), 16),
            lambda: stream(ours, "bench/stream-8000"),
            "<= 1.05",
        )
        loop = asyncio.new_event_loop()
        aplain = openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0)
        aours = AsyncRequestyOpenAI(api_key=KEY, base_url=url, max_retries=0)

        async def astream(client: openai.AsyncOpenAI) -> None:
            await adrain(
                await client.chat.completions.create(  # type: ignore[call-overload]
                    model=MODEL, messages=MESSAGES, stream=True, stream_options=USAGE
                )
            )

        compare(
            "stream of 2000, async, per chunk",
            "us",
            2000,
            lambda: loop.run_until_complete(astream(aplain)),
            lambda: loop.run_until_complete(astream(aours)),
            "<= 0.33",
        )
        small: dict[str, Any] = {"model": "bench/unary", "messages": MESSAGES}
        large: dict[str, Any] = {"model": "bench/unary", **large_request()}
        for name, body, times, target in (
            ("request, one after another", small, 100, ""),
            ("request of 25 turns and 10 tools", large, 20, "<= 0.25"),
        ):
            compare(
                name,
                "us",
                times,
                again(lambda b=body: plain.chat.completions.create(**b), times),
                again(lambda b=body: ours.chat.completions.create(**b), times),
                target,
            )
        compare(
            "request, 50 at a time, async",
            "us",
            500,
            lambda: loop.run_until_complete(fifty(lambda: aplain.chat.completions.create(**small))),
            lambda: loop.run_until_complete(fifty(lambda: aours.chat.completions.create(**small))),
            "<= 0.33",
        )
        for kind, asked in (("floats", {"encoding_format": "float"}), ("base64", {})):
            texts: dict[str, Any] = {"model": f"bench/{kind}", "input": ["x"] * 100, **asked}
            compare(
                f"embeddings 100 x 1536, {kind}",
                "ms",
                1,
                lambda t=texts: plain.embeddings.create(**t),
                lambda t=texts: ours.embeddings.create(**t),
                "",
            )
        loop.run_until_complete(aplain.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        for name, cls in (("plain", openai.OpenAI), ("ours", RequestyOpenAI)):
            start = time.process_time()
            for _ in range(100):
                cls(api_key=KEY, base_url=url)
            print(f"second constructor, {name:22}{(time.process_time() - start) * 10:10.3f} ms      ours <= 0.5 ms")
        start = time.process_time()
        for _ in range(1000):
            ours.with_options(fallbacks=["bench/unary"])
        print(f"{'with_options, ours':42}{time.process_time() - start:10.3f} ms")
    base, adapter = fresh("import openai"), fresh("import openai_requesty")
    print(f"{'import':42}{base * 1e3:10.0f}{adapter * 1e3:10.0f} ms{adapter / base:8.2f}   + <= 130 ms")


if __name__ == "__main__":
    main()
