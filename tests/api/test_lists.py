"""Lists lose and repeat nothing, whatever is inserted while they are read."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of


def pages(api: httpx.Client, path: str, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = None
    while True:
        response = api.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert response.status_code == 200, response.text
        answer = response.json()
        assert set(answer) == {"data", "next_cursor"}
        yield answer["data"]
        if (cursor := answer["next_cursor"]) is None:
            return


def make_jobs(
    superuser: psycopg.Connection, workspace: str, count: int, *, created_at: str = "2026-01-01T00:00:00Z"
) -> set[str]:
    """One-shot jobs with the same creation time."""
    ids = [uuid.uuid4() for _ in range(count)]
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status,
            status_reason, retired_at,
                                 created_at)
        select made.job_id, made.job_id, workspace_id, endpoint.endpoint_id, 'IMMEDIATE', 'RETIRED',
               '{"code": "cancelled"}', now(), %(at)s
          from unnest(%(ids)s::uuid[]) as made (job_id), kronos.endpoints as endpoint
          join kronos.workspaces as workspace using (workspace_id)
         where workspace.slug = %(workspace)s and endpoint.name = 'sink'
        """,
        {"workspace": workspace, "ids": ids, "at": created_at},
    )
    return {str(job_id) for job_id in ids}


def test_three_hundred_jobs_of_one_instant_are_each_listed_once(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made = make_jobs(shared_superuser, workspace, 300)
    assert len(made) == 300

    listed = [job["job_id"] for page in pages(api, f"/v1/workspaces/{workspace}/jobs", limit=7) for job in page]

    assert len(listed) == 300
    assert set(listed) == made
    assert listed == sorted(listed, reverse=True)


def test_what_is_inserted_while_paging_moves_nothing(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made = make_jobs(shared_superuser, workspace, 40)
    listed: list[str] = []

    for page in pages(api, f"/v1/workspaces/{workspace}/jobs", limit=10):
        listed += [job["job_id"] for job in page]
        make_jobs(shared_superuser, workspace, 15, created_at="2026-06-01T00:00:00Z")

    assert sorted(listed) == sorted(made)


def test_executions_workspaces_and_endpoints_are_paged_too(api: httpx.Client, workspace: str) -> None:
    for number in range(5):
        spec = {"name": f"e{number}", "type": "HTTP", "spec": {"url": "https://example.com/"}}
        assert api.post(f"/v1/workspaces/{workspace}/endpoints", json=spec).status_code == 201
        assert (
            api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).status_code
            == 201
        )

    names = [row["name"] for page in pages(api, f"/v1/workspaces/{workspace}/endpoints", limit=2) for row in page]
    ids = [
        row["execution_id"] for page in pages(api, f"/v1/workspaces/{workspace}/executions", limit=2) for row in page
    ]
    slugs = [row["slug"] for page in pages(api, "/v1/workspaces", limit=200) for row in page]

    assert names == ["e4", "e3", "e2", "e1", "e0", "sink"]
    assert len(ids) == len(set(ids)) == 5
    assert {workspace, "kronos-system"} <= set(slugs)
    assert len(slugs) == len(set(slugs))


def test_versions_are_paged_by_their_number_however_they_are_made_meanwhile(api: httpx.Client, workspace: str) -> None:
    jobs = f"/v1/workspaces/{workspace}/jobs"
    first = api.post(jobs, json={"name": "daily", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *"}).json()[
        "job_id"
    ]

    def edit(count: int) -> None:
        for number in range(count):
            assert api.patch(f"{jobs}/daily", json={"cron": f"{number} 10 * * *"}).status_code == 200

    edit(6)
    listed: list[int] = []
    for page in pages(api, f"{jobs}/{first}/versions", limit=3):
        listed += [version["version"] for version in page]
        edit(1)
    assert listed == [7, 6, 5, 4, 3, 2, 1]
    assert [version["version"] for page in pages(api, f"{jobs}/daily/versions", limit=200) for version in page] == list(
        range(10, 0, -1)
    )

    cursor = api.get(f"{jobs}/daily/versions?limit=1").json()["next_cursor"]
    for elsewhere in (f"{jobs}/{first}/versions", f"{jobs}/daily/executions", jobs):
        assert problem_of(api.get(elsewhere, params={"cursor": cursor}))["errors"][0]["pointer"] == "/cursor"
    assert problem_of(api.get(f"{jobs}/daily/versions?limit=201"))["status"] == 400


def test_the_default_page_has_fifty_rows(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    make_jobs(shared_superuser, workspace, 51)

    assert [len(page) for page in pages(api, f"/v1/workspaces/{workspace}/jobs")] == [50, 1]


def test_a_full_last_page_has_no_cursor(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    make_jobs(shared_superuser, workspace, 10)

    assert [len(page) for page in pages(api, f"/v1/workspaces/{workspace}/jobs", limit=5)] == [5, 5]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "/v1/workspaces/{w}/executions",
        "/v1/workspaces/{w}/jobs?status=RETIRED",
        "/v1/workspaces/kronos-system/jobs",
        "/v1/workspaces",
    ],
)
def test_a_cursor_of_another_list_is_refused(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, elsewhere: str
) -> None:
    make_jobs(shared_superuser, workspace, 3)
    cursor = api.get(f"/v1/workspaces/{workspace}/jobs", params={"limit": 2}).json()["next_cursor"]

    url = httpx.URL(str(api.base_url) + elsewhere.replace("{w}", workspace)).copy_merge_params({"cursor": cursor})
    problem = problem_of(api.get(url))

    assert (problem["status"], problem["code"], problem["errors"][0]["pointer"]) == (400, "invalid_request", "/cursor")


def test_jobs_are_filtered(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    cron = api.post(
        path, json={"name": "Weekly", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * 1", "tags": ["a", "b"]}
    ).json()
    once = api.post(path, json={"endpoint": "sink", "trigger": "IMMEDIATE", "tags": ["b"]}).json()

    def listed(**query: str) -> list[str]:
        return [job["job_id"] for page in pages(api, path, **query) for job in page]

    assert listed() == [once["job_id"], cron["job_id"]]
    assert listed(trigger="CRON") == [cron["job_id"]]
    assert listed(tag="a") == [cron["job_id"]]
    assert listed(tag="b", trigger="IMMEDIATE") == [once["job_id"]]
    assert listed(q="weekl") == [cron["job_id"]]
    assert listed(status="RETIRED") == []
    assert listed(endpoint="sink", status="ACTIVE") == [once["job_id"], cron["job_id"]]
    assert listed(endpoint="other") == []
    assert listed(created_after=once["created_at"]) == []
    assert listed(created_before=once["created_at"]) == [cron["job_id"]]


def test_executions_are_filtered(api: httpx.Client, workspace: str) -> None:
    jobs = f"/v1/workspaces/{workspace}/jobs"
    path = f"/v1/workspaces/{workspace}/executions"
    now = api.post(jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE", "name": "now"}).json()
    later = api.post(jobs, json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}).json()

    def jobs_of(where: str, **query: str) -> list[str]:
        return [row["job_id"] for page in pages(api, where, **query) for row in page]

    assert jobs_of(path) == [later["job_id"], now["job_id"]]
    assert jobs_of(path, status="PENDING") == [later["job_id"]]
    assert jobs_of(path, job="now") == [now["job_id"]]
    assert jobs_of(path, job=later["job_id"]) == [later["job_id"]]
    assert jobs_of(path, scheduled_after="2098-01-01T00:00:00Z") == [later["job_id"]]
    assert jobs_of(path, scheduled_before="2098-01-01T00:00:00Z") == [now["job_id"]]
    assert jobs_of(f"{jobs}/now/executions") == [now["job_id"]]
    assert problem_of(api.get(f"{jobs}/nobody/executions"))["code"] == "job_not_found"
