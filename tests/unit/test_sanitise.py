"""What jsonb refuses is replaced, and sizes are kept, whatever comes in."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronos.delivery.sanitise import json_bytes, storable, storable_body, storable_text

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
    stored = storable_body(body, max_bytes=max_bytes)
    assert_jsonb_takes(stored)
    assert len(stored.encode()) <= max_bytes


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


def test_value_over_the_limit_keeps_its_beginning_and_its_size() -> None:
    assert storable("x" * 100, max_bytes=10) == {"truncated": True, "bytes": 102, "preview": '"xxxxxxxxx'}


def test_character_at_the_cut_is_left_out_whole() -> None:
    assert storable_text("aé", max_bytes=2) == "a"
    assert storable_body("aé".encode(), max_bytes=2) == "a"


def test_what_is_nested_too_deep_is_cut_there() -> None:
    value: Any = 1
    for _ in range(2000):
        value = [value]
    assert "nested too deep" in json.dumps(storable(value))
