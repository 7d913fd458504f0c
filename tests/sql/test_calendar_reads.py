"""How often large calendars are read: a query about many jobs, or about a year, reads each calendar once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendar_rows import day, put_calendar
from factory import EndpointRow, add_endpoint
from kronos.calendar_terms import BusinessHours
from moved_clock import MovedClock
from sql.test_calendar_jobs import job_at
from sql_factory import Connection, value

_SINCE = datetime(2027, 3, 5, 13, tzinfo=UTC)
_NAMES = ["one", "two", "three", "four"]


def calls(connection: Connection, function: str, asked: str, *params: Any) -> int:
    """How often a statement calls a function."""
    called = "select coalesce(sum(calls), 0) from pg_stat_xact_user_functions where funcname = %s"
    with connection.transaction():
        connection.execute("set local track_functions = 'all'")
        before = value(connection, called, [function])  # calls of earlier transactions that have not been flushed
        connection.execute(asked, params)
        return int(value(connection, called, [function]) - before)


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    MovedClock(superuser).set(_SINCE)
    made = add_endpoint(superuser)
    days = [day(f"{_SINCE + timedelta(days=2 * nth):%Y-%m-%d}") for nth in range(60)]
    for name in _NAMES:
        put_calendar(superuser, made.workspace_id, name, days=days, timezone="Europe/Berlin")
    hours = BusinessHours(opens="06:00", closes="11:00")
    put_calendar(superuser, made.workspace_id, "mornings", hours=hours)
    return made


@pytest.mark.parametrize("asked", ["coming_hours", "movable_jobs"])
def test_a_calendar_that_many_jobs_name_is_read_once(superuser: Connection, endpoint: EndpointRow, asked: str) -> None:
    """Each set of calendars used to read all of its calendars. For two thousand jobs with sets of ten, that took longer
    than the statement timeout. All of them are read by one statement: one each took three times as long.
    """
    sets = [[one, two] for one in _NAMES for two in _NAMES if one != two]
    for nth, names in enumerate(sets):
        job_at(superuser, endpoint, f"{nth} 9 * * *", "SKIP", since=_SINCE, calendars=names, spread="5m")
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    within = "select count(*) from kronos.coming_hours(kronos.current_workspace_id(), %s, %s, 1000)"
    if asked == "movable_jobs":
        within = "select count(*) from kronos.movable_jobs(%s, %s, 500)"
    until = _SINCE + timedelta(days=7)
    assert calls(superuser, "open_times_each", within, _SINCE, until) == 1
    assert calls(superuser, "zone_changes", within, _SINCE, until) == len(_NAMES)


def test_the_changes_of_a_zone_are_asked_for_once_a_calendar(superuser: Connection, endpoint: EndpointRow) -> None:
    """They used to be queried for each day of the year, six times: ten calendars of 5,000 days took 1.8 s."""
    within = "select kronos.open_times(%s, %s, %s, %s)"
    found = calls(
        superuser, "zone_changes", within, endpoint.workspace_id, _NAMES, _SINCE, _SINCE + timedelta(days=365)
    )
    assert found == len(_NAMES)


@pytest.mark.parametrize("on_blackout", ["NEXT", "PREVIOUS"])
def test_a_time_that_is_closed_on_each_day_is_asked_of_a_few(
    superuser: Connection, endpoint: EndpointRow, on_blackout: str
) -> None:
    """All 366 days used to be checked, for each tick that was examined: finding the ticks that skip_next skips took 12
    s for such a job.
    """
    job_id = job_at(superuser, endpoint, "0 12 1 1 *", on_blackout, since=_SINCE, calendars=["mornings"], skip_next=2)
    for look, most in (
        ("kronos.fate_of(job, kronos.next_tick(job.schedule, kronos.now()))", 7),
        ("kronos.next_run_of(job, kronos.pointer_of(job.job_id))", 60),
        ("kronos.next_counted(job, kronos.next_tick(job.schedule, kronos.now()), 2)", 1400),
        ("kronos.runs_to_come(job, 3)", 60),
    ):
        asked = f"select {look} from kronos.jobs as job where job.job_id = %s"
        assert calls(superuser, "closed_by", asked, job_id) <= most, look
