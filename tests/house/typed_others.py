"""What users of the other packages write, for mypy and pyright alone: right lines pass, each wrong one must fail.

``make lint`` checks this folder, and an ignored error that does not happen is an error itself.
"""

from __future__ import annotations

from typing import Any

import openai
from haystack.utils import Secret
from pydantic import SecretStr

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator, RequestyFallbackChatGenerator
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty, RequestyFallback
from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from pydantic_ai_requesty import RequestyEmbeddingModel, RequestyModel, RequestyProvider
from requesty_core import (
    AsyncRequestyClient,
    Budget,
    CostLedger,
    FallbackPolicy,
    RequestyClient,
    RequestyOptions,
    Step,
    Timeouts,
)


async def key() -> str:
    """The key of the hour."""
    return "…"


def right() -> list[object]:
    """What the pages show."""
    ledger = CostLedger()
    steps: list[str | Step | dict[str, Any]] = ["a/b", Step("c/d", retries=1), {"model": "x/y", "timeout": 3}]
    return [
        RequestyClient(api_key="…", timeout=30, fallbacks=steps, options=RequestyOptions(tags=["a"]), budget=Budget(1)),
        RequestyClient(api_key=SecretStr("…"), region="eu", timeout=Timeouts(total=5), require={"geolocation": "eu"}),
        AsyncRequestyClient(
            api_key=key, fallback_policy=FallbackPolicy(deadline=5), tracing="content", transport="httpx"
        ),
        Requesty("openai/gpt-4o", api_key="…", temperature=0, fallbacks=steps, timeout=5, max_retries=0, ledger=ledger),
        Requesty(model="openai/gpt-4o", api_base="https://x.test/v1", structured_output="tools", context_window=9),
        RequestyFallback(["a/b", "c/d"], options={"tags": ["a"]}, stop=["x"]),
        RequestyEmbedding("m", api_key="…", dimensions=5, embed_batch_size=9, num_workers=2),
        RequestyEmbedding(model_name="m", api_key=lambda: "…"),
        RequestyChatGenerator(model="m", api_key=Secret.from_token("…"), fallbacks=["a/b"], timeout=Timeouts(total=5)),
        RequestyFallbackChatGenerator(models=["a/b", "c/d"]),
        RequestyTextEmbedder(model="m"),
        RequestyDocumentEmbedder(model="m", batch_size=5),
        RequestyOpenAI(
            api_key="…", timeout=openai.Timeout(5), max_retries=1, fallbacks=steps, default_headers={"a": "b"}
        ),
        AsyncRequestyOpenAI(api_key=key, timeout=5, region="us"),
        RequestyModel("m", provider=RequestyProvider(api_key="…", ledger=ledger), fallbacks=steps),
        RequestyEmbeddingModel("m"),
    ]


def wrong() -> None:
    """A typo or a wrong type in each line."""
    RequestyClient(temprature=1)  # type: ignore[call-arg]
    RequestyClient(timeout="30s")  # type: ignore[arg-type]
    RequestyClient(api_key=("key",))  # type: ignore[arg-type]
    RequestyClient(region="mars")  # type: ignore[arg-type]
    RequestyClient(budget=1.0)  # type: ignore[arg-type]
    RequestyClient(fallback=["x/y"])  # type: ignore[call-arg]
    AsyncRequestyClient(max_retries="two")  # type: ignore[arg-type]
    AsyncRequestyClient(on_event="print")  # type: ignore[arg-type]
    Requesty("m", temprature=1)  # type: ignore[call-arg]
    Requesty("m", timeout="30s")  # type: ignore[arg-type]
    Requesty("m", fallback=["x/y"])  # type: ignore[call-arg]
    Requesty(3)  # type: ignore[arg-type]
    Requesty("m", structured_output="json")  # type: ignore[arg-type]
    RequestyFallback(["a/b"], fallbacks=["x/y"])  # type: ignore[call-arg]
    RequestyEmbedding("m", dimension=3)  # type: ignore[call-arg]
    RequestyEmbedding("m", embed_batch_size="many")  # type: ignore[arg-type]
    RequestyChatGenerator(model="m", temprature=1)  # type: ignore[call-arg]
    RequestyChatGenerator(model="m", timeout="30s")  # type: ignore[arg-type]
    RequestyTextEmbedder(model="m", dimension=3)  # type: ignore[call-arg]
    RequestyDocumentEmbedder(model="m", batch_size="many")  # type: ignore[arg-type]
    RequestyOpenAI(temprature=1)  # type: ignore[call-arg]
    RequestyOpenAI(timeout="30s")  # type: ignore[arg-type]
    RequestyOpenAI(api_key=3)  # type: ignore[arg-type]
    AsyncRequestyOpenAI(fallbacks=5)  # type: ignore[arg-type]
    RequestyModel("m", fallback=["x/y"])  # type: ignore[call-arg]
    RequestyProvider(timeout="30s")  # type: ignore[arg-type]
    RequestyEmbeddingModel("m", dimension=3)  # type: ignore[call-arg]
