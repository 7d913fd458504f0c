"""refresh_zones reads each time zone of live jobs again once a day, and corrects alarms that are no longer right."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from depth import depth
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, Record, job, make_cron_job, records, value, values

BERLIN = "0 7,8 * * *"
STALE = "1 1 1 1 1"
SECOND = timedelta(seconds=1)


@pytest.fixture
def other(database_url: str) -> Iterator[Connection]:
    """A second session, for a request."""
    with psycopg.connect(database_url) as connection:
        yield connection


def job_of(
    connection: Connection, zone: str, *, cron: str = "0 9 * * *", alarm: str = STALE, is_registered: bool = False
) -> uuid.UUID:
    """An ACTIVE job in a zone, whose alarm is `alarm`."""
    job_id = make_cron_job(connection, cron=cron)
    connection.execute(
        "update kronos.jobs set timezone = %s, alarm = %s, schedule = kronos.read_schedule(cron, null, null, %s, "
        "'SHIFT', 'FIRST')"
        " where job_id = %s",
        [zone, alarm, zone, job_id],
    )
    if is_registered:
        connection.execute("select kronos.register_pg_cron(%s)", [job_id])
    return job_id


def refresh(connection: Connection) -> Record:
    (counts,) = records(connection, "select zones, alarms, errors from kronos.refresh_zones()")
    return counts


def age(connection: Connection, zone: str) -> None:
    """Let a day pass for a zone."""
    connection.execute("update kronos.zones set read_at = read_at - interval '1 day' where timezone = %s", [zone])


def zones(connection: Connection) -> list[str]:
    return values(connection, "select timezone from kronos.zones order by timezone")


def alarm_of(connection: Connection, job_id: uuid.UUID) -> str:
    return str(job(connection, job_id)["alarm"])


def test_the_zones_of_live_jobs_are_read_and_their_alarms_corrected(superuser: Connection) -> None:
    right = job_of(superuser, "Europe/Berlin", alarm=BERLIN)
    stale = job_of(superuser, "Europe/Berlin")
    paused = job_of(superuser, "Asia/Kolkata")
    gone = job_of(superuser, "America/New_York")
    superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [paused])
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [gone])
    unchanged = value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [right])
    assert refresh(superuser) == {"zones": 2, "alarms": 2, "errors": []}
    assert zones(superuser) == ["Asia/Kolkata", "Europe/Berlin", "UTC"]
    assert [alarm_of(superuser, one) for one in (right, stale, paused, gone)] == [BERLIN, BERLIN, "30 3 * * *", STALE]
    assert value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [right]) == unchanged
    assert value(
        superuser,
        "select (zone.offsets, zone.gaps, zone.gap_seconds) = (read.offsets, read.gaps, read.gap_seconds)"
        " from kronos.zones as zone, kronos.read_zone(zone.timezone) as read where zone.timezone = 'Europe/Berlin'",
    )


def test_a_zone_is_read_once_a_day(superuser: Connection) -> None:
    stale = job_of(superuser, "Europe/Berlin", alarm=BERLIN)
    assert refresh(superuser) == {"zones": 1, "alarms": 0, "errors": []}
    superuser.execute("update kronos.jobs set alarm = %s where job_id = %s", [STALE, stale])
    assert refresh(superuser) == {"zones": 0, "alarms": 0, "errors": []}
    superuser.execute("update kronos.zones set offsets = '{0}' where timezone = 'Europe/Berlin'")
    age(superuser, "Europe/Berlin")
    assert refresh(superuser) == {"zones": 1, "alarms": 1, "errors": []}
    assert alarm_of(superuser, stale) == BERLIN
    assert value(superuser, "select offsets from kronos.zones where timezone = 'Europe/Berlin'") == [3600, 7200]


def test_utc_has_its_turn_too(superuser: Connection) -> None:
    stale = make_cron_job(superuser, cron="5 4 L * *")
    superuser.execute("update kronos.jobs set alarm = '* * * * *' where job_id = %s", [stale])
    age(superuser, "UTC")
    assert refresh(superuser) == {"zones": 1, "alarms": 1, "errors": []}
    assert alarm_of(superuser, stale) == "5 4 28-31 * *"


def test_a_zone_that_no_live_job_has_is_forgotten(superuser: Connection) -> None:
    only = job_of(superuser, "Europe/Berlin", alarm=BERLIN)
    refresh(superuser)
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [only])
    age(superuser, "Europe/Berlin")
    assert refresh(superuser) == {"zones": 0, "alarms": 0, "errors": []}
    assert zones(superuser) == ["UTC"]


def test_a_row_that_cannot_be_read_stops_no_other(superuser: Connection) -> None:
    broken = job_of(superuser, "Europe/Berlin")
    lost = job_of(superuser, "Europe/Berlin")
    sound = job_of(superuser, "Europe/Berlin")
    nowhere = job_of(superuser, "Europe/Berlin")
    superuser.execute("update kronos.jobs set schedule.hours = null where job_id = %s", [broken])
    superuser.execute("update kronos.jobs set cron = 'never' where job_id = %s", [lost])
    superuser.execute("update kronos.jobs set timezone = 'Mars/Olympus' where job_id = %s", [nowhere])
    MovedClock(superuser).stop()
    done = refresh(superuser)
    assert (done["zones"], done["alarms"]) == (1, 1)
    assert [alarm_of(superuser, one) for one in (broken, lost, sound, nowhere)] == [STALE, STALE, BERLIN, STALE]
    assert {(error.get("job_id"), error.get("timezone"), error["type"]) for error in done["errors"]} == {
        (str(broken), None, "22000"),
        (str(lost), None, "KR001"),
        (None, "Mars/Olympus", "22023"),
    }
    assert zones(superuser) == ["Europe/Berlin", "UTC"]


def test_a_job_that_a_request_holds_is_left_for_the_next_run(superuser: Connection, other: Connection) -> None:
    held, free = job_of(superuser, "Europe/Berlin"), job_of(superuser, "Europe/Berlin")
    other.execute("select from kronos.jobs where job_id = %s for update", [held])
    assert refresh(superuser) == {"zones": 1, "alarms": 1, "errors": []}
    assert [alarm_of(superuser, one) for one in (held, free)] == [STALE, BERLIN]
    other.rollback()
    assert refresh(superuser) == {"zones": 0, "alarms": 1, "errors": []}
    assert alarm_of(superuser, held) == BERLIN
    assert refresh(superuser) == {"zones": 0, "alarms": 0, "errors": []}


def test_the_alarms_of_many_jobs_are_corrected_run_by_run(superuser: Connection) -> None:
    endpoint, many = add_endpoint(superuser), depth(1_002, deep=5_002)
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
            schedule, alarm, description)
        select id, id, %s, %s, 'CRON', '0 9 * * *', 'Europe/Berlin', schedule, %s, 'At 09:00'
          from kronos.read_schedule('0 9 * * *', null, null, 'Europe/Berlin', 'SHIFT', 'FIRST') as schedule,
               lateral (select gen_random_uuid() as id from generate_series(1, %s)) as fresh
        """,
        [endpoint.workspace_id, endpoint.endpoint_id, STALE, many],
    )
    told = [
        superuser.execute(
            "select alarms, remaining from kronos.refresh_zones('-infinity')"
        ).fetchone()  # at least two hundred
        for _ in range(2)
    ]
    assert told == [(200, many - 200), (200, many - 400)]
    assert refresh(superuser) == {"zones": 0, "alarms": many - 400, "errors": []}
    assert refresh(superuser)["alarms"] == 0


