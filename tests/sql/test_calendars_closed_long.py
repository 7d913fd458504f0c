"""Closures that are long or never end: every search through a job's ticks ends, and finds what comes after the
closure.
"""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from calendar_rows import day, put_calendar
from depth import depth
from factory import EndpointRow, add_endpoint
from kronos.calendar_terms import BusinessHours, Weekday
from moved_clock import MovedClock
from sql.test_calendar_jobs import job_at
from sql_factory import Connection, records, value, values

_FRIDAY = datetime(2026, 5, 1, 20, tzinfo=UTC)
_LOOKS = {
    "next_run_at": "select kronos.next_run_of(job, kronos.pointer_of(job.job_id))",
    "runs of a week": "select kronos.runs_within(job.workspace_id, job.calendars, job.on_blackout, job.schedule,"
    " null, null, kronos.now(), kronos.now() + interval '7 days', 1000)",
    "preview": "select kronos.coming_runs(job.workspace_id, job.calendars, job.on_blackout, job.schedule, null, null,"
    " null, kronos.now(), 0, 20)",
}


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    MovedClock(superuser).stand(_FRIDAY)
    made = add_endpoint(superuser)
    put_calendar(superuser, made.workspace_id, "for-ever", days=[day("1970-01-01", "2999-12-31")])
    put_calendar(superuser, made.workspace_id, "even", week=["mon", "wed", "fri"])
    put_calendar(superuser, made.workspace_id, "odd", week=["tue", "thu", "sat", "sun"])
    put_calendar(superuser, made.workspace_id, "week", week=["mon", "tue", "wed", "thu", "fri"])
    return made


def looked_at(connection: Connection, job_id: uuid.UUID, look: str) -> int:
    """How many ticks a query examines."""
    judged = "select coalesce(sum(calls), 0) from pg_stat_xact_user_functions where funcname = 'when_runs'"
    with connection.transaction():
        connection.execute("set local track_functions = 'all'")
        connection.execute("set local statement_timeout = '20s'")
        before = value(connection, judged)  # calls of earlier transactions that have not been flushed
        connection.execute(f"{look} from kronos.jobs as job where job.job_id = %s", [job_id])
        return int(value(connection, judged) - before)


@pytest.mark.parametrize("on_blackout", ["SKIP", "NEXT", "PREVIOUS"])
def test_a_job_that_never_runs_costs_each_look_little(
    superuser: Connection, endpoint: EndpointRow, on_blackout: str
) -> None:
    """A list of a hundred such jobs used to exceed the statement timeout, and the coming week of a job that rolls back
    was searched until the year 2999.
    """
    for cron in ("* * * * *", "0 9 * * *", "0 9 * * 1", "0 9 1 * *", "*/5 9 1 1 *"):
        for calendars in (["for-ever"], ["even", "odd"]):
            job_id = job_at(superuser, endpoint, cron, on_blackout, since=_FRIDAY, calendars=calendars)
            for name, look in _LOOKS.items():
                assert looked_at(superuser, job_id, look) <= (3 if name == "next_run_at" else 20), (
                    name,
                    calendars,
                    cron,
                )


def test_a_list_of_jobs_that_never_run_finds_that_out_once(superuser: Connection, endpoint: EndpointRow) -> None:
    """200 ticks of each used to be examined: a list of two hundred such jobs with ten large calendars took 4 s."""
    jobs = [
        job_at(superuser, endpoint, cron, on_blackout, since=_FRIDAY, calendars=["even", "odd"])
        for on_blackout in ("SKIP", "NEXT", "PREVIOUS")
        for cron in ("* * * * *", "0 9 * * *", "0 9 * * 1", "0 9 1 * *")
    ]
    judged = "select coalesce(sum(calls), 0) from pg_stat_xact_user_functions where funcname = %s"
    listed = f"{_LOOKS['next_run_at']} from kronos.jobs as job where job.job_id = any (%s)"
    with superuser.transaction():
        superuser.execute("set local track_functions = 'all'")
        before = [value(superuser, judged, [name]) for name in ("when_runs", "open_times")]
        assert values(superuser, listed, [jobs]) == [None] * len(jobs)
        looks, reads = (value(superuser, judged, [name]) for name in ("when_runs", "open_times"))
    assert (looks - before[0], reads - before[1]) <= (15, 21)
    put_calendar(superuser, endpoint.workspace_id, "odd", week=["mon"])  # the cached result is no longer true
    assert None not in values(superuser, listed, [jobs])


def test_why_nothing_runs_is_said(superuser: Connection, endpoint: EndpointRow) -> None:
    """The list of runs used to be empty, with no explanation except which calendar closes each tick."""
    put_calendar(superuser, endpoint.workspace_id, "mornings", hours=BusinessHours(opens="06:00", closes="11:00"))
    said = "select (kronos.runs_to_come(job, 3)).lints from kronos.jobs as job where job.job_id = %s"
    for calendars, ends_at, expected in (
        (["even", "odd"], None, "its calendars leave no time open within six years: nothing runs"),
        (["mornings"], None, "its calendars close every tick that was checked: nothing runs"),
        (
            ["odd"],
            _FRIDAY + timedelta(hours=3),
            "its calendars leave no time open before 2026-05-02T00:00:00Z, when the job has ended: nothing runs",
        ),
        (["even"], None, None),
    ):
        job_id = job_at(superuser, endpoint, "0 12 * * *", "SKIP", since=_FRIDAY, calendars=calendars, ends_at=ends_at)
        lints = value(superuser, said, [job_id])
        assert [each for each in lints if each.startswith("its calendars")] == ([expected] if expected else [])


