"""The actions on a job's page. Each is a form, and responds with the page that shows its result."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from kronos import backfills, changes, errors, jobs, pauses, versions
from kronos.api.call import Call
from kronos.api.dependencies import BackfillId, CallerOf, JobRef, View
from kronos.api.job_schemas import BackfillCreate, JobPause, JobSkipNext, JobTrigger
from kronos.api.requests import new_backfill, pause_terms
from kronos.backfills import TickCount
from kronos.counting import counted, plural
from kronos.dashboard.forms import FilledForm, SentForm, sent
from kronos.dashboard.job import JobPageQuery, job_page, refused_field
from kronos.dashboard.page import Pages, done
from kronos.database import WorkspaceView
from kronos.model import Job, Role
from kronos.records import dataclass

pages = Pages()
_PATH = "/w/{w}/jobs/{j}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The result of an action: the notice, and the path of the page to redirect to."""

    notice: str
    place: tuple[object, ...]


@pages.post(f"{_PATH}/pause", needs=Role.OPERATOR)
async def pause_on_page(call: Call, view: View, ref: JobRef, caller: CallerOf) -> Response:
    """Pause."""

    async def pause(form: SentForm) -> Done:
        body = await call.judged(JobPause, form.document())
        job = await pauses.pause(view, ref, pause_terms(body), actor=caller.actor)
        until = f" until {job.resume_at:%Y-%m-%d %H:%M} UTC" if job.resume_at else ""
        return _of(job, ref, f"Job paused{until}.")

    return await _answered(call, view, ref, "pause", pause)


@pages.post(f"{_PATH}/resume", needs=Role.OPERATOR)
async def resume_on_page(call: Call, view: View, ref: JobRef) -> Response:
    """Resume."""

    async def resume(_: SentForm) -> Done:
        return _of(await pauses.resume(view, ref), ref, "Job resumed.")

    return await _answered(call, view, ref, "resume", resume)


@pages.post(f"{_PATH}/skip-next", needs=Role.OPERATOR)
async def skip_on_page(call: Call, view: View, ref: JobRef) -> Response:
    """Skip the next ticks."""

    async def skip(form: SentForm) -> Done:
        body = await call.judged(JobSkipNext, form.document())
        job = await pauses.skip_next(view, ref, count=body.count)
        ticks = plural(body.count, "tick", "ticks")
        notice = f"The next {body.count} {ticks} will be skipped." if body.count else "No ticks will be skipped."
        return _of(job, ref, notice)

    return await _answered(call, view, ref, "skip", skip)


@pages.post(f"{_PATH}/trigger", needs=Role.OPERATOR)
async def trigger_on_page(call: Call, view: View, ref: JobRef) -> Response:
    """Run once now."""

    async def trigger(form: SentForm) -> Done:
        body = await call.judged(JobTrigger, form.document())
        run, is_new = await changes.trigger(
            view,
            ref,
            input=body.input,
            priority=body.priority,
            deadline_seconds=body.deadline_seconds,
            idempotency_key=form.once,
        )
        notice = "Started. This is the run." if is_new else "This form was already sent. This is the run it started."
        return Done(notice=notice, place=("executions", run.execution_id))

    return await _answered(call, view, ref, "trigger", trigger)


@pages.post(f"{_PATH}/cancel", needs=Role.OPERATOR)
async def cancel_on_page(call: Call, view: View, ref: JobRef) -> Response:
    """Cancel permanently."""

    async def cancel(form: SentForm) -> Done:
        job = await jobs.get(view, ref)
        name = job.name or str(job.job_id)
        if form.text("/confirm").strip() != name:
            raise refused_field("/confirm", "the name does not match", f"Type {name}.")
        return _of(
            await changes.cancel(view, ref, if_match=_version(form)), ref, "Job cancelled. It will not run again."
        )

    return await _answered(call, view, ref, "cancel", cancel)


@pages.post(f"{_PATH}/rollback", needs=Role.OPERATOR)
async def roll_back_on_page(call: Call, view: View, ref: JobRef) -> Response:
    """Roll back to the terms of an older version."""

    async def roll_back(form: SentForm) -> Done:
        text = form.text("version")
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise refused_field("version", f"{text[:20]!r} is not a version", "Choose one from the list.")
        job = await versions.roll_back(view, ref, int(text), if_match=_version(form))
        return _of(job, ref, f"Version {job.version} has the terms of version {text}.")

    return await _answered(call, view, ref, "rollback", roll_back)


@pages.post(f"{_PATH}/backfill", needs=Role.OPERATOR)
async def backfill_on_page(call: Call, view: View, ref: JobRef) -> Response:
    """Count the ticks of a backfill; start it after the count was shown."""
    form = await sent(call)
    shown = form.form
    try:
        new = new_backfill(await call.judged(BackfillCreate, form.document()))
        window = f"{new.from_at.isoformat()} {new.to_at.isoformat()} {' '.join(new.include)}"
        if not form.has("start") or form.text("counted") != window:
            found = await backfills.count(view, ref, new)
            return await job_page(
                call, view, ref, forms={"backfill": shown}, counted=Counted(count=found, window=window)
            )
        made, _ = await backfills.start(view, ref, new, idempotency_key=form.once)
    except errors.KronosError as error:
        return await _refused(call, view, ref, "backfill", shown, error)
    return done(call, f"Backfill started: {counted(made.ticks, 'tick')}.", "w", view.workspace, "jobs", ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The count of a backfill's ticks, and the window it is for."""

    count: TickCount
    window: str


@pages.post(f"{_PATH}/backfills/{{b}}/cancel", needs=Role.OPERATOR)
async def cancel_backfill_on_page(call: Call, view: View, ref: JobRef, backfill_id: BackfillId) -> Response:
    """Cancel a backfill."""
    stopped = await backfills.cancel(view, backfill_id)
    notice = "Backfill cancelled." if stopped.status == "CANCELLED" else "The backfill had already ended."
    return done(call, notice, "w", view.workspace, "jobs", ref)


async def _answered(
    call: Call, view: WorkspaceView, ref: str, name: str, act: Callable[[SentForm], Awaitable[Done]]
) -> Response:
    """Run a form's action and redirect, or show the page with the rejected form."""
    form = await sent(call)
    try:
        did = await act(form)
    except errors.KronosError as error:
        return await _refused(call, view, ref, name, form.form, error)
    return done(call, did.notice, "w", view.workspace, *did.place)


async def _refused(
    call: Call, view: WorkspaceView, ref: str, name: str, form: FilledForm, error: errors.KronosError
) -> Response:
    """Show the page with the typed values and their faults; errors that the form cannot fix become an error page."""
    if error.status >= 500 or isinstance(error, errors.NotFound):
        raise error
    return await job_page(call, view, ref, JobPageQuery(), {name: form.refused(error)})


def _of(job: Job, ref: str, notice: str) -> Done:
    """Redirect to the job, which may have a new version: by name, or by the new version's id."""
    return Done(notice=notice, place=("jobs", ref if ref == job.name else job.job_id))


def _version(form: SentForm) -> changes.Versions:
    """Return the version that the form was created for."""
    text = form.text("if_match")
    return [int(text)] if text.isascii() and text.isdigit() and len(text) <= 9 else None
