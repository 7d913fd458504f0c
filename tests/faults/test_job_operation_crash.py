"""An operation over jobs through crashes: the API that began it and its workers are killed with kill -9 in the middle
of steps, a connection is cut during its step, and each job still runs exactly once."""

from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api_process import serving
from factory import add_endpoint
from kronos import keys
from sql_factory import Connection, make_cron_job, value, values
from worker.running import keep_from_ringing, until, workers

_JOBS = 250
_GATE = """
    create function public.gate() returns trigger language plpgsql set lock_timeout = 0
        as $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
    create trigger gate after update of done on kronos.operations
        for each row when (new.done > old.done) execute function public.gate();
"""
_HELD = "select pid from pg_stat_activity where wait_event = 'advisory'"
_DONE = "select done from kronos.operations"


@pytest.mark.faults
async def test_each_job_is_run_once_whoever_is_killed_in_the_middle_of_a_step(
    superuser: Connection, database_url: str, tmp_path: Path
) -> None:
    """At the gate a step has run its jobs, and has not committed."""
    endpoint = add_endpoint(superuser, url="http://127.0.0.1:9/hook")
    made = [make_cron_job(superuser, endpoint, cron="0 0 1 1 *") for _ in range(_JOBS)]
    superuser.execute(_GATE)
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    keys.ensure_admin_key(database_url, tmp_path / "admin.key")
    headers = {"Authorization": f"Bearer {(tmp_path / 'admin.key').read_text().strip()}", "Idempotency-Key": "once"}

    def held() -> list[Any]:
        return values(superuser, _HELD)

    with psycopg.connect(database_url, autocommit=True) as gate, workers() as starting:
        keep_from_ringing(superuser)
        gate.execute("select pg_advisory_lock(1)")
        with serving(database_url, KRONOS_ADMIN_KEY_FILE=str(tmp_path / "admin.key")) as api:
            asked = {"action": "trigger", "filter": {}, "at_most": _JOBS}
            async with httpx.AsyncClient(base_url=api.url, headers=headers, timeout=60) as client:
                begun = await client.post(f"/v1/workspaces/{slug}/operations", json=asked)
            assert begun.status_code == 202, begun.text
            first = starting(database_url, tmp_path / "first.log", poll_seconds=0.2)
            await until(held, "the first worker's step to be under way", seconds=60)
            api.child.kill()
        first.process.kill()
        await first.ends()
        assert values(superuser, _DONE) == [0]
        gate.execute("select pg_advisory_unlock(1)")
        await until(lambda: not held(), "the first worker's step to end")
        gate.execute("select pg_advisory_lock(1)")

        second = starting(database_url, tmp_path / "second.log", poll_seconds=0.2)
        await until(held, "the second worker's step to be under way", seconds=60)
        second.process.kill()
        await second.ends()
        before = values(superuser, _DONE)
        superuser.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where wait_event = 'advisory'")
        await until(lambda: not held(), "the second worker's step to be undone")
        assert values(superuser, _DONE) == before
        assert before[0] < _JOBS
        gate.execute("select pg_advisory_unlock(1)")

        starting(database_url, tmp_path / "third.log", poll_seconds=0.2)
        running = "select operation_id from kronos.operations where status = 'RUNNING'"
        await until(lambda: not values(superuser, running), "the third worker to end it", seconds=60)
    assert values(superuser, "select row(status, done, failed)::text from kronos.operations") == ["(COMPLETED,250,0)"]
    ran = values(superuser, "select job_id from kronos.executions where cause = 'MANUAL' order by job_id")
    assert ran == sorted(made)
