"""Settings: one clear line for what is wrong, and the environment's part."""

from __future__ import annotations

import asyncio
import math
import os
from typing import Any

import h11
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ways import KEY
from tests.support.wire import Wire, answer, router_error

from requesty_core import (
    ApiKey,
    AsyncRequestyClient,
    Budget,
    Config,
    ConfigurationError,
    FallbackPolicy,
    MissingKeyError,
    NotFoundError,
    RequestyClient,
    Timeouts,
)
from requesty_core.adapters import ClientPair
from requesty_core.calls.settings import ClientSettings

# --- bad input --------------------------------------------------------------------------------------------------------

BAD_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"api_key": ""}, r"^api_key: empty; pass api_key=... or set REQUESTY_API_KEY$"),
    ({"api_key": "  "}, r"^api_key: empty"),
    ({"api_key": 5}, r"^api_key: must be a string or a callable, not int$"),
    ({"api_key": "a\nb"}, r"^api_key: contains a line break"),
    ({"api_key": "a\x0bb"}, r"^api_key: contains a line break or a character outside ASCII; copy it again$"),
    ({"api_key": "schlüssel"}, r"^api_key: contains a line break or a character outside ASCII"),
    ({"region": "mars"}, r"^region: 'mars' is unknown; use one of global, eu, us, ap$"),
    ({"region": "eu", "base_url": "https://x.test"}, r"^region: given together with base_url; give only one"),
    ({"base_url": ""}, r"^base_url: empty; give a URL such as 'https://router.requesty.ai/v1'$"),
    ({"base_url": 5}, r"^base_url: 5 is not a text; give a URL such as 'https://router.requesty.ai/v1'$"),
    ({"base_url": ("https://x.test",)}, r"^base_url: \('https://x.test',\) is not a text; give a URL"),
    ({"base_url": '"https://x.test/v1"'}, r"^base_url: is in quotation marks; give the URL without them$"),
    ({"base_url": "//x.test/v1"}, r"no http or https scheme; write 'https://x.test/v1'$"),
    ({"base_url": "https://x.test:0/v1"}, r"^base_url: 'https://x.test:0/v1' is not a URL; give one such as"),
    ({"region": ["eu"]}, r"^region: \['eu'\] is unknown; use one of global, eu, us, ap$"),
    ({"api_key": '"rqsty-sk-1"'}, r"^api_key: is in quotation marks, which would be sent too; give it without them$"),
    ({"api_key": "'rqsty-sk-1"}, r"^api_key: is in quotation marks"),
    ({"api_key": "Bearer rqsty-sk-1"}, r"^api_key: begins with 'Bearer', which is added for you; give the key alone$"),
    ({"api_key": "rqsty-sk-1 rqsty-sk-1"}, r"^api_key: stands there twice; copy it again$"),
    ({"api_key": "$REQUESTY_API_KEY"}, r"^api_key: is the name of a variable that nothing filled in; give its value$"),
    ({"api_key": "${REQUESTY_API_KEY}"}, r"^api_key: is the name of a variable"),
    ({"api_key": "%REQUESTY_API_KEY%"}, r"^api_key: is the name of a variable"),
    ({"timeout": 1e300}, r"^timeout: is more than the 24 days that a socket can wait; give seconds above 0"),
    ({"timeout": 10**400}, r"^timeout: is more than the 24 days that a socket can wait; give seconds above 0"),
    ({"timeout": float("-inf")}, r"^timeout: -inf is negative"),
    ({"extra_body": {"requesty": 5}}, r"^extra_body.requesty: 5 is not a mapping; give auto_cache, tags, …$"),
    ({"extra_headers": {b"X-A": "x"}}, r"^extra_headers: the name is a bytes; give a text$"),
    ({"app_url": 5}, r"^app_url: the value of 'HTTP-Referer' is an int; give a text$"),
    ({"fallbacks": {"a/b", "c/d"}}, r"^fallbacks: .* is not a list of models$"),
    ({"base_url": "router.requesty.ai/v1"}, r"no http or https scheme; write 'https://router.requesty.ai/v1'$"),
    ({"base_url": "localhost:4000"}, r"no http or https scheme; write 'https://localhost:4000'$"),
    ({"base_url": "ftp://x.test"}, r"no http or https scheme; write 'https://x.test'$"),
    ({"base_url": "https://"}, r"^base_url: 'https://' names no host$"),
    ({"base_url": "https://x.test:port"}, r"^base_url: 'https://x.test:port' is not a URL"),
    ({"base_url": "https://[::1"}, r"^base_url: .* is not a URL"),
    ({"base_url": "https://xn--/v1"}, r"^base_url: names no usable host"),
    ({"base_url": "https://xn--ls8h.test/v1"}, r"^base_url: names no usable host"),
    ({"base_url": "https://x.test:0/v1"}, r"^base_url: 'https://x.test:0/v1' is not a URL"),
    ({"base_url": "https://x.test/v1?a=b"}, r"^base_url: .* must not contain a query, a fragment or white space$"),
    ({"base_url": "https://x.test/a b"}, r"^base_url: .* must not contain a query"),
    ({"base_url": "https://x.test/v1#a"}, r"^base_url: .* must not contain a query"),
    ({"base_url": "https://über.test"}, r"^base_url: .* names no usable host; write it in ASCII"),
    ({"base_url": f"https://{'a' * 64}.test"}, r"^base_url: .* names no usable host"),
    ({"base_url": "https://1.2.3.400"}, r"^base_url: .* names no usable host"),
    ({"base_url": "https://u:hunter2@x.test"}, r"^base_url: remove the user name and password from the URL; use api_"),
    ({"base_url": "ftp://u:hunter2@x.test"}, r"^base_url: remove the user name and password"),
    ({"management_url": "api-v2.requesty.ai"}, r"^management_url: .*write 'https://api-v2.requesty.ai'$"),
    ({"timeout": -1}, r"^timeout: -1 is negative; give seconds above 0, or None for no limit$"),
    ({"timeout": 0}, r"^timeout: 0 is not a usable limit; give seconds above 0, or None for no limit$"),
    ({"timeout": math.nan}, r"^timeout: nan is not a number; give seconds"),
    ({"timeout": math.inf}, r"^timeout: inf is not a usable limit"),
    ({"timeout": "30"}, r"^timeout: '30' is not a number; give seconds"),
    ({"timeout": True}, r"^timeout: True is not a number"),
    ({"max_retries": -1}, r"^max_retries: -1 is negative; give 0 \(one request, no retry\) or more$"),
    ({"max_retries": 1.5}, r"^max_retries: 1.5 is not a whole number; give 0 or more$"),
    ({"max_retries": True}, r"^max_retries: True is not a whole number"),
    (
        {"extra_headers": {"X-A": "a\r\nEvil: 1"}},
        r"^extra_headers: the value of 'X-A' contains a line break or NUL; re",
    ),
    ({"extra_headers": {"X-A": "a\0"}}, r"^extra_headers: the value of 'X-A' contains"),
    ({"extra_headers": {"X-A": "a\x7fb"}}, r"^extra_headers: the value of 'X-A' contains"),
    ({"extra_headers": {"X-A": "ü"}}, r"^extra_headers: the value of 'X-A' is not ASCII; percent-encode it$"),
    ({"extra_headers": {"X A": "a"}}, r"^extra_headers: 'X A' is not a header name; use letters, digits and hyphens$"),
    ({"extra_headers": {"X\r\nA": "a"}}, r"^extra_headers: .* is not a header name"),
    ({"extra_headers": {"": "a"}}, r"^extra_headers: '' is not a header name"),
    ({"extra_headers": {"X-A": 5}}, r"^extra_headers: the value of 'X-A' is an int; give a text$"),
    ({"extra_headers": ["X-A"]}, r"^extra_headers: \['X-A'\] is not a mapping; give names and values"),
    ({"extra_headers": {"AUTHORIZATION": "Bearer x"}}, r"^extra_headers: 'Authorization' cannot be set here; use api_"),
    ({"app_title": "a\nb"}, r"^app_title: the value of 'X-Title' contains a line break"),
    ({"extra_body": [1]}, r"^extra_body: \[1\] is not a mapping of JSON fields$"),
    ({"options": 5}, r"^options: 5 is neither RequestyOptions nor a mapping$"),
    ({"options": {"tag": 1}}, r"^options: unknown key tag; put keys of your own under 'extra'$"),
    ({"options": {"auto_cache": 1}}, r"^options.auto_cache: 1 is not a bool; give True or False$"),
    ({"options": {"tags": "a"}}, r"^options.tags: 'a' is not a list of strings$"),
    ({"options": {"tags": 5}}, r"^options.tags: 5 is not a list of strings$"),
    ({"options": {"tags": [1]}}, r"^options.tags: 1 in it is not a string$"),
    ({"options": {"user_id": 5}}, r"^options.user_id: 5 is not a string$"),
    ({"options": {"trace_id": 5}}, r"^options.trace_id: 5 is not a string$"),
    ({"options": {"extra": 5}}, r"^options.extra: 5 is not a mapping$"),
    ({"fallbacks": "a/b"}, r"^fallbacks: give a list of models, not a single one$"),
    ({"fallbacks": {"model": "a/b"}}, r"^fallbacks: give a list of models, not a single one$"),
    ({"fallbacks": 5}, r"^fallbacks: 5 is not a list of models$"),
    ({"fallbacks": [""]}, r"^fallbacks: empty; give a model id"),
    ({"fallbacks": [5]}, r"^fallbacks: 5 is not a string; give a model id"),
    (
        {"fallbacks": [{"name": "a"}]},
        r"^fallbacks: \{name\} is not a step; use model, retries, timeout, first_token_ti",
    ),
    ({"fallbacks": [{"model": "a", "retries": -1}]}, r"^fallbacks.retries: -1 is negative"),
    ({"fallbacks": [{"model": "a", "timeout": 0}]}, r"^fallbacks.timeout: 0 is not a usable limit"),
    (
        {"fallbacks": [{"model": "a", "first_token_timeout": "1"}]},
        r"^fallbacks.first_token_timeout: '1' is not a number",
    ),
    ({"budget": 1.0}, r"^budget: 1\.0 is not a budget; give Budget\(1\.0\)$"),
    ({"budget": "2.50"}, r"^budget: '2\.50' is not a budget; give Budget\('2\.50'\)$"),
    ({"budget": True}, r"^budget: True is not a budget; give Budget\(1\.0\), an amount in USD$"),
    ({"budget": Budget}, r"^budget: a type is not a budget but a class; give Budget\(…\)$"),
    ({"ledger": True}, r"^ledger: True is not a ledger; give CostLedger\(\)$"),
    ({"ledger": "costs.db"}, r"^ledger: 'costs\.db' is not a ledger; give CostLedger\(\)$"),
    ({"on_event": "print"}, r"^on_event: 'print' is not a function; give a function that takes an event$"),
    ({"window": 128000}, r"^window: 128000 is not a function; give a function from a model's id"),
    (
        {"fallback_policy": {"deadline": 5}},
        r"^fallback_policy: \{'deadline': 5\} is not a FallbackPolicy; give FallbackPolicy\(deadline=…\)$",
    ),
    ({"fallback_policy": 5}, r"^fallback_policy: 5 is not a FallbackPolicy; give FallbackPolicy\(deadline=30\)$"),
    # A key in the wrong place.
    (
        {"base_url": "sk-hunter2hunter2"},
        r"^base_url: a string of 17 characters has no http or https scheme; give a URL",
    ),
    ({"region": "rqsty-hunter2"}, r"^region: a string of 13 characters is unknown; use one of global, eu, us, ap$"),
    ({"timeout": "hunter2hunter2hunter2"}, r"^timeout: a string of 21 characters is not a number"),
    ({"extra_headers": "Bearer hunter2"}, r"^extra_headers: a string of 14 characters is not a mapping"),
    ({"extra_body": ("key-hunter2",)}, r"^extra_body: a tuple is not a mapping of JSON fields$"),
    ({"options": ["sk-hunter2"]}, r"^options: a list is neither RequestyOptions nor a mapping$"),
    (
        {"budget": "sk-hunter2"},
        r"^budget: a string of 10 characters is not a budget; give Budget\(1\.0\), an amount in USD$",
    ),
]


