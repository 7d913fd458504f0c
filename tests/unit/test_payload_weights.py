"""The weight of a schema counts every part that the compiled schema applies to a place of an input, and no other part
in its stead: otherwise a short schema could block the process for hours.
"""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import orjson
import pytest

from cpu_seconds import cpu_seconds
from kronos import errors, payload_weights
from kronos.payload_weights import MAX_WEIGHT
from kronos.payloads import MAX_SCHEMA_BYTES, compiled

_HEAVY = {"allOf": [True] * 100}
_KEYWORDS: dict[str, Callable[[Any], Any]] = {
    **{name: lambda part: part for name in ("not", "additionalProperties", "propertyNames", "contains", "items")},
    **{name: lambda part: part for name in ("unevaluatedItems", "unevaluatedProperties", "additionalItems")},
    **{name: lambda part: part for name in ("contentSchema", "disallow", "extends")},
    **{name: lambda part: [part] for name in ("allOf", "anyOf", "oneOf", "prefixItems")},
    **{name: lambda part: {"a": part} for name in ("properties", "dependentSchemas", "dependencies")},
    **{name: lambda part: {"a": part} for name in ("patternProperties", "$defs", "definitions")},
}
"""Keywords of all drafts whose values hold schemas: what each of them holds, around a part."""
_VALUES: tuple[Any, ...] = ({"a": 1}, {"b": 1}, [1], ["a", 2], "a", 1, {}, [])


def _laughs(reference: str, decoy: str, levels: int) -> dict[str, Any]:
    """A schema that doubles at each level, with a light part of another name beside each heavy one."""
    parts: dict[str, Any] = {"a0": {"type": "integer"}, decoy.format(0): True}
    for level in range(1, levels + 1):
        parts[f"a{level}"] = {"anyOf": [{"$ref": reference.format(level - 1)}] * 2}
        parts.setdefault(decoy.format(level), True)
    return {"$defs": parts, "$ref": reference.format(levels)}


def _applies(schema: Callable[[Any], dict[str, Any]]) -> bool:
    """Whether the library applies a part: whether some value is valid with one that accepts all, and not without."""
    try:
        accepting, rejecting = (jsonschema_rs.Draft202012Validator(schema(part)) for part in (True, False))
    except jsonschema_rs.ValidationError:
        return False
    return any(accepting.is_valid(value) != rejecting.is_valid(value) for value in _VALUES)


@pytest.mark.parametrize("keyword", _KEYWORDS)
def test_each_keyword_that_applies_a_part_counts_its_weight(keyword: str) -> None:
    """Also a keyword of an older draft that the library still knows: `dependencies` was not counted."""

    def schema(part: Any) -> dict[str, Any]:
        return {keyword: _KEYWORDS[keyword](part)}

    if _applies(schema):
        assert compiled(schema(_HEAVY)).weight >= compiled(schema(True)).weight + 100
    else:
        assert keyword in ("contentSchema", "disallow", "extends", "additionalItems", "$defs", "definitions")


@pytest.mark.parametrize(
    "schema",
    [
        lambda part: {"if": part, "then": False},
        lambda part: {"if": True, "then": part},
        lambda part: {"if": False, "else": part},
        lambda part: {"properties": {"a": {"$ref": "#/$defs/p"}}, "$defs": {"p": part}},
        lambda part: {"items": {"$ref": "#/prefixItems/0"}, "prefixItems": [part]},
    ],
    ids=["if", "then", "else", "reference", "reference into a list"],
)
def test_a_condition_and_what_is_referenced_count_too(schema: Callable[[Any], dict[str, Any]]) -> None:
    assert _applies(schema)
    assert compiled(schema(_HEAVY)).weight >= compiled(schema(True)).weight + 100


