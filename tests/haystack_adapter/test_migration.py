"""What Haystack's own OpenAI components saved loads as ours, after its type was changed; keys stay one account's."""

from __future__ import annotations

from typing import Any

import pytest
from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.utils import Secret

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from requesty_core import Timeouts
from requesty_core.adapters import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT
from requesty_core.errors import ConfigurationError, MissingKeyError

KEY = Secret.from_env_var("REQUESTY_API_KEY")
PAIRS = [
    (OpenAIChatGenerator, RequestyChatGenerator),
    (OpenAITextEmbedder, RequestyTextEmbedder),
    (OpenAIDocumentEmbedder, RequestyDocumentEmbedder),
]


def moved(theirs: Any, ours: Any, **settings: Any) -> dict[str, Any]:
    """What theirs saves, with our type."""
    saved: dict[str, Any] = theirs(api_key=KEY, **settings).to_dict()
    return {**saved, "type": f"{ours.__module__}.{ours.__name__}"}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-of-this-account")


@pytest.mark.parametrize(("theirs", "ours"), PAIRS, ids=[p[1].__name__ for p in PAIRS])
def test_it_loads_with_our_defaults_for_nulls(theirs: Any, ours: Any) -> None:
    loaded = ours.from_dict(moved(theirs, ours, model="openai/m"))
    assert (loaded.model, loaded.max_retries, loaded.timeout) == ("openai/m", DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS, ids=[p[1].__name__ for p in PAIRS])
def test_what_was_set_is_kept(theirs: Any, ours: Any) -> None:
    saved = moved(theirs, ours, timeout=12.0, max_retries=0, api_base_url="https://gateway.test/v1")
    loaded = ours.from_dict(saved)
    assert (loaded.timeout, loaded.max_retries, loaded.api_base_url) == (12.0, 0, "https://gateway.test/v1")


@pytest.mark.parametrize(("theirs", "ours"), PAIRS, ids=[p[1].__name__ for p in PAIRS])
def test_what_has_no_meaning_here_is_one_line(theirs: Any, ours: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^organization: 'org-1' has no meaning here; leave it out"):
        ours.from_dict(moved(theirs, ours, organization="org-1"))


def test_no_time_limit_of_ours_is_still_none() -> None:
    loaded = RequestyChatGenerator.from_dict(RequestyChatGenerator(model="a/b", timeout=None).to_dict())
    assert loaded.timeout is None
    kept = RequestyChatGenerator.from_dict(RequestyChatGenerator(model="a/b", timeout=Timeouts(read=3.0)).to_dict())
    assert kept.timeout == Timeouts(read=3.0)


EMPTY = {
    "empty": Secret.from_env_var("OWN_KEY"),
    "not set": Secret.from_env_var("NOT_THERE", strict=False),
    "the second empty": Secret.from_env_var(["NOT_THERE", "OWN_KEY"]),
}


@pytest.mark.parametrize("secret", EMPTY.values(), ids=EMPTY)
def test_a_secret_without_a_key_is_not_another_accounts(
    secret: Secret, gw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_KEY", "")
    for component in (
        RequestyChatGenerator(model="a/b", api_key=secret, api_base_url=gw.base_url),
        RequestyTextEmbedder(model="a/b", api_key=secret, api_base_url=gw.base_url),
    ):
        with pytest.raises(MissingKeyError, match=r"^api_key: (NOT_THERE|OWN_KEY|NOT_THERE and OWN_KEY): not set, or"):
            component.run("Hello")
    assert gw.requests == []
