"""The table of mistakes through every adapter: one line of our own, what was meant, and no key; nothing is sent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from langchain_requesty import ChatRequesty, ChatRequestyFallback, RequestyEmbeddings
from llama_index.llms.requesty import Requesty, RequestyFallback
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import AsyncRequestyClient, RequestyClient
from requesty_core.errors import ConfigurationError

from .mistakes import MISTAKES, SECRET

CHAT = "openai/gpt-4o-mini"
_OF_THE_MODEL = ("fallback", "fallback_models", "fallbacks", "fallback_policy")


def _haystack(**settings: Any) -> Any:
    renamed = {"base_url": "api_base_url"}
    return RequestyChatGenerator(model=CHAT, **{renamed.get(name, name): value for name, value in settings.items()})


def _pydantic_ai(**settings: Any) -> Any:
    of_the_model = {name: value for name, value in settings.items() if name in _OF_THE_MODEL}
    if of_the_model:
        return RequestyModel(CHAT, **of_the_model)
    return RequestyModel(CHAT, provider=RequestyProvider(**settings))


ADAPTERS: dict[str, Callable[..., Any]] = {
    "core": lambda **k: RequestyClient(**k),
    "core, async": lambda **k: AsyncRequestyClient(**k),
    "langchain": lambda **k: ChatRequesty(model=CHAT, **k),
    "llama_index": lambda **k: Requesty(CHAT, **k),
    "haystack": _haystack,
    "pydantic_ai": _pydantic_ai,
    "openai": lambda **k: RequestyOpenAI(**k),
}

UNDERSTOOD = {
    ("langchain", "key as bytes"): "pydantic reads bytes where a text belongs",
    ("llama_index", "key as bytes"): "pydantic reads bytes where a text belongs",
}
"""What a framework's own types make right: no mistake there."""

_TRACES = (SECRET, SECRET[9:], "4915550123456789", "X-Evil")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-of-the-environment")
    for name in ("REQUESTY_BASE_URL", "REQUESTY_API_BASE"):
        monkeypatch.delenv(name, raising=False)


def all_of(error: BaseException) -> str:
    """What a log would show of an error and of those behind it."""
    shown, link = "", error
    for _ in range(9):
        shown += "\n".join([str(link), repr(link), *getattr(link, "__notes__", ())])
        if (link.__cause__ or link.__context__) is None:
            break
        link = link.__cause__ or link.__context__  # type: ignore[assignment]
    return shown


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_mistake_is_one_line_that_says_what_was_meant(adapter: str, name: str) -> None:
    mistake = MISTAKES[name]
    if (adapter, name) in UNDERSTOOD:
        ADAPTERS[adapter](**{mistake.setting: mistake.value})
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConfigurationError) as raised:
            ADAPTERS[adapter](**{mistake.setting: mistake.value})
    line = str(raised.value)
    assert "\n" not in line
    assert len(line) <= 250
    assert mistake.setting in line
    if mistake.meant is not None:
        meant = mistake.meant if adapter != "haystack" else mistake.meant.replace("base_url", "api_base_url")
        assert meant in line.partition(":")[2]
    assert [trace for trace in _TRACES if trace in all_of(raised.value)] == []


@pytest.mark.parametrize("chain", [ChatRequestyFallback, RequestyFallback])
@pytest.mark.parametrize(
    ("name", "value"), [("model", "c/d"), ("model", None), ("fallbacks", ["c/d"]), ("fallbacks", "c")]
)
def test_a_chain_refuses_what_would_have_no_effect_beside_its_list(chain: Any, name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: a chain takes it from its list; set models$"):
        chain(models=[CHAT, "a/b"], **{name: value})
    same = chain(models=[CHAT, "a/b"], model=CHAT, fallbacks=["a/b"])
    assert (same.model, same.fallbacks) == (CHAT, ["a/b"])


@pytest.mark.parametrize("name", ["fallbacks", "fallback_policy", "adapt"])
def test_embeddings_refuse_what_is_for_chains(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: is no setting of this class; leave it out$"):
        RequestyEmbeddings(model="openai/text-embedding-3-small", **{name: ["a/b"]})
