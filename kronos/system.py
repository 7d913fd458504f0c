"""The instance itself: its keys as the API asks for them, and whether it can do its work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import sql as composed
from psycopg.conninfo import conninfo_to_dict

from kronos import errors, revisions, session, tzdata
from kronos.config import Settings
from kronos.database import InstanceView
from kronos.model import Role as KeyRole
from kronos.session import Role
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is stored of a key: enough to recognise its secret, not to know it."""

    key_id: UUID
    secret_sha256: bytes
    role: KeyRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """pg_cron and the queue as seen from outside: silent_seconds is since pg_cron last rang an internal job, or since PostgreSQL started.

    alarm_failure: why its newest alarms fail. waiting_seconds: how long the oldest due execution has waited for a worker, None where
    none has for long. is_read_only: this PostgreSQL is a standby.
    """

    extension_version: str | None
    internal_jobs: int
    internal_entries: int
    silent_seconds: float
    is_read_only: bool
    alarm_failure: str | None
    worker_sessions: int
    waiting_endpoints: int
    waiting_seconds: float | None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What a worker's look at pg_cron found, and what its ring did; `executions` is None where it did not ring."""

    at: datetime  # PostgreSQL's clock
    is_heard: bool
    is_silent: bool
    executions: int | None
    is_left: bool  # something is still due
    internal_jobs: list[UUID]  # to be run in silent pg_cron's place


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalRun:
    """Whether an internal job was run in pg_cron's place."""

    is_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRules:
    """When other rules of a time zone in use were last noticed; None: never."""

    changed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The instance as PostgreSQL tells it. overdue_jobs: due for more than 150 s, which catch-up leaves none of; counted up to 10,000.

    alarm_failure: why pg_cron's newest alarms fail. waiting_endpoints: whose due executions have waited for a worker for more than a
    minute, waiting_seconds: the longest of these.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """One difference, and how many there are."""

    job_id: UUID | None
    workspace: str | None
    jobid: int | None
    jobname: str
    difference: str
    differences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a job and pg_cron's entry are not one; job_id and workspace are null where the entry names no job."""

    job_id: UUID | None
    workspace: str | None
    jobid: int | None
    jobname: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Where jobs and pg_cron's entries are not the same set: in how many places, and the first of them by the entry's name."""

    differences: int
    data: list[Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneData:
    """PostgreSQL's time zone data against this process's. postgresql_version: null where it is on another machine, or reads otherwise."""

    postgresql_version: str | None
    client_version: str | None
    is_old: bool | None
    differs_in: list[str]


_FIND_KEY = statement("system.find_api_key", ApiKey)
_READINESS = statement("system.get_readiness", Readiness)
_STATUS = statement("system.get_status", Status)
_DRIFT = statement("system.list_drift", DriftRow)
_ZONES_READ = statement("system.list_zones_read", tzdata.ZoneReading)
_ZONE_RULES = statement("system.get_zone_rules", ZoneRules)
RING_IF_SILENT = statement("system.ring_if_silent", Rung)
RUN_INTERNAL_JOB = statement("system.run_internal_job", InternalRun)
HELD = (
    "the instance is held: no tick is accounted for and nothing is delivered; it goes on once `kronos up` is started without --hold,"
    " or kronos.hold is off"
)
READ_ONLY = (
    "PostgreSQL takes no writes, it is a standby: is a fail-over under way, does KRONOS_DATABASE_URL name the primary "
    "(several hosts, separated by commas, may stand in it)?"
)
WAITS_LONG = timedelta(seconds=60)  # for a worker; a delivery takes up to 30 s unless an endpoint says otherwise
SILENT_AFTER = timedelta(seconds=90)  # the internal jobs ring every minute; half a minute is pg_cron's worst backlog seen


async def find_key(view: InstanceView, public_id: str) -> ApiKey | None:
    """The key with this public id, unless it is unknown or revoked. Raises DatabaseUnavailable."""
    return await view.one_or_none(_FIND_KEY, {"public_id": public_id})


async def readiness(view: InstanceView) -> Readiness:
    """What readiness is judged by. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_READINESS, {"longer_than": WAITS_LONG})
    return found


async def zone_rules(view: InstanceView) -> ZoneRules:
    """What tells sessions with old time zone data from new ones. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_ZONE_RULES, {})
    return found


async def status(view: InstanceView) -> Status:
    """The instance as PostgreSQL tells it. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_STATUS, {})
    return found


async def drift(view: InstanceView, *, limit: int) -> Drift:
    """Jobs against cron.job. Raises DatabaseUnavailable."""
    found = await view.rows(_DRIFT, {"limit": limit})
    data = [
        Difference(job_id=row.job_id, workspace=row.workspace, jobid=row.jobid, jobname=row.jobname, difference=row.difference)
        for row in found
    ]
    return Drift(differences=found[0].differences if found else 0, data=data)


