"""Routes of calendars: closed days and times that jobs refer to."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import calendars, errors
from kronos.api.calendar_schemas import CalendarCreate, CalendarPut, new_calendar
from kronos.api.call import Call, Draft
from kronos.api.copies import kind_of
from kronos.api.cursors import Page
from kronos.api.dependencies import (
    READ_FROM,
    CalendarName,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    NewCalendarName,
    ReadView,
    View,
)
from kronos.api.document import answers, problems
from kronos.api.named import DocumentRoutes, PutConditions, first
from kronos.api.operation import Router
from kronos.api.query_schemas import PageQuery
from kronos.calendar_terms import Calendar, CalendarNotFound
from kronos.documents import CALENDAR
from kronos.model import Role

router = Router("/v1/workspaces/{w}/calendars", tags=["calendars"])
_ROUTES = DocumentRoutes(kind=CALENDAR, copy=kind_of(Calendar, CalendarPut))
_ABSENT = (errors.WorkspaceNotFound, CalendarNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: Calendar, 200: Calendar}, "ETag", "Location", "Idempotent-Replayed")
    | problems(*_WRITE, CalendarNotFound),
)
async def create_calendar(call: Call, view: View, body: CalendarCreate, key: IdempotencyKey = None) -> Response:
    """Create a calendar. With a known idempotency key, return the calendar created before."""
    new = await call.aside(lambda: new_calendar(body))
    document, is_new = await calendars.create(view, body.name, new, idempotency_key=key)
    return _ROUTES.made(call, document, is_new=is_new)


@router.get(
    "", needs=Role.VIEWER, responses=answers({200: Page[Calendar]}, READ_FROM) | problems(errors.WorkspaceNotFound)
)
async def list_calendars(view: ReadView, query: Annotated[PageQuery, Query()]) -> Response:
    """List the calendars of a workspace, newest first."""
    return await _ROUTES.page(view, query)


@router.get("/{name}", needs=Role.VIEWER, responses=answers({200: Calendar, 304: None}, "ETag") | problems(*_ABSENT))
async def get_calendar(view: View, name: CalendarName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get the current version of a calendar."""
    return await _ROUTES.current(view, name, if_none_match)


@router.put(
    "/{name}",
    needs=Role.ADMIN,
    responses=answers({200: Calendar, 201: Calendar}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_calendar(
    call: Call, view: View, name: NewCalendarName, draft: Draft[CalendarPut], asked: PutConditions
) -> Response:
    """Create a calendar, or its next version, which applies to every tick not yet accounted for."""
    change = await _ROUTES.change(view, name, draft)
    held = change.held(asked)
    new = await call.aside(lambda: new_calendar(change.body))
    if held.if_none_match is None:
        return _ROUTES.made(call, await first(CALENDAR.what, name, calendars.create(view, name, new)))
    document, is_new = await calendars.replace(
        view,
        name,
        new,
        if_match=held.if_match,
        if_none_match=held.if_none_match,
        must_exist=held.must_exist,
    )
    return _ROUTES.stored(call, document, is_new=is_new)


@router.delete(
    "/{name}",
    needs=Role.ADMIN,
    status_code=204,
    responses=answers({204: None}) | problems(*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_calendar(view: View, name: CalendarName, if_match: IfMatch = None) -> Response:
    """Delete a calendar that no live job uses."""
    await calendars.delete(view, name, if_match=if_match)
    return Response(status_code=204)
