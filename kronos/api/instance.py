"""Routes of the instance's administrator: how it is doing, and its jobs against pg_cron's entries."""

from dataclasses import dataclass

from starlette.responses import Response

from kronos import system
from kronos.api.call import Call, answer
from kronos.api.declared import Routes as Router
from kronos.api.schemas import DriftQuery, NoQuery
from kronos.system import Drift, Status, ZoneData

router = Router("system")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """pg_cron, lag, workers and time zone data; `warnings` say what keeps ticks from their time, or soon will."""

    status: Status
    time_zone_data: ZoneData
    warnings: list[str]


@router.operation("GET", "/v1/system/status", answers={200: InstanceStatus})
async def get_status(call: Call) -> Response:
    """The instance: pg_cron, lag, workers, time zone data."""
    call.parameters(NoQuery)
    view = call.instance()
    found = await system.status(view)
    zones = await system.zone_data(view, database_url=call.context.settings.database_url.get_secret_value())
    return answer(InstanceStatus(status=found, time_zone_data=zones, warnings=system.warnings_of(found, zones)))


@router.operation("GET", "/v1/system/drift", query=DriftQuery, answers={200: Drift})
async def get_drift(call: Call) -> Response:
    """Jobs against pg_cron's entries: what the reaper puts right, a minute later at most."""
    query = call.parameters(DriftQuery)
    return answer(await system.drift(call.instance(), limit=query.limit))
