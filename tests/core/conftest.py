"""No settings of the machine, four ways of making a call, socket servers and the emulated gateway."""

from __future__ import annotations

import asyncio
import os

from tests.support.environment import clean_environment
from tests.support.gateway import gateway, requesty_gateway, requesty_gateway_server
from tests.support.sockets import serve
from tests.support.ways import streaming, unary, way

__all__ = [
    "clean_environment",
    "gateway",
    "requesty_gateway",
    "requesty_gateway_server",
    "serve",
    "streaming",
    "unary",
    "way",
]

if os.environ.get("REQUESTY_TEST_LOOP") == "uvloop":
    # Everything here that runs on an event loop runs on this one instead of asyncio's.
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
