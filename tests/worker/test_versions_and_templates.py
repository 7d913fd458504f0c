"""The content of deliveries: templates over input, config, job, execution and tick, of the version at the execution's
creation or of the latest; and a test of an endpoint by hand."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

import callback_rows
from api_answers import problem_of
from conftest import Api
from delivery.servers import Receiver, answer
from factory import EndpointRow
from kronos import endpoint_tests, errors
from kronos.database import WorkspaceView
from kronos.endpoint_tests import TriedDelivery
from sql_factory import values
from worker.protocol import as_worker, claim
from worker.running import Worker, until

BODY = {
    "region": "{{config.region}}",
    "text": "{{config.region}} {{input.n | default: 1}}",
    "n": "{{input.n | default: 1}}",
    "job": "{{job.name | default: 'none'}}",
    "job_id": "{{job.id}}",
    "execution": "{{execution.id}}",
    "attempt": "{{execution.attempt}}",
    "cause": "{{execution.cause}}",
    "at": "{{scheduled_at}}",
    "local": "{{scheduled_at | local}}",
}


def endpoint(url: str, **more: Any) -> dict[str, Any]:
    spec = {"url": url + "?region={{config.region}}", "headers": {"X-Cause": "{{execution.cause}}"}}
    return {"type": "HTTP", "config": "c", "spec": spec | {"body_template": BODY, "timeout_ms": 5000}} | more


async def call(client: httpx.Client, method: str, path: str, **given: Any) -> httpx.Response:
    """Send a request without blocking the receiver, which is in this process."""
    return await asyncio.to_thread(client.request, method, path, **given)


async def test_a_delivery_names_what_it_is_of_and_keeps_its_version(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    client.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}})
    async with Receiver(answer()) as receiver:
        for name, use in (("kept", "snapshot"), ("newest", "latest")):
            made = client.put(f"{base}/endpoints/{name}", json=endpoint(receiver.url, use=use))
            assert (made.status_code, made.json()["use"]) == (201, use)
            cron = {"endpoint": name, "trigger": "CRON", "cron": "0 0 1 1 *", "timezone": "Asia/Kolkata"}
            assert client.post(f"{base}/jobs", json=cron | {"name": name, "input": {"n": 7}}).status_code == 201
            client.post(f"{base}/jobs", json={"endpoint": name, "trigger": "IMMEDIATE"})
            client.post(f"{base}/jobs/{name}/trigger")
        client.put(f"{base}/configs/c", json={"values": {"region": "us"}})  # before any was delivered
        await start().started()
        await until(lambda: len(receiver.requests) == 4, "the deliveries")

    told = {(body["job"], body["region"]): body for body in (json.loads(each.body) for each in receiver.requests)}
    assert set(told) == {("kept", "eu"), ("newest", "us"), ("none", "eu"), ("none", "us")}
    run = told["kept", "eu"]
    assert (run["text"], run["n"], run["attempt"], run["cause"]) == ("eu 7", 7, 1, "MANUAL")
    assert run["local"].endswith("+05:30")
    assert datetime.fromisoformat(run["local"]) == datetime.fromisoformat(run["at"])
    alone = told["none", "us"]
    assert (alone["text"], alone["n"], alone["cause"], alone["job_id"]) == ("us 1", 1, "API", alone["execution"])
    assert {each.line.split()[1].partition("?")[2] for each in receiver.requests} == {"region=eu", "region=us"}
    assert {each.headers["x-cause"] for each in receiver.requests} == {"MANUAL", "API"}
    ended = "select endpoint_version from kronos.attempts where completed_at is not null order by 1"
    await until(lambda: len(values(superuser, ended)) == 4, "their ends")
    assert values(superuser, ended) == [1, 1, 2, 2]


def test_a_config_makes_the_next_version_of_each_endpoint_that_names_it_and_copies_no_spec(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection
) -> None:
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    client.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}})
    client.put(f"{base}/endpoints/one", json=endpoint("http://127.0.0.1:9/one"))
    client.put(
        f"{base}/endpoints/other",
        json=endpoint("http://127.0.0.1:9/other") | {"config": None, "spec": {"url": "http://127.0.0.1:9/other"}},
    )
    for region in ("us", "ap"):
        client.put(f"{base}/configs/c", json={"values": {"region": region}})
    assert (
        client.get(f"{base}/endpoints/one").json()["version"],
        client.get(f"{base}/endpoints/other").json()["version"],
    ) == (3, 1)
    assert values(
        superuser,
        "select format('%s %s %s %s', version, config_version, spec_version, spec <> 'null') "
        "from kronos.endpoint_versions where config_id is not null order by version",
    ) == ["1 1  t", "2 2 1 f", "3 3 1 f"]
    edited = client.get(f"{base}/endpoints/one").json() | {"title": "again"}
    assert client.put(f"{base}/endpoints/one", json=edited).json()["version"] == 4


def test_a_claim_of_the_latest_version_takes_it_and_never_an_older_one(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection
) -> None:
    """The previous release changes an endpoint without updating its gate."""
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    made = client.put(
        f"{base}/endpoints/e", json={"type": "HTTP", "use": "latest", "spec": {"url": "http://127.0.0.1:9/"}}
    ).json()
    client.post(f"{base}/jobs", json={"endpoint": "e", "trigger": "IMMEDIATE"})
    superuser.execute("update kronos.execution_live set endpoint_version = 5")
    (workspace_id,) = values(superuser, "select workspace_id from kronos.endpoints where name = 'e'")
    row = EndpointRow(
        endpoint_id=made["endpoint_id"], workspace_id=workspace_id, timeout_ms=0, max_attempts=0, max_crashes=0
    )
    with as_worker(own_api.database_url) as worker:
        claim(worker, row)
    assert values(superuser, "select endpoint_version from kronos.execution_live") == [5]


async def test_an_endpoint_is_tried_out(own_api: Api, own_workspace: str, start: Callable[..., Worker]) -> None:
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    client.post(f"{base}/payload-specs", json={"name": "p", "schema": schema})
    client.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}})
    async with Receiver(answer(b"seen")) as receiver:
        client.put(f"{base}/endpoints/e", json=endpoint(receiver.url, payload_spec="p"))
        path = f"{base}/endpoints/e/test"
        assert problem_of(await call(client, "POST", path, json={"input": {"n": "7"}}))["errors"][0]["pointer"] == (
            "/input/n"
        )
        worker = start()
        await worker.started()
        key = {"Idempotency-Key": str(uuid4())}
        tried = await call(client, "POST", path, json={"input": {"n": 7}}, headers=key)
        again = await call(client, "POST", path, json={"input": {"n": 7}}, headers=key)
    async with Receiver(answer(status="500 Broken")) as broken:
        client.put(f"{base}/endpoints/f", json=endpoint(broken.url))
        failed = await call(client, "POST", f"{base}/endpoints/f/test")
        assert failed.status_code == 200, failed.text

    assert (tried.status_code, again.status_code) == (200, 200), (tried.text, again.text)
    assert (tried.status_code, tried.json()["execution"]["status"], again.json()) == (200, "SUCCESS", tried.json())
    assert "seen" in str(tried.json()["attempt"]["response"])
    assert (len(receiver.requests), json.loads(receiver.requests[0].body)["n"]) == (1, 7)
    assert tried.headers["location"] == f"{base}/executions/{tried.json()['execution']['execution_id']}"
    assert (failed.status_code, failed.json()["execution"]["status"], len(broken.requests)) == (200, "FAILED", 1)
    assert failed.json()["attempt"]["response"]["status"] == 500
    assert "FAILED after" in worker.log
    assert '(http_status: "the endpoint answered 500, expected 200 to 299"), FAILED' in worker.log
    assert client.get(f"{base}/dead-letters").json()["data"] == []  # a test is never sent again


def test_a_test_that_no_worker_takes_is_cancelled_and_so_many_wait_at_once(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr(endpoint_tests, "_CLAIM_SECONDS", 0.0)
    client, base = own_api.client, f"/v1/workspaces/{own_workspace}"
    spec = {"url": "http://127.0.0.1:9/", "timeout_ms": 1}
    client.put(f"{base}/endpoints/e", json={"type": "HTTP", "spec": spec})
    tried = client.post(f"{base}/endpoints/e/test")
    assert (tried.status_code, tried.json()["execution"]["status"], tried.json()["attempt"]) == (200, "CANCELLED", None)
    assert tried.json()["execution"]["status_reason"]["detail"].startswith("no worker took it in time")
    assert values(superuser, "select count(*) from kronos.execution_live") == [0]

    with ExitStack() as stack:
        for nth in range(16):
            stack.enter_context(endpoint_tests._place(f"w{nth // 4}"))
        for nth in range(4, 30):
            stack.enter_context(endpoint_tests._place(f"w{nth}"))  # one each, however many there are
        for full in ("w0", "w29"):
            with pytest.raises(errors.RateLimited):
                stack.enter_context(endpoint_tests._place(full))
    monkeypatch.setattr(endpoint_tests, "_MOST_OF_A_WORKSPACE", 0)
    refused = client.post(f"{base}/endpoints/e/test")
    assert (problem_of(refused)["code"], refused.status_code, refused.headers["retry-after"]) == (
        "rate_limited",
        429,
        "2",
    )
    assert endpoint_tests._waiting == {}


def test_a_test_that_a_worker_has_taken_goes_on_when_its_caller_has_waited_long_enough(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection, monkeypatch: Any
) -> None:
    awaited = endpoint_tests._awaited

    async def taken(view: WorkspaceView, execution_id: UUID, seconds: float) -> TriedDelivery:
        callback_rows.claim(superuser, execution_id)
        return await awaited(view, execution_id, 0.0)

    monkeypatch.setattr(endpoint_tests, "_awaited", taken)
    base = f"/v1/workspaces/{own_workspace}"
    tried = own_api.client.post(f"{base}/endpoints/sink/test")
    assert (tried.status_code, tried.json()["execution"]["status"]) == (202, "RUNNING")
    assert values(superuser, "select cancel_reason from kronos.execution_live") == [None]
    # the test of an API process that dies expires, and is not delivered later
    assert values(superuser, "select deadline_at - created_at between '1 s' and '26 s' from kronos.execution_live") == [
        True
    ]


def test_an_endpoint_that_is_disabled_is_not_tried_out(api: httpx.Client, workspace: str) -> None:
    """No worker would take it: that is reported immediately, and nothing is left behind."""
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/endpoints/sink/disable")
    refused = api.post(f"{base}/endpoints/sink/test")
    assert (refused.status_code, problem_of(refused)["code"]) == (409, "endpoint_disabled")
    assert "by_hand" in problem_of(refused)["detail"]
    assert "enable it" in problem_of(refused)["detail"]
    assert api.get(f"{base}/executions").json()["data"] == []


def test_what_would_be_sent_is_shown(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}})
    api.put(f"{base}/endpoints/e", json=endpoint("https://example.com/hook"))
    path = f"{base}/endpoints/e/render"
    sample = {
        "input": {"n": [1]},
        "job_name": "nightly",
        "timezone": "Europe/Berlin",
        "scheduled_at": "2026-12-01T08:00:00Z",
    }
    shown = api.post(path, json=sample).json()
    assert (shown["method"], shown["url"]) == ("POST", "https://example.com/hook?region=eu")
    assert (shown["headers"], shown["secrets"]) == ({"X-Cause": "API"}, [])
    body = shown["body"]
    assert (body["n"], body["text"], body["job"]) == ([1], "eu [1]", "nightly")
    assert (body["at"], body["local"]) == ("2026-12-01T08:00:00Z", "2026-12-01T09:00:00+01:00")
    assert problem_of(api.post(path, json={"timezone": "Mars/Base"}))["code"] == "invalid_timezone"

    api.put(f"{base}/endpoints/e", json={"type": "HTTP", "spec": {"url": "https://example.com/{{input.id}}"}})
    refused = problem_of(api.post(path))
    assert (refused["status"], refused["errors"][0]["pointer"], "input.id" in refused["detail"]) == (
        422,
        "/input",
        True,
    )
