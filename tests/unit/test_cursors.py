"""Cursors: the place in a list survives the way through a URL, and fits only the list that it is from."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronos import errors
from kronos.api.cursors import (
    bounded,
    decoded,
    decoded_text,
    encoded,
    encoded_text,
    list_digest,
    number_of,
    numbered,
    page,
)
from kronos.reading import EARLIEST, LATEST

LIST = list_digest("jobs", "acme", {"status": "ACTIVE", "tag": None})
OTHER = list_digest("jobs", "acme", {"status": "PAUSED"})
ROW = UUID(int=7)
AT = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)), st.uuids())  # noqa: DTZ001
def test_a_place_comes_back_as_it_was_sent(at: datetime, row: UUID) -> None:
    assert decoded(encoded(LIST, (at, row)), LIST) == (at, row)


@pytest.mark.parametrize("at", [EARLIEST, LATEST, AT])
def test_the_ends_of_time_are_places_too(at: datetime) -> None:
    assert decoded(encoded(LIST, (at, ROW)), LIST) == (at, ROW)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), st.uuids())
def test_a_place_by_a_text_comes_back_as_it_was_sent(text: str, row: UUID) -> None:
    assert decoded_text(encoded_text(LIST, text, row), LIST) == (text, row)


@pytest.mark.parametrize("number", [0, 1, 10_000, 2**53])
def test_a_place_by_a_number_comes_back_as_it_was_sent(number: int) -> None:
    assert number_of(decoded(encoded(LIST, numbered(number, ROW)), LIST)) == number


def test_the_first_page_has_no_place() -> None:
    assert [decoded(None, LIST), decoded_text(None, LIST), number_of(None)] == [None, None, None]


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_page_that_is_not_full_is_the_last_one(rows: int) -> None:
    found = page(list(range(rows)), limit=2, of=LIST, place=lambda row: (AT, UUID(int=row)))
    assert (found.data, found.next_cursor) == (list(range(rows)), None)


def test_a_full_page_leads_on_after_its_last_row() -> None:
    found = page([1, 2, 3], limit=2, of=LIST, place=lambda row: (AT, UUID(int=row)))
    assert found.data == [1, 2]
    assert decoded(found.next_cursor, LIST) == (AT, UUID(int=2))


@dataclass(frozen=True)
class _Row:
    number: int
    _more: bool


def test_rows_that_say_whether_more_follow_lead_on_after_the_last_one() -> None:
    def place(row: _Row) -> tuple[datetime, UUID]:
        return AT, UUID(int=row.number)

    assert bounded([], of=LIST, place=place).next_cursor is None
    assert bounded([_Row(1, False), _Row(2, False)], of=LIST, place=place).next_cursor is None
    found = bounded([_Row(1, False), _Row(2, True)], of=LIST, place=place)
    assert decoded(found.next_cursor, LIST) == (AT, UUID(int=2))
    assert [row.number for row in found.data] == [1, 2]


def test_a_list_is_its_name_workspace_and_filters() -> None:
    """A filter that is not set does not count, and the order in which filters are given does not either."""
    same = list_digest("jobs", "acme", {"tag": None, "status": "ACTIVE"})
    assert same == LIST == list_digest("jobs", "acme", {"status": "ACTIVE"})
    others = [
        OTHER,
        list_digest("endpoints", "acme", {"status": "ACTIVE"}),
        list_digest("jobs", "other", {"status": "ACTIVE"}),
        list_digest("jobs", "acme", {}),
        list_digest("jobs", "acme", {"status": "ACTIVE", "tag": "x"}),
        list_digest("jobs", "acme", {"status": ""}),
        list_digest("jobs", "acme", {"state": "ACTIVE"}),
        list_digest("jobs", "acme", {"limit": 1}),
        list_digest("jobs", "acme", {"limit": "1"}),
    ]
    assert len({LIST, *others}) == 1 + len(others)


@pytest.mark.parametrize("of", [OTHER, b"\0" * 8])
def test_a_cursor_of_another_list_is_refused(of: bytes) -> None:
    for read, cursor in ((decoded, encoded(LIST, (AT, ROW))), (decoded_text, encoded_text(LIST, "a", ROW))):
        with pytest.raises(errors.InvalidRequest) as caught:
            read(cursor, of)
        (fault,) = caught.value.faults
        assert (fault.pointer, fault.detail) == ("/cursor", "the cursor belongs to another list or filter")
        assert "next_cursor of the previous page unchanged" in (fault.hint or "")


def raw(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "AAAA",
        "*" * 44,
        f"!{encoded(LIST, (AT, ROW))}",
        encoded(LIST, (AT, ROW))[:-4],
        encoded(LIST, (AT, ROW)) + "AAAA",
        "=" * 8,
    ],
)
def test_an_invalid_cursor_is_refused_and_never_an_internal_error(cursor: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="malformed"):
        decoded(cursor, LIST)


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "*" * 44, "=" * 8, f"!{encoded_text(LIST, 'a', ROW)}"])
def test_an_invalid_cursor_of_a_text_is_refused(cursor: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="malformed"):
        decoded_text(cursor, LIST)


def test_a_cursor_of_another_release_of_another_instant_or_of_no_text_is_refused() -> None:
    older = base64.urlsafe_b64encode(b"\1" + raw(encoded(LIST, (AT, ROW)))[1:]).decode()
    with pytest.raises(errors.InvalidRequest, match="another list"):
        decoded(older, LIST)
    beyond = base64.urlsafe_b64encode(raw(encoded(LIST, (AT, ROW)))[:9] + b"\x7f" + b"\xff" * 6 + b"\xf0" + ROW.bytes)
    with pytest.raises(errors.InvalidRequest, match="malformed"):
        decoded(beyond.decode(), LIST)
    no_text = base64.urlsafe_b64encode(raw(encoded_text(LIST, "", ROW)) + b"\xff").decode()
    with pytest.raises(errors.InvalidRequest, match="malformed"):
        decoded_text(no_text, LIST)
    older = base64.urlsafe_b64encode(b"\1" + raw(encoded_text(LIST, "a", ROW))[1:]).decode()
    for other in (older, encoded_text(LIST, "a\0b", ROW)):
        with pytest.raises(errors.InvalidRequest, match="another list"):
            decoded_text(other, LIST)
