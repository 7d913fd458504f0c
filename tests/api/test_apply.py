"""Files applied to a workspace over the API: all of them or nothing, after a plan that shows it."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from conftest import holding, make_workspace
from factory import add_key
from sql_factory import Connection, value, values

ENDPOINT = {"name": "report", "type": "HTTP", "spec": {"url": "https://example.com/report"}}
# Three days from now: at any time of day, both hours of that day are less than 7 days away.
_DAY = (datetime.now(UTC) + timedelta(days=3)).isoweekday() % 7
NINE, TEN = f"0 9 * * {_DAY}", f"0 10 * * {_DAY}"
JOB = {"name": "weekly", "endpoint": "report", "cron": NINE}
DAILY = {"name": "daily", "endpoint": "report", "cron": "0 6 * * *"}


def apply(api: httpx.Client, workspace: str, answers: int = 200, /, **body: Any) -> Any:
    answered = api.post(f"/v1/workspaces/{workspace}/apply", json=body)
    assert answered.status_code == answers, answered.text
    return answered.json()


def counts(applied: Any) -> tuple[int, int, int, int]:
    of = applied["counts"]
    return of["created"], of["changed"], of["unchanged"], of["removed"]


def of(applied: Any, name: str) -> Any:
    (found,) = [each for each in applied["resources"] if each["name"] == name]
    return found


def faults(problem: Any) -> dict[str, str]:
    return {each["pointer"]: each["detail"] for each in problem["errors"]}


def state(superuser: Connection, workspace: str) -> list[Any]:
    """All rows of a workspace, including pg_cron's entries and the audit."""
    workspace_id = value(superuser, "select workspace_id from kronos.workspaces where slug = %s", [workspace])
    tables = ("jobs", "pointers", "endpoints", "endpoint_versions", "documents", "document_versions", "managed")
    found = [
        values(
            superuser, f"select row::text from kronos.{table} as row where workspace_id = %s order by 1", [workspace_id]
        )
        for table in (*tables, "audit_pending", "audit")
    ]
    entries = "select jobname || schedule from cron.job where jobname = any (%s) order by 1"
    names = [
        f"kronos:{each}"
        for each in values(superuser, "select job_id from kronos.jobs where workspace_id = %s", [workspace_id])
    ]
    return [*found, values(superuser, entries, [names])]


def test_what_files_hold_is_made_changed_and_then_left_alone(api: httpx.Client, workspace: str) -> None:
    made = apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB])
    assert (counts(made), made["is_applied"]) == ((2, 0, 0, 0), True)
    assert of(made, "weekly")["runs"]["added"] == made["runs"]["added"] == 1
    assert of(made, "weekly")["runs"]["description"].startswith("At 09:00 on ")

    assert counts(apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB])) == (0, 0, 2, 0)

    changed = apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB | {"cron": TEN}])
    assert counts(changed) == (0, 1, 1, 0)
    expected = {"field": "/cron", "before": NINE, "after": TEN, "is_drift": False}
    assert of(changed, "weekly")["fields"] == [expected]
    assert changed["runs"] == {"added": 0, "removed": 0, "moved": 1}
    job = api.get(f"/v1/workspaces/{workspace}/jobs/weekly").json()
    assert (job["cron"], job["version"], job["pg_cron"]["active"]) == (TEN, 2, True)


def test_all_kinds_are_made_in_an_order_in_which_each_names_what_is_there(api: httpx.Client, workspace: str) -> None:
    """Jobs whose callbacks name jobs later in the file, and an endpoint with a config and a payload spec."""
    api.post(f"/v1/workspaces/{workspace}/secrets", json={"name": "token", "value": "hush hush"}).raise_for_status()
    endpoint = ENDPOINT | {
        "config": "production",
        "payload_spec": "report-input",
        "spec": {
            "url": "https://example.com/{{config.region}}",
            "headers": {"Authorization": "Bearer {{secret.token}}"},
        },
        "limits": {"rate": {"count": 100}, "concurrency_key": "{{input.id}}"},
    }
    files = {
        "secrets": [{"name": "token"}],
        "configs": [{"name": "production", "values": {"region": "eu"}}],
        "payload_specs": [{"name": "report-input", "schema": {"type": "object", "required": ["id"]}}],
        "endpoints": [endpoint],
        "jobs": [
            JOB | {"input": {"id": 1}, "on_success": {"job": "load", "input": "run"}},
            {
                "name": "load",
                "endpoint": "report",
                "every": "90m",
                "input": {"id": 2.0},
                "on_failure": {"endpoint": "report"},
            },
        ],
    }
    assert counts(apply(api, workspace, **files)) == (5, 0, 0, 0)
    assert counts(apply(api, workspace, **files)) == (0, 0, 5, 0)


