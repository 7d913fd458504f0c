"""YAML and JSON of other tools: which values and lines they have, and what is shown of them."""

import pytest

from kronos.imports.documents import json_items, json_within, yaml_items
from kronos.imports.translation import Remark, UnreadableError, bounded, line_of, shown, text_of
from kronos.model import Json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("-7", -7), ("0", 0), ("'7'", "7"), ("07", "07"), ("0x1f", "0x1f"), ("1_000", "1_000"),
        ("1.5", "1.5"), ("123456789012345678", 123456789012345678), ("1234567890123456789", "1234567890123456789"),
        ("true", True), ("Yes", True), ("ON", True), ("off", False), ("'true'", "true"), ("~", None), ("''", ""),
        ("2026-11-01", "2026-11-01"), ("0 9 * * 1", "0 9 * * 1"),
    ],
)  # fmt: skip
def test_a_value_of_yaml_is_what_it_says_and_a_text_where_json_has_no_such_value(text: str, value: Json) -> None:
    assert list(yaml_items(f"a: [{text}]")) == [(1, {"a": [value]})]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a: 1\n---\n---\nb: 2\n", [(1, {"a": 1}), (4, {"b": 2})]),
        ("kind: List\nitems:\n- a\n- b\n", [(3, "a"), (4, "b")]),
        ("kind: CronJobList\nitems: []\n", []),
        ("kind: Shop\nitems: [a]\n", [(1, {"kind": "Shop", "items": ["a"]})]),
        ("kind: List\nitems: a\n", [(1, {"kind": "List", "items": "a"})]),
        ("kind: [List]\nitems: [a]\n", [(1, {"kind": ["List"], "items": ["a"]})]),
        ("items: [a]\n", [(1, {"items": ["a"]})]),
        ("- a\n- b\n", [(1, ["a", "b"])]),
        ("text\n", [(1, "text")]),
        ("", []),
        ("a: &x {b: 1}\nc: *x\n", [(1, {"a": {"b": 1}, "c": {"b": 1}})]),
    ],
)
def test_each_document_and_each_item_of_a_list_has_its_line(text: str, items: list[tuple[int, Json]]) -> None:
    assert list(yaml_items(text)) == items


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("b: &b {x: 1, y: 2}\na: {<<: *b, y: 3}", {"x": 1, "y": 3}),
        ("b: &b {x: 1}\na: {x: 2, <<: *b}", {"x": 2}),
        ("b: &b {x: 1}\nc: &c {x: 2, z: 3}\na: {<<: [*b, *c]}", {"x": 1, "z": 3}),
    ],
)
def test_what_is_merged_gives_way_to_what_is_written_and_to_what_was_merged_before(text: str, value: Json) -> None:
    ((_, document),) = yaml_items(text)
    assert document["a"] == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: {<<: 5}", "line 1: << must refer to a mapping"),
        ("a: {<<: [5]}", "line 1: << must refer to a mapping"),
        (
            "c: &c {z: 1}\nb: &b\n  <<: *c\n  x: 1\na: {<<: *b}",
            "line 2: << refers to a mapping with a << of its own: write it out",
        ),
        ("a: 1\nb: 2\na: 3", "line 3: duplicate key 'a'"),
        ("a: 1\n? [b]\n: c", "line 2: a key must be a text"),
        ("a: 1\nb: }", "line 2: not valid YAML"),
        ("a: \x07", "not valid YAML ("),
        ("[" * 65 + "]" * 65, "line 1: nested more than 64 levels deep"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        list(yaml_items(text))
    assert str(caught.value).startswith(why)
    assert "\n" not in str(caught.value)


def test_yaml_may_be_nested_as_deeply_as_is_said() -> None:
    ((_, value),) = yaml_items("[" * 64 + "]" * 64)
    for _ in range(63):
        (value,) = value
    assert value == []


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("[]", []),
        (" \n[1,2 ,\n3]", [(2, 1), (2, 2), (3, 3)]),
        ('{"jobs": [{"a": 1},\n{"a": 2}], "other": 1}', [(1, {"a": 1}), (2, {"a": 2})]),
        ('{"a": 1}\n\n{"a": 2}', [(1, {"a": 1}), (3, {"a": 2})]),
        ('{"a": 1}{"a": 2}', [(1, {"a": 1}), (1, {"a": 2})]),
        ('{"other": [1]}', [(1, {"other": [1]})]),
        ('{"jobs": 1}', [(1, {"jobs": 1})]),
    ],
)
def test_json_is_a_list_or_one_under_a_name_or_values_in_a_row(text: str, items: list[tuple[int, Json]]) -> None:
    assert list(json_items(text, ("jobs",))) == items


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1 2]", "line 1: expected a comma or the end of the list"),
        ("[1\n\n2]", "line 3: expected a comma or the end of the list"),
        ("[1", "line 1: expected a comma or the end of the list"),
        ("[1,\n", "line 2: not valid JSON (Expecting value)"),
        ('[\n{"a": }]', "line 2: not valid JSON (Expecting value)"),
        ("[NaN]", "line 1: not valid JSON (ValueError)"),
        ("[" + "[" * 100_000, "line 1: not valid JSON (RecursionError)"),
        ("]", "line 1: not valid JSON (Expecting value)"),
        ("1, 2", "line 1: not valid JSON (Expecting value)"),
        ('{"jobs": [\n1\n], "nextPageToken": "x"}', "line 3: the list continues on another page"),
        ('{"jobs": [],"NextToken" : "x"}', "line 1: the list continues on another page"),
    ],
)
def test_json_that_is_none_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        list(json_items(text, ("jobs",)))
    assert str(caught.value).startswith(why)


