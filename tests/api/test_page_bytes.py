"""A list's pages are limited in bytes, both as users wrote the values and as PostgreSQL expands them."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from kronos.database import PAGE_BYTES

BIG = {"text": "x" * 240_000}
# 30 bytes each as stored, 301 when written out.
SPREADING = "(select jsonb_build_object('numbers', jsonb_agg(1e300::numeric)) from generate_series(1, 2000))"


def pages(api: httpx.Client, path: str, **query: Any) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Each page's rows, and the size of its answer in bytes."""
    while True:
        response = api.get(path, params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        yield page["data"], len(response.content)
        if page["next_cursor"] is None:
            return
        query["cursor"] = page["next_cursor"]


def check(api: httpx.Client, path: str, wanted: list[str], name: str, *, largest_row: int, **query: Any) -> list[int]:
    """Check that each row is listed once, in pages of at most the allowed size. Return the pages' lengths."""
    found: list[str] = []
    lengths = []
    for rows, size in pages(api, path, **query):
        assert rows
        assert size < PAGE_BYTES + largest_row
        found += [str(row[name]) for row in rows]
        lengths.append(len(rows))
    assert found == wanted
    return lengths


def test_lists_of_large_inputs_come_in_pages_of_a_mebibyte(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}"
    made = [
        api.post(
            f"{path}/jobs",
            json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z", "input": BIG},
        ).json()
        for _ in range(9)
    ]
    newest_first = [job["job_id"] for job in reversed(made)]

    executions = check(api, f"{path}/executions", newest_first, "job_id", largest_row=260_000, limit=200)
    jobs = check(api, f"{path}/jobs", newest_first, "job_id", largest_row=500_000, limit=200)

    assert executions == [4, 4, 1]
    assert jobs == [2, 2, 2, 2, 1]  # a one-shot is shown with its execution
    assert check(api, f"{path}/executions", newest_first, "job_id", largest_row=260_000, limit=3) == [3, 3, 3]


def test_versions_endpoints_and_a_jobs_executions_do_too(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}"
    job = api.post(
        f"{path}/jobs", json={"name": "v", "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "input": BIG}
    ).json()
    for number in range(5):
        assert api.patch(f"{path}/jobs/v", json={"tags": [str(number)]}).status_code == 200
    names: list[str] = []
    for number in range(6):
        spec = {"url": "http://127.0.0.1:9/", "body_template": {"text": "x" * 240_000}}
        api.post(f"{path}/endpoints", json={"name": f"e{number}", "type": "HTTP", "spec": spec}).raise_for_status()
        names.insert(0, f"e{number}")
    triggered = [api.post(f"{path}/jobs/v/trigger", json={}).json()["execution_id"] for _ in range(6)]

    assert job["version"] == 1
    assert check(api, f"{path}/jobs/v/versions", ["6", "5", "4", "3", "2", "1"], "version", largest_row=260_000) == [
        4,
        2,
    ]
    assert check(api, f"{path}/endpoints", [*names, "sink"], "name", largest_row=260_000) == [4, 3]
    assert check(api, f"{path}/jobs/v/executions", triggered[::-1], "execution_id", largest_row=260_000) == [4, 2]


@pytest.fixture
def spreading(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> list[str]:
    """Jobs whose inputs have a few kB as stored and 600 kB when written out, which only SQL can store; newest first."""
    path = f"/v1/workspaces/{workspace}/jobs"
    made = [
        api.post(path, json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}).json()
        for _ in range(4)
    ]
    ids = [job["job_id"] for job in reversed(made)]
    shared_superuser.execute(f"update kronos.jobs set input = {SPREADING} where job_id = any (%s)", [ids])
    shared_superuser.execute(f"update kronos.execution_live set input = {SPREADING} where job_id = any (%s)", [ids])
    return ids


def test_what_is_small_as_stored_and_large_written_out_counts_as_written(
    api: httpx.Client, workspace: str, spreading: list[str]
) -> None:
    path = f"/v1/workspaces/{workspace}"
    assert check(api, f"{path}/executions", spreading, "job_id", largest_row=0, limit=200) == [1, 1, 1, 1]
    assert check(api, f"{path}/jobs", spreading, "job_id", largest_row=0, limit=200) == [1, 1, 1, 1]


@pytest.fixture
def tried(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> str:
    """The path of an execution with 1,001 attempts of 5 kB."""
    job = {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json=job).json()
    execution_id = made["execution"]["execution_id"]
    shared_superuser.execute(
        """
        insert into kronos.attempt (execution_id, workspace_id, attempt_number, claim_token, status, started_at,
            completed_at, duration_ms,
                                    worker_id, request, response, error)
        select live.execution_id, live.workspace_id, number, gen_random_uuid(), 'FAILED',
               now() + number * interval '1 second',
               now() + number * interval '1 second', 1, 'w:1:abc', '{}', jsonb_build_object('body', repeat('x',
                   5000)), '{"message": "no"}'
          from kronos.execution_live as live
         cross join generate_series(1, 1001) as number
         where live.execution_id = %s
        """,
        [execution_id],
    )
    return f"/v1/workspaces/{workspace}/executions/{execution_id}"


def test_attempts_are_paged_first_to_last(api: httpx.Client, tried: str) -> None:
    numbers = [str(number) for number in range(1, 1002)]

    assert check(api, f"{tried}/attempts", numbers, "attempt_number", largest_row=0, limit=150) == [150] * 6 + [101]
    lengths = check(api, f"{tried}/attempts", numbers, "attempt_number", largest_row=120_000, limit=200)
    assert lengths[0] == 200


def test_the_log_tells_of_the_last_attempts(api: httpx.Client, tried: str) -> None:
    lines = [line["message"] for line in api.get(f"{tried}/logs").json()["data"]]

    assert lines[0].startswith("created")
    assert "801 earlier attempts are not shown here: …/attempts lists them" in lines
    assert lines[-1].startswith("attempt 1001 of ")
    assert len(lines) == 2 + 2 * 200


def test_a_page_measures_no_more_documents_than_it_has(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """With sixty inputs of 240 kB, a page may measure at most one more than it contains."""
    path = f"/v1/workspaces/{workspace}"
    body = {
        "endpoint": "sink",
        "trigger": "DELAYED",
        "run_at": "2099-01-01T00:00:00Z",
        "tags": ["with-a-row"],
        "input": BIG,
    }
    made = api.post(f"{path}/jobs", json=body).json()
    shared_superuser.execute(
        """
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, scheduled_at, run_at,
                                           visible_at, max_attempts, max_crashes, timeout_ms, input)
        select kronos.uuid7(), workspace_id, job_id, endpoint_id, endpoint_version, 'MANUAL', scheduled_at, run_at,
               visible_at, max_attempts, max_crashes, timeout_ms,
               jsonb_build_object('text', (select string_agg(md5(number::text || word::text), '')
                   from generate_series(1, 7500) as word))
          from kronos.execution_live
         cross join generate_series(1, 60) as number
         where job_id = %s
        """,
        [made["job_id"]],
    )

    def read(most_bytes: int) -> tuple[int, int]:
        """The number of rows in a page of this size, and the blocks read for it."""
        (((plan,),),) = shared_superuser.execute(
            """
            explain (analyze, buffers, format json)
            select * from kronos.read_execution_page(array(select execution_id from kronos.execution_live
                   where job_id = %s), 200, %s)
            """,
            [made["job_id"], most_bytes],
        ).fetchall()
        return plan["Plan"]["Actual Rows"], plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

    read(PAGE_BYTES)  # loads what a session's first statement loads, so that neither figure contains it
    rows, blocks = read(PAGE_BYTES)
    all_rows, all_blocks = read(2**30)
    assert (rows <= 6, all_rows) == (True, 61)
    assert (all_blocks - blocks) / (all_rows - rows) > 10  # the plans cost both the same
