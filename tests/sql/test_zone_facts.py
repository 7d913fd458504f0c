"""What Kronos knows of a time zone, worked out by hand: its clock changes, its days, and when its rules changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from beat_rows import make_beat
from calendar_rows import put_calendar
from cron_texts import utc
from factory import EndpointRow, add_endpoint
from sql.truths import differing
from sql_factory import Connection, make_cron_job, records, value, values

HOUR = timedelta(hours=1)
ONE_SHOT = """
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status, run_at, run_at_local,
                         timezone, retired_at, name)
select id, id, %s, %s, 'DELAYED', %s, '2099-01-01', '2099-01-01 01:00', %s,
       case when %s <> 'ACTIVE' then now() end, id::text
  from gen_random_uuid() as id
"""

CHANGES = [
    # A year in Berlin: an hour forward in March, and back in October.
    (
        "Europe/Berlin",
        "2026-01-01 00:00",
        "2027-01-01 00:00",
        [("2026-03-29 01:00", 1.0, 2.0), ("2026-10-25 01:00", 2.0, 1.0)],
    ),
    # Half an hour, in the southern hemisphere.
    (
        "Australia/Lord_Howe",
        "2026-01-01 00:00",
        "2027-01-01 00:00",
        [("2026-04-04 15:00", 11.0, 10.5), ("2026-10-03 15:30", 10.5, 11.0)],
    ),
    # An hour back for Ramadan, a month long.
    (
        "Africa/Casablanca",
        "2026-01-01 00:00",
        "2026-06-01 00:00",
        [("2026-02-15 02:00", 1.0, 0.0), ("2026-03-22 02:00", 0.0, 1.0)],
    ),
    # A whole day was left out.
    ("Pacific/Apia", "2011-12-01 00:00", "2012-01-01 00:00", [("2011-12-30 10:00", -10.0, 14.0)]),
    ("Asia/Kolkata", "2026-01-01 00:00", "2028-01-01 00:00", []),
    ("UTC", "2026-01-01 00:00", "2028-01-01 00:00", []),
    # The change itself is the first instant of the new offset: from it on there is none, up to it there is.
    ("Europe/Berlin", "2026-03-29 01:00", "2026-04-30 00:00", []),
    ("Europe/Berlin", "2026-03-29 00:59", "2026-04-30 00:00", [("2026-03-29 01:00", 1.0, 2.0)]),
    ("Europe/Berlin", "2026-03-01 00:00", "2026-03-29 00:59", []),
    ("Europe/Berlin", "2026-03-01 00:00", "2026-03-29 01:00", [("2026-03-29 01:00", 1.0, 2.0)]),
    ("Europe/Berlin", "2026-03-01 00:00", "2026-03-01 00:00", []),
]


@pytest.mark.parametrize(("zone", "after", "until", "changes"), CHANGES)
def test_clock_changes_are_found_to_the_second_with_both_offsets(
    shared: Connection, zone: str, after: str, until: str, changes: list[tuple[str, float, float]]
) -> None:
    found = shared.execute("select * from kronos.zone_changes(%s, %s, %s)", [zone, utc(after), utc(until)]).fetchall()
    assert [(at, old / HOUR, new / HOUR) for at, old, new in found] == [(utc(at), old, new) for at, old, new in changes]


def test_a_change_is_found_wherever_within_its_week_it_is(shared: Connection) -> None:
    """From each of 200 instants an hour apart: the weeks that are compared begin anywhere."""
    query = """
        select distinct array(select change.at from kronos.zone_changes('Europe/Berlin', since.at, since.at
                                                                        + interval '40 days') as change)
          from generate_series(timestamptz '2026-03-01 00:00+00', '2026-03-09 08:00+00', '1 hour') as since (at)
    """
    assert values(shared, query) == [[utc("2026-03-29 01:00")]]


# The local days that a span touches: when each begins and how many hours it has, and whether its clocks are calm.
DAYS: list[tuple[str, str, str, list[tuple[str, str, float, bool]]]] = [
    (
        "Europe/Berlin",
        "2026-07-01 10:00",
        "2026-07-01 11:00",
        [("2026-07-01", "2026-06-30 22:00", 24, True)],
    ),
    (
        "Europe/Berlin",
        "2026-03-28 12:00",
        "2026-03-30 22:00",
        [
            ("2026-03-28", "2026-03-27 23:00", 24, False),  # the clocks change on the day after it
            ("2026-03-29", "2026-03-28 23:00", 23, False),
            ("2026-03-30", "2026-03-29 22:00", 24, False),  # they changed on the day before it
            ("2026-03-31", "2026-03-30 22:00", 24, True),  # it begins with the end of the span
        ],
    ),
    (
        "Europe/Berlin",
        "2026-10-24 22:00",
        "2026-10-25 22:59",
        [("2026-10-25", "2026-10-24 22:00", 25, False)],
    ),
    # Midnight occurs twice: the day begins with the second one.
    (
        "America/Santiago",
        "2026-04-05 03:30",
        "2026-04-05 04:30",
        [("2026-04-04", "2026-04-04 03:00", 25, False), ("2026-04-05", "2026-04-05 04:00", 24, False)],
    ),
    # Midnight does not exist: the day begins an hour later.
    (
        "America/Santiago",
        "2026-09-06 03:59",
        "2026-09-06 04:00",
        [("2026-09-05", "2026-09-05 04:00", 24, False), ("2026-09-06", "2026-09-06 04:00", 23, False)],
    ),
    ("UTC", "2026-03-01 00:00", "2026-03-01 00:00", [("2026-03-01", "2026-03-01 00:00", 24, True)]),
]


@pytest.mark.parametrize(("zone", "since", "until", "days"), DAYS)
def test_a_zones_days_follow_each_other_whatever_its_clocks_do(
    shared: Connection, zone: str, since: str, until: str, days: list[tuple[str, str, float, bool]]
) -> None:
    query = "select to_char(day, 'YYYY-MM-DD'), begins, ends, is_calm from kronos.days_of(%s, %s, %s) order by day"
    found = shared.execute(query, [zone, utc(since), utc(until)]).fetchall()
    assert [(day, begins, (ends - begins) / HOUR, calm) for day, begins, ends, calm in found] == [
        (day, utc(begins), hours, calm) for day, begins, hours, calm in days
    ]
    assert all(before[2] == after[1] for before, after in pairwise(found))


def test_readings_of_a_zone_agree_up_to_the_last_instant_before_they_differ(shared: Connection) -> None:
    first, second, third = (utc(f"2026-0{month}-01 00:00") for month in (1, 2, 3))
    at = [first, second, third]
    facts = [
        (at, [1, 2, 3], [1, 2, 3], None),
        (at, [1, 2, 3], [1, 2, 4], second),
        (at, [1, 2, 3], [1, 0, 3], first),
        (at, [1, 2, 3], [1, 0, 0], first),
        (at, [1, 2, 3], [0, 2, 3], "never"),
        ([], [], [], None),
    ]
    call = "kronos.last_agreement(%s::timestamptz[], %s::integer[], %s::integer[])"
    never = f"case when {call} = '-infinity' then to_jsonb('never'::text) else to_jsonb({call}) end"
    doubled = [(*fact[:-1], *fact[:-1], _as_json(fact[-1])) for fact in facts]
    with shared.transaction(force_rollback=True):
        shared.execute("set local timezone = 'UTC'")
        assert differing(shared, never, doubled) == []


def _as_json(found: Any) -> str | None:
    return found.isoformat() if isinstance(found, datetime) else found


def test_an_instant_is_shown_as_a_zones_clocks_show_it(shared: Connection) -> None:
    facts = [
        ("2026-03-29 00:59:59+00", "Europe/Berlin", "2026-03-29T01:59:59+01:00"),
        ("2026-03-29 01:00:00+00", "Europe/Berlin", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25 00:30:00+00", "Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 01:30:00+00", "Europe/Berlin", "2026-10-25T02:30:00+01:00"),
        ("2026-01-01 00:00:00+00", "America/New_York", "2025-12-31T19:00:00-05:00"),
        ("2026-01-01 00:00:00+00", "America/St_Johns", "2025-12-31T20:30:00-03:30"),
        ("2026-01-01 00:00:00+00", "Asia/Kathmandu", "2026-01-01T05:45:00+05:45"),
        ("2026-01-01 00:00:00+00", "Pacific/Kiritimati", "2026-01-01T14:00:00+14:00"),
        ("2026-01-01 00:00:00+00", "UTC", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01 00:00:00.5+00", "UTC", "2026-01-01T00:00:00.500000+00:00"),
        ("2026-01-01 00:00:00.000001+00", "Asia/Tokyo", "2026-01-01T09:00:00.000001+09:00"),
        ("1880-01-01 00:00:00+00", "Europe/Berlin", "1880-01-01T00:53:28+00:53:28"),
        ("1880-01-01 00:00:00+00", "America/New_York", "1879-12-31T19:03:58-04:56:02"),
        ("2026-01-01 00:00:00+00", None, None),
    ]
    assert differing(shared, "kronos.local_text(%s, %s)", facts) == []


def test_the_names_of_utc_are_known_in_any_case(shared: Connection) -> None:
    facts = [(name, True) for name in ("", None, "UTC", "utc", "GMT", "Etc/UTC", "Etc/GMT+0", "Etc/GMT-0", "Z", "Zulu")]
    facts += [(name, True) for name in ("Greenwich", "UNIVERSAL", "etc/greenwich", "GMT0", "UCT")]
    facts += [(name, False) for name in ("Etc/GMT+1", "GMT+1", "Europe/London", "Africa/Abidjan", "WET", "U", " UTC")]
    assert differing(shared, "kronos.is_utc_zone(%s)", facts) == []


def test_what_the_alarm_needs_of_a_zone_is_read_from_a_day_ago_until_two_years_from_now(shared: Connection) -> None:
    (found,) = records(shared, "select kronos.now() as now, (kronos.read_zone('Europe/Berlin')).*")
    assert (found["timezone"], found["read_at"]) == ("Europe/Berlin", found["now"])
    assert found["offsets"] == [3600, 7200]
    assert found["gap_seconds"] == [3600] * len(found["gaps"])
    assert len(found["gaps"]) in (2, 3)
    assert found["gaps"] == sorted(found["gaps"])
    assert {(gap.month, gap.hour, gap.minute) for gap in found["gaps"]} == {(3, 1, 0)}
    until = found["now"] + timedelta(hours=17520)
    assert all(found["now"] - timedelta(days=1) <= gap <= until for gap in found["gaps"])
    probes = found["probes"]
    assert probes == sorted(set(probes))
    assert probes[0] == found["now"] - timedelta(days=1)
    assert {gap - timedelta(seconds=side) for gap in found["gaps"] for side in (0, 1)} <= set(probes)
    assert max(later - earlier for earlier, later in pairwise(probes)) <= timedelta(days=7)
    assert until - probes[-1] < timedelta(days=7)
    assert len(found["distances"]) == len(probes)
    by_probe = dict(zip(probes, found["distances"], strict=True))
    assert [(by_probe[gap - timedelta(seconds=1)], by_probe[gap]) for gap in found["gaps"]] == [(3600, 7200)] * len(
        found["gaps"]
    )


def test_a_zone_whose_clocks_never_change_has_one_offset_and_no_gap(shared: Connection) -> None:
    (found,) = records(shared, "select * from kronos.read_zone('Asia/Kathmandu')")
    assert (found["offsets"], found["gaps"], found["gap_seconds"]) == ([20700], [], [])
    assert set(found["distances"]) == {20700}


@pytest.mark.parametrize(("age", "is_kept"), [("24 hours 59 minutes 59.999999 seconds", True), ("25 hours", False)])
def test_a_reading_of_a_zone_is_used_for_twenty_five_hours(shared: Connection, age: str, is_kept: bool) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute(
            "insert into kronos.zones (timezone, offsets, gaps, gap_seconds, read_at)"
            " values ('Asia/Tokyo', '{1}', '{}', '{}', kronos.now() - %s::interval)",
            [age],
        )
        found = value(shared, "select (kronos.zone_shifts('Asia/Tokyo')).offsets")
    assert found == ([1] if is_kept else [32400])


def test_a_zone_that_does_not_exist_cannot_be_read(shared: Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        shared.execute("select kronos.zone_shifts('Mars/Olympus')")


def test_zones_are_in_use_as_long_as_anything_that_has_a_schedule_is_in_them(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    before = values(superuser, "select * from kronos.zones_in_use()")
    one_shots(superuser, endpoint)
    for status, zone in (
        ("ACTIVE", "Asia/Tokyo"),
        ("ACTIVE", "Asia/Tokyo"),
        ("PAUSED", "Asia/Seoul"),
        ("RETIRED", "Asia/Kabul"),
        ("RETIRED", "Asia/Yangon"),
    ):
        make_cron_job(superuser, endpoint, status=status, retired_at=datetime.now(UTC) if status == "RETIRED" else None)
        superuser.execute("update kronos.jobs set timezone = %s where timezone = 'UTC' and workspace_id = %s",
                          [zone, endpoint.workspace_id])  # fmt: skip
    make_beat(superuser, endpoint.workspace_id, cron="0 * * * *", timezone="Europe/Paris")
    make_beat(superuser, endpoint.workspace_id, period_seconds=600, timezone="Europe/Madrid")
    gone = make_beat(superuser, endpoint.workspace_id, cron="0 * * * *", timezone="Europe/Rome")
    superuser.execute("update kronos.beats set deleted_at = now() where heartbeat_id = %s", [gone.heartbeat_id])
    put_calendar(superuser, endpoint.workspace_id, timezone="Africa/Cairo")
    found = values(superuser, "select * from kronos.zones_in_use()")
    used = {
        "Asia/Tokyo",
        "Asia/Seoul",
        "Europe/Paris",
        "Africa/Cairo",
        "America/Lima",
        "America/Denver",
        "Pacific/Apia",
    }
    assert found == sorted({*before, *used})


def one_shots(connection: Connection, endpoint: EndpointRow) -> None:
    """Insert one-shots at local times: waiting ones in Lima, Denver and Apia, and others that are over."""
    for status, zone in (
        ("ACTIVE", "America/Lima"),
        ("ACTIVE", "Pacific/Apia"),
        ("ACTIVE", "America/Denver"),
        ("ACTIVE", "America/Denver"),
        ("COMPLETED", "America/Bogota"),
        ("COMPLETED", "Pacific/Fiji"),
    ):
        connection.execute(ONE_SHOT, [endpoint.workspace_id, endpoint.endpoint_id, status, zone, status])
