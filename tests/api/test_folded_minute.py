"""Changes to a job at the edge of a folded minute, in which two entries ring for it: its tick is accounted for once,
whichever comes first.
"""

from datetime import UTC, datetime, timedelta

import httpx
import psycopg

from clock import Clock
from conftest import Api, make_workspace
from depth import depth
from sharing import reap, share
from sql_factory import records, value, values

_TICK = datetime(2027, 3, 6, 3, 40, tzinfo=UTC)
_CHANGES = {
    "patch": ("PATCH", "", {"cron": "40 3 * * *", "priority": 3}),
    "move": ("PATCH", "", {"cron": "40,41 3 * * *"}),
    "away": ("PATCH", "", {"cron": "10 3 * * *"}),
    "pause": ("POST", "/pause", {}),
    "cancel": ("DELETE", "", None),
}
_EDGES = (-0.001, 0.0, 0.001, -1.0, 20.0)
_ALL = ["QUEUED", "SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"]
_DELIVERED = """
select count(*)
  from (select job_id, scheduled_at, 'QUEUED' as status from kronos.execution_live
         union all
        select job_id, scheduled_at, status from kronos.execution_done) as row
  join kronos.jobs as job using (job_id)
 where job.workspace_id = (select workspace_id from kronos.workspaces where slug = %s)
   and row.scheduled_at = %s and row.status = any (%s)
"""
_OF_WORKSPACE = """
select job_id
  from kronos.jobs
  join kronos.workspaces using (workspace_id)
 where trigger = 'CRON' and jobs.name = 'job' and slug = %s
"""


def _ring(superuser: psycopg.Connection) -> None:
    """Ring as each of the fold's two entries does."""
    superuser.execute("call kronos.ring('fold')")


def _change(api: httpx.Client, path: str, kind: str) -> None:
    method, action, body = _CHANGES[kind]
    api.request(method, path + action, json=body).raise_for_status()


def test_a_tick_in_a_folded_minute_is_told_of_once(own_api: Api, superuser: psycopg.Connection) -> None:
    share(superuser)
    superuser.execute("update kronos.alarm_setting set folded = %s, folded_at = now()", [1 << 40 | 1 << 10])
    for kind in _CHANGES:
        for seconds in _EDGES[: depth(3, deep=5)]:
            for rings in range(depth(2, deep=3)):  # rings before the change
                _is_told_of_once(own_api.client, superuser, kind, seconds, rings)
    _is_whole(superuser, "select job_id from kronos.jobs where trigger = 'CRON' and name = 'job'", [])
    reap(superuser)
    assert values(superuser, "select * from kronos.pg_cron_drift()") == []


def _is_told_of_once(api: httpx.Client, superuser: psycopg.Connection, kind: str, seconds: float, rings: int) -> None:
    clock, workspace, case = Clock(superuser), make_workspace(api), (kind, seconds, rings)
    path = f"/v1/workspaces/{workspace}/jobs/job"
    clock.stand(_TICK - timedelta(hours=1))
    body = {"name": "job", "endpoint": "sink", "trigger": "CRON", "cron": "40 3 * * *"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status()
    clock.stand(_TICK + timedelta(seconds=seconds))
    for _ in range(rings):
        _ring(superuser)
    _change(api, path, kind)
    for _ in range(2 - rings):
        clock.stand(max(_TICK, _TICK + timedelta(seconds=seconds)) + timedelta(milliseconds=5))
        _ring(superuser)
    clock.stand(_TICK + timedelta(seconds=70))
    _ring(superuser)
    is_there = seconds >= 0 or kind in ("patch", "move")  # whether this version was in force at the tick
    runs = ["CANCELLED" if kind == "cancel" else "QUEUED"]  # a cancelled job's runs do not wait
    found = [value(superuser, _DELIVERED, [workspace, _TICK, each]) for each in (runs, _ALL)]
    assert found == [is_there, is_there], case
    if kind == "pause":
        api.post(f"{path}/resume").raise_for_status()  # accounts for the ticks within the pause
        if seconds < 0:
            assert value(superuser, _DELIVERED, [workspace, _TICK, ["SKIPPED"]]) == 1, case
    _is_whole(superuser, _OF_WORKSPACE, [workspace])


def _is_whole(superuser: psycopg.Connection, jobs: str, params: list[str]) -> None:
    """Check the ledgers of these jobs, of which there is one at least."""
    job_ids = values(superuser, jobs, params)
    assert job_ids
    for job_id in job_ids:
        (ledger,) = records(
            superuser,
            "select unaccounted, surplus from kronos.check_ledger(%s, %s, kronos.clock())",
            [job_id, _TICK - timedelta(hours=2)],
        )
        assert ledger == {"unaccounted": 0, "surplus": 0}, job_id
