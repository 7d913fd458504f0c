"""Runs of a job that must not overlap, when one is added by hand or by catching up: retries, triggers, a pointer that
was set back.
"""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from kronos import idempotency, sql
from overlap_runs import MINUTE, POLICIES, Ticking, upkeep, waiting, waits
from sql_factory import Connection, account, acting_as, await_lock, job, records, value

INSERT_BY_HAND = """
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
        scheduled_at, run_at,
                                       visible_at, max_attempts, max_crashes, timeout_ms, input, overlap_key)
    select gen_random_uuid(), workspace_id, job_id, endpoint_id, 1, 'MANUAL', now(), now(), now(), 5, 3, 1000,
           '{}', job_id
      from kronos.jobs where job_id = %s
"""


def retry(one: Ticking, execution_id: uuid.UUID) -> None:
    with acting_as(one.connection, "kronos_api"), one.connection.transaction():
        one.connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(one.endpoint.workspace_id)])
        params = {"execution_id": execution_id, "endpoint_version": "latest", **idempotency.params(None)}
        assert one.connection.execute(sql.texts()["executions.retry_execution"], params).fetchall()


@pytest.mark.parametrize("overlap", POLICIES)
def test_a_retry_by_hand_waits_for_the_run_that_is_there(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap)
    first = one.one_tick()["execution_id"]
    token, _ = one.claim()
    one.end(token, first, "PERMANENT")
    second = one.one_tick()["execution_id"]
    retry(one, first)
    assert (waits(one, first), upkeep(one.connection)) == (True, 0)
    token, claimed = one.claim()
    assert claimed == [second]
    one.end(token, second)
    assert one.claim()[1] == [first]


@pytest.mark.parametrize("overlap", ["ALLOW", *POLICIES])
def test_a_retry_by_hand_goes_at_once_where_nothing_is_there(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap)
    first = one.one_tick()["execution_id"]
    token, _ = one.claim()
    one.end(token, first, "PERMANENT")
    retry(one, first)
    (row,) = records(
        one.connection, "select status, status_reason from kronos.executions where execution_id = %s", [first]
    )
    assert row == {"status": "RETRYING", "status_reason": None}
    assert one.claim()[1] == [first]


@pytest.mark.parametrize("overlap", POLICIES)
def test_a_pointer_that_was_set_back_meets_the_runs_that_are_there(
    ticking: Callable[..., Ticking], overlap: str
) -> None:
    one = ticking(overlap)
    one.run_one()
    before = records(one.connection, "select * from kronos.executions where job_id = %s", [one.job_id])
    one.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [one.now, one.job_id])
    account(one.connection, one.job_id, now=one.now)
    assert records(one.connection, "select * from kronos.executions where job_id = %s", [one.job_id]) == before
    assert job(one.connection, one.job_id)["runs"] == 1


@pytest.mark.parametrize(
    ("overlap", "statuses"),
    [
        ("SKIP", ["QUEUED", "SKIPPED", "SKIPPED", "SKIPPED"]),
        ("QUEUE", ["QUEUED", "QUEUED", "SKIPPED", "SKIPPED"]),
        ("REPLACE", ["SKIPPED", "SKIPPED", "SKIPPED", "QUEUED"]),
    ],
)
def test_ticks_that_are_caught_up_together_stand_in_each_others_way(
    ticking: Callable[..., Ticking], overlap: str, statuses: list[str]
) -> None:
    one = ticking(overlap, catch_up_policy="ALL", catch_up_window_seconds=86400)
    one.connection.execute(
        "update tests.jobs set next_tick_at = %s where job_id = %s", [one.now - 3 * MINUTE, one.job_id]
    )
    account(one.connection, one.job_id, now=one.now + timedelta(seconds=10))
    assert one.statuses() == statuses
    assert len(waiting(one)) == statuses.count("QUEUED") - 1


@pytest.mark.parametrize("overlap", POLICIES)
def test_only_runs_count_towards_max_runs(ticking: Callable[..., Ticking], overlap: str) -> None:
    one = ticking(overlap, max_runs=2)
    while job(one.connection, one.job_id)["status"] == "ACTIVE":
        made = one.one_tick()
        if made["status"] == "SKIPPED":
            token, claimed = one.claim()
            one.end(token, claimed[0])
    row = job(one.connection, one.job_id)
    assert (row["runs"], row["status_reason"]["code"], row["next_tick_at"]) == (2, "max_runs_reached", None)
    token, claimed = one.claim()
    if claimed:
        one.end(token, claimed[0])
        one.claim()
    assert len([status for status in one.statuses() if status != "SKIPPED"]) == 2
    assert waiting(one) == []


@pytest.mark.parametrize("name", ["reaper", None], ids=["an internal job", "another workspace's job"])
def test_what_is_nobodys_to_trigger_is_not_triggered(
    ticking: Callable[..., Ticking], superuser: Connection, name: str | None
) -> None:
    neighbour = ticking("SKIP")
    workspace_id = value(superuser, "select workspace_id from kronos.workspaces where slug = 'kronos-system'")
    with acting_as(superuser, "kronos_api"), superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        triggered = value(
            superuser, "select kronos.trigger_job(%s, kronos.uuid7(), null, true)", [name or str(neighbour.job_id)]
        )
    assert (triggered, neighbour.statuses()) == (None, [])


def test_two_hands_cannot_make_two_runs_to_be_delivered(
    superuser: Connection, database_url: str, ticking: Callable[..., Ticking]
) -> None:
    one = ticking("SKIP")
    with psycopg.connect(database_url, autocommit=True) as other, ThreadPoolExecutor(1) as threads:
        with superuser.transaction():
            superuser.execute(INSERT_BY_HAND, [one.job_id])
            second = threads.submit(other.execute, INSERT_BY_HAND, [one.job_id])
            await_lock(superuser, other)
            assert not second.done()
        with pytest.raises(psycopg.errors.UniqueViolation) as refused:
            second.result(60)
    assert refused.value.diag.constraint_name == "execution_live_one_at_a_time"
    assert value(superuser, "select count(*) from kronos.execution_live where job_id = %s", [one.job_id]) == 1
    superuser.execute("alter table kronos.execution_live disable trigger execution_live_waits_for_something")
    superuser.execute(INSERT_BY_HAND.replace("now(), now(), now()", "now(), now(), 'infinity'"), [one.job_id])
    with pytest.raises(psycopg.errors.UniqueViolation):  # nor can the waiting run be released by hand
        superuser.execute("update kronos.execution_live set visible_at = now() where visible_at = 'infinity'")
