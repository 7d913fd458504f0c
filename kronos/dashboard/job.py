"""The page of one job: its definition, its ticks and why they ended as they did, its next runs and its versions."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from kronos import audit, backfills, errors, executions, explain, jobs, versions
from kronos.api.call import Call
from kronos.api.dependencies import JobRef, View
from kronos.api.fields import Query, Time, WholeNumber
from kronos.api.jobs import state_of
from kronos.audit import AuditFilter, AuditRow
from kronos.dashboard import tick_windows
from kronos.dashboard.forms import FilledForm
from kronos.dashboard.page import Pages, shown
from kronos.dashboard.rendering import json_text
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.executions import ExecutionFilter
from kronos.explain import ticks
from kronos.explain.facts import Explanation
from kronos.explain.ticks import TickDays, Ticks
from kronos.model import Job, Role
from kronos.records import dataclass
from kronos.schedules import Preview
from kronos.versions import ChangedTerm

pages = Pages()
_SHOWN_RUNS, _EXECUTIONS, _VERSIONS, _BACKFILLS = 20, 10, 20, 5
_MOST_FILLED = 16_000
"""Maximum characters of an input that is repeated in the trigger form."""
_WITHOUT_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?", re.ASCII)


class JobPageQuery(Query):
    """The parts of the job to show."""

    at: str | None = Field(default=None, max_length=40, description="The instant to explain.")
    since: Time | None = Field(default=None, description="Start of the timeline.")
    until: Time | None = Field(default=None, description="End of the timeline.")
    day: str | None = Field(
        default=None,
        pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$",
        description="The day that the timeline shows.",
    )
    month: str | None = Field(
        default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="The month that the calendar shows."
    )
    compare: WholeNumber | None = Field(default=None, ge=1, le=2**31 - 1, description="A version to compare.")
    with_: WholeNumber | None = Field(
        default=None,
        alias="with",
        ge=1,
        le=2**31 - 1,
        description="The version to compare it with; the live one by default.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions of the job, side by side."""

    before: Job
    after: Job
    differences: list[ChangedTerm]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedInstant:
    """The instant entered into the explain form, and its explanation."""

    text: str
    explanation: Explanation | None
    fault: str | None


class Forms:
    """The forms of a page, by action."""

    def __init__(self, forms: Mapping[str, FilledForm]) -> None:
        self._forms = forms

    def __getitem__(self, name: str) -> FilledForm:
        return self._forms[name]


@pages.get("/w/{w}/jobs/{j}", needs=Role.VIEWER)
async def get_job_page(call: Call, view: View, ref: JobRef, query: Annotated[JobPageQuery, InQuery()]) -> Response:
    """The page of a job."""
    return await job_page(call, view, ref, query)


async def job_page(
    call: Call,
    view: WorkspaceView,
    ref: str,
    query: JobPageQuery | None = None,
    forms: Mapping[str, FilledForm] | None = None,
    **values: object,
) -> Response:
    """Return the job's page. `forms`: rejected forms, by action. Raises JobNotFound."""
    query = query or JobPageQuery()
    job = await jobs.get(view, ref)
    preview: Preview | None = None
    line: Ticks | None = None
    days: TickDays | None = None
    if job.trigger == "CRON":
        preview = await jobs.next_runs(view, ref, count=tick_windows.COMING_RUNS)
        frame = await ticks.frame_of(view, str(job.job_id))
        line = await tick_windows.time_line(
            view, job, preview, frame, since=query.since, until=query.until, day=query.day
        )
        if query.month is not None or not tick_windows.is_dense(preview):
            days = await tick_windows.month(view, job, query.month, frame, line)
    refused = forms or {}
    return shown(
        call,
        "job.html",
        max([200, *(each.status for each in refused.values())]),
        ref=ref,
        job=job,
        state=await state_of(view, job, ref),
        preview=tick_windows.nearest(preview, _SHOWN_RUNS) if preview is not None else None,
        line=line,
        groups=tick_windows.groups(line, job.timezone) if line is not None else [],
        dispositions=tick_windows.dispositions(line) if line is not None else [],
        is_dense=preview is not None and tick_windows.is_dense(preview),
        this_month=tick_windows.month_name(job),
        shown_month=query.month,
        calendar=tick_windows.calendar(job, days, query.month, preview) if days and preview else None,
        asked=await _asked(view, ref, query.at),
        executions=await executions.list_page(view, ExecutionFilter(job=ref), limit=_EXECUTIONS, before=None),
        versions=await _versions(view, ref, job),
        compared=await _compared(view, ref, query),
        backfills=await backfills.list_page(view, ref, limit=_BACKFILLS, before=None),
        change=await _last_change(call, view, job),
        forms=Forms(_forms(job, sees_payloads=call.caller.sees_payloads) | dict(refused)),
        opened=next(iter(refused), None),
        **{"counted": None} | values,
    )


