"""Routes for the instance's administrator: its status, and its jobs compared with pg_cron's entries."""

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
from kronos.records import dataclass
from kronos.system import Alarms, BusyWorker, Drift, HistoryPartition, KeptHistory, PendingWork, Status, ZoneData

router = Router("/v1/system", tags=["system"])


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """pg_cron, lag, workers and time zone data.

    `steps`: operations, and suspensions, resumptions and cancellations that took effect but whose rows are still being
    updated. `warnings`: what delays ticks, or soon will. `findings`: results of `kronos doctor`'s cheap checks, failed
    checks first."""

    status: Status
    steps: list[PendingWork]
    time_zone_data: ZoneData
    warnings: list[str]
    findings: list[ShownFinding]


@router.get("/status", needs=Role.INSTANCE_ADMIN, responses=answers({200: InstanceStatus}))
async def get_status(instance: Instance, settings: SettingsOf) -> Response:
    """Get the status of the instance: pg_cron, lag, workers, work done in steps, and time zone data."""
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
    """The workers that have deliveries in progress."""

    data: list[BusyWorker]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How long history is kept, and in which partitions."""

    retention: KeptHistory
    partitions: list[HistoryPartition]


@router.get("/workers", needs=Role.INSTANCE_ADMIN, responses=answers({200: BusyWorkers}))
async def list_workers(instance: Instance) -> Response:
    """List the deliveries in progress per worker. Idle workers are not listed; status counts the sessions of all."""
    return answer(BusyWorkers(data=await system.workers(instance)))


@router.get("/history", needs=Role.INSTANCE_ADMIN, responses=answers({200: History}))
async def get_history(instance: Instance) -> Response:
    """Get the instance's retention and the partitions of its history."""
    return answer(History(retention=await system.retention(instance), partitions=await system.partitions(instance)))


@router.get("/alarms", needs=Role.INSTANCE_ADMIN, responses=answers({200: Alarms}))
async def get_alarms(instance: Instance) -> Response:
    """Get how pg_cron rings for jobs: one entry per job, or one for all jobs that ring together, and how often."""
    return answer(await system.alarms(instance))


@router.get("/drift", needs=Role.INSTANCE_ADMIN, responses=answers({200: Drift}))
async def get_drift(instance: Instance, query: Annotated[DriftQuery, Query()]) -> Response:
    """Compare jobs with pg_cron's entries. The reaper repairs differences within a minute."""
    return answer(await system.drift(instance, limit=query.limit))
