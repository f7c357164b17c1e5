"""Fingerprints (joblib, `datasets.map`) are made of pickles: equal settings, equal bytes, before and after use."""

from __future__ import annotations

import pickle

import pytest

from requesty_emulator import GatewayEmulator

from .matrix import drivers
from .model import Ask, Driver
from .test_constructors import CLASSES


@pytest.mark.parametrize("name", CLASSES)
def test_equal_settings_make_equal_pickles(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-of-the-environment")
    first, second = (pickle.dumps(CLASSES[name]()) for _ in range(2))
    assert first == second
    assert b"rqy-of-the-environment" not in first
    assert type(pickle.loads(first)).__name__ == name


@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_a_pickle_does_not_change_by_use(driver: Driver, gw: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    built = driver.build(
        "openai/gpt-4o-mini", base_url=gw.base_url, **({} if driver.name == "Haystack" else {"api_key": None})
    )
    before = pickle.dumps(built) if driver.name not in BUNDLES else pickle.dumps(vars(built))
    driver.call(built, Ask())
    after = pickle.dumps(built) if driver.name not in BUNDLES else pickle.dumps(vars(built))
    assert after == before


BUNDLES = ("core", "OpenAI SDK")
"""Drivers whose object is a bundle of clients of the tests' own."""