_FIRST = """
select kronos.next_run_of(job, pointer) as next_run, (coming.next_runs -> 0 ->> 'at')::timestamptz as listed,
       (select at from kronos.runs_within(job.workspace_id, job.calendars, job.on_blackout, job.schedule, null, null,
                                          kronos.now(), kronos.now() + interval '420 days', 1,
                                          coalesce(pointer.tick_at, pointer.next_tick_at)) as runs (at)) as within
  from kronos.jobs as job
  join kronos.pointers as pointer using (job_id)
 cross join lateral kronos.runs_to_come(job, 1) as coming
 where job.job_id = %s
"""


@pytest.mark.parametrize("seed", range(depth(2, deep=40)))
def test_what_comes_after_time_that_calendars_close_together_is_found(superuser: Connection, seed: int) -> None:
    """Closures of several calendars are skipped as one, by jobs that run at most once a day and by those that run every
    minute. runs_within skips nothing.
    """
    choose = random.Random(seed)
    MovedClock(superuser).stand(_FRIDAY + timedelta(seconds=1))  # a search takes at most a second
    endpoint = add_endpoint(superuser)
    for name in ("one", "two"):
        days = choose.sample(range(-30, 300), choose.choice([40, 150, 300]))
        closed = [day(f"{_FRIDAY + timedelta(days=nth):%Y-%m-%d}") for nth in sorted(days)]
        zone = choose.choice(["UTC", "Pacific/Kiritimati", "Europe/Berlin"])
        weeks: list[list[Weekday] | None] = [None, ["mon", "wed"], ["tue", "thu"]]
        put_calendar(superuser, endpoint.workspace_id, name, days=closed, week=choose.choice(weeks), timezone=zone)
    for cron in ("* * * * *", "0 9,17 * * *", "30 4 * * 6", "0 9 1,15 * *", "0 9 13 * 5", "*/15 22 * * 2"):
        for on_blackout in ("SKIP", "NEXT", "PREVIOUS"):
            since = _FRIDAY - timedelta(days=choose.choice([0, 20]))
            job_id = job_at(superuser, endpoint, cron, on_blackout, since=since, calendars=["one", "two"])
            (found,) = records(superuser, _FIRST, [job_id])
            if found["within"] is not None or found["listed"] is None:
                assert found["next_run"] == found["listed"] == found["within"], (cron, on_blackout, found)


@pytest.mark.parametrize("on_blackout", ["SKIP", "NEXT", "PREVIOUS"])
def test_the_next_run_of_a_minutes_job_is_found_behind_a_closure(
    superuser: Connection, endpoint: EndpointRow, on_blackout: str
) -> None:
    """For a job that rolls forward, 2,000 ticks used to be examined: on Fridays its next run was unknown."""
    put_calendar(superuser, endpoint.workspace_id, "spring", days=[day("2026-05-01", "2026-07-31")])
    for name, opens in (("week", datetime(2026, 5, 4, tzinfo=UTC)), ("spring", datetime(2026, 8, 1, tzinfo=UTC))):
        since = datetime(2026, 5, 2, tzinfo=UTC)
        MovedClock(superuser).stand(since)
        job_id = job_at(superuser, endpoint, "* * * * *", on_blackout, since=since, calendars=[name])
        found = values(superuser, f"{_LOOKS['next_run_at']} from kronos.jobs as job where job_id = %s", [job_id])
        assert found == [opens]
        within = (
            "select min(at) from kronos.jobs as job, kronos.runs_within(workspace_id, calendars, on_blackout, schedule,"
            " null, null, kronos.now(), %s, 5) as runs (at) where job_id = %s"
        )
        assert value(superuser, within, [opens + timedelta(hours=1), job_id]) == opens
        assert looked_at(superuser, job_id, _LOOKS["next_run_at"]) < 10


def test_an_outage_of_days_is_caught_up_on_in_steps(superuser: Connection, endpoint: EndpointRow) -> None:
    """For a job with calendars each tick is computed, whatever its policy. For a hundred jobs that used to take longer
    than a ring may. Everything was rolled back and started again, and no job of the instance caught up.
    """
    behind = [
        job_at(superuser, endpoint, "* * * * *", policy, since=_FRIDAY - timedelta(days=9), calendars=["for-ever"])
        for policy in ("SKIP", "NEXT", "PREVIOUS", "NEXT")
    ]
    few = "select kronos.few_ticks(%s, kronos.clock(), %s)"
    assert [len(value(superuser, few, [behind, most])) for most in (10_000, 40_000, 60_000)] == [1, 2, 3]
    value(superuser, "select kronos.catch_up(kronos.clock())")
    left = "select count(*) from kronos.pointers where next_tick_at < kronos.clock() - interval '8 days'"
    assert value(superuser, left) == 2


def test_a_note_that_is_cut_is_none(superuser: Connection, endpoint: EndpointRow) -> None:
    """Notes are cut at 20,000 characters. A list of some 300 sets of calendars, one of which it queried again, used to
    fail with an invalid time.
    """
    asked = "select kronos.next_open(%s, array['even', 'odd'], kronos.now(), %s)::text"
    notes = "select set_config('kronos.closed_sets', %s, true)"
    with superuser.transaction():
        assert value(superuser, asked, [endpoint.workspace_id, True]) == "infinity"
        note = value(superuser, "select current_setting('kronos.closed_sets')")
        assert value(superuser, asked, [endpoint.workspace_id, False]) == "infinity"
        for length in range(len(note)):
            value(superuser, notes, [note[:length]])
            assert value(superuser, asked, [endpoint.workspace_id, False]) is None, note[:length]
            assert value(superuser, asked, [endpoint.workspace_id, True]) == "infinity"
