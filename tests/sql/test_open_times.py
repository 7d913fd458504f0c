"""The open times of calendars are those that no calendar closes at any instant, whatever their clocks do."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from calendar_rows import WEEKDAYS, day, put_calendar
from depth import depth
from factory import EndpointRow
from kronos.calendar_terms import BusinessHours, CalendarDay
from sql_factory import Connection, records, value

# A clock change of an hour, of half an hour, at midnight, and of a whole day that did not exist.
_CHANGES = {
    "Europe/Berlin": datetime(2027, 3, 28, 1, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2027, 4, 3, 15, tzinfo=UTC),
    "America/Santiago": datetime(2027, 9, 5, 4, tzinfo=UTC),
    "Africa/Casablanca": datetime(2027, 2, 7, 2, tzinfo=UTC),
    "Pacific/Apia": datetime(2011, 12, 30, 10, tzinfo=UTC),
    "UTC": datetime(2027, 1, 1, tzinfo=UTC),
}
_DIFFERING = """
    with asked as materialized (
        select * from kronos.open_times_each(%(workspace_id)s, %(names)s, %(from)s, %(to)s)
    ), edge as (
        select bound.at
          from asked
         cross join lateral unnest(asked.times) as part
         cross join lateral (values (lower(part)), (upper(part))) as bound (at)
         union
        select %(from)s::timestamptz + random() * (%(to)s::timestamptz - %(from)s::timestamptz)
          from generate_series(1, 100)
    ), instant as (
        select distinct edge.at + moved * interval '1 microsecond' as at
          from edge
         cross join generate_series(-1, 1) as moved
    )
    select asked.name, instant.at
      from instant
     cross join asked
     cross join lateral kronos.closed_by(%(workspace_id)s, array[asked.name], instant.at) as closed
     where instant.at >= %(from)s and instant.at < %(to)s
       and (instant.at <@ asked.times) = (closed.calendar is not null)
     union all
    select 'all of them', instant.at
      from instant
     cross join lateral kronos.closed_by(%(workspace_id)s, %(names)s, instant.at) as closed
     cross join (select kronos.open_times(%(workspace_id)s, %(names)s, %(from)s, %(to)s) as times offset 0) as whole
     where instant.at >= %(from)s and instant.at < %(to)s
       and (instant.at <@ whole.times) = (closed.calendar is not null)
"""


def _days(chance: random.Random, near: datetime) -> list[CalendarDay]:
    """Days and times that do not overlap, of which some begin or end where the clocks change."""
    found, at = [], near.replace(tzinfo=None, minute=0) - timedelta(days=4)
    while at < near.replace(tzinfo=None) + timedelta(days=4):
        starts = at + timedelta(minutes=30 * chance.randint(0, 40))
        at = starts + timedelta(minutes=30 * chance.randint(1, 40))
        found.append(day(f"{starts:%Y-%m-%dT%H:%M}", f"{at:%Y-%m-%dT%H:%M}", open=chance.random() < 0.4))
    return found


def _put(connection: Connection, endpoint: EndpointRow, chance: random.Random, name: str, near: datetime) -> None:
    opens, closes = sorted(chance.sample(range(48), 2))
    put_calendar(
        connection,
        endpoint.workspace_id,
        name,
        days=_days(chance, near),
        week=chance.sample(WEEKDAYS, chance.randint(1, 7)),
        hours=chance.choice(
            [
                None,
                BusinessHours(
                    opens=f"{opens // 2:02}:{opens % 2 * 30:02}", closes=f"{closes // 2:02}:{closes % 2 * 30:02}"
                ),
            ]
        ),
        timezone=chance.choice([zone for zone, change in _CHANGES.items() if change == near] + ["UTC"]),
    )


@pytest.mark.parametrize("zone", _CHANGES)
def test_at_each_instant_as_closed_by_says(superuser: Connection, endpoint: EndpointRow, zone: str) -> None:
    near = _CHANGES[zone]
    for seed in range(depth(4, deep=60)):
        chance = random.Random(f"{zone} {seed}")
        names = [f"{seed}-{nth}" for nth in range(3)]
        for name in names:
            _put(superuser, endpoint, chance, name, near)
        since = near - timedelta(minutes=chance.randint(0, 6 * 1440))
        until = since + timedelta(minutes=chance.randint(1, 9 * 1440))
        terms = {"workspace_id": endpoint.workspace_id, "names": names, "from": since, "to": until}
        assert records(superuser, _DIFFERING, terms) == [], (zone, seed)


def _times(connection: Connection, endpoint: EndpointRow, names: Sequence[str], hours: int) -> list[tuple[str, str]]:
    asked = "select name, times::text from kronos.open_times_each(%s, %s, %s, %s) order by name"
    since = datetime(2027, 1, 2, 12, tzinfo=UTC)  # a Saturday
    return connection.execute(
        asked, [endpoint.workspace_id, list(names), since, since + timedelta(hours=hours)]
    ).fetchall()


def test_a_calendar_that_is_named_twice_is_one_and_one_that_is_missing_is_none(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    put_calendar(superuser, endpoint.workspace_id, "weekdays", week=["mon", "tue", "wed", "thu", "fri"])
    put_calendar(superuser, endpoint.workspace_id, "always")
    found = _times(superuser, endpoint, ["weekdays", "missing", "always", "weekdays"], 24)
    assert [name for name, _ in found] == ["always", "weekdays"]
    assert [times for _, times in found] == ['{["2027-01-02 12:00:00+00","2027-01-03 12:00:00+00")}', "{}"]
    assert _times(superuser, endpoint, ["missing"], 24) == _times(superuser, endpoint, [], 24) == []
    assert [times for _, times in _times(superuser, endpoint, ["always"], 0)] == ["{}"]
    whole = "select kronos.open_times(%s, %s, '2027-01-02 12:00+00', '2027-01-02 13:00+00')::text"
    for names in ([], ["missing"], ["always"], ["always", "always"]):
        assert value(superuser, whole, [endpoint.workspace_id, names]) == (
            '{["2027-01-02 12:00:00+00","2027-01-02 13:00:00+00")}'
        )


def test_many_sets_at_once_are_open_as_each_alone(superuser: Connection, endpoint: EndpointRow) -> None:
    """Also a set of which all calendars are missing: it had no row."""
    put_calendar(superuser, endpoint.workspace_id, "weekdays", week=["mon", "tue", "wed", "thu", "fri"])
    put_calendar(superuser, endpoint.workspace_id, "saturdays", week=["sat"])
    sets = [["weekdays"], ["weekdays", "saturdays"], ["missing"], ["missing", "saturdays"], ["missing", "gone"]]
    found = superuser.execute(
        """
        with each as (select calendars from jsonb_to_recordset(%(sets)s) as each (calendars text[])),
             span as (select '2027-01-01 12:00+00'::timestamptz as since, '2027-01-05 00:00+00'::timestamptz as until)
        select each.calendars, many.times::text,
               kronos.open_times(%(workspace_id)s, each.calendars, span.since, span.until)::text
          from each
         cross join span
          left join lateral kronos.open_times_of(%(sets)s, span.since, span.until) as many using (calendars)
        """,
        {
            "sets": Jsonb([{"workspace_id": str(endpoint.workspace_id), "calendars": each} for each in sets]),
            "workspace_id": endpoint.workspace_id,
        },
    ).fetchall()
    assert sorted(calendars for calendars, _, _ in found) == sorted(sets)
    assert [(each, many, alone) for each, many, alone in found if many != alone] == []
