"""ChatRequesty against ChatOpenAI on the same gateway, as ratios from one run; conditions as in ``quick``.

Run: ``python benchmarks/bench_langchain.py``. The ratio is ours to ChatOpenAI's. Needs ``langchain-openai``.
"""

from __future__ import annotations

import time

import httpx
from langchain_openai import ChatOpenAI

from langchain_requesty import ChatRequesty
from quick import KEY, compare, drain, floor_stream, fresh, server

MODEL = "bench/stream-2000"
PROMPT = "From how far away can the light be seen?"
TOOLS = [{"type": "function", "function": {"name": "write", "parameters": {"type": "object", "properties": {}}}}]


def main() -> None:
    """Print the table."""
    print(f"{'':42}{'ChatOpenAI':>10}{'ours':>10}   {'ratio':>8}")
    with server() as url:
        plain = ChatOpenAI(model=MODEL, api_key=KEY, base_url=url, max_retries=0, stream_usage=True)  # type: ignore[arg-type]
        ours = ChatRequesty(model=MODEL, api_key=KEY, base_url=url, max_retries=0)
        by_hand = httpx.Client()
        for name, model in (("stream", MODEL), ("tool arguments", "bench/tool-2000")):
            compare(
                f"{name} of 2000, per chunk",
                "us",
                2000,
                lambda m=model: drain(plain.stream(PROMPT, model=m, tools=TOOLS)),
                lambda m=model: drain(ours.stream(PROMPT, model=m, tools=TOOLS)),
                "",
            )
        compare(
            "(httpx+json by hand / ours)",
            "us",
            2000,
            lambda: floor_stream(by_hand, url, MODEL),
            lambda: drain(ours.stream(PROMPT)),
            "",
        )
        compare(
            "invoke",
            "us",
            100,
            lambda: [plain.invoke(PROMPT, model="bench/unary") for _ in range(100)],
            lambda: [ours.invoke(PROMPT, model="bench/unary") for _ in range(100)],
            "",
        )
        compare(
            "constructor, warm",
            "us",
            20,
            lambda: [ChatOpenAI(model=MODEL, api_key=KEY, base_url=url) for _ in range(20)],  # type: ignore[arg-type]
            lambda: [ChatRequesty(model=MODEL, api_key=KEY, base_url=url) for _ in range(20)],
            "< 1 ms",
        )
    base = fresh("import langchain_core.language_models.chat_models, httpx, msgspec")
    for label, code in (
        ("import langchain_openai", "from langchain_openai import ChatOpenAI"),
        ("import langchain_requesty", "from langchain_requesty import ChatRequesty"),
    ):
        print(f"{label:42}{(fresh(code) - base) * 1e3:10.0f} ms over langchain-core, httpx and msgspec")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
