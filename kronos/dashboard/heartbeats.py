"""The heartbeat pages: state, expectations, pings, and the commands with which a job pings."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from kronos import alerts, beats, errors
from kronos.api.call import Call
from kronos.api.cursors import decoded, list_digest, page
from kronos.api.dependencies import HeartbeatName, View
from kronos.api.heartbeat_schemas import (
    HeartbeatCreate,
    HeartbeatPause,
    HeartbeatPut,
    HeartbeatQuery,
    expectation,
)
from kronos.api.heartbeats import with_url
from kronos.beats import Heartbeat, HeartbeatTick, NewHeartbeat
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.rendering import zone_of
from kronos.database import WorkspaceView
from kronos.model import Role
from kronos.records import dataclass

pages = Pages("/w/{w}/heartbeats")
_STRIP = 20
"""Ticks shown per heartbeat in the list."""
_PINGS, _TICKS = 25, 50
_IN_ONE_FIELD = ("tags", "anchor")


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGroup:
    """A heartbeat's ticks of one hour, or of a day or a month if they are farther apart."""

    label: str
    ticks: list[HeartbeatTick]


@pages.get("", needs=Role.VIEWER)
async def get_heartbeats(call: Call, view: View, query: Annotated[HeartbeatQuery, Query()]) -> Response:
    """The heartbeats of a workspace, newest first."""
    return await _listed(call, view, query)


@pages.post("", needs=Role.OPERATOR)
async def post_heartbeat(call: Call, view: View) -> Response:
    """Create a heartbeat, and show its ping URL once."""
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
    """One heartbeat, with its pings and the outcomes of its ticks."""
    return await _one(call, view, name)


@pages.post("/{name}", needs=Role.OPERATOR)
async def put_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Change what is expected from now on. The ping URL stays the same."""
    given = await sent(call)
    try:
        body = await call.judged(HeartbeatPut, given.document(), lambda: beats.get(view, name))
        wanted = expectation(body)
        await beats.put(view, name, wanted, token=beats.new_token(), must_exist=True, if_match={version_of(given)})
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, given.form.refused(error), opened="edit")
    return done(call, f"Heartbeat {name} saved.", "w", view.workspace, "heartbeats", name)


@pages.post("/{name}/pause", needs=Role.OPERATOR)
async def pause_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Pause a heartbeat: no pings are expected."""
    given = await sent(call)
    try:
        body = await call.judged(HeartbeatPause, given.document())
        await beats.turn(view, name, "PAUSED", body.note)
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, given.form.refused(error))
    return done(
        call, f"{name} paused: no pings are expected until it is resumed.", "w", view.workspace, "heartbeats", name
    )


@pages.post("/{name}/resume", needs=Role.OPERATOR)
async def resume_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Resume a heartbeat: pings are expected again from its next tick."""
    return await _turned(call, view, name, "ACTIVE")


@pages.post("/{name}/rotate", needs=Role.OPERATOR)
async def rotate_heartbeat(call: Call, view: View, name: HeartbeatName) -> Response:
    """Create a new ping URL, and show it once."""
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
    """Delete a heartbeat with its ticks and pings."""
    given = await sent(call)
    try:
        await beats.delete(view, name, if_match={version_of(given)})
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, FilledForm().refused(error))
    return done(call, f"Heartbeat {name} deleted.", "w", view.workspace, "heartbeats")


async def _turned(call: Call, view: WorkspaceView, name: str, status: Literal["ACTIVE", "PAUSED"]) -> Response:
    try:
        await beats.turn(view, name, status, None)
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, FilledForm().refused(error))
    return done(
        call, f"{name} resumed: pings are expected again from the next tick.", "w", view.workspace, "heartbeats", name
    )


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
    opened: str | None = None,
) -> Response:
    form = form or FilledForm()
    row = await beats.get(view, name)
    ticks = (await beats.ticks(view, name, status=None, limit=_TICKS, before=None))[:_TICKS]
    response = shown(
        call,
        "heartbeat.html",
        form.status if shown_once is None else 201,
        heartbeat=row,
        groups=_groups(ticks, row.timezone),
        statuses=list(dict.fromkeys(each.status for each in ticks)),
        alerts=await alerts.open_of(view, heartbeat=name),
        pings=(await beats.pings(view, name, limit=_PINGS, before=None, with_log=True))[:_PINGS],
        ticks=ticks,
        ping_url=None if shown_once is None else shown_once.ping_url,
        form=form,
        edited=form if opened == "edit" else _filled(row),
        opened=opened,
    )
    if shown_once is not None:
        response.headers["Cache-Control"] = "no-store"
    return response


def _filled(row: Heartbeat) -> FilledForm:
    """Return the edit form, filled from a heartbeat."""
    form = FilledForm.of({name: getattr(row, name) for name in HeartbeatPut.model_fields if name not in _IN_ONE_FIELD})
    anchor = row.anchor_local or (None if row.anchor is None else row.anchor.astimezone(UTC).isoformat())
    own = {"/tags": [", ".join(row.tags)], "/anchor": [anchor or ""], "version": [str(row.version)]}
    return FilledForm(values={**form.values, **own})


def _groups(ticks: Sequence[HeartbeatTick], timezone: str) -> list[TickGroup]:
    """Group ticks, oldest first, by the hour, day or month of the zone, depending on how far apart they are."""
    zone, ordered = zone_of(timezone), list(reversed(ticks))
    span = (ordered[-1].tick_at - ordered[0].tick_at) / len(ordered) if ordered else timedelta()
    form = "%Y-%m-%d %H:00" if span < timedelta(minutes=30) else "%Y-%m-%d" if span < timedelta(days=1) else "%Y-%m"
    found: dict[str, list[HeartbeatTick]] = {}
    for each in ordered:
        found.setdefault(each.tick_at.astimezone(zone).strftime(form), []).append(each)
    return [TickGroup(label=label, ticks=of) for label, of in found.items()]


def _newest_first(statuses: list[str]) -> list[dict[str, str]]:
    """Return statuses in the form and order that the strip expects."""
    return [{"status": each} for each in reversed(statuses)]
