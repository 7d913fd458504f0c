"""A run's timeline, and its last request as a curl command."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson

from kronos.dashboard import hidden
from kronos.model import Attempt, Execution, JsonObject
from kronos.records import dataclass

_ENDED_AS = {
    "SUCCESS": "good",
    "RUNNING": "busy",
    "FAILED": "bad",
    "TIMED_OUT": "bad",
    "LOST": "bad",
    "UNKNOWN": "warn",
}
_IDENTITY = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "idempotency-key",
    "kronos-job-id",
    "kronos-execution-id",
    "kronos-attempt",
    "kronos-scheduled-at",
)
_OURS = frozenset({"host", "content-length", "connection", "accept-encoding"})
_WIDTH = 1000.0
_LEAST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpan:
    """A phase of a run, with its position in a chart 1,000 units wide."""

    what: str
    kind: str
    begun_at: datetime
    ended_at: datetime | None
    seconds: float
    x: float
    width: float


def spans(execution: Execution, attempts: Sequence[Attempt], now: datetime) -> list[RunSpan]:
    """Return a run's phases from the time it could first be due: waiting, attempts, waiting for retries."""
    parts = [each for each in _parts(execution, attempts) if each[3] is None or each[3] >= each[2]]
    if not parts:
        return []
    begin, end = parts[0][2], max(each[3] or now for each in parts)
    whole = max((end - begin).total_seconds(), 0.001)
    made = []
    for what, kind, since, until in parts:
        seconds = max(((until or now) - since).total_seconds(), 0.0)
        x = min((since - begin).total_seconds() / whole * _WIDTH, _WIDTH - _LEAST)
        width = min(max(seconds / whole * _WIDTH, _LEAST), _WIDTH - x)
        made.append(
            RunSpan(
                what=what,
                kind=kind,
                begun_at=since,
                ended_at=until,
                seconds=seconds,
                x=round(x, 1),
                width=round(width, 1),
            )
        )
    return made


def _parts(execution: Execution, attempts: Sequence[Attempt]) -> Iterator[tuple[str, str, datetime, datetime | None]]:
    """Yield each phase's text, kind, begin and end. End None: the phase continues."""
    if not attempts:
        is_ended = execution.completed_at is not None
        if not is_ended and execution.run_at > execution.created_at:
            yield "not due yet", "calm", execution.created_at, execution.run_at
        elif not is_ended:
            yield "waiting" if execution.status_reason else "waiting for a worker", "wait", execution.run_at, None
        return
    since = min(max(execution.scheduled_at, execution.created_at), attempts[0].started_at)
    yield "waited", "wait", since, attempts[0].started_at
    for attempt, following in zip(attempts, [*attempts[1:], None], strict=True):
        told = attempt.status.replace("_", " ").lower()
        yield (
            f"attempt {attempt.attempt_number}: {told}",
            _ENDED_AS.get(attempt.status, "calm"),
            attempt.started_at,
            attempt.completed_at,
        )
        if attempt.completed_at is not None and following is not None:
            yield "waited for its retry", "wait", attempt.completed_at, following.started_at
        elif attempt.completed_at is not None and execution.status == "RETRYING":
            yield "waiting for its retry", "wait", attempt.completed_at, max(execution.run_at, attempt.completed_at)


def curl(execution: Execution, attempt: Attempt) -> str | None:
    """Return the last request as a curl command, with placeholders for values that are not stored.

    None if no HTTP request was sent. The body is the job's input, even if the endpoint has a body template."""
    request: JsonObject | None = attempt.request
    if execution.endpoint_type != "HTTP" or not isinstance(request, dict) or "url" not in request:
        return None
    lines = [f"curl -X {shlex.quote(str(request.get('method', 'POST')))} {shlex.quote(str(request['url']))}"]
    known = {
        "kronos-execution-id": str(execution.execution_id),
        "webhook-id": str(execution.execution_id),
        "idempotency-key": str(execution.execution_id),
        "kronos-job-id": str(execution.job_id),
        "kronos-attempt": str(attempt.attempt_number),
        "content-type": "application/json",
    }
    names = [str(name) for name in request.get("headers") or []]
    for name in dict.fromkeys([*names, *(each for each in _IDENTITY if each in known)]):
        if name.lower() not in _OURS:
            value = known.get(name.lower(), f"<{name}>")
            lines.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if request.get("body_bytes"):
        lines.append(f"--data {shlex.quote(hidden.escaped(orjson.dumps(execution.input).decode()))}")
    return " \\\n  ".join(lines)
