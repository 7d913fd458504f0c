"""If a request's first write found nothing to change and its second one waited in vain for a lock, nothing has changed.
The caller is told so, not that the request may have been done.
"""

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg

from api_answers import problem_of
from conftest import Api

SINK = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
RULE = {"condition": {"type": "MISSED"}}
NEVER = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "yearly"}


def twin(connection: psycopg.Connection, table: str, key: str, slug: str, old: str, new: str) -> None:
    """Insert a copy of that row under the name `new`, without committing: creating one with that name now waits."""
    connection.execute(
        f"""
        insert into kronos.{table}
        select (jsonb_populate_record(row, jsonb_build_object('name', %(new)s::text, '{key}', gen_random_uuid()))).*
          from kronos.{table} as row
          join kronos.workspaces using (workspace_id)
         where row.name = %(old)s and slug = %(slug)s
        """.encode(),
        {"old": old, "new": new, "slug": slug},
    )


def test_what_is_refused_after_a_write_that_found_nothing_is_not_done(
    api: httpx.Client, shared_api: Api, workspace: str
) -> None:
    base = f"/v1/workspaces/{workspace}"
    for path, body in (("endpoints/old", SINK), ("alert-rules/old", RULE)):
        assert api.put(f"{base}/{path}", json=body).status_code == 201
    held = api.post(f"{base}/jobs", json=NEVER).json()["job_id"]
    with psycopg.connect(shared_api.database_url) as other, ThreadPoolExecutor(3) as callers:
        twin(other, "endpoints", "endpoint_id", workspace, "old", "new")
        twin(other, "alert_rules", "rule_id", workspace, "old", "new")
        other.execute("select from kronos.jobs where job_id = %s for update", [held])
        asked = [
            callers.submit(api.put, f"{base}/endpoints/new", json=SINK),
            callers.submit(api.put, f"{base}/alert-rules/new", json=RULE),
            callers.submit(api.post, f"{base}/jobs/yearly/trigger"),
        ]
        answers = [each.result(60) for each in asked]
        other.rollback()
    assert [(each.status_code, problem_of(each)["code"]) for each in answers] == [(503, "database_unavailable")] * 3
    assert api.put(f"{base}/endpoints/new", json=SINK).status_code == 201
    assert api.get(f"{base}/executions", params={"job": "yearly"}).json()["data"] == []
