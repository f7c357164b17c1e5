"""The emulator of the matrix; every cell starts from a clean state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.environment import clean_environment

from requesty_emulator import GatewayEmulator

__all__ = ["clean_environment"]

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"


@pytest.fixture(scope="session")
def matrix_gateway() -> Iterator[GatewayEmulator]:
    with GatewayEmulator(seed=11) as gateway:
        yield gateway


@pytest.fixture
def gw(matrix_gateway: GatewayEmulator) -> GatewayEmulator:
    matrix_gateway.reset()
    return matrix_gateway


# `make conformance` names a file here: the results, from which the page is made.
_RESULTS = os.environ.get("CONFORMANCE_RESULTS")
_outcomes: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.partition("test_cell[")[2].removesuffix("]")
    if name and (report.when == "call" or report.outcome != "passed"):
        _outcomes[name] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _RESULTS and not hasattr(session.config, "workerinput"):
        Path(_RESULTS).write_text(json.dumps(dict(sorted(_outcomes.items())), indent=0) + "\n")
