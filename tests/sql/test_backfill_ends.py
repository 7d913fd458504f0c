"""How a backfill ends, waits and continues: cancelled, with its job or workspace, together with runs that must not
overlap, and despite errors.
"""

import uuid
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from backfill_rows import (
    MINUTE,
    NOON,
    advance,
    backfill,
    deliver,
    endpoint_and_job,
    make_backfill,
    make_run,
    minutes,
    next_version,
    ticks_of,
    unfinished,
)
from moved_clock import MovedClock
from sql_factory import Connection, acting_as, done, value
from worker import protocol

HOUR = timedelta(hours=1)


def test_what_was_cancelled_in_one_backfill_is_run_by_the_next(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    first = make_backfill(superuser, job_id, ticks=5)
    advance(superuser, first)
    assert stop(superuser, first)
    second = make_backfill(superuser, job_id, ticks=5)
    assert (advance(superuser, second), len(unfinished(superuser, second))) == (5, 5)


def stop(connection: Connection, backfill_id: uuid.UUID) -> bool:
    stopped: bool = value(connection, 'select kronos.stop_backfill(%s, \'{"code": "cancelled"}\')', [backfill_id])
    return stopped


def test_cancelling_ends_what_waits_and_lets_what_runs_end(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=30, max_active=5)
    advance(superuser, backfill_id)
    token, claimed = protocol.claim(worker, endpoint, quota=2)
    assert [stop(superuser, backfill_id), stop(superuser, backfill_id)] == [True, False]
    assert advance(superuser, backfill_id) == 0
    stopped = backfill(superuser, backfill_id)
    assert (stopped["status"], stopped["status_reason"], stopped["created"]) == ("CANCELLED", {"code": "cancelled"}, 5)
    assert (stopped["progress"]["cancelled"], stopped["progress"]["running"], stopped["progress"]["undecided"]) == (
        3,
        2,
        25,
    )
    assert protocol.finalize(worker, token, claimed[:1]) == {claimed[0]: "SUCCESS"}
    assert protocol.finalize(worker, token, claimed[1:], "FAILED") == {claimed[1]: "CANCELLED"}  # no other attempt
    reasons = [row["status_reason"]["code"] for row in done(superuser, job_id) if row["status"] == "CANCELLED"]
    assert reasons == ["backfill_cancelled"] * 4
    assert ticks_of(superuser, backfill_id) == minutes(5)


def test_one_that_is_being_cancelled_is_not_waited_for_and_makes_nothing_more(
    superuser: Connection, other: Connection
) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=30, max_active=5)
    next_version(superuser, job_id)
    superuser.execute("set lock_timeout = '2s'")
    stop(other, backfill_id)
    assert advance(superuser, backfill_id) == 0
    other.commit()
    assert (advance(superuser, backfill_id), ticks_of(superuser, backfill_id)) == (0, [])


def test_a_cancelled_job_cancels_its_backfills_of_whichever_version(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    old = make_backfill(superuser, job_id, ticks=3)
    newer = next_version(superuser, job_id)
    young = make_backfill(superuser, newer, from_at=NOON + HOUR, to_at=NOON + HOUR + 3 * MINUTE)
    _, neighbour = endpoint_and_job(superuser)
    others = make_backfill(superuser, neighbour)
    for each in (old, young, others):
        advance(superuser, each)
    superuser.execute(
        "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"cancelled\"}' where job_id = %s",
        [newer],
    )
    assert [backfill(superuser, each)["status"] for each in (old, young, others)] == [
        "CANCELLED",
        "CANCELLED",
        "RUNNING",
    ]
    assert backfill(superuser, old)["status_reason"]["code"] == "job_cancelled"
    assert (unfinished(superuser, old), unfinished(superuser, young), len(unfinished(superuser, others))) == (
        [],
        [],
        10,
    )


@pytest.mark.parametrize("reason", ["replaced", "ended", "max_runs_reached"])
def test_a_backfill_goes_on_with_its_version_when_that_is_over(
    superuser: Connection, worker: psycopg.Connection, reason: str
) -> None:
    endpoint, job_id = endpoint_and_job(superuser, input=Jsonb({"version": 1}))
    backfill_id = make_backfill(superuser, job_id, ticks=4, max_active=2)
    advance(superuser, backfill_id)
    if reason == "replaced":
        newer = next_version(superuser, job_id, input=Jsonb({"version": 2}))
        superuser.execute("update kronos.jobs set schedule = kronos.parse_cron('0 0 1 1 *') where job_id = %s", [newer])
    else:
        superuser.execute(
            "update kronos.jobs set status = 'RETIRED', status_reason = %s where job_id = %s",
            [Jsonb({"code": reason}), job_id],
        )
    deliver(worker, endpoint)
    assert advance(superuser, backfill_id) == 2
    assert (ticks_of(superuser, backfill_id), [row["input"] for row in unfinished(superuser, backfill_id)]) == (
        minutes(4),
        [{"version": 1}] * 2,
    )


def test_it_goes_on_while_its_job_is_paused_and_waits_while_the_workspace_is_suspended(superuser: Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=4)
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    assert (advance(superuser, backfill_id), backfill(superuser, backfill_id)["status"]) == (0, "RUNNING")
    superuser.execute(
        "update kronos.workspaces set status = 'ACTIVE', suspended_at = null where workspace_id = %s",
        [endpoint.workspace_id],
    )
    superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job_id])
    assert advance(superuser, backfill_id) == 4


