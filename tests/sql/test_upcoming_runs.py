"""Coming runs as their zone shows them, with the marks for clock changes and skipped times, all as PostgreSQL computes
them.
"""

from datetime import UTC, date, datetime

import psycopg
import pytest

Connection = psycopg.Connection[tuple[object, ...]]

_UPCOMING = """
select upcoming.next_runs, upcoming.skipped
  from kronos.read_schedule(%(cron)s, null, null, %(zone)s, %(gap)s, %(overlap)s) as schedule,
       kronos.upcoming_runs(schedule, %(after)s, %(until)s, 0, %(count)s) as upcoming
"""


def upcoming(
    connection: Connection,
    cron: str,
    zone: str,
    day: date,
    *,
    gap: str = "SHIFT",
    overlap: str = "FIRST",
    count: int = 3,
) -> tuple[list[tuple[str, str | None]], list[tuple[datetime, str]]]:
    """(local, dst) of the runs after noon UTC of the day before, and (at, local) of the skipped times."""
    after = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    given = {"cron": cron, "zone": zone, "gap": gap, "overlap": overlap, "after": after, "until": None, "count": count}
    row = connection.execute(_UPCOMING, given).fetchone()
    assert row is not None
    runs, skipped = row
    assert isinstance(runs, list)
    assert isinstance(skipped, list)
    assert all(tick["dst"] == "skipped" for tick in skipped)
    # `local` denotes the instant itself: Python parses the text without its zone data.
    for run in runs:
        assert datetime.fromisoformat(run["local"]) == datetime.fromisoformat(run["at"]), run
    return [(run["local"], run["dst"]) for run in runs], [
        (datetime.fromisoformat(tick["at"]), tick["local"]) for tick in skipped
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "day", "overlap", "expected"),
    [
        (
            "30 2 * * *", "Europe/Berlin", date(2026, 3, 28), "FIRST",
            [("2026-03-29T03:00:00+02:00", "shifted"), ("2026-03-30T02:30:00+02:00", None)],
        ),
        # 03:00 is named too: it is one run, and the mark says that it stands for 02:00
        (
            "0 2,3 * * *", "Europe/Berlin", date(2026, 3, 28), "FIRST",
            [("2026-03-29T03:00:00+02:00", "shifted"), ("2026-03-30T02:00:00+02:00", None)],
        ),
        (
            "0 3 * * *", "Europe/Berlin", date(2026, 3, 28), "FIRST",
            [("2026-03-29T03:00:00+02:00", None), ("2026-03-30T03:00:00+02:00", None)],
        ),
        (
            "0 * * * *", "Europe/Berlin", date(2026, 3, 28), "FIRST",
            [("2026-03-28T14:00:00+01:00", None), ("2026-03-28T15:00:00+01:00", None)],
        ),
        (
            "30 2 * * *", "Europe/Berlin", date(2026, 10, 24), "FIRST",
            [("2026-10-25T02:30:00+02:00", "repeated"), ("2026-10-26T02:30:00+01:00", None)],
        ),
        (
            "30 2 * * *", "Europe/Berlin", date(2026, 10, 24), "BOTH",
            [("2026-10-25T02:30:00+02:00", "repeated"), ("2026-10-25T02:30:00+01:00", "repeated")],
        ),
        # 03:00 is where clocks go back, and 02:00 the first time that they show twice
        (
            "0 2,3 * * *", "Europe/Berlin", date(2026, 10, 24), "BOTH",
            [("2026-10-25T02:00:00+02:00", "repeated"), ("2026-10-25T02:00:00+01:00", "repeated"),
             ("2026-10-25T03:00:00+01:00", None)],
        ),
        (
            "0 0 * * *", "America/Santiago", date(2026, 9, 5), "FIRST",
            [("2026-09-06T01:00:00-03:00", "shifted"), ("2026-09-07T00:00:00-03:00", None)],
        ),
        (
            "15 2 * * *", "Australia/Lord_Howe", date(2026, 10, 3), "FIRST",
            [("2026-10-04T02:30:00+11:00", "shifted"), ("2026-10-05T02:15:00+11:00", None)],
        ),
        (
            "45 1 * * *", "Australia/Lord_Howe", date(2026, 4, 4), "BOTH",
            [("2026-04-05T01:45:00+11:00", "repeated"), ("2026-04-05T01:45:00+10:30", "repeated")],
        ),
        (
            "30 2 * * *", "Africa/Casablanca", date(2026, 2, 14), "FIRST",
            [("2026-02-15T02:30:00+01:00", "repeated"), ("2026-02-16T02:30:00+00:00", None)],
        ),
        # a day that never existed
        (
            "0 9 * * *", "Pacific/Apia", date(2011, 12, 29), "FIRST",
            [("2011-12-29T09:00:00-10:00", None), ("2011-12-31T00:00:00+14:00", "shifted"),
             ("2011-12-31T09:00:00+14:00", None)],
        ),
        (
            "0 6 * * *", "America/New_York", date(2026, 3, 7), "FIRST",
            [("2026-03-08T06:00:00-04:00", None), ("2026-03-09T06:00:00-04:00", None)],
        ),
        ("0 9 * * *", "Asia/Kathmandu", date(2026, 3, 7), "FIRST", [("2026-03-08T09:00:00+05:45", None)]),
        # before standard time had whole minutes
        ("0 9 * * *", "Africa/Monrovia", date(1971, 3, 7), "FIRST", [("1971-03-08T09:00:00-00:44:30", None)]),
        ("0 9 * * *", "UTC", date(2026, 3, 28), "FIRST", [("2026-03-29T09:00:00+00:00", None)]),
    ],
)  # fmt: skip
def test_a_run_shows_its_zones_reading_and_what_a_clock_change_did(
    shared: Connection, cron: str, zone: str, day: date, overlap: str, expected: list[tuple[str, str | None]]
) -> None:
    assert upcoming(shared, cron, zone, day, overlap=overlap, count=len(expected)) == (expected, [])


