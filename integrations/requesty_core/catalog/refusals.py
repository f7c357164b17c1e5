"""What a 400 says about a parameter, and a memory of it: decisions without input or output.

The rule table cannot know tomorrow's models. A refusal that names a field which an adapter added by itself is answered
by one more try without it, and remembered for that model as long as the client lives.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Set
from typing import Any

from requesty_core.lifetime import renewed_after_fork

__all__ = ["DROPPABLE", "RefusalMemory", "refused_parameter"]

#: Fields that a request can do without: leaving them out changes how the answer is made, not what is asked.
DROPPABLE = frozenset(
    {
        "tool_choice",
        "parallel_tool_calls",
        "strict",
        "thinking",
        "reasoning_effort",
        "reasoning",
        "output_config",
        "include_reasoning",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "n",
        "seed",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "user",
        "store",
        "metadata",
        "service_tier",
        "verbosity",
        "modalities",
        "prompt_cache_key",
        "safety_identifier",
        "encoding_format",
    }
)
_STATUSES = frozenset({400, 422})
_VALUES = {"base64": "encoding_format"}
"""Values that are named instead of their field."""


def refused_parameter(status: int | None, body: object, candidates: Set[str]) -> str | None:
    """Which of the ``candidates`` an error answer refuses: the one that ``param`` names, else the first in its text.

    ``body`` is the decoded error object, or its text. ``None`` for other statuses, for fields a request cannot do
    without, and for a text that names none of them.
    """
    fields = candidates & DROPPABLE
    if status not in _STATUSES or not fields:
        return None
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        param = error.get("param")
        if isinstance(param, str) and (named := _of_path(param, fields)):
            return named
        error = error.get("message")
    if not isinstance(error, str):
        return None
    # As a word of its own: `top_p` is not named by "stop_pattern", nor `stop` by "stopped".
    words = {name: name for name in fields} | {word: name for word, name in _VALUES.items() if name in fields}
    found = (
        (m.start(), name)
        for word, name in words.items()
        if (m := re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", error))
    )
    return min(found, default=(0, None))[1] if _refuses(error) else None


def _of_path(path: str, fields: Set[str]) -> str | None:
    """``tools[0].function.strict`` is about ``strict``, ``tool_choice.function`` about ``tool_choice``."""
    words = re.split(r"[.\[\]]+", path)
    return next((word for word in (words[-1], words[0]) if word in fields), None)


# Searched for as text, which compiles it with the first refusal instead of at import.
_REFUSING = (
    r"(?i)unsupported|not support|n't support|unknown|unrecogni[sz]ed|unexpected|extra inputs|not permitted|not allowed"
    r"|may not|cannot|can't|must not|incompatible|deprecated|invalid|only (be|when|supports?|available)|refus|disallow"
)


def _refuses(text: str) -> bool:
    return re.search(_REFUSING, text) is not None


class RefusalMemory:
    """Fields that models refused, by model id; safe to share between threads, bounded by forgetting the oldest."""

    def __init__(self, models: int = 512) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._refused: OrderedDict[str, frozenset[str]] = OrderedDict()
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def refused(self, model: str) -> frozenset[str]:
        """The fields that this model refused."""
        # A lookup is atomic, and most models never refuse anything: no lock on the way of every request.
        return self._refused.get(model, frozenset())

    def note(self, model: str, field: str) -> bool:
        """Remember a refusal; whether it was news."""
        with self._lock:
            known = self._refused.get(model, frozenset())
            self._refused[model] = known | {field}
            self._refused.move_to_end(model)
            if len(self._refused) > self._models:
                self._refused.popitem(last=False)
            return field not in known

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._refused.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        # A client that travels to another process learns anew; a lock cannot travel.
        return type(self), (self._models,)
