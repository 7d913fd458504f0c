"""How the client turns JSON of the API, of its release or another, into models."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, Literal, TypedDict, TypeVar
from uuid import UUID

import pytest

from kronos.client._core.decoding import Undecodable, decode, either, loads
from kronos.client.models.page import Page

ID = "0193d5b0-0000-7000-8000-000000000000"
T = TypeVar("T")


class Terms(TypedDict, total=False):
    rate: float


@dataclass(frozen=True)
class Small:
    name: str
    number: int | None


@dataclass(frozen=True)
class Other:
    number: int


@dataclass(frozen=True)
class Whole:
    from_: str
    is_paused: bool
    count: int
    share: float
    job_id: UUID
    at: datetime
    day: date
    status: Literal["ACTIVE", "PAUSED"]
    anything: Any
    terms: Terms
    inner: Small | None
    several: list[Small]
    by_name: dict[str, int]


@dataclass(frozen=True)
class Pair(Generic[T]):
    first: T
    others: list[T]


WHOLE = {
    "from": "Berlin", "is_paused": True, "count": 7, "share": 0.5, "job_id": ID, "at": "2026-11-01T00:00:00Z",
    "day": "2026-11-02", "status": "ACTIVE", "anything": {"a": [1]}, "terms": {"rate": 1.5, "unit": "s"},
    "inner": {"name": "a", "number": 1}, "several": [{"name": "b", "number": None}, {"name": "c"}],
    "by_name": {"x": 1},
}  # fmt: skip


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in WHOLE.items() if key != name}


def test_each_kind_of_field_is_read() -> None:
    assert decode(Whole, WHOLE) == Whole(
        from_="Berlin",
        is_paused=True,
        count=7,
        share=0.5,
        job_id=UUID(ID),
        at=datetime(2026, 11, 1, tzinfo=UTC),
        day=date(2026, 11, 2),
        status="ACTIVE",
        anything={"a": [1]},
        terms={"rate": 1.5, "unit": "s"},  # type: ignore[typeddict-unknown-key]  # a newer API's, to be sent again
        inner=Small("a", 1),
        several=[Small("b", None), Small("c", None)],
        by_name={"x": 1},
    )


def test_a_newer_api_may_send_fields_and_states_that_this_client_does_not_know() -> None:
    found = decode(Whole, {**WHOLE, "added": 1, "status": "RESTING"})
    assert (found.status, hasattr(found, "added")) == ("RESTING", False)


def test_an_older_api_may_leave_out_what_may_be_null_and_nothing_else() -> None:
    assert decode(Whole, without("inner")).inner is None
    for name in WHOLE.keys() - {"inner"}:
        with pytest.raises(Undecodable, match=f"^Whole has no {name}$"):
            decode(Whole, without(name))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("from", 5, "from of a value of another type"),
        ("is_paused", 1, "is_paused of a value of another type"),
        ("count", True, "count of a value of another type"),
        ("count", 1.5, "count of a value of another type"),
        ("count", None, "count of a value of another type"),
        ("share", True, "share of a value of another type"),
        ("share", "0.5", "share of a value of another type"),
        ("job_id", "report", "Whole's job_id has an invalid value"),
        ("job_id", 7, "Whole's job_id has an invalid value"),
        ("at", "soon", "Whole's at has an invalid value"),
        ("at", None, "Whole's at has an invalid value"),
        ("day", 20261102, "Whole's day has an invalid value"),
        ("inner", [], "inner of Small is not an object"),
        ("inner", {"number": 1}, "inner of Small has no name"),
        ("inner", {"name": "a", "number": "1"}, "inner of number of a value of another type"),
        ("several", {}, "several of a value that is not a list"),
        ("several", [{"name": "a"}, 1], "several of Small is not an object"),
        ("by_name", [], "by_name of a value that is not an object"),
        ("by_name", {"x": "1"}, "by_name of a value of another type"),
    ],
)
def test_what_does_not_match_is_named_by_its_field_and_not_by_its_value(field: str, value: object, said: str) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(Whole, {**WHOLE, field: value})
    assert str(caught.value) == said


def test_a_whole_number_is_a_share_too() -> None:
    assert decode(Whole, {**WHOLE, "share": 1}).share == 1


def test_what_is_no_object_is_no_model() -> None:
    values: tuple[object, ...] = (None, [], "Whole", 1)
    for value in values:
        with pytest.raises(Undecodable, match="Whole is not an object"):
            decode(Whole, value)


def test_a_generic_model_reads_its_items_as_what_it_is_of() -> None:
    page = decode(Page[Small], {"data": [{"name": "a", "number": 1}], "next_cursor": None})
    assert (page.data, page.next_cursor) == ([Small("a", 1)], None)
    pair = decode(Pair[Other], {"first": {"number": 1}, "others": [{"number": 2}]})
    assert pair == Pair(Other(1), [Other(2)])
    with pytest.raises(Undecodable, match="others of Other has no number"):
        decode(Pair[Other], {"first": {"number": 1}, "others": [{"name": "a"}]})


def test_one_of_several_models_is_the_first_that_matches() -> None:
    kind = either([Small, Other])
    assert decode(kind, {"name": "a", "number": 1}) == Small("a", 1)
    assert decode(kind, {"number": 1}) == Other(1)
    assert decode(kind, None) is None
    with pytest.raises(Undecodable, match="Other has no number"):  # as the last one says
        decode(kind, {"nothing": 1})


def test_json_that_is_none_or_too_deep_is_a_value_error() -> None:
    assert loads(b'{"a": [1, null]}') == {"a": [1, None]}
    for text in (b"{", b"", b"\xff", "[" * 200_000):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own, whose texts differ between versions of Python
            loads(text)


def test_what_is_no_model_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="is not a model"):
        decode(complex, 1)
