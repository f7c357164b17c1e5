"""What to say when an optional part of the package is used without what it needs."""

from __future__ import annotations

__all__ = ["MissingExtraError", "extra_missing"]


class MissingExtraError(ImportError):
    """A package is not installed; the message is one line that names the extra."""


def extra_missing(error: ModuleNotFoundError, extra: str) -> MissingExtraError:
    """The one line that names the extra, in place of the failed import ``error``."""
    package = (error.name or "a package").replace("_", "-")
    return MissingExtraError(
        f"{package} is not installed; run: pip install 'requesty-adapters[{extra}]'", name=error.name
    )
