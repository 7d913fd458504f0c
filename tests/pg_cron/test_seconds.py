"""Intervals of seconds, rung by a pg_cron that supports them."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from conftest import await_condition
from factory import add_endpoint
from faults.own_server import faulty_ledgers
from kronos import changes, database, jobs, new_jobs, ringing
from kronos.pool import Pool
from sql_factory import Connection, live, value, values

pytestmark = pytest.mark.pg_cron

_VERSION = """
select extversion, string_to_array(substring(extversion from '^[0-9]+[.][0-9]+'), '.')::integer[] >= '{1,5}'
  from pg_extension where extname = 'pg_cron'
"""


@pytest.fixture
def superuser(cron_superuser: Connection) -> Connection:
    row = cron_superuser.execute(_VERSION).fetchone()
    assert row is not None
    version, has_seconds = row
    if not has_seconds:
        pytest.skip(
            f"pg_cron {version} rings at whole minutes only; 1.5 and newer have intervals of seconds (--containers)"
        )
    return cron_superuser


async def test_an_interval_of_seconds_has_a_row_for_each_tick(superuser: Connection, cron_database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    name = value(superuser, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])
    async with Pool(cron_database_url, size=1, wait_seconds=60) as pool:
        view = database.WorkspaceView(pool, str(endpoint.workspace_id))
        job, _ = await jobs.create(
            view,
            new_jobs.NewJob(
                endpoint=name, trigger="CRON", every="2s", anchor=datetime(2026, 1, 1, tzinfo=UTC), input={}
            ),
        )
        assert job.pg_cron is not None
        assert job.pg_cron["schedule"] == "2 seconds"
        await_condition(lambda: len(live(superuser, job.job_id)) >= 4, "four ticks")
        rows = live(superuser, job.job_id)
        await changes.cancel(view, str(job.job_id))
    ticks = [row["scheduled_at"] for row in rows]
    assert {(later - earlier).total_seconds() for earlier, later in pairwise(ticks)} == {2.0}
    assert {row["cause"] for row in rows} == {"SCHEDULE"}
    assert faulty_ledgers(superuser, [str(job.job_id)]) == []


def test_migrate_hears_a_ring_within_seconds_and_leaves_no_entry(superuser: Connection, cron_database_url: str) -> None:
    superuser.execute("update kronos.heartbeats set rang_at = '-infinity'")
    rings = ringing.check(cron_database_url, progress=lambda _: None)
    assert rings.verdict == "yes", rings
    alien = "select jobname from cron.job where jobname::text not in (select 'kronos:' || job_id from kronos.jobs)"
    assert values(superuser, alien) == []
