"""The maximum size of an answer to a model, and that the answer says what was cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronos.mcp.bounds import MAX_BYTES, MAX_TEXT, bounded, fitting
from kronos.model import Json

_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.just("x" * 9000)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)
_MANY = st.lists(_SCALARS, min_size=1, max_size=3).map(lambda few: few * 400)


@given(st.dictionaries(st.text(max_size=9), _VALUES | _MANY, max_size=4))
def test_an_answer_is_never_larger_and_says_what_it_lost(value: Json) -> None:
    shown, note = bounded(value)
    assert len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()) <= MAX_BYTES
    assert (note is None) == (shown == value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"output": "x" * (MAX_TEXT + 1)}, "/output"),
        ({"runs": list(range(100_000))}, "/runs"),
        ({f"{n}": n for n in range(100_000)}, "/"),
        ({"x" * 70_000: 1}, "too large"),
        ({"k" * 60_000: {"v" * 60_000: "text"}}, "too large"),
    ],
    ids=["text", "list", "object", "name", "names"],
)
def test_what_was_cut_is_named(value: Json, said: str) -> None:
    shown, note = bounded(value)
    assert said in (note or "")
    assert len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()) <= MAX_BYTES


def test_as_many_rows_fit_as_there_is_room_for_and_always_one() -> None:
    wide = {"text": "x" * MAX_TEXT}
    assert fitting([]) == 1
    assert fitting([{"text": "x" * 10_000_000}]) == 1
    assert fitting([{"a": "x" * MAX_TEXT} for _ in range(11)]) == 11
    assert fitting([wide] * 40) == (MAX_BYTES - 1024) // (len(json.dumps(wide, separators=(",", ":"))) + 1)


def test_what_the_api_would_refuse_is_shown_too() -> None:
    """In a dry run's output: integers of any size, nested deeper than the API's own writer allows."""
    deep: Json = 10**30
    for _ in range(300):
        deep = [deep]
    assert bounded({"input": deep}) == ({"input": deep}, None)
