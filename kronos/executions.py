"""Read, cancel and retry executions. An execution is one time that a job is due."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos import errors, idempotency
from kronos.database import PAGE_BYTES, WorkspaceView
from kronos.model import Attempt, EndpointChoice, Execution, ExecutionStatus, Json, ListedAttempt, ListedExecution
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The execution that a statement changed."""

    execution_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """Why an execution could not be retried; None if it was."""

    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """The executions that a list holds; None: all. `job` is an id or a name, `caused_by` the execution whose callback
    created it. `q` is a text in the error, the reason or the job's name, or the beginning of the id."""

    job: str | None = None
    status: ExecutionStatus | None = None
    scheduled_after: datetime | None = None
    scheduled_before: datetime | None = None
    caused_by: UUID | None = None
    endpoint: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundExecution(ListedExecution):
    """An execution of a filtered list. `_place_*` is set where the search stopped early; the next page continues
    there."""

    _place_at: datetime | None
    _place_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of executions, and the position after which more may follow."""

    rows: Sequence[ListedExecution]
    place: tuple[datetime, UUID] | None


LOOKED_AT = 10_000
"""Executions scanned for one page filtered by endpoint or text (sql/functions/history/found_executions.sql)."""
LogLevel = Literal["INFO", "WARNING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """An event in the life of an execution."""

    at: datetime
    level: LogLevel
    message: str


GET = statement("executions.get_execution", Execution)
_LIST = statement("executions.list_executions", ListedExecution)
_LIST_OF_JOB = statement("executions.list_job_executions", ListedExecution)
_LIST_CAUSED = statement("executions.list_caused_executions", ListedExecution)
_LIST_FOUND = statement("executions.list_found_executions", FoundExecution)
_ATTEMPTS = statement("executions.list_attempts", ListedAttempt)
_LAST_ATTEMPTS = statement("executions.list_last_attempts", Attempt)

MOST_ATTEMPTS_TOLD = 200
_CANCEL = statement("executions.cancel_execution", Moved)
_CANCEL_WAITING = statement("executions.cancel_waiting", Moved)
_RETRY = statement("executions.retry_execution", Retried)


_REFUSALS = {
    "job_cancelled": "belongs to a job that was cancelled",
    "attempts_used_up": "has reached the highest attempt number",
    "name_taken": "belongs to a job whose name another live job has now",
}


async def get(view: WorkspaceView, execution_id: UUID) -> Execution:
    """Return the execution. Raises ExecutionNotFound."""
    if (execution := await view.one_or_none(GET, {"execution_id": execution_id})) is None:
        raise _not_found(view, execution_id)
    return execution


async def list_page(
    view: WorkspaceView, which: ExecutionFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[ListedExecution]:
    """Return up to `limit` executions, newest first, after the position `before`; fewer if they exceed PAGE_BYTES."""
    created_at, execution_id = before or (None, None)
    return await view.rows(
        _LIST_CAUSED if which.caused_by is not None else _LIST if which.job is None else _LIST_OF_JOB,
        asdict(which)
        | {"limit": limit, "bytes": PAGE_BYTES, "before_created_at": created_at, "before_id": execution_id},
    )


async def find_page(
    view: WorkspaceView, which: ExecutionFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> Found:
    """As `list_page`, but also by endpoint or text. Such a page scans LOOKED_AT executions, so it may hold fewer than
    `limit`, or none, while more follow."""
    if which.caused_by is not None or (which.endpoint is None and which.q is None):
        rows = await list_page(view, which, limit=limit, before=before)
        more = bool(rows) and rows[-1]._more
        return Found(rows=rows, place=(rows[-1].created_at, rows[-1].execution_id) if more else None)
    created_at, execution_id = before or (None, None)
    place = {"before_created_at": created_at, "before_id": execution_id}
    found = await view.rows(_LIST_FOUND, asdict(which) | place | {"limit": limit, "bytes": PAGE_BYTES})
    rows = [each for each in found if each.execution_id is not None]  # a row without an id marks where the scan ended
    if rows and rows[-1]._more:
        return Found(rows=rows, place=(rows[-1].created_at, rows[-1].execution_id))
    ends = found[0] if found else None
    if ends is None or ends._place_at is None or ends._place_id is None:
        return Found(rows=rows, place=None)
    return Found(rows=rows, place=(ends._place_at, ends._place_id))


async def attempts(view: WorkspaceView, execution_id: UUID, *, limit: int, after: int) -> list[ListedAttempt]:
    """Return up to `limit` attempts after number `after`, in order, including a running one; fewer if they exceed
    PAGE_BYTES. Raises ExecutionNotFound."""
    params = {"execution_id": execution_id, "after": after, "limit": limit, "bytes": PAGE_BYTES}
    if not (tried := await view.rows(_ATTEMPTS, params)):
        await get(view, execution_id)
    return tried


async def logs(view: WorkspaceView, execution_id: UUID) -> list[LogLine]:
    """Return the execution's events in order, derived from its row and its last MOST_ATTEMPTS_TOLD attempts. Raises
    ExecutionNotFound."""
    params = {"execution_id": execution_id, "limit": MOST_ATTEMPTS_TOLD}
    execution, tried = await view.write_then_read(GET, {"execution_id": execution_id}, _LAST_ATTEMPTS, params)
    if not execution:
        raise _not_found(view, execution_id)
    return sorted(_told(execution[0], tried), key=lambda line: line.at)


def _told(execution: Execution, tried: list[Attempt]) -> Iterator[LogLine]:
    yield LogLine(
        at=execution.created_at,
        level="INFO",
        message=f"created, cause {execution.cause}{_caused(execution)}, for {execution.scheduled_at.isoformat()}",
    )
    if len(tried) == MOST_ATTEMPTS_TOLD and (earlier := tried[0].attempt_number - 1) > 0:
        text = f"{earlier} earlier attempts are not shown here: …/attempts lists them"
        yield LogLine(at=tried[0].started_at, level="INFO", message=text)
    for attempt in tried:
        name = f"attempt {attempt.attempt_number} of {execution.max_attempts}"
        yield LogLine(at=attempt.started_at, level="INFO", message=f"{name} claimed by {attempt.worker_id}")
        if attempt.completed_at is not None:
            took = f" after {attempt.duration_ms} ms" if attempt.duration_ms is not None else ""
            why = _because(attempt.error, "message")
            level: LogLevel = "INFO" if attempt.status == "SUCCESS" else "WARNING"
            yield LogLine(at=attempt.completed_at, level=level, message=f"{name} {attempt.status}{took}{why}")
    if execution.status == "RETRYING" and tried:
        ended_at = tried[-1].completed_at or tried[-1].started_at
        yield LogLine(at=ended_at, level="INFO", message=f"due again at {execution.run_at.isoformat()}")
    if execution.completed_at is not None:
        why = _because(execution.status_reason, "detail")
        level = "INFO" if execution.status == "SUCCESS" else "WARNING"
        yield LogLine(at=execution.completed_at, level=level, message=f"ended {execution.status}{why}")
        for each in execution.callbacks:
            called = (
                f"endpoint {each['endpoint']}" if "endpoint" in each else f"job {each.get('job', each.get('job_id'))}"
            )
            text = f"{each['event']} called {called}: execution {each['execution_id']}"
            yield LogLine(at=execution.completed_at, level="INFO", message=text)
    if (discarded_at := _instant(execution.status_reason, "discarded_at")) is not None:
        yield LogLine(at=discarded_at, level="INFO", message="discarded: no longer a dead letter")


def _caused(execution: Execution) -> str:
    cause = execution.caused_by
    return f", by {cause['event']} of execution {cause['execution_id']}" if cause is not None else ""


def _instant(document: Json, name: str) -> datetime | None:
    """Return the instant that a document has under a name, or None. The document may not have been written by
    Kronos."""
    text = document.get(name) if isinstance(document, dict) else None
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _because(document: Json, name: str) -> str:
    """Return `: VALUE` for a name in a document, to be appended to a message, or nothing if there is none. The document
    may not have been written by Kronos."""
    return f": {document[name]}" if isinstance(document, dict) and name in document else ""


async def cancel(view: WorkspaceView, execution_id: UUID) -> Execution:
    """Cancel an execution. A waiting one is CANCELLED immediately. One that a worker is delivering stays RUNNING until
    the worker has ended its request. A cancelled one stays as it is. Raises ExecutionNotFound, Conflict
    (execution_not_cancellable)."""
    cancelled, execution = await view.write_then_read(
        _CANCEL, {"execution_id": execution_id}, GET, {"execution_id": execution_id}
    )
    if not execution:
        raise _not_found(view, execution_id)
    status = execution[0].status
    if status != "CANCELLED" and not (cancelled and status == "RUNNING"):
        raise errors.Conflict(
            f"execution {execution_id} is {status}: only one that has not ended can be cancelled",
            code="execution_not_cancellable",
        )
    return execution[0]


async def cancel_waiting(view: WorkspaceView, execution_id: UUID) -> Execution:
    """Cancel an execution that no worker has claimed; any other keeps running, or stays as it ended. Raises
    ExecutionNotFound."""
    params = {"execution_id": execution_id}
    _, execution = await view.write_then_read(_CANCEL_WAITING, params, GET, params)
    if not execution:
        raise _not_found(view, execution_id)
    return execution[0]


async def retry(
    view: WorkspaceView, execution_id: UUID, *, endpoint_version: EndpointChoice, idempotency_key: str | None = None
) -> tuple[Execution, bool]:
    """Make a failed, cancelled or expired execution due again under its own id, with its endpoint's latest version or
    its original one. Return it, and whether this call did so.

    Raises ExecutionNotFound, Conflict (execution_not_retryable), Unprocessable (idempotency_mismatch), OutcomeUnknown.
    """
    key = idempotency.key("retry", idempotency_key, [execution_id, endpoint_version])
    return await idempotency.once(
        view, key, lambda: _retry(view, execution_id, endpoint_version, key), lambda made: get(view, made)
    )


async def _retry(
    view: WorkspaceView, execution_id: UUID, endpoint_version: EndpointChoice, key: idempotency.Key | None
) -> Execution:
    params = {"execution_id": execution_id}
    try:
        (retried,), execution = await view.write_then_read(
            _RETRY, {**params, "endpoint_version": endpoint_version, **idempotency.params(key)}, GET, params
        )
    except errors.EndpointNotFound:  # deleted with its workspace, or by itself
        await get(view, execution_id)
        raise errors.Conflict(
            f"the endpoint of execution {execution_id} was deleted: it cannot be retried",
            code="execution_not_retryable",
        ) from None
    if not execution:
        raise _not_found(view, execution_id)
    if retried.refusal == "workspace_suspended":
        raise errors.WorkspaceSuspended(view.workspace, "SUSPENDED", "retries")
    if retried.refusal is not None:
        why = _REFUSALS.get(retried.refusal, f"is {execution[0].status}")
        raise errors.Conflict(f"execution {execution_id} {why}: it cannot be retried", code="execution_not_retryable")
    return execution[0]


def _not_found(view: WorkspaceView, execution_id: UUID) -> errors.ExecutionNotFound:
    return errors.ExecutionNotFound(f"no execution {execution_id} in workspace {view.workspace}")
