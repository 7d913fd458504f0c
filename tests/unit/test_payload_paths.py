"""Whether an input that a payload spec accepts may have the value that a template names. No is only said if it is sure:
an endpoint whose templates name what cannot be there is rejected when it is saved.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from kronos.payloads import compiled, may_have

_INTEGER = {"type": "integer"}
_ONLY_A: dict[str, Any] = {"type": "object", "properties": {"a": True}, "additionalProperties": False}
_ONLY_B: dict[str, Any] = {"type": "object", "properties": {"b": True}, "additionalProperties": False}
_NESTED: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"properties": {"b": _INTEGER}, "additionalProperties": False}},
    "additionalProperties": False,
}
_TREE = {
    "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}, "v": _INTEGER}, "additionalProperties": False}},
    "$ref": "#/$defs/node",
}
_SCHEMAS: tuple[Any, ...] = (
    True,
    False,
    {},
    _INTEGER,
    _ONLY_A,
    {"allOf": [_ONLY_A, {}]},
    {"allOf": [{"additionalProperties": False, "properties": {"a": True, "b": True}}, _ONLY_B]},
    {"anyOf": [_ONLY_A, _ONLY_B]},
    {"oneOf": [_ONLY_A, _ONLY_B, _INTEGER]},
    {"anyOf": [True], "properties": {"a": True}},
    {"not": _ONLY_A},
    {"if": _ONLY_A, "then": _ONLY_A, "else": _ONLY_B},
    {"type": "array"},
    {"type": ["array", "null"], "items": _ONLY_A},
    {"type": "array", "prefixItems": [_ONLY_A, _INTEGER], "items": False},
    {"prefixItems": [_ONLY_A], "items": _ONLY_B},
    {"type": "array", "maxItems": 1},
    {"maxItems": 0, "maxProperties": 1},
    {"type": ["object", "string"], "additionalProperties": {"type": "array", "items": _INTEGER}},
    {"patternProperties": {"^b": _ONLY_A}, "additionalProperties": False},
    {"properties": {"a": _ONLY_B}, "patternProperties": {"^a": True}, "additionalProperties": False},
    {"properties": {"a": False, "b": {"properties": {"a": False}}}},
    {"propertyNames": {"enum": ["a"]}},
    {"dependentSchemas": {"a": _ONLY_A}},
    {"unevaluatedProperties": False, "properties": {"b": True}},
    {"enum": [{"a": 1}, [1]]},
    {"const": {"a": {"b": 1}}},
    _TREE,
)


def _inputs() -> Iterator[Any]:
    leaves: list[Any] = [1, "x", [], {}]
    inner = [*leaves, {"a": 1}, {"b": 1}, [1], [{"a": 1}]]
    yield from inner
    yield from ({"a": value} for value in inner)
    yield from ({"b": value} for value in inner)
    yield from ({"next": value} for value in ({"v": 1}, {"next": {"v": 1}}))
    yield from ([first, second] for first, second in product(inner, repeat=2))
    yield from ({"a": first, "b": second} for first, second in product(leaves, repeat=2))


def _paths(value: Any) -> Iterator[tuple[str, ...]]:
    yield ()
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in members:
        yield from ((str(name), *path) for path in _paths(item))


@pytest.mark.parametrize("schema", _SCHEMAS, ids=str)
def test_a_value_that_an_accepted_input_has_is_never_said_to_be_impossible(schema: Any) -> None:
    validator = compiled(schema)
    for value in _inputs():
        if validator.compiled.is_valid(value):
            for path in _paths(value):
                assert may_have(schema, path), (value, path)


@pytest.mark.parametrize(
    ("schema", "path", "expected"),
    [
        (_ONLY_A, "", True),
        (_NESTED, "a", True),
        (_NESTED, "a.b", True),
        (_NESTED, "a.c", False),
        (_NESTED, "b", False),
        (_NESTED, "a.b.c", False),
        ({}, "a.b", True),
        (True, "a", True),
        (False, "a", False),
        ({"type": ["string", "array"]}, "0", True),
        ({"type": "array", "prefixItems": [True], "items": False}, "1", False),
        ({"patternProperties": {"^x": {}}, "additionalProperties": False}, "y", True),
        ({"allOf": [{}, _NESTED]}, "b", False),
        ({"anyOf": [_NESTED, {"type": "string"}]}, "b", False),
        ({"anyOf": [_NESTED, {}]}, "b", True),
        (False, "", False),
        (_INTEGER, "", True),
        (_INTEGER, "a", False),
        ({"type": "string"}, "0", False),
        ({"type": "object"}, "0", True),
        ({"type": "array"}, "0.a", True),
        ({"type": "array"}, "a", False),
        ({"type": "object", "maxItems": 1, "items": False, "additionalProperties": False}, "0", False),
        ({"type": ["object", "array"], "additionalProperties": False}, "0", True),
        ({"type": ["object", "array"], "items": False}, "a", True),
        ({"type": []}, "a", False),
        ({"type": 7}, "a", True),
        ({"type": {"a": 1}}, "a", True),
        ({"type": "array", "items": _ONLY_A}, "7.a", True),
        ({"type": "array", "items": _ONLY_A}, "7.b", False),
        ({"type": "array", "items": False}, "0", False),
        ({"type": "array"}, "²", False),
        ({"type": "array"}, "-1", False),
        ({"type": "array"}, "999999999", True),
        ({"type": "array"}, "1000000000", False),
        ({"type": "array", "maxItems": 2}, "1", True),
        ({"type": "array", "maxItems": 2}, "2", False),
        ({"type": "array", "maxItems": "2"}, "2", True),
        ({"type": "array", "maxItems": 0}, "0", False),
        ({"type": "array", "prefixItems": [_ONLY_A, _INTEGER], "items": _ONLY_B}, "0.a", True),
        ({"type": "array", "prefixItems": [_ONLY_A, _INTEGER], "items": _ONLY_B}, "0.b", False),
        ({"type": "array", "prefixItems": [_ONLY_A, _INTEGER], "items": _ONLY_B}, "1.a", False),
        ({"type": "array", "prefixItems": [_ONLY_A, _INTEGER], "items": _ONLY_B}, "2.b", True),
        ({"type": "array", "prefixItems": [_ONLY_A, _INTEGER]}, "2.b", True),
        ({"$ref": "#/$defs/o", "$defs": {"o": _ONLY_A}}, "a", True),
        ({"$ref": "#/$defs/o", "$defs": {"o": _ONLY_A}}, "b", False),
        ({"$ref": "#/$defs/none"}, "b", True),
        ({"$ref": 7}, "b", True),
        ({"$ref": "#/$defs/o", "$defs": {"o": _ONLY_A}, "properties": {"a": _INTEGER}}, "a.b", False),
        ({"allOf": [_ONLY_A, _ONLY_B]}, "a", False),
        ({"anyOf": [_ONLY_A, _ONLY_B]}, "b", True),
        ({"anyOf": [_ONLY_A, _ONLY_B]}, "c", False),
        ({"oneOf": [_ONLY_A, _ONLY_B]}, "b", True),
        ({"oneOf": [_ONLY_A, _INTEGER]}, "b", False),
        ({"anyOf": [{}], "oneOf": [_ONLY_A]}, "b", False),
        ({"properties": {"a": False}}, "a", False),
        ({"properties": {"a": {"properties": {"b": False}}}}, "a.b", False),
        ({"properties": {"a": {"properties": {"b": False}}}}, "a.c", True),
        ({"properties": {"a": True}, "additionalProperties": _ONLY_B}, "z.a", False),
        ({"properties": {"a": True}, "additionalProperties": _ONLY_B}, "z.b", True),
        ({"patternProperties": {}, "additionalProperties": False}, "a", False),
        ({"patternProperties": {"^b": {}}, "properties": {"a": _ONLY_B}}, "a.a", False),
        (_TREE, "next.next.next.v", True),
        (_TREE, "next.next.w", False),
        (_TREE, "next.v.w", False),
    ],
)
def test_a_path_is_possible_unless_the_schema_excludes_it(schema: Any, path: str, expected: bool) -> None:
    assert may_have(schema, tuple(path.split(".")) if path else ()) is expected


def test_a_path_through_more_levels_than_inputs_have_is_not_followed() -> None:
    """Each level takes a few stack frames, and a schema may refer to itself."""
    deep: Any = False
    for _ in range(70):
        deep = {"properties": {"a": deep}}
    assert may_have(deep, ("a",) * 70), "not followed to its end, so not said to be impossible"
    shallow: Any = False
    for _ in range(60):
        shallow = {"properties": {"a": shallow}}
    assert not may_have(shallow, ("a",) * 60)
    recursive = {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False}
    assert may_have(recursive, ("a",) * 5000)
