"""A local Requesty gateway for tests, demos and notebooks: strict about requests, scriptable in its faults.

>>> from requesty_emulator import GatewayEmulator
>>> with GatewayEmulator() as gateway:
...     gateway.base_url.startswith("http://127.0.0.1:")
True

It answers on loopback only and calls nobody; only a :class:`Recorder` does, the server that it is told.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requesty_emulator.cassettes.record import Recorder
    from requesty_emulator.cassettes.replay import Replayer
    from requesty_emulator.cassettes.tape import Cassette
    from requesty_emulator.errors import ConfigError
    from requesty_emulator.gateway.faults import Fault
    from requesty_emulator.gateway.policy import Policy
    from requesty_emulator.gateway.records import LedgerEntry, RecordedRequest, WorkedAnswer
    from requesty_emulator.gateway.settings import Settings
    from requesty_emulator.server.scenario import load_scenario
    from requesty_emulator.server.server import GatewayEmulator, serve

__all__ = [
    "Cassette",
    "ConfigError",
    "Fault",
    "GatewayEmulator",
    "LedgerEntry",
    "Policy",
    "RecordedRequest",
    "Recorder",
    "Replayer",
    "Settings",
    "WorkedAnswer",
    "load_scenario",
    "serve",
]

# Loaded when asked for: every run of pytest loads this package for its fixtures, also without the [emulator] extra.
_HOMES = {
    "Cassette": "cassettes.tape",
    "ConfigError": "errors",
    "Fault": "gateway.faults",
    "GatewayEmulator": "server.server",
    "LedgerEntry": "gateway.records",
    "Policy": "gateway.policy",
    "RecordedRequest": "gateway.records",
    "Recorder": "cassettes.record",
    "Replayer": "cassettes.replay",
    "Settings": "gateway.settings",
    "WorkedAnswer": "gateway.records",
    "load_scenario": "server.scenario",
    "serve": "server.server",
}


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        loaded = import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as missing:
        from requesty_core.extras import extra_missing

        raise extra_missing(missing, "emulator") from None
    value = globals()[name] = getattr(loaded, name)
    return value
