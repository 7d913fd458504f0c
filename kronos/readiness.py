"""Whether the instance can do its work: fire ticks in time, and make deliveries."""

from datetime import timedelta

from kronos import revisions
from kronos.counting import counted
from kronos.database import InstanceView
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The state of pg_cron and of the queue. silent_seconds: since pg_cron last rang an internal job, or since
    PostgreSQL started.

    alarm_failure: why its newest alarms fail. has_launcher, is_elsewhere: whether its launcher is running, and whether
    for another database; pg_cron_running: how many commands it is running. waiting_seconds: how long the oldest due
    execution has waited for a worker, None if none has waited for long. is_read_only: this PostgreSQL is a standby.
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
    unserved_groups: list[str]
    revision: str | None = None
    has_launcher: bool = True
    is_elsewhere: bool = False
    pg_cron_running: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """For how long pg_cron has not rung an internal job."""

    silent_seconds: float


_GET = statement("readiness.get_readiness", Readiness)
GET_SILENCE = statement("readiness.get_silence", Silence)
READ_ONLY = (
    "PostgreSQL is a read-only standby: is a failover in progress, or does KRONOS_DATABASE_URL not name the primary? "
    "(The URL may list several hosts, separated by commas)"
)
DISK_FULL = (
    "PostgreSQL's disk is full: it rejected a write a moment ago, and none has succeeded since. Free space "
    "there; nothing else needs to be done"
)
_OVERDUE_AFTER = timedelta(seconds=75)  # a ring per minute, plus pg_cron's usual backlog
WAITS_LONG = timedelta(seconds=60)  # for a worker; a delivery takes up to 30 s unless its endpoint allows more
SILENT_AFTER = timedelta(
    seconds=90
)  # the internal jobs ring every minute; pg_cron's worst observed backlog is half a minute


async def get(view: InstanceView) -> Readiness:
    """Return the facts that readiness is judged by. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_GET, {"longer_than": WAITS_LONG})
    return found


def why_not_ready(found: Readiness) -> str | None:
    """Return why ticks are not fired in time; None if they are."""
    if found.is_read_only:
        return READ_ONLY
    if found.extension_version is None:
        return "the extension pg_cron is not installed in this database: run `kronos migrate`"
    if found.internal_entries < found.internal_jobs or found.internal_jobs == 0:
        return (
            f"{found.internal_entries} of {found.internal_jobs} internal jobs have a pg_cron entry: run `kronos "
            "migrate`"
        )
    if found.alarm_failure is not None:
        return (
            f"pg_cron cannot ring: its alarms fail with {found.alarm_failure!r}; run `kronos doctor`: it prints what "
            "to change, and where"
        )
    if found.silent_seconds > SILENT_AFTER.total_seconds():
        return f"pg_cron has not rung for {found.silent_seconds:.0f} s: {_why_silent(found)}"
    return None


def rings(found: Readiness) -> bool:
    """Return whether pg_cron rings this database's entries, as far as can be seen; workers may still ring for it."""
    return found.has_launcher and not found.is_elsewhere and found.silent_seconds <= _OVERDUE_AFTER.total_seconds()


def _why_silent(found: Readiness) -> str:
    """Return what keeps pg_cron from ringing, as far as can be seen."""
    if not found.has_launcher:
        return (
            "its launcher is not running: PostgreSQL's log has its last messages. If the disk is full, free space; "
            "otherwise restart PostgreSQL"
        )
    if found.is_elsewhere:
        return "its launcher serves another database: set cron.database_name to this one, and restart PostgreSQL"
    if found.pg_cron_running:
        return (
            f"{found.pg_cron_running} commands of its entries are running: are all of cron.max_running_jobs in use? "
            "See cron.job_run_details for which they are"
        )
    return "is its launcher running, and is cron.database_name this database?"


def why_degraded(found: Readiness) -> list[str]:
    """Return why deliveries are late or not made although ticks are fired in time, and which process to replace; a
    sentence each."""
    items = []
    if not rings(found) and found.silent_seconds <= SILENT_AFTER.total_seconds():  # otherwise why_not_ready reports it
        items.append(
            f"pg_cron does not ring, {_why_silent(found)}"
            + (": workers account for ticks in its place" if found.worker_sessions else "")
        )
    if found.revision is not None and found.revision > revisions.needed():
        items.append(revisions.newer(found.revision))
    elif found.revision is not None and found.revision < revisions.needed():  # restored while connections were open
        items.append(revisions.older(found.revision, "of this instance"))
    if found.worker_sessions == 0:
        items.append("no worker is connected: nothing is delivered until `kronos worker` runs")
    items += [
        f"due executions wait for workers of the group {group}, but none is connected: start `kronos worker --group "
        f"{group}`, or change the group of their endpoints"
        for group in found.unserved_groups
    ]
    if found.waiting_seconds is not None:
        endpoints = counted(found.waiting_endpoints, "endpoint")
        items.append(
            f"due executions of {endpoints} wait for a worker, the oldest for "
            f"{found.waiting_seconds:.0f} s"
            + (": start more workers, or raise KRONOS_WORKER_CONCURRENCY" if found.worker_sessions else "")
        )
    return items
