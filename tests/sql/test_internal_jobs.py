"""Internal jobs run inside PostgreSQL, and each run is an execution; the lease-keeper; and the ring that workers make
in pg_cron's place.
"""

import uuid
from datetime import datetime, timedelta

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions, attempts_of, end_leases, in_flight, status_of
from sql_factory import Connection, Record, acting_as, done, job, make_cron_job, records, uuid_of, value, values

MINUTE = timedelta(minutes=1)


def internal(connection: Connection, name: str) -> uuid.UUID:
    return uuid_of(
        connection,
        "select job_id from kronos.jobs join kronos.workspaces using (workspace_id) where slug = 'kronos-system' and "
        "jobs.name = %s",
        [name],
    )


def ring(connection: Connection, name: str) -> Record:
    """Ring the internal job by hand. Return the run's execution."""
    before = set(values(connection, "select execution_id from kronos.execution_done"))
    assert value(connection, "select kronos.fire(%s)", [internal(connection, name)]) == 0
    (made,) = [
        row
        for row in records(
            connection, "select * from kronos.execution_done where job_id = %s", [internal(connection, name)]
        )
        if row["execution_id"] not in before and row["status"] in ("SUCCESS", "FAILED")
    ]
    return made


def claim(connection: Connection, execution_id: uuid.UUID, *, holds_slot: bool = False) -> uuid.UUID:
    """Claim the execution for a worker, for another minute. Return its claim token."""
    token = uuid.uuid4()
    connection.execute(
        """
        with live as (
            update kronos.execution_live
               set claim_token = %(token)s, worker_id = 'worker-1', claimed_at = now(),
                   started_at = coalesce(started_at, now()),
                   attempt_count = attempt_count + 1, visible_at = now() + interval '1 minute',
                       holds_slot = %(holds_slot)s
             where execution_id = %(execution_id)s
            returning endpoint_id
        )
        update kronos.endpoint_gate as gate
           set in_flight = in_flight + 1
          from live
         where gate.endpoint_id = live.endpoint_id and %(holds_slot)s
        """,
        {"token": token, "execution_id": execution_id, "holds_slot": holds_slot},
    )
    return token


def claimed(connection: Connection, endpoint: EndpointRow, **options: bool) -> uuid.UUID:
    (execution_id,) = add_executions(connection, endpoint)
    claim(connection, execution_id, **options)
    return execution_id


def test_a_dead_workers_execution_is_due_again_and_its_attempt_lost(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5)
    execution_id = claimed(superuser, endpoint, holds_slot=True)
    end_leases(superuser, [execution_id])
    assert in_flight(superuser, endpoint) == 1
    run = ring(superuser, "lease-keeper")
    assert (run["status"], run["output"]) == ("SUCCESS", {"requeued": 1, "failed": 0, "released": 0})
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("RETRYING", ["LOST"])
    assert in_flight(superuser, endpoint) == 0
    (row,) = records(superuser, "select * from kronos.execution_live where execution_id = %s", [execution_id])
    assert (row["claim_token"], row["worker_id"], row["crashes"], row["attempt_count"]) == (None, None, 1, 1)
    assert row["visible_at"] <= value(superuser, "select now()")
    assert (row["error"]["type"], "worker-1" in row["error"]["message"]) == ("lease_expired", True)


@pytest.mark.parametrize(
    ("max_attempts", "max_crashes"), [(5, 0), (1, 3)], ids=["no crash is forgiven", "no attempt is left"]
)
def test_a_dead_workers_execution_fails_when_its_chances_are_used_up(
    superuser: Connection, max_attempts: int, max_crashes: int
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5, max_attempts=max_attempts, max_crashes=max_crashes)
    execution_id = claimed(superuser, endpoint, holds_slot=True)
    end_leases(superuser, [execution_id])
    assert ring(superuser, "lease-keeper")["output"] == {"requeued": 0, "failed": 1, "released": 0}
    assert (
        status_of(superuser, execution_id),
        attempts_of(superuser, execution_id),
        in_flight(superuser, endpoint),
    ) == (
        "FAILED",
        ["LOST"],
        0,
    )
    (row,) = records(superuser, "select * from kronos.execution_done where execution_id = %s", [execution_id])
    assert (row["status_reason"]["code"], row["error"]["type"]) == ("lease_expired", "lease_expired")
    assert job(superuser, row["job_id"])["status"] == "COMPLETED"


