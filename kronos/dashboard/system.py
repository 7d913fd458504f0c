"""The system pages for the instance's administrator: pg_cron, workers, internal jobs, retention, and the progress of
workspace deletions, which outlive their workspaces."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from kronos import deletions, executions, jobs, readiness, system, workspaces
from kronos.api.call import Call
from kronos.api.dependencies import Instance, OperationId, SettingsOf
from kronos.api.fields import Query as QueryModel
from kronos.api.overview import readiness_of
from kronos.dashboard.page import Pages, shown
from kronos.database import WorkspaceView
from kronos.doctor import asked
from kronos.executions import ExecutionFilter
from kronos.jobs import JobFilter
from kronos.model import Execution, JsonObject, ListedExecution, Role

pages = Pages()
_MOST_DIFFERENCES: Final = 50
_LOOKED_AT: Final = 60
"""Runs of internal jobs to read: three ring per minute, so these cover twenty minutes."""
_REPAIRS: Final = ("registered", "unscheduled", "corrected", "resumed", "ended", "alarms", "pointers", "failed")


class SystemQuery(QueryModel):
    """The part of the page to show."""

    part: Literal["drift"] | None = Field(default=None, description="Include the comparison of jobs and entries.")


class DeletionOf(QueryModel):
    """The workspace being deleted."""

    workspace: UUID = Field(description="The workspace's id.")


@pages.get("/system", needs=Role.INSTANCE_ADMIN)
async def get_system(
    call: Call, instance: Instance, settings: SettingsOf, query: Annotated[SystemQuery, Query()]
) -> Response:
    """The state of the instance.

    Jobs and entries are compared only on request (a separate page without scripts), because it takes as long as the
    reaper."""
    if query.part == "drift":
        is_part = call.headers.get("hx-request") == "true"
        drift = await system.drift(instance, limit=_MOST_DIFFERENCES)
        return shown(call, "parts/drift.html" if is_part else "drift.html", drift=drift)
    found = await system.status(instance)
    is_elsewhere = (await readiness_of(call, instance)).is_elsewhere
    zones = await system.zone_data(instance, database_url=settings.database_url.get_secret_value())
    steps = await system.steps(instance)
    kept, history = await system.retention(instance), await system.partitions(instance)
    ends = system.ends_of(history)
    findings = await asked.ask(instance, settings, status=found, zones=zones, steps=steps, kept=kept, ends=ends)
    own = WorkspaceView(call.context.pool, workspaces.SYSTEM)
    runs = await executions.list_page(own, ExecutionFilter(), limit=_LOOKED_AT, before=None)
    return shown(
        call,
        "system.html",
        found=found,
        zones=zones,
        silent_after=readiness.SILENT_AFTER.total_seconds(),
        findings=[each for each in findings if not each.ok],
        held=sum(each.ok for each in findings),
        steps=steps,
        is_elsewhere=is_elsewhere,
        workers=await system.workers(instance),
        internal=await jobs.list_page(own, JobFilter(status="ACTIVE"), limit=20, before=None),
        last=_last(runs),
        repairs=_repairs(runs),
        retention=kept,
        partitions=history,
        drift=None,
    )


@pages.get("/system/deletions/{o}", needs=Role.INSTANCE_ADMIN)
async def get_deletion(
    call: Call, instance: Instance, operation_id: OperationId, query: Annotated[DeletionOf, Query()]
) -> Response:
    """The progress of a workspace's deletion."""
    operation = await deletions.get(instance, str(query.workspace), operation_id)
    return shown(call, "deletion.html", operation=operation)


def _last(runs: list[ListedExecution]) -> dict[str, Execution]:
    """Return the newest run of each internal job, by name."""
    found: dict[str, Execution] = {}
    for each in runs:
        found.setdefault(each.job_name or "", each)
    return found


def _repairs(runs: list[ListedExecution]) -> list[dict[str, object]]:
    """Return the reaper's runs that repaired something, with their repairs."""
    made: list[dict[str, object]] = []
    for each in runs:
        counts: JsonObject = each.output if each.job_name == "reaper" and isinstance(each.output, dict) else {}
        done = {name: counts[name] for name in _REPAIRS if counts.get(name)}
        if done or (each.job_name == "reaper" and each.status == "FAILED"):
            made.append({"at": each.scheduled_at, "execution_id": each.execution_id, "done": done, "error": each.error})
    return made
