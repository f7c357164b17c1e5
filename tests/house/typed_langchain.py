"""What a user of the LangChain adapter writes, for mypy and pyright alone: right lines pass, each wrong one must fail.

``make lint`` checks this folder, and an ignored error that does not happen is an error itself.
"""

from __future__ import annotations

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool
from pydantic import BaseModel, SecretStr

from langchain_requesty import (
    Budget,
    ChatRequesty,
    ChatRequestyFallback,
    CostLedger,
    FallbackPolicy,
    RequestyEmbeddings,
    RequestyOptions,
    Step,
    Timeouts,
)


class Light(BaseModel):
    """A light."""

    name: str


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


def right() -> list[BaseChatModel | Embeddings]:
    """What the pages show."""
    chat = ChatRequesty(model="openai/gpt-4o-mini", api_key="…", temperature=0, timeout=30, max_retries=0)
    secret = ChatRequesty(model="openai/gpt-4o-mini", api_key=SecretStr("…"), region="eu", tracing=True)
    rotated = ChatRequesty(model="policy/NAME", api_key=lambda: "…", timeout=Timeouts(read=5), output_version="v1")
    booked = ChatRequesty(
        model="openai/gpt-4o-mini",
        fallbacks=["anthropic/claude-sonnet-4-5", Step("openai/gpt-4o", retries=1), {"model": "x/y", "timeout": 3}],
        fallback_policy=FallbackPolicy(deadline=30),
        options=RequestyOptions(tags=["a"]),
        extra_headers={"X-Requesty-Team": "search"},
        ledger=CostLedger(),
        budget=Budget("2.50"),
        on_event=print,
    )
    chain = ChatRequestyFallback(models=["openai/gpt-4o", {"model": "x/y"}], options={"tags": ["a"]}, streaming=True)
    chat.bind_tools([weather], tool_choice="weather").invoke("Weather in Oslo?")
    chat.with_structured_output(Light, method="json_schema", include_raw=True).invoke("A light.")
    vectors = RequestyEmbeddings(model="openai/text-embedding-3-small", api_key="…", dimensions=256, chunk_size=64)
    return [chat, secret, rotated, booked, chain, vectors]


def wrong() -> None:
    """A typo or a wrong type in each line."""
    ChatRequesty()  # type: ignore[call-arg]
    ChatRequesty("openai/gpt-4o-mini")  # type: ignore[call-arg]
    ChatRequesty(model=3)  # type: ignore[arg-type]
    ChatRequesty(model="m", temprature=1)  # type: ignore[call-arg]
    ChatRequesty(model="m", fallback=["x/y"])  # type: ignore[call-arg]
    ChatRequesty(model="m", timeout="30s")  # type: ignore[arg-type]
    ChatRequesty(model="m", max_retries="two")  # type: ignore[arg-type]
    ChatRequesty(model="m", region="mars")  # type: ignore[arg-type]
    ChatRequesty(model="m", budget=1.0)  # type: ignore[arg-type]
    ChatRequesty(model="m", ledger=True)  # type: ignore[arg-type]
    ChatRequesty(model="m", on_event="print")  # type: ignore[arg-type]
    ChatRequesty(model="m", api_key=("key",))  # type: ignore[arg-type]
    ChatRequestyFallback(models="x/y", model="m")  # type: ignore[call-arg]
    RequestyEmbeddings(model="m", dimension=3)  # type: ignore[call-arg]
    RequestyEmbeddings(model="m", fallbacks=["x/y"])  # type: ignore[call-arg]
