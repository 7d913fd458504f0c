"""Which rows each role sees and what it may do, as PostgreSQL enforces it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from backfill_rows import make_backfill
from beat_rows import make_beat, ping
from factory import EndpointRow, add_endpoint, add_executions
from sql_factory import Connection, acting_as, make_cron_job, value, values

_TENANT_TABLES = [
    "endpoints", "endpoint_versions", "endpoint_gate", "jobs", "execution_live", "execution_done", "attempt",
    "backfills", "secrets", "endpoint_health", "beats", "beat_pointers", "beat_ticks", "beat_pings",
]  # fmt: skip
_LENDING = "select oid::regprocedure::text from pg_proc where pronamespace = 'kronos'::regnamespace and prosecdef"


@pytest.fixture
def ours(shared: Connection) -> EndpointRow:
    """The test's own workspace, with a job, a waiting execution, a finished one, an attempt and a backfill."""
    return furnished(shared)


@pytest.fixture
def theirs(shared: Connection) -> EndpointRow:
    """A neighbor's workspace with the same contents."""
    return furnished(shared)


def furnished(connection: Connection) -> EndpointRow:
    endpoint = add_endpoint(connection)
    job_id = make_cron_job(connection, endpoint, is_registered=True)
    add_executions(connection, endpoint)
    connection.execute(
        """
        with done as (
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, max_attempts, input)
            values (kronos.uuid7(), %s, %s, %s, 1, 'SCHEDULE', 'SUCCESS', now(), now(), now(), 5, '{}')
            returning execution_id, workspace_id
        )
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
            worker_id)
        select execution_id, gen_random_uuid(), workspace_id, 1, 'SUCCESS', now(), 'w' from done
        """,
        [endpoint.workspace_id, job_id, endpoint.endpoint_id],
    )
    make_backfill(connection, job_id)
    connection.execute("insert into kronos.secrets (workspace_id, name) values (%s, 'token')", [endpoint.workspace_id])
    connection.execute(
        "insert into kronos.endpoint_health (endpoint_id, workspace_id) values (%s, %s)",
        [endpoint.endpoint_id, endpoint.workspace_id],
    )
    ping(connection, make_beat(connection, endpoint.workspace_id, name="backup", period_seconds=60))
    return endpoint


@contextmanager
def in_workspace(connection: Connection, endpoint: EndpointRow) -> Iterator[None]:
    """A request in the endpoint's workspace, rolled back at the end."""
    with acting_as(connection, "kronos_api"), connection.transaction(force_rollback=True):
        enter(connection, endpoint.workspace_id)
        yield


def enter(connection: Connection, workspace_id: uuid.UUID) -> None:
    connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])


@pytest.mark.parametrize(
    "table",
    [
        *_TENANT_TABLES,
        "workspaces",
        "active_executions",
        "executions",
        "attempts",
        "job_details",
        "endpoint_details",
        "backfill_details",
    ],
)
def test_kronos_api_without_a_workspace_sees_no_row(shared: Connection, ours: EndpointRow, table: str) -> None:
    with acting_as(shared, "kronos_api"):
        assert value(shared, f"select count(*) from kronos.{table}") == 0


@pytest.mark.parametrize(
    "table",
    [
        *_TENANT_TABLES,
        "workspaces",
        "active_executions",
        "executions",
        "attempts",
        "job_details",
        "endpoint_details",
        "backfill_details",
    ],
)
def test_kronos_api_sees_its_workspace_and_no_other(
    shared: Connection, ours: EndpointRow, theirs: EndpointRow, table: str
) -> None:
    with acting_as(shared, "kronos_api"), shared.transaction():
        enter(shared, ours.workspace_id)
        assert set(values(shared, f"select workspace_id from kronos.{table}")) == {ours.workspace_id}


