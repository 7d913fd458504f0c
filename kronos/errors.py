"""Every error Kronos raises on purpose: its HTTP status and its stable code. What of the database becomes which is
kronos/database_errors.py.

KronosError                        500  internal_error          we did not foresee it
├── InvalidRequest                 400  invalid_request         malformed: body, cursor, id, limit
│   └── KeyInUrl                        key_in_url              a key stood in the URL, and is burnt
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
├── QuotaUsedUp                    429  quota_exceeded          nothing was done; it fits later
├── Unprocessable                  422  input_validation_failed, invalid_cron, invalid_timezone, invalid_interval,
│   │                                   idempotency_mismatch
│   └── QuotaTooSmall                   quota_exceeded          it never fits
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
├── AuditRefused                        only on the command line: who connects may not verify the audit
├── SqlGrantRefused                     only on the command line: a role cannot be let make jobs by SQL
├── KeyRefused                          only on the command line: a key's file and the database do not agree
└── MigrationFailed                     only on the command line
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

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
    numbers: Mapping[str, object] = MappingProxyType({})
    """Members of the problem document that say by how much."""

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


class KeyInUrl(InvalidRequest):
    """The URL holds an API key, which is burnt."""

    code = "key_in_url"


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
    """The workspace is suspended: nothing in it is changed until it is ACTIVE again."""

    code = "workspace_suspended"

    def __init__(self, workspace: str, status: str, what: str) -> None:
        self._say(f"workspace {workspace} is {status}: it takes no {what}")

    @classmethod
    def of(cls, message: str) -> "WorkspaceSuspended":
        """As PostgreSQL says it."""
        made = cls.__new__(cls)
        made._say(message)
        return made

    def _say(self, detail: str) -> None:
        fault = Fault(
            pointer="", detail="the workspace is SUSPENDED", hint='PATCH the workspace to {"status": "ACTIVE"} first.'
        )
        Conflict.__init__(self, detail, faults=(fault,))


class Overtaken(Conflict):
    """What it was about was changed by somebody else between the look and the write: another look shows how."""


class Unvalidated(Overtaken):
    """The endpoint names a payload spec against whose present version the input was not validated; nothing was done."""


class KeyTaken(Overtaken):
    """A call with the same idempotency key was first, at the same time; nothing was done."""


class RateLimited(KronosError):
    """Too many of these at once, or of this key in a minute: the call may be repeated after Retry-After."""

    status = 429
    code = "rate_limited"
    title = "Rate limited"

    def __init__(self, detail: str, *, retry_after_seconds: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class QuotaUsedUp(KronosError):
    """A quota of the workspace has no room now: the call may be repeated after Retry-After. Nothing was done."""

    status = 429
    code = "quota_exceeded"
    title = "Quota exceeded"

    retry_after_seconds: int = 60
    """Until the quota begins again, by PostgreSQL's clock."""


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


class QuotaTooSmall(Unprocessable):
    """A quota of the workspace has no room for this, whenever it is asked for. Nothing was done."""

    code = "quota_exceeded"
    title = "Quota exceeded"


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


class AuditRefused(KronosError):
    """The audit cannot be verified with this connection."""


class SqlGrantRefused(KronosError):
    """The role cannot be let make jobs by SQL, or in this workspace."""


class MigrationFailed(KronosError):
    """The database could not be brought to this release; it is as it was."""


def name_taken(by: str = "another live job of this workspace has this name") -> Conflict:
    """That a job cannot have its name."""
    hint = "choose another name, or PATCH the job that has it"
    return Conflict(by, faults=(Fault(pointer="/name", detail="the name is taken", hint=hint),))