@pytest.mark.parametrize(
    ("reference", "name", "decoy"),
    [
        ("#/$defs/%61{}", "a{}", "%61{}"),
        ("#/%24defs/a{}", "a{}", "%24defs"),
        ("#/$defs%2Fa{}", "a{}", "a{}x"),
    ],
    ids=["a letter", "the keyword", "the slash"],
)
def test_an_escaped_reference_counts_the_part_that_it_applies(reference: str, name: str, decoy: str) -> None:
    """A part whose name was the escaped text itself used to be counted instead, so nothing limited the other one."""
    assert not jsonschema_rs.Draft202012Validator(_laughs(reference, decoy, 3)).is_valid("text")
    assert compiled(_laughs(reference, decoy, 3)).weight > 2**3
    with pytest.raises(errors.Unprocessable, match=f"more than {MAX_WEIGHT} times"):
        compiled(_laughs(reference, decoy, 40))


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("#/$defs/a~1b", "a/b"),
        ("#/$defs/a%7E1b", "a/b"),
        ("#/$defs/a~0b", "a~b"),
        ("#/$defs/a~01b", "a~1b"),
        ("#/$defs/a%20b", "a b"),
        ("#/$defs/a%25b", "a%b"),
        ("#/$defs/%C3%A9", "é"),
        ("#/$defs/", ""),
        ("#/$defs/0", "0"),
        ("#/$defs/a+b", "a+b"),
    ],
)
def test_a_reference_names_a_part_as_json_pointers_do(reference: str, name: str) -> None:
    validator = compiled({"$defs": {name: {"type": "integer"}}, "$ref": reference})
    assert (validator.faults(1, pointer=""), len(validator.faults("x", pointer=""))) == ((), 1)
    assert validator.weight == 2


@pytest.mark.parametrize(
    "reference",
    ["", "#a", "#%2F$defs%2Fa", "#/$defs/%FF", "#/$defs/b", "#/$defs/a/type/0", "/$defs/a", "$defs/a",
     *(f"#/$defs/l/allOf/{place}" for place in ("1", "x", "-1", "²", "1000000000"))],
)  # fmt: skip
def test_a_reference_to_no_part_is_rejected_and_named(reference: str) -> None:
    parts = {"a": {"type": "integer"}, "l": {"allOf": [True]}, "\ufffd": True}
    with pytest.raises(errors.Unprocessable) as refused:
        compiled({"$defs": parts, "$ref": reference})
    (fault,) = refused.value.faults
    assert fault.detail == f"$ref {reference!r} does not point to a part of this schema"
    assert fault.hint == "Refer to a part of this schema by a pointer, such as #/$defs/address."


@pytest.mark.parametrize("pointer", ["#", "#/allOf/0", "#/dependencies/a", "#/$defs/%61"])
def test_a_part_that_refers_to_itself_in_place_is_rejected(pointer: str) -> None:
    """It would never end: there is no step down into the value."""
    part = {"$ref": pointer}
    schema = {"allOf": [part], "dependencies": {"a": part}, "$defs": {"a": part, "%61": True}}
    with pytest.raises(errors.Unprocessable, match="refers to itself without a step down into the value"):
        compiled(schema)


