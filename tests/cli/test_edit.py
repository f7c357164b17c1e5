"""Files changed in place: whatever a file holds and however it is laid out, only what is new is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from requesty_cli.configure import dotenv, jsonc, yamltext
from requesty_cli.configure.formats import FORMATS, FormatError, change
from requesty_cli.configure.settings import Item, Setting, ShapeError, put, replaced

names = st.text("abcdef_-", min_size=1, max_size=5)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text("ab #:'\"\\{}[],\n\té", max_size=6))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
objects = st.dictionaries(names, values, max_size=4)


def more(held: Any, other: Any) -> Any:
    """``held`` with what ``other`` has besides; where both have a scalar, the other's."""
    if isinstance(held, dict) and isinstance(other, dict):
        return {**held, **{k: more(held[k], v) if k in held else v for k, v in other.items()}}
    if isinstance(held, list) and isinstance(other, list):
        return held + other
    return held if isinstance(held, (dict, list)) else other


@given(objects, objects, st.sampled_from([None, 2, 4, "\t"]))
def test_json_holds_what_is_wanted(held: Any, other: Any, indent: int | str | None) -> None:
    wanted = more(held, other)
    text = json.dumps(held, indent=indent)
    changed = jsonc.edit(text, wanted)
    assert json.loads(changed) == wanted
    assert jsonc.edit(changed, wanted) == changed


@given(objects, objects)
def test_json_keeps_comments_and_trailing_commas(held: Any, other: Any) -> None:
    lines = json.dumps(held, indent=2).split("\n")
    # A comment behind every line that has no open text, and a comma where nothing follows.
    noted = [f"{line} // note {n}" for n, line in enumerate(lines)]
    for n, line in enumerate(lines[:-1]):
        if lines[n + 1].strip()[:1] in "}]" and line.rstrip()[-1:] not in "{[,":
            noted[n] = f"{line}, // note {n}"
    text = "/* head */\n" + "\n".join(noted) + "\n"
    wanted = more(held, other)
    changed = jsonc.edit(text, wanted)
    assert jsonc.load(changed) == wanted
    assert [n for n in range(len(lines)) if f"// note {n}\n" in changed] == list(range(len(lines)))
    assert changed.startswith("/* head */\n")


@given(objects, objects, st.booleans(), st.sampled_from([2, 4]))
def test_yaml_holds_what_is_wanted_or_is_refused(held: Any, other: Any, flow: bool, indent: int) -> None:
    wanted = more(held, other)
    text = yaml.safe_dump(held, default_flow_style=flow, indent=indent, allow_unicode=True, sort_keys=False)
    try:
        changed = change(FORMATS["yaml"], text, wanted)
    except FormatError:
        return
    assert yaml.safe_load(changed) == wanted
    assert yamltext.edit(changed, wanted) == changed


@given(objects, st.dictionaries(names, st.one_of(st.booleans(), st.integers(-9, 9), names), min_size=1, max_size=3))
def test_a_group_added_to_yaml_in_block_style_is_never_refused(held: Any, group: Any) -> None:
    wanted = {**held, "zzzzzz": group}
    text = "# head\n" + (yaml.safe_dump(held, sort_keys=False) if held else "")
    changed = change(FORMATS["yaml"], text, wanted)
    assert changed.startswith(text.rstrip("\n"))
    assert yaml.safe_load(changed) == wanted


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1 "b": 2}', "line 1 column 9"),
        ('{\n  "a": tru\n}', "line 2 column 8"),
        ('{"a": 1} x', "line 1 column 10"),
        ("{'a': 1}", "line 1 column 2"),
        ('{"a"', "line 1 column 5"),
        ('{"a": "b\n"}', "line 1 column 7"),
        ("/* open", "line 1 column 1"),
        ("[" * 300, "too deeply nested"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(jsonc.JSONCError, match=place):
        jsonc.load(text)


@pytest.mark.parametrize(
    ("text", "wanted", "changed"),
    [
        ("{}", {"a": 1}, '{\n  "a": 1\n}'),
        ('{"a": 1}', {"a": 1, "b": 2}, '{"a": 1, "b": 2}'),
        ('{"a": 1,}', {"a": 1, "b": 2}, '{"a": 1, "b": 2}'),
        ('{\n\t"a": 1 // x\n}', {"a": 1, "b": 2}, '{\n\t"a": 1, // x\n\t"b": 2\n}'),
        ('{\n  "a": 1\n  , // x\n}', {"a": 1, "b": 2}, '{\n  "a": 1\n  , // x\n  "b": 2\n}'),
        ('{\n  "a": 1}', {"a": 1, "b": 2}, '{\n  "a": 1,\n  "b": 2\n}'),
        ("", {"a": 1}, '{\n  "a": 1\n}\n'),
        ("// x", {"a": 1}, '// x\n{\n  "a": 1\n}\n'),
        ('{"a": {"b": 1}, "c": [1]}', {"a": {"b": 2}, "c": [1, 2]}, '{"a": {"b": 2}, "c": [1, 2]}'),
    ],
)
def test_where_json_is_inserted(text: str, wanted: Any, changed: str) -> None:
    assert jsonc.edit(text, wanted) == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "A=1\n"),
        ("B=2", "B=2\nA=1\n"),
        ("# A=0\nexport A = 'x' # old\nB=2\n", "# A=0\nexport A = 1\nB=2\n"),
        ("A=0\nA=2\n", "A=0\nA=1\n"),
        ("A=1 # is so\n", "A=1 # is so\n"),
    ],
)
def test_where_a_name_is_set(text: str, changed: str) -> None:
    wanted = {**(dotenv.load(text) or {}), "A": "1"}
    assert dotenv.edit(text, wanted) == changed


def test_toml_keeps_inline_tables_inline() -> None:
    text = "a = { b = { c = 1 } } # note\n[t]\nx = 1979-05-27\n"
    form = FORMATS["toml"]
    changed = change(form, text, put(form.load(text), [Setting(("a", "d", "e"), 2), Setting(("top",), True)]))
    assert "# note" in changed
    assert changed.count("[t]") == 1
    assert form.load(changed)["a"] == {"b": {"c": 1}, "d": {"e": 2}}


def test_put_leaves_its_data_alone() -> None:
    shared = [{"name": "a"}]
    data = {"one": shared, "two": shared}
    settings = [Setting(("one", Item("name", "a"), "x"), 1), Setting(("one", Item("name", "b"), "x"), 2)]
    assert put(data, settings) == {"one": [{"name": "a", "x": 1}, {"name": "b", "x": 2}], "two": [{"name": "a"}]}
    assert shared == [{"name": "a"}]


def test_members_and_defaults() -> None:
    settings = [Setting(("m",), "a", member=True), Setting(("d",), 1, default=True)]
    assert put(None, settings) == {"m": ["a"], "d": 1}
    held = {"m": ["b"], "d": 2}
    assert put(held, settings) == {"m": ["b", "a"], "d": 2}
    assert replaced(held, settings) == []
    with pytest.raises(ShapeError):
        put({"m": "a"}, settings)
