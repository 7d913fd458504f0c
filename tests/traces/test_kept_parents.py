"""What the API stores of a caller's traceparent, whether or not it creates traces itself, and what it passes on to a
worker."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from conftest import await_condition
from sql_factory import records, value, values


def _header() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _asked(api: httpx.Client, method: str, path: str, body: object, traceparent: str | None) -> Any:
    headers = {"traceparent": traceparent} if traceparent is not None else {}
    answer = api.request(method, f"/v1/workspaces/{path}", json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def _facts(connection: psycopg.Connection, execution_id: str) -> tuple[str | None, bool]:
    """The span that created it, and whether it is a part of that trace."""
    (found,) = records(
        connection, "select traceparent, is_part from kronos.trace_facts(array[%s::uuid])", [execution_id]
    )
    return found["traceparent"], found["is_part"]


def _version(connection: psycopg.Connection, job_id: str) -> str | None:
    found: str | None = value(connection, "select traceparent from kronos.jobs where job_id = %s", [UUID(job_id)])
    return found


@pytest.mark.parametrize(
    "more", [{}, {"name": "named"}, {"trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"}], ids=str
)
def test_a_one_shot_keeps_its_requests(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, more: dict[str, str]
) -> None:
    header = _header()
    body = {"endpoint": "sink", "trigger": "IMMEDIATE", **more}
    made = _asked(api, "POST", f"{workspace}/jobs", body, header)
    assert _facts(shared_superuser, made["execution"]["execution_id"]) == (header, True)
    assert "traceparent" not in made["execution"]["created_by"]
    body["name"] = f"{more.get('name', 'other')}-2"
    untraced = _asked(api, "POST", f"{workspace}/jobs", body, None)
    assert _facts(shared_superuser, untraced["execution"]["execution_id"]) == (None, False)


def test_of_requests_that_go_together_each_keeps_its_own(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    bodies = [
        {"endpoint": "sink", "trigger": "IMMEDIATE"},
        {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"},
    ] * 8
    headers = [_header() for _ in bodies]
    with ThreadPoolExecutor(16) as pool:
        jobs = list(pool.map(lambda n: _asked(api, "POST", f"{workspace}/jobs", bodies[n], headers[n]), range(16)))
    for job, header in zip(jobs, headers, strict=True):
        if job["trigger"] == "CRON":
            assert _version(shared_superuser, job["job_id"]) == header
        else:
            assert _facts(shared_superuser, job["execution"]["execution_id"]) == (header, True)


def test_a_version_of_a_job_keeps_that_of_its_own_request_and_the_audit_shows_none(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    first, second = _header(), _header()
    cron = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "yearly"}
    made = _asked(api, "POST", f"{workspace}/jobs", cron, first)
    changed = _asked(api, "PATCH", f"{workspace}/jobs/yearly", {"cron": "0 0 2 1 *"}, second)
    assert _version(shared_superuser, made["job_id"]) == first
    assert _version(shared_superuser, changed["job_id"]) == second
    untraced = _asked(api, "PATCH", f"{workspace}/jobs/yearly", {"cron": "0 0 3 1 *"}, None)
    assert _version(shared_superuser, untraced["job_id"]) is None
    assert "traceparent" not in changed
    written = api.get(f"/v1/workspaces/{workspace}/audit", params={"object_type": "job"}).text
    assert "yearly" in written
    assert "traceparent" not in written


@pytest.mark.parametrize("overlap", ["ALLOW", "SKIP"])
def test_a_run_by_hand_is_a_part_of_its_request_and_a_tick_is_linked_to_its_jobs(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, overlap: str
) -> None:
    made_by, run_by = _header(), _header()
    cron = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "yearly", "overlap": overlap}
    job = _asked(api, "POST", f"{workspace}/jobs", cron, made_by)
    run = _asked(api, "POST", f"{workspace}/jobs/yearly/trigger", None, run_by)
    assert _facts(shared_superuser, run["execution_id"]) == (run_by, True)
    shared_superuser.execute(
        "update kronos.execution_live set traceparent = null where execution_id = %s", [run["execution_id"]]
    )
    assert _facts(shared_superuser, run["execution_id"]) == (made_by, False)
    assert _version(shared_superuser, job["job_id"]) == made_by


def test_the_runs_of_a_bulk_trigger_are_parts_of_its_request_whichever_session_makes_them(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    cron = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}
    jobs = [_asked(api, "POST", f"{workspace}/jobs", {**cron, "name": name}, _header()) for name in ("one", "two")]
    header, body = _header(), {"action": "trigger", "filter": {}}
    begun = _asked(api, "POST", f"{workspace}/operations", body, header)
    path = f"{workspace}/operations/{begun['operation_id']}"

    def stepped() -> bool:
        shared_superuser.execute("select kronos.upkeep(100)")
        return bool(_asked(api, "GET", path, None, None)["status"] != "RUNNING")

    # as a worker's session: a superuser is a member of each role
    shared_superuser.execute("set session authorization kronos_worker")
    try:
        await_condition(stepped, "the operation to be over")
    finally:
        shared_superuser.execute("reset session authorization")
    runs = values(
        shared_superuser,
        "select execution_id from kronos.execution_live where job_id = any (%s)",
        [[UUID(job["job_id"]) for job in jobs]],
    )
    assert [_facts(shared_superuser, run) for run in runs] == [(header, True)] * 2


@pytest.mark.parametrize("header", ["00-abc", f"00-{'0' * 32}-{'1' * 16}-01", "'; drop table kronos.jobs; --"])
def test_what_is_no_traceparent_is_not_kept(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, header: str
) -> None:
    made = _asked(api, "POST", f"{workspace}/jobs", {"endpoint": "sink", "trigger": "IMMEDIATE"}, header)
    assert _facts(shared_superuser, made["execution"]["execution_id"]) == (None, False)
