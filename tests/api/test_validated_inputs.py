"""Payload specs, and every way by which an input reaches an endpoint that has one: each input is validated when it is
given, or was validated earlier.
"""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from api.test_batch import batch, made, nothing_is_there, pointers
from api_answers import problem_of
from conftest import Api, await_condition
from kronos import batches, payload_specs
from sql_factory import values

Sent = dict[str, Any]
ENDPOINT: Sent = {"type": "HTTP", "spec": {"url": "https://example.com/hook"}}


def schema(field: str) -> Sent:
    return {"type": "object", "required": [field], "properties": {field: {"type": "integer"}}}


PLAIN: Sent = {"endpoint": "e", "trigger": "IMMEDIATE"}
OF_ALL_KINDS: list[Sent] = [
    PLAIN,
    {"endpoint": "e", "trigger": "DELAYED", "run_at": "2098-01-01T00:00:00Z"},
    PLAIN | {"name": "named"},
    PLAIN | {"idempotency_key": "k"},
    {"endpoint": "e", "trigger": "CRON", "cron": "0 0 1 1 *"},
]


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    """Endpoint e takes inputs with a number id, endpoint f inputs with a number at."""
    path = f"/v1/workspaces/{workspace}"
    for endpoint, field in (("e", "id"), ("f", "at")):
        api.post(f"{path}/payload-specs", json={"name": endpoint, "schema": schema(field)}).raise_for_status()
        api.post(f"{path}/endpoints", json=ENDPOINT | {"name": endpoint, "payload_spec": endpoint}).raise_for_status()
    return path


def test_a_batch_is_validated_job_by_job_and_nothing_is_made_of_one_that_is_wrong(
    api: httpx.Client, workspace: str, base: str, shared_superuser: psycopg.Connection
) -> None:
    sound = [each | {"input": {"id": n}} for n, each in enumerate(OF_ALL_KINDS)]
    for each in OF_ALL_KINDS:
        refused = batch(api, workspace, *sound, each | {"input": {"id": "7"}}, PLAIN | {"endpoint": "f", "input": {}})
        assert (refused.status_code, problem_of(refused)["code"]) == (422, "input_validation_failed")
        assert pointers(refused) == ["/jobs/5/input/id", "/jobs/6/input"]
        assert all(fault["hint"] for fault in refused.json()["errors"])
    assert nothing_is_there(shared_superuser, workspace)

    both = made(api, workspace, *sound, PLAIN | {"endpoint": "f", "input": {"at": 1}}, PLAIN | {"endpoint": "sink"})
    assert [each["input"] for each in both] == [*({"id": n} for n in range(5)), {"at": 1}, {}]


def test_of_a_batch_that_is_not_atomic_the_sound_ones_are_made(
    api: httpx.Client, workspace: str, base: str, shared_superuser: psycopg.Connection
) -> None:
    sent = [each | {"input": {"id": value}} for each in OF_ALL_KINDS for value in (7, "7")]
    for each, was in zip(made(api, workspace, *sent, atomic=False), sent, strict=True):
        if was["input"]["id"] == 7:
            assert each["input"] == {"id": 7}
        else:
            assert (each["status"], each["code"]) == (422, "input_validation_failed")
            (fault,) = each["errors"]
            assert fault["pointer"].endswith("/input/id")


def test_what_a_key_made_before_is_answered_though_it_would_not_be_valid_now(
    api: httpx.Client, workspace: str, base: str
) -> None:
    keyed = PLAIN | {"input": {"id": 7}, "idempotency_key": "before"}
    (first,) = made(api, workspace, keyed)
    api.put(f"{base}/payload-specs/e", json={"schema": schema("at")}, params={"force": True}).raise_for_status()
    (again,) = made(api, workspace, keyed)
    assert again["job_id"] == first["job_id"]
    assert batch(api, workspace, keyed | {"idempotency_key": "after"}).status_code == 422


@pytest.mark.parametrize("is_atomic", [True, False])
@pytest.mark.parametrize("job", OF_ALL_KINDS, ids=["plain", "delayed", "named", "keyed", "cron"])
@pytest.mark.parametrize("to", ["an endpoint of another's spec", "the spec's next version", "a first spec"])
def test_a_spec_that_changes_between_the_look_and_the_write_is_looked_at_again(
    api: httpx.Client,
    workspace: str,
    base: str,
    shared_superuser: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    is_atomic: bool,
    job: Sent,
    to: str,
) -> None:
    """A batch records, per endpoint, the spec that its inputs were validated against. Another endpoint's spec is not
    enough.
    """
    changes: dict[str, Callable[[], httpx.Response]] = {
        "an endpoint of another's spec": lambda: api.put(f"{base}/endpoints/e", json=ENDPOINT | {"payload_spec": "f"}),
        "the spec's next version": lambda: api.put(f"{base}/payload-specs/e", json={"schema": schema("at")}),
        "a first spec": lambda: api.put(f"{base}/endpoints/sink", json=ENDPOINT | {"payload_spec": "f"}),
    }
    asked = job | {"input": {"id": 7}} | ({"endpoint": "sink"} if to == "a first spec" else {})
    insert, left = batches._insert, [changes[to]]

    async def overtaken(all_of: Any) -> None:
        if left:
            (await asyncio.to_thread(left.pop())).raise_for_status()
        await insert(all_of)

    monkeypatch.setattr(batches, "_insert", overtaken)
    beside = PLAIN | {"endpoint": "f", "input": {"at": 1}}
    answered = batch(api, workspace, asked, beside, atomic=is_atomic)

    if is_atomic:
        assert (answered.status_code, pointers(answered)) == (422, ["/jobs/0/input"])
        assert nothing_is_there(shared_superuser, workspace)
    else:
        wrong, right = answered.json()["data"]
        assert (wrong["code"], right["input"]) == ("input_validation_failed", {"at": 1})


