"""Waiting for what another thread or process does, with an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds to wait for what comes within milliseconds unless the machine is busy."""


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Whether a condition comes true within the given time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


async def aeventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """The same on an event loop."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.002)
    return True