@pytest.mark.parametrize(
    ("settings", "text"), BAD_SETTINGS, ids=[f"{next(iter(s))}-{i}" for i, (s, _) in enumerate(BAD_SETTINGS)]
)
@pytest.mark.parametrize("build", [RequestyClient, AsyncRequestyClient, ClientPair])
def test_bad_settings_are_refused_in_one_clear_line(build: Any, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        build(**{"api_key": "k", **settings})
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value, ValueError), "what plain Python raises for it"


BAD_POLICIES: list[tuple[dict[str, Any], str]] = [
    ({"deadline": 0}, r"^fallback_policy.deadline: 0 is not a usable limit"),
    ({"hedge_after": -1}, r"^fallback_policy.hedge_after: -1 is negative"),
    ({"cooldown": -1}, r"^fallback_policy.cooldown: -1 is negative"),
    ({"cooldown": None}, r"^fallback_policy.cooldown: None is not a number; give seconds above 0$"),
    (
        {"should_fall_back": "x"},
        r"^fallback_policy.should_fall_back: 'x' is not a function; give a function from an err",
    ),
    ({"retry": 3}, r"^fallback_policy.retry: 3 is not a RetryPolicy; give RetryPolicy\(cap=…\)$"),
    (
        {"health": "x"},
        r"^fallback_policy.health: 'x' is not a HealthBoard; give HealthBoard\(\), once for all clients$",
    ),
    ({"max_attempts": 0}, r"^fallback_policy.max_attempts: 0 is too small; give 1 or more$"),
    ({"cooldown_after": 0}, r"^fallback_policy.cooldown_after: 0 is too small; give 1 or more$"),
    ({"max_attempts": "3"}, r"^fallback_policy.max_attempts: '3' is not a whole number"),
]


