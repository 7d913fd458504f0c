"""Which changed calendar's jobs follow first."""

from datetime import UTC, datetime

import psycopg

from calendar_rows import put_calendar
from factory import add_endpoint
from moved_clock import MovedClock
from sql.test_calendar_jobs import job_at
from sql.test_calendar_moves import jobs
from sql_factory import Connection, value, values

_FRIDAY = datetime(2027, 6, 11, tzinfo=UTC)


def test_calendars_whose_jobs_cannot_follow_keep_no_other_from_its_turn(
    superuser: Connection, database_url: str
) -> None:
    """Those with the fewest jobs left came first, also if these jobs had just failed."""
    MovedClock(superuser).set(_FRIDAY)
    endpoint = add_endpoint(superuser)
    for name in ("small", "bank"):
        put_calendar(superuser, endpoint.workspace_id, name)
    held = job_at(superuser, endpoint, "0 9 * * 6", "NEXT", since=_FRIDAY, calendars=["small"])
    jobs(superuser, endpoint, 5)
    superuser.execute(
        "insert into kronos.calendar_moves (document_id, workspace_id, name, version, jobs_left)"
        " select document_id, workspace_id, name, version, case name when 'small' then 1 else 5 end"
        "   from kronos.calendars"
    )
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [held])
        for _ in range(20):
            superuser.execute("select kronos.move_all(kronos.clock())")  # one of them, regardless of the time
            superuser.execute("update kronos.calendar_moves set next_at = kronos.clock() where next_at > '-infinity'")
        assert values(superuser, "select name from kronos.calendar_moves") == ["small"]
    assert value(superuser, "select kronos.move_all(kronos.clock() + interval '1 minute')") == 0
