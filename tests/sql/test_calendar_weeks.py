"""The coming week in plans, for jobs with calendars: each run exactly once, and none for a tick that is
accounted for.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendar_rows import day, put_calendar
from depth import depth
from factory import add_endpoint
from kronos.sql import texts
from moved_clock import MovedClock
from sql.test_calendar_jobs import codes, job_at, ledger, ring_until, runs
from sql.test_calendar_load import PLACED, SINCE, calendars, written
from sql_factory import Connection, account, records, value, values

_WEEK = timedelta(days=7)
_MINUTE = timedelta(minutes=1)
_FRIDAY = datetime(2027, 6, 11, 12, 0, tzinfo=UTC)
_SATURDAY, _SUNDAY, _MONDAY = _FRIDAY + timedelta(days=1), _FRIDAY + timedelta(days=2), _FRIDAY + timedelta(days=3)
_NINE = timedelta(hours=-3)  # from noon on
_TICK_BY_TICK = """
select (run ->> 'at')::timestamptz
  from kronos.coming_runs(%(workspace)s, %(calendars)s, %(on_blackout)s, %(schedule)s, %(starts_at)s, %(ends_at)s,
                          null, %(from)s::timestamptz - interval '1 us', 0, %(count)s) as coming,
       jsonb_array_elements(coming.next_runs) as run
"""
_AT_ONCE = """
select kronos.runs_within(%(workspace)s, %(calendars)s, %(on_blackout)s, %(schedule)s, %(starts_at)s, %(ends_at)s,
                          %(from)s, %(to)s, 10200)
"""
_TERMS = "select calendars, on_blackout, schedule, starts_at, ends_at from kronos.jobs where workspace_id = %s"
_PAUSE = """
update kronos.jobs set status = 'PAUSED', resume_at = %(until)s, status_reason = '{"code": "paused"}'
 where job_id = %(id)s
"""
_FIRST = """
select kronos.next_run_of(job, kronos.pointer_of(job.job_id)) as next_run,
       array(select (run ->> 'at')::timestamptz
               from kronos.runs_to_come(job, 3) as coming, jsonb_array_elements(coming.next_runs) as run) as list
  from kronos.jobs as job where job_id = %s
"""


def _tick_by_tick(connection: Connection, params: dict[str, Any]) -> list[datetime]:
    """The runs of the week, of a list that goes on for another week, or until 1,500 runs."""
    for count in (30, 100, 1500):
        found = values(connection, _TICK_BY_TICK, params | {"count": count})
        if len(found) < count or found[-1] >= params["to"] + _WEEK:
            break
    return [at for at in found if at < params["to"]]


@pytest.mark.parametrize("since", SINCE)
def test_a_week_is_told_at_once_as_it_is_tick_by_tick(superuser: Connection, since: datetime) -> None:
    MovedClock(superuser).set(since)
    choose = random.Random(f"week {since}")
    endpoint = add_endpoint(superuser)
    calendars(superuser, endpoint.workspace_id, since)
    for _ in range(depth(25, deep=40)):
        written(superuser, endpoint, choose, since)
    superuser.execute(PLACED, {"workspace": endpoint.workspace_id, "since": since})
    seen = 0
    for terms in records(superuser, _TERMS, [endpoint.workspace_id]):
        params = {**terms, "workspace": endpoint.workspace_id, "from": since, "to": since + _WEEK}
        found = values(superuser, _AT_ONCE, params)
        assert found == _tick_by_tick(superuser, params), terms
        seen += len(found)
    assert seen > 100


def test_a_week_of_minutes_looks_at_no_tick_that_is_open(superuser: Connection) -> None:
    """Each of 10,080 ticks used to be examined twice. A plan of five jobs that run every minute took longer than the
    statement timeout, and files with such jobs could not be applied.
    """
    MovedClock(superuser).set(_FRIDAY)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "one", days=[day("2027-06-14")])
    params = {"id": job_at(superuser, endpoint, "* * * * *", "NEXT", since=_FRIDAY, calendars=["one"])}
    superuser.execute("set track_functions = 'all'")
    superuser.execute("select pg_stat_reset_single_function_counters('kronos.closed_by'::regproc)")
    asked = value(
        superuser,
        "select cardinality(array(select kronos.runs_within(workspace_id, calendars, on_blackout, schedule, null, null,"
        " kronos.now(), kronos.now() + interval '7 days', 10200))) from kronos.jobs where job_id = %(id)s",
        params,
    )
    assert asked == 10_080 - 1440
    looks = value(superuser, "select pg_stat_get_xact_function_calls('kronos.closed_by'::regproc)")
    assert looks in (None, 0)


def _planned(connection: Connection, workspace_id: object, job_id: object) -> list[datetime]:
    """The job's coming runs as apply lists them."""
    connection.execute("select set_config('kronos.workspace_id', %s, false)", [str(workspace_id)])
    text = texts()["managed.list_coming_runs"]
    (found,) = records(connection, text, {"job_ids": [job_id], "within": _WEEK, "shown": 20})
    assert found["runs"] == len(found["first_runs"])
    return list(found["first_runs"])