def test_a_batch_is_validated_at_one_look_for_all(
    api: httpx.Client, workspace: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    real = payload_specs._validator

    async def counted(*given: Any) -> Any:
        looks.append(given)
        return await real(*given)

    monkeypatch.setattr(payload_specs, "_validator", counted)
    sent = [PLAIN | {"endpoint": "ef"[n % 2], "input": {"id": n, "at": n}} for n in range(200)]
    assert len(made(api, workspace, *sent)) == 200
    assert len(looks) == 2


def test_a_batch_takes_no_more_effort_than_it_may(
    api: httpx.Client, workspace: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload_specs, "_MOST_EFFORT_OF_MANY", 100)
    sent = [PLAIN | {"input": {"id": n}} for n in range(50)]
    refused = batch(api, workspace, *sent)
    assert (refused.status_code, "Send fewer" in refused.json()["errors"][0]["hint"]) == (422, True)
    answered = made(api, workspace, *sent, atomic=False)
    assert "job_id" in answered[0]
    assert answered[-1]["errors"][0]["pointer"] == "/jobs/49/input"


def test_what_runs_again_was_validated_when_it_was_given(
    api: httpx.Client, workspace: str, base: str, shared_superuser: psycopg.Connection
) -> None:
    """A spec changed by force does not stop runs that are retried, redriven or backfilled."""
    report = OF_ALL_KINDS[-1] | {"name": "report", "input": {"id": 7}}
    api.post(f"{base}/jobs", json=report).raise_for_status()
    runs = [api.post(f"{base}/jobs/report/trigger", json={"input": {"id": n}}).json() for n in (1, 2)]
    end_failed(shared_superuser, workspace)
    api.put(f"{base}/payload-specs/e", json={"schema": schema("at")}, params={"force": True}).raise_for_status()

    again = api.post(f"{base}/executions/{runs[0]['execution_id']}/retry")
    assert (again.status_code, again.json()["input"]) == (200, {"id": 1})
    redriven = api.post(f"{base}/dead-letters/redrive", json={})
    assert redriven.status_code == 202, redriven.text
    shared_superuser.execute("select kronos.advance_operations(1000)")
    waiting = "select input from kronos.execution_live join kronos.workspaces using (workspace_id) where slug = %s"
    assert sorted(each["id"] for each in values(shared_superuser, waiting, [workspace])) == [1, 2]
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:01:00Z"}
    filled = api.post(f"{base}/jobs/report/backfill", json=window)
    assert filled.status_code == 202, filled.text
    assert problem_of(api.post(f"{base}/jobs/report/trigger", json={"input": {"id": 1}}))["status"] == 422


def end_failed(superuser: psycopg.Connection, workspace: str) -> None:
    """End everything that waits in the workspace as FAILED."""
    superuser.execute(
        """
        with gone as (
            delete from kronos.execution_live as live using kronos.workspaces as workspace
             where workspace.workspace_id = live.workspace_id and workspace.slug = %s
            returning live.*
        )
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, status_reason, scheduled_at, run_at, created_at, started_at,
                                           attempt_count, max_attempts, input, error)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED',
               '{"code": "attempts_exhausted"}', scheduled_at, run_at, created_at, now(), 5, max_attempts, input,
               '{"type": "http_status", "message": "answered 500"}'
          from gone
        """,
        [workspace],
    )


@pytest.mark.parametrize("name", [None, "long"], ids=["a one-shot", "a job with a name"])
@pytest.mark.parametrize("is_valid", [True, False])
def test_what_a_long_transaction_of_an_application_made_is_seen_before_its_endpoint_names_a_spec(
    api: httpx.Client,
    shared_api: Api,
    workspace: str,
    base: str,
    shared_superuser: psycopg.Connection,
    name: str | None,
    is_valid: bool,
) -> None:
    """A job made by SQL has the age of its transaction, and is invisible until that commits."""
    (workspace_id,) = values(
        shared_superuser, "select workspace_id from kronos.workspaces where slug = %s", [workspace]
    )
    job = {"job_id": str(uuid.uuid4()), "endpoint": "sink", "input": {"at": 1} if is_valid else {}, "name": name}
    with psycopg.connect(shared_api.database_url) as application, ThreadPoolExecutor(1) as thread:
        application.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        if name is None:
            application.execute(
                "select kronos.make_one_shots(array['sink'], array[%s::jsonb], array[null::timestamptz], true)",
                [Jsonb(job["input"])],
            )
        else:
            application.execute("select kronos.make_one_shot_jobs(%s)", [Jsonb([job])])
        for table in ("jobs", "execution_live"):
            application.execute(
                f"update kronos.{table} set created_at = created_at - interval '1 hour' where workspace_id = %s",
                [workspace_id],
            )
        put = thread.submit(api.put, f"{base}/endpoints/sink", json=ENDPOINT | {"payload_spec": "f"})
        await_condition(
            lambda: values(
                shared_superuser,
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [application.info.backend_pid],
            ),
            "the change to wait for the application",
        )
        application.commit()
        answered = put.result()
    if is_valid:
        assert (answered.status_code, answered.json()["payload_spec"]) == (200, "f")
    else:
        assert (answered.status_code, problem_of(answered)["code"]) == (409, "jobs_violate_payload_spec")