def test_a_deleted_workspace_ends_the_backfills_of_jobs_that_were_over_before(superuser: Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=30, max_active=5)
    advance(superuser, backfill_id)
    superuser.execute(
        "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"ended\"}' where job_id = %s", [job_id]
    )
    superuser.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    assert (advance(superuser, backfill_id), unfinished(superuser, backfill_id)) == (0, [])
    assert backfill(superuser, backfill_id)["status_reason"]["code"] == "workspace_deleted"


def test_a_version_whose_endpoint_was_deleted_fails_its_backfill(superuser: Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=4, max_active=2)
    advance(superuser, backfill_id)
    superuser.execute("update kronos.endpoints set deleted_at = now() where endpoint_id = %s", [endpoint.endpoint_id])
    assert advance(superuser, backfill_id) == 0
    failed = backfill(superuser, backfill_id)
    assert (failed["status"], failed["status_reason"]["code"], failed["completed_at"] is not None) == (
        "FAILED",
        "endpoint_deleted",
        True,
    )
    assert len(unfinished(superuser, backfill_id)) == 2


def test_one_that_cannot_go_on_fails_and_stops_no_other(superuser: Connection) -> None:
    _, broken = endpoint_and_job(superuser)
    _, sound = endpoint_and_job(superuser)
    backfills = [make_backfill(superuser, job_id) for job_id in (broken, sound)]
    superuser.execute("update kronos.jobs set schedule.timezone = 'Nowhere/Land' where job_id = %s", [broken])
    MovedClock(superuser).stop()
    assert value(superuser, "select kronos.advance_backfills(1000)") == 10
    failed, running = (backfill(superuser, each) for each in backfills)
    assert (failed["status"], failed["status_reason"]["code"], running["status"]) == (
        "FAILED",
        "cannot_go_on",
        "RUNNING",
    )
    assert "Nowhere/Land" in failed["status_reason"]["detail"]


def test_what_may_pass_fails_no_backfill(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id)
    superuser.execute(
        """
        create function pg_temp.full() returns trigger language plpgsql as 'begin raise sqlstate ''53100''; end';
        create trigger full_disk before insert on kronos.execution_live for each row execute function pg_temp.full()
        """
    )
    assert value(superuser, "select kronos.advance_backfills(1000)") == 0
    assert backfill(superuser, backfill_id)["status"] == "RUNNING"
    superuser.execute("drop trigger full_disk on kronos.execution_live")
    assert value(superuser, "select kronos.advance_backfills(1000)") == 10


def test_runs_that_must_not_overlap_are_made_one_at_a_time(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser, overlap="SKIP")
    backfill_id = make_backfill(superuser, job_id, ticks=3)
    delivered: list[uuid.UUID] = []
    while backfill(superuser, backfill_id)["status"] == "RUNNING":
        advance(superuser, backfill_id)
        advance(superuser, backfill_id)
        assert [row["overlap_key"] for row in unfinished(superuser, backfill_id)] in ([], [job_id])
        delivered += deliver(worker, endpoint)
    assert (len(delivered), ticks_of(superuser, backfill_id)) == (3, minutes(3))


def test_it_waits_for_a_run_of_the_schedule_that_must_not_be_overlapped(
    superuser: Connection, worker: psycopg.Connection
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=3)
    newer = next_version(superuser, job_id, overlap="QUEUE")  # the newest version's policy applies
    make_run(superuser, newer, NOON + HOUR, status="QUEUED")
    superuser.execute("update kronos.execution_live set overlap_key = %s", [job_id])
    assert advance(superuser, backfill_id) == 0
    deliver(worker, endpoint)
    assert advance(superuser, backfill_id) == 1


def test_who_adds_a_run_that_must_not_overlap_is_not_waited_for(superuser: Connection, other: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=3)
    newer = next_version(superuser, job_id, overlap="SKIP")
    other.execute("select from kronos.jobs where job_id = %s for update", [newer])
    assert advance(superuser, backfill_id) == 0
    other.rollback()
    assert advance(superuser, backfill_id) == 1


def test_upkeep_and_the_internal_job_advance_backfills_and_tell_whether_there_are_any(superuser: Connection) -> None:
    MovedClock(superuser).stop()
    _, job_id = endpoint_and_job(superuser)
    with acting_as(superuser, "kronos_worker"):
        assert value(superuser, "select backfilled from kronos.upkeep(1000)") is None
    first, second = (make_backfill(superuser, job_id, from_at=at, to_at=at + 3 * MINUTE) for at in (NOON, NOON + HOUR))
    with acting_as(superuser, "kronos_worker"):
        assert value(superuser, "select backfilled from kronos.upkeep(4)") == 4
        assert value(superuser, "select backfilled from kronos.upkeep(1000)") == 2
        assert value(superuser, "select backfilled from kronos.upkeep(1000)") == 0
    assert len(ticks_of(superuser, first, second)) == 6
    third = make_backfill(superuser, job_id, from_at=NOON + 2 * HOUR, to_at=NOON + 2 * HOUR + 3 * MINUTE)
    assert value(superuser, "select kronos.keep_up() ->> 'backfilled'") == "3"
    assert len(unfinished(superuser, third)) == 3


