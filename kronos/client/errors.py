"""What a call of the client can end in, besides its answer.

KronosError
  ConfigurationError      the client was made or called in a way that cannot work; nothing was sent
  ApiError                the API refused the call: status, code, pointers and hints, request_id
    InvalidRequest        400, 413, 422 and the like: the call itself is wrong
    Unauthorized          401: the key is unknown, revoked or expired
    Forbidden             403: the key may not do that
    NotFound              404
    Conflict              409: what is there does not allow it
    PreconditionFailed    412: `if_match` names another version than there is
    RateLimited           429: too many requests, or a quota is used up
    ServerFault           500: a fault of Kronos's
    Unavailable           503: nothing was done, call again later
      OutcomeUnknown      503: it was done, or not
  TransportError          there is no answer of the API
    NotConnected          the request was not sent
    ConnectionLost        it was sent, at least in part, and the connection ended before the whole answer
    TimedOut              the answer did not come in time
    AnswerInvalid         what answered is not the API, or answered what is none of its answers
  ExecutionNotSuccessful  wait_for: the execution ended otherwise than in SUCCESS
  WaitTimedOut            wait_for: it has not ended in the time that was given
  WebhookInvalid          verify_webhook: the request is not a delivery of Kronos's

`is_outcome_unknown` of any of them says whether the call may have been done all the same. No message has a key, a
secret or a body that was sent in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from kronos.client.models.executions import Execution


class KronosError(Exception):
    """Whatever the client raises on purpose."""

    is_outcome_unknown: bool = False
    """Whether the call may have been done all the same: look before it is made again."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as it is, so that it goes from a worker's process to its caller."""
        return (_restored, (type(self), self.args, self.__dict__))


def _restored(kind: type[KronosError], arguments: tuple[object, ...], state: dict[str, object]) -> KronosError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


class ConfigurationError(KronosError):
    """The client was made or called in a way that cannot work; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a call: where (a JSON pointer, or a parameter's name), what, and what to do."""

    pointer: str
    detail: str
    hint: str | None = None


class ApiError(KronosError):
    """The API refused the call. `code` is stable, `detail` is a sentence for people.

    `request_id` finds the request in the API's log. `faults` says where the call is wrong. `retry_after` is in
    seconds. `may_be_done` is true where the call was sent before, and the answer to that was lost: a 404, 409 or 412
    may then be this call's own doing. `problem` is the whole document (RFC 9457).
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
        """Where in the call it is wrong: JSON pointers into the body, or names of parameters."""
        return tuple(fault.pointer for fault in self.faults)

    @property
    def hint(self) -> str | None:
        """What to do about the first fault, where the API knows."""
        return next((fault.hint for fault in self.faults if fault.hint is not None), None)

    def __str__(self) -> str:
        text = f"{self.status} {self.code}: {self.detail}"
        for fault in self.faults:
            text += f"\n  {fault.pointer}: {fault.detail}" + (f" ({fault.hint})" if fault.hint else "")
        if self.may_be_done:
            text += "\n  The call was sent before and the answer was lost: this may be its own doing."
        return text + (f"\n  request {self.request_id}" if self.request_id else "")


class InvalidRequest(ApiError):
    """The call itself is wrong: nothing was done, and the same call will not be."""


class Unauthorized(ApiError):
    """The key is unknown, revoked or expired."""


class Forbidden(ApiError):
    """The key may not do that."""


class NotFound(ApiError):
    """There is none, or not in a workspace that the key may see."""


class Conflict(ApiError):
    """What is there does not allow it."""


class PreconditionFailed(ApiError):
    """`if_match` names another version than there is: read it anew."""


class RateLimited(ApiError):
    """Too many requests, or a quota is used up: nothing was done."""


class ServerFault(ApiError):
    """A fault of Kronos's; `detail` says whether something may have been changed."""

    is_outcome_unknown = True


class Unavailable(ApiError):
    """Nothing was changed: call again later."""


class OutcomeUnknown(Unavailable):
    """It was sent to PostgreSQL and the answer was lost: it was done, or not. `detail` says how to find out."""

    is_outcome_unknown = True


class TransportError(KronosError):
    """There is no answer of the API."""

    def __init__(self, message: str, *, is_outcome_unknown: bool = False) -> None:
        self.is_outcome_unknown = is_outcome_unknown
        super().__init__(message)


class NotConnected(TransportError):
    """The request was not sent."""


class ConnectionLost(TransportError):
    """The request was sent, at least in part, and the connection ended before the whole answer."""


class TimedOut(TransportError):
    """The answer did not come in time."""


class AnswerInvalid(TransportError):
    """What answered is not the API, or answered what is none of its answers: a proxy's page, half a document, one
    that is too large. `status` is its HTTP status; `retry_after` what it asked for, in seconds."""

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
    """The execution that was waited for ended otherwise than in SUCCESS: `execution` says how."""

    def __init__(self, execution: "Execution") -> None:
        self.execution = execution
        reason = (execution.status_reason or {}).get("code")
        error = execution.error or {}
        told = "; ".join(str(part) for part in (reason, error.get("message")) if part)
        super().__init__(
            f"execution {execution.execution_id} ended as {execution.status} after "
            f"{execution.attempt_count} attempts" + (f": {told}" if told else "")
        )


class WaitTimedOut(KronosError):
    """The execution has not ended in the time that was given; `status` is what it was then. It goes on."""

    def __init__(self, message: str, *, status: str) -> None:
        self.status = status
        super().__init__(message)


class WebhookInvalid(KronosError):
    """The request is not a delivery of Kronos's to this receiver, or an old one: answer it with 400 or 401.

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
