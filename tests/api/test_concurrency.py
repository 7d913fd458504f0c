"""Many concurrent callers: one job per idempotency key, one live version per job, one entry per live job."""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg

from api_answers import problem_of

# It begins far in the future, so that its next run is the same in each answer.
CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "*/5 * * * *", "starts_at": "2098-01-01T00:00:00Z"}


def at_once(count: int, call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(call, range(count)))


def entries(superuser: psycopg.Connection, workspace: str) -> list[str]:
    """The workspace's jobs that have an entry in pg_cron."""
    rows = superuser.execute(
        """
        select job.job_id::text
          from cron.job as entry
          join kronos.jobs as job on entry.jobname = 'kronos:' || job.job_id
                                 and entry.command = format('select kronos.fire(%%L)', job.job_id)
          join kronos.workspaces as workspace using (workspace_id)
         where workspace.slug = %s and entry.active
         order by 1
        """,
        [workspace],
    )
    return [job_id for (job_id,) in rows]


def live(superuser: psycopg.Connection, workspace: str) -> list[str]:
    rows = superuser.execute(
        """
        select job_id::text from kronos.jobs join kronos.workspaces as workspace using (workspace_id)
         where workspace.slug = %s and jobs.status = 'ACTIVE' order by 1
        """,
        [workspace],
    )
    return [job_id for (job_id,) in rows]


def test_fifty_posts_of_one_idempotency_key_make_one_job(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    body = CRON | {"idempotency_key": "order-17", "input": {"a": 1, "b": 2}}

    answers = at_once(50, lambda _: api.post(f"/v1/workspaces/{workspace}/jobs", json=body))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 49}
    assert len({answer.content for answer in answers}) == 1
    assert live(shared_superuser, workspace) == entries(shared_superuser, workspace) == [answers[0].json()["job_id"]]


def test_fifty_posts_of_one_key_make_one_execution(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    body = {"endpoint": "sink", "trigger": "IMMEDIATE"}

    answers = at_once(
        50, lambda _: api.post(f"/v1/workspaces/{workspace}/jobs", json=body, headers={"Idempotency-Key": "k"})
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 49}
    assert {answer.json()["job_id"] for answer in answers} == set(live(shared_superuser, workspace))
    assert len(api.get(f"/v1/workspaces/{workspace}/executions").json()["data"]) == 1


def test_a_key_with_another_body_is_refused(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    first = api.post(path, json=CRON | {"idempotency_key": "k"})
    assert first.status_code == 201

    problem = problem_of(api.post(path, json=CRON | {"idempotency_key": "k", "cron": "*/6 * * * *"}))

    assert (problem["status"], problem["code"]) == (422, "idempotency_mismatch")
    assert problem["errors"][0]["pointer"] == "/idempotency_key"
    assert live(shared_superuser, workspace) == entries(shared_superuser, workspace) == [first.json()["job_id"]]


def test_the_same_request_written_differently_is_the_same(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    first = api.post(path, json=CRON | {"idempotency_key": "k", "input": {"a": 1, "b": 2}})

    body = {"input": {"b": 2, "a": 1}, "timezone": "UTC", "priority": 0, "name": None} | CRON
    again = api.post(path, json=body, headers={"Idempotency-Key": "k"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content


def test_one_key_in_two_workspaces_makes_two_jobs(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    other = f"w-{uuid.uuid4().hex[:12]}"
    assert api.post("/v1/workspaces", json={"slug": other}).status_code == 201
    endpoint = {"name": "sink", "type": "HTTP", "spec": {"url": "https://example.com/"}}
    assert api.post(f"/v1/workspaces/{other}/endpoints", json=endpoint).status_code == 201

    made = [
        api.post(f"/v1/workspaces/{slug}/jobs", json=CRON | {"idempotency_key": "k"}) for slug in (workspace, other)
    ]

    assert [answer.status_code for answer in made] == [201, 201]
    assert len(live(shared_superuser, workspace) + live(shared_superuser, other)) == 2


def test_of_twenty_patches_of_one_version_one_wins(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON).json()

    answers = at_once(
        20,
        lambda number: api.patch(
            f"/v1/workspaces/{workspace}/jobs/{job['job_id']}", json={"cron": f"{number} * * * *"}
        ),
    )

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1
    assert statuses[409] + statuses[412] == 19, statuses
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert won["version"] == 2
    assert live(shared_superuser, workspace) == entries(shared_superuser, workspace) == [won["job_id"]]


def test_of_twenty_patches_by_name_with_if_match_one_wins(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON | {"name": "report"})

    answers = at_once(
        20,
        lambda number: api.patch(
            f"/v1/workspaces/{workspace}/jobs/report",
            json={"cron": f"{number} * * * *"},
            headers={"If-Match": made.headers["ETag"]},
        ),
    )

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1
    assert statuses[409] + statuses[412] == 19, statuses
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert live(shared_superuser, workspace) == entries(shared_superuser, workspace) == [won["job_id"]]


def test_patch_and_delete_at_once_end_in_one_of_the_two_orders(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    for _ in range(10):
        job: dict[str, Any] = api.post(path, json=CRON).json()
        one = f"{path}/{job['job_id']}"

        def patch_or_delete(nth: int, one: str = one) -> httpx.Response:
            return api.patch(one, json={"cron": "7 * * * *"}) if nth == 0 else api.delete(one)

        patched, deleted = at_once(2, patch_or_delete)

        # Deleted first: there is nothing to change. Changed first: the id is that of a replaced version, and the job
        # continues under another id.
        assert (patched.status_code, deleted.status_code) in [(409, 200), (200, 409)]
        expected = [patched.json()["job_id"]] if patched.status_code == 200 else []
        assert live(shared_superuser, workspace) == entries(shared_superuser, workspace) == expected
        for job_id in expected:
            assert api.delete(f"{path}/{job_id}").status_code == 200
