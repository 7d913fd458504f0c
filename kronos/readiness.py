"""Whether the instance can do its work: ticks are fired in time, deliveries are made."""

from dataclasses import dataclass
from datetime import timedelta

from kronos import revisions
from kronos.database import InstanceView
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """pg_cron and the queue as seen from outside: silent_seconds is since pg_cron last rang an internal job, or since
    PostgreSQL started.

    alarm_failure: why its newest alarms fail. has_launcher, is_elsewhere: whether its launcher runs, and for another
    database; pg_cron_running: how many commands it runs. waiting_seconds: how long the oldest due execution has waited
    for a worker, None where none has for long. is_read_only: this PostgreSQL is a standby.
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
    """How long pg_cron has not rung an internal job."""

    silent_seconds: float


_GET = statement("readiness.get_readiness", Readiness)
GET_SILENCE = statement("readiness.get_silence", Silence)
READ_ONLY = (
    "PostgreSQL takes no writes, it is a standby: is a fail-over under way, does KRONOS_DATABASE_URL name the primary "
    "(several hosts, separated by commas, may stand in it)?"
)
DISK_FULL = (
    "PostgreSQL's disk is full: it refused a write a moment ago, and none has been done since. Make room "
    "there; nothing else is to be done"
)
_OVERDUE_AFTER = timedelta(seconds=75)  # of a ring each minute, and of pg_cron's usual backlog
WAITS_LONG = timedelta(seconds=60)  # for a worker; a delivery takes up to 30 s unless an endpoint says otherwise
SILENT_AFTER = timedelta(
    seconds=90
)  # the internal jobs ring every minute; half a minute is pg_cron's worst backlog seen


async def get(view: InstanceView) -> Readiness:
    """What readiness is judged by. Raises DatabaseUnavailable."""
    (found,) = await view.rows(_GET, {"longer_than": WAITS_LONG})
    return found


def why_not_ready(found: Readiness) -> str | None:
    """The reason why ticks would not be fired in time; None where they are."""
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
            f"pg_cron cannot ring: its alarms fail with {found.alarm_failure!r}; `kronos doctor` says what to write "
            "where"
        )
    if found.silent_seconds > SILENT_AFTER.total_seconds():
        return f"pg_cron has not rung for {found.silent_seconds:.0f} s: {_why_silent(found)}"
    return None


def rings(found: Readiness) -> bool:
    """Whether pg_cron rings this database's entries, as far as can be seen: minutes may still be rung by workers."""
    return found.has_launcher and not found.is_elsewhere and found.silent_seconds <= _OVERDUE_AFTER.total_seconds()


def _why_silent(found: Readiness) -> str:
    """What keeps pg_cron from ringing, as far as it can be seen."""
    if not found.has_launcher:
        return "its launcher does not run: restart PostgreSQL, and look for its last words in the log"
    if found.is_elsewhere:
        return "its launcher works for another database: let cron.database_name name this one, and restart PostgreSQL"
    if found.pg_cron_running:
        return (
            f"{found.pg_cron_running} commands of its entries are running: are all of cron.max_running_jobs taken? "
            "cron.job_run_details says which they are"
        )
    return "is its launcher running, is cron.database_name this database?"


def why_degraded(found: Readiness) -> list[str]:
    """Why deliveries are not made, or late, though ticks are fired in time, and which process to replace; a sentence
    each."""
    items = []
    if not rings(found) and found.silent_seconds <= SILENT_AFTER.total_seconds():  # else why_not_ready says it
        items.append(
            f"pg_cron does not ring, {_why_silent(found)}"
            + (": workers account for ticks in its place" if found.worker_sessions else "")
        )
    if found.revision is not None and found.revision > revisions.needed():
        items.append(revisions.newer(found.revision))
    elif (
        found.revision is not None and found.revision < revisions.needed()
    ):  # restored under connections that were there before
        items.append(revisions.older(found.revision, "of this instance"))
    if found.worker_sessions == 0:
        items.append("no worker is connected: nothing is delivered until `kronos worker` runs")
    items += [
        f"due executions wait for workers of the group {group}, and none is connected: start `kronos worker --group "
        f"{group}`, or let their endpoints name another group"
        for group in found.unserved_groups
    ]
    if found.waiting_seconds is not None:
        endpoints = "1 endpoint" if found.waiting_endpoints == 1 else f"{found.waiting_endpoints} endpoints"
        items.append(
            f"due executions of {endpoints} wait for a worker, the oldest for "
            f"{found.waiting_seconds:.0f} s"
            + (": start more workers, or raise KRONOS_WORKER_CONCURRENCY" if found.worker_sessions else "")
        )
    return items
