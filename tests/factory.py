"""Rows for tests, inserted by SQL with valid defaults: workspaces, endpoints, jobs with their executions."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

AS_HISTORY = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, scheduled_at, run_at,
                                   created_at, attempt_count, max_attempts, input)
select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'SUCCESS', scheduled_at, run_at,
       created_at, 1, 5, '{"then": 1}'
  from kronos.execution_live
"""
"""Executions that are both live and in the history, which must never happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """An endpoint for which executions can be made."""

    endpoint_id: UUID
    workspace_id: UUID
    timeout_ms: int
    max_attempts: int
    max_crashes: int


def add_workspace(connection: psycopg.Connection, *, slug: str | None = None) -> UUID:
    """Insert an ACTIVE workspace."""
    slug = slug or f"w-{uuid.uuid4().hex[:12]}"
    row = connection.execute(
        "insert into kronos.workspaces (slug, name) values (%s, %s) returning workspace_id", [slug, slug]
    ).fetchone()
    assert row is not None
    workspace_id: UUID = row[0]
    return workspace_id


def add_key(connection: psycopg.Connection, workspace: str | None, role: str, *, sees_payloads: bool = True) -> str:
    """Insert a key of the workspace with this slug; None: of the instance."""
    secret = secrets.token_urlsafe(32)
    public_id = secrets.token_hex(6)
    connection.execute(
        """
        insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id, sees_payloads)
        select %s, sha256(convert_to(%s, 'UTF8')), %s,
               (select workspace_id from kronos.workspaces where slug = %s and status <> 'DELETED'), %s
        """,
        [public_id, secret, role, workspace, sees_payloads],
    )
    return f"kr_live_{public_id}_{secret}"


def secret_of(key: str) -> str:
    """The secret part of a key: everything after its public id. The secret itself may contain _."""
    return key.split("_", 3)[3]


def add_endpoint(
    connection: psycopg.Connection,
    workspace_id: UUID | None = None,
    *,
    url: str = "http://127.0.0.1:9/hook",
    type: str = "HTTP",
    spec: dict[str, Any] | None = None,
    retry_policy: dict[str, Any] | None = None,
    timeout_ms: int = 5000,
    max_attempts: int = 5,
    max_crashes: int = 3,
    max_in_flight: int | None = None,
) -> EndpointRow:
    """Insert an endpoint with its first version and its gate, in a new workspace unless one is given."""
    workspace_id = workspace_id or add_workspace(connection)
    policy = {"backoff": "fixed", "initial_delay_ms": 10, "max_delay_ms": 10, **(retry_policy or {})}
    row = connection.execute(
        """
        with endpoint as (
            insert into kronos.endpoints (workspace_id, name, type) values (%(workspace_id)s, %(name)s, %(type)s)
            returning endpoint_id, workspace_id
        ), made_of as (
            insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy,
                timeout_ms, max_attempts,
                                                  max_crashes)
            select endpoint_id, 1, workspace_id, %(spec)s, %(policy)s, %(timeout_ms)s, %(max_attempts)s, %(max_crashes)s
              from endpoint
        ), gate as (
            insert into kronos.endpoint_gate (endpoint_id, workspace_id, max_in_flight)
            select endpoint_id, workspace_id, %(max_in_flight)s from endpoint
        )
        select endpoint_id from endpoint
        """,
        {
            "workspace_id": workspace_id,
            "name": f"e-{uuid.uuid4().hex[:12]}",
            "type": type,
            "spec": Jsonb({"url": url, **(spec or {})}),
            "policy": Jsonb({**policy, "max_attempts": max_attempts}),
            "timeout_ms": timeout_ms,
            "max_attempts": max_attempts,
            "max_crashes": max_crashes,
            "max_in_flight": max_in_flight,
        },
    ).fetchone()
    assert row is not None
    return EndpointRow(
        endpoint_id=row[0],
        workspace_id=workspace_id,
        timeout_ms=timeout_ms,
        max_attempts=max_attempts,
        max_crashes=max_crashes,
    )


def add_executions(
    connection: psycopg.Connection,
    endpoint: EndpointRow,
    count: int = 1,
    *,
    input: Any = None,
    due_in_seconds: float = 0,
    max_attempts: int | None = None,
    max_crashes: int | None = None,
    is_told: bool = False,
    has_jobs: bool = True,
) -> list[UUID]:
    """Insert `count` IMMEDIATE jobs and their executions, in the order in which they are due. `is_told` wakes the
    workers. Without `has_jobs` each execution is its job, as of one-shots without a name: for scenes of thousands, at a
    sixth of the CPU.
    """
    rows = connection.execute(
        """
        with new as materialized (
            select case when %(has_jobs)s then gen_random_uuid() end as job_id, place
              from generate_series(1, %(count)s) as place
        ), job as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, input)
            select job_id, job_id, %(workspace_id)s, %(endpoint_id)s, 'IMMEDIATE', %(input)s
              from new
             where job_id is not null
        ), queued as (
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, scheduled_at,
                                               run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
            select made.id, %(workspace_id)s, coalesce(job_id, made.id), %(endpoint_id)s, 1,
                   'API', due.at,
                   due.at, due.at, %(max_attempts)s, %(max_crashes)s, %(timeout_ms)s, %(input)s
              from new
             cross join lateral (select kronos.uuid7(now() + place * interval '1 us') as id) as made
             cross join lateral (select now() + make_interval(secs => %(due_in)s)
                 - (%(count)s - place) * interval '1 us' as at) as due
            returning execution_id, visible_at
        )
        select execution_id, case when %(is_told)s then pg_notify('kronos_work', '') end from queued order by visible_at
        """,
        {
            "workspace_id": endpoint.workspace_id,
            "endpoint_id": endpoint.endpoint_id,
            "count": count,
            "input": Jsonb({} if input is None else input),
            "due_in": due_in_seconds,
            "max_attempts": max_attempts or endpoint.max_attempts,
            "max_crashes": endpoint.max_crashes if max_crashes is None else max_crashes,
            "timeout_ms": endpoint.timeout_ms,
            "is_told": is_told,
            "has_jobs": has_jobs,
        },
    ).fetchall()
    return [row[0] for row in rows]


def add_named_one_shot(connection: psycopg.Connection, endpoint: EndpointRow) -> UUID:
    """Insert a waiting one-shot that has a row in jobs, without its execution."""
    job_id = uuid.uuid4()
    connection.execute(
        "insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at, name)"
        " values (%(id)s, %(id)s, %(workspace)s, %(endpoint)s, 'DELAYED', '2099-01-01', %(id)s::text)",
        {"id": job_id, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    return job_id


def status_of(connection: psycopg.Connection, execution_id: UUID) -> str:
    """The execution's status. Fails unless the execution exists exactly once."""
    rows = connection.execute("select status from kronos.executions where execution_id = %s", [execution_id]).fetchall()
    assert len(rows) == 1, f"execution {execution_id} exists {len(rows)} times"
    status: str = rows[0][0]
    return status


