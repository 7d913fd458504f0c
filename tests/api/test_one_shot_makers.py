"""A one-shot's row, history and audit record who made it: over HTTP singly and together, in batches, and by SQL. No
reader sees more than its role allows.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from lxml import html

from api.at_once import Process, made, process_on
from conftest import Api
from factory import add_endpoint
from kronos import jobs
from kronos.database import WorkspaceView
from kronos.model import Job
from kronos.new_jobs import NewJob
from kronos.origin import ChangeOrigin
from sql_factory import Connection, value

_MORE = {"name": "named", "on_failure": {"endpoint": "sink"}, "deadline_seconds": 60}


@pytest.fixture(scope="module")
def process(shared_api: Api) -> Iterator[Process]:
    with process_on(shared_api.database_url, size=4) as started:
        yield started


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    api.put(
        f"/v1/workspaces/{workspace}/endpoints/sink", json={"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
    ).raise_for_status()
    return f"/v1/workspaces/{workspace}"


def _actor(api: Api) -> str:
    return api.key.split("_")[2]


def _audit(api: httpx.Client, base: str, **filters: str) -> list[dict[str, Any]]:
    answer = api.get(f"{base}/audit", params={"object_type": "one_shot", **filters})
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


@pytest.mark.parametrize("more", [{}, {"run_at": "2999-01-01T00:00:00Z", "trigger": "DELAYED"}, _MORE])
def test_a_one_shot_says_who_made_it_when_it_is_made_and_when_it_is_read(
    shared_api: Api, api: httpx.Client, base: str, more: dict[str, Any]
) -> None:
    request_id = uuid.uuid4().hex
    body = {"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"planted": "p1"}} | more
    answer = api.post(f"{base}/jobs", json=body, headers={"Request-Id": request_id})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    shown = {"actor": _actor(shared_api), "key_id": _actor(shared_api), "request_id": request_id}
    execution_id = new["execution"]["execution_id"]
    assert new["execution"]["created_by"] == shown
    assert api.get(f"{base}/jobs/{new['job_id']}").json()["execution"]["created_by"] == shown
    assert api.get(f"{base}/executions/{execution_id}").json()["created_by"] == shown
    (listed,) = api.get(f"{base}/executions").json()["data"]
    assert listed["created_by"] == shown

    (row,) = _audit(api, base, request_id=request_id)
    assert (row["actor"], row["key_id"], row["address"]) == (_actor(shared_api), _actor(shared_api), "127.0.0.1")
    assert (row["action"], row["object_id"], row["object"]) == ("one_shot.create", new["job_id"], new["name"])
    assert (row["number"], row["hash"]) == (None, None)
    assert row["after"]["endpoint"] == "sink"
    assert "planted" not in json.dumps(row)


def test_each_of_a_batch_has_its_maker(shared_api: Api, api: httpx.Client, base: str) -> None:
    each = {"endpoint": "sink", "trigger": "IMMEDIATE"}
    request_id = uuid.uuid4().hex
    answer = api.post(
        f"{base}/jobs:batch", json={"jobs": [each, each | _MORE, each]}, headers={"Request-Id": request_id}
    )
    assert answer.is_success, answer.text
    ids = {row["object_id"] for row in _audit(api, base, request_id=request_id, actor=_actor(shared_api))}
    assert ids == {item["job_id"] for item in answer.json()["data"]}


def test_what_is_made_together_keeps_its_callers_apart(process: Process, shared_superuser: Connection) -> None:
    endpoint = add_endpoint(shared_superuser)
    workspace = str(endpoint.workspace_id)
    name = value(shared_superuser, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])

    def asked(nth: int, more: dict[str, Any]) -> Any:
        origin = ChangeOrigin(actor=f"one-{nth}", key=f"key-{nth}", address="10.0.0.1", request_id=f"r-{nth}")
        new = replace(NewJob(endpoint=name, trigger="IMMEDIATE"), **more)
        return lambda pool: jobs.create(WorkspaceView(pool, workspace, origin=origin), new)

    for kind in ({}, {"tags": ("a",)}):
        found = made(process.at_once(*(asked(nth, kind) for nth in range(5))))
        for nth, job in enumerate(found):
            wanted = {"actor": f"one-{nth}", "key_id": f"key-{nth}", "request_id": f"r-{nth}"}
            assert isinstance(job, Job)
            assert (job.execution or {})["created_by"] == wanted
            stored = value(
                shared_superuser, "select created_by from kronos.execution_live where job_id = %s", [job.job_id]
            )
            assert stored == {
                **{"actor": f"one-{nth}", "key": f"key-{nth}", "request_id": f"r-{nth}"},
                **{"address": "10.0.0.1", "database_user": "postgres"},
            }


def test_who_says_nothing_is_not_said_to_be_the_others_of_the_statement(
    process: Process, shared_superuser: Connection
) -> None:
    endpoint = add_endpoint(shared_superuser)
    workspace = str(endpoint.workspace_id)
    name = value(shared_superuser, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id])

    def asked(nth: int, more: dict[str, Any]) -> Any:
        origin = ChangeOrigin(actor=f"one-{nth}") if nth else None
        new = replace(NewJob(endpoint=name, trigger="IMMEDIATE"), **more)
        return lambda pool: jobs.create(WorkspaceView(pool, workspace, origin=origin), new)

    for kind in ({}, {"tags": ("a",)}):
        for nth, job in enumerate(made(process.at_once(*(asked(nth, kind) for nth in range(3))))):
            stored = value(
                shared_superuser, "select created_by from kronos.execution_live where job_id = %s", [job.job_id]
            )
            assert stored == {"actor": f"one-{nth}" if nth else "postgres", "database_user": "postgres"}


def test_the_history_keeps_it_and_a_retry_too(api: httpx.Client, base: str, shared_superuser: Connection) -> None:
    new = api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()
    execution, by = f"{base}/executions/{new['job_id']}", new["execution"]["created_by"]
    api.post(f"{execution}/cancel").raise_for_status()
    assert api.get(execution).json()["status"] == "CANCELLED"
    assert api.get(execution).json()["created_by"] == by
    assert len(_audit(api, base, object=new["job_id"])) == 1
    api.post(f"{execution}/retry", json={}).raise_for_status()
    assert api.get(execution).json()["created_by"] == by
    # the record is kept as long as the execution is
    shared_superuser.execute("delete from kronos.execution_live where execution_id = %s", [new["job_id"]])
    assert _audit(api, base, object=new["job_id"]) == []


def test_pages_of_one_shots_go_on_where_they_ended(api: httpx.Client, base: str) -> None:
    jobs_made = [api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json() for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(f"{base}/audit", params={"action": "one_shot.create", "limit": "2", **cursor}).json()
        seen += [row["object_id"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [job["job_id"] for job in reversed(jobs_made)]
    at = _audit(api, base, object=seen[2])[0]["at"]
    assert [row["object_id"] for row in _audit(api, base, before=at)] == seen[3:]
    assert [row["object_id"] for row in _audit(api, base, after=at)] == seen[:3]
    lines = api.get(f"{base}/audit/export", params={"object_type": "one_shot"}).text.splitlines()
    assert [json.loads(line)["object_id"] for line in lines] == seen
    assert api.get(f"{base}/audit", params={"object_type": "one_shot", "action": "job.create"}).json()["data"] == []


_AT_ONCE = """
with made as (
    select nth, kronos.now() - interval '1 minute' as at from generate_series(0, 10050) as nth
)
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                   scheduled_at, run_at, visible_at, created_at, max_attempts, max_crashes,
                                   timeout_ms, input, created_by)
