"""Dead letters in the database: they follow the history, lists use indexes, and operations stay correct whatever
crashes or waits.
"""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint, add_executions, status_of
from kept import Kept
from retention_rows import finished
from sql_factory import Connection, await_lock, buffers, make_cron_job, records, value, values


def fail(connection: Connection, execution_ids: list[uuid.UUID], error_type: str = "http_status") -> None:
    connection.execute(
        """
        with gone as (
            delete from kronos.execution_live where execution_id = any (%(ids)s) returning *
        )
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, status_reason, scheduled_at, run_at, created_at, attempt_count,
                                           max_attempts, input, error)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED', '{"code": "x"}',
               scheduled_at, run_at, created_at, 1, max_attempts, input,
               jsonb_build_object('type', %(error_type)s::text, 'message', 'it failed')
          from gone
        """,
        {"ids": execution_ids, "error_type": error_type},
    )


def operation(connection: Connection, endpoint: EndpointRow, kind: str = "REDRIVE", **which: Any) -> uuid.UUID:
    found: uuid.UUID = value(
        connection,
        "insert into kronos.operations (workspace_id, kind, asked, which, total)"
        " values (%s, %s, '{}', %s, 0) returning operation_id",
        [endpoint.workspace_id, kind, Jsonb(which)],
    )
    return found


def advance(connection: Connection, operation_id: uuid.UUID, limit: int = 100) -> int:
    return int(value(connection, "select kronos.advance_operation(%s, %s)", [operation_id, limit]))


def letters(connection: Connection, endpoint: EndpointRow) -> list[uuid.UUID]:
    return values(
        connection,
        "select execution_id from kronos.dead_letters where workspace_id = %s"
        " order by failed_at desc, execution_id desc",
        [endpoint.workspace_id],
    )


def test_whatever_ends_an_execution_failed_makes_it_one(superuser: Connection) -> None:
    """Including by an expired lease: the trigger is on the history, not on a statement."""
    endpoint = add_endpoint(superuser, max_crashes=0)
    (execution_id,) = add_executions(superuser, endpoint)
    superuser.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(),"
        " attempt_count = 1, visible_at = now() - interval '1 s' where execution_id = %s",
        [execution_id],
    )
    superuser.execute("select kronos.expire_leases(10, '-infinity')")
    assert status_of(superuser, execution_id) == "FAILED"
    assert letters(superuser, endpoint) == [execution_id]


def test_kronos_own_jobs_are_none(superuser: Connection) -> None:
    (internal,) = values(superuser, "select job_id from kronos.jobs where name = 'reaper'")
    finished(superuser, internal, "FAILED", days=0.1)
    assert values(superuser, "select execution_id from kronos.dead_letters") == []


def test_retention_forgets_them_with_their_executions(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, cron="0 0 1 1 *")
    old, kept = finished(superuser, job_id, "FAILED", days=95), finished(superuser, job_id, "FAILED", days=80)
    workspace_id = value(superuser, "select workspace_id from kronos.jobs where job_id = %s", [job_id])
    for days in (91, 80):
        superuser.execute(
            "insert into kronos.operations (workspace_id, kind, asked, which, total, status, completed_at)"
            " values (%s, 'DISCARD', '{}', '{}', 0, 'COMPLETED', now() - make_interval(days => %s))",
            [workspace_id, days],
        )
    assert set(values(superuser, "select execution_id from kronos.dead_letters")) == {old, kept}
    (dry,) = records(superuser, "select * from kronos.retain_dead_letters(100, true)")
    counts = value(superuser, "select kronos.retain(10)")
    assert dry == {"dead_letters": 1, "operations": 1}
    assert (counts["dead_letters"], counts["operations"]) == (1, 1)
    assert values(superuser, "select execution_id from kronos.dead_letters") == [kept]


@pytest.fixture(scope="module")
def many(kept_shared: Kept) -> EndpointRow:
    """An endpoint with 20,000 dead letters of 20 kinds, and another one in the same workspace."""
    with kept_shared.connection() as shared:
        return _fill(shared)


