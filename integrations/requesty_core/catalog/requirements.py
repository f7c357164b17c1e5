"""The residency and privacy guard: refuse, before anything is sent, what the catalogue does not show to comply.

    require={"geolocation": "eu", "training": False, "retention": "none"}

The check goes by the entry of the very id: what another host of the same model does says nothing. What the catalogue
leaves open is refused as well, and so is every policy, because it may use any model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from requesty_core.errors import ConfigurationError

from .catalog import Catalog
from .info import ModelInfo
from .model_id import ModelId

__all__ = ["Requirements", "UnmetRequirementError", "check_requirements"]

_KEYS = ("geolocation", "training", "retention")


class UnmetRequirementError(ConfigurationError):
    """A model that the catalogue does not show to comply with ``require``; nothing was sent.

    Attributes:
        model: the id that was refused.
        unmet: the keys of ``require`` that it does not meet or of which nothing is known.
    """

    def __init__(self, message: str, model: str = "", unmet: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.model = model
        self.unmet = unmet


@dataclass(frozen=True, slots=True)
class Requirements:
    """What every model of a request has to be shown to do; ``None`` requires nothing.

    Attributes:
        geolocation: where it runs; several words mean any of them.
        training: ``False`` requires that prompts are not used for training.
        retention_days: how long prompts may be kept at most; 0 for not at all.
    """

    geolocation: frozenset[str] | None = None
    training: bool | None = None
    retention_days: int | None = None

    @classmethod
    def of(cls, value: object) -> Requirements | None:
        """Read the ``require`` setting. Raises :class:`ConfigurationError` with one line for what it cannot mean."""
        if value is None or isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"require: {value!r} is not a mapping; its keys are {', '.join(_KEYS)}")
        for key in value:
            if key not in _KEYS:
                raise ConfigurationError(f"require: unknown key {key!r}; its keys are {', '.join(_KEYS)}")
        found = cls(
            _geolocation(value.get("geolocation")), _training(value.get("training")), _days(value.get("retention"))
        )
        return None if found == cls() else found

    def unmet(self, info: ModelInfo | None) -> dict[str, str]:
        """What the entry does not show, by key of ``require``; ``None`` stands for an id that is not listed."""
        if info is None:
            info = ModelInfo("")
        found: dict[str, str] = {}
        if self.geolocation is not None and (info.geolocation or "").lower() not in self.geolocation:
            found["geolocation"] = f"geolocation is {_told(info.geolocation)}"
        if self.training is False and info.data_used_for_training is not False:
            found["training"] = f"training on prompts is {_told(info.data_used_for_training)}"
        if self.retention_days is not None and not self._kept_short(info):
            days = "" if not info.data_retention_days else f" ({info.data_retention_days} days)"
            found["retention"] = f"retention of prompts is {_told(info.data_retention)}{days}"
        return found

    def _kept_short(self, info: ModelInfo) -> bool:
        assert self.retention_days is not None
        # Some entries say "not retained" beside a number of days: the number counts.
        if info.data_retention_days:
            return info.data_retention_days <= self.retention_days
        return info.data_retention is False


def check_requirements(requirements: Requirements | None, models: Iterable[str], catalog: Catalog) -> None:
    """Raise :class:`UnmetRequirementError` for the first model that the catalogue does not show to comply."""
    if requirements is None:
        return
    for model in models:
        if ModelId.parse(model).kind == "policy":
            unmet = {"policy": "a policy may use any model"}
        else:
            unmet = requirements.unmet(_entry(catalog, model))
        if unmet:
            told = "; ".join(unmet.values())
            raise UnmetRequirementError(
                f"require: {model!r} is not shown to comply ({told}); name a model that the catalogue shows to "
                "comply, or fetch the current one with client.models.refresh()",
                model,
                tuple(unmet),
            )


def _entry(catalog: Catalog, model: str) -> ModelInfo | None:
    """The entry of the id, or of the id without its effort: an effort changes nothing about the host."""
    if model in catalog:
        return catalog[model]
    parsed = ModelId.parse(model)
    if parsed.kind == "managed" or parsed.variant is None:
        return None
    plain = f"{parsed.prefix}/{parsed.name}" + (f"@{parsed.region}" if parsed.region else "")
    return catalog.get(plain)


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else repr(value)


def _geolocation(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    words: list[Any] = (
        [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple, set, frozenset)) else []
    )
    if not words or not all(isinstance(w, str) and w.strip() for w in words):
        raise ConfigurationError(f"require: geolocation {value!r} is no place; give 'eu', 'us', 'global', … or several")
    return frozenset(w.strip().lower() for w in words)


def _training(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        # True allows training, which is no requirement.
        return False if value is False else None
    raise ConfigurationError(f"require: training {value!r}; give False to require that prompts are not trained on")


def _days(value: object) -> int | None:
    if value is None:
        return None
    if value is False or (isinstance(value, str) and value.lower() == "none"):
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ConfigurationError(f"require: retention {value!r}; give 'none', or the days that prompts may be kept at most")
