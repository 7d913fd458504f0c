"""Routes of the instance's administrator: how it is doing, and its jobs against pg_cron's entries."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import system
from kronos.api.call import answer
from kronos.api.dependencies import Instance, SettingsOf
from kronos.api.document import answers
from kronos.api.operation import Router
from kronos.api.query_schemas import DriftQuery
from kronos.doctor import asked
from kronos.doctor.asked import ShownFinding
from kronos.model import Role
from kronos.system import Alarms, BusyWorker, Drift, HistoryPartition, KeptHistory, PendingWork, Status, ZoneData

router = Router("/v1/system", tags=["system"])


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """pg_cron, lag, workers and time zone data; `steps`: suspensions, resumptions and cancellations that hold, and
    that rows still follow, and operations; `warnings` say what keeps ticks from their time, or soon will; `findings`:
    what `kronos doctor` would say, of the checks that cost little, what does not hold first."""

    status: Status
    steps: list[PendingWork]
    time_zone_data: ZoneData
    warnings: list[str]
    findings: list[ShownFinding]


@router.get("/status", needs=Role.INSTANCE_ADMIN, responses=answers({200: InstanceStatus}))
async def get_status(instance: Instance, settings: SettingsOf) -> Response:
    """The instance: pg_cron, lag, workers, what is followed in steps, time zone data."""
    found = await system.status(instance)
    zones = await system.zone_data(instance, database_url=settings.database_url.get_secret_value())
    steps = await system.steps(instance)
    shown = InstanceStatus(
        status=found,
        steps=steps,
        time_zone_data=zones,
        warnings=system.warnings_of(found, zones),
        findings=await asked.ask(
            instance,
            settings,
            status=found,
            zones=zones,
            steps=steps,
            kept=await system.retention(instance),
            ends=await system.history_ends(instance),
        ),
    )
    return answer(shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWorkers:
    """The workers that have something under way."""

    data: list[BusyWorker]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How history is kept: for how long, and in which partitions."""

    retention: KeptHistory
    partitions: list[HistoryPartition]


@router.get("/workers", needs=Role.INSTANCE_ADMIN, responses=answers({200: BusyWorkers}))
async def list_workers(instance: Instance) -> Response:
    """What workers have under way. One that has nothing to do is not listed: status counts the sessions of all."""
    return answer(BusyWorkers(data=await system.workers(instance)))


@router.get("/history", needs=Role.INSTANCE_ADMIN, responses=answers({200: History}))
async def get_history(instance: Instance) -> Response:
    """The instance's retention, and the partitions of its history."""
    return answer(History(retention=await system.retention(instance), partitions=await system.partitions(instance)))


@router.get("/alarms", needs=Role.INSTANCE_ADMIN, responses=answers({200: Alarms}))
async def get_alarms(instance: Instance) -> Response:
    """How pg_cron is asked to ring for jobs: an entry each, or one for all that ring alike; and how often it rings."""
    return answer(await system.alarms(instance))


@router.get("/drift", needs=Role.INSTANCE_ADMIN, responses=answers({200: Drift}))
async def get_drift(instance: Instance, query: Annotated[DriftQuery, Query()]) -> Response:
    """Jobs against pg_cron's entries: what the reaper puts right, a minute later at most."""
    return answer(await system.drift(instance, limit=query.limit))
