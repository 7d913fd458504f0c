"""Routes of heartbeats: what is expected of jobs that run elsewhere, and their pings."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Body, Query
from starlette.responses import Response

from kronos import beats, errors
from kronos.api import named
from kronos.api.call import Call, Draft, answer
from kronos.api.conditions import etag
from kronos.api.cursors import Page, decoded, list_digest, number_of, numbered, page
from kronos.api.dependencies import HeartbeatName, IfMatch, NewHeartbeatName, View
from kronos.api.document import answers, problems
from kronos.api.heartbeat_schemas import (
    HeartbeatCreate,
    HeartbeatPause,
    HeartbeatPut,
    HeartbeatQuery,
    HeartbeatTickQuery,
    PingQuery,
    expectation,
)
from kronos.api.named import PutConditions
from kronos.api.operation import Router, sets_a_state
from kronos.api.schemas import Nothing
from kronos.beats import Heartbeat, HeartbeatTick, KeptPing, NewHeartbeat
from kronos.model import Role

router = Router("/v1/workspaces/{w}/heartbeats", tags=["heartbeats"])
_GONE = (errors.WorkspaceNotFound, beats.HeartbeatNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)
_TURN = (*_GONE, errors.Forbidden, errors.PayloadTooLarge, errors.Unprocessable)
_NOBODY = UUID(int=0)


@router.post(
    "",
    needs=Role.OPERATOR,
    status_code=201,
    responses=answers({201: NewHeartbeat}, "ETag", "Location") | problems(*_WRITE),
)
async def create_heartbeat(call: Call, view: View, body: HeartbeatCreate) -> Response:
    """Create a heartbeat. Its ping URL is shown only once. Anyone who has it can ping without a key."""
    token = beats.new_token()
    made, _ = await beats.put(view, body.name, expectation(body), token=token, must_be_new=True)
    return _made(call, made, token)


@router.get("", needs=Role.VIEWER, responses=answers({200: Page[Heartbeat]}) | problems(errors.WorkspaceNotFound))
async def list_heartbeats(view: View, query: Annotated[HeartbeatQuery, Query()]) -> Response:
    """List the heartbeats of a workspace, newest first."""
    of = list_digest("heartbeats", view.workspace, {"tag": query.tag, "state": query.state})
    before = decoded(query.cursor, of)
    rows = await beats.list_page(view, tag=query.tag, state=query.state, limit=query.limit, before=before)
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.heartbeat_id)))


@router.get("/{name}", needs=Role.VIEWER, responses=answers({200: Heartbeat}, "ETag") | problems(*_GONE))
async def get_heartbeat(view: View, name: HeartbeatName) -> Response:
    """Get a heartbeat and its current state."""
    return named.current(await beats.get(view, name), is_moving=True)


@router.put(
    "/{name}",
    needs=Role.OPERATOR,
    responses=answers({200: NewHeartbeat, 201: NewHeartbeat}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_heartbeat(
    call: Call, view: View, name: NewHeartbeatName, draft: Draft[HeartbeatPut], asked: PutConditions
) -> Response:
    """Create a heartbeat, or change what is expected of it from now on. Its ping URL does not change."""
    body = await draft.judged(draft.document, lambda: beats.get(view, name))
    token = beats.new_token()
    put, is_new = await beats.put(
        view,
        name,
        expectation(body),
        token=token,
        must_exist=asked.must_exist,
        if_match=asked.if_match,
        if_none_match=asked.if_none_match,
    )
    return _made(call, put, token) if is_new else _shown(with_url(call, put, None))


@router.post("/{name}/pause", needs=Role.OPERATOR, responses=answers({200: Heartbeat}, "ETag") | problems(*_TURN))
@sets_a_state
async def pause_heartbeat(
    view: View, name: HeartbeatName, body: Annotated[HeartbeatPause, Body(default_factory=HeartbeatPause)]
) -> Response:
    """Pause a heartbeat until it is resumed. Pings are stored but not counted. Safe to repeat."""
    return named.current(await beats.turn(view, name, "PAUSED", body.note), is_moving=True)


@router.post("/{name}/resume", needs=Role.OPERATOR, responses=answers({200: Heartbeat}, "ETag") | problems(*_TURN))
@sets_a_state
async def resume_heartbeat(
    view: View, name: HeartbeatName, _: Annotated[Nothing, Body(default_factory=Nothing)]
) -> Response:
    """Resume a paused heartbeat from its next tick. Ticks during the pause are SKIPPED. Safe to repeat."""
    return named.current(await beats.turn(view, name, "ACTIVE", None), is_moving=True)


@router.post("/{name}/rotate", needs=Role.OPERATOR, responses=answers({200: NewHeartbeat}, "ETag") | problems(*_TURN))
async def rotate_heartbeat(
    call: Call, view: View, name: HeartbeatName, _: Annotated[Nothing, Body(default_factory=Nothing)]
) -> Response:
    """Replace a heartbeat's ping URL. The new URL is shown only once; the old one stops working."""
    token = beats.new_token()
    row = await beats.rotate(view, name, token)
    return _shown(with_url(call, row, token))


@router.delete(
    "/{name}",
    needs=Role.OPERATOR,
    status_code=204,
    responses=answers({204: None}) | problems(*_GONE, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_heartbeat(view: View, name: HeartbeatName, if_match: IfMatch = None) -> Response:
    """Delete a heartbeat and its pings. Its ping URL stops working."""
    await beats.delete(view, name, if_match=if_match)
    return Response(status_code=204)


@router.get("/{name}/pings", needs=Role.VIEWER, responses=answers({200: Page[KeptPing]}) | problems(*_GONE))
async def list_pings(view: View, name: HeartbeatName, query: Annotated[PingQuery, Query()]) -> Response:
    """List a heartbeat's last thousand pings, newest first, with their output if requested."""
    of = list_digest("pings", f"{view.workspace} {name}", {"include": query.include})
    before = number_of(decoded(query.cursor, of))
    rows = await beats.pings(view, name, limit=query.limit, before=before, with_log=query.include is not None)
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: numbered(row.number, _NOBODY)))


@router.get("/{name}/ticks", needs=Role.VIEWER, responses=answers({200: Page[HeartbeatTick]}) | problems(*_GONE))
async def list_heartbeat_ticks(
    view: View, name: HeartbeatName, query: Annotated[HeartbeatTickQuery, Query()]
) -> Response:
    """List a heartbeat's ticks and their outcomes, newest first."""
    of = list_digest("heartbeat ticks", f"{view.workspace} {name}", {"status": query.status})
    place = decoded(query.cursor, of)
    before: datetime | None = None if place is None else place[0]
    rows = await beats.ticks(view, name, status=query.status, limit=query.limit, before=before)
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.tick_at, row._heartbeat_id)))  # as above


def with_url(call: Call, row: Heartbeat, token: str | None) -> NewHeartbeat:
    """Return the heartbeat with its ping URL, under the address that the caller used. Without a token, no URL."""
    url = None if token is None else f"{str(call.base_url).rstrip('/')}/ping/{token}"
    return NewHeartbeat(**asdict(row), ping_url=url)


def _shown(row: Heartbeat) -> Response:
    return answer(row, ETag=etag(row.version, is_moving=True))


def _made(call: Call, row: Heartbeat, token: str) -> Response:
    location = call.path("workspaces", row.workspace, "heartbeats", row.name)
    return answer(with_url(call, row, token), 201, Location=location, ETag=etag(row.version, is_moving=True))
