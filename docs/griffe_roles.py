"""For the API reference: Sphinx's roles become the code that they name, pydantic's fields what they say."""

from __future__ import annotations

import ast
import re
from typing import Any

from griffe import Attribute, Docstring, ExprCall, ExprKeyword, Extension, Object

ROLE = re.compile(r":(?:class|meth|func|mod|exc|attr|data):`~?(?P<name>[^`]+)`")


class Roles(Extension):
    """Rewrite :class:`X` to ``X`` before the docstring is parsed, and ``Field(…)`` to what it says."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Called for every object found."""
        # Classes of LlamaIndex are known to be pydantic's only where it is installed, which griffe does not ask.
        if isinstance(obj, Attribute) and isinstance(obj.value, ExprCall) and str(obj.value.function) == "Field":
            _as_field(obj, obj.value)
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(lambda match: f"`{match['name']}`", obj.docstring.value)


def _as_field(attribute: Attribute, call: ExprCall) -> None:
    given = {one.name: one.value for one in call.arguments if isinstance(one, ExprKeyword)}
    attribute.value = given.get("default")
    if "default_factory" in given:
        attribute.value = f"{given['default_factory']}()"
    description = given.get("description")
    # As the source has it: a constant's name is not looked up.
    if attribute.docstring is None and isinstance(description, str):
        attribute.docstring = Docstring(ast.literal_eval(description), parent=attribute)
