"""Map PostgreSQL's errors to those of kronos/errors.py, by SQLSTATE and constraint name.

Our own SQLSTATEs (KRnnn) are in _BY_SQLSTATE, _OF_QUOTAS or _OF_SCHEDULES. Constraints that callers can violate are in
_BY_CONSTRAINT.
"""

import json
import re
from collections.abc import Callable, Mapping

import psycopg

from kronos.calendar_terms import CalendarNotFound
from kronos.errors import (
    Conflict,
    ConnectionLost,
    DatabaseUnavailable,
    EndpointNotFound,
    Fault,
    Forbidden,
    KeyTaken,
    KronosError,
    Overtaken,
    PgCronUnavailable,
    PreconditionFailed,
    QuotaTooSmall,
    QuotaUsedUp,
    ReadOnly,
    SqlGrantRefused,
    Unprocessable,
    Unvalidated,
    WorkspaceNotFound,
    WorkspaceSuspended,
    name_taken,
)

# Rolled back by the server, out of resources, object not in a usable state, shut down, system error:
# https://www.postgresql.org/docs/current/errcodes-appendix.html. 57014 is our own statement_timeout.
_PASSING = ("40", "53", "55", "57", "58")
_GONE = ("08", "57P0")
# If the session continues, these come from another server, which this one reads (kronos/distribution.py).
_FAR = ("08001", "08003", "08006")
READ_ONLY = "25006"
_OF_A_SCHEDULE = re.compile(r"\bkronos\.(?:next_\w*ticks?|first_tick|upcoming_runs)\b")
_OF_PG_CRON = re.compile(
    r"\b(?:un)?register_(?:pg_cron|jobs|entry)\b|\bwrite_alarms\b|\bcron\.(?:schedule|unschedule)\b"
)


_BY_CONSTRAINT: dict[str, Conflict | Unprocessable] = {
    "idempotency_keys_pkey": KeyTaken("another call with the same idempotency key is in progress"),
    "jobs_name_taken": name_taken(),
    "endpoints_name_taken": Conflict("another endpoint of this workspace has this name"),
    "jobs_offset_within_spread": Unprocessable(
        "offset_seconds must not be longer than spread",
        faults=(
            Fault(
                pointer="/offset_seconds",
                detail="longer than the job's spread allows",
                hint='Choose a spread at least as long, such as "spread": "5m" for 300, or an offset_seconds of 0.',
            ),
        ),
    ),
    "jobs_window_not_empty": Unprocessable(
        "ends_at must be after starts_at",
        faults=(
            Fault(
                pointer="/ends_at",
                detail="not after starts_at",
                hint="Choose an ends_at later than the job's starts_at.",
            ),
        ),
    ),
}


def _endpoint_deleted(message: str) -> EndpointNotFound:
    return EndpointNotFound(
        message, faults=(Fault(pointer="/endpoint", detail=message, hint="Name another endpoint."),)
    )


def _no_calendar(message: str) -> CalendarNotFound:
    hint = "Create it first, or name another one; `kronos calendar list` lists them."
    return CalendarNotFound(message, faults=(Fault(pointer="/calendars", detail=message, hint=hint),))


def _read_only(message: str) -> ReadOnly:
    return ReadOnly(f"PostgreSQL is a standby and rejects writes: {message}", sqlstate=READ_ONLY)


def _job_in_use(message: str) -> Conflict:
    hint = "Remove it from their on_success or on_failure first."
    return Conflict(message, code="job_in_use", faults=(Fault(pointer="", detail=message, hint=hint),))


_OF_SCHEDULES = {
    "KR001": ("invalid_cron", "/cron"),
    "KR002": ("invalid_cron", "/cron"),
    "KR003": (None, "/ends_at"),
    "KR004": ("invalid_timezone", "/timezone"),
    "KR005": ("invalid_interval", "/every"),
    "KR015": (None, "/spec"),
    "KR034": (None, ""),
}
_OF_QUOTAS: dict[str, type[QuotaUsedUp] | type[QuotaTooSmall]] = {"KR040": QuotaUsedUp, "KR041": QuotaTooSmall}
_BY_SQLSTATE: dict[str, Callable[[str], KronosError]] = {
    READ_ONLY: _read_only,
    "KR010": Overtaken,
    "KR011": Overtaken,
    "KR012": _endpoint_deleted,
    "KR013": WorkspaceNotFound,
    "KR014": PreconditionFailed,
    "KR016": Unvalidated,
    "KR023": WorkspaceSuspended.of,
    "KR024": SqlGrantRefused,
    "KR035": _job_in_use,
    "KR042": Forbidden,
    "KR044": Conflict,
    "KR046": _no_calendar,
}


