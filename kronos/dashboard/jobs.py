"""The list of jobs, and what is done to many of them at once: counted first, then confirmed, then done: to those that
are ticked in steps of the page, to all that match by an operation behind it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from pydantic import model_validator
from starlette.responses import Response

from kronos import bulk_jobs, endpoints, errors, glances, job_operations
from kronos.api.bulk import bulk_of, done_step, operation_of
from kronos.api.bulk_schemas import JobBulk, JobOperation
from kronos.api.call import Call
from kronos.api.dependencies import ReadView, View
from kronos.api.job_lists import page_of
from kronos.api.query_schemas import JobQuery
from kronos.bulk_jobs import BulkCount
from kronos.dashboard.forms import SentForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.rendering import PageContext, plural
from kronos.database import WorkspaceView
from kronos.model import JsonObject, Role

pages = Pages()
_STEP = 100
_MOST_ENDPOINTS = 200
_FILTERS = ("q", "endpoint", "trigger", "status", "tag")
_ANY = "any"
_SORTED = ("LIVE", "ACTIVE", "PAUSED")
_DEFAULTS = {"trigger": "CRON", "status": "LIVE"}
_DID = {"pause": "Paused", "resume": "Resumed", "cancel": "Cancelled", "trigger": "Triggered"}


class JobsPageQuery(JobQuery):
    """Which jobs. A form that is sent by GET sends its empty fields too. Without a word of it the live CRON jobs are
    shown; `any` asks for all."""

    @model_validator(mode="before")
    @classmethod
    def _as_typed(cls, given: Any) -> Any:  # noqa: ANN401  # as pydantic passes it
        if not isinstance(given, dict):
            return given
        asked = _DEFAULTS | {name: value for name, value in given.items() if value not in ("", None)}
        kept = {name: value for name, value in asked.items() if not (name in _DEFAULTS and value == _ANY)}
        if not (kept.get("trigger") == "CRON" and kept.get("status") in _SORTED):
            kept.pop("sort", None)  # of others there is one order
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAsked:
    """A bulk on its way: what its form carries from step to step."""

    document: JsonObject
    done: int
    total: int
    is_more: bool
    refused: list[bulk_jobs.RefusedJob]
    cursor: str | None


@pages.get("/w/{w}/jobs", needs=Role.VIEWER)
async def get_jobs(call: Call, view: ReadView, query: Annotated[JobsPageQuery, Query()]) -> Response:
    """Jobs, newest first, filtered by what stands in the address."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    page = await page_of(view, query, limit=min(query.limit, glances.MOST_JOBS))
    found = await glances.recent(view, [row.job_id for row in page.data if row.trigger == "CRON"])
    asked = {name: filters[name] for name in _FILTERS}
    response = shown(
        call,
        "jobs.html",
        jobs=list(page.data),
        next_cursor=page.next_cursor,
        glances=found,
        asked=asked,
        is_filtered=any(asked[name] not in (None, _DEFAULTS.get(name)) for name in _FILTERS)
        or any(asked[name] is None for name in _DEFAULTS),
        cursor=query.cursor,
        sort=query.sort,
    )
    if call.headers.get("hx-target") == "list":  # what is live asks for the page as its address has it
        written = {name: _written(name, asked[name]) for name in _FILTERS}
        written["sort"] = None if query.sort == "created" else query.sort
        response.headers["HX-Push-Url"] = PageContext(call).here("jobs", **written)
    return response


def _written(name: str, value: str | None) -> str | None:
    """A filter as the address has it; None where it says nothing."""
    if name in _DEFAULTS:
        return _ANY if value is None else None if value == _DEFAULTS[name] else value
    return value


