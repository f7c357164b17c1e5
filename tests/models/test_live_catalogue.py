"""What a refresh tells is what every adapter of that gateway goes by; without one, the snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.models import infer_model

from langchain_requesty import ChatRequesty
from llama_index.llms.requesty import Requesty
from pydantic_ai_requesty import RequestyEmbeddingModel, RequestyModel
from requesty_core import RequestyClient
from requesty_core.catalog.cache import forget
from requesty_emulator import GatewayEmulator

NEW = "acme/newest-4"
WINDOW = 123_456


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as gateway:
        monkeypatch.setenv("REQUESTY_CACHE_DIR", str(tmp_path))
        monkeypatch.setenv("REQUESTY_BASE_URL", gateway.base_url)
        monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
        gateway.add_model(NEW, context_window=WINDOW)
        yield gateway
        forget(gateway.base_url)


def windows() -> dict[str, Any]:
    """The window of the new model, as each adapter tells it."""
    return {
        "langchain": (ChatRequesty(model=NEW).profile or {}).get("max_input_tokens"),
        "llama_index": Requesty(NEW).metadata.context_window,
        "pydantic_ai": RequestyModel(NEW).profile.get("context_window"),
        "embeddings": asyncio.run(RequestyEmbeddingModel(NEW).max_input_tokens()),
    }


def test_a_refresh_reaches_every_adapter(gateway: GatewayEmulator) -> None:
    assert WINDOW not in windows().values()
    RequestyClient().models.refresh()
    assert windows() == dict.fromkeys(windows(), WINDOW)
    # Another process reads it from the disk.
    forget(gateway.base_url)
    assert windows() == dict.fromkeys(windows(), WINDOW)


def test_a_profile_of_the_user_goes_before_the_catalogue(gateway: GatewayEmulator) -> None:
    RequestyClient().models.refresh()
    assert RequestyModel(NEW, profile={"context_window": 9}).profile["context_window"] == 9
    assert Requesty(NEW, context_window=9).metadata.context_window == 9


@pytest.mark.parametrize("name", ["openai/o3-mini:high", "bedrock/claude-sonnet-4-5@eu-central-1", "policy/mine"])
def test_pydantic_ai_reads_the_ids_wherever_it_takes_a_name(gateway: GatewayEmulator, name: str) -> None:
    spec = Agent.from_spec({"model": f"requesty:{name}"})
    for model in (spec.model, Agent(f"requesty:{name}").model):
        assert isinstance(model, RequestyModel)
        assert model.model_name == name
    # Strings of others go on as before.
    assert infer_model("test").model_name == "test"
    if not name.startswith("policy/"):
        assert spec.run_sync("Hi").output