@pytest.mark.parametrize(("settings", "text"), BAD_POLICIES)
def test_bad_rules_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        FallbackPolicy(**settings)


@pytest.mark.parametrize("name", ["connect", "read", "write", "total", "first_token"])
def test_each_time_limit_names_itself(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^timeout.{name}: -1 is negative"):
        Timeouts(**{name: -1})
    assert getattr(Timeouts(**{name: None}), name) is None


BAD_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, r"^model: empty; give a model id such as 'openai/gpt-4o-mini' or 'policy/NAME'$"),
    ({"model": None}, r"^model: None is not a string; give a model id"),
    ({"messages": "Hi"}, r"^messages: give a list of message objects with 'role' and 'content'$"),
    ({"messages": {"role": "user"}}, r"^messages: give a list"),
    ({"messages": iter([])}, r"^messages: give a list"),
    ({"region": "eu"}, r"^region: is a setting of the client, not of a call; use 'model@region' ids$"),
    ({"timeout": -1}, r"^timeout: -1 is negative"),
    ({"max_retries": -1}, r"^max_retries: -1 is negative"),
    ({"fallbacks": "x"}, r"^fallbacks: give a list"),
    ({"options": {"tag": 1}}, r"^options: unknown key tag"),
    ({"extra_headers": {"X-A": "\n"}}, r"^extra_headers: the value of 'X-A' contains a line break"),
    ({"extra_body": 5}, r"^extra_body: 5 is not a mapping"),
    ({"requesty": 5}, r"^requesty: 5 is not a mapping"),
    ({"extra_body": {"requesty": "x"}}, r"^extra_body.requesty: 'x' is not a mapping"),
    ({"temperature": object()}, r"^temperature: cannot be sent as JSON"),
    ({"user": object()}, r"^user: cannot be sent as JSON"),
    (
        {"messages": [{"role": "user", "content": object()}]},
        r"^messages\[0\]\.content: cannot be sent as JSON: it is of type object; give text",
    ),
]


