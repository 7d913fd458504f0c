"""Events of a workspace, out of the frames of its stream."""

from collections.abc import Collection
from dataclasses import dataclass

from kronos.client._core.calls import Call, path_of, read
from kronos.client._core.decoding import Undecodable, decode, loads
from kronos.client._core.sse import ENDS, Frame
from kronos.client.errors import AnswerInvalid, ApiError, Forbidden, NotFound, Unauthorized
from kronos.client.models.events import (
    AuditEvent,
    ExecutionEvent,
    HeartbeatEvent,
    JobEvent,
    OperationEvent,
    ResetEvent,
    ResourceEvent,
)

SILENCE_SECONDS = 45.0
"""The API sends a comment every 15 s: three that are missing are a connection that is dead."""
_MODELS = {
    "job": JobEvent,
    "execution": ExecutionEvent,
    "heartbeat": HeartbeatEvent,
    "resource": ResourceEvent,
    "operation": OperationEvent,
    "audit": AuditEvent,
    "reset": ResetEvent,
}
_CLASSES: dict[int, type[ApiError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound}


@dataclass(frozen=True, slots=True)
class Event:
    """What is now: `data` is a JobEvent, an ExecutionEvent, a HeartbeatEvent, a ResourceEvent, an OperationEvent, an
    AuditEvent, or a ResetEvent (changes may be missing: read the lists again). `id` is where to go on: pass it as
    `after`."""

    data: JobEvent | ExecutionEvent | HeartbeatEvent | ResourceEvent | OperationEvent | AuditEvent | ResetEvent
    id: str | None


def listening(
    base: tuple[str, ...], *, types: Collection[str], job: object, status: str | None, after: str | None
) -> Call:
    """The call that opens the stream."""
    query = {"types": ",".join(types) or None, "job": job, "status": status, "after": after}
    return read(path_of(*base, "events"), query)


def event_of(frame: Frame) -> Event | None:
    """The event that a frame is; None where it is none, or one of a kind that only a newer client knows."""
    model = _MODELS.get(frame.event)
    if model is None or not frame.data:
        return None
    try:
        return Event(decode(model, loads(frame.data)), frame.id)
    except (Undecodable, ValueError) as error:
        raise AnswerInvalid(f"an event of the stream cannot be read: {error}", status=200) from error


def end_of(frame: Frame) -> ApiError | None:
    """The error by which the API ends the stream for good, where this is its last line."""
    status = ENDS.get(frame.comment or "")
    if status is None:
        return None
    detail = {
        401: "the key was revoked or has expired",
        403: "the key may not listen here",
        404: "the workspace is gone",
    }
    return _CLASSES[status](status=status, code=str(frame.comment), detail=f"the stream has ended: {detail[status]}")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A sealed row of an audit. `text` is its line as it came, which `kronos audit verify --file` reads."""

    number: int
    hash: str
    record: object
    text: str


def audit_line(line: bytes) -> AuditLine:
    """The row that a line of an export is. Raises AnswerInvalid."""
    try:
        told = loads(line)
        return AuditLine(int(told["number"]), str(told["hash"]), told["record"], line.decode())
    except (ValueError, TypeError, KeyError) as error:
        raise AnswerInvalid("a line of the audit's export is none", status=200) from error
