"""After the clock is set back, ticks that were accounted for do not appear as coming, in any query."""

from datetime import UTC, datetime, timedelta

import pytest

from calendar_rows import put_calendar
from factory import add_endpoint
from moved_clock import MovedClock
from sql.test_calendar_jobs import job_at
from sql_factory import Connection, account, records

_EVE = datetime(2027, 6, 10, 12, tzinfo=UTC)
_NINE = datetime(2027, 6, 11, 9, tzinfo=UTC)


@pytest.mark.parametrize("calendars", [[], ["open"]])
def test_a_tick_that_was_accounted_for_is_not_to_come_again(superuser: Connection, calendars: list[str]) -> None:
    """The list of a job's next runs used to begin with the tick that had just run."""
    clock = MovedClock(superuser)
    clock.set(_EVE)
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "open")
    job_id = job_at(superuser, endpoint, "0 9 * * *", "NEXT" if calendars else "SKIP", since=_EVE, calendars=calendars)
    clock.set(_NINE + timedelta(seconds=10))
    assert account(superuser, job_id, now=_NINE + timedelta(seconds=10)) == 1
    clock.step(-timedelta(hours=1))
    (found,) = records(
        superuser,
        "select kronos.next_run_of(job, pointer) as one, coming.next_runs -> 0 ->> 'at' as first"
        " from kronos.jobs as job join kronos.pointers as pointer using (job_id),"
        " kronos.runs_to_come(job, 2) as coming where job.job_id = %s",
        [job_id],
    )
    tomorrow = _NINE + timedelta(days=1)
    assert (found["one"], datetime.fromisoformat(found["first"])) == (tomorrow, tomorrow)
