"""The weight of a schema counts every part that the compiled schema applies to a place of an input, and no other part
in its stead: otherwise a short schema could block the process for hours.
"""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from kronos import errors
from kronos.payloads import MAX_SCHEMA_BYTES, MAX_WEIGHT, compiled

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
        ({"pattern": "a"}, 101),
        ({"allOf": [{"pattern": "a"}, True]}, 103),
        ({"properties": {f"p{n}": True for n in range(20)}}, 4),
        ({"properties": {"a": {"pattern": "a"}, "b": {"pattern": "b"}}}, 102),
        ({"patternProperties": {"a": True, "b": True}}, 203),
        ({"additionalProperties": True, "propertyNames": {"pattern": "a"}}, 103),
        ({"prefixItems": [{"pattern": "a"}, {"pattern": "b"}], "items": True}, 103),
        ({"prefixItems": [{"pattern": "a"}], "properties": {"a": {"allOf": [True] * 5}}}, 102),
        ({"dependentSchemas": {"a": {"pattern": "x"}}, "not": {"allOf": [True]}}, 104),
        ({"anyOf": "no list", "properties": [], "required": "a"}, None),
    ],
)
def test_the_weight_is_how_often_parts_apply_to_the_worst_place(schema: Any, weight: int | None) -> None:
    """One for each part, a tenth for each name or choice, and a hundred for each pattern. Members of different names
    do not add up, as one place has one of them; objects and arrays do not, as a value is one of them.
    """
    if weight is None:
        with pytest.raises(errors.Unprocessable):
            compiled(schema)
    else:
        assert compiled(schema).weight == weight


def test_a_schema_may_be_as_heavy_as_the_limit_and_no_heavier() -> None:
    assert compiled({"allOf": [True] * (MAX_WEIGHT - 1)}).weight == MAX_WEIGHT
    with pytest.raises(errors.Unprocessable, match=f"more than {MAX_WEIGHT} times"):
        compiled({"allOf": [True] * MAX_WEIGHT})


def test_a_schema_may_be_as_large_as_the_limit_and_no_larger() -> None:
    largest = {"title": "x" * (MAX_SCHEMA_BYTES - len('{"title":""}'))}
    assert compiled(largest).size == 20 * MAX_SCHEMA_BYTES
    with pytest.raises(errors.Unprocessable, match=f"the schema has {MAX_SCHEMA_BYTES + 1} bytes"):
        compiled({"title": largest["title"] + "x"})


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
