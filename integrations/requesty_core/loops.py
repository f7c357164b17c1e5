"""One asynchronous transport per running event loop; see :mod:`requesty_core.network.loops`."""

from __future__ import annotations

from .network.loops import loop_transport, running_loop

__all__ = ["loop_transport", "running_loop"]
