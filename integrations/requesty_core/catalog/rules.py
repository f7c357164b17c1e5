"""What each model refuses or needs, read from a table with the source and date of every row (``data/rules.json``).

The rules belong to the upstream models and hold wherever they run; whether the gateway translates around one is not
known, and following it costs nothing where it does. A rule the table lacks is found by the first refusal
(:mod:`requesty_core.catalog.refusals`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any, Literal

from msgspec.structs import replace

from requesty_core.values import Value
from requesty_core.wire.json import decode_json

from .identity import Identity, identify

__all__ = ["ForcedToolChoice", "ModelRules", "Rule", "rules", "rules_for"]

ForcedToolChoice = Literal["accepted", "refused", "refused_while_reasoning"]


class ModelRules(Value, frozen=True):
    """What one model refuses or needs on chat completions; the defaults are those of a model without rules.

    Attributes:
        refused: fields of the body that it answers with a 400.
        refused_while_reasoning: fields it refuses while it reasons.
        exclusive: pairs of fields of which it takes only one; the first is kept.
        forced_tool_choice: whether ``tool_choice`` may be ``required`` or name a function.
        effort_with_tools: whether ``reasoning_effort`` may be sent beside function tools.
        refused_efforts: values of ``reasoning_effort`` it refuses.
        reasons: whether it reasons when nothing asks for it.
        none_reasons: whether it reasons at the effort ``none`` too (the gateway maps it to a small budget).
        thinking: what asks it to reason: ``budget`` (``thinking`` with ``budget_tokens``) or only ``effort``
            (``reasoning_effort``); ``None`` if not known.
        token_parameter: name of the field that limits its output.
        schema: whether it takes ``response_format`` with a JSON schema; ``None`` if not known.
        system_role: the role it takes instructions in.
    """

    refused: frozenset[str] = frozenset()
    refused_while_reasoning: frozenset[str] = frozenset()
    exclusive: tuple[tuple[str, str], ...] = ()
    forced_tool_choice: ForcedToolChoice = "accepted"
    effort_with_tools: bool = True
    refused_efforts: frozenset[str] = frozenset()
    reasons: bool = False
    none_reasons: bool = False
    thinking: Literal["budget", "effort"] | None = None
    token_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    schema: bool | None = None
    system_role: Literal["system", "user"] = "system"


NO_RULES = ModelRules()
"""The rules of policies and of models that the table does not have."""


class Rule(Value, frozen=True):
    """One row of the table: for which models, what it says, and where and when that was found."""

    maker: str
    models: tuple[str, ...]
    exceptions: tuple[str, ...]
    route: str | None
    says: Mapping[str, Any]
    source: str
    as_of: str

    def holds_for(self, identity: Identity) -> bool:
        """Whether the row speaks of this model."""
        return (
            identity.maker == self.maker
            and (self.route is None or self.route == identity.route)
            and any(fnmatchcase(identity.model, pattern) for pattern in self.models)
            and not any(fnmatchcase(identity.model, pattern) for pattern in self.exceptions)
        )


@cache
def rules() -> tuple[Rule, ...]:
    """The table, in the order in which its rows apply."""
    import importlib.resources

    data = importlib.resources.files("requesty_core").joinpath("data/rules.json").read_bytes()
    about = {"maker", "models", "except", "route", "source", "as_of"}
    return tuple(
        Rule(
            row["maker"],
            tuple(row["models"]),
            tuple(row.get("except", ())),
            row.get("route"),
            {key: value for key, value in row.items() if key not in about},
            row["source"],
            row["as_of"],
        )
        for row in decode_json(data)["rows"]
    )


def rules_for(model: str) -> ModelRules:
    """The rules of any model id, by its identity: the same for every host, region, spelling and variant."""
    identity = identify(model)
    return NO_RULES if identity is None else _rules_of(identity.maker, identity.model, identity.route)


@lru_cache(maxsize=1024)
def _rules_of(maker: str | None, name: str, route: str | None) -> ModelRules:
    identity = Identity(maker, name, route=route)
    found = NO_RULES
    for rule in rules():
        if rule.holds_for(identity):
            found = _applied(found, rule.says)
    return found


def _applied(found: ModelRules, says: Mapping[str, Any]) -> ModelRules:
    values = dict(says)
    refused = (found.refused | _set(values.pop("refuses", ()))) - (allowed := _set(values.pop("allows", ())))
    reasoning = _set(values.pop("refuses_while_reasoning", found.refused_while_reasoning)) - allowed
    if "refused_efforts" in values:
        values["refused_efforts"] = _set(values["refused_efforts"])
    if "exclusive" in values:
        values["exclusive"] = tuple((first, second) for first, second in values["exclusive"])
    return replace(found, refused=refused, refused_while_reasoning=reasoning, **values)


def _set(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)
