"""pg_cron's launcher really rings an entry that 200 jobs share, at the moment when clocks go forward."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from clock import Clock
from conftest import await_condition
from factory import add_endpoint
from faults.own_server import await_mid_minute
from sharing import reap, share
from sql_factory import Connection, records, value, values

pytestmark = pytest.mark.pg_cron

MINUTE = timedelta(minutes=1)
FORWARD = datetime(2026, 3, 29, 1, tzinfo=UTC)
"""Berlin's clocks go from 02:00 to 03:00, New York's did so weeks before."""


@pytest.fixture
def rung(cron_database_url: str) -> Iterator[tuple[Connection, uuid.UUID]]:
    """The database after a minute in which only the shared entry rang, and which for Kronos was FORWARD."""
    with psycopg.connect(cron_database_url, autocommit=True) as superuser:
        share(superuser)
        endpoint = add_endpoint(superuser)
        clock = Clock(superuser)
        minute = await_mid_minute(superuser) + MINUTE
        clock.step(FORWARD - minute)
        superuser.execute("update cron.job set active = false where jobname not like 'kronos:@%'")
        _make(superuser, endpoint.workspace_id, endpoint.endpoint_id)
        try:
            await_condition(
                lambda: records(
                    superuser,
                    "select * from cron.job_run_details where command like 'call kronos.ring(%%' and start_time >= %s"
                    " and status in ('succeeded', 'failed')",
                    [minute],
                ),
                "pg_cron to have rung the shared entry",
                seconds=100,
            )
            yield superuser, endpoint.workspace_id
        finally:
            clock.step(-clock.by)
            superuser.execute("update cron.job set active = true where jobname not like 'kronos:@%'")
            superuser.execute(
                "update kronos.jobs set status = 'RETIRED' where endpoint_id = %s", [endpoint.endpoint_id]
            )
            superuser.execute("delete from kronos.execution_live where endpoint_id = %s", [endpoint.endpoint_id])
            superuser.execute("update kronos.alarm_setting set wanted = 'own'")
            reap(superuser)


def _make(connection: Connection, workspace_id: uuid.UUID, endpoint_id: uuid.UUID) -> None:
    connection.execute(
        """
        with form as materialized (
            select zone, schedule, kronos.alarm('* * * * *', schedule) as alarm
              from unnest(array['Europe/Berlin', 'America/New_York']) as zone
             cross join lateral kronos.read_schedule('* * * * *', null, null, zone, 'SHIFT', 'FIRST') as schedule
        ), made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
                                     schedule, alarm, description, created_at, ticks_from)
            select job_id, job_id, %(workspace)s, %(endpoint)s, 'CRON', '* * * * *', zone, schedule, alarm, '',
                   kronos.now(), kronos.now()
              from (select form.*, gen_random_uuid() as job_id from form cross join generate_series(1, 100)) as new
            returning job_id, workspace_id, schedule
        ), pointed as (
            insert into kronos.pointers (job_id, workspace_id, next_tick_at)
            select job_id, workspace_id, kronos.next_tick(schedule, kronos.now()) from made
        )
        select count(kronos.register_pg_cron(job_id)) from made
        """,
        {"workspace": workspace_id, "endpoint": endpoint_id},
    )


def test_one_ring_makes_the_runs_of_200_jobs_as_the_clocks_go_forward(rung: tuple[Connection, uuid.UUID]) -> None:
    connection, workspace_id = rung
    of = [workspace_id]
    assert values(connection, "select jobname from cron.job where active and jobname like 'kronos:%'") == [
        f"kronos:@{value(connection, 'select md5(%s)', ['* * * * *'])}"
    ]
    made = values(
        connection,
        "select job.timezone || ' ' || (live.scheduled_at at time zone job.timezone)::text || ' ' || count(*)"
        "  from kronos.execution_live as live join kronos.jobs as job using (job_id)"
        " where live.workspace_id = %s and live.scheduled_at = '2026-03-29 01:00Z'"
        " group by job.timezone, live.scheduled_at order by 1",
        of,
    )
    assert made == ["America/New_York 2026-03-28 21:00:00 100", "Europe/Berlin 2026-03-29 03:00:00 100"]
    (ring,) = records(
        connection,
        "select detail.status, detail.return_message from cron.job_run_details as detail"
        " where detail.command like 'call kronos.ring(%'",
    )[-1:]
    assert (ring["status"], ring["return_message"]) == ("succeeded", "CALL")