def test_what_is_only_validated_registers_with_pg_cron_and_leaves_nothing(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    apply(api, workspace, endpoints=[ENDPOINT], jobs=[JOB, DAILY])
    before = state(shared_superuser, workspace)
    files: dict[str, Any] = {
        "endpoints": [ENDPOINT | {"title": "Reports"}],
        "jobs": [JOB | {"cron": TEN}, {"name": "new", "endpoint": "report", "cron": "30 3 * * *"}],
        "prune": True,
    }

    planned = apply(api, workspace, **files, validate_only=True)

    assert (counts(planned), planned["is_applied"]) == ((1, 2, 0, 1), False)
    assert planned["runs"] == {"added": 7, "removed": 7, "moved": 1}
    assert planned["load"]["busiest"][0]["runs"] == 1
    assert len(of(planned, "new")["runs"]["first_added"]) == 7
    assert state(shared_superuser, workspace) == before
    applied = apply(api, workspace, **files)
    assert [applied[name] for name in ("counts", "runs", "left")] == [
        planned[name] for name in ("counts", "runs", "left")
    ]


def test_a_plan_meets_what_pg_cron_refuses(api: httpx.Client, workspace: str, shared_superuser: Connection) -> None:
    """A plan also registers the entries, so that a trigger on pg_cron's own table is asked."""
    shared_superuser.execute(
        "create function public.refuse_apply() returns trigger language plpgsql as $$ begin "
        "if new.schedule like '59 23 31%' then raise sqlstate '58000' using message = 'no more entries'; end if; "
        "return new; end $$"
    )
    shared_superuser.execute(
        "create trigger refuse_apply before insert or update on cron.job for each row execute function "
        "public.refuse_apply()"
    )
    try:
        before = state(shared_superuser, workspace)
        refused = apply(
            api,
            workspace,
            503,
            endpoints=[ENDPOINT],
            jobs=[JOB, DAILY | {"cron": "59 23 31 12 *"}],
            validate_only=True,
        )
    finally:
        shared_superuser.execute("drop function public.refuse_apply() cascade")
    assert (refused["code"], refused["pg_sqlstate"]) == ("pg_cron_unavailable", "58000")
    assert state(shared_superuser, workspace) == before


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_done(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    before = state(shared_superuser, workspace)
    unreadable = apply(
        api,
        workspace,
        422,
        endpoints=[{"name": "x", "type": "HTTP", "spec": {"url": "ftp://example.com"}}, 7],
        jobs=[JOB | {"crom": "x"}, {"endpoint": "report"}, JOB, JOB],
        configs=[{"name": "a", "values": []}],
    )
    assert set(faults(unreadable)) == {
        "/configs/0/values", "/endpoints/0/spec/url", "/endpoints/1", "/jobs/0/crom", "/jobs/1/name", "/jobs/3/name",
    }  # fmt: skip
    refused = apply(
        api,
        workspace,
        422,
        secrets=[{"name": "absent"}],
        endpoints=[ENDPOINT, {**ENDPOINT, "name": "other", "config": "absent"}],
        jobs=[
            JOB | {"cron": "61 * * * *"},
            DAILY | {"endpoint": "nobody"},
            DAILY | {"name": "fine"},
            DAILY | {"name": "of-other", "endpoint": "other"},
            DAILY | {"name": "zone", "timezone": "Europe/Nowhere"},
            DAILY | {"name": "calls", "on_success": {"job": "nobody"}},
        ],
    )
    assert set(faults(refused)) == {
        "/secrets/0/name", "/endpoints/1/config", "/jobs/0/cron", "/jobs/1/endpoint", "/jobs/4/timezone",
        "/jobs/5/on_success/job",
    }  # fmt: skip
    assert "kronos secret set absent" in str(refused["errors"])
    assert state(shared_superuser, workspace) == before


def test_a_paused_job_has_no_runs_to_move(api: httpx.Client, workspace: str) -> None:
    apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY])
    changed = {"endpoints": [ENDPOINT], "jobs": [DAILY | {"cron": "0 7 * * *"}], "validate_only": True}
    assert apply(api, workspace, **changed)["runs"]["moved"] in (6, 7)  # one of them may be due within that minute
    api.post(f"/v1/workspaces/{workspace}/jobs/daily/pause", json={}).raise_for_status()
    assert apply(api, workspace, **changed)["runs"] == {"added": 0, "removed": 0, "moved": 0}


