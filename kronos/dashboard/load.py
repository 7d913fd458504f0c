"""The load pages: future runs of a workspace and of the instance, the plan, and suggestions to spread a minute."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import changes, errors, jobs, load, spreading
from kronos.api.call import Call
from kronos.api.dependencies import Instance, View
from kronos.api.fields import UUID_FORM
from kronos.api.job_schemas import JobPatch
from kronos.api.requests import job_changes
from kronos.counting import counted
from kronos.dashboard import heat
from kronos.dashboard.forms import sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.queries import TypedLoadQuery, TypedWindowQuery
from kronos.database import WorkspaceView
from kronos.model import JsonObject, Role

pages = Pages()
_VERSION = re.compile(r"[0-9]{1,9}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,4}", re.ASCII)
_OTHER_FORM = ("the form was altered", "Reload the page.")
_MOST_MOVED = 50
_MOST_PLANNED = 50
_MOST_TOLD = 3


@pages.get("/w/{w}/load", needs=Role.VIEWER)
async def get_load(call: Call, view: View, query: Annotated[TypedLoadQuery, Query()]) -> Response:
    """Runs per minute in the next day or week, the busiest minutes with their jobs, and the effect of spreading."""
    found = await load.of_workspace(view, query.window, call.context.coming)
    minute = (
        await load.minute(view, found, query.at, query.spread, call.context.coming) if query.at is not None else None
    )
    return _shown(call, query, found, minute)


@pages.post("/w/{w}/load/spread", needs=Role.OPERATOR)
async def spread_jobs(call: Call, view: View) -> Response:
    """Change the schedules of the selected jobs, one change each, if they are still at the version shown."""
    form = await sent(call)
    chosen = form.all("move")
    if not chosen or len(chosen) > _MOST_MOVED:
        raise errors.InvalidRequest.of(f"{len(chosen)} jobs were selected", f"Select 1 to {_MOST_MOVED} of them.")
    told = await _changed(call, view, [(*_of_form(each)[:2], {"cron": _of_form(each)[2]}) for each in chosen])
    return done(call, told, "w", view.workspace, "load")


@pages.get("/w/{w}/load/plan", needs=Role.VIEWER)
async def get_load_plan(call: Call, view: View, query: Annotated[TypedWindowQuery, Query()]) -> Response:
    """The planned moves of jobs whose owners allow them, and each minute before and after."""
    found = await spreading.compared(view, query.window, call.context.coming)
    plan = found.plan
    most = max(plan.before, plan.after)
    return shown(
        call,
        "load_plan.html",
        plan=plan,
        window=query.window,
        before=heat.map_of(plan.from_at, found.runs_before, most),
        after=heat.map_of(plan.from_at, found.runs_after, most),
        most_moved=_MOST_PLANNED,
    )


@pages.post("/w/{w}/load/plan", needs=Role.OPERATOR)
async def apply_load_plan(call: Call, view: View) -> Response:
    """Move the selected jobs by the offsets shown, one change each, if they are still at the version shown."""
    form = await sent(call)
    chosen = form.all("move")
    if not chosen or len(chosen) > _MOST_PLANNED:
        raise errors.InvalidRequest.of(f"{len(chosen)} jobs were selected", f"Select 1 to {_MOST_PLANNED} of them.")
    if form.text("confirmed") != "yes":
        raise errors.InvalidRequest.of("the plan was not confirmed", "Check the box to confirm the moves.")
    moves = []
    for each in chosen:
        ref, version, offset = _of_form(each)
        if not _SECONDS.fullmatch(offset):
            raise errors.InvalidRequest.of(*_OTHER_FORM)
        moves.append((ref, version, {"offset_seconds": int(offset)}))
    return done(call, await _changed(call, view, moves), "w", view.workspace, "load", "plan")


def _of_form(chosen: str) -> tuple[str, int, str]:
    """Return a selected job's id, its version and its new value. Raises InvalidRequest."""
    ref, version, value = (*chosen.split(" ", 2), "", "")[:3]
    if not UUID_FORM.fullmatch(ref) or not _VERSION.fullmatch(version):
        raise errors.InvalidRequest.of(*_OTHER_FORM)
    return ref, int(version), value


async def _changed(call: Call, view: WorkspaceView, moves: Sequence[tuple[str, int, JsonObject]]) -> str:
    """Change each job like a PATCH, if it is still at its version, and return the notice."""
    moved, refused = 0, []
    for ref, version, change in moves:
        try:
            body = await call.judged(JobPatch, change)
            await changes.replace(view, ref, job_changes(body), if_match=frozenset({version}))
            moved += 1
        except (errors.Conflict, errors.JobNotFound, errors.PreconditionFailed, errors.Unprocessable) as error:
            refused.append((ref, error))
    told = [await _left_alone(view, ref, error) for ref, error in refused[:_MOST_TOLD]]
    more = f"And {len(refused) - _MOST_TOLD} more." if len(refused) > _MOST_TOLD else ""
    return " ".join([f"{moved} of {counted(len(moves), 'job')} moved.", *told, more]).strip()[:900]


async def _left_alone(view: WorkspaceView, ref: str, error: errors.KronosError) -> str:
    """Return a sentence on a job that was not moved, with the reason."""
    try:
        job = await jobs.get(view, ref)
    except errors.JobNotFound:
        return f"{ref[:8]} no longer exists."
    name = job.name or ref[:8]
    if error.code in ("precondition_failed", "job_not_updatable"):
        return f"{name} was changed in the meantime and was not moved."
    return f"{name}: {error.detail}."


@pages.get("/system/load", needs=Role.INSTANCE_ADMIN)
async def get_instance_load(call: Call, instance: Instance, query: Annotated[TypedLoadQuery, Query()]) -> Response:
    """Runs per minute of all jobs of the instance."""
    return _shown(call, query, await load.of_instance(instance, query.window, call.context.coming))


def _shown(call: Call, query: TypedLoadQuery, found: load.Load, minute: load.LoadMinute | None = None) -> Response:
    return shown(
        call,
        "load.html",
        found=_without_runs(found),
        window=query.window,
        heat=heat.map_of(found.from_at, found.runs),
        minute=minute,
        most_moved=_MOST_MOVED,
        minutes=query.spread,
    )


def _without_runs(found: load.Load) -> dict[str, object]:
    """Return the parts of the load that the template shows."""
    names = ("from_at", "until", "jobs", "left_out", "busiest", "pg_cron_per_minute", "worker_per_minute")
    return {name: getattr(found, name) for name in names} | {"whole": sum(found.runs), "most": max(found.runs)}
