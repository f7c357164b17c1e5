"""Who stands at the SDK's own methods sees what the caller gave, as with the plain SDK.

Tracing packages, mocks and proxies replace methods of the SDK's classes. What one sees of a call of ours is compared
with what it sees of the same call of the SDK's client.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any, get_args
from unittest.mock import AsyncMock, MagicMock

import openai
import pytest
from openai.resources.chat.completions import AsyncCompletions, Completions
from openai.resources.embeddings import AsyncEmbeddings, Embeddings
from openai.resources.responses import AsyncResponses, Responses
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel
from typing_extensions import is_typeddict

from openai_requesty.direct import direct

MODEL = "openai/gpt-4o-mini"
ASK: list[Any] = [{"role": "user", "content": "What is the tide in Oslo?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"h": {"type": "string"}},
    "required": ["h"],
    "additionalProperties": False,
}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "tide", "strict": True, "parameters": PARAMETERS}}
FLAT: dict[str, Any] = {"type": "function", "name": "tide", "strict": True, "parameters": PARAMETERS}


class Tide(BaseModel):
    height: int


def turns() -> list[Any]:
    """Messages of which one is the SDK's own model."""
    return [*ASK, ChatCompletionMessage(role="assistant", content="Low."), {"role": "user", "content": "And now?"}]


CHAT = {"model": MODEL, "messages": ASK, "tools": [TOOL], "temperature": 0.5, "extra_body": {"seed": 7}}
RESPONSE = {"model": MODEL, "input": ASK, "tools": [FLAT], "extra_headers": {"x-mine": "1"}}

#: The resource, its method, and the arguments of a call; the arguments are made anew for each.
CALLS: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "chat": ("chat.completions", "create", lambda: dict(CHAT)),
    "chat, streamed": ("chat.completions", "create", lambda: {**CHAT, "stream": True}),
    "chat, models among messages": ("chat.completions", "create", lambda: {"model": MODEL, "messages": turns()}),
    "chat, an iterator": ("chat.completions", "create", lambda: {"model": MODEL, "messages": tuple(ASK)}),
    "chat, parsed": ("chat.completions", "parse", lambda: {**CHAT, "response_format": Tide}),
    "responses": ("responses", "create", lambda: dict(RESPONSE)),
    "responses, streamed": ("responses", "create", lambda: {**RESPONSE, "stream": True}),
    "responses, parsed": ("responses", "parse", lambda: {**RESPONSE, "text_format": Tide}),
    "embeddings": ("embeddings", "create", lambda: {"model": "openai/text-embedding-3-small", "input": ["a", "b"]}),
}

CLASSES = {
    "chat.completions": (Completions, AsyncCompletions),
    "responses": (Responses, AsyncResponses),
    "embeddings": (Embeddings, AsyncEmbeddings),
}


def replaced(how: str, original: Any, record: Callable[..., None]) -> Any:
    """A replacement of a method that records and goes on, as different packages make one."""

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        record(*args, **kwargs)
        return original(self, *args, **kwargs)

    async def awrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        record(*args, **kwargs)
        return await original(self, *args, **kwargs)

    if how == "function":
        return wrapped
    if how == "wraps":
        return functools.wraps(original)(wrapped)
    if how == "coroutine":
        return functools.wraps(original)(awrapped)

    if how == "partial":
        return functools.partialmethod(wrapped)

    class Proxy:
        """As ``wrapt`` makes them: an object that answers as the function does."""

        def __get__(self, instance: Any, owner: Any) -> Any:
            return self if instance is None else functools.partial(wrapped, instance)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return wrapped(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(original, name)

    return Proxy()


def attribute(client: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), client)


def plain_client(way: Any) -> Any:
    make = openai.AsyncOpenAI if way.is_async else openai.OpenAI
    return make(base_url=way.gw.base_url, api_key=way.gw.api_key, max_retries=0)


async def perform(way: Any, client: Any, name: str) -> None:
    path, method, arguments = CALLS[name]
    for answer in ("stream", "parse"):
        if answer in name:
            way.gw.say(text='{"height": 3}')
    call = getattr(attribute(client, path), method)
    result = await way.get(call(**arguments()))
    if "streamed" in name:
        await way.all(result)


@pytest.fixture(autouse=True)
def _unpatched() -> Iterator[None]:
    """Whatever a test replaced stands again afterwards."""
    kept = {cls: dict(cls.__dict__) for pair in CLASSES.values() for cls in pair}
    yield
    for cls, own in kept.items():
        for name in ("create", "parse"):
            if name in own:
                setattr(cls, name, own[name])


@pytest.mark.parametrize(
    ("name", "how"),
    [*((name, "wraps") for name in CALLS), *(("chat", how) for how in ("function", "coroutine", "partial", "proxy"))],
)
async def test_at_the_method(way: Any, name: str, how: str) -> None:
    if how == "coroutine" and not way.is_async:
        how = "function"
    path, method, arguments = CALLS[name]
    cls = CLASSES[path][way.is_async]
    seen: list[dict[str, Any]] = []
    setattr(cls, method, replaced(how, getattr(cls, method), lambda *a, **kw: seen.append(kw)))
    await perform(way, way.client(), name)
    assert seen == [arguments()]


