"""The route of events: a workspace's changes as server-sent events (HTML, 9.2)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, cast

from fastapi import Query
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kronos import errors
from kronos.api.call import Call
from kronos.api.dependencies import LastEventId, View
from kronos.api.document import Responses, answers, problems
from kronos.api.live import subscribe
from kronos.api.live_events import (
    AuditEvent,
    Event,
    EventType,
    ExecutionEvent,
    Filter,
    HeartbeatEvent,
    JobEvent,
    OperationEvent,
    ResetEvent,
    ResourceEvent,
)
from kronos.api.operation import Router
from kronos.api.query_schemas import EventQuery
from kronos.api.subscriptions import Subscription
from kronos.model import Role

router = Router("/v1/workspaces/{w}", tags=["events"])
MEDIA_TYPE = "text/event-stream"
_HEARTBEAT_SECONDS = 15.0
_CHECKED_SECONDS = 0.5
"""How often the stream's key or session is checked: a revoked one loses its stream within 2 s."""
_RETRY = b"retry: 2000\n\n"
_EVENTS = (JobEvent, ExecutionEvent, HeartbeatEvent, ResourceEvent, OperationEvent, AuditEvent, ResetEvent)
_STREAM: Responses = {
    200: {
        "description": "An endless stream. `event:` is job, execution, heartbeat, resource, operation, audit or reset. "
        "`data:` is one line of JSON. `id:` is what a client sends as Last-Event-ID to continue after this event. A "
        "comment is sent every 15 s.",
        "headers": answers({200: None})[200]["headers"],
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "string",
                    "description": "The text after `data:` of each event.",
                    "contentMediaType": "application/json",
                    "contentSchema": {"anyOf": [{"$ref": f"#/components/schemas/{each.__name__}"} for each in _EVENTS]},
                }
            }
        },
    }
}


class EventStream(Response):
    """A subscription as server-sent events, until it ends or `remains` raises."""

    media_type = MEDIA_TYPE

    def __init__(self, events: Subscription, remains: Callable[[], Awaitable[None]], *, is_head: bool) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._events = events
        self._remains = remains
        self._is_head = is_head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        at_end = cast(list[Callable[[], None]], scope.get("kronos.at_end", []))

        def end() -> None:
            self._events.end("closed")

        at_end.append(end)
        gone = asyncio.create_task(_until_gone(receive, end))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if not self._is_head:
                await self._stream(send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            end()
            at_end.remove(end)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _stream(self, send: Send) -> None:
        async def write(text: bytes) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": True})

        loop, events = asyncio.get_running_loop(), self._events
        place = events.place
        await write(_RETRY + _placed(place))
        silent_since = loop.time()
        while True:
            taken = await events.take(_CHECKED_SECONDS)
            try:
                await self._remains()
            except errors.Unavailable:
                pass  # no news either; checked again on the next round
            except errors.KronosError as error:
                await write(b": %s\n\n" % error.code.encode())
                return
            if taken:
                await write(b"".join(map(_written, taken)))
                place = next((each.place for each in reversed(taken) if each.place is not None), place)
            elif events.why is not None:
                await write(b": %s\n\n" % events.why.encode())
                return
            elif loop.time() - silent_since < _HEARTBEAT_SECONDS:
                continue
            else:
                await write(b": heartbeat\n\n" + _placed(events.place if events.place != place else None))
                place = events.place
            silent_since = loop.time()


@router.get(
    "/events",
    needs=Role.VIEWER,
    response_class=Response,
    responses=_STREAM | problems(errors.WorkspaceNotFound, errors.RateLimited),
)
async def listen_to_events(
    call: Call, view: View, query: Annotated[EventQuery, Query()], last_event_id: LastEventId = None
) -> Response:
    """Stream a workspace's changes as server-sent events.

    An event holds the current state of a job, an execution, a heartbeat, an operation or a configured resource. The
    latest state of each changed object is reported at least once, within a second of its commit. Events of one object
    arrive in order; intermediate states may be left out. After `reset`, read the lists again.
    """
    workspace = await view.enter()
    wanted = Filter(
        types=None if query.types is None else frozenset(cast(list[EventType], query.types.split(","))),
        job=query.job,
        status=query.status,
    )
    after, pointer = (last_event_id, "/Last-Event-ID") if last_event_id else (query.after or None, "/after")
    events = subscribe(
        call.context.live, workspace.workspace_id, wanted, after, caller=call.caller.key_id, pointer=pointer
    )
    try:
        await events.begin()
    except BaseException:
        events.end("failed")
        raise
    return EventStream(events, lambda: call.remains(Role.VIEWER), is_head=call.scope.get("kronos.is_head", False))


def _written(event: Event) -> bytes:
    return b"event: %s\ndata: %s\n%s\n" % (event.type.encode(), event.text, _id(event.place))


def _placed(place: str | None) -> bytes:
    """Return an id without data. Clients store the id and dispatch no event."""
    return b"" if place is None else _id(place) + b"\n"


def _id(place: str | None) -> bytes:
    return b"" if place is None else b"id: %s\n" % place.encode()


async def _until_gone(receive: Receive, end: Callable[[], None]) -> None:
    with suppress(ClientDisconnect):
        while (await receive())["type"] != "http.disconnect":
            pass
    end()
