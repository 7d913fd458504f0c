"""GET …/executions by endpoint, by text and by cause: newest first, over pages, within a stated limit."""

from typing import Any

import httpx
import pytest

from sql_factory import Connection

_MANY = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   scheduled_at, run_at, created_at, started_at, completed_at, max_attempts, input,
                                   error)
select made.id, workspace_id, made.id, endpoint_id, 1, 'API', 'FAILED', made.at, made.at, made.at, made.at, made.at, 1,
       '{}', jsonb_build_object('type', 'timeout', 'message', 'The answer came Too Late: ' || nth)
  from kronos.endpoints
  join kronos.workspaces using (workspace_id)
 cross join generate_series(1, %(count)s) as nth
 cross join lateral (select kronos.uuid7(kronos.now() - nth * interval '1 ms') as id,
                            kronos.now() - nth * interval '1 ms' as at) as made
 where slug = %(workspace)s and endpoints.name = %(endpoint)s
"""


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    path = f"/v1/workspaces/{workspace}"
    for name in ("sink", "other"):
        body = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
        api.put(f"{path}/endpoints/{name}", json=body).raise_for_status()
    return path


def _once(api: httpx.Client, base: str, endpoint: str, **more: Any) -> str:
    made = api.post(f"{base}/jobs", json={"endpoint": endpoint, "trigger": "IMMEDIATE"} | more)
    assert made.status_code == 201, made.text
    return str(made.json()["execution"]["execution_id"])


def _listed(api: httpx.Client, base: str, **query: str) -> list[str]:
    seen: list[str] = []
    while True:
        answer = api.get(f"{base}/executions", params={"limit": "2", **query})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert all(not name.startswith("_") for each in page["data"] for name in each)
        seen += [each["execution_id"] for each in page["data"]]
        if page["next_cursor"] is None:
            return seen
        query["cursor"] = page["next_cursor"]


def test_those_of_an_endpoint_and_with_a_text(
    api: httpx.Client, base: str, workspace: str, shared_superuser: Connection
) -> None:
    shared_superuser.execute(_MANY, {"count": 3, "workspace": workspace, "endpoint": "sink"})
    late = _listed(api, base)
    first = _once(api, base, "other", name="nightly-report")
    gone = _once(api, base, "sink")
    api.post(f"{base}/executions/{gone}/cancel").raise_for_status()
    assert _listed(api, base, endpoint="sink") == [gone, *late]
    assert _listed(api, base, endpoint="other") == [first]
    assert _listed(api, base, endpoint="none") == []
    assert _listed(api, base, q="TOO LATE: 2") == [late[1]]
    assert _listed(api, base, q="nightly-REP") == [first]
    assert _listed(api, base, q="cancel", endpoint="sink") == [gone]
    assert _listed(api, base, q=gone[:23]) == [gone]
    assert _listed(api, base, q="timeout", status="FAILED") == late
    assert _listed(api, base, q="timeout", job=first) == []
    assert _listed(api, base, q="timeout", caused_by=gone) == []


def test_a_look_that_ends_before_the_list_says_where_to_go_on(
    api: httpx.Client, base: str, workspace: str, shared_superuser: Connection
) -> None:
    oldest = _once(api, base, "other")
    shared_superuser.execute(
        "update kronos.execution_live set created_at = kronos.now() - interval '40 min' where execution_id = %s",
        [oldest],
    )
    shared_superuser.execute(_MANY, {"count": 10_001, "workspace": workspace, "endpoint": "sink"})
    found = api.get(f"{base}/executions", params={"endpoint": "other"}).raise_for_status().json()
    assert found["data"] == []
    cursor = found["next_cursor"]
    assert _listed(api, base, endpoint="other", cursor=cursor) == [oldest]
    # the dashboard's page says so too, and its link continues the search
    page = api.get(f"/w/{workspace}/executions?endpoint=other")
    assert page.status_code == 200
    assert f"cursor={cursor.replace('=', '%3D')}" in page.text
    newest = _once(api, base, "other")
    assert _listed(api, base, endpoint="other") == [newest, oldest]  # as a caller that follows cursors collects them