@pages.post("/w/{w}/jobs/bulk", needs=Role.OPERATOR)
async def change_jobs(call: Call, view: View) -> Response:
    """Count, and ask; confirmed, do a step, and go on."""
    form = await sent(call)
    document = _document(form)
    try:
        body = await call.judged(JobBulk, document)
        bulk = bulk_of(body, actor=call.caller.actor)
        counted = await bulk_jobs.count(view, bulk)
    except errors.Unprocessable as error:
        return _asked_again(call, form, document, error)
    total = form.number("total") or counted.count
    if form.has("confirmed") and not form.text("cursor") and counted.count > total:
        return _asked_of_more(call, form, document, counted, total)
    if not form.has("confirmed"):
        asked = BulkAsked(document=document, done=0, total=total, is_more=counted.is_more, refused=[], cursor=None)
        return shown(call, "jobs_bulk.html", bulk=asked, form=form.form, is_begun=False)
    if form.has("all"):
        return await _begun(call, view, form, counted, total)
    step = await done_step(view, bulk, limit=_STEP, cursor=form.text("cursor") or None)
    number = form.number("done") + step.done
    refused = [*_refused_before(form), *step.refused]
    if step.next_cursor is None and not refused:
        what = plural(number, "job")
        return _gone_on(call, done(call, f"{_DID[body.action]} {number:,} {what}.", "w", view.workspace, "jobs"))
    asked = BulkAsked(
        document=document, done=number, total=total, is_more=counted.is_more, refused=refused, cursor=step.next_cursor
    )
    return shown(call, "jobs_bulk.html", bulk=asked, form=form.form, is_begun=True)


async def _begun(call: Call, view: WorkspaceView, form: SentForm, counted: BulkCount, total: int) -> Response:
    """All that match, behind the page: no more of them than were confirmed."""
    document = _document(form)
    asked: JsonObject = {name: value for name, value in document.items() if name != "idempotency_key"}
    if not counted.is_more:
        asked["at_most"] = total
    new = operation_of(await call.judged(JobOperation, asked), actor=call.caller.actor)
    try:
        operation, _ = await job_operations.begin(view, new, idempotency_key=form.once)
    except errors.WorkspaceSuspended:
        raise
    except errors.Conflict:
        return _asked_of_more(call, form, document, await bulk_jobs.count(view, new.bulk), total)
    return done(
        call, "It has begun. You may leave this page.", "w", view.workspace, "operations", operation.operation_id
    )


def _gone_on(call: Call, response: Response) -> Response:
    """A redirect; of what a script sent the whole page goes there."""
    if call.headers.get("hx-request") == "true":
        response.headers["HX-Redirect"] = response.headers["Location"]
        del response.headers["Location"]
        response.status_code = 200
    return response


def _document(form: SentForm) -> JsonObject:
    """The API's body: the jobs that are ticked, or the filter with which they were listed."""
    document: JsonObject = {"action": form.text("action")}
    if form.has("all"):
        document["filter"] = {name: text for name in _FILTERS if (text := form.text(name))}
    else:
        document["jobs"] = form.all("jobs")
    if document["action"] == "pause":
        document |= {name: text for name, text in form.document().items() if name in ("note", "pause_until")}
    if document["action"] == "trigger" and form.once:
        document["idempotency_key"] = form.once
    return document


def _refused_before(form: SentForm) -> list[bulk_jobs.RefusedJob]:
    """What the steps before were refused, as the form carries it: for its reader alone."""
    said = [text.split("\n", 2) for text in form.all("refused")[:_STEP]]
    return [bulk_jobs.RefusedJob(job=each[0], code=each[1], detail=each[2]) for each in said if len(each) == 3]


def _asked_of_more(call: Call, form: SentForm, document: JsonObject, counted: BulkCount, total: int) -> Response:
    """Whoever confirmed a number of jobs has it done to no more than these."""
    asked = BulkAsked(document=document, done=0, total=counted.count, is_more=counted.is_more, refused=[], cursor=None)
    detail = f"There were {total:,} when you were asked, and are {counted.count:,} now. Nothing was done."
    grown = form.form.refused(errors.Conflict(detail))
    return shown(call, "jobs_bulk.html", grown.status, bulk=asked, form=grown, is_begun=False)


def _asked_again(call: Call, form: SentForm, document: JsonObject, error: errors.Unprocessable) -> Response:
    asked = BulkAsked(document=document, done=0, total=form.number("total"), is_more=False, refused=[], cursor=None)
    refused = form.form.refused(error)
    return shown(call, "jobs_bulk.html", refused.status, bulk=asked, form=refused, is_begun=False)


async def endpoint_names(view: WorkspaceView) -> list[str]:
    """The newest endpoints' names, for who chooses one."""
    return [each.name for each in await endpoints.list_page(view, limit=_MOST_ENDPOINTS, before=None)]
