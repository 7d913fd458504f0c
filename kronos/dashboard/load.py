"""The pages of the load to come: a workspace's, with what spreading its jobs would give, and the instance's."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import changes, errors, load
from kronos.api.call import Call
from kronos.api.dependencies import Instance, View
from kronos.api.fields import UUID_FORM
from kronos.api.job_schemas import JobPatch
from kronos.api.requests import job_changes
from kronos.dashboard import heat
from kronos.dashboard.forms import sent
from kronos.dashboard.page import Pages, done, shown
from kronos.dashboard.queries import TypedLoadQuery
from kronos.model import Role

pages = Pages()
_MOST_MOVED = 50


@pages.get("/w/{w}/load", needs=Role.VIEWER)
async def get_load(call: Call, view: View, query: Annotated[TypedLoadQuery, Query()]) -> Response:
    """Runs a minute of the coming day or week, the busiest minutes with their jobs, and what spreading would give."""
    found = await load.of_workspace(view, query.window, call.context.coming)
    minute = await load.minute(view, found, query.at, query.spread) if query.at is not None else None
    return _shown(call, query, found, minute)


@pages.post("/w/{w}/load/spread", needs=Role.OPERATOR)
async def spread_jobs(call: Call, view: View) -> Response:
    """Give the ticked jobs their new times, one change each, at the version that was shown."""
    form = await sent(call)
    chosen = form.all("move")
    if not chosen or len(chosen) > _MOST_MOVED:
        raise errors.InvalidRequest.of(f"{len(chosen)} jobs were ticked", f"Tick 1 to {_MOST_MOVED} of them.")
    moved, refused = 0, []
    for each in chosen:
        ref, version, cron = (*each.split(" ", 2), "", "")[:3]
        if not UUID_FORM.fullmatch(ref) or not version.isascii() or not version.isdigit():
            raise errors.InvalidRequest.of("the form is not as it was shown", "Load the page again.")
        try:
            body = await call.judged(JobPatch, {"cron": cron})
            await changes.replace(view, ref, job_changes(body), if_match=frozenset({int(version)}))
            moved += 1
        except (errors.Conflict, errors.JobNotFound, errors.PreconditionFailed, errors.Unprocessable) as error:
            refused.append(error.detail)
    call.context.coming.forget(view.workspace)
    return done(
        call,
        " ".join([f"{moved} of {len(chosen)} jobs have new times.", *refused[:2]])[:600],
        "w",
        view.workspace,
        "load",
    )


@pages.get("/system/load", needs=Role.INSTANCE_ADMIN)
async def get_instance_load(call: Call, instance: Instance, query: Annotated[TypedLoadQuery, Query()]) -> Response:
    """Runs a minute of all jobs."""
    return _shown(call, query, await load.of_instance(instance, query.window))


def _shown(call: Call, query: TypedLoadQuery, found: load.Load, minute: load.LoadMinute | None = None) -> Response:
    return shown(
        call,
        "load.html",
        found=_without_runs(found),
        window=query.window,
        heat=heat.map_of(found),
        minute=minute,
        most_moved=_MOST_MOVED,
        minutes=query.spread,
    )


def _without_runs(found: load.Load) -> dict[str, object]:
    """What a template shows of it."""
    names = ("from_at", "until", "jobs", "left_out", "busiest", "pg_cron_per_minute", "worker_per_minute")
    return {name: getattr(found, name) for name in names} | {"whole": sum(found.runs), "most": max(found.runs)}
