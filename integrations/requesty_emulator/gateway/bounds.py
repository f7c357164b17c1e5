"""Bounds that keep one request from stalling the emulator."""

from __future__ import annotations

#: Levels of arrays and objects in a body.
MAX_NESTING = 256


def too_deep(value: object, limit: int) -> bool:
    """Whether arrays and objects are nested more than ``limit`` levels deep."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
