"""What an error of PostgreSQL means to a caller: SQLSTATE and constraint name become one of kronos/errors.py.

A SQLSTATE of ours (KRnnn) stands in _BY_SQLSTATE or _OF_SCHEDULES, a constraint that callers meet in _BY_CONSTRAINT.
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
# As an error of a session that goes on, these are another server's, which this one reads (kronos/distribution.py).
_FAR = ("08001", "08003", "08006")
READ_ONLY = "25006"
_OF_A_SCHEDULE = re.compile(r"\bkronos\.(?:next_\w*ticks?|first_tick|upcoming_runs)\b")
_OF_PG_CRON = re.compile(
    r"\b(?:un)?register_(?:pg_cron|jobs|entry)\b|\bwrite_alarms\b|\bcron\.(?:schedule|unschedule)\b"
)


_BY_CONSTRAINT: dict[str, Conflict | Unprocessable] = {
    "idempotency_keys_pkey": KeyTaken("a call with the same idempotency key is done at the same time"),
    "jobs_name_taken": name_taken(),
    "endpoints_name_taken": Conflict("another endpoint of this workspace has this name"),
    "jobs_offset_within_spread": Unprocessable(
        "offset_seconds must not be longer than spread",
        faults=(
            Fault(
                pointer="/offset_seconds",
                detail="longer than the job's spread allows",
                hint='choose a spread that is as long, as "spread": "5m" for 300, or an offset_seconds of 0',
            ),
        ),
    ),
    "jobs_window_not_empty": Unprocessable(
        "ends_at must be after starts_at",
        faults=(
            Fault(
                pointer="/ends_at",
                detail="not after starts_at",
                hint="choose an ends_at later than the job's starts_at",
            ),
        ),
    ),
}


def _endpoint_deleted(message: str) -> EndpointNotFound:
    return EndpointNotFound(message, faults=(Fault(pointer="/endpoint", detail=message, hint="name another endpoint"),))


def _no_calendar(message: str) -> CalendarNotFound:
    hint = "Make it first, or name another one: kronos calendar list."
    return CalendarNotFound(message, faults=(Fault(pointer="/calendars", detail=message, hint=hint),))


def _read_only(message: str) -> ReadOnly:
    return ReadOnly(f"PostgreSQL takes no writes, it is a standby: {message}", sqlstate=READ_ONLY)


def _job_in_use(message: str) -> Conflict:
    hint = "Take the callbacks away from them first: PATCH on_success or on_failure."
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
    """Whether the transaction that met the error is certainly rolled back: so it is where PostgreSQL said so and went
    on."""
    return error.diag.severity_nonlocalized == "ERROR"


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection, of which libpq's own errors have no SQLSTATE, ended with this error."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    if is_of_history(error):
        return False
    return error.sqlstate.startswith(_GONE) or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


def is_of_history(error: psycopg.Error) -> bool:
    """Whether it was the servers of the old history that could not be reached; the connection itself goes on."""
    return error.sqlstate in _FAR and is_undone(error)


def is_over(error: psycopg.Error) -> bool:
    """Whether the connection that met the error is of no more use: it is lost, or leads to a server that takes no
    writes."""
    return is_lost(error) or error.sqlstate == READ_ONLY


def schedule_refused(sqlstate: str, message: str, hint: str | None, column: str | None) -> Unprocessable | None:
    """What PostgreSQL found wrong with a schedule, a local time or a callback; None for any other SQLSTATE."""
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
    """A refusal with its numbers: quota, used, limit, asked, resets_at; retry_after_seconds becomes the header."""
    refused = kind(message, faults=(Fault(pointer=pointer, detail=message, hint=hint),))
    refused.numbers = {name: value for name, value in numbers.items() if name != "retry_after_seconds"}
    seconds = numbers.get("retry_after_seconds")
    if isinstance(refused, QuotaUsedUp) and isinstance(seconds, int):
        refused.retry_after_seconds = seconds
    return refused


def over_quota(
    sqlstate: str, message: str, detail: str | None, column: str | None, hint: str | None
) -> QuotaUsedUp | QuotaTooSmall | None:
    """What PostgreSQL found to be over a quota of the workspace, with its numbers; None for any other SQLSTATE."""
    if (kind := _OF_QUOTAS.get(sqlstate)) is None:
        return None
    return quota_refused(kind, message, json.loads(detail or "{}"), pointer=f"/{column}" if column else "", hint=hint)


def from_database(error: psycopg.Error) -> KronosError:
    """What a database error means to a caller. Never its text where that could quote a user's row or a connection
    string."""
    if is_lost(error):
        return ConnectionLost("the connection to PostgreSQL was lost before it answered", sqlstate=error.sqlstate)
    if is_of_history(error):
        return DatabaseUnavailable(
            "the servers that hold the older weeks of the history cannot be reached: newer ones are answered, and "
            "deliveries go on",
            sqlstate=error.sqlstate,
        )
    if error.sqlstate is None:
        return KronosError(f"unforeseen {type(error).__name__} of the database driver")
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
            f"the job's schedule is malformed: {message}; PATCH it to make a sound version", code="job_malformed"
        )
    if _OF_PG_CRON.search(context):
        return PgCronUnavailable(f"pg_cron refused: {message}", sqlstate=sqlstate)
    if sqlstate.startswith(_PASSING):
        return DatabaseUnavailable(f"PostgreSQL could not do it now: {message}", sqlstate=sqlstate)
    return KronosError(f"unforeseen database error {sqlstate}")
