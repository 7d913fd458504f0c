"""The maximum size of an answer to a model, and that the answer says what was cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronos.mcp.bounds import MAX_BYTES, MAX_NAMED, MAX_TEXT, bounded, compact, fitting, told
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


def test_a_text_is_cut_at_its_limit_and_says_how_long_it_was() -> None:
    assert bounded({"output": "x" * MAX_TEXT}) == ({"output": "x" * MAX_TEXT}, None)
    assert bounded({"output": "x" * (MAX_TEXT + 1)}) == (
        {"output": f"{'x' * MAX_TEXT}… ({MAX_TEXT + 1} characters)"},
        "Shortened, and marked with …: /output.",
    )
    assert bounded("x" * 9000) == (f"{'x' * MAX_TEXT}… (9000 characters)", "Shortened, and marked with …: /.")


def test_texts_are_cut_before_lists_and_objects_and_each_says_how_many_there_were() -> None:
    texts: Json = ["x" * 2000 for _ in range(40)]
    shown, note = bounded({"runs": texts})
    assert shown == {"runs": [f"{'x' * 1000}… (2000 characters)"] * 40}
    assert note == ("Shortened, and marked with …: /runs/0, /runs/1, /runs/2, /runs/3, /runs/4 and 35 more.")
    numbers: Json = list(range(20_000))
    assert bounded({"runs": numbers}) == (
        {"runs": [*range(500), "… (20000 in all)"]}, "Shortened, and marked with …: /runs.",
    )  # fmt: skip
    members: Json = {f"name-{n}": n for n in range(20_000)}
    shown, note = bounded({"input": members})
    assert shown == {"input": {**{f"name-{n}": n for n in range(500)}, "…": "20000 in all"}}
    assert note == "Shortened, and marked with …: /input."


def test_five_places_are_named_and_the_others_counted() -> None:
    five = {f"t{n}": "x" * (MAX_TEXT + 1) for n in range(5)}
    assert bounded(five)[1] == "Shortened, and marked with …: /t0, /t1, /t2, /t3, /t4."
    assert bounded({**five, "t5": "x" * (MAX_TEXT + 1)})[1] == (
        "Shortened, and marked with …: /t0, /t1, /t2, /t3, /t4 and 1 more."
    )


def test_an_answer_that_no_cut_makes_small_enough_is_reduced_to_its_field_names() -> None:
    names = {"k" * 7000 + f"{n}": n for n in range(8)}
    shown, note = bounded(names)
    assert shown == {"k" * 60: "… (too large)"}
    assert note == "This is too large to show: only its field names are listed."
    assert bounded([{"v" * 60_000: 1}])[0] == []


def test_a_name_fits_into_a_message() -> None:
    assert told("x" * MAX_NAMED) == "x" * MAX_NAMED
    assert told("x" * (MAX_NAMED + 1)) == f"{'x' * MAX_NAMED}…"


def test_an_answer_is_written_without_spaces_and_with_letters_as_they_are() -> None:
    assert compact({"a": ["é", 1, None]}) == '{"a":["é",1,null]}'