def test_a_pointer_that_other_rules_made_is_put_right_and_one_that_is_right_is_left(superuser: Connection) -> None:
    """Both ran at nine. The rules that changed on the evening before give the first one another next tick."""
    nine: datetime = value(superuser, "select date_trunc('day', now() - interval '1 day') + interval '9 hours'")
    since, evening = nine - timedelta(days=3), nine - timedelta(hours=14)
    wrong, right = (
        make_cron_job(superuser, cron="0 9 * * *", ticks_from=since, next_tick_at=nine, last_run_at=since)
        for _ in range(2)
    )
    superuser.execute("select kronos.account_ticks(array[%s::uuid, %s], %s)", [wrong, right, nine + SECOND])
    superuser.execute(
        "update tests.jobs set next_tick_at = next_tick_at + interval '1 hour' where job_id = %s", [wrong]
    )
    superuser.execute("update kronos.jobs set ticks_from = %s where job_id = %s", [nine, right])  # checked once before
    before = job(superuser, right)
    corrected = "select alarms, pointers, left_job_ids, errors from kronos.refresh_each(array[%s::uuid, %s], %s)"
    nothing = {"alarms": 0, "pointers": 0, "left_job_ids": [], "errors": []}
    assert records(superuser, corrected, [wrong, right, None]) == [nothing]  # no rules have changed
    written = value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [right])
    assert records(superuser, corrected, [wrong, right, evening]) == [nothing | {"pointers": 1}]
    mended = job(superuser, wrong)
    assert (mended["next_tick_at"], mended["ticks_from"]) == (nine + timedelta(days=1), nine)
    assert job(superuser, right) == before
    assert value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [right]) == written
    assert records(superuser, corrected, [wrong, right, evening]) == [nothing]
    superuser.execute("update kronos.jobs set ticks_from = %s where job_id = %s", [since, right])
    written = value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [right])
    assert records(superuser, corrected, [wrong, right, nine + SECOND]) == [nothing]  # the rules changed after both ran
    assert value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [right]) == written


