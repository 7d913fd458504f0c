"""Years of history, inserted by SQL, and the statements that read it (test_history.py)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from depth import depth
from factory import EndpointRow, add_endpoint
from scale import unaudited
from sql_factory import Connection, make_cron_job, records

DAYS = depth(250, deep=750)
DAY = timedelta(days=1)
JOBS = depth(8_000, deep=20_000)

_PARTITIONS = """
do $$
declare
    v_day   date;
    v_table text;
begin
    for v_day in      -- up to the first week that there is
        select (kronos.uuid7_time(oldest.from_id) at time zone 'UTC')::date - day
          from (select from_id from kronos.partitions() where parent = 'execution_done' order by from_id
               limit 1) as oldest
         cross join generate_series(1, %d) as day
    loop
        foreach v_table in array array['execution_done', 'attempt'] loop
            execute format('create table kronos.%%I partition of kronos.%%I for values from (%%L) to (%%L)',
                           v_table || '_' || to_char(v_day, 'YYYYMMDD'), v_table,
                               kronos.uuid7_floor(v_day::timestamptz),
                           kronos.uuid7_floor((v_day + 1)::timestamptz));
        end loop;
        if extract(day from v_day) in (10, 20) then      -- the locks of what was made are given back
            commit;
        end if;
    end loop;
end
$$
"""
_JOBS = f"""
with made as (
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status, name, cron,
    timezone, schedule, alarm,
                         description, created_at, ticks_from, tags, retired_at)
select new.job_id, new.job_id, workspace_id, endpoint_id, kind.trigger, kind.status, case when n % 4 = 0
       then 'job-' || n end,
       case when n % 4 = 0 then cron end, case when n % 4 = 0 then timezone end, case when n % 4 = 0 then schedule end,
       case when n % 4 = 0 then alarm end, case when n % 4 = 0 then description end,
       made.at, made.at,
       case when n % 200 = 0 then array['rare'] else '{{}}' end, case when kind.status = 'COMPLETED' then made.at end
  from kronos.jobs as job
 cross join generate_series(1, {JOBS}) as n
 cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
 cross join lateral (select case when n % 4 = 0 then 'CRON' else 'IMMEDIATE' end as trigger,
                            case when n % 4 = 0 then 'ACTIVE' else 'COMPLETED' end as status) as kind
 cross join lateral (select now() - n * interval '{(DAYS - 30) * 86_400 // JOBS} seconds' as at) as made
 where job.job_id = $1
returning job_id, workspace_id, trigger
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, now() + interval '1 day' + row_number() over () * interval '4 s' from made
       where trigger = 'CRON'
"""
_EXECUTIONS = f"""
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, scheduled_at, run_at,
                                   created_at, started_at, max_attempts, input)
select kronos.tick_id(job.job_id, tick.at), job.workspace_id, job.job_id, job.endpoint_id, 1,
       case when job.trigger = 'CRON' then 'SCHEDULE' else 'API' end,
       case when n % 10 = 0 then 'FAILED' else 'SUCCESS' end, tick.at, tick.at, tick.at, tick.at, 5, '{{}}'
  from (select *, row_number() over (order by created_at) as nth
          from kronos.jobs where trigger = 'IMMEDIATE' or job_id = $1) as job
 cross join lateral (select job.created_at as at, job.nth as n where job.trigger = 'IMMEDIATE'
                      union all
                     select date_trunc('minute', now()) - n * interval '1 hour', n
                       from generate_series(1, {24 * DAYS - 10}) as n where job.trigger = 'CRON') as tick
"""


class Old:
    """A workspace that is years old. A quarter of its jobs are CRON, and one of them ran every hour; the others are
    finished one-shots.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.endpoint: EndpointRow = add_endpoint(connection)
        self.workspace_id = self.endpoint.workspace_id
        connection.execute("set timezone = 'UTC'")
        connection.execute((_PARTITIONS % DAYS).encode())
        made: dict[str, Any] = {
            "created_at": datetime.now(UTC) - DAYS * DAY,
            "ticks_from": datetime.now(UTC) - DAYS * DAY,
        }
        self.job_id = make_cron_job(connection, self.endpoint, cron="0 * * * *", name="hourly", **made)
        connection.execute("update kronos.workspaces set created_at = %s", [made["created_at"]])
        with unaudited(connection, "jobs"):
            self._fill(_JOBS)
        self._fill(_EXECUTIONS)
        connection.execute(
            """
            insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status,
                started_at, worker_id)
            select execution_id, gen_random_uuid(), workspace_id, 1, 'SUCCESS', started_at, 'w1'
                   from kronos.execution_done where job_id = %s
            """,
            [self.job_id],
        )
        connection.execute("vacuum analyze kronos.jobs")
        connection.execute("analyze kronos.execution_done")

    def _fill(self, statement: str) -> None:
        self.connection.execute(statement.replace("$1", f"'{self.job_id}'").encode())

    @cached_property
    def an_execution(self) -> Mapping[str, Any]:
        """An execution of the hourly job, half a year old. To plan this query for all partitions takes 30 ms."""
        (found,) = records(
            self.connection,
            "select execution_id, created_at, scheduled_at from kronos.execution_done"
            " where job_id = %s and created_at < now() - interval '180 days' order by created_at desc limit 1",
            [self.job_id],
        )
        return found


