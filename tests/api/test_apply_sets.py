"""Sets of files applied over the API: which set owns what, what is pruned, and what has ended by itself."""

import threading
import time
from typing import Any

import httpx
import psycopg

from api.test_apply import DAILY, ENDPOINT, JOB, apply, counts, faults, of, state
from api_answers import problem_of
from api_process import wait_for
from conftest import Api
from looking import starved
from sql_factory import Connection, value


def test_prune_removes_what_the_set_made_and_nothing_else(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    by_hand = {"endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *", "name": "by-hand"}
    api.post(f"{base}/jobs", json=by_hand).raise_for_status()
    apply(api, workspace, set="billing", jobs=[{"name": "bills", "endpoint": "sink", "cron": "0 4 * * *"}])
    config = {"name": "production", "values": {"region": "eu"}}
    apply(api, workspace, configs=[config], endpoints=[ENDPOINT | {"config": "production"}], jobs=[JOB, DAILY])

    kept = apply(api, workspace, jobs=[{**JOB, "endpoint": "sink"}])
    assert counts(kept) == (0, 1, 0, 0)
    assert [(each["kind"], each["name"]) for each in kept["left"]] == [
        ("job", "daily"), ("endpoint", "report"), ("config", "production"),
    ]  # fmt: skip

    pruned = apply(api, workspace, jobs=[{**JOB, "endpoint": "sink"}], prune=True)
    assert (counts(pruned), pruned["left"]) == ((0, 0, 1, 3), [])
    assert of(pruned, "daily")["runs"]["removed"] == 7
    names = {each["name"] for each in api.get(f"{base}/jobs", params={"status": "LIVE"}).json()["data"]}
    assert names == {"weekly", "bills", "by-hand"}
    assert api.get(f"{base}/endpoints/report").status_code == 404
    assert api.get(f"{base}/configs/production").status_code == 404


def test_a_namesake_that_a_person_made_later_is_not_pruned(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    apply(api, workspace, jobs=[DAILY | {"endpoint": "sink"}])
    api.delete(f"{base}/jobs/daily").raise_for_status()
    api.post(f"{base}/jobs", json=DAILY | {"endpoint": "sink", "trigger": "CRON"}).raise_for_status()

    assert counts(apply(api, workspace, prune=True)) == (0, 0, 0, 0)
    assert api.get(f"{base}/jobs/daily").json()["status"] == "ACTIVE"


def test_an_endpoint_in_use_is_not_pruned_and_its_users_are_named(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY])
    api.post(f"{base}/jobs", json=JOB | {"trigger": "CRON"}).raise_for_status()
    before = state(shared_superuser, workspace)
    refused = apply(api, workspace, 422, prune=True)
    assert refused["code"] == "endpoint_in_use"
    assert "used by the live jobs weekly" in faults(refused)["/prune"]
    assert state(shared_superuser, workspace) == before


def test_what_is_of_another_set_is_refused(api: httpx.Client, workspace: str) -> None:
    apply(api, workspace, set="billing", endpoints=[ENDPOINT])
    refused = apply(api, workspace, 422, set="reports", endpoints=[ENDPOINT | {"title": "mine"}])
    assert "the set 'billing'" in faults(refused)["/endpoints/0/name"]


def test_what_is_of_another_set_is_taken_over_where_that_is_asked(api: httpx.Client, workspace: str) -> None:
    apply(api, workspace, set="first", endpoints=[ENDPOINT], jobs=[JOB, DAILY])
    moved: dict[str, Any] = {"set": "second", "endpoints": [ENDPOINT], "jobs": [DAILY], "take_over": True}
    assert of(apply(api, workspace, **moved, validate_only=True), "daily")["is_adopted"] is True
    assert counts(apply(api, workspace, **moved)) == (0, 0, 2, 0)
    # The first set does not prune what it no longer owns, and cannot take it back without being told to.
    assert "belongs to the set 'second'" in str(apply(api, workspace, 422, set="first", jobs=[DAILY]))
    pruned = apply(api, workspace, set="first", jobs=[JOB], prune=True)
    assert counts(pruned) == (0, 0, 1, 0)
    assert [each["name"] for each in api.get(f"/v1/workspaces/{workspace}/export?set=second").json()["jobs"]] == [
        "daily"
    ]


def test_a_workspace_of_one_set_is_exported_as_that_set(api: httpx.Client, workspace: str) -> None:
    export = f"/v1/workspaces/{workspace}/export"
    apply(api, workspace, set="billing", endpoints=[ENDPOINT], jobs=[JOB])
    exported = api.get(export).json()
    assert exported["set"] == "billing"
    exported["endpoints"] = [ENDPOINT]  # without the other objects of the tests' workspace
    assert counts(apply(api, workspace, **exported, validate_only=True)) == (0, 0, 2, 0)
    apply(api, workspace, set="reports", jobs=[DAILY])
    assert api.get(export).json()["set"] == "default"


def test_what_was_there_is_taken_over_and_that_is_said(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/endpoints", json=ENDPOINT).raise_for_status()
    assert of(apply(api, workspace, endpoints=[ENDPOINT]), "report")["is_adopted"] is True
    assert of(apply(api, workspace, endpoints=[ENDPOINT]), "report")["is_adopted"] is False


def test_jobs_are_held_before_what_they_name(api: httpx.Client, workspace: str, shared_superuser: Connection) -> None:
    """As a change of one job does; otherwise the two would wait for each other."""

    def files(value: str) -> dict[str, Any]:
        values = [{"name": "production", "values": {"region": value}}]
        return {"configs": values, "endpoints": [ENDPOINT], "jobs": [DAILY | {"input": {"n": value}}]}

    apply(api, workspace, **files("eu"))
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(apply(api, workspace, **files("us"))))
    with psycopg.connect(shared_superuser.info.dsn, password=shared_superuser.info.password) as holder:
        holder.execute("select from kronos.jobs where name = 'daily' and status = 'ACTIVE' for update")
        thread.start()
        wait_for(
            lambda: value(
                shared_superuser,
                "select count(*) from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [holder.info.backend_pid],
            ),
            "the apply to wait for the job",
        )
        free = holder.execute("select name from kronos.documents where name = 'production' for update nowait")
        assert free.fetchone() is not None
        holder.rollback()
        thread.join()
    assert [counts(each) for each in answers] == [(0, 2, 1, 0)]


def test_a_job_that_has_had_all_its_runs_is_not_made_again(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    """Nor does an end in the past prevent the rest of the files from being applied."""
    files: dict[str, Any] = {"endpoints": [ENDPOINT], "jobs": [DAILY | {"max_runs": 1}, JOB | {"max_runs": 5}]}
    apply(api, workspace, **files)
    over = """update kronos.jobs set status = 'RETIRED', status_reason = '{"code": "max_runs_reached", "detail": "1"}'
               where name = 'daily' and status = 'ACTIVE'"""
    shared_superuser.execute(over.encode())
    assert counts(apply(api, workspace, **files)) == (0, 0, 3, 0)
    assert counts(apply(api, workspace, **files, prune=True)) == (0, 0, 3, 0)
    # A cancelled job is created again, and so is one whose terms have changed.
    api.delete(f"/v1/workspaces/{workspace}/jobs/weekly").raise_for_status()
    assert of(apply(api, workspace, **files, validate_only=True), "weekly")["change"] == "created"
    files["jobs"] = [DAILY | {"max_runs": 2}]
    assert of(apply(api, workspace, **files), "daily")["change"] == "created"


def test_prune_waits_once_for_all_that_others_hold_and_says_what_it_is(
    api: httpx.Client, workspace: str, shared_superuser: Connection, shared_api: Api
) -> None:
    """It used to wait two seconds for each of them: twenty endpoints held up the apply beyond its time limit."""
    held = [f"held-{n:02}" for n in range(12)]
    apply(api, workspace, endpoints=[ENDPOINT | {"name": name} for name in ("free", *held)])
    before = state(shared_superuser, workspace)
    with psycopg.connect(shared_api.database_url) as holder:
        holder.execute("select from kronos.endpoints where name like 'held-%%' for update")
        holder.execute("select from kronos.endpoint_gate for update")
        began, before_it = time.monotonic(), starved()
        refused = problem_of(api.post(f"/v1/workspaces/{workspace}/apply", json={"prune": True}))
        took = time.monotonic() - began - (starved() - before_it)
    assert (refused["status"], refused["code"]) == (503, "database_unavailable")
    assert "endpoint 'held-00'" in refused["detail"]
    assert "and 2 more; nothing was applied" in refused["detail"]
    assert "free" not in refused["detail"]
    assert took < len(held), "one time limit for all of them"
    assert state(shared_superuser, workspace) == before
    assert counts(apply(api, workspace, prune=True)) == (0, 0, 0, 13)
