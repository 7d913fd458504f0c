"""Payload specs: which schemas are allowed, what an invalid input is told, and that neither can block a process."""

import json
from typing import Any, cast

import pytest

from cpu_seconds import cpu_seconds
from kronos import errors, payload_specs
from kronos.counting import plural
from kronos.payload_weights import MAX_WEIGHT
from kronos.payloads import MAX_EFFORT, compiled


def laughs(keyword: str, levels: int) -> dict[str, Any]:
    """A schema that applies its parts two to the power of `levels` times to one value."""
    parts: dict[str, Any] = {"a0": {"type": "integer"}}
    for level in range(1, levels + 1):
        parts[f"a{level}"] = {keyword: [{"$ref": f"#/$defs/a{level - 1}"}] * 2}
    return {"$defs": parts, "$ref": f"#/$defs/a{levels}"}


@pytest.mark.parametrize(
    ("schema", "pointer", "detail"),
    [
        (3, "/schema", "not of types"),
        ({"type": "strin"}, "/schema/type", "not valid"),
        ({"properties": {"a": {"minimum": "1"}}}, "/schema/properties/a/minimum", "not of type"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/schema/$schema", "dialect is not 2020-12"),
        ({"$schema": 3}, "/schema/$schema", "dialect is not 2020-12"),
        ({"$ref": "https://example.com/x.json"}, "/schema", "does not point to a part"),
        ({"$ref": "file:///etc/passwd"}, "/schema", "does not point to a part"),
        ({"$ref": "#/$defs/none"}, "/schema", "does not point to a part"),
        ({"$defs": {"x": {"$anchor": "x"}}, "$ref": "#x"}, "/schema", "does not point to a part"),
        ({"$defs": {"x": {"$id": "https://example.com/x"}}}, "/schema", "$id is not supported"),
        ({"$dynamicRef": "#x"}, "/schema", "$dynamicRef is not supported"),
        ({"pattern": "(?=a)b"}, "/schema/pattern", "regex"),
        ({"pattern": "(a)\\1"}, "/schema/pattern", "regex"),
        ({"pattern": "(((a{1,99}){1,99}){1,99}){1,99}"}, "/schema/pattern", "regex"),
        ({"format": "zzz"}, "/schema/format", "Unknown format"),
        ({"allOf": [{"$ref": "#"}]}, "/schema", "refers to itself"),
        (laughs("anyOf", 20), "/schema", f"more than {MAX_WEIGHT} times"),
        (laughs("allOf", 20), "/schema", f"more than {MAX_WEIGHT} times"),
        ({"anyOf": [{"properties": {"a": {"$ref": "#"}}}] * 2}, "/schema", f"more than {MAX_WEIGHT} times"),
        ({"allOf": [{"pattern": "a"}] * 51}, "/schema", "51 patterns"),
        ({"patternProperties": {f"a{n}": {} for n in range(51)}}, "/schema", "51 patterns"),
        ({"description": "x" * 70_000}, "/schema", "at most 65536"),
        (
            {
                "$ref": "#/$defs/a0",
                "$defs": {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(900)} | {"a900": {}},
            },
            "/schema",
            "nested too deep",
        ),
    ],
)
def test_a_schema_that_is_none_or_too_heavy_is_refused_where_it_is(schema: Any, pointer: str, detail: str) -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        compiled(schema)
    (fault,) = refused.value.faults
    assert (fault.pointer, detail in fault.detail, bool(fault.hint)) == (pointer, True, True), fault


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/report"},
        {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "value": {"type": "integer"}}},
        {
            "$defs": {
                "any": {
                    "anyOf": [
                        {"type": ["string", "number", "boolean", "null"]},
                        {"type": "array", "items": {"$ref": "#/$defs/any"}},
                        {"type": "object", "additionalProperties": {"$ref": "#/$defs/any"}},
                    ]
                }
            },
            "$ref": "#/$defs/any",
        },
        {
            "type": "object",
            "properties": {f"p{n}": {"type": "string", "pattern": "^[a-z]+$"} for n in range(50)},
            "required": [f"p{n}" for n in range(50)],
        },
    ],
)
def test_what_people_write_is_taken(schema: Any) -> None:
    assert compiled(schema).weight <= MAX_WEIGHT


