"""What goes into the plan of an application, and what the plan says. Pure: nothing is read or written."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from requesty_core.catalog.catalog import ModelInfo

from .settings import Setting

__all__ = ["Place", "Plan", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """What an application is to be pointed at. ``base_url`` ends in ``/v1`` where the gateway's own do.

    ``info`` is what the catalogue knows of the model, ``chosen`` whether the user named it.
    """

    base_url: str
    model: str
    key_env: str = "REQUESTY_API_KEY"
    info: ModelInfo | None = None
    chosen: bool = False

    @property
    def root(self) -> str:
        """The base URL for clients that append ``/v1/messages`` themselves."""
        return self.base_url.removesuffix("/v1")


@dataclass(frozen=True, slots=True)
class Place:
    """Where files are looked for: home folder, working folder, ``sys.platform`` and the environment."""

    home: str
    folder: str
    platform: str
    environ: Mapping[str, str] = field(default_factory=dict)

    def join(self, *parts: str) -> str:
        """A path, joined as this platform does."""
        return ntpath.join(*parts) if self.platform == "win32" else posixpath.join(*parts)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to tell one application.

    ``settings`` go into the file at ``path``, in the ``format`` of that name. ``fields`` are entered by hand instead.
    ``steps`` is what is left to do, ``warnings`` what in the present file gets in the way.
    """

    format: str | None = None
    path: str | None = None
    settings: tuple[Setting, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    steps: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
