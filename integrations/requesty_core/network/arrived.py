"""What has arrived on a connection, without IO."""

from __future__ import annotations

__all__ = ["ROOM_BYTES", "Arrived"]

ROOM_BYTES = 128 * 1024
"""Most that is read at a time; more than the processor's cache holds beside the work on it is slower again."""


class Arrived:
    """What has arrived and was not taken yet, in the pieces that the loop read."""

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def add(self, data: bytes) -> None:
        """Bytes arrived."""
        self._pieces.append(data)
        self.size += len(data)

    def take(self) -> bytes:
        """The next bytes."""
        pieces = self._pieces
        if len(pieces) == 1 or len(pieces[0]) == ROOM_BYTES:
            # A full room goes alone: some loops read on and on, and megabytes in one piece are slower than in many.
            data = pieces.pop(0)
            self.size -= len(data)
            return data
        data = b"".join(pieces)
        pieces.clear()
        self.size = 0
        return data
