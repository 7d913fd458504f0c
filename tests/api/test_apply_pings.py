"""Pings while files are applied: none waits for more than the last statement, and all of them count."""

import threading
from typing import Any

import httpx
import psycopg

from api.test_apply import apply, counts, faults
from api_process import wait_for
from sql_factory import Connection, records, value

BEATS: list[dict[str, Any]] = [{"name": f"beat-{n}", "period_seconds": 60} for n in range(3)]
RULE: dict[str, Any] = {"name": "rule", "condition": {"type": "MISSED"}}


def ping_url(api: httpx.Client, workspace: str, name: str) -> str:
    rotated = api.post(f"/v1/workspaces/{workspace}/heartbeats/{name}/rotate").raise_for_status()
    return httpx.URL(rotated.json()["ping_url"]).path


def test_a_ping_waits_for_no_apply_that_waits(api: httpx.Client, workspace: str, shared_superuser: Connection) -> None:
    apply(api, workspace, heartbeats=BEATS, alert_rules=[RULE])
    urls = [ping_url(api, workspace, each["name"]) for each in BEATS]
    changed = [BEATS[0] | {"period_seconds": 3600}, BEATS[1] | {"tags": ["nightly"]}]
    answers: list[Any] = []
    wanted = {"heartbeats": changed, "alert_rules": [RULE | {"severity": "CRITICAL"}], "prune": True}
    thread = threading.Thread(target=lambda: answers.append(apply(api, workspace, **wanted)))
    with psycopg.connect(shared_superuser.info.dsn, password=shared_superuser.info.password) as holder:
        holder.execute(
            "select from kronos.alert_rules join kronos.workspaces using (workspace_id) where slug = %s for update",
            [workspace],
        )
        thread.start()
        wait_for(
            lambda: value(
                shared_superuser,
                "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [holder.info.backend_pid],
            ),
            "the apply to wait for the rule",
        )
        for url in urls:  # of those to be changed, and of the one to be deleted
            assert api.get(url).raise_for_status().json()["outcome"] == "TAKEN"
        holder.rollback()
        thread.join()
    assert [counts(each) for each in answers] == [(0, 3, 0, 1)]
    assert [api.get(url).status_code for url in urls] == [200, 200, 404]
    kept = [
        each["number"]
        for name in ("beat-0", "beat-1")
        for each in api.get(f"/v1/workspaces/{workspace}/heartbeats/{name}/pings").json()["data"]
    ]
    assert kept == [2, 1, 2, 1]


def test_each_schedule_that_is_none_is_said_and_nothing_is_stored(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    apply(api, workspace, heartbeats=BEATS)
    wrong = [BEATS[0] | {"period_seconds": None, "cron": "61 * * * *"}, BEATS[1] | {"tags": ["x"]},
             {"name": "new", "cron": "0 3 * * *", "timezone": "Nowhere/Land"}]  # fmt: skip
    refused = apply(api, workspace, 422, heartbeats=wrong)
    assert set(faults(refused)) == {"/heartbeats/0/cron", "/heartbeats/2/timezone"}
    stored = """
        select beat.name, beat.version from kronos.beats as beat join kronos.workspaces using (workspace_id)
         where slug = %s order by beat.name
    """
    assert records(shared_superuser, stored, [workspace]) == [{"name": each["name"], "version": 1} for each in BEATS]


def test_many_are_made_and_changed_by_two_statements(api: httpx.Client, workspace: str) -> None:
    many = [{"name": f"beat-{n}", "cron": f"{n % 60} {n // 60} * * *"} for n in range(200)]
    assert counts(apply(api, workspace, heartbeats=many)) == (200, 0, 0, 0)
    assert counts(apply(api, workspace, heartbeats=[each | {"grace_seconds": 60} for each in many])) == (0, 200, 0, 0)
    assert counts(apply(api, workspace, heartbeats=[each | {"grace_seconds": 60} for each in many])) == (0, 0, 200, 0)
