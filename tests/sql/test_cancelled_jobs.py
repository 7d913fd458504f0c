"""Cancelling a job with very many unfinished executions takes effect immediately: none is claimed any more. The
executions end in steps, whoever runs these and whatever happens in between.
"""

import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from backfill_rows import make_backfill
from factory import EndpointRow, add_endpoint, add_executions, end_leases
from moved_clock import MovedClock
from sql_factory import Connection, done, make_cron_job, records, value, values
from worker.protocol import claim, expire, finalize, release

MANY = 1_010
FEW = 1_000
# A schedule that does not tick while the job is cancelled.
SELDOM = "0 0 29 2 *"
_RUNS = """
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input, overlap_key)
select kronos.uuid7(now() + n * interval '1 us'), job.workspace_id, job.job_id, job.endpoint_id, 1, 'MANUAL',
       now() - n / 3 * interval '1 ms', now(), case when %(is_held)s and n > 1 then 'infinity' else now() end, 5, 3,
       1000, '{}', case when %(is_held)s then job.first_version_id end
  from kronos.jobs as job
 cross join generate_series(1, %(count)s) as n
 where job.job_id = %(job_id)s
"""


@pytest.fixture
def job_id(superuser: Connection, endpoint: EndpointRow) -> uuid.UUID:
    return make_cron_job(superuser, endpoint, cron=SELDOM)


def add_runs(superuser: Connection, job_id: uuid.UUID, count: int, *, is_held: bool = False) -> None:
    """Insert due executions, three per millisecond; or, with is_held, one that is due and others that wait for it."""
    superuser.execute(_RUNS, {"job_id": job_id, "count": count, "is_held": is_held})


def cancel(superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID) -> bool:
    """Cancel as the request does, in one transaction. Return whether there is more to do."""
    with superuser.transaction():
        superuser.execute("set local role kronos_api")
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        superuser.execute("select kronos.settle_version(%s, null)", [job_id])
        superuser.execute("select * from kronos.cancel_job()")
        return bool(value(superuser, "select coalesce(current_setting('kronos.has_runs_left', true), '') = 'on'"))


def cancel_in_steps(superuser: Connection, job_id: uuid.UUID) -> None:
    """Cancel in steps, as for a job with very many executions, whatever this one has."""
    superuser.execute(
        """
        with cancelled as (
            update kronos.jobs set status = 'RETIRED', status_reason = '{"code": "cancelled"}' where job_id = %s
            returning *
        )
        insert into kronos.cancelled_jobs (job_id, workspace_id, first_version_id, reason)
        select job_id, workspace_id, first_version_id, '{"code": "job_cancelled"}' from cancelled
        """,
        [job_id],
    )


def step(superuser: Connection, job_id: uuid.UUID, limit: int = 500) -> int:
    return int(value(superuser, "select kronos.cancel_some(%s, %s)", [job_id, limit]))


def end_all(superuser: Connection) -> None:
    superuser.execute("update kronos.cancelled_jobs set next_at = default")
    for _ in range(100):
        if value(superuser, "select kronos.cancel_all('infinity')") == 0:
            return
        superuser.execute("update kronos.cancelled_jobs set next_at = default")
    pytest.fail("the executions never ended")


def status_of(superuser: Connection, job_id: uuid.UUID) -> str:
    return str(value(superuser, "select status from kronos.jobs where job_id = %s", [job_id]))


def left(superuser: Connection, job_id: uuid.UUID) -> int:
    return int(value(superuser, "select count(*) from kronos.execution_live where job_id = %s", [job_id]))


def cancelled(superuser: Connection, job_id: uuid.UUID) -> int:
    rows = done(superuser, job_id)
    assert {(row["status"], row["status_reason"]["code"]) for row in rows} <= {("CANCELLED", "job_cancelled")}
    return len(rows)


@pytest.mark.parametrize("count", [0, 3, FEW])
def test_a_thousand_executions_end_with_their_job(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID, count: int
) -> None:
    add_runs(superuser, job_id, count)
    assert not cancel(superuser, endpoint, job_id)
    assert (status_of(superuser, job_id), cancelled(superuser, job_id)) == ("RETIRED", count)
    assert values(superuser, "select job_id from kronos.cancelled_jobs") == []