def _fill(shared: Connection) -> EndpointRow:
    endpoint = add_endpoint(shared)
    shared.execute(
        """
        insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id,
                                         failed_at, error_type, message)
        select gen_random_uuid(), %(workspace)s, case when n %% 2000 = 0 then gen_random_uuid() else %(endpoint)s end,
               job.id, job.id, now() - n * interval '1 s', 'kind-' || n %% 20, 'it failed'
          from generate_series(1, 20000) as n
         cross join lateral (select md5((n %% 1000)::text)::uuid as id) as job
        """,
        {"workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    shared.execute("vacuum analyze kronos.dead_letters")
    return endpoint


@pytest.mark.parametrize("is_oldest_first", [False, True])
@pytest.mark.parametrize(
    "which",
    ["{}", "endpoint", "error_type", "endpoint and error_type", "first_version_id", "an endpoint with few", "nothing"],
)
def test_a_page_is_read_by_index_whatever_is_asked(
    shared: Connection, many: EndpointRow, which: str, is_oldest_first: bool
) -> None:
    few = value(
        shared, "select endpoint_id from kronos.dead_letters where endpoint_id <> %s limit 1", [many.endpoint_id]
    )
    asked = {
        "{}": {},
        "endpoint": {"endpoint_id": str(many.endpoint_id)},
        "error_type": {"error_type": "kind-7"},
        "endpoint and error_type": {"endpoint_id": str(many.endpoint_id), "error_type": "kind-7"},
        "first_version_id": {"first_version_id": value(shared, "select md5('5')::uuid::text")},
        "an endpoint with few": {"endpoint_id": str(few)},
        "nothing": {"error_type": "none"},
    }[which]
    place = (
        "'-infinity', '00000000-0000-0000-0000-000000000000'"
        if is_oldest_first
        else ("'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'")
    )
    page = (
        f"select execution_id from kronos.find_dead_letters('{many.workspace_id}', '{json.dumps(asked)}', {place}, 51,"
        f" {is_oldest_first})"
    )
    assert len(values(shared, page)) == {"first_version_id": 20, "an endpoint with few": 1, "nothing": 0}.get(which, 51)
    assert buffers(shared, page) < 120


def test_two_sessions_share_the_work_and_neither_waits(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    ids = add_executions(superuser, endpoint, 10)
    fail(superuser, ids)
    operation_id = operation(superuser, endpoint)
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        assert advance(first, operation_id, 4) == 4
        second.execute("set lock_timeout = '100ms'")
        assert advance(second, operation_id, 4) == 0  # the first session is running a step
        first.commit()
        second.commit()
        assert advance(second, operation_id, 4) == 4
        second.commit()
    assert advance(superuser, operation_id) == 2
    assert {status_of(superuser, each) for each in ids} == {"RETRYING"}
    assert records(superuser, "select status, done, failed from kronos.operations") == [
        {"status": "COMPLETED", "done": 10, "failed": 0}
    ]


@pytest.mark.parametrize("kind", ["REDRIVE", "DISCARD"])
def test_a_step_whose_session_dies_left_nothing_behind(superuser: Connection, database_url: str, kind: str) -> None:
    endpoint = add_endpoint(superuser)
    ids = add_executions(superuser, endpoint, 6)
    fail(superuser, ids)
    operation_id = operation(superuser, endpoint, kind)
    with closing(psycopg.connect(database_url)) as dying:
        assert advance(dying, operation_id, 4) == 4
        superuser.execute("select pg_terminate_backend(%s, 10000)", [dying.info.backend_pid])
    assert len(letters(superuser, endpoint)) == 6
    assert value(superuser, "select done from kronos.operations") == 0
    while advance(superuser, operation_id, 4):
        pass
    assert records(superuser, "select status, done, failed from kronos.operations") == [
        {"status": "COMPLETED", "done": 6, "failed": 0}
    ]
    assert letters(superuser, endpoint) == []


def test_runs_of_a_job_that_must_not_overlap_go_one_at_a_time(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, cron="0 0 1 1 *", overlap="QUEUE")
    ids = [finished(superuser, job_id, "FAILED", days=days) for days in (0.3, 0.2, 0.1)]
    ((endpoint_id, workspace_id),) = superuser.execute(
        "select endpoint_id, workspace_id from kronos.jobs where job_id = %s", [job_id]
    ).fetchall()
    row = EndpointRow(endpoint_id=endpoint_id, workspace_id=workspace_id, timeout_ms=0, max_attempts=0, max_crashes=0)
    assert advance(superuser, operation(superuser, row)) == 3
    waits = records(
        superuser,
        "select execution_id, visible_at = 'infinity' as is_held from kronos.execution_live where job_id = %s"
        " order by scheduled_at",
        [job_id],
    )
    assert [row["execution_id"] for row in waits] == ids
    assert [row["is_held"] for row in waits].count(False) == 1


def test_one_that_cannot_go_on_ends_and_stops_no_other(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    fail(superuser, add_executions(superuser, endpoint, 2))
    broken = operation(superuser, endpoint, after="no time")
    good = operation(superuser, endpoint)
    while value(superuser, "select kronos.advance_operations(100)") is not None:
        pass
    rows = {
        row["operation_id"]: row
        for row in records(superuser, "select operation_id, status, status_reason, done from kronos.operations")
    }
    assert (rows[broken]["status"], rows[broken]["status_reason"]["code"]) == ("FAILED", "cannot_go_on")
    assert (rows[good]["status"], rows[good]["done"]) == ("COMPLETED", 2)


def test_one_that_is_gone_meanwhile_is_no_letter_any_more(superuser: Connection) -> None:
    """Dropping a partition by hand fires no trigger."""
    endpoint = add_endpoint(superuser)
    (execution_id,) = add_executions(superuser, endpoint)
    fail(superuser, [execution_id])
    superuser.execute("alter table kronos.execution_done disable trigger user")
    superuser.execute("delete from kronos.execution_done where execution_id = %s", [execution_id])
    superuser.execute("alter table kronos.execution_done enable trigger user")
    operation_id = operation(superuser, endpoint)
    advance(superuser, operation_id)
    assert letters(superuser, endpoint) == []
    assert value(superuser, "select failures from kronos.operations") == {"absent": 1}


def failed_runs(connection: Connection, count: int) -> tuple[EndpointRow, uuid.UUID]:
    """Failed runs of one CRON job. The first of them by id failed last."""
    endpoint = add_endpoint(connection)
    job_id = make_cron_job(connection, endpoint, cron="0 0 1 1 *")
    connection.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, scheduled_at, run_at, created_at, completed_at, attempt_count,
                                           max_attempts, input, error)
        select kronos.uuid7(now() + n * interval '1 ms'), %s, %s, %s, 1, 'SCHEDULE', 'FAILED', now(), now(), now(),
               now() - n * interval '1 s', 1, 1, '{}', '{"type": "timeout"}'
          from generate_series(1, %s) as n
        """,
        [endpoint.workspace_id, job_id, endpoint.endpoint_id, count],
    )
    return endpoint, job_id


def test_a_row_that_somebody_holds_holds_up_nothing_but_its_operation(superuser: Connection, database_url: str) -> None:
    """upkeep also serves leases, backfills and other operations. Even with a lock_timeout of minutes it continues
    immediately.
    """
    endpoint, job_id = failed_runs(superuser, 2)
    held = operation(superuser, endpoint)
    free = operation(superuser, failed_runs(superuser, 2)[0])
    ended = "select operation_id from kronos.operations where status = 'COMPLETED'"
    superuser.execute("set lock_timeout = '10min'")
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [job_id])
        while value(superuser, "select next_at = created_at from kronos.operations where operation_id = %s", [held]):
            superuser.execute("select kronos.upkeep(100)")
        while free not in values(superuser, ended):
            superuser.execute("select kronos.upkeep(100)")
        assert values(superuser, ended) == [free]
    superuser.execute("update kronos.operations set next_at = '-infinity' where operation_id = %s", [held])
    superuser.execute("select kronos.upkeep(100)")
    assert set(values(superuser, ended)) == {held, free}
    assert values(superuser, "select done from kronos.operations") == [2, 2]


@pytest.mark.parametrize("kinds", [("REDRIVE", "DISCARD"), ("DISCARD", "REDRIVE"), ("DISCARD", "DISCARD")])
def test_of_two_operations_over_the_same_one_deals_with_it(
    superuser: Connection, database_url: str, kinds: tuple[str, str]
) -> None:
    """If the second starts during a step of the first, it gives way before PostgreSQL ends either as a deadlock. It
    does not count what it finds gone as done.
    """
    endpoint, _ = failed_runs(superuser, 6)
    first, second = (operation(superuser, endpoint, kind) for kind in kinds)
    with psycopg.connect(database_url) as one, psycopg.connect(database_url, autocommit=True) as other:
        assert advance(one, first) == 6
        with pytest.raises(psycopg.errors.LockNotAvailable):
            advance(other, second)
        one.commit()
    while advance(superuser, second):
        pass
    done = {
        row["operation_id"]: row["done"]
        for row in records(superuser, "select operation_id, done from kronos.operations")
    }
    assert done == {first: 6, second: 0}


@pytest.mark.parametrize("kind", ["REDRIVE", "DISCARD"])
def test_what_was_taken_between_an_operations_look_and_its_lock_is_somebody_elses(
    superuser: Connection, database_url: str, kind: str
) -> None:
    endpoint, _ = failed_runs(superuser, 3)
    gone = letters(superuser, endpoint)[1]
    operation_id = operation(superuser, endpoint, kind)
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.dead_letters where execution_id = %s for update", [gone])
        superuser.execute("alter function kronos.advance_operation(uuid, integer) reset lock_timeout")
        with (
            ThreadPoolExecutor(1) as threads,
            psycopg.connect(database_url, autocommit=True) as late,
        ):
            step = threads.submit(advance, late, operation_id)
            await_lock(superuser, late)
            holder.execute(  # retried, and failed again
                "with gone as (delete from kronos.dead_letters where execution_id = %s returning *)"
                " select * into again from gone",
                [gone],
            )
            holder.execute("update again set failed_at = now(); insert into kronos.dead_letters table again")
            holder.commit()
            assert step.result(60) == 2
    assert records(superuser, "select status, done, failed from kronos.operations") == [
        {"status": "COMPLETED", "done": 2, "failed": 0}
    ]
    assert letters(superuser, endpoint) == [gone]


def test_no_operation_is_made_in_a_workspace_that_is_being_deleted(superuser: Connection, database_url: str) -> None:
    """It would be RUNNING forever: a redrive waits for its workspace to be ACTIVE."""
    endpoint = add_endpoint(superuser)
    with (
        psycopg.connect(database_url) as deleting,
        psycopg.connect(database_url, autocommit=True) as making,
        ThreadPoolExecutor(1) as threads,
    ):
        deleting.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(deleting, "select is_deleted from kronos.delete_workspace()")
        made = threads.submit(operation, making, endpoint)
        await_lock(superuser, making)
        deleting.commit()
        with pytest.raises(psycopg.Error, match="deleted at the same time") as caught:
            made.result(60)
    assert caught.value.sqlstate == "KR013"
    assert values(superuser, "select operation_id from kronos.operations") == []


def test_sessions_that_found_it_due_at_the_same_time_keep_its_pace(superuser: Connection) -> None:
    """Each session searches for due operations and reaches one up to a second later. Another session may have taken the
    step meanwhile.
    """
    operation_id = operation(superuser, failed_runs(superuser, 2)[0])
    superuser.execute("update kronos.operations set per_second = 1, next_at = now() + interval '1 hour'")
    assert advance(superuser, operation_id) == 0
    superuser.execute("update kronos.operations set next_at = '-infinity'")
    assert advance(superuser, operation_id) == 1


def test_one_that_waits_for_its_workspace_is_no_reason_to_hurry_and_hides_no_other(superuser: Connection) -> None:
    """When upkeep returns null, a worker calls it four times a second, otherwise after each delivery."""
    endpoint, _ = failed_runs(superuser, 2)
    for _ in range(30):
        operation(superuser, endpoint)
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    assert value(superuser, "select backfilled from kronos.upkeep(100)") is None
    other = operation(superuser, failed_runs(superuser, 2)[0])
    assert value(superuser, "select kronos.advance_operations(100)") == 2
    assert values(superuser, "select operation_id from kronos.operations where status = 'COMPLETED'") == [other]


def test_groups_of_ten_thousand_are_read_from_an_index_alone(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at,
                                         error_type, message)
        select id, %s, %s, id, id, now() - nth * interval '1 s', 'type-' || nth %% 20, repeat('it failed ', 20)
          from generate_series(1, 10000) as nth
         cross join lateral (select gen_random_uuid() as id where nth > 0) as made
        """,
        [endpoint.workspace_id, endpoint.endpoint_id],
    )
    superuser.execute("vacuum analyze kronos.dead_letters")
    groups = f"select * from kronos.dead_letter_groups('{endpoint.workspace_id}', '{{}}', 10000, 200)"
    found = records(superuser, groups)
    assert {(row["number"], row["jobs"], row["looked_at"]) for row in found} == {(500, 500, 10000)}
    assert {row["error_type"] for row in found} == {f"type-{nth}" for nth in range(20)}
    newest = records(superuser, "select execution_id from kronos.dead_letters order by failed_at desc limit 20")
    assert {row["execution_id"] for row in found} == {row["execution_id"] for row in newest}
    assert (read := buffers(superuser, groups)) < 1000, read