def _before(connection: Connection, job_id: object) -> int:
    diff = value(
        connection,
        "select kronos.fire_diff(job, job.schedule, null, null, null, kronos.now() + interval '7 days', 9) "
        "from kronos.jobs as job where job_id = %s",
        [job_id],
    )
    assert (diff["added"], diff["removed"], diff["moved"]) == (0, 0, 0), diff
    return int(diff["before"])


def test_a_plan_has_no_run_of_a_tick_that_came_before_its_job(superuser: Connection) -> None:
    """A job of Saturdays that is created on a Sunday has no run on Monday: it does not answer for earlier ticks."""
    MovedClock(superuser).set(_SUNDAY)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "week", week=("mon", "tue", "wed", "thu", "fri"))
    new = job_at(superuser, endpoint, "0 9 * * 6", "NEXT", since=_SUNDAY)
    assert (_planned(superuser, endpoint.workspace_id, new), _before(superuser, new)) == ([], 0)
    old = job_at(superuser, endpoint, "0 9 * * 6", "NEXT", since=_FRIDAY)
    assert (_planned(superuser, endpoint.workspace_id, old), _before(superuser, old)) == ([_MONDAY + _NINE], 1)


def test_a_plan_has_no_run_of_a_tick_that_ran_before_its_time(superuser: Connection) -> None:
    """Saturday's tick ran on Friday. Then the calendar opened Saturday; the tick does not run again."""
    MovedClock(superuser).set(_FRIDAY - timedelta(days=1))
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "one", days=[day("2027-06-12")])
    job_id = job_at(superuser, endpoint, "0 9 12 * *", "PREVIOUS", since=_FRIDAY - _WEEK, calendars=["one"])
    assert ring_until(superuser, job_id, _FRIDAY) == [_FRIDAY + _NINE]
    MovedClock(superuser).set(_FRIDAY)
    put_calendar(superuser, endpoint.workspace_id, "one")
    assert (_planned(superuser, endpoint.workspace_id, job_id), _before(superuser, job_id)) == ([], 0)


@pytest.mark.parametrize("cron", ["0 9 * * 6", "0 9 * * 4,6"])
@pytest.mark.parametrize("resume", ["select kronos.reap()", "select kronos.settle_ticks(%(id)s)"])
def test_what_waits_beyond_a_pause_runs_whoever_ends_it(superuser: Connection, cron: str, resume: str) -> None:
    """With a pause until Sunday, Saturday's tick runs on Monday. The list of next runs used to say so but next_run_at
    did not, and the outcome depended on what ended the pause and on whether another tick was skipped with it.
    """
    MovedClock(superuser).set(_FRIDAY - timedelta(days=2))
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "week", week=("mon", "tue", "wed", "thu", "fri"))
    job_id = job_at(superuser, endpoint, cron, "NEXT", since=_FRIDAY - timedelta(days=2))
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    superuser.execute(_PAUSE, {"id": job_id, "until": _SUNDAY})
    (found,) = records(superuser, _FIRST, [job_id])
    assert (found["next_run"], found["list"][0]) == (_MONDAY + _NINE, _MONDAY + _NINE)
    assert _before(superuser, job_id) == 1
    MovedClock(superuser).set(_SUNDAY + _MINUTE)
    superuser.execute(resume, {"id": job_id})
    (found,) = records(superuser, _FIRST, [job_id])
    assert (found["next_run"], found["list"][0]) == (_MONDAY + _NINE, _MONDAY + _NINE)
    assert ring_until(superuser, job_id, _MONDAY) == [_MONDAY + _NINE]
    assert runs(superuser, job_id) == [(_SATURDAY + _NINE, _MONDAY + _NINE)]
    ledger(superuser, job_id, _FRIDAY - timedelta(days=3), _MONDAY)


