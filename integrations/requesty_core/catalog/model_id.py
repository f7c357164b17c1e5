"""The grammar of model ids. Ids are read for look-ups and display only, and always sent as the caller wrote them.

    id      := managed | "policy/" NAME | routed
    managed := NAME [ "@" ZONE ]
    routed  := PREFIX "/" [ VENDOR "/" ] MODEL [ ":" VARIANT ] [ "@" REGION ]

Any non-empty string parses, because the gateway adds providers, variants and regions without notice.
"""

from __future__ import annotations

from typing import Literal

from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import shown
from requesty_core.values import Value

__all__ = ["DEDICATED_PREFIXES", "ModelId", "check_model"]

DEDICATED_PREFIXES = frozenset({"coding", "cline"})
"""Prefixes of application-tuned ids (documented as "dedicated models")."""


def check_model(model: object, setting: str = "model") -> str:
    """Return ``model`` untouched. Raises :class:`ConfigurationError` if it is empty or not a string."""
    if not isinstance(model, str):
        raise ConfigurationError(
            f"{setting}: {shown(model)} is not a string; give a model id such as 'openai/gpt-4o-mini'"
        )
    if not model.strip():
        raise ConfigurationError(f"{setting}: empty; give a model id such as 'openai/gpt-4o-mini' or 'policy/NAME'")
    return model


class ModelId(Value, frozen=True):
    """A model id taken apart. ``str(model_id)`` gives back the text it was parsed from, byte for byte.

    Attributes:
        kind: ``managed`` (no slash), ``policy``, ``dedicated`` (``coding/…``, ``cline/…``) or ``routed``.
        prefix: text before the first slash: provider, ``policy`` or application; ``None`` for managed ids.
        name: the rest, without variant and region; may contain slashes (``vendor/model``).
        variant: text after the last ``:`` (reasoning effort, tier, budget), if any.
        region: text after the last ``@``, if any.
    """

    kind: Literal["managed", "policy", "dedicated", "routed"]
    prefix: str | None
    name: str
    variant: str | None = None
    region: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelId:
        """Parse any non-empty string. Raises :class:`ConfigurationError` for an empty one."""
        check_model(text)
        head, slash, tail = text.partition("/")
        if not slash:
            name, region = _cut(text, "@")
            return cls("managed", None, name, None, region)
        if head == "policy":
            return cls("policy", head, tail)
        rest, region = _cut(tail, "@")
        name, variant = _cut(rest, ":")
        return cls("dedicated" if head in DEDICATED_PREFIXES else "routed", head, name, variant, region)

    def __str__(self) -> str:
        text = self.name if self.prefix is None else f"{self.prefix}/{self.name}"
        if self.variant is not None:
            text += f":{self.variant}"
        if self.region is not None:
            text += f"@{self.region}"
        return text

    @property
    def lookup_keys(self) -> tuple[str, ...]:
        """Ids under which a catalogue may list this model, most specific first; empty for a policy."""
        if self.kind == "policy":
            return ()
        base = self.name if self.prefix is None else f"{self.prefix}/{self.name}"
        variant = "" if self.variant is None else f":{self.variant}"
        region = "" if self.region is None else f"@{self.region}"
        return tuple(dict.fromkeys((base + variant + region, base + variant, base + region, base)))


def _cut(text: str, mark: str) -> tuple[str, str | None]:
    """Split at the last mark; a mark with nothing before or after it is part of the name."""
    left, found, right = text.rpartition(mark)
    return (left, right) if found and left and right else (text, None)
