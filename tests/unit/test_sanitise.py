"""Characters that jsonb rejects are replaced and sizes are limited, whatever the input."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.delivery.sanitise import MAX_DEPTH, json_bytes, storable, storable_body, storable_tail, storable_text
from kronos.model import Json

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.text()
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=20,
)


def assert_jsonb_takes(text: str) -> None:
    assert "\x00" not in text
    text.encode()  # no lone surrogate


@settings(deadline=None)
@given(ANY_TEXT, st.integers(0, 50))
def test_any_text_becomes_storable_and_no_longer_than_asked(text: str, max_bytes: int) -> None:
    assert_jsonb_takes(storable_text(text))
    cut = storable_text(text, max_bytes=max_bytes)
    assert_jsonb_takes(cut)
    assert len(cut.encode()) <= max_bytes


@settings(deadline=None)
@given(st.binary(max_size=100), st.integers(0, 50))
def test_any_bytes_become_storable_and_no_longer_than_asked(body: bytes, max_bytes: int) -> None:
    whole = storable_text(body.decode(errors="replace"))
    stored, is_cut = storable_body(body, max_bytes=max_bytes)
    assert_jsonb_takes(stored)
    assert len(stored.encode()) <= max_bytes
    assert is_cut is (stored != whole)
    assert whole.startswith(stored)


@settings(deadline=None)
@given(st.binary(max_size=100), st.integers(1, 50))
def test_the_end_of_any_bytes_becomes_storable_and_no_longer_than_asked(body: bytes, max_bytes: int) -> None:
    whole = storable_text(body.decode(errors="replace"))
    stored, is_cut = storable_tail(body, max_bytes=max_bytes)
    assert_jsonb_takes(stored)
    assert len(stored.encode()) <= max_bytes
    assert is_cut is (stored != whole)
    assert whole.endswith(stored)


def test_the_end_is_kept_of_text_in_another_encoding() -> None:
    assert storable_tail(b"begin" + b"\xfc" * 90 + b"the end", max_bytes=100) == ("\ufffd" * 31 + "the end", True)
    assert storable_tail("aéé".encode(), max_bytes=3) == ("é", True)
    assert storable_tail("é".encode(), max_bytes=2) == ("é", False)


@settings(deadline=None)
@given(ANY_JSON)
def test_any_json_becomes_storable(value: Any) -> None:
    text = json.dumps(storable(value), ensure_ascii=False, allow_nan=False)
    assert_jsonb_takes(text)
    assert "\\u0000" not in text.replace("\\\\", "")


@settings(deadline=None)
@given(ANY_JSON)
def test_any_json_has_bytes_that_are_json(value: Any) -> None:
    json.loads(json_bytes(value))


@pytest.mark.parametrize("value", [{"a": 1}, "text", [1.5, None, True], 2**70, {"ключ": "значение"}])
def test_storable_value_is_left_as_it_is(value: Any) -> None:
    assert storable(value, max_bytes=1000) == value
    assert json.loads(json_bytes(value)) == value


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("é\0\udfff", "é\ufffd\ufffd"),
        ("a\x01\x7f\ud7ff", "a\x01\x7f\ud7ff"),
    ],
)
def test_what_jsonb_refuses_is_replaced_in_texts_names_and_values(text: str, stored: str) -> None:
    assert storable_text(text) == stored
    assert storable({text: [text]}) == {stored: [stored]}
    assert json_bytes([text, 2**70]) == f'["{stored}",{2**70}]'.replace("\x01", "\\u0001").encode()


@pytest.mark.parametrize(("value", "stored"), [(float("nan"), None), (float("-inf"), None), (1.5, 1.5), (0.0, 0.0)])
def test_a_number_that_json_has_not_is_null(value: float, stored: float | None) -> None:
    assert storable({"a": [value]}) == {"a": [stored]}


@settings(deadline=None)
@given(st.text("aé€😀\0", max_size=14), st.integers(0, 40))
def test_a_text_that_is_cut_is_the_longest_beginning_that_fits(text: str, most: int) -> None:
    whole = storable_text(text)
    for cut in (storable_text(text, max_bytes=most), storable_body(text.encode(), max_bytes=most)[0]):
        assert whole.startswith(cut)
        assert cut == whole or len(whole[: len(cut) + 1].encode()) > most


def test_value_at_the_limit_is_whole() -> None:
    assert storable("xx", max_bytes=4) == "xx"
    assert storable("xx", max_bytes=3) == {"truncated": True, "bytes": 4, "preview": '"xx'}


def test_value_over_the_limit_keeps_its_beginning_and_its_size() -> None:
    assert storable("x" * 100, max_bytes=10) == {"truncated": True, "bytes": 102, "preview": '"xxxxxxxxx'}


def test_character_at_the_cut_is_left_out_whole() -> None:
    assert storable_text("aé", max_bytes=2) == "a"
    assert storable_body("aé".encode(), max_bytes=2) == ("a", True)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_what_is_nested_too_deep_is_cut_there(wrap: Callable[[Json], Json]) -> None:
    def nested(levels: int, inmost: Json) -> Json:
        for _ in range(levels):
            inmost = wrap(inmost)
        return inmost

    assert storable(nested(MAX_DEPTH, 1)) == nested(MAX_DEPTH, 1)
    assert storable(nested(2000, 1)) == nested(MAX_DEPTH, "(nested too deep)")


@pytest.mark.parametrize(
    ("body", "most", "kept"),
    [
        ("aé", 1, ""),
        ("aé", 2, "é"),
        ("é€", 4, "€"),
        ("é😀", 5, "😀"),
        ("😀a", 4, "a"),
        ("😀a", 3, "a"),
        ("😀a", 2, "a"),
        ("abc", 3, "abc"),
        ("abc", 2, "bc"),
    ],
)
def test_an_end_begins_with_a_whole_character(body: str, most: int, kept: str) -> None:
    assert storable_tail(body.encode(), max_bytes=most) == (kept, kept != body)


def test_an_end_that_is_the_whole_keeps_bytes_that_are_no_character() -> None:
    """Nothing was cut there, so they are not the rest of a character."""
    assert storable_tail(b"\x80a", max_bytes=6) == ("\ufffda", False)
    assert storable_tail(b"\x80a", max_bytes=4) == ("\ufffda", False)
    assert storable_tail(b"\x80\x80a", max_bytes=4) == ("\ufffda", True), "they are longer than their bytes"
