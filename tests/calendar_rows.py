"""Calendars inserted by SQL."""

import uuid
from collections.abc import Sequence

from psycopg.types.json import Jsonb

from kronos import calendar_days
from kronos.calendar_terms import BusinessHours, CalendarDay, Weekday
from sql_factory import Connection, value

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def put_calendar(
    connection: Connection,
    workspace_id: uuid.UUID,
    name: str = "holidays",
    *,
    days: Sequence[CalendarDay] = (),
    week: Sequence[Weekday] | None = None,
    hours: BusinessHours | None = None,
    timezone: str = "UTC",
) -> int:
    """Store a calendar, or its next version, as PUT does. Return how many jobs have yet to follow."""
    connection.execute("select set_config('kronos.workspace_id', %s, false)", [str(workspace_id)])
    found = connection.execute(
        "update kronos.documents set version = version + 1 where workspace_id = %s and kind = 'CALENDAR' and name = %s "
        "and deleted_at is null returning document_id, version",
        [workspace_id, name],
    ).fetchone()
    found = (
        found
        or connection.execute(
            "insert into kronos.documents (workspace_id, kind, name) values (%s, 'CALENDAR', %s) "
            "returning document_id, version",
            [workspace_id, name],
        ).fetchone()
    )
    assert found is not None
    compiled = calendar_days.compiled(days, week, hours) | {"timezone": timezone}
    left = value(
        connection,
        "select kronos.store_calendar(%s, %s, %s, %s, %s)",
        [found[0], workspace_id, name, found[1], Jsonb(compiled)],
    )
    return int(left)


def day(starts: str, ends: str | None = None, name: str = "Closed", *, open: bool = False) -> CalendarDay:
    """A named day of a calendar."""
    return CalendarDay(starts=starts, ends=ends, name=name, open=open)
