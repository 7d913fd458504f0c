"""Every error Kronos raises on purpose: its HTTP status, its stable code, and the database error behind it.

KronosError                        500  internal_error          we did not foresee it
├── InvalidRequest                 400  invalid_request         malformed: body, cursor, id, limit
├── Unauthorized                   401  unauthorized
├── Forbidden                      403  forbidden
├── NotFound                       404  *_not_found             absent, or another workspace's: the caller cannot tell
├── Conflict                       409  conflict, job_not_updatable, execution_not_cancellable, endpoint_in_use, ...
│   ├── WorkspaceSuspended              workspace_suspended
│   └── Overtaken                       conflict, where looking again may tell more
│       ├── Unvalidated                 an input that was not validated against the payload spec as it is now
│       └── KeyTaken                    an idempotency key that a call at the same time was first to keep
├── PreconditionFailed             412  precondition_failed
├── PayloadTooLarge                413  payload_too_large
├── RateLimited                    429  rate_limited            nothing was done
├── Unprocessable                  422  input_validation_failed, invalid_cron, invalid_timezone, invalid_interval,
│                                       idempotency_mismatch
├── OutcomeUnknown                 503  outcome_unknown         it may have been done: PostgreSQL's answer was lost
├── Unavailable                    503  nothing was changed; the call may be repeated
│   ├── DatabaseUnavailable             database_unavailable
│   │   ├── SessionRefused              a connection that is not who or how it must be; no process starts with one
│   │   ├── Unconnected                 no connection could be made: nothing was sent
│   │   ├── ReadOnly                    PostgreSQL takes no writes: it refused this one
│   │   └── ConnectionLost              it died after the statement was sent: what was asked for may have been done
│   ├── PgCronUnavailable               pg_cron_unavailable, with Retry-After and pg_sqlstate
│   ├── ProviderUnavailable             identity_provider_unavailable  nobody can sign in now
│   └── EncryptionKeyMissing            encryption_key_missing  no secret can be stored: the operator has to set a key
├── SqlGrantRefused                     only on the command line: a role cannot be let make jobs by SQL
├── KeyRefused                          only on the command line: a key's file and the database do not agree
└── MigrationFailed                     only on the command line
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import psycopg

from kronos.unreachable import Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one field of the input: where (a JSON pointer), what, and what to write instead."""

    pointer: str
    detail: str
    hint: str | None = None


def summary(what: str, faults: tuple[Fault, ...]) -> str:
    """The first of the faults, and how many more there are; `what` is what their pointers name."""
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{what} {faults[0].pointer or 'body'}: {faults[0].detail}{more}"


class KronosError(Exception):
    """Base of all. The API makes an RFC 9457 problem document of it; the message is shown to the caller."""

    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, code: str | None = None, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults
        if code is not None:
            self.code = code

    @property
    def said(self) -> str:
        """As it is shown to the operator of Kronos, in the log and on the command line: with names that are not for
        callers of the API."""
        return self.detail


class InvalidRequest(KronosError):
    """The request cannot be read: not JSON, a malformed id, cursor or limit."""

    status = 400
    code = "invalid_request"
    title = "Invalid request"

    @classmethod
    def of(cls, detail: str, hint: str, pointer: str = "") -> "InvalidRequest":
        """That one thing is wrong."""
        return cls(detail, faults=(Fault(pointer=pointer, detail=detail, hint=hint),))


class Unauthorized(KronosError):
    """No key, or one that is not valid."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"


class Forbidden(KronosError):
    """The key's role does not suffice, or nobody may do this."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(KronosError):
    """It is not there, or it is another workspace's."""

    status = 404
    code = "not_found"
    title = "Not found"


class WorkspaceNotFound(NotFound):
    """No such workspace."""

    code = "workspace_not_found"

    @classmethod
    def of(cls, workspace: str) -> "WorkspaceNotFound":
        """That this one, by slug or id, is not there for the caller: one answer, whatever the reason."""
        return cls(f"no workspace {workspace!r}")


