"""A bar that shows how far a run is."""

from __future__ import annotations

import sys
from typing import Any

from requesty_core.extras import extra_missing

from .items import BulkReport

__all__ = ["Progress"]


class Progress:
    """A ``tqdm`` bar on standard error: rows, rows per second, USD, failures, and how many requests go at a time.

    Args:
        shown: ``True`` for a bar, ``None`` for one if standard error is a terminal and ``tqdm`` is installed.
        total: rows, if known.

    Raises:
        MissingExtraError: a bar was asked for and ``tqdm`` is not installed.
    """

    def __init__(self, shown: bool | None, total: int | None) -> None:
        self._bar: Any = None
        if shown is False or (shown is None and not sys.stderr.isatty()):
            return
        try:
            from tqdm import tqdm
        except ModuleNotFoundError as missing:
            if shown:
                raise extra_missing(missing, "bulk") from None
            return
        self._bar = tqdm(total=total, unit="row", file=sys.stderr, dynamic_ncols=True)

    def show(self, handed: int, report: BulkReport, limit: int) -> None:
        """So many rows more were handed out."""
        if self._bar is not None:
            figures = {"USD": f"{report.cost:f}", "failed": report.failed + report.unreadable, "at a time": limit}
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update(handed)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
