"""How errors leave this package, and the one that the core does not know."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from langchain_core import exceptions as lc

from requesty_core.adapters import raising_as

from ._error_classes import CLASSES

__all__ = ["RequestyRefusalError", "langchain_errors"]

if TYPE_CHECKING:
    _Refusal = lc.ModelError
else:
    # langchain-core has it since 1.7.5.
    _Refusal = getattr(lc, "ModelRefusalError", lc.ModelError)


class RequestyRefusalError(_Refusal):
    """The model refused to give the structured answer it was asked for; ``refusal`` is what it said."""

    def __init__(self, refusal: str) -> None:
        super().__init__(f"the model refused: {refusal}")
        self.refusal = refusal

    def __reduce__(self) -> tuple[type[RequestyRefusalError], tuple[str]]:
        return type(self), (self.refusal,)


def langchain_errors() -> AbstractContextManager[None]:
    """Within the block, errors of the core leave as this package's classes, every detail kept."""
    return raising_as(CLASSES)
