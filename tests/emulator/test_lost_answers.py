"""What the gateway worked for, and what it would have billed for answers that never arrived."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from requesty_core import RequestyClient, RequestyError
from requesty_emulator import Fault, GatewayEmulator

CALL: dict[str, Any] = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}


def ask(gateway: GatewayEmulator, fault: Fault | None, *, streams: bool) -> None:
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, max_retries=0)
    if fault is not None:
        gateway.fail_next(fault=fault)
    if streams:
        list(client.stream(**CALL, options={"user_id": "u"}))
    else:
        client.chat(**CALL, options={"user_id": "u"})


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_that_arrived_is_billed_and_not_lost(gateway: GatewayEmulator, streams: bool) -> None:
    ask(gateway, None, streams=streams)
    gateway.wait_idle()
    (one,) = gateway.worked
    assert (one.cost, one.billed, one.delivered, one.user_id) == (gateway.billed, gateway.billed, True, "u")
    assert gateway.lost() == []
    assert gateway.lost(seen=[]) == [one]
    assert gateway.lost(seen=[one.request_id]) == []


@pytest.mark.parametrize(
    ("fault", "streams", "is_billed"),
    [
        (Fault(cut_after_bytes=20), False, True),
        (Fault(malformed_json=True), False, False),
        (Fault(cut_after_chunks=2), True, False),
        (Fault(truncate_after_chunks=2), True, True),
    ],
)
def test_an_answer_that_was_lost_can_be_asked_for(
    gateway: GatewayEmulator, fault: Fault, streams: bool, is_billed: bool
) -> None:
    ask(gateway, None, streams=streams)
    usual = gateway.billed
    with pytest.raises(RequestyError):
        ask(gateway, fault, streams=streams)
    gateway.wait_idle()
    (one,) = gateway.lost()
    assert one.cost == usual
    assert (one.billed > 0) == is_billed
    assert not one.delivered


@pytest.mark.parametrize(
    ("fault", "streams"),
    [
        (Fault(status=503), False),
        (Fault(error_in_200={"message": "no"}), False),
        (Fault(html=True), False),
        (Fault(error_event={"message": "broke", "code": 502}, error_after_chunks=2), True),
    ],
    ids=["503", "200", "html", "stream"],
)
def test_an_error_is_no_work(gateway: GatewayEmulator, fault: Fault, streams: bool) -> None:
    with pytest.raises(RequestyError):
        ask(gateway, fault, streams=streams)
    assert gateway.worked == []
    assert gateway.billed == Decimal(0)


def test_what_was_cleared_is_forgotten(gateway: GatewayEmulator) -> None:
    ask(gateway, None, streams=False)
    gateway.clear()
    assert gateway.worked == gateway.lost() == []
