"""The first fault of a large input is found where a schema has both alternatives and parts for what is unevaluated, in
about the time of a validation.
"""

import itertools
import random
from typing import Any

import pytest

from cpu_seconds import cpu_seconds
from depth import depth
from kronos.errors import Unprocessable
from kronos.payload_alternatives import has_any, has_unevaluated, negated_twice
from kronos.payloads import MAX_EFFORT, compiled

_LIST = [{"items": {"type": "string"}}, {"items": {"type": "boolean"}}]
_RECURSIVE = {
    "$defs": {
        "node": {
            "anyOf": [
                {"properties": {"leaf": {"type": "string"}}, "required": ["leaf"], "maxProperties": 1},
                {"properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["next"], "maxProperties": 1},
            ],
        }
    },
    "properties": {"list": {"items": {"$ref": "#/$defs/node"}}},
    "unevaluatedProperties": False,
}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize("order", list(itertools.permutations(("alternatives", "allOf", "unevaluatedItems"))), ids=str)
def test_the_faults_of_each_alternative_are_not_collected(keyword: str, order: tuple[str, ...]) -> None:
    """In whatever order the schema names its parts: what is cheap to check comes first."""
    parts: dict[str, Any] = {"alternatives": _LIST, "allOf": [{"minItems": 1}], "unevaluatedItems": False}
    schema = {name.replace("alternatives", keyword): parts[name] for name in order}
    validator = compiled({"properties": {"list": schema}})
    valid, invalid = ({"list": [item] * 50_000} for item in ("a", 1))
    usual = cpu_seconds(lambda: validator.faults(valid, pointer="/input"))
    assert cpu_seconds(lambda: validator.faults(invalid, pointer="/input")) < 50 * usual
    (fault,) = validator.faults(invalid, pointer="/input")
    assert (fault.pointer, fault.hint) == (
        "/input/list",
        f"The rule is in the payload spec at /schema/properties/list/{keyword}.",
    )


def test_what_is_unevaluated_is_found_too() -> None:
    schema = {"items": {"anyOf": [{"properties": {"a": {}}}, {"required": ["b"]}], "unevaluatedProperties": False}}
    (fault,) = compiled(schema).faults([*[{"a": 1}] * 50_000, {"c": 1}], pointer="")
    assert (fault.pointer, "/items/unevaluatedProperties" in (fault.hint or "")) == ("/50000", True)


def test_a_recursive_schema_repeats_no_level_twice() -> None:
    """Two evaluations at each of thirty levels would never end."""
    value: dict[str, Any] = {"leaf": "x"}
    for _ in range(30):
        value = {"next": value}
    validator = compiled(_RECURSIVE)
    assert validator.locating is not None
    assert validator.locating_weight < 4 * validator.weight
    many = [value] * 30 + [{**value, "more": "y" * 10_000}]
    (fault,) = validator.faults({"list": many}, pointer="")
    assert fault.pointer == "/list/30"


def test_a_place_is_not_looked_for_beyond_the_effort_of_a_validation() -> None:
    validator = compiled(_RECURSIVE)
    assert validator.locating_weight > validator.weight
    item = {"more": 1}
    within, beyond = (
        [item] * (MAX_EFFORT // weight // (len('{"more":1},') + 1) + more)
        for weight, more in ((validator.locating_weight, -10), (validator.locating_weight, 1_000))
    )
    (found,) = validator.faults({"list": within}, pointer="")
    (none,) = validator.faults({"list": beyond}, pointer="")
    assert (found.pointer, none.pointer, "too large to find out where" in none.detail) == ("/list/0", "", True)


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"original": {"type": "string"}}, "anyOf": [{"$ref": "#/$defs/original"}], "unevaluatedItems": False},
        {"$id": "https://example.com/a", "oneOf": [{"items": {"type": "string"}}, {}], "unevaluatedItems": False},
        {
            "properties": {"$ref": {"anyOf": [{"const": {"$ref": "#"}}, {"type": "string"}]}},
            "unevaluatedProperties": {},
        },
    ],
)
def test_names_that_a_schema_has_taken_are_its_own(schema: Any) -> None:
    validator = compiled(schema)
    assert validator.locating is not None
    for value in ("a", 1, ["a"], [1], {"$ref": "#"}, {"$ref": {"$ref": "#"}}, {"$ref": {"$ref": "#/$defs/original"}}):
        assert validator.locating.is_valid(value) == validator.compiled.is_valid(value), value


def _any_schema(chance: random.Random, depth_left: int) -> Any:
    """A schema of a few keywords, at random."""
    if depth_left == 0:
        return chance.choice([True, {"type": "string"}, {"type": "integer"}, {"minimum": 1}, {"$ref": "#/$defs/a"}, {}])
    made: dict[str, Any] = {}
    for name in chance.sample(
        ["anyOf", "oneOf", "allOf", "properties", "items", "unevaluatedProperties", "unevaluatedItems", "not", "if"],
        chance.randint(1, 4),
    ):
        if name in ("anyOf", "oneOf", "allOf"):
            made[name] = [_any_schema(chance, depth_left - 1) for _ in range(chance.randint(1, 3))]
        elif name == "properties":
            made[name] = {each: _any_schema(chance, depth_left - 1) for each in chance.sample("abc", 2)}
        else:
            made[name] = chance.choice([False, _any_schema(chance, depth_left - 1)])
    return made


def _any_value(chance: random.Random, depth_left: int) -> Any:
    kinds = ["string", "number", "list", "object"] if depth_left else ["string", "number"]
    match chance.choice(kinds):
        case "string":
            return "a"
        case "number":
            return chance.choice([0, 1])
        case "list":
            return [_any_value(chance, depth_left - 1) for _ in range(chance.randint(0, 3))]
        case _:
            return {name: _any_value(chance, depth_left - 1) for name in chance.sample("abc", chance.randint(0, 3))}


def test_what_finds_the_place_accepts_what_the_schema_accepts() -> None:
    chance = random.Random(7)
    compared = rejected = 0
    for _ in range(depth(60, deep=4_000)):
        schema = {**_any_schema(chance, 2), "$defs": {"a": {"type": ["object", "string"]}}}
        if chance.random() < 0.5:
            schema["$defs"]["a"] = {"properties": {"a": {"$ref": "#/$defs/a"}}, "anyOf": [{"type": "object"}, {}]}
        if not (has_any(schema) and has_unevaluated(schema)):
            continue
        try:
            validator = compiled(schema)
        except Unprocessable:  # too heavy
            continue
        if validator.locating is None:  # its weight is more than is allowed
            continue
        for _ in range(20):
            value = _any_value(chance, 3)
            is_valid = validator.compiled.is_valid(value)
            assert validator.locating.is_valid(value) == is_valid, (schema, value)
            compared, rejected = compared + 1, rejected + (not is_valid)
    assert compared > 300
    assert rejected > 60


def test_what_is_repeated_stays_as_it_was_written() -> None:
    made: Any = negated_twice({"anyOf": [{"$ref": "#"}], "properties": {"a": {"$ref": "#"}}, "unevaluatedItems": False})
    assert (made["anyOf"], made["properties"]) == ([{"$ref": "#/$defs/original"}], {"a": {"$ref": "#"}})
