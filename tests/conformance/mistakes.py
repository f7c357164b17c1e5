"""Mistakes that people make with a constructor, as settings of the core's vocabulary, and what the line must name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["MISTAKES", "SECRET", "Mistake"]

SECRET = "rqsty-sk-4f9a8b7c6d5e4f3a2b1c"
_URL = "http://127.0.0.1:1/v1"


@dataclass(frozen=True)
class Mistake:
    """One setting, given wrongly.

    Attributes:
        setting: its name, in the core's words.
        value: what is given.
        meant: the name that is suggested, if the setting's is no name.
    """

    setting: str
    value: Any
    meant: str | None = None


MISTAKES: dict[str, Mistake] = {
    # Keys.
    "key with a trailing comma": Mistake("api_key", (SECRET,)),
    "key as a list": Mistake("api_key", [SECRET]),
    "key as an int": Mistake("api_key", 4915550123456789),
    "key as bytes": Mistake("api_key", SECRET.encode()),
    "key as a dict": Mistake("api_key", {"key": SECRET}),
    "key of white space": Mistake("api_key", "  \n"),
    "empty key": Mistake("api_key", ""),
    "key with a line break in it": Mistake("api_key", f"{SECRET}\nX-Evil: 1"),
    "key in quotation marks": Mistake("api_key", f'"{SECRET}"'),
    "key with its scheme": Mistake("api_key", f"Bearer {SECRET}"),
    "key twice": Mistake("api_key", f"{SECRET} {SECRET}"),
    "name of the key's variable": Mistake("api_key", "${REQUESTY_API_KEY}"),
    "key with a curly quote": Mistake("api_key", f"“{SECRET}”"),
    # Names that are none.
    "apikey": Mistake("apikey", SECRET, "api_key"),
    "openai_api_key": Mistake("openai_api_key", SECRET, "api_key"),
    "token": Mistake("token", SECRET, "api_key"),
    "url": Mistake("url", _URL, "base_url"),
    "base_urll": Mistake("base_urll", _URL, "base_url"),
    "max_retires": Mistake("max_retires", 0, "max_retries"),
    "retries": Mistake("retries", 0, "max_retries"),
    "timeuot": Mistake("timeuot", 3, "timeout"),
    "fallback": Mistake("fallback", ["a/b"], "fallbacks"),
    "fallback_models": Mistake("fallback_models", ["a/b"], "fallbacks"),
    "headers": Mistake("headers", {"X-Key": SECRET}, "extra_headers"),
    "budgets": Mistake("budgets", 1, "budget"),
    "ledgers": Mistake("ledgers", 1, "ledger"),
    "regoin": Mistake("regoin", "eu", "region"),
    "option": Mistake("option", {}, "options"),
    "tracing in a word": Mistake("tracing", "yes"),
    "tracing as a number": Mistake("tracing", 1),
    # Addresses.
    "address without scheme": Mistake("base_url", "router.requesty.ai/v1"),
    "address of another scheme": Mistake("base_url", "ftp://router.requesty.ai/v1"),
    "address with a key": Mistake("base_url", f"https://user:{SECRET}@router.requesty.ai/v1"),
    "address with a query": Mistake("base_url", f"https://router.requesty.ai/v1?key={SECRET}"),
    "address as a number": Mistake("base_url", 8080),
    "address without host": Mistake("base_url", "https:///v1"),
    "address in quotation marks": Mistake("base_url", f'"{_URL}"'),
    "address as a tuple": Mistake("base_url", (_URL,)),
    "address at port 0": Mistake("base_url", "http://127.0.0.1:0/v1"),
    "key as address": Mistake("base_url", SECRET),
    "region that is none": Mistake("region", "mars"),
    "region as a list": Mistake("region", ["eu"]),
    "key as region": Mistake("region", SECRET),
    # Time and attempts.
    "timeout of a thousand years": Mistake("timeout", 1e300),
    "timeout beyond floats": Mistake("timeout", 10**400),
    "timeout with a name that is none": Mistake("timeout", {"reed": 1}),
    "timeout in words": Mistake("timeout", "x"),
    "timeout of a key": Mistake("timeout", SECRET),
    "timeout of zero": Mistake("timeout", 0),
    "negative timeout": Mistake("timeout", -1),
    "timeout as true": Mistake("timeout", True),
    "timeout that is no number": Mistake("timeout", float("nan")),
    "timeout as a tuple": Mistake("timeout", (1, 2)),
    "negative retries": Mistake("max_retries", -1),
    "retries in words": Mistake("max_retries", "three"),
    "half a retry": Mistake("max_retries", 1.5),
    "retries as true": Mistake("max_retries", True),
    # Money and telling.
    "budget as a number": Mistake("budget", 1.0),
    "budget as text": Mistake("budget", "1.0"),
    "ledger as true": Mistake("ledger", True),
    "ledger as a class": Mistake("ledger", dict),
    "events to a name": Mistake("on_event", "x"),
    "events to a number": Mistake("on_event", 1),
    # What is sent.
    "options as text": Mistake("options", "cache"),
    "options of another name": Mistake("options", {"auto_cach": True}),
    "headers as a list": Mistake("extra_headers", [("X-A", SECRET)]),
    "key in a header": Mistake("extra_headers", {"Authorization": f"Bearer {SECRET}"}),
    "line break in a header": Mistake("extra_headers", {"X-A": f"{SECRET}\nX-B: 1"}),
    "number in a header": Mistake("extra_headers", {"X-A": 1}),
    "gateway's object as a number": Mistake("extra_body", {"requesty": 5}),
    "body as text": Mistake("extra_body", "x"),
    "fallbacks as a number": Mistake("fallbacks", 3),
    "empty fallback": Mistake("fallbacks", [""]),
    "fallbacks of numbers": Mistake("fallbacks", [1]),
    "fallbacks without order": Mistake("fallbacks", {"a/b", "c/d"}),
    "policy with a name that is none": Mistake("fallback_policy", {"cooldwn": 1}),
    "policy that decides by a text": Mistake("fallback_policy", {"should_fall_back": "x"}),
    "policy as text": Mistake("fallback_policy", "fast"),
    "require as text": Mistake("require", "eu"),
}
