"""Runs of jobs with callbacks, ended by the statements that end them in production."""

import uuid
from typing import Any

from psycopg.types.json import Jsonb

from factory import EndpointRow
from kronos import sql
from sql_factory import Connection, Record, make_cron_job, records, value
from worker.protocol import places


def to_endpoint(connection: Connection, endpoint: EndpointRow) -> dict[str, str]:
    """A callback to an endpoint, as a user writes it."""
    name: str = value(connection, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])
    return {"endpoint": name}


def make_job(connection: Connection, endpoint: EndpointRow, **callbacks: object) -> uuid.UUID:
    """A CRON job with callbacks; other columns by name."""
    columns: dict[str, Any] = {
        name: Jsonb(given) if isinstance(given, dict) else given for name, given in callbacks.items()
    }
    return make_cron_job(connection, endpoint, **columns)


def run(connection: Connection, job_id: uuid.UUID) -> uuid.UUID:
    """Make a run of the job and claim it."""
    execution_id: uuid.UUID = value(
        connection,
        "insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,"
        " scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input, overlap_key)"
        " select kronos.uuid7(), job.workspace_id, job.job_id, job.endpoint_id, 1, 'MANUAL', kronos.now(),"
        " kronos.now(), kronos.now(), 1, 0, 5000, job.input,"
        " case when job.overlap <> 'ALLOW' then job.first_version_id end"
        "   from kronos.jobs as job where job.job_id = %s returning execution_id",
        [job_id],
    )
    claim(connection, execution_id)
    return execution_id


def claim(connection: Connection, execution_id: uuid.UUID) -> None:
    """Claim as a worker does."""
    connection.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = kronos.now(),"
        " started_at = kronos.now(), attempt_count = attempt_count + 1,"
        " visible_at = kronos.now() + interval '1 minute' where execution_id = %s",
        [execution_id],
    )


def succeed(connection: Connection, *execution_ids: uuid.UUID, response: object = None) -> None:
    """Finalize successes as a worker does: nearly all in one batch; those that it leaves, such as an endpoint's that
    had failed, by the other statement.
    """
    left = connection.execute(
        sql.texts()["results.finalize_successes"],
        {
            "execution_ids": list(execution_ids),
            "claim_tokens": _tokens(connection, execution_ids),
            "duration_ms": [1] * len(execution_ids),
            "documents": [Jsonb({}), Jsonb(response)],
            "request_nths": [1] * len(execution_ids),
            "response_nths": [2] * len(execution_ids),
            "places": places(connection, execution_ids),
        },
    ).fetchall()
    if left:
        end(connection, sql.texts()["results.finalize_executions"], "SUCCESS", *(row[0] for row in left))


def fail(connection: Connection, *execution_ids: uuid.UUID, is_retryable: bool = False, **said: object) -> None:
    """Finalize failures as a worker does."""
    statement = sql.texts()["results.finalize_executions"]
    end(connection, statement, "FAILED", *execution_ids, is_retryable=is_retryable, **said)


def end(
    connection: Connection,
    statement: str,
    status: str,
    *execution_ids: uuid.UUID,
    is_retryable: bool = False,
    **said: object,
) -> None:
    """Finalize attempts with any result by `statement`. `said` overrides its other parameters, with the same value for
    each execution.
    """
    each, error = len(execution_ids), Jsonb({"type": "http_status", "message": "it said 500"})
    connection.execute(
        statement.encode(),
        {
            "execution_ids": list(execution_ids),
            "claim_tokens": _tokens(connection, execution_ids),
            "statuses": [status] * each,
            "is_retryable": [is_retryable] * each,
            "retry_ms": [0] * each,
            "duration_ms": [1] * each,
            "requests": [Jsonb({})] * each,
            "responses": [None] * each,
            "errors": [error if status == "FAILED" else None] * each,
            "is_cut_off": [False] * each,
            "slow_ms": [0] * each,
            "is_gone": [False] * each,
            "max_age_ms": [None] * each,
            **{name: [given] * each for name, given in said.items()},
        },
    )


def _tokens(connection: Connection, execution_ids: tuple[uuid.UUID, ...]) -> list[Any]:
    return [
        value(connection, "select claim_token from kronos.execution_live where execution_id = %s", [each])
        for each in execution_ids
    ]


def callbacks_of(connection: Connection, execution_id: uuid.UUID) -> list[Record]:
    """The callbacks that the run triggered, each with the execution that was made for it."""
    return records(
        connection,
        "select made.execution_id, made.event, made.depth, made.due_at, run.status, run.status_reason, run.input,"
        "       run.cause, run.job_id, run.endpoint"
        "  from kronos.callbacks as made left join kronos.executions as run using (execution_id)"
        " where made.caused_by = %s order by made.execution_id",
        [execution_id],
    )


def run_chained(connection: Connection, limit: int = 100) -> int | None:
    """Make the due runs of chained jobs, as upkeep does."""
    found: int | None = value(connection, "select kronos.run_chained(%s)", [limit])
    return found