def test_of_more_none_is_claimed_from_then_on_and_a_step_ends_no_more_than_it_may(
    superuser: Connection, worker: psycopg.Connection, endpoint: EndpointRow
) -> None:
    job_id = make_cron_job(superuser, endpoint, cron=SELDOM, is_registered=True)
    add_runs(superuser, job_id, MANY)
    (other,) = add_executions(superuser, endpoint)
    assert cancel(superuser, endpoint, job_id)
    assert (status_of(superuser, job_id), left(superuser, job_id)) == ("RETIRED", MANY)
    assert values(superuser, "select jobid from cron.job where jobname = 'kronos:' || %s", [job_id]) == []
    assert claim(worker, endpoint, quota=50)[1] == [other]  # it is due after all of them
    gone = []
    while (ended := step(superuser, job_id, 400)) > 0:
        gone.append(ended)
        assert claim(worker, endpoint)[1] == []
    assert (gone, left(superuser, job_id), cancelled(superuser, job_id)) == ([400, 400, MANY - 800], 0, MANY)
    assert values(superuser, "select job_id from kronos.cancelled_jobs") == []


@pytest.mark.parametrize("is_stepped_first", [False, True])
def test_what_a_worker_has_ends_with_its_attempt_whichever_comes_first(
    superuser: Connection, worker: psycopg.Connection, endpoint: EndpointRow, job_id: uuid.UUID, is_stepped_first: bool
) -> None:
    """Of four claims, one fails, one is given back, one has a worker that died, and one succeeds."""
    add_runs(superuser, job_id, MANY)
    (failing, a), (given_back, b), (_, c), (succeeding, d) = [claim(worker, endpoint, quota=1) for _ in range(4)]
    cancel(superuser, endpoint, job_id)
    if is_stepped_first:
        end_all(superuser)
        assert left(superuser, job_id) == 4
    assert finalize(worker, failing, a, "FAILED") == {a[0]: "CANCELLED" if is_stepped_first else "RETRY"}
    assert release(worker, given_back, b) == b
    assert finalize(worker, succeeding, d) == {d[0]: "SUCCESS"}
    end_leases(superuser, c)
    expire(worker)
    assert claim(worker, endpoint)[1] == []
    end_all(superuser)
    ended = {row["execution_id"]: row["status"] for row in done(superuser, job_id)}
    assert (len(ended), ended.pop(d[0]), {*ended.values()}) == (MANY, "SUCCESS", {"CANCELLED"})


def test_what_somebody_holds_is_passed_over_and_ends_when_it_is_free(
    superuser: Connection, database_url: str, endpoint: EndpointRow, job_id: uuid.UUID
) -> None:
    add_runs(superuser, job_id, MANY)
    cancel(superuser, endpoint, job_id)
    with psycopg.connect(database_url) as holder:
        holder.execute(
            "select from kronos.execution_live where job_id = %s order by scheduled_at limit 3 for update", [job_id]
        )
        while step(superuser, job_id) > 0:
            pass
        assert (left(superuser, job_id), cancelled(superuser, job_id)) == (3, MANY - 3)
        ((kind, remaining),) = superuser.execute("select kind, remaining from kronos.steps_under_way(10)").fetchall()
        assert (kind, remaining) == ("CANCELLATION", 3)
    end_all(superuser)
    assert cancelled(superuser, job_id) == MANY


def test_those_that_cannot_be_written_stop_no_other_and_are_told_of(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID
) -> None:
    """There are more of them than a step takes, at the same instant."""
    add_runs(superuser, job_id, 30)
    superuser.execute(
        "update kronos.execution_live set input = '{\"is_bad\": true}', scheduled_at = now() where execution_id in "
        "(select execution_id from kronos.execution_live order by scheduled_at limit 7)"
    )
    superuser.execute("""
        create function public.refuse() returns trigger language plpgsql
            as $$ begin raise exception 'it cannot be written'; end $$;
        create trigger refuse before insert on kronos.execution_done
            for each row when (new.input ? 'is_bad') execute function public.refuse();
    """)
    clock = MovedClock(superuser)
    clock.stop()
    cancel_in_steps(superuser, job_id)
    while step(superuser, job_id, 5) > 0:
        pass
    assert (left(superuser, job_id), cancelled(superuser, job_id)) == (7, 23)
    (found,) = records(superuser, "select * from kronos.steps_under_way(10)")
    assert (found["remaining"], found["last_error"]["message"]) == (7, "it cannot be written")
    superuser.execute("drop trigger refuse on kronos.execution_done")
    clock.step(timedelta())
    end_all(superuser)
    assert (cancelled(superuser, job_id), records(superuser, "select * from kronos.steps_under_way(10)")) == (30, [])


def test_runs_that_wait_for_one_another_end_without_one_of_them_being_let_go(
    superuser: Connection, worker: psycopg.Connection, endpoint: EndpointRow
) -> None:
    job_id = make_cron_job(superuser, endpoint, cron=SELDOM, overlap="QUEUE")
    add_runs(superuser, job_id, 30, is_held=True)
    (token, claimed) = claim(worker, endpoint)
    assert len(claimed) == 1
    cancel_in_steps(superuser, job_id)
    step(superuser, job_id, 10)
    assert finalize(worker, token, claimed, "FAILED") == {claimed[0]: "RETRY"}  # no step has reached it yet
    expire(worker)  # releases held runs that no longer wait for another
    assert claim(worker, endpoint)[1] == []
    end_all(superuser)
    assert cancelled(superuser, job_id) == 30


