"""The job forms: a new job, and a job's next version, with a comparison of runs before it is saved."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from kronos import changes, errors, fire_diffs, jobs, schedules
from kronos.api.call import Call
from kronos.api.copies import shown as as_given
from kronos.api.dependencies import JobRef, View
from kronos.api.job_schemas import ClosedSchedulePreview, JobCreate, JobPatch
from kronos.api.requests import job_changes, new_job, schedule_text
from kronos.calendar_terms import CalendarNotFound
from kronos.dashboard import job_terms
from kronos.dashboard.forms import FilledForm, SentForm, sent
from kronos.dashboard.jobs import endpoint_names
from kronos.dashboard.page import Pages, done, shown
from kronos.database import InstanceView, WorkspaceView
from kronos.fire_diffs import FireDiff
from kronos.model import Job, Json, JsonObject, Role
from kronos.records import dataclass
from kronos.schedules import Preview

pages = Pages()
_RUNS = 10
_SCHEDULE = ("cron", "every", "anchor", "timezone", "dst_gap", "dst_overlap", "calendars", "on_blackout")
_FIELDS = (
    "/name", "/title", "/endpoint", "/input", "/tags", "/trigger", "/run_at", "/cron", "/every", "/anchor", "/timezone",
    "/starts_at", "/ends_at", "/max_runs", "/dst_gap", "/dst_overlap", "/jitter_seconds", "/overlap", "/catch_up",
    "/spread", "/calendars", "/on_blackout",
    "/deadline_seconds", "/priority", "/on_success", "/on_failure", "/sentence", "/times", "/days",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDiff:
    """A changed field."""

    name: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """A schedule's text and preview, or its faults."""

    text: str | None = None
    preview: Preview | None = None
    faults: Sequence[errors.Fault] = ()
    problem: str | None = None


@pages.get("/w/{w}/jobs/~new", needs=Role.OPERATOR)
async def get_new_job(call: Call, view: View) -> Response:
    """The form for a new job."""
    return await _shown(call, view, replace(job_terms.NEW, once=FilledForm().once))


@pages.post("/w/{w}/jobs/~new", needs=Role.OPERATOR)
async def create_job(call: Call, view: View) -> Response:
    """Create the job, or show the form with each fault at its field."""
    form = await sent(call)
    if form.has("preview"):
        return await _shown(call, view, form.form, previewed=await _previewed(call, view, form))
    try:
        body = await call.judged(JobCreate, job_terms.given(job_terms.document_of(form)))
        job, _ = await jobs.create(view, new_job(body, form.once))
    except errors.KronosError as error:
        return await _shown(call, view, form.form.refused(_forgiving(error)))
    ref = job.name or str(job.job_id)
    told = f"Job {ref} created. {job_terms.not_used(form, job_terms.NEW)}"
    return done(call, told.strip(), "w", view.workspace, "jobs", ref)


@pages.post("/w/{w}/jobs/preview", needs=Role.VIEWER)
async def preview_schedule(call: Call, view: View) -> Response:
    """Preview the form's schedule while it is being typed."""
    return shown(call, "parts/schedule_preview.html", previewed=await _previewed(call, view, await sent(call)))


@pages.get("/w/{w}/jobs/{j}/edit", needs=Role.OPERATOR)
async def get_edit(call: Call, view: View, ref: JobRef) -> Response:
    """The form for the next version."""
    job = await jobs.get(view, ref)
    _require_editable(job)
    return await _shown(call, view, job_terms.of_job(job), job=job)