@pytest.mark.parametrize(
    ("params", "text"), BAD_CALLS, ids=[f"{next(iter(p))}-{i}" for i, (p, _) in enumerate(BAD_CALLS)]
)
def test_bad_arguments_are_refused_before_any_request(way: Any, params: dict[str, Any], text: str) -> None:
    wire = Wire()
    with pytest.raises(ConfigurationError, match=text) as caught:
        way(wire, {"fallbacks": ["b/2"], "max_retries": 2}, **params)
    assert "\n" not in str(caught.value)
    assert wire.requests == []


def test_a_cycle_in_the_body_is_named(unary: Any) -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = loop
    with pytest.raises(
        ConfigurationError, match=r"^metadata\.loop\.loop[.lop]+: cannot be sent as JSON: it is nested deeper"
    ):
        unary(Wire(), metadata=loop)


URL_TOKENS = ["http", "https", "://", ":", "/", "[", "]", "::1", "@", "?", "#", "a", "xn--", "é", "☃", "%41", ".", "-"]
URL_TOKENS += ["80", "99999", "\\", "*", "!", "127.0.0.1", "\u3002", "\x7f", "\n", "router.requesty.ai"]


def built(build: Any) -> Any:
    """What ``build`` gives, or the text of its refusal."""
    try:
        return build()
    except ConfigurationError as error:
        return str(error)


