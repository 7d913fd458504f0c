"""Waiting for an execution's end: told by the events of its workspace, and by looking where nobody tells."""

from contextlib import aclosing
from uuid import UUID

from kronos.client._async.clock import monotonic, sleep
from kronos.client._async.resources.executions import AsyncExecutionsResource
from kronos.client._async.streams import events
from kronos.client._async.transport import AsyncTransport
from kronos.client._core.options import patient
from kronos.client.errors import ExecutionNotSuccessful, KronosError, WaitTimedOut
from kronos.client.models.events import ExecutionEvent
from kronos.client.models.executions import Execution

ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"})
_FIRST_PAUSE, _LONGEST_PAUSE, _SHORTEST_LOOK = 0.2, 5.0, 1.0


async def wait_for(
    transport: AsyncTransport,
    base: tuple[str, ...],
    execution: Execution | UUID | str,
    *,
    seconds: float,
    is_polled: bool,
) -> Execution:
    """The execution, once it is SUCCESS. Raises ExecutionNotSuccessful, WaitTimedOut, KronosError."""
    if isinstance(execution, Execution):
        execution = execution.execution_id
    ends_at = monotonic() + seconds
    found = await _looked(transport, base, execution, ends_at)
    options = transport.options  # from here on a restart of the API is waited out
    transport = transport.with_options(tries=patient(options).tries, deadline=max(options.deadline, seconds))
    if found.status not in ENDED and not is_polled:
        found = await _told(transport, base, found, ends_at)
    pause = _FIRST_PAUSE
    while found.status not in ENDED:
        left = ends_at - monotonic()
        if left <= 0:
            raise WaitTimedOut(
                f"execution {execution} is {found.status} after the {seconds:g} s that were given; it goes on",
                status=found.status,
            )
        await sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        found = await _looked(transport, base, execution, ends_at)
    if found.status != "SUCCESS":
        raise ExecutionNotSuccessful(found)
    return found


async def _looked(transport: AsyncTransport, base: tuple[str, ...], execution: UUID | str, ends_at: float) -> Execution:
    """The execution as it is now, asked for no longer than it is waited for, but for a second at least."""
    deadline = max(_SHORTEST_LOOK, min(transport.options.deadline, ends_at - monotonic()))
    return await AsyncExecutionsResource(transport.with_options(deadline=deadline), base).get(execution)


async def _told(transport: AsyncTransport, base: tuple[str, ...], found: Execution, ends_at: float) -> Execution:
    """The execution as it is once its end was told, or listening is no use: as it was when it was seen last."""
    quick = transport.with_options(tries=1)  # where listening is refused, looking is as good
    told = events(quick, base, types=("execution",), job=found.job_id, seconds=ends_at - monotonic())
    try:
        async with aclosing(told):
            async for event in told:
                data = None if event is None else event.data
                if isinstance(data, ExecutionEvent) and (
                    data.execution_id != found.execution_id or data.status not in ENDED
                ):
                    continue
                # The stream is open, was opened anew, may have missed something, or tells the end: look.
                found = await _looked(quick, base, found.execution_id, ends_at)
                if found.status in ENDED:
                    return found
    except KronosError:
        pass  # no stream: 429, a proxy that cuts it. What is wrong with the API itself, the look that follows says
    return found