@pytest.mark.parametrize("name", ["chat, streamed", "responses, streamed"])
async def test_the_stream_helpers_pass_by_create(way: Any, name: str) -> None:
    path, _, arguments = CALLS[name]
    cls = CLASSES[path][way.is_async]
    seen: list[dict[str, Any]] = []
    cls.create = replaced("wraps", cls.create, lambda **kw: seen.append(kw))
    given = {key: value for key, value in arguments().items() if key not in ("stream", "temperature")}
    form = "response_format" if path == "chat.completions" else "text_format"
    for client in (plain_client(way), way.client()):
        way.gw.say(text='{"height": 3}')
        await way.helper(attribute(client, path).stream(**given, **{form: Tide}))
    plain, ours = ({k: v for k, v in kw.items() if not isinstance(v, openai._types.Omit)} for kw in seen)
    assert ours == plain


@pytest.mark.parametrize("where", ["post", "request"])
@pytest.mark.parametrize("name", CALLS)
async def test_in_the_clients_options(way: Any, name: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = openai.AsyncOpenAI if way.is_async else openai.OpenAI
    seen: list[Any] = []

    def record(first: Any, second: Any = None, **kw: Any) -> None:
        sent = {"json_data": kw.get("body"), **kw.get("options", {})} if where == "post" else second.__dict__
        fields = {k: sent[k] for k in ("json_data", "extra_json") if sent.get(k) is not None}
        seen.append(copy.deepcopy(fields))

    monkeypatch.setattr(cls, where, replaced("wraps", getattr(cls, where), record))
    await perform(way, plain_client(way), name)
    await perform(way, way.client(), name)
    plain, ours = seen
    if "parsed" in name and where == "request":
        # The schema of the class is ours there; the SDK's is not always one that can be sent.
        for kept in (plain["json_data"], ours["json_data"]):
            form = kept.pop("response_format", None) or kept.pop("text")
            assert "'height'" in str(form)
    assert ours == plain


@pytest.mark.parametrize("name", CALLS)
async def test_the_same_bytes_with_and_without_a_listener(way: Any, gw: Any, name: str) -> None:
    path, method, _ = CALLS[name]
    await perform(way, way.client(), name)
    unseen = gw.last_request.body
    cls = CLASSES[path][way.is_async]
    setattr(cls, method, replaced("wraps", getattr(cls, method), lambda *a, **kw: None))
    await perform(way, way.client(), name)
    assert gw.last_request.body == unseen


@pytest.mark.parametrize(
    "method",
    [
        *(Completions.create, AsyncCompletions.create, Completions.parse, AsyncCompletions.parse),
        *(Responses.create, AsyncResponses.create, Responses.parse, AsyncResponses.parse),
        *(Embeddings.create, AsyncEmbeddings.create),
    ],
    ids=lambda method: method.__qualname__,
)
def test_the_sdks_own_methods_have_a_quicker_copy(method: Any) -> None:
    bound = MethodType(method, object())
    assert direct(bound) is not bound
    replacement = MethodType(replaced("wraps", method, lambda *a, **kw: None), object())
    assert direct(replacement) is replacement


async def test_a_mock_gets_the_callers_arguments_and_nothing_else(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mock = (AsyncMock if way.is_async else MagicMock)(return_value="answer")
    monkeypatch.setattr(CLASSES["chat.completions"][way.is_async], "create", mock)
    assert await way.get(way.client().chat.completions.create(**CHAT)) == "answer"
    mock.assert_called_once_with(**CHAT)


def test_what_the_quicker_copy_leaves_out_would_have_changed_nothing() -> None:
    """No parameter of these routes has another name or a format of its own on the wire."""
    from openai._utils._transform import PropertyInfo, get_type_hints
    from openai.types import embedding_create_params
    from openai.types.chat import completion_create_params
    from openai.types.responses import response_create_params

    seen: set[Any] = set()
    changed: list[str] = []

    def walk(annotation: Any, where: str) -> None:
        for part in getattr(annotation, "__metadata__", ()):
            if isinstance(part, PropertyInfo) and (part.alias is not None or part.format is not None):
                changed.append(where)
        for inner in (getattr(annotation, "__origin__", None), *get_args(annotation)):
            if inner is not None and not isinstance(inner, str):
                walk(inner, where)
        if is_typeddict(annotation) and annotation not in seen:
            seen.add(annotation)
            for name, hint in get_type_hints(annotation, include_extras=True).items():
                walk(hint, f"{annotation.__name__}.{name}")

    walk(completion_create_params.CompletionCreateParams, "")
    walk(response_create_params.ResponseCreateParams, "")
    walk(embedding_create_params.EmbeddingCreateParams, "")
    assert len(seen) > 50
    assert changed == []


def test_missing_arguments_are_named_as_by_the_sdk(way: Any) -> None:
    with pytest.raises(TypeError, match="Missing required arguments; Expected either"):
        way(lambda: way.client().chat.completions.create(model=MODEL))