@given(st.one_of(st.text(), st.lists(st.sampled_from(URL_TOKENS)).map("".join)), st.booleans())
def test_any_text_as_base_url_is_used_or_refused(text: str, scheme: bool) -> None:
    url = f"https://{text}" if scheme else text
    settings = built(lambda: ClientSettings.build(base_url=url))
    if isinstance(settings, str):
        assert settings.startswith("base_url: ")
    else:
        assert str(settings.routes.chat.url).endswith("/chat/completions")
        assert settings.routes.chat.url.raw_host


@given(st.text(), st.text())
def test_any_text_as_header_is_sent_or_refused(name: str, value: str) -> None:
    config = built(lambda: Config.build(extra_headers={name: value}))
    if isinstance(config, str):
        assert config.startswith("extra_headers: ")
    else:
        h11.Request(method="POST", target="/", headers=[("Host", "x"), *config.headers.items()])


@given(st.text())
def test_any_text_as_key_is_sent_or_refused_without_repeating_it(text: str) -> None:
    key = built(lambda: ApiKey(text))
    if isinstance(key, str):
        assert len(text.strip()) < 4 or text.strip() not in key
    else:
        h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Authorization", f"Bearer {key.get()}")])


# --- where to -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "environment", "base", "management"),
    [
        ({}, {}, "https://router.requesty.ai/v1", "https://api-v2.requesty.ai"),
        ({"region": "global"}, {}, "https://router.requesty.ai/v1", "https://api-v2.requesty.ai"),
        ({"region": "eu"}, {}, "https://router.eu.requesty.ai/v1", "https://api-v2.requesty.ai"),
        ({"region": "us"}, {}, "https://router.us.requesty.ai/v1", "https://api-v2.requesty.ai"),
        ({"region": "ap"}, {}, "https://router.ap.requesty.ai/v1", "https://api-v2.requesty.ai"),
        ({}, {"BASE_URL": "https://a.test/v1"}, "https://a.test/v1", "https://a.test"),
        ({}, {"API_BASE": "https://b.test/v1/"}, "https://b.test/v1", "https://b.test"),
        ({}, {"BASE_URL": "https://a.test", "API_BASE": "https://b.test"}, "https://a.test", "https://a.test"),
        ({}, {"BASE_URL": "", "API_BASE": "https://b.test"}, "https://b.test", "https://b.test"),
        (
            {"region": "eu"},
            {"BASE_URL": "https://a.test"},
            "https://router.eu.requesty.ai/v1",
            "https://api-v2.requesty.ai",
        ),
        ({"base_url": "https://c.test/v1//"}, {"BASE_URL": "https://a.test"}, "https://c.test/v1", "https://c.test"),
        ({"base_url": "http://127.0.0.1:8080/v1"}, {}, "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ({"base_url": "https://router.own.test/v1"}, {}, "https://router.own.test/v1", "https://api-v2.own.test"),
        ({"base_url": " https://[::1]:8080/v1 "}, {}, "https://[::1]:8080/v1", "https://[::1]:8080"),
        ({"management_url": "https://m.test/"}, {}, "https://router.requesty.ai/v1", "https://m.test"),
    ],
)
def test_where_requests_go(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], environment: dict[str, str], base: str, management: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"REQUESTY_{name}", value)
    config = Config.build(**settings)
    assert (config.base_url, config.management_url) == (base, management)
    client = RequestyClient(**settings)
    assert client.base_url == base
    assert repr(client) == f"RequestyClient(base_url={base!r})"


