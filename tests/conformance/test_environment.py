"""When settings are read: all adapters at the moment that an object is made, and what is missing then is said then."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any

import pytest

from requesty_core.errors import ConfigurationError
from requesty_emulator import GatewayEmulator

from .matrix import drivers
from .model import Ask, Driver
from .test_constructors import CLASSES

VARIABLES = ("REQUESTY_BASE_URL", "REQUESTY_API_KEY", "REQUESTY_APP_TITLE")


def no_key(driver: Driver) -> dict[str, Any]:
    """The setting of a key that is in the environment; of Haystack it is the default."""
    return {} if driver.name == "Haystack" else {"api_key": None}


@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_the_environment_of_the_moment_an_object_is_made_holds(
    driver: Driver, gw: GatewayEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(VARIABLES, (gw.base_url, gw.api_key, "then"), strict=True):
        monkeypatch.setenv(name, value)
    built = driver.build("openai/gpt-4o-mini", **no_key(driver))
    for name, value in zip(VARIABLES, ("http://127.0.0.1:9/v1", "rqy-of-later", "later"), strict=True):
        # Haystack's Secret is resolved by the run, everywhere in Haystack.
        if name != "REQUESTY_API_KEY" or driver.name != "Haystack":
            monkeypatch.setenv(name, value)
    driver.call(built, Ask())
    assert gw.last_request.headers["x-title"] == "then"


@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_a_key_that_is_not_there_yet_is_read_when_it_is_needed(
    driver: Driver, gw: GatewayEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    built = driver.build("openai/gpt-4o-mini", base_url=gw.base_url, **no_key(driver))
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    driver.call(built, Ask())
    assert len(gw.requests) == 1


class Absent(MetaPathFinder):
    """OpenTelemetry is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])


@pytest.mark.usefixtures("without_opentelemetry")
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in CLASSES
        # These take no tracing of their own: their provider, or the members of their chain, do.
        if name not in ("RequestyModel", "RequestyEmbeddingModel", "RequestyFallbackModel")
        and name != "RequestyFallbackChatGenerator"
    ],
)
def test_tracing_without_its_package_is_refused_where_it_is_asked_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-of-the-environment")
    with pytest.raises(ConfigurationError, match=r"^tracing: OpenTelemetry is not installed; run: pip install "):
        CLASSES[name](tracing=True)
    CLASSES[name](tracing=False)