@pages.post("/w/{w}/jobs/{j}/edit", needs=Role.OPERATOR)
async def edit_job(call: Call, view: View, ref: JobRef) -> Response:
    """Show what the change does, then save it if the job is still at the version shown."""
    form = await sent(call)
    job = await jobs.get(view, ref)
    _require_editable(job)
    if form.has("preview"):
        return await _shown(call, view, form.form, job=job, previewed=await _previewed(call, view, form))
    try:
        document = job_terms.changes(job_terms.document_of(form), job)
        if not document:
            told = f"Nothing was changed. {job_terms.not_used(form, job_terms.of_job(job))}"
            return done(call, told.strip(), "w", view.workspace, "jobs", ref)
        asked = job_changes(await call.judged(JobPatch, document, lambda: jobs.get(view, ref)))
        _require_version(form.text("version"), job)
        if form.has("save"):
            saved = await changes.replace(view, ref, asked, if_match=[job.version])
            told = f"Saved as version {saved.version}."
            return done(call, told, "w", view.workspace, "jobs", saved.name or saved.job_id)
        differing = await fire_diffs.foreseen(view, str(job.job_id), asked)
    except errors.PreconditionFailed as error:
        job = await jobs.get(view, ref)
        document = job_terms.changes(job_terms.document_of(form), job)
        refused = _at_version(form.form.refused(error), job)
        return await _shown(call, view, refused, job=job, fields=_fields(document, job), is_overtaken=True)
    except errors.KronosError as error:
        return await _shown(call, view, form.form.refused(_forgiving(error)), job=job)
    unused = job_terms.not_used(form, job_terms.of_job(job))
    fields = _fields(document, job)
    return await _shown(call, view, form.form, job=job, fields=fields, differing=differing, unused=unused)


def _require_editable(job: Job) -> None:
    if job.trigger != "CRON" or job.status not in ("ACTIVE", "PAUSED"):
        raise errors.Conflict(changes.why_not_updatable(job), code="job_not_updatable")


def _require_version(version: str, job: Job) -> None:
    if version != str(job.version):
        raise errors.PreconditionFailed(
            f"Someone else changed this job: it is now at version {job.version}, and you started from version "
            f"{version[:12]}. The differences between their version and yours are listed below."
        )


def _forgiving(error: errors.KronosError) -> errors.KronosError:
    """Return an error to show in the form. Re-raises errors that have nothing to do with the form's values."""
    if error.status >= 500 and not isinstance(error, errors.PgCronUnavailable):
        raise error
    return error


def _at_version(form: FilledForm, job: Job) -> FilledForm:
    values = {**form.values, "version": [str(job.version)]}
    return FilledForm(values=values, faults=form.faults, problem=form.problem, status=form.status, once=form.once)


def _fields(document: JsonObject, job: Job) -> list[FieldDiff]:
    before = as_given(job)
    return [FieldDiff(name=name, before=before.get(name), after=value) for name, value in document.items()]


async def _previewed(call: Call, view: WorkspaceView, form: SentForm) -> Previewed:
    try:
        document = job_terms.document_of(form)
        if document.get("trigger", "CRON") != "CRON":
            return Previewed()
        asked: JsonObject = {name: document[name] for name in _SCHEDULE if document.get(name)}
        if "cron" not in asked and "every" not in asked:
            return Previewed()
        body = await call.judged(ClosedSchedulePreview, asked | {"count": _RUNS})
        text = schedule_text(body)
        if body.calendars:
            preview = await schedules.preview_closed(
                view, text, calendars=body.calendars, on_blackout=body.on_blackout, after=None, count=_RUNS
            )
        else:
            preview = await schedules.preview(InstanceView(call.context.pool), text, after=None, count=_RUNS)
    except (errors.Unprocessable, errors.InvalidRequest, CalendarNotFound) as error:
        return Previewed(faults=error.faults, problem=error.detail)
    return Previewed(text=body.cron or f"every {body.every}", preview=preview)


async def _shown(
    call: Call,
    view: WorkspaceView,
    form: FilledForm,
    *,
    job: Job | None = None,
    previewed: Previewed | None = None,
    fields: Sequence[FieldDiff] = (),
    differing: FireDiff | None = None,
    is_overtaken: bool = False,
    unused: str = "",
) -> Response:
    if previewed is None and form.text("/trigger", "CRON") == "CRON":
        held = [(name, text) for name, texts in form.values.items() for text in texts]
        previewed = (
            await _previewed(call, view, SentForm(fields=held)) if job is not None or form.problem else Previewed()
        )
    values: dict[str, Any] = {
        "form": form,
        "job": job,
        "endpoints": await endpoint_names(view),
        "previewed": previewed or Previewed(),
        "fields": list(fields),
        "differing": differing,
        "is_overtaken": is_overtaken,
        "unused": unused,
        "known": _FIELDS,
        "ways": job_terms.WAYS,
        "weekdays": job_terms.WEEKDAYS,
        "months": job_terms.MONTHS,
        "zones": job_terms.ZONES,
    }
    return shown(call, "job_form.html", form.status, **values)
