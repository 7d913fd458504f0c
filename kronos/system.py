"""The instance as its administrator sees it: status, differences between jobs and pg_cron's entries, time zone data."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict

from kronos import tzdata
from kronos.counting import counted
from kronos.database import InstanceView
from kronos.model import JsonObject, OperationKind
from kronos.readiness import Readiness, why_degraded, why_not_ready
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRules:
    """When a change of the rules of a zone in use was last noticed; None: never."""

    changed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The instance as PostgreSQL reports it. overdue_jobs: due for more than 150 s, which catch-up should prevent;
    counted up to 10,000.

    alarm_failure: why pg_cron's newest alarms fail. waiting_endpoints: endpoints whose due executions have waited for a
    worker for more than a minute; waiting_seconds: the longest wait. unserved_groups: groups that no worker serves, and
    whose executions have waited as long.
    """

    postgresql_version: str
    pg_cron_version: str | None
    pg_cron_silent_seconds: float
    internal_jobs: int
    internal_entries: int
    has_launcher: bool
    overdue_jobs: int
    overdue_seconds: float | None
    worker_sessions: int
    cron_timezone: str | None
    match_dom_and_dow: str | None
    zones_changed_at: datetime | None
    is_held: bool
    is_read_only: bool
    alarm_failure: str | None
    waiting_endpoints: int
    waiting_seconds: float | None
    unserved_groups: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWork:
    """A suspension, resumption or cancellation in force since `since`, whose rows still follow in steps; or an
    operation, which has been running in steps since `since`.

    remaining: jobs of the workspace; for a CANCELLATION executions of the job, counted up to 10,000; for an operation
    dead letters, approximately. last_error: at, type and message of the last step that failed.
    """

    kind: Literal["SUSPENSION", "RESUMPTION", "CANCELLATION"] | OperationKind
    workspace: str
    job_id: UUID | None
    remaining: int
    since: datetime
    last_error: JsonObject | None
    operation_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """How pg_cron is set to ring for the instance's jobs. wanted: the setting; `are_shared`: the mode in force since
    `changed_at`, which entries follow within minutes.

    jobs: live jobs; alarms: their number of different alarms; entries: Kronos's entries in pg_cron, including those
    of internal jobs. folded: the minutes of the hour at which one alarm rings for all jobs that ring at no others;
    null: none. rings_*: how often pg_cron rings for jobs per day, with an entry per job, with one per alarm, and now.
    """

    wanted: Literal["auto", "own", "shared"]
    are_shared: bool
    changed_at: datetime
    jobs: int
    alarms: int
    entries: int
    folded: str | None
    rings_apart: float
    rings_shared: float
    rings_now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """One difference, and the number of all."""

    job_id: UUID | None
    workspace: str | None
    jobid: int | None
    jobname: str
    difference: str
    differences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference between a job and its entry; job_id and workspace are null if the entry names no job."""

    job_id: UUID | None
    workspace: str | None
    jobid: int | None
    jobname: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Differences between jobs and pg_cron's entries: their number, and the first of them by the entry's name."""

    differences: int
    data: list[Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRow:
    """An execution that a worker is delivering; `running`: how many it has."""

    worker_id: str
    running: int
    execution_id: UUID
    workspace: str
    endpoint: str
    job_id: UUID
    job: str | None
    attempt: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningExecution:
    """An execution that a worker is delivering. job: the job's name, null if it has none."""

    execution_id: UUID
    workspace: str
    endpoint: str
    job_id: UUID
    job: str | None
    attempt: int
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyWorker:
    """A worker with claims: how many, and the five executions that it claimed first. Counted are the 10,000 claims
    whose leases expire first."""

    worker_id: str
    running: int
    executions: list[RunningExecution]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPartition:
    """A week of history. `rows`: as last analyzed; null: never analyzed."""

    history: Literal["executions", "attempts"]
    partition: str
    from_at: datetime
    until_at: datetime
    rows: int | None
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEnd:
    """The end of a history's partitions."""

    history: Literal["executions", "attempts"]
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHistory:
    """How long the instance keeps its history, in days; when retention last ran, and when it last left nothing to do.
    `unsealed`: audit rows that are in no chain yet, counted up to 10,000."""

    success_days: int
    failure_days: int
    run_details_days: int
    audit_days: int
    ran_at: datetime
    done_at: datetime
    unsealed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneData:
    """PostgreSQL's time zone data compared with this process's. postgresql_version: null if PostgreSQL is on another
    machine, or if its zones differ."""

    postgresql_version: str | None
    client_version: str | None
    is_old: bool | None
    differs_in: list[str]


_STATUS = statement("system.get_status", Status)
_STEPS = statement("system.list_steps", PendingWork)
_STEPS_SHOWN = 100
_DRIFT = statement("system.list_drift", DriftRow)
_WORKERS = statement("system.list_workers", RunningRow)
_WORKERS_SHOWN = 200
_ALARMS = statement("system.get_alarms", Alarms)
_HISTORY_ENDS = statement("system.list_history_ends", HistoryEnd)
_PARTITIONS = statement("system.list_partitions", HistoryPartition)
_RETENTION = statement("system.get_retention", KeptHistory)
_ZONES_READ = statement("system.list_zones_read", tzdata.ZoneReading)
_ZONE_RULES = statement("system.get_zone_rules", ZoneRules)
HELD = (
    "the instance is held: no tick is accounted for and nothing is delivered; it resumes once `kronos up` is started "
    "without --hold,"
    " or kronos.hold is off"
)


async def zone_rules(view: InstanceView) -> ZoneRules:
    """Return what distinguishes sessions with old time zone data from new ones. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_ZONE_RULES, {})
    return found


async def status(view: InstanceView) -> Status:
    """Return the instance's status as PostgreSQL reports it. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_STATUS, {})
    return found


async def steps(view: InstanceView) -> list[PendingWork]:
    """Return work in steps, oldest first, then operations, up to a hundred. Raises DatabaseUnavailable."""
    return await view.rows(_STEPS, {"limit": _STEPS_SHOWN})


async def drift(view: InstanceView, *, limit: int) -> Drift:
    """Compare jobs with cron.job. Raises DatabaseUnavailable."""
    found = await view.rows(_DRIFT, {"limit": limit})
    data = [
        Difference(
            job_id=row.job_id, workspace=row.workspace, jobid=row.jobid, jobname=row.jobname, difference=row.difference
        )
        for row in found
    ]
    return Drift(differences=found[0].differences if found else 0, data=data)


async def workers(view: InstanceView) -> list[BusyWorker]:
    """Return the workers with deliveries in progress, sorted by ID, up to 200. Raises DatabaseUnavailable."""
    found: dict[str, BusyWorker] = {}
    for row in await view.rows(_WORKERS, {"limit": _WORKERS_SHOWN}):
        worker = found.setdefault(
            row.worker_id, BusyWorker(worker_id=row.worker_id, running=row.running, executions=[])
        )
        worker.executions.append(
            RunningExecution(
                execution_id=row.execution_id,
                workspace=row.workspace,
                endpoint=row.endpoint,
                job_id=row.job_id,
                job=row.job,
                attempt=row.attempt,
                claimed_at=row.claimed_at,
            )
        )
    return list(found.values())


async def alarms(view: InstanceView) -> Alarms:
    """Return how pg_cron is set to ring for jobs. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_ALARMS, {})
    return found


async def history_ends(view: InstanceView) -> list[HistoryEnd]:
    """Return the end of each history's partitions, which costs less than listing them. Raises DatabaseUnavailable."""
    return await view.rows(_HISTORY_ENDS, {})


def ends_of(history: Iterable[HistoryPartition]) -> list[HistoryEnd]:
    """Return the same from a list of partitions."""
    ends: dict[Literal["executions", "attempts"], datetime] = {}
    for each in history:
        ends[each.history] = max(each.until_at, ends.get(each.history, each.until_at))
    return [HistoryEnd(history=name, until_at=until) for name, until in ends.items()]


async def partitions(view: InstanceView) -> list[HistoryPartition]:
    """Return the partitions of history, the newest week first. Raises DatabaseUnavailable."""
    return await view.rows(_PARTITIONS, {})


async def retention(view: InstanceView) -> KeptHistory:
    """Return how long the instance keeps its history, and retention's progress. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_RETENTION, {})
    return found


async def zone_readings(view: InstanceView) -> list[tzdata.ZoneReading]:
    """Return the zones in use as PostgreSQL reads them. Raises DatabaseUnavailable."""
    return await view.rows(_ZONES_READ, {})


async def zone_data(view: InstanceView, *, database_url: str) -> ZoneData:
    """Compare the time zone data of both sides. Raises DatabaseUnavailable.

    Only superusers can read the server's files. On one machine both read the same files, so if their zones agree,
    PostgreSQL's version is this process's.
    """
    differs_in = tzdata.differing(await zone_readings(view))
    version = tzdata.client_version()
    is_here = str(conninfo_to_dict(database_url).get("host") or "/").startswith(("/", "127.", "localhost", "::1"))
    server = version if is_here and not differs_in else None
    return ZoneData(
        postgresql_version=server,
        client_version=version,
        is_old=tzdata.is_old(server, datetime.now(UTC).date()) if server is not None else None,
        differs_in=differs_in,
    )


def warnings_of(found: Status, zones: ZoneData, *, is_elsewhere: bool = False) -> list[str]:
    """Return what an administrator should look at, a sentence each; `kronos doctor` reports more. `is_elsewhere`:
    pg_cron's launcher serves another database."""
    items = []
    readiness = Readiness(
        extension_version=found.pg_cron_version,
        internal_jobs=found.internal_jobs,
        internal_entries=found.internal_entries,
        silent_seconds=found.pg_cron_silent_seconds,
        is_read_only=found.is_read_only,
        alarm_failure=found.alarm_failure,
        worker_sessions=found.worker_sessions,
        waiting_endpoints=found.waiting_endpoints,
        waiting_seconds=found.waiting_seconds,
        unserved_groups=found.unserved_groups,
        has_launcher=found.has_launcher,
        is_elsewhere=is_elsewhere,
    )
    if (reason := why_not_ready(readiness)) is not None:
        items.append(reason)
    if found.is_held:
        items.append(HELD)
    items += why_degraded(readiness)
    if found.overdue_jobs:
        jobs = counted(found.overdue_jobs, "job is", "jobs are")
        items.append(f"{jobs} due for up to {found.overdue_seconds or 0:.0f} s")
    items += misread_entries(found.cron_timezone, found.match_dom_and_dow)
    if zones.is_old:
        items.append(
            f"PostgreSQL's time zone data is {zones.postgresql_version}, more than a year old: update tzdata on "
            "PostgreSQL's machine"
        )
    if zones.differs_in:
        items.append(f"PostgreSQL and this process have different rules for: {', '.join(zones.differs_in[:5])}")
    return items


def misread_entries(cron_timezone: str | None, match_dom_and_dow: str | None) -> list[str]:
    """Return the settings that make pg_cron misread Kronos's entries, a sentence each. None: pg_cron has no such
    setting."""
    items = []
    if (cron_timezone or "GMT").upper() not in ("GMT", "UTC", "ETC/UTC", "ETC/GMT"):
        items.append(f"cron.timezone is {cron_timezone}: every entry rings each minute")
    if match_dom_and_dow == "on":
        items.append("cron.match_dom_and_dow is on: entries with both day fields ring only where both match")
    return items
