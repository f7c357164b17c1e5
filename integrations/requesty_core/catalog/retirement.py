"""A word of warning, once, for a model that the gateway is about to withdraw."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from requesty_core.lifetime import after_fork

from .cache import live

__all__ = ["warn_of_retirement"]

_lock = threading.Lock()
_warned: set[tuple[str, datetime]] = set()
_MOST_WARNED = 10_000


def warn_of_retirement(models: Iterable[str], base_url: str) -> None:
    """Warn (``FutureWarning``) of each model whose catalogue entry has a date within 90 days; once per model and date.

    Dates come with a fetched catalogue only (the packaged snapshot has none), so without one there is nothing to look
    up.
    """
    catalog = live(base_url)
    if catalog is None:
        return
    # Loaded with the catalogue that is there.
    from .catalog import RETIRING_WITHIN

    for model in models:
        info = catalog.get(model)
        if info is None or info.retires is None or info.retires - datetime.now(UTC) > RETIRING_WITHIN:
            continue
        with _lock:
            news = (model, info.retires) not in _warned
            if len(_warned) >= _MOST_WARNED:
                _warned.clear()
            _warned.add((model, info.retires))
        if news:
            warnings.warn(_text(model, info.retires), FutureWarning, stacklevel=2)


def _text(model: str, retires: datetime) -> str:
    left = retires - datetime.now(UTC)
    when = f"retires on {retires:%Y-%m-%d}" if left > timedelta(0) else f"was to retire on {retires:%Y-%m-%d}"
    return f"model: {model} {when}; move to another model (requesty-adapters models lists them)"


@after_fork
def _renew() -> None:
    global _lock
    _lock = threading.Lock()
