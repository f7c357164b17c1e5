"""The cells: every scenario, driver and mode, and why some do not apply."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache

from . import scenarios  # noqa: F401 -- fills the list
from .model import SCENARIOS, Driver, Mode, Scenario

# module of tests.conformance.drivers, class
_DRIVERS = (
    ("langchain", "LangChainDriver"),
    ("llama_index", "LlamaIndexDriver"),
    ("haystack", "HaystackDriver"),
    ("pydantic_ai", "PydanticAIDriver"),
    ("openai_sdk", "OpenAIDriver"),
    ("core", "CoreDriver"),
)


DRIVERS = tuple(module for module, _ in _DRIVERS)
"""The adapters' drivers by their modules' names."""


@cache
def driver_of(module: str) -> Driver:
    """The driver in a module of ``drivers``; nothing of the other adapters is imported."""
    driver: Driver = getattr(importlib.import_module(f".drivers.{module}", __package__), dict(_DRIVERS)[module])()
    return driver


@cache
def drivers() -> tuple[Driver, ...]:
    """One driver per adapter, in the order of the page."""
    # Looked up now: where one framework is installed, the others are taken off the list.
    return tuple(driver_of(module) for module, _ in _DRIVERS)


def why_not(scenario: Scenario, driver: Driver) -> str | None:
    """The reason a scenario does not apply to an adapter, if it does not."""
    for need in sorted(scenario.needs):
        if need in driver.lacks:
            return driver.lacks[need]
    return None


def cells() -> Iterator[tuple[Scenario, Driver, Mode]]:
    """Every cell that applies."""
    for scenario in SCENARIOS:
        for driver in drivers():
            if why_not(scenario, driver) is None:
                for mode in scenario.modes:
                    yield scenario, driver, mode


def cell_id(scenario: Scenario, driver: Driver, mode: Mode) -> str:
    """The name of a cell's test."""
    return f"{driver.name}-{scenario.id}-{mode.value}".replace(" ", "_")
