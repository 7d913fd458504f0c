"""Routes of what a workspace, and the instance, did and is going to do, at a glance."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import errors, load, overview, readiness, spreading
from kronos.api.call import Call, answer
from kronos.api.dependencies import Instance, View
from kronos.api.document import answers, problems
from kronos.api.operation import Router
from kronos.api.query_schemas import LoadMinuteQuery, LoadQuery
from kronos.database import InstanceView
from kronos.load import InstanceLoad, Load, LoadMinute
from kronos.model import Role
from kronos.overview import Overview
from kronos.spreading import SpreadPlan

router = Router(tags=["overview"])


@router.get(
    "/v1/workspaces/{w}/overview",
    needs=Role.VIEWER,
    responses=answers({200: Overview}) | problems(errors.WorkspaceNotFound),
)
async def get_overview(call: Call, view: View, instance: Instance) -> Response:
    """A workspace at a glance: the last and the next hour by minute, failing and late jobs and why, dead letters, the
    queue, workers, pg_cron."""
    return answer(await overview.get(view, await readiness_of(call, instance)))


@router.get(
    "/v1/workspaces/{w}/load", needs=Role.VIEWER, responses=answers({200: Load}) | problems(errors.WorkspaceNotFound)
)
async def get_load(view: View, query: Annotated[LoadQuery, Query()]) -> Response:
    """How many runs each coming minute has, of a workspace's jobs."""
    return answer(await load.of_workspace(view, query.window))


@router.get(
    "/v1/workspaces/{w}/load/minute",
    needs=Role.VIEWER,
    responses=answers({200: LoadMinute}) | problems(errors.WorkspaceNotFound),
)
async def get_load_of_minute(view: View, query: Annotated[LoadMinuteQuery, Query()]) -> Response:
    """The jobs that run in a minute to come, and what spreading them over the minutes after it would give."""
    found = await load.of_workspace(view, query.window)
    return answer(await load.minute(view, found, query.at, query.spread))


@router.get(
    "/v1/workspaces/{w}/load/plan",
    needs=Role.VIEWER,
    responses=answers({200: SpreadPlan}) | problems(errors.WorkspaceNotFound),
)
async def get_load_plan(view: View, query: Annotated[LoadQuery, Query()]) -> Response:
    """How to move the jobs whose owners allow it (`spread`), so that the busiest minute has fewer deliveries.

    Nothing is changed: each move is a PATCH of its job's `offset_seconds`."""
    return answer(await spreading.plan(view, query.window))


@router.get("/v1/system/load", needs=Role.INSTANCE_ADMIN, responses=answers({200: InstanceLoad}))
async def get_instance_load(instance: Instance, query: Annotated[LoadQuery, Query()]) -> Response:
    """How many runs each coming minute has, of all jobs, against what pg_cron and workers can do."""
    return answer(await load.of_instance(instance, query.window))


async def readiness_of(call: Call, instance: InstanceView) -> readiness.Readiness:
    """What readiness is judged by; asked once at a time. Raises DatabaseUnavailable."""
    seconds = call.context.settings.ready_seconds
    found = await call.context.probe.ask(lambda: readiness.get(instance), seconds)
    if found is None:
        raise call.context.pool.why_no_answer(seconds)
    return found
