"""Waits for an execution to end, by the events of its workspace, or by polling where there are none."""

from contextlib import closing
from uuid import UUID

from kronos.client._core.options import patient
from kronos.client._sync.clock import monotonic, sleep
from kronos.client._sync.resources.executions import ExecutionsResource
from kronos.client._sync.streams import events
from kronos.client._sync.transport import Transport
from kronos.client.errors import ExecutionNotSuccessful, KronosError, WaitTimedOut
from kronos.client.models.events import ExecutionEvent
from kronos.client.models.executions import Execution

ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"})
_FIRST_PAUSE, _LONGEST_PAUSE, _SHORTEST_LOOK = 0.2, 5.0, 1.0


def wait_for(
    transport: Transport,
    base: tuple[str, ...],
    execution: Execution | UUID | str,
    *,
    seconds: float,
    is_polled: bool,
) -> Execution:
    """Return the execution once it is SUCCESS. Raises ExecutionNotSuccessful, WaitTimedOut, KronosError."""
    if isinstance(execution, Execution):
        execution = execution.execution_id
    ends_at = monotonic() + seconds
    found = _looked(transport, base, execution, ends_at)
    options = transport.options  # from here on, wait through restarts of the API
    transport = transport.with_options(tries=patient(options).tries, deadline=max(options.deadline, seconds))
    if found.status not in ENDED and not is_polled:
        found = _told(transport, base, found, ends_at)
    pause = _FIRST_PAUSE
    while found.status not in ENDED:
        left = ends_at - monotonic()
        if left <= 0:
            raise WaitTimedOut(
                f"execution {execution} has not ended within {seconds:g} s; it is {found.status} and continues",
                status=found.status,
            )
        sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        found = _looked(transport, base, execution, ends_at)
    if found.status != "SUCCESS":
        raise ExecutionNotSuccessful(found)
    return found


def _looked(transport: Transport, base: tuple[str, ...], execution: UUID | str, ends_at: float) -> Execution:
    """Read the execution, with the rest of the waiting time as deadline, but at least a second."""
    deadline = max(_SHORTEST_LOOK, min(transport.options.deadline, ends_at - monotonic()))
    return ExecutionsResource(transport.with_options(deadline=deadline), base).get(execution)


def _told(transport: Transport, base: tuple[str, ...], found: Execution, ends_at: float) -> Execution:
    """Listen until the execution has ended, or until listening fails. Return it as last read."""
    quick = transport.with_options(tries=1)  # if listening fails, polling works as well
    told = events(quick, base, types=("execution",), job=found.job_id, seconds=ends_at - monotonic())
    try:
        with closing(told):
            for event in told:
                data = None if event is None else event.data
                if isinstance(data, ExecutionEvent) and (
                    data.execution_id != found.execution_id or data.status not in ENDED
                ):
                    continue
                # The stream was opened, or opened again, may have missed something, or reports the end: read.
                found = _looked(quick, base, found.execution_id, ends_at)
                if found.status in ENDED:
                    return found
    except KronosError:
        pass  # no stream: a 429, or a proxy that cuts it. If the API itself is at fault, the next read reports it
    return found
