"""Reads change nothing: no schedule moves, and nothing is created or ended, however often and whatever is read."""

from urllib.parse import urlencode

import psycopg
import pytest

from api_answers import answered
from api_paths import needed_queries
from conftest import Api
from depth import depth
from kronos.model import Json
from worker.running import seem_rung

READS = depth(200, deep=1000)
JOB = {"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *", "name": "minutely", "overlap": "QUEUE"}

# Every row of every table, with its last writer.
_TABLES = (
    "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('kronos', 'cron') "
    # Except the tables that count requests, reads included; those that record which workspaces have listeners, some of
    # which are unlogged; and the row by which each process says every few seconds that pings can be received.
    "and tablename <> all (array['request_rates', 'live_watches', 'live_marks', 'live_origin', 'ping_door']) order by 1"
)
_ROWS = "select ctid::text || ' ' || xmin::text || ' ' || (row.*)::text from {} as row order by 1"


def written(superuser: psycopg.Connection) -> dict[str, list[str]]:
    """Every row of every table, with its position and its last writer."""
    tables = [name for (name,) in superuser.execute(_TABLES).fetchall()]
    return {name: [row for (row,) in superuser.execute(_ROWS.format(name)).fetchall()] for name in tables}


@pytest.fixture
def paths(own_api: Api, own_workspace: str, superuser: psycopg.Connection) -> list[str]:
    """Every path that can be read, for a job with due and overdue ticks, a running backfill and an execution of each
    kind.
    """
    base, client = f"/v1/workspaces/{own_workspace}", own_api.client
    job = client.post(f"{base}/jobs", json=JOB).raise_for_status().json()
    superuser.execute(
        "update tests.jobs set ticks_from = now() - interval '2 hours', next_tick_at = now() - interval '1 hour'"
    )
    backfill = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}
    backfill_id = client.post(f"{base}/jobs/minutely/backfill", json=backfill).raise_for_status().json()["backfill_id"]
    execution_id = client.post(f"{base}/jobs/minutely/trigger", json={}).raise_for_status().json()["execution_id"]
    operation = client.post(f"{base}/dead-letters/discard", json={}).raise_for_status().json()["operation_id"]
    client.put(f"{base}/configs/sink", json={"values": {}}).raise_for_status()
    client.put(f"{base}/calendars/sink", json={}).raise_for_status()
    client.put(f"{base}/alert-rules/sink", json={"condition": {"type": "MISSED"}}).raise_for_status()
    client.put(f"{base}/heartbeats/sink", json={"period_seconds": 3600}).raise_for_status()
    client.put(f"{base}/payload-specs/sink", json={"schema": {}}).raise_for_status()
    client.put(f"{base}/secrets/sink", json={"value": "a value"}).raise_for_status()
    seem_rung(superuser)  # otherwise /readyz reports silence
    found = {"w": own_workspace, "j": job["job_id"], "e": execution_id, "b": backfill_id, "name": "sink"}
    found["o"] = operation
    client.post("/v1/organizations", json={"slug": "umbrella"}).raise_for_status()
    found["org"] = "umbrella"
    documented: dict[str, Json] = client.get("/openapi.json").json()["paths"]
    queries = needed_queries(job["job_id"])
    return [
        f"{path.format(**found)}?{urlencode(queries.get(path, {}))}"
        for path, methods in documented.items()
        if "get" in methods and "{i}" not in path  # no rule is violated, so there is no incident
    ]


def test_hundreds_of_reads_change_no_row(own_api: Api, paths: list[str], superuser: psycopg.Connection) -> None:
    before = written(superuser)
    for n in range(READS):
        path = paths[n % len(paths)]
        response = answered(own_api.client, "GET", path)
        assert response.status_code == 200, (path, response.text)
    previewed = own_api.client.post("/v1/schedules/preview", json={"cron": "* * * * *"})
    assert previewed.status_code == 200
    assert written(superuser) == before
    own_api.client.post(
        f"{next(path for path in paths if path.endswith('/status?')).removesuffix('/status?')}/pause"
    ).raise_for_status()
    assert written(superuser) != before  # a write is detected