@pytest.mark.parametrize(
    ("schema", "weight"),
    [
        (True, 1),
        ({}, 1),
        ({"type": "object"}, 1),
        ({"required": [f"p{n}" for n in range(9)]}, 1),
        ({"required": [f"p{n}" for n in range(10)]}, 2),
        ({"enum": list(range(35))}, 4),
        ({"enum": list(range(15)), "required": [f"p{n}" for n in range(15)]}, 4),
        ({"dependentRequired": {"a": list("bcde")}}, 1),
        ({"dependentRequired": {"a": list("bcde"), "b": list("cdef")}}, 2),
        ({"dependentRequired": {f"a{n}": [] for n in range(500)}}, 51),
        ({"dependencies": {"a": [f"b{n}" for n in range(18)], "b": True}}, 5),
        ({"uniqueItems": True}, 81),
        ({"uniqueItems": False}, 1),
        ({"minimum": 0}, 9),
        ({"minimum": 0.5, "exclusiveMaximum": 7}, 29),
        ({"maximum": 1e308, "exclusiveMinimum": 1}, 29),
        ({"const": 1.5}, 21),
        ({"const": {"a": [1, 1.5, {"b": 2.5}], "c": True}}, 41),
        ({"enum": [0.5, 1.5, 2, "x", None]}, 41),
        ({"multipleOf": 3}, 21),
        ({"multipleOf": 1e20}, 21),
        ({"multipleOf": 0.01}, 301),
        ({"multipleOf": 1e-20}, 301),
        ({"multipleOf": 1e-21}, 501),
        ({"pattern": "a"}, 101),
        ({"allOf": [{"pattern": "a"}, True]}, 103),
        ({"properties": {f"p{n}": True for n in range(20)}}, 4),
        ({"properties": {"a": {"pattern": "a"}, "b": {"pattern": "b"}}}, 102),
        ({"patternProperties": {"a": True, "b": True}}, 203),
        ({"additionalProperties": True, "propertyNames": {"pattern": "a"}}, 103),
        ({"prefixItems": [{"pattern": "a"}, {"pattern": "b"}], "items": True}, 103),
        ({"prefixItems": [{"pattern": "a"}], "properties": {"a": {"allOf": [True] * 5}}}, 102),
        ({"dependentSchemas": {"a": {"pattern": "x"}}, "not": {"allOf": [True]}}, 104),
        ({"properties": {"a": {"pattern": "a"}, "b": True}}, 102),
        ({"properties": {"a": True, "b": {"pattern": "a"}}}, 102),
        ({"properties": {"a": {"pattern": "a"}}, "allOf": [{"properties": {"b": {"pattern": "b"}}}]}, 103),
        ({"properties": {"a": {"pattern": "a"}}, "allOf": [{"properties": {"a": {"pattern": "b"}}}]}, 204),
        ({"anyOf": [{"properties": {"a": {"pattern": "a"}}}, {"additionalProperties": {"pattern": "b"}}]}, 205),
        ({"prefixItems": [{"pattern": "a"}, True]}, 102),
        ({"prefixItems": [True, {"pattern": "a"}]}, 102),
        ({"properties": {"next": {"$ref": "#"}}}, 128),
        ({"items": {"$ref": "#"}}, 128),
        ({"anyOf": "no list", "properties": [], "required": "a"}, None),
    ],
)
def test_the_weight_is_how_often_parts_apply_to_the_worst_place(schema: Any, weight: int | None) -> None:
    """One for each part, a tenth for each name or choice, a hundred for each pattern, and more for what compares items
    with each other, or numbers as fractions. Members of different names
    do not add up, as one place has one of them; objects and arrays do not, as a value is one of them.
    """
    if weight is None:
        with pytest.raises(errors.Unprocessable):
            compiled(schema)
    else:
        assert compiled(schema).weight == weight


def _seconds_per_effort(part: dict[str, Any], value: Any, size: int) -> float:
    """The CPU time of a validation of so many bytes by what it counts as."""
    validator = compiled({"items": {"allOf": [part] * 3}})
    values = [value] * (size // len(orjson.dumps(value)))
    seconds = cpu_seconds(lambda: validator.compiled.is_valid(values))
    return seconds / (validator.weight * len(orjson.dumps(values)))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"multipleOf": 1e-300}, 7),
        ({"multipleOf": 5e-324}, 0.5),
        ({"multipleOf": 0.01}, 5e-324),
        ({"enum": [n + 0.5 for n in range(9)]}, 8.5),
        ({"uniqueItems": True}, [n + 0.5 for n in range(15)]),
        ({"dependentRequired": {f"a{n}": ["b"] for n in range(500)}}, {"b": 1}),
        ({"pattern": "[ab]*a[ab]{9}c"}, "ab" * 20),
    ],
    ids=lambda value: str(value)[:40],
)
def test_no_part_takes_much_longer_than_its_weight_says(part: dict[str, Any], value: Any) -> None:
    """The first of them took two thousand times as long as a type, by their weights, and a validation minutes."""
    usual = _seconds_per_effort({"type": "integer"}, 1, 50_000)
    assert _seconds_per_effort(part, value, 300) < 60 * usual


@pytest.mark.parametrize("unevaluated", ["unevaluatedProperties", "unevaluatedItems"])
@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "if"])
def test_what_is_asked_again_for_unevaluated_parts_counts_again(keyword: str, unevaluated: str) -> None:
    """The library asks each part in place once more what it has evaluated: 17 levels took 0.2 s for an input of 13
    bytes, and each further level twice as long."""

    def nested(levels: int) -> Any:
        part: Any = {}
        for _ in range(levels):
            part = {keyword: part if keyword == "if" else [part], unevaluated: True}
        return part

    weights = [compiled(nested(levels)).weight for levels in (2, 3, 4)]
    assert weights[2] > 2 * weights[1] > 4 * weights[0]
    with pytest.raises(errors.Unprocessable, match=f"more than {MAX_WEIGHT} times"):
        compiled(nested(17))