def is_undone(error: psycopg.Error) -> bool:
    """Return whether the failed transaction was certainly rolled back: PostgreSQL reported the error and the session
    continues."""
    return error.diag.severity_nonlocalized == "ERROR"


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection ended with this error. libpq's own errors have no SQLSTATE."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    if is_of_history(error):
        return False
    return error.sqlstate.startswith(_GONE) or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


def is_of_history(error: psycopg.Error) -> bool:
    """Return whether the servers of the old history could not be reached. The connection itself continues."""
    return error.sqlstate in _FAR and is_undone(error)


def is_over(error: psycopg.Error) -> bool:
    """Return whether the connection is of no further use: it is lost, or its server is read-only."""
    return is_lost(error) or error.sqlstate == READ_ONLY


def schedule_refused(sqlstate: str, message: str, hint: str | None, column: str | None) -> Unprocessable | None:
    """Return PostgreSQL's error about a schedule, a local time or a callback; None for any other SQLSTATE."""
    if (known := _OF_SCHEDULES.get(sqlstate)) is None:
        return None
    code, pointer = known
    if (sqlstate, column) in (("KR005", "anchor"), ("KR015", "signing_secrets")):
        pointer = f"/{column}"
    if sqlstate == "KR034" and column is not None:  # of a callback: on_success.job
        pointer = f"/{column.replace('.', '/')}"
    return Unprocessable(message, code=code, faults=(Fault(pointer=pointer, detail=message, hint=hint),))


def quota_refused(
    kind: type[QuotaUsedUp] | type[QuotaTooSmall],
    message: str,
    numbers: Mapping[str, object],
    *,
    pointer: str = "",
    hint: str | None = None,
) -> QuotaUsedUp | QuotaTooSmall:
    """Return a quota error with its numbers: quota, used, limit, asked, resets_at. retry_after_seconds becomes the
    header."""
    refused = kind(message, faults=(Fault(pointer=pointer, detail=message, hint=hint),))
    refused.numbers = {name: value for name, value in numbers.items() if name != "retry_after_seconds"}
    seconds = numbers.get("retry_after_seconds")
    if isinstance(refused, QuotaUsedUp) and isinstance(seconds, int):
        refused.retry_after_seconds = seconds
    return refused


def over_quota(
    sqlstate: str, message: str, detail: str | None, column: str | None, hint: str | None
) -> QuotaUsedUp | QuotaTooSmall | None:
    """Return PostgreSQL's error about an exceeded quota, with its numbers; None for any other SQLSTATE."""
    if (kind := _OF_QUOTAS.get(sqlstate)) is None:
        return None
    return quota_refused(kind, message, json.loads(detail or "{}"), pointer=f"/{column}" if column else "", hint=hint)


def from_database(error: psycopg.Error) -> KronosError:
    """Return the error that a database error means to a caller. Its text is left out where it could quote a user's row
    or a connection string."""
    if is_lost(error):
        return ConnectionLost("the connection to PostgreSQL was lost before it answered", sqlstate=error.sqlstate)
    if is_of_history(error):
        return DatabaseUnavailable(
            "the servers that hold the older weeks of the history are unavailable; newer history and deliveries are "
            "not affected",
            sqlstate=error.sqlstate,
        )
    if error.sqlstate is None:
        return KronosError(f"unexpected {type(error).__name__} from the database driver")
    sqlstate, message = error.sqlstate, error.diag.message_primary or "PostgreSQL gave no message"
    if of_schedule := schedule_refused(sqlstate, message, error.diag.message_hint, error.diag.column_name):
        return of_schedule
    diagnosed = error.diag
    if refused := over_quota(
        sqlstate, message, diagnosed.message_detail, diagnosed.column_name, diagnosed.message_hint
    ):
        return refused
    if made := _BY_SQLSTATE.get(sqlstate):
        return made(message)
    if known := _BY_CONSTRAINT.get(error.diag.constraint_name or ""):
        return type(known)(known.detail, faults=known.faults)
    context = f"{error.diag.context or ''} {message}"
    if sqlstate.startswith("22") and _OF_A_SCHEDULE.search(context):
        return Conflict(
            f"the job's schedule is malformed: {message}; change the job to create a valid version",
            code="job_malformed",
        )
    if _OF_PG_CRON.search(context):
        return PgCronUnavailable(f"pg_cron rejected the change: {message}", sqlstate=sqlstate)
    if sqlstate.startswith(_PASSING):
        return DatabaseUnavailable(f"PostgreSQL could not do this now: {message}", sqlstate=sqlstate)
    return KronosError(f"unexpected database error {sqlstate}")