def test_one_that_ends_takes_none_with_it(superuser: Connection) -> None:
    """The others are one that is due again, one whose lease is still valid, and one that waits."""
    strict, lenient = add_endpoint(superuser, max_crashes=0), add_endpoint(superuser)
    ends, again, runs = claimed(superuser, strict), claimed(superuser, lenient), claimed(superuser, lenient)
    (waits,) = add_executions(superuser, lenient)
    untouched = "select xmin::text, * from kronos.execution_live where execution_id = any (%s) order by execution_id"
    before = records(superuser, untouched, [[runs, waits]])
    end_leases(superuser, [ends, again])
    assert ring(superuser, "lease-keeper")["output"] == {"requeued": 1, "failed": 1, "released": 0}
    statuses = [status_of(superuser, each) for each in (ends, again, runs, waits)]
    assert statuses == ["FAILED", "RETRYING", "RUNNING", "QUEUED"]
    assert records(superuser, untouched, [[runs, waits]]) == before
    assert values(
        superuser,
        "select execution_id from kronos.execution_done where job_id <> %s",
        [internal(superuser, "lease-keeper")],
    ) == [ends]


def test_workers_that_keep_dying_end_an_execution(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser, max_attempts=50, max_crashes=3)
    (execution_id,) = add_executions(superuser, endpoint)
    lost = 0
    while status_of(superuser, execution_id) != "FAILED":
        claim(superuser, execution_id)
        end_leases(superuser, [execution_id])
        ring(superuser, "lease-keeper")
        lost += 1
    assert lost == 4
    assert attempts_of(superuser, execution_id) == ["LOST"] * 4


def test_a_lease_that_has_not_run_out_is_untouched(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5)
    execution_id = claimed(superuser, endpoint, holds_slot=True)
    before = records(superuser, "select xmin::text, * from kronos.execution_live")
    assert ring(superuser, "lease-keeper")["output"] == {"requeued": 0, "failed": 0, "released": 0}
    assert records(superuser, "select xmin::text, * from kronos.execution_live") == before
    assert (attempts_of(superuser, execution_id), in_flight(superuser, endpoint)) == ([], 1)


def test_an_execution_that_a_worker_is_just_ending_is_left_to_it(superuser: Connection, database_url: str) -> None:
    execution_id = claimed(superuser, add_endpoint(superuser))
    end_leases(superuser, [execution_id])
    with psycopg.connect(database_url) as worker:
        worker.execute("select from kronos.execution_live where execution_id = %s for update", [execution_id])
        assert ring(superuser, "lease-keeper")["output"] == {"requeued": 0, "failed": 0, "released": 0}
        worker.rollback()
    assert ring(superuser, "lease-keeper")["output"] == {"requeued": 1, "failed": 0, "released": 0}


def test_a_requeued_execution_wakes_the_workers(superuser: Connection, database_url: str) -> None:
    execution_id = claimed(superuser, add_endpoint(superuser))
    end_leases(superuser, [execution_id])
    with psycopg.connect(database_url, autocommit=True) as worker:
        worker.execute("listen kronos_work")
        ring(superuser, "lease-keeper")
        assert [notification.payload for notification in worker.notifies(timeout=60, stop_after=1)] == [""]


@pytest.mark.parametrize("name", ["reaper", "lease-keeper"])
def test_a_run_is_an_execution_with_its_attempt_and_output(superuser: Connection, tick: datetime, name: str) -> None:
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, internal(superuser, name)])
    run = ring(superuser, name)
    assert (run["status"], run["cause"], run["scheduled_at"], run["attempt_count"], run["worker_id"]) == (
        "SUCCESS",
        "SCHEDULE",
        tick,
        1,
        "pg_cron",
    )
    assert all(isinstance(count, int) for count in (run["output"] | run["output"].pop("left", {})).values())
    assert run["started_at"] <= run["completed_at"]
    assert run["execution_id"] == value(superuser, "select kronos.tick_id(%s, %s)", [internal(superuser, name), tick])
    assert attempts_of(superuser, run["execution_id"]) == ["SUCCESS"]
    found = job(superuser, internal(superuser, name))
    assert found["next_tick_at"] > tick
    assert found["last_run_at"] == tick