def test_a_zone_of_which_nothing_was_noted_is_read_again(superuser: Connection) -> None:
    """An earlier release recorded no offsets, so that a change of them would go unnoticed."""
    job_of(superuser, "Europe/Berlin", alarm=BERLIN)
    refresh(superuser)
    superuser.execute("update kronos.zones set probes = '{}', distances = '{}' where timezone = 'Europe/Berlin'")
    assert refresh(superuser) == {"zones": 1, "alarms": 0, "errors": []}
    assert value(superuser, "select cardinality(probes) > 0 from kronos.zones where timezone = 'Europe/Berlin'")


def test_pg_crons_entries_follow(superuser: Connection) -> None:
    """In the same transaction that corrects the alarm."""
    superuser.execute("select kronos.reap()")
    stale = job_of(superuser, "Europe/Berlin", is_registered=True)
    entry = "select schedule from cron.job where jobname = 'kronos:' || %s"
    first = value(superuser, "select kronos.reap()")
    assert (first["zones"], first["alarms"], first["corrected"], first["failed"]) == (1, 1, 0, 0)
    assert first["pointers"] == 0
    assert value(superuser, entry, [str(stale)]) == BERLIN


def test_what_fails_stands_in_the_reapers_output(superuser: Connection) -> None:
    broken = job_of(superuser, "Europe/Berlin")
    superuser.execute("update kronos.jobs set cron = 'never' where job_id = %s", [broken])
    output = value(superuser, "select kronos.reap()")
    assert (output["zones"], output["failed"], [error["job_id"] for error in output["errors"]]) == (1, 1, [str(broken)])


def test_a_tick_whose_row_was_aged_out_is_not_owed_again_where_rules_change(superuser: Connection) -> None:
    """Last week's tick was skipped, and its row is gone. Rules that change later say nothing about it."""
    job_id = job_of(superuser, "Europe/Berlin", cron="0 9 * * mon")
    superuser.execute(
        "update tests.jobs set ticks_from = now() - interval '100 days', last_run_at = now() - interval '20 days', "
        "catch_up_policy = 'ALL',"
        " catch_up_window_seconds = 2678400, next_tick_at = kronos.next_tick(schedule, now()) where job_id = %s",
        [job_id],
    )
    pointer = job(superuser, job_id)["next_tick_at"]
    age_out = "select kronos.refresh_each(array[%s::uuid], now() {})"
    superuser.execute(age_out.format("+ interval '100 days'"), [job_id])
    assert job(superuser, job_id)["next_tick_at"] == pointer
    assert value(superuser, "select kronos.account_ticks(array[%s::uuid], now())", [job_id]) == 0
    superuser.execute(
        age_out.format("- interval '8 days'"), [job_id]
    )  # rules that changed before last week: its tick may not have been settled
    assert job(superuser, job_id)["next_tick_at"] < pointer
