"""Heartbeats: how they are, what is expected of each, what it said, and how a job says it."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from kronos import beats, errors
from kronos.api.call import Call
from kronos.api.cursors import decoded, list_digest, page
from kronos.api.dependencies import HeartbeatName, View
from kronos.api.heartbeat_schemas import HeartbeatCreate, HeartbeatPause, HeartbeatQuery, expectation
from kronos.api.heartbeats import with_url
from kronos.beats import NewHeartbeat
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.model import Role

pages = Pages("/w/{w}/heartbeats")
_STRIP = 20
"""Ticks of one in the list."""
_PINGS, _TICKS = 25, 50


@pages.get("", needs=Role.VIEWER)
async def get_heartbeats(call: Call, view: View, query: Annotated[HeartbeatQuery, Query()]) -> Response:
    """The heartbeats of a workspace, newest first."""
    return await _listed(call, view, query)


@pages.post("", needs=Role.OPERATOR)
async def post_heartbeat(call: Call, view: View) -> Response:
    """Make a heartbeat, and show its ping URL once."""
    given = await sent(call)
    try:
        body = await call.judged(HeartbeatCreate, given.document())
        token = beats.new_token()
        made, _ = await beats.put(view, body.name, expectation(body), token=token, must_be_new=True)
    except errors.KronosError as error:
        return await _listed(call, view, HeartbeatQuery(), given.form.refused(error))
    return await _one(call, view, made.name, shown_once=with_url(call, made, token))


@pages.get("/{name}", needs=Role.VIEWER)
async def get_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """One heartbeat, with what it said and what became of its ticks."""
    return await _one(call, view, name)


@pages.post("/{name}/pause", needs=Role.OPERATOR)
async def pause_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Expect nothing of it."""
    given = await sent(call)
    try:
        body = await call.judged(HeartbeatPause, given.document())
        await beats.turn(view, name, "PAUSED", body.note)
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, given.form.refused(error))
    return done(call, f"Nothing is expected of {name} until it is resumed.", "w", view.workspace, "heartbeats", name)


@pages.post("/{name}/resume", needs=Role.OPERATOR)
async def resume_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Expect its next tick again."""
    return await _turned(call, view, name, "ACTIVE")


@pages.post("/{name}/rotate", needs=Role.OPERATOR)
async def rotate_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Give it another ping URL, and show that once."""
    token = beats.new_token()
    try:
        row = await beats.rotate(view, name, token)
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, FilledForm().refused(error))
    return await _one(call, view, name, shown_once=with_url(call, row, token))


@pages.post("/{name}/delete", needs=Role.OPERATOR)
async def delete_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Delete it with all that it said."""
    given = await sent(call)
    try:
        await beats.delete(view, name, if_match={version_of(given)})
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, FilledForm().refused(error))
    return done(call, f"The heartbeat {name} is deleted.", "w", view.workspace, "heartbeats")


async def _turned(call: Call, view: WorkspaceView, name: str, status: Literal["ACTIVE", "PAUSED"]) -> Response:
    try:
        await beats.turn(view, name, status, None)
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, FilledForm().refused(error))
    return done(call, f"The next tick of {name} is expected again.", "w", view.workspace, "heartbeats", name)


async def _listed(call: Call, view: WorkspaceView, query: HeartbeatQuery, form: FilledForm | None = None) -> Response:
    of = list_digest("heartbeats", view.workspace, {"tag": query.tag, "state": query.state})
    before = decoded(query.cursor, of)
    rows = await beats.list_page(view, tag=query.tag, state=query.state, limit=query.limit, before=before)
    found = page(rows, limit=query.limit, of=of, place=lambda row: (row.created_at, row.heartbeat_id))
    strips = await beats.strips(view, found.data, count=_STRIP) if found.data else {}
    form = form or FilledForm()
    return shown(
        call,
        "heartbeats.html",
        form.status,
        heartbeats=found.data,
        strips={key: _newest_first(statuses) for key, statuses in strips.items()},
        next_cursor=found.next_cursor,
        asked=query,
        form=form,
    )


async def _one(
    call: Call,
    view: WorkspaceView,
    name: str,
    form: FilledForm | None = None,
    *,
    shown_once: NewHeartbeat | None = None,
) -> Response:
    form = form or FilledForm()
    row = await beats.get(view, name)
    strips = await beats.strips(view, [row], count=_STRIP)
    response = shown(
        call,
        "heartbeat.html",
        form.status if shown_once is None else 201,
        heartbeat=row,
        strip_of=_newest_first(strips.get(row.heartbeat_id, [])),
        pings=(await beats.pings(view, name, limit=_PINGS, before=None, with_log=True))[:_PINGS],
        ticks=(await beats.ticks(view, name, status=None, limit=_TICKS, before=None))[:_TICKS],
        ping_url=None if shown_once is None else shown_once.ping_url,
        form=form,
    )
    if shown_once is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


def _newest_first(statuses: list[str]) -> list[dict[str, str]]:
    """As the strip draws them."""
    return [{"status": each} for each in reversed(statuses)]