def attempts_of(connection: psycopg.Connection, execution_id: UUID) -> list[str]:
    """The statuses of its ended attempts, in order."""
    rows = connection.execute(
        "select status from kronos.attempts where execution_id = %s and status <> 'RUNNING' order by attempt_number",
        [execution_id],
    ).fetchall()
    return [row[0] for row in rows]


def in_flight(connection: psycopg.Connection, endpoint: EndpointRow) -> int:
    """The number of deliveries in progress that the endpoint's gate counts."""
    row = connection.execute(
        "select in_flight from kronos.endpoint_gate where endpoint_id = %s", [endpoint.endpoint_id]
    ).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def end_leases(connection: psycopg.Connection, execution_ids: Sequence[UUID] | None = None) -> None:
    """Expire the leases of these executions, or of all, as if their time had just run out."""
    connection.execute(
        """
        update kronos.execution_live set visible_at = now() - interval '1 ms'
         where claim_token is not null and (%(ids)s::uuid[] is null or execution_id = any (%(ids)s::uuid[]))
        """,
        {"ids": None if execution_ids is None else list(execution_ids)},
    )


def is_idle(connection: psycopg.Connection) -> bool:
    """Whether all deliveries have ended."""
    return connection.execute("select exists (select from kronos.execution_live)").fetchone() == (False,)
