"""Every error that Kronos raises on purpose, with its HTTP status and its stable code. kronos/database_errors.py maps
PostgreSQL's errors to these.

KronosError                        500  internal_error          unexpected
├── InvalidRequest                 400  invalid_request         malformed: body, cursor, id, limit
│   └── KeyInUrl                        key_in_url              the URL contained a key, which is now marked as burnt
├── Unauthorized                   401  unauthorized
├── Forbidden                      403  forbidden
├── NotFound                       404  *_not_found             does not exist, or is another workspace's
├── Conflict                       409  conflict, job_not_updatable, execution_not_cancellable, endpoint_in_use, ...
│   ├── WorkspaceSuspended              workspace_suspended
│   └── Overtaken                       conflict: something changed concurrently, so read again
│       ├── Unvalidated                 the input was not validated against the current payload spec
│       └── KeyTaken                    a concurrent call stored the same idempotency key first
├── PreconditionFailed             412  precondition_failed
├── PayloadTooLarge                413  payload_too_large
├── RateLimited                    429  rate_limited            nothing was done
├── QuotaUsedUp                    429  quota_exceeded          nothing was done; there is room later
├── Unprocessable                  422  input_validation_failed, invalid_cron, invalid_timezone, invalid_interval,
│   │                                   idempotency_mismatch
│   └── QuotaTooSmall                   quota_exceeded          it can never fit
├── OutcomeUnknown                 503  outcome_unknown         PostgreSQL's answer was lost: it may have been done
├── Unavailable                    503  nothing was changed; the call may be repeated
│   ├── DatabaseUnavailable             database_unavailable
│   │   ├── SessionRefused              wrong role or settings; no process starts with it
│   │   ├── Unconnected                 no connection could be made, so nothing was sent
│   │   ├── ReadOnly                    PostgreSQL is read-only and rejected the write
│   │   └── ConnectionLost              lost after the statement was sent: it may have been done
│   ├── PgCronUnavailable               pg_cron_unavailable, with Retry-After and pg_sqlstate
│   ├── ProviderUnavailable             identity_provider_unavailable  signing in is not possible now
│   └── EncryptionKeyMissing            encryption_key_missing  the operator must set a key to store secrets
├── AuditRefused                        command line only: this connection may not verify the audit
├── SqlGrantRefused                     command line only: a role cannot be allowed to create jobs by SQL
├── KeyRefused                          command line only: a key's file and the database disagree
└── MigrationFailed                     command line only
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from kronos.records import dataclass
from kronos.unreachable import Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A problem with one field of the input: where (a JSON pointer), what is wrong, and what to write instead."""

    pointer: str
    detail: str
    hint: str | None = None


def summary(what: str, faults: tuple[Fault, ...]) -> str:
    """Return the first fault and the number of others. `what` names the kind of thing that pointers refer to."""
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{what} {faults[0].pointer or 'body'}: {faults[0].detail}{more}"