def test_a_list_without_another_page_is_whole() -> None:
    assert list(json_items('{"jobs": [1], "nextPageToken": null}', ("jobs",))) == [(1, 1)]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1.5, 1e300])
def test_a_number_of_a_text_is_one_that_can_be_stored(number: float) -> None:
    assert json_within(f"[{number}]") == [number]


@pytest.mark.parametrize("text", [f"{2**63}", f"{-(2**63) - 1}", "1e400", "-1e400", "NaN", "Infinity", '"\\ud800"'])
def test_another_number_or_half_a_character_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own for some of them
        json_within(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a", "a"),
        (" a\t b\n c ", "a b c"),
        ("a\x00b\u202ec", "a�b�c"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        (" " * 800 + "x", ""),
    ],
)
def test_a_part_of_a_source_is_shown_on_one_line(text: str, line: str) -> None:
    assert shown(text) == line


def test_entries_are_as_many_as_is_said() -> None:
    remarks = [Remark(where=f"line {number}", text="") for number in range(10_001)]
    assert list(bounded(remarks[:10_000])) == remarks[:10_000]
    with pytest.raises(UnreadableError, match=r"^line 10000: more than 10,000 entries: import them in parts$"):
        list(bounded(remarks))


def test_a_place_of_a_text_is_a_line() -> None:
    assert [line_of(b"a\nb\n\nc", at) for at in range(6)] == [1, 1, 2, 2, 3, 4]
    assert text_of(b"\xef\xbb\xbf\xc3\xa9\r\n") == "é\r\n"
    for source, line in ((b"\0a", 1), (b"a\n\n\0", 3)):
        with pytest.raises(UnreadableError, match=f"^line {line}: NUL bytes are not allowed$"):
            text_of(source)


def test_a_source_is_as_large_as_is_said() -> None:
    assert len(text_of(b"x" * 8 * 1024 * 1024)) == 8 * 1024 * 1024
    with pytest.raises(UnreadableError, match="larger than 8 MiB: import it in parts"):
        text_of(b"x" * (8 * 1024 * 1024 + 1))