PAGE = dict.fromkeys(("status", "scheduled_after", "scheduled_before", "before_created_at", "before_id")) | {
    "limit": 50,
    "bytes": 1_048_576,
}
_FILTERS = (
    "endpoint",
    "trigger",
    "status",
    "tag",
    "q",
    "created_after",
    "created_before",
    "before_created_at",
    "before_id",
)
JOBS_PAGE = dict.fromkeys(_FILTERS) | {"limit": 50, "bytes": 1_048_576}
# The partitions that a window of the last day or hour may touch: this week's and, on a Monday, last week's; the eight
# made ahead; the default.
RECENT = 11
_TICKS = {"job": "job_id", "from_at": datetime.now(UTC) - 200 * DAY, "to_at": datetime.now(UTC) - 196 * DAY}
READS: dict[str, tuple[str, dict[str, Any], int]] = {  # and how many partitions of execution_done it may scan at most
    "an execution": ("executions.get_execution", {"execution_id": "execution_id"}, 1),
    "its attempts": (
        "executions.list_attempts",
        {"execution_id": "execution_id", "after": 0, "limit": 50, "bytes": 1_048_576},
        1,
    ),
    "executions": ("executions.list_executions", PAGE, 20),
    "executions of a place": (
        "executions.list_executions",
        PAGE | {"before_created_at": "created_at", "before_id": "execution_id"},
        20,
    ),
    "executions of a status": ("executions.list_executions", PAGE | {"status": "FAILED"}, 40),
    "a job's executions": ("executions.list_job_executions", PAGE | {"job": "job_id"}, 20),
    "a job's of a status": ("executions.list_job_executions", PAGE | {"job": "job_id", "status": "FAILED"}, 70),
    "a job": ("job_reads.get_job", {"job": "job_id"}, 0),
    "a job's last day": ("job_reads.get_job_statistics", {"job": "job_id"}, RECENT),
    "a job's standing": ("ledger.get_standing", {"job": "job_id"}, RECENT),
    "jobs' last runs": ("job_reads.list_recent_runs", {"ids": "job_ids", "limit": 20}, RECENT),
    "explain": ("explain.get_facts", {"job": "job_id", "at": "scheduled_at"}, 10),
    "a job's ticks": ("explain.list_ticks", _TICKS | {"limit": 101}, 10),
    "a job's days": ("explain.count_tick_days", _TICKS | {"zone": None}, 10),
    "what became of an hour": ("overview.list_outcomes", {"minutes": 60, "most": 20_000}, RECENT),
    "what is unfinished": (
        "overview.get_unfinished",
        {"minutes": 60, "most": 1000, "longer_than": timedelta(seconds=60), "longest": 10},
        0,
    ),
    "what is overdue": ("overview.list_overdue", {"limit": 10}, 0),
    "what fails": ("overview.list_failing", {"most": 1000, "limit": 10}, 4),
    "the load of a week": ("load.list_load", {"minutes": 10_080, "schedules": 5000}, 0),
    "jobs of a minute": ("load.list_jobs_at", {"at": "scheduled_at", "schedules": 5000, "limit": 200}, 0),
    "jobs": ("job_reads.list_jobs", JOBS_PAGE, 10),
    "jobs of a trigger": ("job_reads.list_jobs", JOBS_PAGE | {"trigger": "CRON"}, 0),
    "jobs of an endpoint": ("job_reads.list_jobs", JOBS_PAGE | {"endpoint": "none"}, 0),
    "jobs of a status": ("job_reads.list_jobs", JOBS_PAGE | {"status": "PAUSED"}, 0),
    "jobs of a tag": ("job_reads.list_jobs", JOBS_PAGE | {"tag": "rare", "trigger": "CRON"}, 0),
    "jobs by text": ("job_reads.list_jobs", JOBS_PAGE | {"q": "job-17"}, 0),
    "jobs by no text": ("job_reads.list_jobs", JOBS_PAGE | {"q": "nothing"}, 0),
}