def test_a_step_that_is_undone_is_done_again_and_workers_and_the_reaper_take_them(
    superuser: Connection, worker: psycopg.Connection, endpoint: EndpointRow
) -> None:
    jobs = [make_cron_job(superuser, endpoint, cron=SELDOM) for _ in range(2)]
    for job_id in jobs:
        add_runs(superuser, job_id, MANY)
        cancel(superuser, endpoint, job_id)
    with superuser.transaction(force_rollback=True):
        step(superuser, jobs[0])
        assert left(superuser, jobs[0]) == MANY - 500
    assert left(superuser, jobs[0]) == MANY
    rows = worker.execute("select backfilled from kronos.upkeep(100)").fetchall()
    assert rows == [(0,)] or left(superuser, jobs[0]) + left(superuser, jobs[1]) == 0
    for _ in range(200):
        if value(superuser, "select kronos.reap()")["left"]["cancelled"] == 0:
            break
    assert [cancelled(superuser, job_id) for job_id in jobs] == [MANY, MANY]
    assert worker.execute("select backfilled from kronos.upkeep(100)").fetchall() == [(None,)]


@pytest.mark.parametrize("who", ["request", "hand"])
def test_versions_and_backfills_of_the_job_end_with_it(
    superuser: Connection, worker: psycopg.Connection, endpoint: EndpointRow, job_id: uuid.UUID, who: str
) -> None:
    """An older version that left runs, and a backfill with more executions than can end in one step."""
    backfill_id = make_backfill(superuser, job_id)
    add_runs(superuser, job_id, MANY)
    superuser.execute("update kronos.execution_live set backfill_id = %s", [backfill_id])
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
    newer: dict[str, Any] = {"first_version_id": job_id, "version": 2, "previous_version_id": job_id}
    newest = uuid.uuid4()
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, version, previous_version_id, workspace_id, endpoint_id,
            trigger, cron, timezone, schedule, alarm, description)
        select %(newest)s, first_version_id, 2, job_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
               alarm, description from kronos.jobs where job_id = %(first_version_id)s
        """,
        newer | {"newest": newest},
    )
    superuser.execute(
        "insert into kronos.pointers (job_id, workspace_id, next_tick_at) values (%s, %s, 'infinity')",
        [newest, endpoint.workspace_id],
    )
    add_runs(superuser, newest, 2)
    if who == "request":
        assert cancel(superuser, endpoint, newest)
    else:
        superuser.execute(
            "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"cancelled\"}' where job_id = %s",
            [newest],
        )
    assert value(superuser, "select status from kronos.backfills") == "CANCELLED"
    assert {*claim(worker, endpoint)[1]} <= {
        *values(superuser, "select execution_id from kronos.execution_live where job_id = %s", [newest])
    }
    end_all(superuser)
    assert cancelled(superuser, job_id) == MANY
    assert cancelled(superuser, newest) == (2 if who == "request" else 0)


def test_nobody_elses_executions_are_touched(superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID) -> None:
    stranger = add_endpoint(superuser)
    theirs, mine = make_cron_job(superuser, stranger), make_cron_job(superuser, endpoint)
    for each in (job_id, theirs, mine):
        add_runs(superuser, each, MANY if each == job_id else 3)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(stranger.workspace_id)])
        superuser.execute("select kronos.cancel_runs(%s, '{}')", [[job_id]])
        superuser.execute("select kronos.cancel_further(%s)", [job_id])
    assert [left(superuser, each) for each in (job_id, theirs, mine)] == [MANY, 3, 3]
    cancel(superuser, endpoint, job_id)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(stranger.workspace_id)])
        assert value(superuser, "select done from kronos.cancel_further(%s)", [job_id]) == 0
    end_all(superuser)
    assert [left(superuser, each) for each in (job_id, theirs, mine)] == [0, 3, 3]


def test_what_a_cancelled_job_has_left_is_cancelled_and_does_not_expire(
    superuser: psycopg.Connection, job_id: uuid.UUID
) -> None:
    add_runs(superuser, job_id, 3)
    superuser.execute("update kronos.execution_live set deadline_at = kronos.now()")
    cancel_in_steps(superuser, job_id)
    assert value(superuser, "select kronos.expire_deadlines(10)") == 0
    end_all(superuser)
    assert cancelled(superuser, job_id) == 3
