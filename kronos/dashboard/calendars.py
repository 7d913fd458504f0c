"""The calendar pages: closures by month and by name, the jobs that use a calendar, and its forms."""

from dataclasses import replace
from typing import Annotated

from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from kronos import calendars, documents, errors
from kronos.api.calendar_schemas import CalendarCreate, CalendarPut, new_calendar
from kronos.api.call import Call
from kronos.api.cursors import bounded, decoded, list_digest
from kronos.api.dependencies import CalendarName, ReadView, View
from kronos.api.fields import Query
from kronos.api.query_schemas import PageQuery
from kronos.calendar_terms import Calendar
from kronos.dashboard import calendar_form, calendar_months
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.documents import CALENDAR, as_calendar
from kronos.model import Role

pages = Pages("/w/{w}/calendars")
_MOST_SHOWN = 100
_MOST_COMING = 12
_READ = "read"
"""The button that adds the file's closures to the lines of days, and saves nothing."""


class CalendarPageQuery(Query):
    """The month of a calendar to show."""

    month: str | None = Field(
        default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="Month to show, such as 2026-12."
    )


@pages.get("", needs=Role.VIEWER)
async def get_calendars(call: Call, view: ReadView, query: Annotated[PageQuery, InQuery()]) -> Response:
    """The calendars of a workspace, newest first."""
    return await _listed(call, view, query)


@pages.post("", needs=Role.ADMIN)
async def post_calendar(call: Call, view: View) -> Response:
    """Create a calendar, or only read the form's iCalendar file."""
    given = await sent(call)
    try:
        body = await call.judged(CalendarCreate, calendar_form.document_of(given))
        new = await call.aside(lambda: new_calendar(body))
        if given.has(_READ):
            return await _listed(call, view, PageQuery(), calendar_form.with_days(given.form, new.days), is_read=True)
        document, _ = await calendars.create(view, body.name, new, idempotency_key=given.once)
    except errors.KronosError as error:
        return await _listed(call, view, PageQuery(), calendar_form.refused(given.form, error))
    return done(call, f"Calendar {document.name} created.", "w", view.workspace, "calendars", document.name)


@pages.get("/{name}", needs=Role.VIEWER)
async def get_calendar(
    call: Call, view: View, name: CalendarName, query: Annotated[CalendarPageQuery, InQuery()]
) -> Response:
    """One calendar: a month, its next closures, and the jobs that use it."""
    return await _one(call, view, name, query)


@pages.post("/{name}", needs=Role.ADMIN)
async def change_calendar(call: Call, view: View, name: CalendarName) -> Response:
    """Save the calendar's next version, based on the version shown in the form; or only read the file."""
    given = await sent(call)
    try:
        body = await call.judged(CalendarPut, calendar_form.document_of(given), lambda: _present(view, name))
        new = await call.aside(lambda: new_calendar(body))
        if given.has(_READ):
            form = calendar_form.with_days(given.form, new.days)
            return await _one(call, view, name, CalendarPageQuery(), form, is_read=True)
        document, _ = await calendars.replace(
            view, name, new, if_match={version_of(given)}, if_none_match=(), must_exist=True
        )
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, CalendarPageQuery(), calendar_form.refused(given.form, error))
    left = f" Jobs still to update: {document.jobs_left}." if document.jobs_left else ""
    notice = f"{name} is now at version {document.version}.{left}"
    return done(call, notice, "w", view.workspace, "calendars", name)


@pages.post("/{name}/delete", needs=Role.ADMIN)
async def delete_calendar(call: Call, view: View, name: CalendarName) -> Response:
    """Delete a calendar that no live job uses."""
    given = await sent(call)
    try:
        await calendars.delete(view, name, if_match={version_of(given)})
    except errors.NotFound:
        raise
    except errors.KronosError as error:
        return await _one(call, view, name, CalendarPageQuery(), FilledForm().refused(error))
    return done(call, f"Calendar {name} deleted.", "w", view.workspace, "calendars")


async def _listed(
    call: Call, view: WorkspaceView, query: PageQuery, form: FilledForm | None = None, *, is_read: bool = False
) -> Response:
    of = list_digest(CALENDAR.routes, view.workspace, {})
    rows = await documents.list_page(view, CALENDAR, limit=query.limit, before=decoded(query.cursor, of))
    found = bounded(rows, of=of, place=lambda row: (row.created_at, row.document_id))
    form = form or FilledForm()
    return shown(
        call,
        "calendars.html",
        form.status,
        calendars=[as_calendar(each) for each in found.data],
        next_cursor=found.next_cursor,
        form=form,
        is_read=is_read,
        pointers=calendar_form.POINTERS,
    )


async def _one(
    call: Call,
    view: WorkspaceView,
    name: str,
    query: CalendarPageQuery,
    form: FilledForm | None = None,
    *,
    is_read: bool = False,
) -> Response:
    calendar = await _present(view, name)
    users = await calendars.users(view, name, limit=_MOST_SHOWN + 1)
    filled = calendar_form.form_of(calendar)
    if form is None:
        form = filled
    elif not form.values:  # a rejected deletion has no values
        form = replace(form, values=filled.values)
    return shown(
        call,
        "calendar.html",
        form.status,
        calendar=calendar,
        month=calendar_months.month(calendar, query.month),
        coming=calendar_months.coming(calendar, _MOST_COMING),
        users=users[:_MOST_SHOWN],
        has_more_users=len(users) > _MOST_SHOWN,
        form=form,
        is_read=is_read,
        pointers=calendar_form.POINTERS,
    )


async def _present(view: WorkspaceView, name: str) -> Calendar:
    return as_calendar(await documents.get(view, CALENDAR, name))