def test_kronos_api_takes_nothing_out_of_the_history(shared: Connection) -> None:
    with acting_as(shared, "kronos_api"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute("delete from kronos.execution_done")


@pytest.mark.parametrize(
    "table", ["api_keys", "attempt_late", "heartbeats", "schema_version", "execution_done_default", "attempt_default"]
)
def test_kronos_api_cannot_read_what_is_not_a_workspaces(shared: Connection, table: str) -> None:
    with acting_as(shared, "kronos_api"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(f"select from kronos.{table}")


_WRITES_INTO_THEIRS = {
    "endpoints": "insert into kronos.endpoints (workspace_id, name, type) values (%(theirs)s, 'x', 'HTTP')",
    "jobs": """insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger)
               values (%(id)s, %(id)s, %(theirs)s, %(endpoint)s, 'IMMEDIATE')""",
    "execution_live": """insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                             endpoint_version, cause, scheduled_at, run_at, visible_at, max_attempts, max_crashes,
                             timeout_ms, input)
                         values (%(id)s, %(theirs)s, %(job)s, %(endpoint)s, 1, 'API', now(), now(), now(), 1, 0,
                                 1000, '{}')""",
    "backfills": """insert into kronos.backfills (workspace_id, job_id, first_version_id, from_at, to_at, max_active,
                                               ticks)
                    values (%(theirs)s, %(job)s, %(job)s, now() - interval '1 day', now(), 1, 0)""",
    "moved": "update kronos.jobs set workspace_id = %(theirs)s where workspace_id = %(ours)s",
    "workspaces": "insert into kronos.workspaces (slug, name) values ('x', 'x')",
}


@pytest.mark.parametrize("write", _WRITES_INTO_THEIRS.values(), ids=_WRITES_INTO_THEIRS.keys())
def test_kronos_api_cannot_write_into_another_workspace(
    shared: Connection, ours: EndpointRow, theirs: EndpointRow, write: str
) -> None:
    their_job = value(
        shared, "select job_id from kronos.jobs where endpoint_id = %s and trigger = 'CRON'", [theirs.endpoint_id]
    )
    params = {
        "id": uuid.uuid4(),
        "ours": ours.workspace_id,
        "theirs": theirs.workspace_id,
        "endpoint": theirs.endpoint_id,
        "job": their_job,
    }
    with in_workspace(shared, ours), pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        shared.execute(write, params)


@pytest.mark.parametrize(
    "write",
    [
        "update kronos.jobs set status = 'RETIRED'",
        "update kronos.endpoints set deleted_at = now()",
        "update kronos.endpoint_gate set in_flight = 7",
        "update kronos.workspaces set name = 'stolen'",
        "delete from kronos.execution_live",
        "update kronos.backfills set max_active = 7",
    ],
)
def test_kronos_api_changes_its_own_rows_only_whatever_it_asks_for(
    shared: Connection, ours: EndpointRow, theirs: EndpointRow, write: str
) -> None:
    table = write.split()[2] if write.startswith("delete") else write.split()[1]
    before = values(
        shared, f"select t.*::text from {table} as t where workspace_id = %s order by 1", [theirs.workspace_id]
    )
    with shared.transaction(force_rollback=True):
        shared.execute("set local role kronos_api")
        enter(shared, ours.workspace_id)
        assert shared.execute(write).rowcount >= 1
        shared.execute("reset role")
        assert (
            values(
                shared, f"select t.*::text from {table} as t where workspace_id = %s order by 1", [theirs.workspace_id]
            )
            == before
        )


def test_a_job_cannot_refer_to_another_workspaces_endpoint(
    shared: Connection, ours: EndpointRow, theirs: EndpointRow
) -> None:
    with in_workspace(shared, ours), pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        shared.execute(
            "insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger)"
            " values (%(id)s, %(id)s, %(ours)s, %(theirs)s, 'IMMEDIATE')",
            {"id": uuid.uuid4(), "ours": ours.workspace_id, "theirs": theirs.endpoint_id},
        )
    assert caught.value.diag.constraint_name == "jobs_endpoint_fkey"


_MAY = {
    "kronos_api": {
        "advance_backfill",
        "begin_deletion",
        "begin_live",
        "burn_api_key",
        "count_made",
        "cron_timezone",
        "delete_endpoint",
        "delete_some",
        "delete_workspace",
        "disable_endpoint",
        "enable_endpoint",
        "end_sign_in",
        "sorted_jobs",
        "granted_roles",
        "open_key_sign_in",
        "open_sign_in",
        "known_keys",
        "last_reaping",
        "hours_of_all",
        "measured_rates",
        "make_key",
        "note_use",
        "revoke_workspace_key",
        "rotate_key",
        "read_live",
        "watch_live",
        "workspace_keys",
        "workspaces_health",
        "get_retention",
        "is_group_served",
        "is_job_entry_right",
        "match_retention",
        "note_live",
        "note_live_audit",
        "instance_id",
        "deletions_among",
        "note_made",
        "overdue_jobs",
        "pg_cron_entries_of",
        "pg_cron_entry",
        "pg_cron_evidence",
        "pg_cron_health",
        "pg_cron_sessions",
        "register_entry",
        "queue_health",
        "quota_room",
        "register_pg_cron",
        "resume_workspace",
        "retained_from",
        "retry_execution",
        "secret_keys",
        "set_workspace_retention",
        "settle_ticks",
        "sign_in_end",
        "steps_under_way",
        "suspend_workspace",
        "usage_of",
        "delete_beat",
        "hold_door_open",
        "put_beat",
        "rotate_beat",
        "take_ping",
        "turn_beat",
        *(f"system_{name}" for name in ("status", "drift", "workers", "partitions", "retention")),
        *(f"system_{name}" for name in ("alarms", "counts", "ends", "queue", "alarm_quotas", "beats", "history_ends")),
        *(f"find_{name}" for name in ("api_key", "deletion", "key", "jobs", "key_sign_in", "sign_in", "workspace")),
        *(f"cancel_{name}" for name in ("further", "runs", "execution")),
        *(f"signs_of_{it}" for it in ("alerts", "sessions", "server", "cron", "tables", "work", "tasks", "keys")),
        "signs_of_blockers",
        "take_requests",
        "trigger_job",
        "delete_document",
        "turn_further",
        "begin_move",
        "move_further",
        "unregister_pg_cron",
        "weeks_noted_from",
        "zones_read",
    },
    "kronos_worker": {
        "note_live",
        "note_live_audit",
        "instance_id",
        "note_outcomes",
        "has_worker_groups",
        "ring_if_silent",
        "run_facts",
        "trace_facts",
        "release_keys",
        "run_internal_job_if_due",
        "secret_keys",
        "upkeep",
        "expire_leases",
        "with_locked_jobs",
    },
    # its own functions, and what they and its entries call
    "kronos_cron": {
        "alarm_of",
        "drop_run_details",
        "fire",
        "ring_some",
        "ring_held",
        "shared_names",
        "ring_texts",
        "needed_alarms",
        "folded_texts",
        "settle_alarms",
        "write_alarms",
        "write_late_alarms",
        "is_alarm_needed",
        "register_entry",
        "mend_pg_cron_entries",
        "pg_cron_digest",
        "pg_cron_entries",
        "pg_cron_entries_of",
        "pg_cron_entry",
        "pg_cron_evidence",
        "pg_cron_failure",
        "rung_lately",
        "register_jobs",
        "register_pg_cron",
        "unregister_jobs",
        "unregister_pg_cron",
    },
}


@pytest.mark.parametrize("role", _MAY)
def test_a_role_may_call_just_these_functions_that_lend_rights(shared: Connection, role: str) -> None:
    allowed = values(
        shared,
        "select proname from pg_proc"
        " where pronamespace = 'kronos'::regnamespace and prosecdef and has_function_privilege(%s, oid, 'execute')",
        [role],
    )
    assert set(allowed) == _MAY[role]


@pytest.mark.parametrize(
    "call",
    [
        "fire(gen_random_uuid())",
        "advance_backfills(1)",
        "reap()",
        "account_ticks('{}', now())",
        "account_due(now())",
        "keep_leases()",
        "ensure_internal_jobs()",
        "retain()",
        "set_retention(null, 1, 1)",
    ],
)
def test_kronos_api_cannot_do_the_engines_work(shared: Connection, call: str) -> None:
    with acting_as(shared, "kronos_api"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(f"select kronos.{call}")


@pytest.mark.parametrize(
    "write",
    [
        "update kronos.jobs set status = 'RETIRED'",
        "insert into kronos.jobs (workspace_id) values (gen_random_uuid())",
        "delete from kronos.jobs",
        "select from kronos.jobs",
        "select from kronos.api_keys",
        "insert into kronos.api_keys (public_id) values ('x')",
        "update kronos.endpoints set name = 'x'",
        "update kronos.execution_done set status = 'SUCCESS'",
        "delete from kronos.attempt",
        "insert into kronos.execution_live (execution_id) values (gen_random_uuid())",
        "update kronos.workspaces set name = 'x'",
    ],
)
def test_kronos_worker_writes_neither_jobs_nor_keys_nor_history(shared: Connection, write: str) -> None:
    with acting_as(shared, "kronos_worker"), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(write)


def test_kronos_worker_sees_the_executions_of_all_workspaces(
    shared: Connection, ours: EndpointRow, theirs: EndpointRow
) -> None:
    with acting_as(shared, "kronos_worker"):
        assert {ours.workspace_id, theirs.workspace_id} <= set(
            values(shared, "select workspace_id from kronos.execution_live")
        )


def test_a_tables_owner_is_not_past_row_level_security_without_its_policy(
    shared: Connection, ours: EndpointRow
) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute("drop policy of_the_engine on kronos.jobs")
        shared.execute("set local role kronos_owner")
        assert value(shared, "select count(*) from kronos.jobs") == 0
