"""Ticks of one day that calendars close for different lengths of time: a tick that is accounted for later waits for the
one before it.
"""

from datetime import UTC, datetime, timedelta

import pytest

from calendar_rows import day, put_calendar
from factory import add_endpoint
from kronos.calendar_terms import BusinessHours, CalendarDay
from moved_clock import MovedClock
from sql.test_calendar_jobs import job_at, ring_until, runs
from sql_factory import Connection, live, records, value

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
        # Nine and five o'clock are on two different days of a calendar that is twelve hours ahead. On the 29th, the
        # morning is closed until the 31st and the evening until the 30th. Backwards, the morning is open and the
        # evening is not.
        ("NEXT", [day("2027-03-29", "2027-03-30")]),
        ("PREVIOUS", [day("2027-03-30", "2027-03-30")]),
    ],
)
def test_what_is_to_come_is_listed_as_it_comes(
    superuser: Connection, on_blackout: str, closed: list[CalendarDay]
) -> None:
    MovedClock(superuser).set(_SINCE)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "week", days=closed, timezone="Etc/GMT-12")
    job_id = job_at(superuser, endpoint, "0 9,17 29 * *", on_blackout, since=_SINCE)
    listed = [datetime.fromisoformat(run["at"]) for run in value(superuser, _LIST, [job_id])]
    assert listed == sorted(listed)
    within = value(superuser, _WITHIN, [job_id])
    assert within == listed[: len(within)]
    came: list[datetime] = []
    for expected in sorted(set(listed)):  # one ring accounts for everything that is due
        assert value(superuser, _NEXT, [job_id]) == expected
        came += ring_until(superuser, job_id, expected + timedelta(minutes=1))
    assert came == sorted(set(listed))


_FRIDAY = datetime(2027, 6, 11, tzinfo=UTC)
_NINE, _SEVENTEEN = timedelta(hours=9), timedelta(hours=17)
_SATURDAY, _MONDAY = _FRIDAY + timedelta(days=1), _FRIDAY + timedelta(days=3)
# One of Saturday's two ticks waits for the other. Before noon, Saturday is closed and Monday is open; after noon,
# Saturday is closed and Friday is open.
_HELD = [
    ("NEXT", ("2027-06-12", "2027-06-12T12:00"), day("2027-06-13"), _MONDAY + _NINE),
    ("PREVIOUS", ("2027-06-12T12:00", "2027-06-13"), None, _SATURDAY + _NINE),
]
_PROMISED = """
select kronos.next_run_of(job, pointer) as first,
       (select kronos.next_run_of(with_skip, pointer)
          from jsonb_populate_record(job, '{"skip_next": 1}') as with_skip) as second,
       array(select (run ->> 'at')::timestamptz
               from kronos.runs_to_come(job, 2) as coming, jsonb_array_elements(coming.next_runs) as run) as list,
       array(select kronos.runs_within(job.workspace_id, job.calendars, job.on_blackout, job.schedule, null, null,
                                       kronos.now(), kronos.now() + interval '5 days', 9,
                                       coalesce(pointer.tick_at, pointer.next_tick_at))) as week
  from kronos.jobs as job join kronos.pointers as pointer using (job_id) where job.job_id = %s
"""


@pytest.mark.parametrize(("on_blackout", "closed", "besides", "runs_at"), _HELD)
def test_what_waits_for_the_tick_before_it_is_promised_and_is_not_late(
    superuser: Connection, on_blackout: str, closed: tuple[str, str], besides: CalendarDay | None, runs_at: datetime
) -> None:
    """It used to be MISSED, or to expire by its deadline, when its turn came. Once its own time, or the other day's,
    had passed, next_run_at, the list and the plan used to omit it.
    """
    clock = MovedClock(superuser)
    clock.stand(_FRIDAY)
    endpoint = add_endpoint(superuser)
    days = [day(*closed), *([besides] if besides else [])]
    put_calendar(superuser, endpoint.workspace_id, "week", days=days)
    job_id = job_at(superuser, endpoint, "0 9,17 * * 6", on_blackout, since=_FRIDAY, deadline_seconds=60)
    for now in (_FRIDAY, _FRIDAY + timedelta(hours=20), runs_at - timedelta(minutes=1)):
        clock.stand(now)
        (promised,) = records(superuser, _PROMISED, [job_id])
        assert promised == {"first": runs_at, "second": runs_at, "list": [runs_at] * 2, "week": [runs_at] * 2}, now
    clock.stand(runs_at)
    assert ring_until(superuser, job_id, runs_at) == [runs_at]
    assert [(each["scheduled_at"], each["cause"], each["deadline_at"]) for each in live(superuser, job_id)] == [
        (_SATURDAY + at, "SCHEDULE", runs_at + timedelta(seconds=60)) for at in (_NINE, _SEVENTEEN)
    ]


def test_a_tick_that_is_skipped_at_its_time_is_waited_for_as_well(superuser: Connection) -> None:
    """Nine o'clock is closed on every day. At five, Saturday's tick would run on Friday, but must wait for the nine
    o'clock tick.
    """
    clock = MovedClock(superuser)
    clock.stand(_FRIDAY)
    endpoint = add_endpoint(superuser)
    hours = BusinessHours(opens="10:00", closes="18:00")
    put_calendar(superuser, endpoint.workspace_id, "week", week=("mon", "tue", "wed", "thu", "fri"), hours=hours)
    job_id = job_at(superuser, endpoint, "0 9,17 * * 6", "PREVIOUS", since=_FRIDAY)
    (promised,) = records(superuser, _PROMISED, [job_id])
    assert (promised["first"], promised["list"][0], promised["week"]) == (_SATURDAY + _NINE,) * 2 + (
        [_SATURDAY + _NINE],
    )
    clock.stand(_SATURDAY + _NINE)
    assert ring_until(superuser, job_id, _SATURDAY + _NINE) == [_SATURDAY + _NINE]
    assert runs(superuser, job_id) == [(_SATURDAY + _SEVENTEEN, _SATURDAY + _NINE)]


def test_a_few_runs_are_those_that_come_first(superuser: Connection) -> None:
    """If a day's ticks can move, only as many used to be examined as runs were wanted. With nine o'clock skipped, the
    one run that max_runs leaves, at five, was in no plan.
    """
    MovedClock(superuser).stand(_FRIDAY)
    endpoint = add_endpoint(superuser)
    hours = BusinessHours(opens="10:00", closes="18:00")
    put_calendar(superuser, endpoint.workspace_id, "week", week=("mon", "tue", "wed", "thu", "fri"), hours=hours)
    job_id = job_at(superuser, endpoint, "0 9,17 * * 6", "NEXT", since=_FRIDAY)
    found = value(superuser, _WITHIN.replace("'40 days', 4", "'6 days', 1"), [job_id])
    assert found == [_MONDAY + _SEVENTEEN]
