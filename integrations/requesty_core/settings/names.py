"""Names of settings that do not exist: which one was meant, and how to say so. One check for every class.

Frameworks and clients have different words for one thing, so what was meant is looked for among these words first, and
then among names that are spelt alike. A name that looks like a key is not repeated: ``Model(**{key: …})`` happens.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from requesty_core.errors import UnknownSettingError

from .checks import may_be_secret

__all__ = ["known_arguments", "looks_like_a_key", "meant", "shown_name", "unknown_setting"]

P = ParamSpec("P")
R = TypeVar("R")

_SAME = tuple(
    tuple(words.split())
    for words in (
        "batch_size chunk_size embed_batch_size requesty_batch_size batchsize embedding_batch_size",
        "max_concurrency max_in_flight num_workers requesty_max_in_flight concurrency max_workers",
        "api_key requesty_api_key openai_api_key apikey api_token key token openai_key",
        "base_url api_base api_base_url requesty_api_base openai_api_base url endpoint host",
        "timeout request_timeout requests_timeout timeout_seconds",
        "model model_name model_id models",
        "dimensions dimension output_dimensionality embedding_dimension dims",
        "fallbacks fallback fallback_models",
        "max_retries retries num_retries max_retry",
        "extra_headers default_headers headers",
        "progress_bar show_progress_bar show_progress progress",
        "http_client transport http_client_kwargs",
        "http_async_client async_http_client async_transport",
        "model_kwargs additional_kwargs generation_kwargs",
    )
)
"""Words for one and the same setting."""


def meant(name: str, known: Iterable[str], cutoff: float = 0.75) -> str | None:
    """The setting among ``known`` that ``name`` is another word for, or nearly is; ``None`` if there is none."""
    names = list(known)
    for words in _SAME:
        if name.lower() in words:
            found = next((word for word in words if word in names), None)
            if found is not None:
                return found
    import difflib

    near = difflib.get_close_matches(name, names, 1, cutoff)
    return near[0] if near else None


def shown_name(name: str) -> str:
    """The name, unless it looks like a key."""
    return "an argument whose name looks like a key" if looks_like_a_key(name) else name


def looks_like_a_key(name: str) -> bool:
    """Whether a name may be a key: not if it is made of words."""
    return _WORDS.fullmatch(name) is None and may_be_secret(name)


_WORDS = re.compile(r"[a-z]+(_[a-z]+)*", re.IGNORECASE)


def unknown_setting(owner: str, name: str, known: Iterable[str], otherwise: str) -> str:
    """The line for a setting that ``owner`` does not have: the one that was meant, and what to do ``otherwise``."""
    near = meant(name, known)
    advice = f"did you mean {near}?{f' ({otherwise})' if otherwise else ''}" if near else otherwise
    return f"{shown_name(name)}: {owner} has no such setting; {advice}"


def known_arguments(function: Callable[P, R], owner: str = "") -> Callable[P, R]:
    """A constructor that says which argument was meant by one that it does not have.

    ``owner`` is the class's name, if the function's own does not begin with it. Raises :class:`UnknownSettingError`.
    """
    known = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    names, of = frozenset(known), owner or function.__qualname__.partition(".")[0]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not kwargs.keys() <= names:
            name = min(kwargs.keys() - names)
            otherwise = "" if meant(name, known) else f"it takes {', '.join(known)}"
            raise UnknownSettingError(unknown_setting(of, name, known, otherwise))
        return function(*args, **kwargs)

    return checked