select id, workspace_id, id, endpoint_id, 1, 'API', at, at, now() + interval '1 day', at, 1, 0, 1000, '{}',
       case when nth = 0 then '{"actor": "the-last", "database_user": "d"}'::jsonb end
  from kronos.endpoints
  join kronos.workspaces using (workspace_id)
 cross join made
 cross join lateral (select case when nth = 0 then kronos.uuid7_floor(at) else kronos.uuid7(at) end as id) as given
 where slug = %s and endpoints.name = 'sink'
"""


def test_a_search_that_found_nothing_in_many_says_where_to_go_on(
    api: httpx.Client, base: str, workspace: str, shared_superuser: Connection
) -> None:
    """All were made in the same instant, and the one searched for is the last of them."""
    shared_superuser.execute(_AT_ONCE, [workspace])
    found = api.get(f"{base}/audit", params={"object_type": "one_shot"}).raise_for_status().json()
    assert found["data"] == []
    (row,) = _audit(api, base, cursor=found["next_cursor"])
    assert row["actor"] == "the-last"
    page = api.get(f"/w/{workspace}/audit", params={"object_type": "one_shot"})
    assert page.status_code == 200
    (further,) = html.fromstring(page.text).xpath("//a[text()='Search further back']/@href")
    assert "the-last" in api.get(further).text


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"after": "2026-01-01T00:00:00Z"}, "/after"),
        ({"before": "2026-01-01T00:00:00Z"}, "/before"),
        ({"object_type": "one_shot", "cursor": "7"}, "/cursor"),
    ],
)
def test_an_export_takes_nothing_that_it_would_not_keep_to(
    api: httpx.Client, base: str, query: dict[str, str], pointer: str
) -> None:
    answer = api.get(f"{base}/audit/export", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer), answer.text


def test_the_instance_has_no_list_of_them(api: httpx.Client) -> None:
    answer = api.get("/v1/audit", params={"object_type": "one_shot"})
    assert answer.status_code == 400, answer.text
    assert "workspace" in answer.text
