"""The worker's statements, run one by one as kronos_worker with the session settings of a worker."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from factory import EndpointRow
from kronos import session, sql
from kronos.worker.link import worker_session

EVERYTHING = datetime.min.replace(tzinfo=UTC)
FULL_LOOK: dict[str, Any] = {"endpoint_ids": [], "floors": [], "since_seconds": None}  # of list_due_endpoints


def as_worker(database_url: str) -> psycopg.Connection:
    """A connection like a worker's, but patient: on a busy machine it may come late, and a worker's own gives up after
    3 s."""
    connection = session.connect(database_url, worker_session(timedelta(seconds=5)), connect_timeout=60)
    connection.prepare_threshold = 0
    return connection


def run(connection: psycopg.Connection, name: str, params: dict[str, Any], prefix: str = "") -> list[tuple[Any, ...]]:
    """Run a statement of claims.sql or results.sql."""
    texts = sql.texts()
    text = texts.get(f"claims.{name}") or texts[f"results.{name}"]
    if "execution_ids" in params and "places" not in params:
        params = {**params, "places": places(connection, params["execution_ids"])}
    return connection.execute(prefix + text, params).fetchall()


def places(connection: psycopg.Connection, ids: Sequence[UUID]) -> list[str | None]:
    """The places of these executions' rows, as returned by the claims that took them."""
    found = connection.execute(
        "select (select live.ctid::text from kronos.execution_live as live"
        "         where kronos.looked_up(live.execution_id, wanted.execution_id))"
        "  from unnest(%s::uuid[]) with ordinality as wanted (execution_id, nth) order by nth",
        [list(ids)],
    )
    return [row[0] for row in found]


def claim_params(
    endpoints: Sequence[EndpointRow], quota: int = 10, token: UUID | None = None, floor: datetime = EVERYTHING
) -> dict[str, Any]:
    return {
        "endpoint_ids": [endpoint.endpoint_id for endpoint in endpoints],
        "quotas": [quota] * len(endpoints),
        "floors": [floor] * len(endpoints),
        "ranks": [floor] * len(endpoints),
        "claim_token": token or uuid.uuid4(),
        "worker_id": "test:1:abcdef",
        "margin_ms": 5000,
        "shortest_lease_ms": 15000,
    }


def claim(
    connection: psycopg.Connection, *endpoints: EndpointRow, quota: int = 10, floor: datetime = EVERYTHING
) -> tuple[UUID, list[UUID]]:
    """Claim; return the token and the executions claimed under it, in the order of due times."""
    params = claim_params(endpoints, quota, floor=floor)
    rows = run(connection, "claim_executions", params)
    taken = [row for row in rows if row[0] is not None]
    return params["claim_token"], [row[0] for row in sorted(taken, key=lambda row: row[11])]


def finalize_params(
    token: UUID, ids: Sequence[UUID], status: str, is_retryable: bool, retry: timedelta, **said: Any
) -> dict[str, Any]:
    count = len(ids)
    error = None if status == "SUCCESS" else Jsonb({"type": "http_status", "message": "the endpoint answered 500"})
    return {
        "execution_ids": list(ids),
        "claim_tokens": [token] * count,
        "statuses": [status] * count,
        "is_retryable": [is_retryable] * count,
        "retry_ms": [retry // timedelta(milliseconds=1)] * count,
        "duration_ms": [7] * count,
        "requests": [Jsonb({"method": "POST"})] * count,
        "responses": [Jsonb({"status": 200})] * count,
        "documents": [Jsonb({"method": "POST"}), Jsonb({"status": 200})],
        "request_nths": [1] * count,
        "response_nths": [2] * count,
        "errors": [error] * count,
        "is_cut_off": [False] * count,
        "slow_ms": [0] * count,
        "is_gone": [False] * count,
        "max_age_ms": [None] * count,
        **{name: [value] * count for name, value in said.items()},
    }


def finalize(
    connection: psycopg.Connection,
    token: UUID,
    ids: Sequence[UUID],
    status: str = "SUCCESS",
    *,
    retry: timedelta = timedelta(),
    **said: Any,
) -> dict[UUID, str]:
    """The verdicts, including judge_unapplied's. A status other than SUCCESS may be retried, unless it is PERMANENT;
    `said` are other parameters of finalize_executions, the same for each execution."""
    verdicts: dict[UUID, str] = {}
    left = list(ids)
    if status == "SUCCESS":
        for ends in ("finalize_successes", "finalize_limited_successes"):  # each leaves the other's
            with suppress(psycopg.errors.UniqueViolation):
                params = finalize_params(token, left, status, False, retry)
                left = [row[0] for row in run(connection, ends, params)] if left else []
        verdicts = dict.fromkeys(set(ids) - set(left), "SUCCESS")
    failed = status.replace("PERMANENT", "FAILED")
    is_retryable = said.pop("is_retryable", status != "PERMANENT")
    params = finalize_params(token, left, failed, is_retryable, retry, **said)
    verdicts |= dict(run(connection, "finalize_executions", params)) if left else {}
    if missing := [execution_id for execution_id in ids if execution_id not in verdicts]:
        params = finalize_params(token, missing, status, is_retryable=True, retry=retry)
        verdicts |= dict(run(connection, "judge_unapplied", {**params, "worker_id": "test:1:abcdef"}))
    return verdicts


def expire(connection: psycopg.Connection) -> tuple[int, int]:
    """End expired leases; return how many are (due again, failed)."""
    (row,) = run(connection, "upkeep", {"limit": 1000, "all_leases": True})
    return row[0], row[1]


def release(connection: psycopg.Connection, token: UUID, ids: Sequence[UUID]) -> list[UUID]:
    return [
        row[0] for row in run(connection, "release_executions", {"execution_ids": list(ids), "claim_tokens": [token]})
    ]