def test_callbacks_in_a_circle_are_refused_as_such(api: httpx.Client, workspace: str) -> None:
    jobs = [JOB | {"on_success": {"job": "daily"}}, DAILY | {"on_success": {"job": "weekly"}}]
    refused = apply(api, workspace, 422, endpoints=[ENDPOINT], jobs=jobs)
    assert "cycle" in faults(refused)["/jobs/0"]


def test_what_somebody_changed_meanwhile_is_shown_with_who_and_when(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY, JOB])
    changed = api.patch(f"{base}/jobs/daily", json={"cron": "0 7 * * *"}).json()
    api.delete(f"{base}/jobs/weekly").raise_for_status()

    planned = apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY | {"title": "Daily"}, JOB], validate_only=True)

    daily = of(planned, "daily")
    assert {each["field"]: each["is_drift"] for each in daily["fields"]} == {"/cron": True, "/title": False}
    assert daily["drift"]["action"] == "job.update"
    assert daily["drift"]["at"] >= changed["created_at"]
    assert daily["drift"]["actor"] == api.headers["Authorization"].split("_")[2]
    assert (of(planned, "weekly")["change"], of(planned, "weekly")["drift"]["action"]) == ("created", "job.cancel")
    # once the file says the same, there is no drift
    apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY | {"cron": "0 7 * * *"}, JOB])
    later = apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY, JOB], validate_only=True)
    assert of(later, "daily")["drift"] is None


def test_a_config_and_what_names_its_values_change_together(api: httpx.Client, workspace: str) -> None:
    def files(value: str) -> dict[str, Any]:
        url = {"url": f"https://example.com/{{{{config.{value}}}}}"}
        return {
            "configs": [{"name": "production", "values": {value: "eu"}}],
            "endpoints": [ENDPOINT | {"config": "production", "spec": url}],
        }

    apply(api, workspace, **files("region"))
    assert counts(apply(api, workspace, **files("zone"))) == (0, 2, 0, 0)
    assert api.get(f"/v1/workspaces/{workspace}/configs/production").json()["values"] == {"zone": "eu"}


def test_a_payload_spec_and_the_inputs_of_jobs_change_together(api: httpx.Client, workspace: str) -> None:
    def files(field: str, told: str) -> dict[str, Any]:
        return {
            "payload_specs": [{"name": "in", "schema": {"type": "object", "required": [field]}}],
            "endpoints": [ENDPOINT | {"payload_spec": "in"}],
            "jobs": [DAILY | {"input": {told: 1}}],
        }

    apply(api, workspace, **files("id", "id"))
    assert counts(apply(api, workspace, **files("key", "key"))) == (0, 2, 1, 0)
    base = f"/v1/workspaces/{workspace}"
    by_hand = {"trigger": "CRON", "name": "by-hand", "endpoint": "report", "cron": "1 1 * * *", "input": {"key": 1}}
    api.post(f"{base}/jobs", json=by_hand).raise_for_status()
    refused = apply(api, workspace, 422, **files("id", "id"))
    assert refused["code"] == "jobs_violate_payload_spec"
    assert "by-hand" in str(faults(refused))