@pytest.mark.parametrize("name", ["REQUESTY_BASE_URL", "REQUESTY_API_BASE"])
def test_a_bad_base_url_of_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "nowhere")
    with pytest.raises(ConfigurationError, match=f"^{name}: 'nowhere' has no http or https scheme"):
        RequestyClient()


def test_attribution_comes_from_arguments_then_the_environment_and_is_otherwise_not_sent(
    way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire(answer(), answer(), answer())
    way(wire)
    assert "http-referer" not in wire.requests[-1].headers
    assert "x-title" not in wire.requests[-1].headers
    monkeypatch.setenv("REQUESTY_APP_URL", "https://env.test")
    monkeypatch.setenv("REQUESTY_APP_TITLE", "Env")
    way(wire)
    assert wire.requests[-1].headers["http-referer"] == "https://env.test"
    assert wire.requests[-1].headers["x-title"] == "Env"
    way(wire, {"app_url": "https://app.test", "app_title": "App"})
    assert wire.requests[-1].headers["http-referer"] == "https://app.test"
    assert wire.requests[-1].headers["x-title"] == "App"


class _Spy(dict[str, str]):
    """An environment that notes every name asked for."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(os.environ)
        self.names = names

    def get(self, key: str, default: Any = None) -> Any:
        self.names.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.names.add(key)
        return super().__getitem__(key)


def test_only_the_gateways_own_variables_are_read(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names: set[str] = set()
    monkeypatch.setenv("REQUESTY_API_KEY", "from-env")
    monkeypatch.setattr(os, "environ", _Spy(names))
    wire = Wire(answer())
    way(wire, {"api_key": None, "base_url": None})
    assert wire.requests[0].headers["authorization"] == "Bearer from-env"
    assert wire.requests[0].url.host == "router.requesty.ai"
    assert {n for n in names if not n.startswith(("REQUESTY_", "PYTHON"))} == set()
    assert "openai" not in str(wire.requests[0].headers).lower()


def test_without_a_key_nothing_is_sent_and_the_openai_key_is_not_taken(way: Any) -> None:
    wire = Wire()
    client = way.client(wire, api_key=None, max_retries=3, fallbacks=["b/2"])
    with pytest.raises(
        MissingKeyError, match=r"^api_key: no Requesty API key; pass api_key=... or set REQUESTY_API_KEY$"
    ):
        way.ask(client)
    assert wire.requests == []


def test_the_environments_key_is_read_when_it_is_needed(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(answer())
    client = way.client(wire, api_key=None)
    assert not client.settings.config.api_key.is_set
    monkeypatch.setenv("REQUESTY_API_KEY", "  late-key ")
    assert client.settings.config.api_key.is_set
    way.ask(client)
    assert wire.requests[0].headers["authorization"] == "Bearer late-key"


# --- time limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "connect", "read", "write"),
    [
        (300.0, 10.0, 300.0, 60.0),
        (5, 5, 5, 5),
        (None, 10.0, None, None),
        (Timeouts(connect=1, read=2, write=3), 1, 2, 3),
        (Timeouts(connect=9, read=None, total=4), 4, 4, 60.0),
    ],
)
def test_time_limits_of_a_request(way: Any, timeout: Any, connect: Any, read: Any, write: Any) -> None:
    wire = Wire(answer(), answer())
    way(wire, {"timeout": timeout})
    way(wire, timeout=timeout)
    for request in wire.requests:
        limits = request.extensions["timeout"]
        assert (limits["connect"], limits["write"], limits["pool"]) == (
            connect,
            write,
            None if timeout is None else 300.0,
        )
        if not way.streams:
            assert limits["read"] == read


# --- a caller's own HTTP client ---------------------------------------------------------------------------------------


def test_a_callers_own_http_client_is_used_and_left_open(way: Any) -> None:
    wire = Wire(answer(), answer())
    seen: list[str] = []
    own: Any
    if way.is_async:

        async def ahook(request: httpx.Request) -> None:
            seen.append(request.url.path)

        own = httpx.AsyncClient(transport=wire.transport, event_hooks={"request": [ahook]})
    else:
        own = httpx.Client(transport=wire.transport, event_hooks={"request": [lambda r: seen.append(r.url.path)]})
    client = way.client(own)
    assert way.ask(client).text == "Hello"
    assert seen == ["/v1/chat/completions"]
    assert wire.requests[0].headers["authorization"] == f"Bearer {KEY}"

    async def close() -> None:
        async with client:
            pass

    if way.is_async:
        asyncio.run(close())
    else:
        with client:
            pass
    assert not own.is_closed


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ('"rqsty-sk-1"', "REQUESTY_API_KEY: is in quotation marks, which would be sent too; give it without them"),
        ("Bearer rqsty-sk-1", "REQUESTY_API_KEY: begins with 'Bearer', which is added for you; give the key alone"),
        ("rqsty\nsk", "REQUESTY_API_KEY: contains a line break or a character outside ASCII; copy it again"),
    ],
)
def test_a_bad_key_of_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch, key: str, line: str) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", key)
    with pytest.raises(ConfigurationError) as raised:
        RequestyClient()
    assert str(raised.value) == line
    monkeypatch.delenv("REQUESTY_API_KEY")
    client = RequestyClient(base_url="https://gateway.test/v1")
    monkeypatch.setenv("REQUESTY_API_KEY", key)
    with pytest.raises(ConfigurationError) as raised:
        client.chat(model="a/b", messages=[{"role": "user", "content": "hi"}])
    assert str(raised.value) == line


@pytest.mark.parametrize("key", [None, 3, ("rqsty-sk-1",)])
def test_a_function_that_returns_no_key_is_told(way: Any, key: Any) -> None:
    wire = Wire(answer())
    with pytest.raises(ConfigurationError, match=r"^api_key: the callable returned no string"):
        way(wire, {"api_key": lambda: key})
    assert wire.requests == []


def test_a_header_of_the_client_is_sent_once_whatever_its_case(way: Any) -> None:
    wire = Wire(answer())
    way(wire, {"extra_headers": {"content-type": "application/json; charset=utf-8", "user-agent": "mine"}})
    sent = [(name.lower(), value) for name, value in wire.requests[0].headers.raw]
    assert [value for name, value in sent if name == b"content-type"] == [b"application/json; charset=utf-8"]
    assert [value for name, value in sent if name == b"user-agent"] == [b"mine"]


def test_a_key_given_as_model_is_not_repeated(way: Any) -> None:
    wire = Wire(router_error(404, "Provider and/or model not supported"))
    with pytest.raises(NotFoundError) as raised:
        way(wire, model="rqsty-sk-4f9a8b7c6d5e4f3a2b1c")
    assert "4f9a8b" not in str(raised.value)
    assert "what was given as model looks like a key" in str(raised.value)