class OrganizationNotFound(NotFound):
    """No such organization."""

    code = "organization_not_found"


class KeyNotFound(NotFound):
    """No such key in this workspace, or it works no longer."""

    code = "key_not_found"


class MappingNotFound(NotFound):
    """No such role mapping in this workspace."""

    code = "mapping_not_found"


class EndpointNotFound(NotFound):
    """No such endpoint in this workspace."""

    code = "endpoint_not_found"


class JobNotFound(NotFound):
    """No such job in this workspace."""

    code = "job_not_found"


class ExecutionNotFound(NotFound):
    """No such execution in this workspace."""

    code = "execution_not_found"


class SecretNotFound(NotFound):
    """No such secret in this workspace."""

    code = "secret_not_found"


class BackfillNotFound(NotFound):
    """No such backfill in this workspace."""

    code = "backfill_not_found"


class OperationNotFound(NotFound):
    """No such operation in this workspace."""

    code = "operation_not_found"


class ConfigNotFound(NotFound):
    """No such config in this workspace."""

    code = "config_not_found"


class PayloadSpecNotFound(NotFound):
    """No such payload spec in this workspace."""

    code = "payload_spec_not_found"


class Conflict(KronosError):
    """It is not in a state in which this can be done."""

    status = 409
    code = "conflict"
    title = "Conflict"


class WorkspaceSuspended(Conflict):
    """The workspace is suspended: it takes nothing that runs, until it is ACTIVE again."""

    code = "workspace_suspended"

    def __init__(self, workspace: str, status: str, what: str) -> None:
        fault = Fault(
            pointer="", detail=f"the workspace is {status}", hint='PATCH the workspace to {"status": "ACTIVE"} first.'
        )
        super().__init__(f"workspace {workspace} is {status}: it takes no {what}", faults=(fault,))


class Overtaken(Conflict):
    """What it was about was changed by somebody else between the look and the write: another look shows how."""


class Unvalidated(Overtaken):
    """The endpoint names a payload spec against whose present version the input was not validated; nothing was done."""


class KeyTaken(Overtaken):
    """A call with the same idempotency key was first, at the same time; nothing was done."""


class RateLimited(KronosError):
    """Too many of these at once: the call may be repeated after Retry-After."""

    status = 429
    code = "rate_limited"
    title = "Rate limited"
    retry_after_seconds: ClassVar[int] = 2


class PreconditionFailed(KronosError):
    """If-Match does not name the present version, or If-None-Match does."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class PayloadTooLarge(KronosError):
    """The body is larger than is accepted."""

    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class Unprocessable(KronosError):
    """The caller's own value is wrong; repeating the call cannot help."""

    status = 422
    code = "input_validation_failed"
    title = "Input validation failed"

    @classmethod
    def of(cls, *faults: Fault) -> "Unprocessable":
        """That fields of the body are wrong, at least one."""
        return cls(summary("field", faults), faults=faults)


class Unavailable(KronosError):
    """A dependency could not do it now; nothing was changed, so the call may be repeated. Of ConnectionLost alone that
    is not known."""

    status = 503
    title = "Unavailable"
    retry_after_seconds: ClassVar[int] = 2

    def __init__(self, detail: str, *, sqlstate: str | None = None) -> None:
        super().__init__(detail)
        self.sqlstate = sqlstate


class DatabaseUnavailable(Unavailable):
    """PostgreSQL could not do it now."""

    code = "database_unavailable"


class SessionRefused(DatabaseUnavailable):
    """The connection does not act as it must: another role, other settings, or a pooler that shares sessions."""


class Unconnected(DatabaseUnavailable):
    """No connection to PostgreSQL could be made, so nothing was sent. `why` is the cause."""

    def __init__(self, why: Unreachable) -> None:
        super().__init__(why.outside)
        self.why = why

    @property
    def said(self) -> str:
        """With the names of server, user and database, and what to do."""
        return self.why.inside


