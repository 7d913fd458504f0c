"""The dead-letter pages: letters in groups and one by one, and redrive and discard by a filter."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from kronos import dead_letters, errors, executions
from kronos.api.call import Call
from kronos.api.cursors import bounded, decoded, list_digest
from kronos.api.dead_letters import grouped
from kronos.api.dependencies import ReadView, View
from kronos.api.fields import UUID_FORM
from kronos.api.schemas import LetterDiscard, LetterRedrive
from kronos.dashboard.forms import FilledForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.queries import TypedLetterQuery
from kronos.database import WorkspaceView
from kronos.dead_letters import LetterFilter, NewOperation
from kronos.model import Role

pages = Pages()
_FILTER = ("endpoint", "job", "error_type", "q", "after", "before")
_LOOKED_AT, _SHOWN_OPERATIONS = 50, 5
_MOST_CHOSEN = 50
_Deed = Literal["redrive", "discard"]


@pages.get("/w/{w}/dead-letters", needs=Role.VIEWER)
async def get_dead_letters(call: Call, view: ReadView, query: Annotated[TypedLetterQuery, Query()]) -> Response:
    """Dead letters by endpoint and error, the newest one by one, and the latest redrives and discards."""
    which = LetterFilter(**query.model_dump(include=set(_FILTER)))
    of = list_digest("dead-letters", view.workspace, asdict(which))
    rows = await dead_letters.list_page(view, which, limit=query.limit, before=decoded(query.cursor, of))
    page = bounded(rows, of=of, place=lambda row: (row.completed_at or row.created_at, row.execution_id))
    latest = await dead_letters.list_operations(view, limit=_LOOKED_AT, before=None)
    operations = [each for each in latest if each.kind in ("REDRIVE", "DISCARD")][:_SHOWN_OPERATIONS]
    return shown(
        call,
        "dead_letters.html",
        groups=grouped(await dead_letters.groups(view, which)),
        rows=list(page.data),
        next_cursor=page.next_cursor,
        cursor=query.cursor,
        asked=asdict(which),
        form=FilledForm(),
        operations=operations,
    )


@pages.post("/w/{w}/dead-letters/retry", needs=Role.OPERATOR)
async def retry_chosen(call: Call, view: View) -> Response:
    """Make the selected dead letters due again, one by one."""
    chosen = [UUID(each) for each in dict.fromkeys((await sent(call)).all("chosen")) if UUID_FORM.fullmatch(each)]
    if not chosen or len(chosen) > _MOST_CHOSEN:
        raise errors.InvalidRequest.of(
            "no dead letter was selected" if not chosen else f"{len(chosen)} dead letters were selected",
            f"Select 1 to {_MOST_CHOSEN} of them. To redrive any number, use a filter.",
        )
    refused = []
    for execution_id in chosen:
        try:
            await executions.retry(view, execution_id, endpoint_version="latest")
        except (errors.Conflict, errors.ExecutionNotFound) as error:
            refused.append(error.detail)
    told = f"{len(chosen) - len(refused)} of {len(chosen)} are due again."
    return done(call, " ".join([told, *refused[:2]])[:600], "w", view.workspace, "dead-letters")


@pages.get("/w/{w}/dead-letters/redrive", needs=Role.OPERATOR)
async def get_redrive(call: Call, view: View, query: Annotated[TypedLetterQuery, Query()]) -> Response:
    """Ask for confirmation, with the number of letters that would be redriven."""
    return await _asked_first(call, view, "redrive", LetterFilter(**query.model_dump(include=set(_FILTER))))


@pages.get("/w/{w}/dead-letters/discard", needs=Role.OPERATOR)
async def get_discard(call: Call, view: View, query: Annotated[TypedLetterQuery, Query()]) -> Response:
    """Ask for confirmation, with the number of letters that would be discarded."""
    return await _asked_first(call, view, "discard", LetterFilter(**query.model_dump(include=set(_FILTER))))


@pages.post("/w/{w}/dead-letters/redrive", needs=Role.OPERATOR)
async def redrive_letters(call: Call, view: View) -> Response:
    """Begin redriving all letters of a filter, in the background."""
    return await _begun(call, view, "redrive")


@pages.post("/w/{w}/dead-letters/discard", needs=Role.OPERATOR)
async def discard_letters(call: Call, view: View) -> Response:
    """Begin discarding all letters of a filter, in the background."""
    return await _begun(call, view, "discard")


async def _asked_first(call: Call, view: WorkspaceView, deed: _Deed, which: LetterFilter) -> Response:
    count = await dead_letters.count(view, which)
    asked = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(which).items()
        if value is not None
    }
    return shown(call, "dead_letters_deed.html", deed=deed, count=count, asked=asked, form=FilledForm.of(asked))


async def _begun(call: Call, view: WorkspaceView, deed: _Deed) -> Response:
    form = await sent(call)
    try:
        document = form.document()
        if deed == "redrive":
            body = await call.judged(LetterRedrive, document)
            new = NewOperation(
                kind="REDRIVE",
                which=LetterFilter(**body.model_dump(include=set(_FILTER))),
                per_second=body.per_second,
                endpoint_version=body.endpoint_version,
            )
        else:
            discard = await call.judged(LetterDiscard, document)
            new = NewOperation(kind="DISCARD", which=LetterFilter(**discard.model_dump(include=set(_FILTER))))
        operation, _ = await dead_letters.begin(view, new, idempotency_key=form.once)
    except (errors.Unprocessable, errors.Conflict) as error:
        filled = form.form.refused(error)
        asked = {name: filled.text(f"/{name}") for name in _FILTER if filled.text(f"/{name}")}
        return shown(call, "dead_letters_deed.html", error.status, deed=deed, count=None, asked=asked, form=filled)
    told = "Redrive started." if deed == "redrive" else "Discard started."
    return done(call, f"{told} You can leave this page.", "w", view.workspace, "operations", operation.operation_id)
