"""A local Requesty gateway for tests, demos and notebooks: strict about requests, scriptable in its faults.

>>> from requesty_emulator import GatewayEmulator
>>> with GatewayEmulator() as gateway:
...     gateway.base_url.startswith("http://127.0.0.1:")
True

It answers on loopback only and calls nobody.
"""

from requesty_emulator.errors import ConfigError
from requesty_emulator.faults import Fault
from requesty_emulator.policy import Policy
from requesty_emulator.records import LedgerEntry, RecordedRequest
from requesty_emulator.scenario import load_scenario
from requesty_emulator.server import GatewayEmulator, serve
from requesty_emulator.settings import Settings

__all__ = [
    "ConfigError",
    "Fault",
    "GatewayEmulator",
    "LedgerEntry",
    "Policy",
    "RecordedRequest",
    "Settings",
    "load_scenario",
    "serve",
]