def test_hours_that_are_real_instants_are_repeated_and_never_shifted(shared: Connection) -> None:
    evening = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    given = {
        "cron": "0 * * * *",
        "zone": "Europe/Berlin",
        "gap": "SHIFT",
        "overlap": "FIRST",
        "after": evening,
        "until": None,
        "count": 2,
    }
    row = shared.execute(_UPCOMING, given).fetchone()
    assert row is not None
    assert isinstance(row[0], list)
    assert [(run["local"], run["dst"]) for run in row[0]] == [
        ("2026-03-29T03:00:00+02:00", None),
        ("2026-03-29T04:00:00+02:00", None),
    ]


def test_what_dst_gap_skips_stands_beside_the_runs(shared: Connection) -> None:
    runs, skipped = upcoming(shared, "0,30 2,3 * * *", "Europe/Berlin", date(2026, 3, 28), gap="SKIP")

    assert runs == [
        ("2026-03-29T03:00:00+02:00", None),
        ("2026-03-29T03:30:00+02:00", None),
        ("2026-03-30T02:00:00+02:00", None),
    ]
    assert skipped == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "2026-03-29T02:00:00"),
        (datetime(2026, 3, 29, 1, tzinfo=UTC), "2026-03-29T02:30:00"),
    ]


def test_nothing_is_skipped_beyond_the_last_run_or_up_to_after(shared: Connection) -> None:
    assert upcoming(shared, "30 2 * * *", "Europe/Berlin", date(2026, 3, 26), gap="SKIP", count=2) == (
        [("2026-03-27T02:30:00+01:00", None), ("2026-03-28T02:30:00+01:00", None)],
        [],
    )
    assert upcoming(shared, "30 2 * * *", "Europe/Berlin", date(2026, 3, 29), gap="SKIP", count=1)[1] == []


def test_a_skipped_day_is_skipped_whole(shared: Connection) -> None:
    runs, skipped = upcoming(shared, "0 9,17 * * *", "Pacific/Apia", date(2011, 12, 30), gap="SKIP", count=1)
    assert (runs, skipped) == ([("2011-12-31T09:00:00+14:00", None)], [])  # noon UTC is after the gap
    runs, skipped = upcoming(shared, "0 9,17 * * *", "Pacific/Apia", date(2011, 12, 29), gap="SKIP", count=3)
    assert [local for _, local in skipped] == ["2011-12-30T09:00:00", "2011-12-30T17:00:00"]
    assert [local for local, _ in runs] == [
        "2011-12-29T09:00:00-10:00",
        "2011-12-29T17:00:00-10:00",
        "2011-12-31T09:00:00+14:00",
    ]


_AROUND_CHANGES = """
with zone (name, schedule) as materialized (
    select name, kronos.read_schedule('*/15 0-23 * * *', null, null, name, 'SHIFT', 'BOTH')
      from unnest('{Europe/Berlin,America/New_York,Australia/Lord_Howe,
                     America/Santiago,Africa/Casablanca,Pacific/Apia}'::text[]) as name
), instant as (
    select distinct zone.name, zone.schedule, tick, tick at time zone zone.name as local,
           (tick - interval '1 minute') at time zone zone.name as minute_before
      from zone,
           kronos.zone_changes(zone.name, '2011-06-01', '2016-06-01') as change,
           generate_series(change.at - interval '30 hours', change.at + interval '30 hours',
               interval '15 minutes') as tick
), counted as (
    select instant.*, count(*) over (partition by name, local) as times
      from instant
)
select name, tick, times, local - minute_before > interval '1 minute' as is_after_gap,
       kronos.clock_change(schedule, tick) as mark
  from counted
"""


def test_marks_are_what_counting_every_quarter_of_an_hour_around_each_change_finds(shared: Connection) -> None:
    rows = shared.execute(_AROUND_CHANGES).fetchall()

    expected = [
        ("repeated" if times == 2 else "shifted" if is_after_gap else None) for _, _, times, is_after_gap, _ in rows
    ]
    wrong = [row for row, mark in zip(rows, expected, strict=True) if row[4] != mark]
    assert wrong == []
    assert expected.count("repeated") > 160
    assert expected.count("shifted") > 20
