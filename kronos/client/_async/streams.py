"""Streams that are read line by line: endless events, and the rows of an audit."""

from collections.abc import AsyncGenerator, Collection
from uuid import UUID

from kronos.client._async.clock import monotonic, sleep
from kronos.client._async.transport import AsyncTransport
from kronos.client._core.calls import Terms, path_of, read
from kronos.client._core.events import SILENCE_SECONDS, AuditLine, Event, audit_line, end_of, event_of, listening
from kronos.client._core.options import patient
from kronos.client._core.repeating import Tries
from kronos.client._core.sse import FrameReader
from kronos.client.errors import AnswerInvalid, ConnectionLost, KronosError, TransportError

_MAX_LINE_BYTES = 4 * 1024 * 1024


async def events(
    transport: AsyncTransport,
    base: tuple[str, ...],
    *,
    types: Collection[str] = (),
    job: UUID | str | None = None,
    status: str | None = None,
    after: str | None = None,
    seconds: float | None = None,
) -> AsyncGenerator[Event | None, None]:
    """Yield events as they arrive, even if connections are lost. Yields None whenever the stream was (re)opened.

    Ends after `seconds`. Raises KronosError if the stream cannot be opened: after `tries` tries at first, and after
    `deadline` seconds once it has been open.
    """
    place, ends_at = after, None if seconds is None else monotonic() + seconds
    tries: Tries | None = None
    while (left := None if ends_at is None else ends_at - monotonic()) is None or left > 0:
        call = listening(base, types=types, job=job, status=status, after=place)
        tries, key = tries or Tries(call, transport.options, clock=monotonic), transport.key()
        try:
            wait = tries.remaining()
            tries.begin(key)
            terms = Terms("text/event-stream", wait=wait, silence=SILENCE_SECONDS, seconds=left)
            async with transport.stream(call, key, terms) as chunks:
                tries = None
                yield None
                reader = FrameReader()
                async for chunk in chunks:
                    for frame in reader.feed(chunk):
                        place = frame.id if frame.id is not None else place
                        if (end := end_of(frame)) is not None:
                            raise end
                        if (event := event_of(frame)) is not None:
                            yield event
            raise ConnectionLost("the stream of events has ended")
        except KronosError as error:
            if ends_at is not None and isinstance(error, TransportError) and monotonic() >= ends_at:
                return
            tries = tries or Tries(call, patient(transport.options), clock=monotonic, key=key)
            await sleep(tries.pause_after(error, transport.key))


async def audit_lines(
    transport: AsyncTransport, base: tuple[str, ...], *, cursor: int | None
) -> AsyncGenerator[AuditLine, None]:
    """Yield the sealed rows of an audit, oldest first. After a lost connection, continues after the last row."""
    tries: Tries | None = None
    while True:
        call = read(path_of(*(base or ("v1",)), "audit", "export"), {"cursor": cursor})
        tries, key = tries or Tries(call, transport.options, clock=monotonic), transport.key()
        try:
            wait = tries.remaining()
            tries.begin(key)
            terms = Terms("application/x-ndjson", wait=wait, silence=transport.options.timeout)
            async with transport.stream(call, key, terms) as chunks:
                rest = b""
                async for chunk in chunks:
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _MAX_LINE_BYTES:
                        raise AnswerInvalid(f"a line of the audit has more than {_MAX_LINE_BYTES} bytes", status=200)
                    for line in filter(None, lines):
                        row = audit_line(line)
                        cursor, tries = row.number, None
                        yield row
                if rest:
                    raise ConnectionLost("the export of the audit ended within a line")
                return
        except KronosError as error:
            tries = tries or Tries(call, patient(transport.options), clock=monotonic, key=key)
            await sleep(tries.pause_after(error, transport.key))