class KronosError(Exception):
    """Base class. The API turns it into an RFC 9457 problem document; the message is shown to the caller."""

    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: ClassVar[str] = "Internal error"
    numbers: Mapping[str, object] = MappingProxyType({})
    """Numeric members of the problem document, such as a limit and its usage."""

    def __init__(self, detail: str, *, code: str | None = None, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults
        if code is not None:
            self.code = code

    @property
    def said(self) -> str:
        """The message for the operator, in the log and on the command line. It may contain names that API callers must
        not see."""
        return self.detail


class InvalidRequest(KronosError):
    """The request is malformed: invalid JSON, id, cursor or limit."""

    status = 400
    code = "invalid_request"
    title = "Invalid request"

    @classmethod
    def of(cls, detail: str, hint: str, pointer: str = "") -> "InvalidRequest":
        """Return an error with a single fault."""
        return cls(detail, faults=(Fault(pointer=pointer, detail=detail, hint=hint),))


class KeyInUrl(InvalidRequest):
    """The URL contains an API key. The key is burnt: replace it."""

    code = "key_in_url"


class Unauthorized(KronosError):
    """The API key is missing or invalid."""

    status = 401
    code = "unauthorized"
    title = "Unauthorized"


class Forbidden(KronosError):
    """The key's role does not allow this, or no role does."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(KronosError):
    """The resource does not exist, or belongs to another workspace."""

    status = 404
    code = "not_found"
    title = "Not found"


class WorkspaceNotFound(NotFound):
    """No such workspace."""

    code = "workspace_not_found"

    @classmethod
    def of(cls, workspace: str) -> "WorkspaceNotFound":
        """Return the error for this slug or id. It is the same whether the workspace is absent or hidden."""
        return cls(f"no workspace {workspace!r}")


class OrganizationNotFound(NotFound):
    """No such organization."""

    code = "organization_not_found"


class KeyNotFound(NotFound):
    """No such key in this workspace, or it no longer works."""

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
    """The resource's state does not allow this."""

    status = 409
    code = "conflict"
    title = "Conflict"


class WorkspaceSuspended(Conflict):
    """The workspace is suspended. Nothing in it can be changed until it is ACTIVE again."""

    code = "workspace_suspended"

    def __init__(self, workspace: str, status: str, what: str) -> None:
        self._say(f"workspace {workspace} is {status}: it accepts no {what}")

    @classmethod
    def of(cls, message: str) -> "WorkspaceSuspended":
        """Return the error with PostgreSQL's message."""
        made = cls.__new__(cls)
        made._say(message)
        return made

    def _say(self, detail: str) -> None:
        hint = "Resume the workspace first: set its status to ACTIVE."
        fault = Fault(pointer="", detail="the workspace is SUSPENDED", hint=hint)
        Conflict.__init__(self, detail, faults=(fault,))


class Overtaken(Conflict):
    """A concurrent change came between this request's read and its write. Read again."""


class Unvalidated(Overtaken):
    """The input was not validated against the current version of the endpoint's payload spec. Nothing was done."""


class KeyTaken(Overtaken):
    """A concurrent call with the same idempotency key came first. Nothing was done."""


class RateLimited(KronosError):
    """Too many concurrent calls of this kind, or too many with this key per minute. Retry after Retry-After."""

    status = 429
    code = "rate_limited"
    title = "Rate limited"

    def __init__(self, detail: str, *, retry_after_seconds: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class QuotaUsedUp(KronosError):
    """A quota of the workspace has no room now. Nothing was done. Retry after Retry-After."""

    status = 429
    code = "quota_exceeded"
    title = "Quota exceeded"

    retry_after_seconds: int = 60
    """Seconds until the quota resets, by PostgreSQL's clock."""


class PreconditionFailed(KronosError):
    """If-Match does not name the current version, or If-None-Match does."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"


class PayloadTooLarge(KronosError):
    """The body is too large."""

    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class Unprocessable(KronosError):
    """A value in the request is invalid. Repeating the call cannot help."""

    status = 422
    code = "input_validation_failed"
    title = "Input validation failed"

    @classmethod
    def of(cls, *faults: Fault) -> "Unprocessable":
        """Return the error for one or more invalid fields of the body."""
        return cls(summary("field", faults), faults=faults)


class QuotaTooSmall(Unprocessable):
    """The request exceeds a quota of the workspace and can never fit. Nothing was done."""

    code = "quota_exceeded"
    title = "Quota exceeded"


class Unavailable(KronosError):
    """A dependency is unavailable. Nothing was changed, so the call may be repeated. Only ConnectionLost leaves that
    open."""

    status = 503
    title = "Unavailable"
    retry_after_seconds: ClassVar[int] = 2

    def __init__(self, detail: str, *, sqlstate: str | None = None) -> None:
        super().__init__(detail)
        self.sqlstate = sqlstate


class DatabaseUnavailable(Unavailable):
    """PostgreSQL is unavailable."""

    code = "database_unavailable"


class SessionRefused(DatabaseUnavailable):
    """The connection does not behave as required: wrong role, wrong settings, or a pooler that shares sessions."""


class Unconnected(DatabaseUnavailable):
    """No connection to PostgreSQL could be made, so nothing was sent. `why` has the cause."""

    def __init__(self, why: Unreachable) -> None:
        super().__init__(why.outside)
        self.why = why

    @property
    def said(self) -> str:
        """The message with the names of server, user and database, and what to do."""
        return self.why.inside


class ReadOnly(DatabaseUnavailable):
    """PostgreSQL is a standby and rejected the write, so nothing was done. This may happen during a failover."""


class ConnectionLost(DatabaseUnavailable):
    """The connection was lost after the statement was sent: the request may have been done, or not."""

    @property
    def said(self) -> str:
        """The message with what is unknown. A request knows more (database.Writes)."""
        return f"{self.detail}: the request may have been done, or not"


class PgCronUnavailable(Unavailable):
    """pg_cron could not write or remove the entry. The job is unchanged."""

    code = "pg_cron_unavailable"


class ProviderUnavailable(Unavailable):
    """The identity provider did not answer correctly: signing in is not possible now. Existing sessions continue."""

    code = "identity_provider_unavailable"


class EncryptionKeyMissing(Unavailable):
    """This API has no encryption key for secrets. Its operator must set one."""

    code = "encryption_key_missing"


class OutcomeUnknown(KronosError):
    """A write was sent to PostgreSQL, but its answer was lost. It may have been done, or not."""

    status = 503
    code = "outcome_unknown"
    title = "Outcome unknown"


class KeyRefused(KronosError):
    """The key does not exist, or its file and the database disagree."""


class AuditRefused(KronosError):
    """The audit cannot be verified with this connection."""


class SqlGrantRefused(KronosError):
    """The role cannot be allowed to create jobs by SQL, at all or in this workspace."""


class MigrationFailed(KronosError):
    """The database could not be migrated to this release. It is unchanged."""


def name_taken(by: str = "another live job of this workspace has this name") -> Conflict:
    """Return the error for a job name that is already taken."""
    hint = "Choose another name, or change the job that has it."
    return Conflict(by, faults=(Fault(pointer="/name", detail="the name is taken", hint=hint),))
