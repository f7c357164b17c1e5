"""The body of a call as each attempt sends it, by the rules of the attempt's model, and what a refusal teaches."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from requesty_core.catalog.prepared import Adapt, Form, Prepared, adapts
from requesty_core.catalog.refusals import RefusalMemory, refused_parameter
from requesty_core.errors import RequestyError
from requesty_core.retry.fallback import Send

__all__ = ["Adaptation"]


class Adaptation:
    """How one call's body becomes that of each attempt.

    Args:
        adapt: when the fields that the caller set follow a model's rules.
        added: fields of the body that an adapter put there by itself; they always follow the rules. ``strict`` stands
            for the flag inside tools and schemas.
        refusals: what models refused before, shared by all calls of a client.
        form: the format of the body.
    """

    __slots__ = ("_adapt", "_added", "_form", "_refusals")

    def __init__(self, adapt: Adapt, added: frozenset[str], refusals: RefusalMemory, form: Form = "chat") -> None:
        self._adapt = adapt
        self._added = added
        self._refusals = refusals
        self._form = form

    def key(self, send: Send) -> object:
        """Attempts of equal keys send the same body."""
        model = send.step.model
        return model, adapts(self._adapt, send.position), self._refusals.refused(model)

    def prepare(self, body: Mapping[str, Any], send: Send) -> Prepared:
        """The body for an attempt; the one given where nothing has to change."""
        model, whole = send.step.model, adapts(self._adapt, send.position)
        if not whole and not self._added:
            return Prepared(body)
        from requesty_core.catalog.prepare import prepare

        learned = self._refusals.refused(model)
        return prepare(body, model, added=self._added, adapt=whole, learned=learned, form=self._form)

    def learn(self, error: RequestyError, prepared: Prepared, send: Send) -> bool:
        """Whether ``error`` refuses a field of the body that was sent, and the call can do without it.

        The field is remembered for the model, so that the next attempt leaves it out.
        """
        from requesty_core.catalog.prepare import holds_strict

        body = prepared.body
        sent: Set[str] = body.keys() | {"strict"} if holds_strict(body) else body.keys()
        may = sent if adapts(self._adapt, send.position) else sent & self._added
        field = refused_parameter(error.status, error.body, may)
        if field is None or field in prepared.learned:
            # Left out by what was known already, and still refused: once more would be the same again.
            return False
        self._refusals.note(send.step.model, field)
        return True
