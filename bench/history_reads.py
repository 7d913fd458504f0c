"""The reads that bench.history measures: each is one of the API's own statements, with its parameters."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from bench.common import ENDPOINT, WORKSPACE

Params = dict[str, object]
Reads = dict[str, tuple[str, Params]]
"""A statement and its parameters, by the name of the read."""

_NONE: Params = dict.fromkeys(
    ("endpoint", "trigger", "status", "tag", "q", "created_after", "created_before", "before_created_at", "before_id")
)
_NO_PLACE: Params = dict.fromkeys(("before_created_at", "before_id"))
_ANY: Params = dict.fromkeys(("status", "scheduled_after", "scheduled_before", "before_created_at", "before_id"))
_PAGE: Params = {"limit": 50, "bytes": 1_048_576}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A CRON job, an execution of it, and places in the lists."""

    job_id: UUID
    execution_id: UUID
    tick: datetime
    old: datetime
    recent: datetime
    amid: Params

    @property
    def before_old(self) -> Params:
        """The place in a list that begins 35 days ago."""
        return {"before_created_at": self.old, "before_id": self.execution_id}


def reads(connection: psycopg.Connection) -> Reads:
    """Return each read by name."""
    row = connection.execute(
        """
        select job.job_id, done.execution_id, done.scheduled_at, now() - interval '35 days',
               now() - interval '1 hour', amid.created_at,
               amid.job_id
          from (select * from kronos.jobs where trigger = 'CRON' and name = 'job-17') as job
          join kronos.execution_done as done using (job_id)
         cross join (select * from kronos.jobs where trigger = 'CRON' and name = 'job-501') as amid
         limit 1
        """
    ).fetchone()
    if row is None:
        raise RuntimeError("the history is not filled")
    job_id, execution_id, tick, old, recent, *between = row
    amid = {"before_created_at": between[0], "before_id": between[1]}
    at = Place(job_id=job_id, execution_id=execution_id, tick=tick, old=old, recent=recent, amid=amid)
    return _of_executions(at) | _of_jobs(at) | _of_one_job(at) | _of_the_rest()


def _of_executions(at: Place) -> Reads:
    page: Params = _ANY | _PAGE
    job: Params = {"job": str(at.job_id)}
    return {
        "execution by id": ("executions.get_execution", {"execution_id": at.execution_id}),
        "its attempts": (
            "executions.list_attempts",
            {"execution_id": at.execution_id, "after": 0, **_PAGE},
        ),
        "executions": ("executions.list_executions", page),
        "executions, status=FAILED": ("executions.list_executions", page | {"status": "FAILED"}),
        "executions, status=EXPIRED (none)": ("executions.list_executions", page | {"status": "EXPIRED"}),
        "executions, status=QUEUED (none)": ("executions.list_executions", page | {"status": "QUEUED"}),
        "executions, scheduled_after an hour ago": (
            "executions.list_executions",
            page | {"scheduled_after": at.recent},
        ),
        "executions, scheduled_before 35 days ago": ("executions.list_executions", page | {"scheduled_before": at.old}),
        "executions, before a place of 35 days ago": ("executions.list_executions", page | at.before_old),
        "a job's executions": ("executions.list_job_executions", page | job),
        "a job's, by its name": ("executions.list_job_executions", page | {"job": "job-17"}),
        "a job's, status=SUCCESS": ("executions.list_job_executions", page | job | {"status": "SUCCESS"}),
        "a job's, status=FAILED": ("executions.list_job_executions", page | job | {"status": "FAILED"}),
        "a job's, scheduled_before 35 days ago": (
            "executions.list_job_executions",
            page | job | {"scheduled_before": at.old},
        ),
    }


def _of_jobs(at: Place) -> Reads:
    jobs = _NONE | _PAGE
    return {
        "jobs": ("job_reads.list_jobs", jobs),
        "jobs, before a place of 35 days ago": ("job_reads.list_jobs", jobs | at.before_old),
        "jobs, trigger=IMMEDIATE": ("job_reads.list_jobs", jobs | {"trigger": "IMMEDIATE"}),
        "jobs, trigger=CRON": ("job_reads.list_jobs", jobs | {"trigger": "CRON"}),
        "jobs, trigger=CRON, before a place amid": ("job_reads.list_jobs", jobs | {"trigger": "CRON"} | at.amid),
        "jobs, trigger=CRON, status=PAUSED (none)": (
            "job_reads.list_jobs",
            jobs | {"trigger": "CRON", "status": "PAUSED"},
        ),
        "jobs, endpoint": ("job_reads.list_jobs", jobs | {"endpoint": ENDPOINT}),
        "jobs, created_after and created_before": (
            "job_reads.list_jobs",
            jobs | {"created_after": at.old, "created_before": at.recent},
        ),
        "jobs, tag=rare": ("job_reads.list_jobs", jobs | {"tag": "rare"}),
        "jobs, tag=common": ("job_reads.list_jobs", jobs | {"tag": "common"}),
        "jobs, tag=common, status=PAUSED (none)": ("job_reads.list_jobs", jobs | {"tag": "common", "status": "PAUSED"}),
        "jobs, tag=rare, q=job-17": ("job_reads.list_jobs", jobs | {"tag": "rare", "q": "job-17"}),
        "jobs, q=job-17": ("job_reads.list_jobs", jobs | {"q": "job-17"}),
        "jobs, q=job (all)": ("job_reads.list_jobs", jobs | {"q": "job"}),
        "jobs, q=job, trigger=IMMEDIATE (none)": ("job_reads.list_jobs", jobs | {"q": "job", "trigger": "IMMEDIATE"}),
        "jobs, q of the endpoint's name": ("job_reads.list_jobs", jobs | {"q": ENDPOINT}),
        "jobs, q of an id's beginning": ("job_reads.list_jobs", jobs | {"q": str(at.job_id)[:8]}),
        "jobs, q (none)": ("job_reads.list_jobs", jobs | {"q": "no-such-name"}),
    }


def _of_one_job(at: Place) -> Reads:
    job: Params = {"job": str(at.job_id)}
    return {
        "a CRON job": ("job_reads.get_job", job),
        "its versions": ("job_reads.list_versions", job | {"before_version": None, **_PAGE}),
        "its last 24 hours": ("job_reads.get_job_statistics", job),
        "its ledger": ("ledger.get_standing", job),
        "its next runs": ("schedules.list_next_runs", job | {"count": 10}),
        "explain": ("explain.get_facts", job | {"at": at.tick}),
    }


def _of_the_rest() -> Reads:
    return {
        "endpoints": ("endpoints.list_endpoints", _NO_PLACE | _PAGE),
        "workspace": ("workspaces.get_workspace", {"workspace": WORKSPACE}),
        "workspaces": ("workspaces.list_workspaces", _NO_PLACE | {"organization": None, "limit": 50}),
        "system status": ("system.get_status", {}),
        "its drift": ("system.list_drift", {"limit": 100}),
        "readiness": ("readiness.get_readiness", {"longer_than": timedelta(seconds=60)}),
    }
