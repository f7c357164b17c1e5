"""Taking what arrived: nothing is lost, changed or kept twice, however the loop read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from requesty_core.network.arrived import ROOM_BYTES, Arrived

PIECES = st.lists(st.sampled_from((1, 7, 300, ROOM_BYTES - 1, ROOM_BYTES)), max_size=12)


@given(PIECES, st.integers(0, 5))
def test_all_bytes_come_out_in_order_whenever_they_are_taken(lengths: list[int], pause: int) -> None:
    arrived, taken, sent = Arrived(), [], []
    for place, length in enumerate(lengths):
        sent.append(bytes([place % 251]) * length)
        arrived.add(sent[-1])
        assert arrived.size == sum(map(len, sent)) - sum(map(len, taken))
        if place % 6 == pause:
            taken.append(arrived.take())
    while arrived:
        taken.append(arrived.take())
    assert b"".join(taken) == b"".join(sent)
    assert arrived.size == 0
    assert all(taken)


def test_small_pieces_come_joined_and_a_full_one_alone() -> None:
    arrived = Arrived()
    for data in (b"ab", b"cd", b"x" * ROOM_BYTES):
        arrived.add(data)
    assert len(arrived.take()) == ROOM_BYTES + 4
    for data in (b"x" * ROOM_BYTES, b"ab", b"cd"):
        arrived.add(data)
    assert arrived.take() == b"x" * ROOM_BYTES
    assert arrived.take() == b"abcd"
