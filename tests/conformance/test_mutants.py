"""The rules that ``make mutants`` deletes are in the source; that a test turns red without them takes long to ask."""

from __future__ import annotations

import pytest

from .mutants import ROOT, Rule, every_rule


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule[0])
def test_each_rule_is_in_the_source(rule: Rule) -> None:
    _, _, module, text, replacement = rule
    assert (ROOT / "integrations" / f"{module}.py").read_text(encoding="utf-8").count(text) == 1
    assert text != replacement