def test_an_operator_applies_jobs_and_an_admin_all(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    apply(api, workspace, endpoints=[ENDPOINT])
    with holding(api, add_key(shared_superuser, workspace, "operator")) as operator:
        assert counts(apply(operator, workspace, endpoints=[ENDPOINT], jobs=[DAILY])) == (1, 0, 1, 0)
        refused = apply(operator, workspace, 403, endpoints=[ENDPOINT | {"title": "T"}], jobs=[DAILY])
        assert "needs the role admin" in refused["detail"]
        refused = apply(operator, workspace, 403, jobs=[DAILY | {"endpoint": "sink"}], prune=True)
        assert "needs the role admin" in refused["detail"]
        # nor may it put an existing endpoint into a set that could delete it later
        other = {"set": "other", "endpoints": [ENDPOINT], "take_over": True}
        assert "needs the role admin" in apply(operator, workspace, 403, **other)["detail"]
    with holding(api, add_key(shared_superuser, workspace, "viewer")) as viewer:
        apply(viewer, workspace, 403, jobs=[DAILY], validate_only=True)


def test_each_change_is_in_the_audit_with_its_source(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    request_id = uuid.uuid4().hex
    config = {"name": "production", "values": {"region": "eu"}}
    apply(api, workspace, configs=[config], endpoints=[ENDPOINT], jobs=[DAILY, JOB])
    files: dict[str, Any] = {
        "configs": [config],
        "endpoints": [ENDPOINT | {"title": "T"}],
        "jobs": [DAILY | {"cron": "0 7 * * *"}],
    }
    headers = {"Request-Id": request_id}
    api.post(f"{base}/apply", json=files | {"prune": True}, headers=headers).raise_for_status()
    rows = api.get(f"{base}/audit", params={"request_id": request_id}).json()["data"]
    assert {(each["action"], each["object"], each["source"]) for each in rows} == {
        ("endpoint.update", "report", "apply"), ("job.update", "daily", "apply"), ("job.cancel", "weekly", "apply"),
    }  # fmt: skip
    api.patch(f"{base}/jobs/daily", json={"cron": "0 8 * * *"}).raise_for_status()
    assert api.get(f"{base}/audit", params={"object": "daily"}).json()["data"][0]["source"] is None


def test_another_workspaces_names_are_none_of_ours(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    theirs = make_workspace(api)
    apply(api, theirs, endpoints=[ENDPOINT], jobs=[DAILY])
    before = state(shared_superuser, theirs)
    refused = apply(api, workspace, 422, jobs=[DAILY])
    assert "/jobs/0/endpoint" in faults(refused)
    assert counts(apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY])) == (2, 0, 0, 0)
    apply(api, workspace, prune=True)
    assert state(shared_superuser, theirs) == before


def test_two_at_a_time_go_one_after_the_other_or_say_so(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    """While one apply holds the lock, another waits for two seconds."""
    key = (
        "select hashtextextended('kronos.apply ' || workspace_id::text, 0) from kronos.workspaces "
        f"where slug = '{workspace}'"
    )
    with psycopg.connect(shared_superuser.info.dsn, password=shared_superuser.info.password) as holder:
        holder.execute(f"select pg_advisory_xact_lock(({key}))")
        refused = apply(api, workspace, 409, endpoints=[ENDPOINT])
        assert (refused["code"], "Try again" in str(refused["errors"])) == ("apply_under_way", True)
    answers: list[tuple[int, int, int, int]] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(counts(apply(api, workspace, endpoints=[ENDPOINT], jobs=[DAILY])))
        )
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(answers) == [(0, 0, 2, 0), (2, 0, 0, 0)]


@pytest.mark.parametrize("kind", ["jobs", "endpoints"])
def test_more_than_a_thousand_of_a_kind_are_refused(api: httpx.Client, workspace: str, kind: str) -> None:
    refused = apply(api, workspace, 422, **{kind: [{"name": f"n{each}"} for each in range(1001)]})
    assert set(faults(refused)) == {f"/{kind}"}
