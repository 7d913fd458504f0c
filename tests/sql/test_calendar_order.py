"""Ticks of one day that calendars close for different lengths: who is accounted for later waits for the one before."""

from datetime import UTC, datetime, timedelta

import pytest

from calendar_rows import day, put_calendar
from clock import Clock
from factory import add_endpoint
from kronos.calendar_terms import CalendarDay
from sql.test_calendar_jobs import job_at, ring_until
from sql_factory import Connection, value

_SINCE = datetime(2027, 3, 21, tzinfo=UTC)
_LIST = (
    "select (kronos.coming_runs(job.workspace_id, job.calendars, job.on_blackout, job.schedule, null, null, null,"
    " kronos.now(), 0, 4)).next_runs from kronos.jobs as job where job.job_id = %s"
)
_WITHIN = (
    "select array(select kronos.runs_within(job.workspace_id, job.calendars, job.on_blackout, job.schedule, null, null,"
    " kronos.now(), kronos.now() + interval '40 days', 4)) from kronos.jobs as job where job.job_id = %s"
)
_NEXT = (
    "select kronos.next_run_of(job, pointer) from kronos.jobs as job join kronos.pointers as pointer using (job_id)"
    " where job.job_id = %s"
)


@pytest.mark.parametrize(
    ("on_blackout", "closed"),
    [
        # Nine and five o'clock are on two days of a calendar that is twelve hours ahead: of the 29th the morning is
        # closed until the 31st and the evening until the 30th; backwards the morning is open, the evening is not.
        ("NEXT", [day("2027-03-29", "2027-03-30")]),
        ("PREVIOUS", [day("2027-03-30", "2027-03-30")]),
    ],
)
def test_what_is_to_come_is_listed_as_it_comes(
    superuser: Connection, on_blackout: str, closed: list[CalendarDay]
) -> None:
    Clock(superuser).set(_SINCE)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "week", days=closed, timezone="Etc/GMT-12")
    job_id = job_at(superuser, endpoint, "0 9,17 29 * *", on_blackout, since=_SINCE)
    listed = [datetime.fromisoformat(run["at"]) for run in value(superuser, _LIST, [job_id])]
    assert listed == sorted(listed)
    within = value(superuser, _WITHIN, [job_id])
    assert within == listed[: len(within)]
    came: list[datetime] = []
    for expected in sorted(set(listed)):  # one ring accounts for all that is due
        assert value(superuser, _NEXT, [job_id]) == expected
        came += ring_until(superuser, job_id, expected + timedelta(minutes=1))
    assert came == sorted(set(listed))
