"""Every cell of the matrix is a test."""

from __future__ import annotations

import pytest

from requesty_emulator import GatewayEmulator

from .matrix import cell_id, cells, drivers
from .model import SCENARIOS, Case, Driver, Mode, Scenario

CELLS = list(cells())


@pytest.mark.parametrize(("scenario", "driver", "mode"), CELLS, ids=[cell_id(*cell) for cell in CELLS])
def test_cell(scenario: Scenario, driver: Driver, mode: Mode, gw: GatewayEmulator) -> None:
    scenario.run(Case(driver, mode, gw))


def test_the_list_is_consistent() -> None:
    ids = [scenario.id for scenario in SCENARIOS]
    assert len(ids) == len(set(ids))
    needs = {need for scenario in SCENARIOS for need in scenario.needs}
    for driver in drivers():
        assert set(driver.lacks) <= needs, f"{driver.name} lacks what no scenario needs"