async def zone_data(view: InstanceView, *, database_url: str) -> ZoneData:
    """Whose time zone data says what. Raises DatabaseUnavailable.

    The server's files are for superusers alone. On one machine both read the same ones, so where they agree the version is this process's.
    """
    readings = await view.rows(_ZONES_READ, {})
    differs_in = tzdata.differing(readings)
    version = tzdata.client_version()
    is_here = str(conninfo_to_dict(database_url).get("host") or "/").startswith(("/", "127.", "localhost", "::1"))
    server = version if is_here and not differs_in else None
    return ZoneData(
        postgresql_version=server,
        client_version=version,
        is_old=tzdata.is_old(server, datetime.now(UTC).date()) if server is not None else None,
        differs_in=differs_in,
    )


def warnings_of(found: Status, zones: ZoneData) -> list[str]:
    """What an administrator has to look at, a sentence each; `kronos doctor` says more."""
    told = []
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
    )
    if (reason := why_not_ready(readiness)) is not None:
        told.append(reason)
    if found.is_held:
        told.append(HELD)
    told += why_degraded(readiness)
    if found.overdue_jobs:
        told.append(f"{found.overdue_jobs} jobs are due for up to {found.overdue_seconds or 0:.0f} s")
    if not found.has_launcher:
        told.append("pg_cron's launcher does not run")
    told += misread_entries(found.cron_timezone, found.match_dom_and_dow)
    if zones.is_old:
        told.append(f"PostgreSQL's time zone data is {zones.postgresql_version}, older than a year: update tzdata where PostgreSQL runs")
    if zones.differs_in:
        told.append(f"PostgreSQL and this process read zones otherwise: {', '.join(zones.differs_in[:5])}")
    return told


def misread_entries(cron_timezone: str | None, match_dom_and_dow: str | None) -> list[str]:
    """The settings that make pg_cron read entries otherwise than Kronos wrote them, a sentence each. None: it has no such setting."""
    told = []
    if (cron_timezone or "GMT").upper() not in ("GMT", "UTC", "ETC/UTC", "ETC/GMT"):
        told.append(f"cron.timezone is {cron_timezone}: every entry rings each minute")
    if match_dom_and_dow == "on":
        told.append("cron.match_dom_and_dow is on: entries with both day fields ring only where both match")
    return told


def why_not_ready(found: Readiness) -> str | None:
    """The reason why ticks would not be fired in time; None where they are."""
    if found.is_read_only:
        return READ_ONLY
    if found.extension_version is None:
        return "the extension pg_cron is not installed in this database: run `kronos migrate`"
    if found.internal_entries < found.internal_jobs or found.internal_jobs == 0:
        return f"{found.internal_entries} of {found.internal_jobs} internal jobs have a pg_cron entry: run `kronos migrate`"
    if found.alarm_failure is not None:
        return f"pg_cron cannot ring: its alarms fail with {found.alarm_failure!r}; `kronos doctor` says what to write where"
    if found.silent_seconds > SILENT_AFTER.total_seconds():
        return f"pg_cron has not rung for {found.silent_seconds:.0f} s: is its launcher running, is cron.database_name this database?"
    return None


def why_degraded(found: Readiness) -> list[str]:
    """Why deliveries are not made, or late, though ticks are fired in time, and which process to replace; a sentence each."""
    told = []
    if found.revision is not None and found.revision > revisions.needed():
        told.append(revisions.newer(found.revision))
    elif found.revision is not None and found.revision < revisions.needed():  # restored under connections that were there before
        told.append(revisions.older(found.revision, "of this instance"))
    if found.worker_sessions == 0:
        told.append("no worker is connected: nothing is delivered until `kronos worker` runs")
    if found.waiting_seconds is not None:
        told.append(
            f"due executions of {found.waiting_endpoints} endpoints wait for a worker, the oldest for {found.waiting_seconds:.0f} s"
            + (": start more workers, or raise KRONOS_WORKER_CONCURRENCY" if found.worker_sessions else "")
        )
    return told


def configure(admin_database_url: str, settings: Settings) -> None:
    """Store what holds for the instance and not for a process. Raises DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            connection.execute("set role kronos_owner")
            connection.execute(
                "update kronos.catch_up_wave set immediate = %s, stagger_seconds = %s",
                [settings.catch_up_immediate, settings.catch_up_stagger_seconds],
            )
            connection.execute(
                "select kronos.set_retention(null, %s, %s)", [settings.retention_success_days, settings.retention_failure_days]
            )
            connection.execute("update kronos.retention set run_details_days = %s", [settings.retention_run_details_days])
    except psycopg.Error as error:
        raise errors.from_database(error) from error


def set_passwords(admin_database_url: str, passwords: Mapping[Role, str]) -> None:
    """Let each role log in with its password, of which PostgreSQL and its log see the verifier alone. Raises DatabaseUnavailable."""
    try:
        with session.connect(admin_database_url, session.wanted(None), autocommit=False) as connection:
            for role, password in passwords.items():
                verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
                connection.execute(composed.SQL("alter role {} password {}").format(composed.Identifier(role), composed.Literal(verifier)))
    except psycopg.Error as error:
        raise errors.from_database(error) from error
