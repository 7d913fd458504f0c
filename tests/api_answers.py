"""What a rejected request must leave unchanged, and what a problem document must contain."""

from typing import Any
from weakref import WeakKeyDictionary

import httpx
import psycopg

_SNAPSHOT = b"select pg_current_snapshot()"
_COUNTS = """
select pg_current_snapshot()::text,
       (select count(*) from kronos.workspaces),
       (select count(*) from kronos.endpoints),
       (select count(*) from kronos.endpoint_versions),
       (select count(*) from kronos.jobs as job join kronos.endpoints as endpoint using (endpoint_id)
           where endpoint.type <> 'INTERNAL'),
       (select count(*) from kronos.executions where endpoint_type <> 'INTERNAL'),
       (select count(*) from cron.job)
"""


_counted: WeakKeyDictionary[psycopg.Connection, tuple[str, tuple[Any, ...]]] = WeakKeyDictionary()
"""By connection: the last snapshot, and what it contained."""


def counts(superuser: psycopg.Connection) -> tuple[Any, ...]:
    """Count the rows of everything that a request could have written, including pg_cron's entries.

    A snapshot changes with every transaction that has written, or still may. If it is the last one, nothing has been
    written since, and the rows are not counted again.
    """
    assert superuser.info.transaction_status == psycopg.pq.TransactionStatus.IDLE, "a session does not see its own"
    last, rows = _counted.get(superuser, ("", ()))
    snapshot = superuser.pgconn.exec_(_SNAPSHOT).get_value(0, 0)  # a cursor would take five times the CPU
    if snapshot != last.encode():
        ((last, *found),) = superuser.execute(_COUNTS).fetchall()
        rows = tuple(found)
        _counted[superuser] = last, rows
    return rows


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """Return the problem document, after checking its required members."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = response.json()
    assert set(problem) >= {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:kronos:problem:{problem['code']}"
    assert problem["request_id"] == response.headers["request-id"]
    return problem


DEFAULT_POLICY = {
    "max_attempts": 5,
    "backoff": "exponential",
    "initial_delay_ms": 1000,
    "max_delay_ms": 60_000,
    "max_retry_after_seconds": 3600,
    "max_crashes": 3,
    "jitter": "partial",
    "delays_ms": None,
    "max_age_seconds": None,
    "retryable_status_codes": None,
    "permanent_status_codes": [],
    "slow_down_status_codes": [429, 503],
    "retry_unknown": True,
    "disable_after_seconds": None,
    "disable_after_attempts": 10,
    "probe_seconds": 300,
}
"""The retry_policy of an endpoint that does not set one."""


def answered(client: httpx.Client, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """client.request; of a response that never ends, only its beginning."""
    with client.stream(method, path, headers=headers) as response:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            beginning = httpx.ByteStream(next(response.iter_bytes()))
            response = httpx.Response(response.status_code, headers=response.headers, stream=beginning)
        response.read()
    return response