def test_an_input_is_told_what_is_wrong_where_and_by_which_rule_and_never_its_values() -> None:
    validator = compiled(
        {"properties": {"a/b": {"type": "integer", "minimum": 3}, "m": {"enum": [1]}}, "required": ["c"]}
    )
    faults = validator.faults({"a/b": 1, "m": "my secret"}, pointer="/input")
    assert {(each.pointer, each.hint) for each in faults} == {
        ("/input/a~1b", "The rule is in the payload spec at /schema/properties/a~1b/minimum."),
        ("/input/m", "The rule is in the payload spec at /schema/properties/m/enum."),
        ("/input", "The rule is in the payload spec at /schema/required."),
    }
    assert "my secret" not in repr(faults)
    assert validator.faults({"a/b": 3, "m": 1, "c": None}, pointer="/input") == ()


def test_the_faults_of_a_large_input_are_not_collected() -> None:
    """Collecting them took 43 s and 5.7 GB, for input that anyone may send. The first fault is enough."""
    validator = compiled({"properties": {"list": {"items": {"required": [f"p{n}" for n in range(200)]}}}})
    faults = validator.faults({"list": [{}] * 20_000}, pointer="/input")
    assert [each.pointer for each in faults] == ["/input/list/0"]


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("form", "rule"),
    [
        ("{}", ""),
        ('{"$defs": {"a": {}}, "$ref": "#/properties/list/$defs/a"}', "/$defs/a"),
        ('{"allOf": [{"minItems": 1}, {}]}', "/allOf/1"),
    ],
    ids=["alone", "reference", "together"],
)
def test_the_faults_of_each_alternative_are_not_collected_for_a_large_input(keyword: str, form: str, rule: str) -> None:
    """The library collects all of them, however few it is asked for: 60 alternatives and 256 KiB took over a minute."""
    alternatives = json.dumps({keyword: [{"items": {"type": "string"}}, {"items": {"type": "boolean"}}]})
    schema = json.loads(form.replace("{}", alternatives))
    validator = compiled({"properties": {"list": schema}})
    valid, invalid = ({"list": [item] * 50_000} for item in ("a", 1))
    usual = cpu_seconds(lambda: validator.faults(valid, pointer="/input"))
    assert cpu_seconds(lambda: validator.faults(invalid, pointer="/input")) < 50 * usual

    (fault,) = validator.faults(invalid, pointer="/input")
    assert fault.pointer == "/input/list"
    assert fault.hint == f"The rule is in the payload spec at /schema/properties/list{rule}/{keyword}."
    assert fault.detail.startswith("the value is not valid under ")
    assert fault.detail.endswith(f" of the schemas listed in the '{keyword}' keyword")


@pytest.mark.parametrize(
    "schema",
    [
        {
            "anyOf": [{"items": {"type": "string"}}, {"$ref": "#/anyOf/0/items"}],
            "unevaluatedItems": {"type": "string"},
        },
        {"anyOf": [{"items": {"type": "string"}}, {"$ref": "#/anyOf/0/items"}]},
    ],
    ids=["unevaluated", "reference"],
)
def test_a_large_input_is_invalid_although_nothing_finds_out_where(schema: Any) -> None:
    validator = compiled(schema)
    (fault,) = validator.faults([1] * 50_000, pointer="/input")
    assert (fault.pointer, "too large to find out where" in fault.detail) == ("/input", True)
    assert any("'anyOf'" in each.detail for each in validator.faults([1], pointer="/input"))


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string"}, {"minimum": 3}], "oneOf": [{"type": "integer"}, {"maxLength": 2}]},
        {"allOf": [{"type": "integer"}], "anyOf": [{"minimum": 3}, {"const": 1}]},
        {"not": {"anyOf": [{"type": "string"}]}},
        {"properties": {"anyOf": {"anyOf": [{"type": "string"}]}, "const": {"oneOf": [{"type": "string"}]}}},
        {"const": {"anyOf": [1]}},
        {"enum": [{"anyOf": [{"type": "string"}]}, 1]},
        {"propertyNames": {"anyOf": [{"maxLength": 3}, {"const": "anyOf"}]}},
    ],
)
def test_what_finds_the_first_fault_accepts_what_the_schema_accepts(schema: Any) -> None:
    validator = compiled(schema)
    assert validator.locating is not None
    values: list[Any] = [1, 2, 3, "a", "abc", {"anyOf": 1}, {"anyOf": "a"}, {"const": 1}, {"const": "a"}]
    values += [{"anyOf": [1]}, {"anyOf": [{"type": "string"}]}, {"abcd": 1}]
    assert [validator.locating.is_valid(each) for each in values] == [
        validator.compiled.is_valid(each) for each in values
    ]