def test_new_executions_wake_the_workers_and_nothing_else_does(
    superuser: Connection, worker: psycopg.Connection, other: Connection
) -> None:
    other.autocommit = True
    other.execute("listen kronos_work")
    _, job_id = endpoint_and_job(superuser)
    make_backfill(superuser, job_id, ticks=3)
    for _ in range(3):
        value(superuser, "select kronos.advance_backfills(1000)")
    assert [told.channel for told in other.notifies(timeout=60, stop_after=1)] == ["kronos_work"]
    superuser.execute("notify kronos_work, 'last'")
    assert [told.payload for told in other.notifies(timeout=60, stop_after=1)] == ["last"]


def test_an_execution_that_fails_stays_its_backfills_no_matter_who_ends_it(
    superuser: Connection, worker: psycopg.Connection
) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id = make_backfill(superuser, job_id, ticks=2)
    advance(superuser, backfill_id)
    token, claimed = protocol.claim(worker, endpoint, quota=2)
    superuser.execute(
        "update kronos.execution_live set visible_at = now(), attempt_count = max_attempts where execution_id = %s",
        [claimed[0]],
    )
    assert protocol.expire(worker) == (0, 1)
    protocol.finalize(worker, token, claimed[1:], "PERMANENT")
    assert backfill(superuser, backfill_id)["progress"]["failed"] == 2


def begun_by_key(connection: Connection, job_id: uuid.UUID, *, ticks: int = 10, max_active: int = 10) -> uuid.UUID:
    """A backfill that was begun with a key of its workspace."""
    public_id = uuid.uuid4().hex[:12]
    backfill_id = make_backfill(connection, job_id, ticks=ticks, max_active=max_active)
    connection.execute(
        "insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id) "
        "select %s, sha256(gen_random_uuid()::text::bytea), 'operator', workspace_id from kronos.jobs "
        "where job_id = %s",
        [public_id, job_id],
    )
    caller = Jsonb({"actor": public_id, "key": public_id})
    connection.execute("update kronos.backfills set caller = %s where backfill_id = %s", [caller, backfill_id])
    return backfill_id


def revoke(connection: Connection, backfill_id: uuid.UUID) -> str:
    public_id: str = value(
        connection,
        "update kronos.api_keys set revoked_at = now() "
        "where public_id = (select caller ->> 'key' from kronos.backfills where backfill_id = %s) returning public_id",
        [backfill_id],
    )
    return public_id


def test_it_goes_no_further_than_the_key_that_began_it(superuser: Connection, worker: psycopg.Connection) -> None:
    endpoint, job_id = endpoint_and_job(superuser)
    backfill_id, others = begun_by_key(superuser, job_id, ticks=30, max_active=5), begun_by_key(superuser, job_id)
    assert advance(superuser, backfill_id) == 5
    token, claimed = protocol.claim(worker, endpoint, quota=1)
    public_id = revoke(superuser, backfill_id)
    assert advance(superuser, backfill_id) == 0
    stopped = backfill(superuser, backfill_id)
    reason = {"code": "caller_ended", "detail": f"its key {public_id} was revoked"}
    assert (stopped["status"], stopped["status_reason"], stopped["created"]) == ("CANCELLED", reason, 5)
    assert (stopped["progress"]["cancelled"], stopped["progress"]["running"]) == (4, 1)
    protocol.finalize(worker, token, claimed)
    assert advance(superuser, others) == 9  # its key still works; one tick has been run


def test_where_its_job_is_held_a_backfill_without_its_key_does_nothing_until_it_is_not(
    superuser: Connection, other: Connection
) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = begun_by_key(superuser, job_id)
    revoke(superuser, backfill_id)
    other.execute("select from kronos.jobs where job_id = %s for key share", [job_id])
    assert (advance(superuser, backfill_id), backfill(superuser, backfill_id)["status"]) == (0, "RUNNING")
    other.commit()
    assert (advance(superuser, backfill_id), backfill(superuser, backfill_id)["status"]) == (0, "CANCELLED")


def test_of_another_workspace_nobody_ends_it(superuser: Connection) -> None:
    _, job_id = endpoint_and_job(superuser)
    backfill_id = begun_by_key(superuser, job_id)
    revoke(superuser, backfill_id)
    elsewhere, _ = endpoint_and_job(superuser)
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(elsewhere.workspace_id)])
    assert advance(superuser, backfill_id) == 0
    superuser.execute("reset kronos.workspace_id")
    assert backfill(superuser, backfill_id)["status"] == "RUNNING"
