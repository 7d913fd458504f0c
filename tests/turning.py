"""Suspending and resuming a workspace whose jobs follow in steps, and checks of its ledger."""

import uuid
from datetime import datetime

from factory import EndpointRow
from sql_factory import Connection, done, live, records, value, values


def turn(superuser: Connection, endpoint: EndpointRow, to: str, *, at: datetime | None = None) -> None:
    """Suspend or resume the workspace, as the first transaction of a request does; with `at`, as if at that past
    instant.
    """
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        superuser.execute(f"select kronos.{to}_workspace()")
        if at is not None:
            superuser.execute(
                "update kronos.turns set turned_at = %(at)s, instants[cardinality(instants)] = %(at)s where "
                "workspace_id = %(of)s",
                {"at": at, "of": endpoint.workspace_id},
            )
            if to == "suspend":
                superuser.execute(
                    "update kronos.workspaces set suspended_at = %s where workspace_id = %s",
                    [at, endpoint.workspace_id],
                )


def follow(superuser: Connection, endpoint: EndpointRow, *, limit: int = 500) -> int:
    """Take one step. Return how many jobs it advanced."""
    return int(value(superuser, "select kronos.turn_some(%s, %s)", [endpoint.workspace_id, limit]))


def follow_all(superuser: Connection, endpoint: EndpointRow) -> None:
    while values(superuser, "select phase from kronos.turns where workspace_id = %s", [endpoint.workspace_id]):
        assert follow(superuser, endpoint) > 0


def told(superuser: Connection, job_id: uuid.UUID) -> list[tuple[str, datetime, int]]:
    """What became of the job's ticks: status, first tick and tick count of each row."""
    rows = [(row["status"], row["scheduled_at"], row["tick_count"]) for row in done(superuser, job_id)]
    return sorted(
        [*rows, *(("RUNS", row["scheduled_at"], 1) for row in live(superuser, job_id))], key=lambda row: row[1]
    )


def assert_told(superuser: Connection, job_ids: list[uuid.UUID], since: datetime, *, is_over: bool = False) -> None:
    """Check that the ledger accounts for each tick of the jobs exactly once and, with `is_over`, that all jobs have
    followed.
    """
    for job_id in job_ids:
        (ledger,) = records(superuser, "select * from kronos.check_ledger(%s, %s, clock_timestamp())", [job_id, since])
        assert (ledger["unaccounted"], ledger["surplus"], ledger["error"]) == (0, 0, None), (job_id, ledger)
        assert ledger["expected"] == ledger["delivered"] + ledger["missed"] + ledger["skipped"]
    if is_over:
        wrong = values(
            superuser,
            "select pointer.job_id from kronos.pointers as pointer join kronos.workspaces as workspace using "
            "(workspace_id)"
            " where pointer.job_id = any (%s) and pointer.is_halted <> (workspace.status = 'SUSPENDED')",
            [job_ids],
        )
        assert wrong == []


_FILL = """
with made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
                             alarm, description, ticks_from)
    select new.job_id, new.job_id, %(workspace_id)s, %(endpoint_id)s, 'CRON', '* * * * *', 'UTC',
           kronos.parse_cron('* * * * *'), '* * * * *', 'Every minute', %(since)s::timestamptz - interval '1 minute'
      from (select gen_random_uuid() as job_id from generate_series(1, %(count)s)) as new
    returning job_id, workspace_id
), pointed as (
    insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, %(since)s from made
)
insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
select '* * * * *', format('select kronos.fire(%%L)', job_id), current_setting('cron.host'),
       current_setting('port')::integer, current_setting('cron.database_name'), 'kronos_cron', true,
       'kronos:' || job_id
  from made
"""


def fill(superuser: Connection, endpoint: EndpointRow, count: int, *, since: datetime) -> list[uuid.UUID]:
    """Insert `count` jobs with entries that tick every minute and are not accounted for since `since`."""
    superuser.execute(
        _FILL,
        {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "count": count, "since": since},
    )
    return values(superuser, "select job_id from kronos.jobs where endpoint_id = %s", [endpoint.endpoint_id])