def test_a_schema_that_looks_like_what_finds_faults_is_told_as_its_own() -> None:
    mark = {"$comment": "in place of alternatives", "not": {"type": "array"}}
    (fault,) = compiled({"allOf": [{"not": mark}]}).faults({"a": [1] * 50_000}, pointer="")
    assert fault.hint == "The rule is in the payload spec at /schema/allOf/0/not."


def test_weight_and_size_together_are_bounded() -> None:
    validator = compiled(laughs("anyOf", 8))
    assert (validator.weight > 500, validator.weight <= MAX_WEIGHT) == (True, True)
    (fault,) = validator.faults({"x": "y" * (MAX_EFFORT // validator.weight)}, pointer="/input")
    assert "too many to validate" in fault.detail


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)*c", "[ab]*a[ab]{200}c"])
def test_a_pattern_is_matched_in_linear_time(pattern: str) -> None:
    validator = compiled({"pattern": pattern, "type": "string"})
    assert validator.faults("ab" * 20_000 + "!", pointer="") != ()


@pytest.mark.parametrize(("jobs", "size"), [(50_001, 1), (1, 16 * 1024 * 1024 + 1)])
async def test_inputs_that_are_too_many_to_validate_are_a_conflict_with_the_way_out(jobs: int, size: int) -> None:
    class Counted:
        async def rows(self, *_: object) -> list[payload_specs.InputCount]:
            return [payload_specs.InputCount(jobs=jobs, bytes=size, horizon=0)]

    with pytest.raises(errors.Conflict) as refused:
        await payload_specs.judge(cast(Any, Counted()), cast(Any, None), endpoint="sink")
    assert (refused.value.code, refused.value.status) == ("too_many_to_validate", 409)
    assert f"{jobs} live {plural(jobs, 'job')} with inputs of {size} bytes" in refused.value.detail
    assert "force makes the change without checking them" in refused.value.detail


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        (
            {"pattern": "(?=a)b"},
            "Write a pattern without look-around and back-references, and with small counts: patterns match in linear "
            "time.",
        ),
        ({"format": "zzz"}, "Use a format of JSON Schema 2020-12, such as date-time, email or uuid."),
        ({"type": "strin"}, "Write a JSON Schema of draft 2020-12."),
    ],
)
def test_a_schema_that_is_none_comes_with_what_to_write_instead(schema: Any, hint: str) -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        compiled(schema)
    assert refused.value.faults[0].hint == hint


def test_a_long_message_is_cut() -> None:
    (fault,) = compiled({"required": ["x" * 1000]}).faults({}, pointer="")
    assert fault.detail == f'"{"x" * 299}…'
    (short,) = compiled({"required": ["x" * 275]}).faults({}, pointer="")
    assert short.detail == f'"{"x" * 275}" is a required property'


def test_the_effort_of_an_input_is_its_bytes_times_the_weight_up_to_what_is_allowed() -> None:
    validator = compiled({"items": True})
    assert (validator.weight, validator.effort([1, 2]), validator.effort("é")) == (2, 10, 8)
    assert validator.effort("x" * MAX_EFFORT) == MAX_EFFORT
    largest = "x" * (MAX_EFFORT // 2 - 2)
    assert validator.faults(largest, pointer="") == ()
    assert "too many to validate" in validator.faults(f"{largest}x", pointer="")[0].detail
