"""Ending, changing or suspending a job first accounts for all of its due ticks: any left over would belong to no
version. A job whose ticks are too many for one call, or cannot be written now, stays unchanged.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow
from sql_factory import Connection, job, live, make_cron_job, value

MINUTE = timedelta(minutes=1)
ALL = {"catch_up_policy": "ALL", "catch_up_window_seconds": 2678400}

Make = Callable[..., uuid.UUID]


@pytest.fixture
def make(superuser: Connection, endpoint: EndpointRow, tick: datetime) -> Make:
    """Make a job whose ticks of the last ten minutes are due."""

    def made(**columns: Any) -> uuid.UUID:
        given = {"next_tick_at": tick - 10 * MINUTE, "ticks_from": tick - 11 * MINUTE, **ALL, **columns}
        return make_cron_job(superuser, endpoint, is_registered="status" not in columns, **given)

    return made


@pytest.fixture
def few_a_call(superuser: Connection) -> None:
    """Let a call take three ticks instead of 10,000, and let the time run out after five calls."""
    for function, old, new in (
        ("passed_ticks(kronos.jobs, kronos.pointers, timestamptz)", "integer     := 10000;", "integer     := 3;"),
        ("account_upto(uuid[], timestamptz)", "interval '1 second'", "interval '0 seconds'"),
    ):
        body = value(superuser, "select pg_get_functiondef(%s::regprocedure)", [f"kronos.{function}"])
        assert body.count(old) == 1
        superuser.execute(body.replace(old, new))


@pytest.fixture
def wave_held(superuser: Connection, database_url: str) -> Iterator[Connection]:
    """Another session is catching up for longer than any session waits, until it is rolled back."""
    superuser.execute("set lock_timeout = '50ms'")
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.catch_up_wave for update")
        yield holder


def ledger(superuser: Connection, job_id: uuid.UUID, since: datetime) -> tuple[int, int]:
    """How many ticks are delivered, and how many are unaccounted for."""
    (found,) = superuser.execute(
        "select delivered, unaccounted from kronos.check_ledger(%s, %s, clock_timestamp())", [job_id, since]
    ).fetchall()
    return found[0], found[1]


def end_jobs(superuser: Connection) -> int:
    return int(value(superuser, "select kronos.end_jobs(clock_timestamp())"))


def change(superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID) -> None:
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        superuser.execute("select kronos.settle_ticks(%s)", [job_id])


@pytest.mark.usefixtures("few_a_call")
def test_a_job_ends_with_all_of_its_ticks_however_many(superuser: Connection, make: Make, tick: datetime) -> None:
    job_id = make(ends_at=tick)
    assert end_jobs(superuser) == 1
    assert (job(superuser, job_id)["status"], ledger(superuser, job_id, tick - 11 * MINUTE)) == ("RETIRED", (10, 0))


@pytest.mark.usefixtures("few_a_call")
def test_a_job_with_more_ticks_than_a_run_takes_ends_in_the_next(
    superuser: Connection, make: Make, tick: datetime
) -> None:
    job_id = make(ends_at=tick, next_tick_at=tick - 20 * MINUTE, ticks_from=tick - 21 * MINUTE)
    assert (end_jobs(superuser), job(superuser, job_id)["status"], len(live(superuser, job_id))) == (0, "ACTIVE", 15)
    assert (end_jobs(superuser), job(superuser, job_id)["status"]) == (1, "RETIRED")
    assert ledger(superuser, job_id, tick - 21 * MINUTE) == (20, 0)


def test_a_job_whose_ticks_cannot_be_written_now_ends_when_they_can(
    superuser: Connection, make: Make, tick: datetime, wave_held: Connection
) -> None:
    job_id = make(ends_at=tick)
    assert (end_jobs(superuser), job(superuser, job_id)["status"]) == (0, "ACTIVE")
    wave_held.rollback()
    assert (end_jobs(superuser), job(superuser, job_id)["status"]) == (1, "RETIRED")
    assert ledger(superuser, job_id, tick - 11 * MINUTE) == (10, 0)


def test_a_suspended_job_whose_ticks_cannot_be_written_now_ends_when_they_can(
    superuser: Connection, endpoint: EndpointRow, make: Make, tick: datetime, wave_held: Connection
) -> None:
    job_id = make(ends_at=tick)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        superuser.execute("select kronos.suspend_workspace()")
    assert (end_jobs(superuser), job(superuser, job_id)["status"]) == (0, "ACTIVE")
    wave_held.rollback()
    assert (end_jobs(superuser), job(superuser, job_id)["status"]) == (1, "RETIRED")
    assert ledger(superuser, job_id, tick - 11 * MINUTE) == (10, 0)


@pytest.mark.usefixtures("few_a_call")
def test_a_job_with_more_ticks_than_a_request_takes_is_not_changed_before_rings_have(
    superuser: Connection, endpoint: EndpointRow, make: Make, tick: datetime
) -> None:
    job_id = make(next_tick_at=tick - 20 * MINUTE, ticks_from=tick - 21 * MINUTE)
    with pytest.raises(psycopg.errors.LockNotAvailable, match="cannot be accounted for at this moment"):
        change(superuser, endpoint, job_id)
    for _ in range(3):
        superuser.execute("select kronos.account_all(%s)", [tick])
    change(superuser, endpoint, job_id)
    delivered, unaccounted = ledger(superuser, job_id, tick - 21 * MINUTE)
    assert (delivered >= 21, unaccounted) == (True, 0)  # more, if a minute has passed meanwhile


@pytest.mark.usefixtures("few_a_call")
def test_a_job_with_more_ticks_than_a_step_takes_follows_its_workspace_in_several(
    superuser: Connection, endpoint: EndpointRow, make: Make, tick: datetime
) -> None:
    job_id = make(next_tick_at=tick - 40 * MINUTE, ticks_from=tick - 41 * MINUTE)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        superuser.execute("select kronos.suspend_workspace()")
    made: list[int] = []
    while value(superuser, "select count(*) from kronos.turns") and len(made) < 9:
        superuser.execute("update kronos.turns set next_at = default")
        superuser.execute("select kronos.turn_some(%s)", [endpoint.workspace_id])
        made.append(len(live(superuser, job_id)))
    delivered, unaccounted = ledger(superuser, job_id, tick - 41 * MINUTE)
    assert (made, job(superuser, job_id)["is_halted"], unaccounted) == ([15, 30, delivered], True, 0)


@pytest.mark.parametrize(
    "columns", [{}, {"status": "PAUSED", "status_reason": "{}"}], ids=["that have ended", "whose pauses have"]
)
def test_jobs_that_may_have_thousands_of_ticks_are_taken_one_by_one(
    superuser: Connection, make: Make, tick: datetime, columns: dict[str, Any]
) -> None:
    """A hundred of them together may be a million executions, which cannot be made within 30 s."""
    since = tick - timedelta(days=8)
    ends = {"resume_at": since} if columns else {"ends_at": tick}
    for _ in range(3):
        make(cron="* * 1 1 *", next_tick_at=since, ticks_from=since - MINUTE, **columns, **ends)
    run = (
        "select resumed from kronos.resume_jobs_in_time(clock_timestamp(), '-infinity')"
        if columns
        else "select kronos.end_jobs(clock_timestamp(), '-infinity')"
    )
    assert [value(superuser, run) for _ in range(4)] == [1, 1, 1, 0]
