"""Routes that summarize the recent past and the near future of a workspace and of the instance."""

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
    """Get an overview of a workspace.

    The last and the next hour by minute, failing and late jobs with the reasons, dead letters, the queue, workers and
    pg_cron."""
    return answer(await overview.get(view, await readiness_of(call, instance)))


@router.get(
    "/v1/workspaces/{w}/load", needs=Role.VIEWER, responses=answers({200: Load}) | problems(errors.WorkspaceNotFound)
)
async def get_load(view: View, query: Annotated[LoadQuery, Query()]) -> Response:
    """Get the number of runs of a workspace's jobs in each of the coming minutes."""
    return answer(await load.of_workspace(view, query.window))


@router.get(
    "/v1/workspaces/{w}/load/minute",
    needs=Role.VIEWER,
    responses=answers({200: LoadMinute}) | problems(errors.WorkspaceNotFound),
)
async def get_load_of_minute(view: View, query: Annotated[LoadMinuteQuery, Query()]) -> Response:
    """List the jobs that run in a future minute, and the effect of spreading them over the following minutes."""
    found = await load.of_workspace(view, query.window)
    return answer(await load.minute(view, found, query.at, query.spread))


@router.get(
    "/v1/workspaces/{w}/load/plan",
    needs=Role.VIEWER,
    responses=answers({200: SpreadPlan}) | problems(errors.WorkspaceNotFound),
)
async def get_load_plan(view: View, query: Annotated[LoadQuery, Query()]) -> Response:
    """Plan how to move jobs that allow it (`spread`), so that the busiest minute has fewer deliveries.

    Nothing is changed. To make a move, PATCH the job's `offset_seconds`."""
    return answer(await spreading.plan(view, query.window))


@router.get("/v1/system/load", needs=Role.INSTANCE_ADMIN, responses=answers({200: InstanceLoad}))
async def get_instance_load(instance: Instance, query: Annotated[LoadQuery, Query()]) -> Response:
    """Get the number of runs of all jobs in each of the coming minutes, and what pg_cron and workers can handle."""
    return answer(await load.of_instance(instance, query.window))


async def readiness_of(call: Call, instance: InstanceView) -> readiness.Readiness:
    """Return the facts that readiness is based on. Concurrent calls share one query. Raises DatabaseUnavailable."""
    seconds = call.context.settings.ready_seconds
    found = await call.context.probe.ask(lambda: readiness.get(instance), seconds)
    if found is None:
        raise call.context.pool.why_no_answer(seconds)
    return found