def test_contains_is_asked_again_for_unevaluated_items() -> None:
    def nested(levels: int) -> Any:
        return {"contains": nested(levels - 1), "unevaluatedItems": True} if levels else {"pattern": "a"}

    assert compiled(nested(2)).weight > 4 * 100
    with pytest.raises(errors.Unprocessable, match=f"more than {MAX_WEIGHT} times"):
        compiled(nested(17))


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {f"v{n}": {"$ref": f"#/$defs/v{n - 1}", "unevaluatedProperties": False} for n in range(1, 20)}},
        {"properties": {"a": {"properties": {"b": {"unevaluatedProperties": False}}, "unevaluatedProperties": False}}},
        {
            "$defs": {"node": {"properties": {"name": {"pattern": "^[a-z]+$"}}, "required": ["name"]}},
            "$ref": "#/$defs/node",
            "properties": {"children": {"items": {"$ref": "#"}}},
            "unevaluatedProperties": False,
        },
        {
            "allOf": [{"properties": {"id": {"format": "uuid"}}}, {"properties": {"at": {"format": "date-time"}}}],
            "oneOf": [{"properties": {"kind": {"const": f"k{n}"}, f"of{n}": {}}} for n in range(20)],
            "unevaluatedProperties": False,
        },
        {
            "allOf": [
                {"properties": {"tags": {"items": {"type": "string"}, "uniqueItems": True}}},
                {"properties": {"price": {"type": "number", "minimum": 0, "multipleOf": 0.01}}},
                {"properties": {"code": {"pattern": "^[A-Z]{3}$"}}},
            ],
            "properties": {"parts": {"type": "array", "items": {"$ref": "#"}}},
        },
    ],
    ids=["versions", "nested", "tree", "kinds", "inheritance"],
)
def test_models_as_people_write_them_are_taken(schema: Any) -> None:
    schema.get("$defs", {}).setdefault("v0", {"type": "object"})
    root = {"$ref": "#/$defs/v19"} if "v19" in schema.get("$defs", {}) else {}
    assert compiled(schema | root).weight <= MAX_WEIGHT // 2


def test_a_schema_may_be_as_heavy_as_the_limit_and_no_heavier() -> None:
    assert compiled({"allOf": [True] * (MAX_WEIGHT - 1)}).weight == MAX_WEIGHT
    with pytest.raises(errors.Unprocessable, match=f"more than {MAX_WEIGHT} times"):
        compiled({"allOf": [True] * MAX_WEIGHT})


def test_a_schema_may_be_as_large_as_the_limit_and_no_larger() -> None:
    largest = {"title": "x" * (MAX_SCHEMA_BYTES - len('{"title":""}'))}
    assert compiled(largest).size == 20 * MAX_SCHEMA_BYTES
    with pytest.raises(errors.Unprocessable, match=f"the schema has {MAX_SCHEMA_BYTES + 1} bytes"):
        compiled({"title": largest["title"] + "x"})


def test_a_schema_of_too_many_parts_is_rejected_before_they_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(count: int) -> dict[str, Any]:
        return {"properties": {f"p{n}": {"items": {}} for n in range(count)}}

    monkeypatch.setattr(payload_weights, "_MOST_COUNTED", 1000)
    assert compiled(wide(10)).weight == 4
    with pytest.raises(errors.Unprocessable, match="the schema has too many parts"):
        compiled(wide(50))


def test_a_pattern_costs_the_memory_that_it_may_take() -> None:
    sizes = [compiled({"allOf": [{"pattern": "a"}] * count}).size for count in (1, 2)]
    assert sizes[1] - sizes[0] == 320 * 1024 + 20 * len('{"pattern":"a"},')


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"properties": {"a": {"$id": "x"}}}, "$id"),
        ({"allOf": [True, {"$schema": "x"}]}, "$schema"),
        ({"$recursiveRef": "#"}, "$recursiveRef"),
        ({"items": {"$dynamicRef": "#a"}}, "$dynamicRef"),
    ],
)
def test_a_keyword_that_changes_what_references_mean_is_rejected_inside_a_schema(schema: Any, keyword: str) -> None:
    with pytest.raises(errors.Unprocessable, match=rf"\{keyword} is not supported inside a schema"):
        compiled(schema)


def test_a_property_may_have_the_name_of_such_a_keyword() -> None:
    assert compiled({"properties": {"$id": {"type": "string"}, "$schema": True, "pattern": {"type": "string"}}})