def test_a_run_by_hand_beside_the_schedule_is_manual_and_moves_no_pointer(superuser: Connection) -> None:
    later = value(superuser, "select date_trunc('minute', now()) + interval '30 minutes'")
    superuser.execute(
        "update tests.jobs set next_tick_at = %s where job_id = %s", [later, internal(superuser, "reaper")]
    )
    assert ring(superuser, "reaper")["cause"] == "MANUAL"
    assert job(superuser, internal(superuser, "reaper"))["next_tick_at"] == later


def test_a_task_that_fails_is_a_failed_execution_with_the_error_and_keeps_none_of_its_writes(
    superuser: Connection,
) -> None:
    execution_id = claimed(superuser, add_endpoint(superuser))
    end_leases(superuser, [execution_id])
    superuser.execute("update kronos.heartbeats set waiting_from = '-infinity'")
    superuser.execute("alter table kronos.heartbeats add constraint no_more check (waiting_from = '-infinity')")
    run = ring(superuser, "lease-keeper")  # it ends the lease, and then records since when something waits
    assert (run["status"], run["output"], run["error"]["type"]) == ("FAILED", None, "23514")
    assert "no_more" in run["error"]["message"]
    assert attempts_of(superuser, run["execution_id"]) == ["FAILED"]
    assert (status_of(superuser, execution_id), attempts_of(superuser, execution_id)) == ("RUNNING", [])
    superuser.execute("alter table kronos.heartbeats drop constraint no_more")
    assert ring(superuser, "lease-keeper")["output"] == {"requeued": 1, "failed": 0, "released": 0}


def test_of_several_due_ticks_the_newest_is_run_and_each_other_is_recorded(superuser: Connection) -> None:
    job_id = internal(superuser, "lease-keeper")
    now = value(superuser, "select date_trunc('minute', clock_timestamp())")
    for pointer, at, expected in [
        (now - 6 * MINUTE, now, {"MISSED": 5, "SKIPPED": 1, "SUCCESS": 1}),
        (now + 10 * MINUTE, now + 10 * MINUTE + timedelta(seconds=3), {"SUCCESS": 1}),
    ]:
        superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [pointer, job_id])
        superuser.execute("select kronos.run_internal_job(%s, %s)", [job_id, at])
        assert counted(superuser, job_id, since=pointer) == expected
    assert job(superuser, job_id)["next_tick_at"] == now + 11 * MINUTE


def counted(connection: Connection, job_id: uuid.UUID, *, since: datetime) -> dict[str, int]:
    """The number of ticks by status."""
    rows = [row for row in done(connection, job_id) if row["scheduled_at"] >= since]
    assert [row for row in rows if row["status"] != "SUCCESS" and row["status_reason"] is None] == []
    return {
        status: sum(row["tick_count"] for row in rows if row["status"] == status)
        for status in {row["status"] for row in rows}
    }


_BEATS = "select job_id from kronos.heartbeats where rang_at > '-infinity'"


def test_an_internal_job_runs_when_it_is_due_though_its_heartbeat_was_deleted(
    superuser: Connection, tick: datetime
) -> None:
    job_id = internal(superuser, "reaper")
    superuser.execute("delete from kronos.heartbeats")
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, job_id])
    runs = len(done(superuser, job_id))
    with acting_as(superuser, "kronos_cron"):
        superuser.execute("select kronos.fire(%s)", [job_id])
    assert (len(done(superuser, job_id)), values(superuser, _BEATS)) == (runs + 1, [job_id])


def in_its_place(connection: Connection, name: str) -> bool:
    """Whether the internal job was run in place of a silent pg_cron."""
    job_id = internal(connection, name)
    with acting_as(connection, "kronos_worker"):
        is_run: bool = value(connection, "select kronos.run_internal_job_if_due(%s)", [job_id])
    return is_run


def test_an_internal_job_that_somebody_runs_is_not_waited_for(
    superuser: Connection, other: Connection, tick: datetime
) -> None:
    job_id = internal(superuser, "reaper")
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, job_id])
    other.execute("select from kronos.jobs where job_id = %s for update", [job_id])
    assert in_its_place(superuser, "reaper") is False
    other.rollback()
    assert in_its_place(superuser, "reaper") is True


def test_a_job_of_a_workspace_is_no_internal_one(superuser: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, next_tick_at=tick)
    with acting_as(superuser, "kronos_worker"):
        assert value(superuser, "select kronos.run_internal_job_if_due(%s)", [job_id]) is False
    assert job(superuser, job_id)["next_tick_at"] == tick
