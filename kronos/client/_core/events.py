"""Decodes the events of a workspace from the frames of its stream."""

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
"""The API sends a comment every 15 s. After three missing comments the connection is considered dead."""
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
    """The current state of something that changed. `data` is a JobEvent, an ExecutionEvent, a HeartbeatEvent, a
    ResourceEvent, an OperationEvent, an AuditEvent, or a ResetEvent (changes may be missing: read the lists again).
    To continue after this event, pass its `id` as `after`."""

    data: JobEvent | ExecutionEvent | HeartbeatEvent | ResourceEvent | OperationEvent | AuditEvent | ResetEvent
    id: str | None


def listening(
    base: tuple[str, ...], *, types: Collection[str], job: object, status: str | None, after: str | None
) -> Call:
    """Return the call that opens the stream."""
    query = {"types": ",".join(types) or None, "job": job, "status": status, "after": after}
    return read(path_of(*base, "events"), query)


def event_of(frame: Frame) -> Event | None:
    """Return the frame's event. None if it has none, or a type that this client does not know."""
    model = _MODELS.get(frame.event)
    if model is None or not frame.data:
        return None
    try:
        return Event(decode(model, loads(frame.data)), frame.id)
    except (Undecodable, ValueError) as error:
        raise AnswerInvalid(f"an event of the stream cannot be read: {error}", status=200) from error


def end_of(frame: Frame) -> ApiError | None:
    """Return the error with which the API ends the stream permanently, if this is its last line."""
    status = ENDS.get(frame.comment or "")
    if status is None:
        return None
    detail = {
        401: "the key was revoked or has expired",
        403: "the key may not listen here",
        404: "the workspace no longer exists",
    }
    return _CLASSES[status](status=status, code=str(frame.comment), detail=f"the stream has ended: {detail[status]}")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A sealed row of an audit. `text` is its original line, which `kronos audit verify --file` reads."""

    number: int
    hash: str
    record: object
    text: str


def audit_line(line: bytes) -> AuditLine:
    """Parse a line of an export. Raises AnswerInvalid."""
    try:
        told = loads(line)
        return AuditLine(int(told["number"]), str(told["hash"]), told["record"], line.decode())
    except (ValueError, TypeError, KeyError) as error:
        raise AnswerInvalid("a line of the audit's export cannot be read", status=200) from error