def test_what_would_run_within_a_pause_is_skipped_with_it(superuser: Connection) -> None:
    """Wednesday's tick was skipped. Saturday's, which was to run on Friday, used to run late after the pause."""
    wednesday = _FRIDAY - timedelta(days=2)
    MovedClock(superuser).set(wednesday - timedelta(days=1))
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "week", week=("mon", "tue", "wed", "thu", "fri"))
    job_id = job_at(superuser, endpoint, "0 9 * * 3,6", "PREVIOUS", since=wednesday - timedelta(days=1),
                    catch_up_policy="ALL")  # fmt: skip
    superuser.execute(_PAUSE, {"id": job_id, "until": _FRIDAY})
    MovedClock(superuser).set(_FRIDAY + _MINUTE)
    superuser.execute("select kronos.reap()")
    assert codes(superuser, job_id) == [(wednesday + _NINE, "paused", 2)]
    assert runs(superuser, job_id) == []
    ledger(superuser, job_id, wednesday - timedelta(days=1), _MONDAY)


def test_a_run_within_a_pause_is_not_the_next(superuser: Connection) -> None:
    """Monday's tick would run on Friday, within the pause, which ends on Saturday."""
    MovedClock(superuser).set(_FRIDAY - timedelta(days=1))
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "one", days=[day("2027-06-12", "2027-06-14")])
    job_id = job_at(superuser, endpoint, "0 9 * * 1", "PREVIOUS", since=_FRIDAY - _WEEK, calendars=["one"])
    superuser.execute("update kronos.jobs set status = 'PAUSED', resume_at = %s where job_id = %s", [_SATURDAY, job_id])
    (found,) = records(superuser, _FIRST, [job_id])
    assert found["next_run"] == found["list"][0] == _MONDAY + _WEEK + _NINE


def test_a_job_that_is_behind_shows_its_next_runs(superuser: Connection) -> None:
    """2,000 ticks from the pointer on used to be examined, and 200 of the current day, so no next run was found."""
    MovedClock(superuser).set(_FRIDAY)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "one", days=[day("2027-06-13")])
    job_id = job_at(superuser, endpoint, "* * * * *", "NEXT", since=_FRIDAY - timedelta(days=3), calendars=["one"])
    (found,) = records(superuser, _FIRST, [job_id])
    assert (found["next_run"], found["list"]) == (_FRIDAY + _MINUTE, [_FRIDAY + n * _MINUTE for n in (1, 2, 3)])


def test_what_cannot_run_before_the_end_holds_back_nothing(superuser: Connection) -> None:
    """Nine o'clock is closed, and the next day comes after the job's end. Five o'clock is open."""
    MovedClock(superuser).set(_FRIDAY - timedelta(hours=5))
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "one", days=[day("2027-06-11T08:00", "2027-06-11T13:00")])
    ends = _FRIDAY + timedelta(hours=6)
    job_id = job_at(superuser, endpoint, "0 9,17 * * 5", "NEXT", since=_FRIDAY - timedelta(hours=5),
                    calendars=["one"], ends_at=ends)  # fmt: skip
    assert _planned(superuser, endpoint.workspace_id, job_id) == [_FRIDAY + timedelta(hours=5)]
    (found,) = records(superuser, _FIRST, [job_id])
    assert (found["next_run"], found["list"]) == (_FRIDAY + timedelta(hours=5), [_FRIDAY + timedelta(hours=5)])
    for at in (_FRIDAY + _NINE, _FRIDAY + timedelta(hours=5)):
        account(superuser, job_id, now=at)
    assert runs(superuser, job_id) == [(_FRIDAY + timedelta(hours=5),) * 2]
    assert codes(superuser, job_id) == [(_FRIDAY + _NINE, "blackout_ended", 1)]


@pytest.mark.parametrize(("calendars", "on_blackout"), [([], "SKIP"), (["one"], "SKIP"), (["one"], "NEXT")])
def test_a_tick_at_the_end_of_a_pause_is_the_next_run(
    superuser: Connection, calendars: list[str], on_blackout: str
) -> None:
    """With a pause until nine, it runs at nine. The list of next runs used to begin a day later than next_run_at."""
    MovedClock(superuser).set(_FRIDAY + 2 * _NINE)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "one")
    job_id = job_at(superuser, endpoint, "0 9 * * *", on_blackout, since=_FRIDAY + 2 * _NINE, calendars=calendars)
    superuser.execute(_PAUSE, {"id": job_id, "until": _FRIDAY + _NINE})
    (found,) = records(superuser, _FIRST, [job_id])
    assert (found["next_run"], found["list"][0]) == (_FRIDAY + _NINE,) * 2
    assert _before(superuser, job_id) == 7
    MovedClock(superuser).set(_FRIDAY + _NINE)
    superuser.execute("select kronos.reap()")
    assert runs(superuser, job_id) == [(_FRIDAY + _NINE,) * 2]
