"""The job list, and bulk actions: count, confirm, act. Selected jobs are changed in steps by the page itself, all jobs
that match a filter by an operation in the background."""

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
from kronos.counting import counted, plural
from kronos.dashboard.forms import SentForm, sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.rendering import PageContext
from kronos.database import WorkspaceView
from kronos.model import JsonObject, Role
from kronos.records import dataclass

pages = Pages()
_STEP = 100
_MOST_ENDPOINTS = 200
_FILTERS = ("q", "endpoint", "trigger", "status", "tag")
_ANY = "any"
_SORTED = ("LIVE", "ACTIVE", "PAUSED")
_DEFAULTS = {"trigger": "CRON", "status": "LIVE"}
_DID = {"pause": "Paused", "resume": "Resumed", "cancel": "Cancelled", "trigger": "Triggered"}


class JobsPageQuery(JobQuery):
    """The filter of jobs. A GET form also sends its empty fields. By default live CRON jobs are shown; `any` means
    all."""

    @model_validator(mode="before")
    @classmethod
    def _as_typed(cls, given: Any) -> Any:  # noqa: ANN401  # as pydantic passes it
        if not isinstance(given, dict):
            return given
        asked = _DEFAULTS | {name: value for name, value in given.items() if value not in ("", None)}
        kept = {name: value for name, value in asked.items() if not (name in _DEFAULTS and value == _ANY)}
        if not (kept.get("trigger") == "CRON" and kept.get("status") in _SORTED):
            kept.pop("sort", None)  # other lists have only one order
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAsked:
    """A bulk action in progress: the values that its form carries from step to step."""

    document: JsonObject
    done: int
    total: int
    is_more: bool
    refused: list[bulk_jobs.RefusedJob]
    cursor: str | None


@pages.get("/w/{w}/jobs", needs=Role.VIEWER)
async def get_jobs(call: Call, view: ReadView, query: Annotated[JobsPageQuery, Query()]) -> Response:
    """Jobs, newest first, filtered by the query in the address."""
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
    if call.headers.get("hx-target") == "list":  # live updates request the page with its own address
        written = {name: _written(name, asked[name]) for name in _FILTERS}
        written["sort"] = None if query.sort == "created" else query.sort
        response.headers["HX-Push-Url"] = PageContext(call).here("jobs", **written)
    return response


def _written(name: str, value: str | None) -> str | None:
    """Return a filter's value for the address; None if it is the default."""
    if name in _DEFAULTS:
        return _ANY if value is None else None if value == _DEFAULTS[name] else value
    return value


@pages.post("/w/{w}/jobs/bulk", needs=Role.OPERATOR)
async def change_jobs(call: Call, view: View) -> Response:
    """Count the jobs and ask for confirmation; once confirmed, perform a step and continue."""
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
    """Begin an operation over all jobs that match, but over no more than were confirmed."""
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
        call, "Operation started. You can leave this page.", "w", view.workspace, "operations", operation.operation_id
    )


def _gone_on(call: Call, response: Response) -> Response:
    """Return a redirect; for a request from a script, one that moves the whole page."""
    if call.headers.get("hx-request") == "true":
        response.headers["HX-Redirect"] = response.headers["Location"]
        del response.headers["Location"]
        response.status_code = 200
    return response


def _document(form: SentForm) -> JsonObject:
    """Return the API body: the selected jobs, or the filter of the list."""
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
    """Return all jobs rejected in earlier steps, as carried by the form. Used only for display."""
    said = [text.split("\n", 2) for text in form.all("refused")[: bulk_jobs.MOST_AT_ONCE]]
    return [bulk_jobs.RefusedJob(job=each[0], code=each[1], detail=each[2]) for each in said if len(each) == 3]


def _asked_of_more(call: Call, form: SentForm, document: JsonObject, found: BulkCount, total: int) -> Response:
    """Ask again because more jobs match than were confirmed."""
    asked = BulkAsked(document=document, done=0, total=found.count, is_more=found.is_more, refused=[], cursor=None)
    detail = (
        f"{counted(total, 'job')} matched before, and {found.count:,} "
        f"{plural(found.count, 'matches', 'match')} now. Nothing was done."
    )
    grown = form.form.refused(errors.Conflict(detail))
    return shown(call, "jobs_bulk.html", grown.status, bulk=asked, form=grown, is_begun=False)


def _asked_again(call: Call, form: SentForm, document: JsonObject, error: errors.Unprocessable) -> Response:
    asked = BulkAsked(document=document, done=0, total=form.number("total"), is_more=False, refused=[], cursor=None)
    refused = form.form.refused(error)
    return shown(call, "jobs_bulk.html", refused.status, bulk=asked, form=refused, is_begun=False)


async def endpoint_names(view: WorkspaceView) -> list[str]:
    """Return the names of the newest endpoints, as suggestions."""
    return [each.name for each in await endpoints.list_page(view, limit=_MOST_ENDPOINTS, before=None)]
