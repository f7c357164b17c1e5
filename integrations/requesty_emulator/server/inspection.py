"""What a test reads from a running emulator: requests, bills, feedback."""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from requesty_emulator.gateway.accounts import Totals
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.policy import Policy
from requesty_emulator.gateway.records import LedgerEntry, RecordedRequest, WorkedAnswer
from requesty_emulator.gateway.state import State
from requesty_emulator.server.listening import Server


class Inspection:
    """The reading half of :class:`~requesty_emulator.server.server.GatewayEmulator`."""

    _core: Core
    _server: Server | None

    @property
    def state(self) -> State:
        """Keys, groups, ledger and feedback behind the routes."""
        return self._core.state

    @property
    def policies(self) -> dict[str, Policy]:
        """Routing policies by the name after ``policy/``."""
        return self.state.policies

    @property
    def feedback(self) -> dict[str, dict[str, Any]]:
        """Feedback received, merged by response id."""
        return self.state.feedback

    @property
    def ledger(self) -> list[LedgerEntry]:
        """The newest billed calls with their users, traces, tags, labels and costs; as many as ``keep_requests`` says.

        Older ones are in :attr:`totals`, and in :meth:`spend` and the usage reports by hour, key, group and model.
        """
        return self.state.accounts.entries

    @property
    def totals(self) -> Totals:
        """Calls, USD billed, answers worked for and lost since the start or the last :meth:`clear`, all of them."""
        return self.state.accounts.totals

    @property
    def requests(self) -> list[RecordedRequest]:
        """The newest requests in order of arrival, those still running included.

        As many as the switches ``keep_requests`` and ``keep_bytes`` say; :attr:`forgotten_requests` were dropped.
        """
        return self._core.requests

    @property
    def forgotten_requests(self) -> int:
        """How many of the oldest requests are no longer kept."""
        return self._core.forgotten

    @property
    def last_request(self) -> RecordedRequest:
        """The newest request; raises ``LookupError`` when there was none."""
        if not self._core.requests:
            raise LookupError("the emulator has not seen a request yet")
        return self._core.requests[-1]

    @property
    def chat_requests(self) -> list[RecordedRequest]:
        """Requests to ``/v1/chat/completions``."""
        return [request for request in list(self._core.requests) if request.path == "/v1/chat/completions"]

    @property
    def billed(self) -> Decimal:
        """USD billed since the start or the last :meth:`clear`."""
        return self.state.accounts.totals.billed

    @property
    def worked(self) -> list[WorkedAnswer]:
        """The newest answers that were worked for, billed and delivered or not; refusals are none.

        As many as the switch ``keep_requests`` says.
        """
        return self.state.accounts.worked

    def lost(self, seen: Iterable[str] | None = None) -> list[WorkedAnswer]:
        """Answers that were worked for and whose usage never reached the client: what a gateway *would* bill for them.

        ``seen`` are the request ids whose usage the client has, which alone knows what it read; without it, an answer
        is lost that was not sent to its end. Of those that :attr:`worked` keeps; :attr:`totals` counts all.
        """
        return self.state.accounts.lost(seen)

    @property
    def active_streams(self) -> int:
        """Streams being sent right now."""
        return self._core.streams

    def spend(self, group_by: str = "model_requested") -> dict[str, Decimal]:
        """USD billed by a documented ``group_by`` name, ``extra.FIELD`` included."""
        return self._core.spend(group_by)

    def wait_idle(self, timeout: float = 5.0) -> bool:
        """Wait until no request is in flight; false when the time is over first.

        Requests that were sent before this call are waited for, also those that the emulator has not read yet; a
        ``timeout`` of 0 looks at those that it has.
        """
        until = time.monotonic() + timeout
        if self._server is not None and timeout > 0 and not self._server.catch_up(timeout):
            return False
        with self._core.idle:
            return self._core.idle.wait_for(lambda: self._core.open_requests == 0, max(until - time.monotonic(), 0.0))
