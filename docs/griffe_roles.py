"""Cross references in docstrings, for the API reference: Sphinx's roles become the code that they name."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:class|meth|func|mod|exc|attr|data):`~?(?P<name>[^`]+)`")


class Roles(Extension):
    """Rewrite :class:`X` to ``X`` before the docstring is parsed."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Called for every object found."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(lambda match: f"`{match['name']}`", obj.docstring.value)