class ReadOnly(DatabaseUnavailable):
    """PostgreSQL refused to write, so nothing was done: it is a standby, as it may be while a fail-over is under
    way."""


class ConnectionLost(DatabaseUnavailable):
    """The connection died after the statement was sent: what was asked for may have been done, or not."""

    @property
    def said(self) -> str:
        """With what that leaves open. A request knows more (database.Writes)."""
        return f"{self.detail}: what was asked for may have been done, or not"


class PgCronUnavailable(Unavailable):
    """pg_cron could not write or remove the entry; the job's row is as it was."""

    code = "pg_cron_unavailable"


class ProviderUnavailable(Unavailable):
    """The identity provider did not answer, or not as one: nobody can sign in now. Who is signed in stays so."""

    code = "identity_provider_unavailable"


class EncryptionKeyMissing(Unavailable):
    """This API has no key to encrypt a secret with: its operator has to set one."""

    code = "encryption_key_missing"


class OutcomeUnknown(KronosError):
    """A write was sent to PostgreSQL and its answer was lost: it may have been done, or not."""

    status = 503
    code = "outcome_unknown"
    title = "Outcome unknown"


class KeyRefused(KronosError):
    """There is no such key, or the file of one and the database do not agree."""


class SqlGrantRefused(KronosError):
    """The role cannot be let make jobs by SQL, or in this workspace."""


class MigrationFailed(KronosError):
    """The database could not be brought to this release; it is as it was."""


# Rolled back by the server, out of resources, object not in a usable state, shut down, system error:
# https://www.postgresql.org/docs/current/errcodes-appendix.html. 57014 is our own statement_timeout.
_PASSING = ("40", "53", "55", "57", "58")
_GONE = ("08", "57P0")
READ_ONLY = "25006"
_OF_A_SCHEDULE = re.compile(r"\bkronos\.(?:next_\w*ticks?|first_tick|upcoming_runs)\b")
_OF_PG_CRON = re.compile(r"\b(?:un)?register_(?:pg_cron|jobs)\b|\bcron\.(?:schedule|unschedule)\b")


def name_taken(by: str = "another live job of this workspace has this name") -> Conflict:
    """That a job cannot have its name."""
    hint = "choose another name, or PATCH the job that has it"
    return Conflict(by, faults=(Fault(pointer="/name", detail="the name is taken", hint=hint),))


_BY_CONSTRAINT: dict[str, Conflict | Unprocessable] = {
    "idempotency_keys_pkey": KeyTaken("a call with the same idempotency key is done at the same time"),
    "jobs_name_taken": name_taken(),
    "endpoints_name_taken": Conflict("another endpoint of this workspace has this name"),
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
_BY_SQLSTATE: dict[str, Callable[[str], KronosError]] = {
    READ_ONLY: _read_only,
    "KR010": Overtaken,
    "KR011": Overtaken,
    "KR012": _endpoint_deleted,
    "KR013": WorkspaceNotFound,
    "KR014": PreconditionFailed,
    "KR016": Unvalidated,
    "KR024": SqlGrantRefused,
    "KR035": _job_in_use,
}


def is_undone(error: psycopg.Error) -> bool:
    """Whether the transaction that met the error is certainly rolled back: so it is where PostgreSQL said so and went
    on."""
    return error.diag.severity_nonlocalized == "ERROR"


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection, of which libpq's own errors have no SQLSTATE, ended with this error."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_GONE) or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


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


def from_database(error: psycopg.Error) -> KronosError:
    """What a database error means to a caller. Never its text where that could quote a user's row or a connection
    string."""
    if is_lost(error):
        return ConnectionLost("the connection to PostgreSQL was lost before it answered", sqlstate=error.sqlstate)
    if error.sqlstate is None:
        return KronosError(f"unforeseen {type(error).__name__} of the database driver")
    sqlstate, message = error.sqlstate, error.diag.message_primary or "PostgreSQL gave no message"
    if of_schedule := schedule_refused(sqlstate, message, error.diag.message_hint, error.diag.column_name):
        return of_schedule
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
