"""The errors of the client.

KronosError
  ConfigurationError      the client was created or called incorrectly; nothing was sent
  ApiError                the API rejected the call: status, code, pointers and hints, request_id
    InvalidRequest        400, 413, 422 and similar: the call itself is wrong
    Unauthorized          401: the key is unknown, revoked or expired
    Forbidden             403: the key does not allow this
    NotFound              404
    Conflict              409: the current state does not allow it
    PreconditionFailed    412: `if_match` does not name the current version
    RateLimited           429: too many requests, or a quota is used up
    ServerFault           500: a fault in Kronos
    Unavailable           503: nothing was done; try again later
      OutcomeUnknown      503: it may have been done, or not
  TransportError          the API did not answer
    NotConnected          the request was not sent
    ConnectionLost        it was at least partly sent, and the connection ended before the complete response
    TimedOut              the response did not arrive in time
    AnswerInvalid         the response is not one of the API's
  ExecutionNotSuccessful  wait_for: the execution did not end in SUCCESS
  WaitTimedOut            wait_for: the execution has not ended in time
  WebhookInvalid          verify_webhook: the request is not a delivery from Kronos

`is_outcome_unknown` of any of them says whether the call may have been done all the same. No message has a key, a
secret or a body that was sent in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kronos.client._counting import counted

if TYPE_CHECKING:
    from kronos.client.models.executions import Execution


class KronosError(Exception):
    """Base class of the errors that the client raises on purpose."""

    is_outcome_unknown: bool = False
    """Whether the call may have been done despite the error: check before you repeat it."""

    def __reduce__(self) -> tuple[object, ...]:
        """Support pickling, so that the error can pass from a worker process to its caller."""
        return (_restored, (type(self), self.args, self.__dict__))


def _restored(kind: type[KronosError], arguments: tuple[object, ...], state: dict[str, object]) -> KronosError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


class ConfigurationError(KronosError):
    """The client was created or called incorrectly; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem with a call: where (a JSON pointer, or a parameter's name), what is wrong, and what to do."""

    pointer: str
    detail: str
    hint: str | None = None


class ApiError(KronosError):
    """The API rejected the call. `code` is stable, `detail` is a sentence for people.

    `request_id` finds the request in the API's log. `faults` lists where the call is wrong. `retry_after` is in
    seconds. `may_be_done` is true if the call was sent before and that response was lost: this call itself may then
    have caused the 404, 409 or 412. `problem` is the whole document (RFC 9457).
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        request_id: str | None = None,
        faults: tuple[Fault, ...] = (),
        retry_after: float | None = None,
        problem: Mapping[str, object] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.faults = faults
        self.retry_after = retry_after
        self.problem = dict(problem or {})
        self.may_be_done = False
        super().__init__(detail)

    @property
    def pointers(self) -> tuple[str, ...]:
        """Where the call is wrong: JSON pointers into the body, or names of parameters."""
        return tuple(fault.pointer for fault in self.faults)

    @property
    def hint(self) -> str | None:
        """What to do about the first fault that has a hint."""
        return next((fault.hint for fault in self.faults if fault.hint is not None), None)

    def __str__(self) -> str:
        text = f"{self.status} {self.code}: {self.detail}"
        for fault in self.faults:
            text += f"\n  {fault.pointer}: {fault.detail}" + (f" ({fault.hint})" if fault.hint else "")
        if self.may_be_done:
            text += "\n  The call was sent before and the response was lost: the call itself may have caused this."
        return text + (f"\n  request {self.request_id}" if self.request_id else "")


class InvalidRequest(ApiError):
    """The call itself is wrong: nothing was done, and repeating it does not help."""


class Unauthorized(ApiError):
    """The key is unknown, revoked or expired."""


class Forbidden(ApiError):
    """The key does not allow this."""


class NotFound(ApiError):
    """It does not exist, or not in a workspace that the key may see."""


class Conflict(ApiError):
    """The current state does not allow it."""


class PreconditionFailed(ApiError):
    """`if_match` does not name the current version: read it again."""


class RateLimited(ApiError):
    """Too many requests, or a quota is used up: nothing was done."""


class ServerFault(ApiError):
    """A fault in Kronos. `detail` says whether something may have been changed."""

    is_outcome_unknown = True


class Unavailable(ApiError):
    """Nothing was changed: try again later."""


class OutcomeUnknown(Unavailable):
    """The response of PostgreSQL was lost: the call may have been done, or not. `detail` says how to find out."""

    is_outcome_unknown = True


class TransportError(KronosError):
    """The API did not answer."""

    def __init__(self, message: str, *, is_outcome_unknown: bool = False) -> None:
        self.is_outcome_unknown = is_outcome_unknown
        super().__init__(message)


class NotConnected(TransportError):
    """The request was not sent."""


class ConnectionLost(TransportError):
    """The request was at least partly sent, and the connection ended before the complete response."""


class TimedOut(TransportError):
    """The response did not arrive in time."""


class AnswerInvalid(TransportError):
    """The response is not one of the API's: a proxy's page, or a document that is incomplete or too large. `status` is
    its HTTP status; `retry_after` is in seconds."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        is_outcome_unknown: bool = False,
        retry_after: float | None = None,
        is_passing: bool = False,
    ) -> None:
        self.status = status
        self.retry_after = retry_after
        self.is_passing = is_passing
        super().__init__(message, is_outcome_unknown=is_outcome_unknown)


class ExecutionNotSuccessful(KronosError):
    """The awaited execution did not end in SUCCESS: see `execution`."""

    def __init__(self, execution: "Execution") -> None:
        self.execution = execution
        reason = (execution.status_reason or {}).get("code")
        error = execution.error or {}
        told = "; ".join(str(part) for part in (reason, error.get("message")) if part)
        super().__init__(
            f"execution {execution.execution_id} ended as {execution.status} after "
            f"{counted(execution.attempt_count, 'attempt')}" + (f": {told}" if told else "")
        )


class WaitTimedOut(KronosError):
    """The execution has not ended in time, and continues. `status` is its last known status."""

    def __init__(self, message: str, *, status: str) -> None:
        self.status = status
        super().__init__(message)


class WebhookInvalid(KronosError):
    """The request is not a delivery from Kronos to this receiver, or is too old: answer with 400 or 401.

    `reason` is one of `missing_header`, `bad_header`, `too_old`, `too_new`, `no_match`.
    """

    REASONS: ClassVar[tuple[str, ...]] = ("missing_header", "bad_header", "too_old", "too_new", "no_match")

    def __init__(self, message: str, *, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


BY_STATUS: Mapping[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    429: RateLimited,
    503: Unavailable,
}
"""The class of an error by its status; other 4xx are InvalidRequest, other 5xx ServerFault."""
