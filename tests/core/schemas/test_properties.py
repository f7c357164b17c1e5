"""What holds for every schema and every instance of it."""

from __future__ import annotations

import copy
import os
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openai.lib._pydantic import _ensure_strict_json_schema

from requesty_core.schemas import CompiledSchema, compile_schema
from requesty_emulator.validation.strict_schema import strict_problem

from .checker import strict_faults
from .strategies import (
    NoInstance,
    Schema,
    answer,
    documents,
    instance,
    opened,
    valid,
    with_own_nulls,
    without_nulls,
)

LIMITED = settings(max_examples=int(os.environ.get("SCHEMA_EXAMPLES", "120")), deadline=None)


def is_valid(schema: Schema, value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def wrapped(compiled: CompiledSchema, value: Any) -> Any:
    return value if compiled.wrapper is None else {compiled.wrapper: value}


def strict_form(user: Schema) -> tuple[CompiledSchema, Schema]:
    before = copy.deepcopy(user)
    compiled = compile_schema(user)
    assert user == before
    strict = compiled.strict
    # Contradictions and constants in allOf have none; what there is must be right.
    assume(strict is not None)
    assert strict is not None
    assert strict_faults(strict) == []
    assert strict_problem(strict, "response_format", "x") is None
    return compiled, strict


def drawn(data: st.DataObject, root: Schema) -> Any:
    try:
        return instance(data.draw, root, root)  # type: ignore[arg-type]
    except NoInstance:
        assume(False)


@LIMITED
@given(st.data(), documents(distinct=True))
def test_instances_survive_unchanged(data: st.DataObject, root: Schema) -> None:
    compiled, strict = strict_form(opened(root))
    value = drawn(data, root)
    sent = wrapped(compiled, answer(root, root, value))
    assert is_valid(strict, sent)
    kept = copy.deepcopy(sent)
    assert compiled.restore(sent) == with_own_nulls(root, root, value)
    assert sent == kept


@LIMITED
@given(st.data(), documents(distinct=False))
def test_instances_of_any_union_survive_with_all_their_data(data: st.DataObject, root: Schema) -> None:
    user = opened(root)
    compiled, strict = strict_form(user)
    value = drawn(data, root)
    sent = wrapped(compiled, answer(root, root, value))
    assert is_valid(strict, sent)
    restored = compiled.restore(sent)
    assert valid(user, user, restored)
    assert without_nulls(restored) == without_nulls(value)


@LIMITED
@given(st.data(), documents(distinct=False))
def test_what_the_users_schema_accepts_comes_back_as_it_is(data: st.DataObject, root: Schema) -> None:
    compiled = compile_schema(opened(root))
    value = drawn(data, root)
    assert compiled.restore(value) == value
    assert compiled.restore(wrapped(compiled, value)) == value
    assert is_valid(compiled.plain, wrapped(compiled, value))


@settings(LIMITED, max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data(), documents(distinct=False, root_object=True))
def test_the_openai_packages_helper_accepts_no_instance_that_ours_refuses(data: st.DataObject, root: Schema) -> None:
    user = opened(root)
    compiled, strict = strict_form(user)
    theirs = copy.deepcopy(user)
    try:
        _ensure_strict_json_schema(theirs, path=(), root=theirs)
    except (TypeError, ValueError, AssertionError, KeyError, RecursionError):
        assume(False)
    # The helper does not say so when what it made is refused.
    assume(strict_problem(theirs, "response_format", "x") is None)
    try:
        value = instance(data.draw, theirs, theirs)  # type: ignore[arg-type]
    except (NoInstance, KeyError):
        assume(False)
    assume(is_valid(theirs, value) and is_valid(user, value))
    assert is_valid(strict, wrapped(compiled, value))


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=3),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    [
                        "type",
                        "properties",
                        "required",
                        "items",
                        "anyOf",
                        "allOf",
                        "oneOf",
                        "$ref",
                        "$defs",
                        "enum",
                        "const",
                        "prefixItems",
                        "not",
                        "additionalProperties",
                        "minItems",
                        "maxItems",
                        "pattern",
                        "default",
                        "description",
                        "format",
                        "minimum",
                    ]
                ),
                st.text(max_size=2),
            ),
            st.one_of(
                inner, st.sampled_from(["object", "string", "array", "#", "#/$defs/a", ["a"], {"type": "string"}])
            ),
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@LIMITED
@given(
    st.dictionaries(
        st.sampled_from(["type", "properties", "items", "anyOf", "allOf", "$ref", "$defs", "enum", "required"]),
        JSON,
        max_size=5,
    ),
    JSON,
)
def test_nonsense_is_never_a_traceback(schema: Schema, value: Any) -> None:
    compiled = compile_schema(schema)
    assert (compiled.strict is None) == (compiled.reason is not None)
    if compiled.strict is not None:
        assert strict_problem(compiled.strict, "response_format", "x") is None
    assert isinstance(compiled.plain, dict)
    compiled.restore(value)
    said = strict_problem(schema, "response_format", "x")
    assert said is None or "\n" not in said
