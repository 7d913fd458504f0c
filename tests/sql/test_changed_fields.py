"""What the audit shows of a row that was created, changed or deleted: what differs, and never a hidden column."""

import pytest
from psycopg.types.json import Jsonb

from sql_factory import Connection, records

HIDDEN = ["secret", "updated_at"]
ROW = {"name": "report", "priority": 5, "note": None, "tags": ["a"], "secret": "s3cret", "updated_at": "today"}
SHOWN = {"name": "report", "priority": 5, "tags": ["a"]}


def changed(
    connection: Connection, old: dict[str, object] | None, new: dict[str, object] | None
) -> tuple[object, object]:
    """The fields before and after."""
    given = [Jsonb(each) if each is not None else None for each in (old, new)]
    (row,) = records(connection, "select * from kronos.changed_fields(%s, %s, %s)", [*given, HIDDEN])
    return row["before"], row["after"]


def test_a_new_row_has_its_fields_after_and_a_deleted_one_before(superuser: Connection) -> None:
    """Without those that are null or hidden."""
    assert changed(superuser, None, ROW) == (None, SHOWN)
    assert changed(superuser, ROW, None) == (SHOWN, None)


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({}, None, None),
        ({"secret": "another", "updated_at": "tomorrow"}, None, None),
        ({"priority": 6}, {"priority": 5}, {"priority": 6}),
        ({"priority": 5.0}, None, None),
        ({"note": "why"}, {"note": None}, {"note": "why"}),
        ({"tags": None}, {"tags": ["a"]}, {"tags": None}),
        ({"tags": ["a", "b"], "secret": "x"}, {"tags": ["a"]}, {"tags": ["a", "b"]}),
        ({"added": "x"}, {"added": None}, {"added": "x"}),
        ({"added": None}, None, None),
    ],
)
def test_a_changed_row_has_what_differs_on_both_sides(
    superuser: Connection, changes: dict[str, object], before: object, after: object
) -> None:
    assert changed(superuser, ROW, ROW | changes) == (before, after)
