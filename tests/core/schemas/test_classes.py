"""Schemas that classes give: pydantic models, dataclasses, TypedDicts; from the model's answer to the object."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

import pytest
from jsonschema import Draft202012Validator
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from typing_extensions import TypedDict

from requesty_core.schemas import compile_class, compile_schema
from requesty_emulator.validation.strict_schema import strict_problem

from .checker import strict_faults

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str
    zip: str | None = None


class Person(BaseModel):
    name: str = Field(description="full name", min_length=1)
    home: Address = Field(description="where")
    work: Address = Address(street="none")
    colours: list[Colour] = []
    age: int = Field(default=30, ge=0, lt=200)
    born: datetime | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: set[str] = set()


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Owner(BaseModel):
    pet: Pet
    others: list[Pet] = []


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Menu(BaseModel):
    item: Dish | None = None


class Dish(BaseModel):
    part_of: Menu = Field(default_factory=lambda: Menu())


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: int = 0


class Pages(RootModel[list[Page[int]]]):
    pass


class AnyPet(RootModel[Pet]):
    pass


class Keywords(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    default: str = "d"
    properties: dict[str, Any] | None = Field(default=None, exclude=True)
    ref: str = Field(alias="$ref")


class Pair(BaseModel):
    at: tuple[int, Cat]
    size: tuple[float, float] = (1.0, 1.0)


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = 1


class Empty(BaseModel):
    pass


@dataclass
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


CASES = [
    (Person, {"name": "n", "home": {"street": "s", "zip": None}, "work": None, "colours": ["red"],
              "age": None, "born": None},
     Person(name="n", home=Address(street="s"), colours=[Colour.RED])),
    (Owner, {"pet": {"kind": "dog", "tricks": None}, "others": [{"kind": "cat", "lives": None}]}, None),
    (Owner, {"pet": {"kind": "cat", "lives": 3}, "others": None}, Owner(pet=Cat(kind="cat", lives=3))),
    (Node, {"name": "a", "children": [{"name": "b", "children": None}]}, Node(name="a", children=[Node(name="b")])),
    (Menu, {"item": {"part_of": None}}, Menu(item=Dish())),
    (Page[int], {"items": [1], "next": None}, Page[int](items=[1])),
    (Pages, {"value": [{"items": [], "next": None}]}, Pages([Page[int](items=[])])),
    (AnyPet, {"value": {"kind": "cat", "lives": None}}, AnyPet(Cat(kind="cat"))),
    (Pair, {"at": [1, {"kind": "cat", "lives": None}], "size": None}, Pair(at=(1, Cat(kind="cat")))),
    (Closed, {"a": None}, Closed()),
    (Empty, {}, Empty()),
    (Point, {"x": 1, "y": None, "tags": None}, Point(1)),
    (Movie, {"title": "t", "year": None}, {"title": "t"}),
    (list[Movie], {"value": [{"title": "t", "year": 1}]}, [{"title": "t", "year": 1}]),
    (int | str, {"value": 3}, 3),
]  # fmt: skip


@pytest.mark.parametrize(("made_of", "answer", "expected"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_from_answer_to_object(made_of: Any, answer: Any, expected: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(made_of)
    compiled = compile_schema(adapter.json_schema())
    strict = compiled.strict
    assert strict is not None, compiled.reason
    assert strict_faults(strict) == []
    assert strict_problem(strict, "response_format", "x") is None
    assert Draft202012Validator(strict).is_valid(answer)
    made = adapter.validate_python(compiled.restore(answer))
    if expected is not None:
        assert made == expected


def test_a_free_map_has_no_strict_form() -> None:
    compiled = compile_schema(Keywords.model_json_schema())
    assert compiled.strict is None
    assert compiled.reason == (
        "$.properties.properties.anyOf[0]: the object takes keys that it does not name (additionalProperties)"
    )
    assert list(compiled.plain["properties"]) == ["default", "properties", "$ref"]


@pytest.mark.parametrize("made_of", [Person, Owner, Node, Menu, Page[int], Closed, Empty], ids=lambda cls: cls.__name__)
def test_ours_accepts_what_the_openai_packages_form_accepts(made_of: type[BaseModel]) -> None:
    full = {
        "Person": {"name": "n", "home": {"street": "s", "zip": None}, "work": {"street": "s", "zip": "z"},
                   "colours": [], "age": 1, "born": None},
        "Owner": {"pet": {"kind": "dog", "tricks": ["a"]}, "others": []},
        "Node": {"name": "n", "children": [{"name": "m", "children": []}]},
        "Menu": {"item": {"part_of": {"item": None}}},
        "Page[int]": {"items": [1], "next": 2},
        "Closed": {"a": 1},
        "Empty": {},
    }[made_of.__name__]  # fmt: skip
    assert Draft202012Validator(to_strict_json_schema(made_of)).is_valid(full)
    compiled = compile_schema(made_of.model_json_schema())
    assert Draft202012Validator(compiled.strict or {}).is_valid(full)
    assert compiled.restore(full) == full


def test_a_class_is_compiled_once_and_let_go() -> None:
    class Local(BaseModel):
        a: int

    asked = []

    def schema_of(cls: type) -> dict[str, Any]:
        asked.append(cls)
        return cls.model_json_schema()  # type: ignore[attr-defined,no-any-return]

    assert compile_class(Local, schema_of) is compile_class(Local, schema_of)
    assert asked == [Local]
    gone = weakref.ref(Local)
    asked.clear()
    del Local
    gc.collect()
    assert gone() is None
