"""A calendar that changes while a job is changed to name it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import psycopg

from calendar_rows import day, put_calendar
from conftest import await_condition


def test_a_job_that_comes_to_a_calendar_while_it_changes_is_where_its_present_version_has_it(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """The job's place used to be computed before the change was visible, while the change did not see the job."""
    base = f"/v1/workspaces/{workspace}"
    endpoint = {"name": "hook", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
    api.post(f"{base}/endpoints", json=endpoint).raise_for_status()
    api.post(f"{base}/calendars", json={"name": "bank"}).raise_for_status()
    job = api.post(f"{base}/jobs", json={"endpoint": "hook", "trigger": "CRON", "cron": "0 9 1 * *", "name": "late"})
    tick = datetime.fromisoformat(job.raise_for_status().json()["next_run_at"])
    found = shared_superuser.execute("select workspace_id from kronos.jobs where job_id = %s", [job.json()["job_id"]])
    (workspace_id,) = found.fetchone() or (None,)
    with ThreadPoolExecutor(1) as pool:
        with shared_superuser.transaction():
            put_calendar(shared_superuser, workspace_id, "bank", days=[day(f"{tick:%Y-%m-%d}")])
            terms = {"calendars": ["bank"], "on_blackout": "NEXT"}
            patched = pool.submit(api.patch, f"{base}/jobs/late", json=terms)
            await_condition(
                lambda: shared_superuser.execute(
                    "select 1 from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
                ).fetchone(),
                "the change of the job to wait for the calendar",
            )
        patched.result(60).raise_for_status()
    pointer = shared_superuser.execute(
        "select pointer.next_tick_at, pointer.tick_at from kronos.pointers as pointer join kronos.jobs using (job_id) "
        "where jobs.workspace_id = %s",
        [workspace_id],
    ).fetchone()
    assert pointer == (tick + timedelta(days=1), tick)
    shown = api.get(f"{base}/jobs/late").json()["next_run_at"]
    assert datetime.fromisoformat(shown) == tick + timedelta(days=1)