async def _asked(view: WorkspaceView, ref: str, text: str | None) -> AskedInstant:
    """Return the explanation of the instant that was typed or clicked. A time without an offset is local, in
    the job's zone."""
    if not text or not text.strip():
        return AskedInstant(text="", explanation=None, fault=None)
    written = text.strip()
    try:
        at = datetime.fromisoformat(written.replace(" ", "T") if _WITHOUT_ZONE.fullmatch(written) else written)
        at = at if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return AskedInstant(
            text=text, explanation=None, fault="This is not a time. Write it like 2026-11-29T03:15:00Z."
        )
    if not 1970 <= at.year < 3000:
        return AskedInstant(text=text, explanation=None, fault="The year must be between 1970 and 2999.")
    explanation = await explain.explain(view, ref, at=await explain.instant_of(view, ref, at))
    return AskedInstant(text=text, explanation=explanation, fault=None)


async def _compared(view: WorkspaceView, ref: str, query: JobPageQuery) -> Compared | None:
    if query.compare is None:
        return None
    before = await versions.get(view, ref, query.compare)
    if query.with_ is None:
        (newest,) = await jobs.versions(view, ref, limit=1, before=None)
    else:
        newest = await versions.get(view, ref, query.with_)  # type: ignore[assignment]  # either is a Job
    return Compared(before=before, after=newest, differences=versions.differences(before, newest))


async def _versions(view: WorkspaceView, ref: str, job: Job) -> Sequence[Job]:
    """Return the job's versions, newest first. A job that was never changed needs no second query."""
    if job.version == 1 and job.replaced_by_id is None:
        return [job]
    return await jobs.versions(view, ref, limit=_VERSIONS, before=None)


async def _last_change(call: Call, view: WorkspaceView, job: Job) -> AuditRow | None:
    """Return the job's last change, or None if the caller may not read the audit."""
    if not call.caller.role.covers(Role.ADMIN):
        return None
    found = await audit.list_page(view, AuditFilter(object_type="job", object_id=str(job.job_id)), limit=1, before=None)
    return found[0] if found else None


def _forms(job: Job, *, sees_payloads: bool) -> dict[str, FilledForm]:
    """Return the initial forms of all actions."""
    names = ("pause", "resume", "skip", "trigger", "backfill", "cancel", "rollback")
    made = {name: FilledForm() for name in names}
    reason = job.status_reason or {}
    made["pause"] = FilledForm.of({"note": reason.get("note") if job.status == "PAUSED" else None})
    made["skip"] = FilledForm.of({"count": job.skip_next or 1})
    if sees_payloads:
        own = json_text(job.input)  # a long input is left out of the form, where empty means the same
        made["trigger"] = FilledForm(values={"/input": [own] if len(own) <= _MOST_FILLED else []})
    made["backfill"] = FilledForm(values={"/include": ["MISSED", "SKIPPED", "CANCELLED"], "/max_active": ["10"]})
    return made


def refused_field(pointer: str, detail: str, hint: str) -> errors.Unprocessable:
    """Return the error for a fault that the page found itself."""
    return errors.Unprocessable.of(Fault(pointer=pointer, detail=detail, hint=hint))
