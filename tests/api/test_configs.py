"""Configs and payload specs over HTTP, and the limits that they set for endpoints and jobs."""

from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of

ENDPOINT: dict[str, Any] = {"type": "HTTP", "spec": {"url": "https://example.com/hook"}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "team": {"type": "string"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("routes", "field", "content", "other"),
    [
        ("configs", "values", {"region": "eu", "n": [1, 2.5, None]}, {"region": "us"}),
        ("payload-specs", "schema", SCHEMA, {"type": "object"}),
    ],
)
def test_a_document_is_made_read_changed_and_deleted(
    api: httpx.Client, workspace: str, routes: str, field: str, content: Any, other: Any
) -> None:
    base = f"/v1/workspaces/{workspace}/{routes}"
    made = api.post(base, json={"name": "one", field: content})
    assert (made.status_code, made.headers["location"], made.headers["etag"]) == (201, f"{base}/one", '"1"')
    assert (made.json()[field], made.json()["version"], made.json()["workspace"]) == (content, 1, workspace)
    assert api.get(f"{base}/one").json() == made.json()
    assert api.get(f"{base}/one", headers={"If-None-Match": '"1"'}).status_code == 304
    assert problem_of(api.post(base, json={"name": "one", field: content}))["code"] == "conflict"

    changed = api.put(f"{base}/one", json=made.json() | {field: other})
    assert (changed.status_code, changed.json()["version"], changed.json()[field]) == (200, 2, other)
    assert api.put(f"{base}/one", json=made.json()).status_code == 422  # an outdated copy
    assert api.put(f"{base}/one", json={field: other}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.put(f"{base}/one", json={field: other}, headers={"If-None-Match": "*"}).status_code == 412
    assert api.put(f"{base}/none", json={field: other}, headers={"If-Match": "*"}).status_code == 412
    assert api.put(f"{base}/two", json={field: content}).status_code == 201

    first = api.get(base, params={"limit": 1}).json()
    assert [each["name"] for each in first["data"]] == ["two"]
    second = api.get(base, params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert ([each["name"] for each in second["data"]], second["next_cursor"]) == (["one"], None)

    assert api.delete(f"{base}/one", headers={"If-Match": '"1"'}).status_code == 412
    assert (api.delete(f"{base}/one").status_code, api.get(f"{base}/one").status_code) == (204, 404)
    assert (
        problem_of(api.delete(f"{base}/one"))["code"]
        == {
            "configs": "config_not_found",
            "payload-specs": "payload_spec_not_found",
        }[routes]
    )
    assert api.post(base, json={"name": "one", field: content}).json()["version"] == 1


@pytest.mark.parametrize(("routes", "field"), [("configs", "values"), ("payload-specs", "schema")])
def test_a_key_makes_one_document(api: httpx.Client, workspace: str, routes: str, field: str) -> None:
    base, key = f"/v1/workspaces/{workspace}/{routes}", {"Idempotency-Key": "k"}
    made = api.post(base, json={"name": "one", field: {}}, headers=key)
    again = api.post(base, json={"name": "one", field: {}}, headers=key)
    assert (made.status_code, again.status_code, again.json()) == (201, 200, made.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = api.post(base, json={"name": "two", field: {}}, headers=key)
    assert problem_of(other)["code"] == "idempotency_mismatch"


def test_what_an_endpoint_names_is_there_and_is_kept(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    refused = problem_of(
        api.post(f"{base}/endpoints", json=ENDPOINT | {"name": "e", "config": "c", "payload_spec": "p"})
    )
    assert (refused["status"], [each["pointer"] for each in refused["errors"]]) == (422, ["/config", "/payload_spec"])

    api.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}})
    api.post(f"{base}/payload-specs", json={"name": "p", "schema": SCHEMA})
    made = api.post(f"{base}/endpoints", json=ENDPOINT | {"name": "e", "config": "c", "payload_spec": "p"})
    assert made.status_code == 201
    shown = api.get(f"{base}/endpoints/e").json()
    assert (shown["config"], shown["payload_spec"], shown["use"]) == ("c", "p", "snapshot")
    for routes, code in (("configs/c", "config_in_use"), ("payload-specs/p", "payload_spec_in_use")):
        refused = problem_of(api.delete(f"{base}/{routes}"))
        assert (refused["status"], refused["code"], "endpoints e:" in refused["detail"]) == (409, code, True)
    assert api.put(f"{base}/endpoints/e", json=ENDPOINT).json()["config"] is None
    assert api.delete(f"{base}/configs/c").status_code == 204
    assert api.delete(f"{base}/payload-specs/p").status_code == 204


def test_an_input_is_validated_wherever_it_is_given(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/payload-specs", json={"name": "p", "schema": SCHEMA})
    api.post(f"{base}/endpoints", json=ENDPOINT | {"name": "e", "payload_spec": "p"})
    cron = {"endpoint": "e", "trigger": "CRON", "cron": "0 0 1 1 *"}
    for job in (
        {"endpoint": "e", "trigger": "IMMEDIATE"},
        {"endpoint": "e", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z"},
        {"endpoint": "e", "trigger": "IMMEDIATE", "name": "named", "idempotency_key": "k"},
        cron,
    ):
        refused = problem_of(api.post(f"{base}/jobs", json=job | {"input": {"id": "7", "x": 1}}))
        assert (refused["status"], refused["code"]) == (422, "input_validation_failed")
        assert {each["pointer"] for each in refused["errors"]} == {"/input/id", "/input"}
        assert all(each["hint"] for each in refused["errors"])
    assert api.get(f"{base}/jobs").json()["data"] == api.get(f"{base}/executions").json()["data"] == []

    for job in (
        {"endpoint": "e", "trigger": "IMMEDIATE"},
        {"endpoint": "e", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z"},
        {"endpoint": "e", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z", "idempotency_key": "k"},
        cron | {"name": "report"},
    ):
        made = api.post(f"{base}/jobs", json=job | {"input": {"id": 7}})
        assert (made.status_code, made.json()["input"]) == (201, {"id": 7})
    assert api.post(f"{base}/jobs", json=job | {"input": {}}).status_code == 422

    patched = problem_of(api.patch(f"{base}/jobs/report", json={"input": {"id": 7, "team": 1}}))
    assert (patched["status"], patched["errors"][0]["pointer"]) == (422, "/input/team")
    assert api.get(f"{base}/jobs/report").json()["version"] == 1
    assert api.patch(f"{base}/jobs/report", json={"input": {"id": 8}}).json()["input"] == {"id": 8}
    assert api.patch(f"{base}/jobs/report", json={"cron": "0 0 2 1 *"}).json()["version"] == 3

    triggered = problem_of(api.post(f"{base}/jobs/report/trigger", json={"input": {}}))
    assert (triggered["status"], triggered["errors"][0]["pointer"]) == (422, "/input")
    assert api.post(f"{base}/jobs/report/trigger", json={"input": {"id": 9}}).json()["input"] == {"id": 9}
    assert api.post(f"{base}/jobs/report/trigger").json()["input"] == {"id": 8}


def test_a_job_that_moves_to_an_endpoint_is_held_to_its_payload_spec(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/payload-specs", json={"name": "p", "schema": SCHEMA})
    api.post(f"{base}/endpoints", json=ENDPOINT | {"name": "e", "payload_spec": "p"})
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "moved"}
    assert api.post(f"{base}/jobs", json=job).status_code == 201
    assert problem_of(api.patch(f"{base}/jobs/moved", json={"endpoint": "e"}))["errors"][0]["pointer"] == "/input"
    assert api.patch(f"{base}/jobs/moved", json={"endpoint": "e", "input": {"id": 1}}).json()["endpoint"] == "e"


def test_a_spec_that_live_jobs_violate_is_named_and_refused_unless_forced(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    spec, strict = f"{base}/payload-specs/p", {"schema": SCHEMA | {"required": ["id", "team"]}}
    api.post(f"{base}/payload-specs", json={"name": "p", "schema": SCHEMA})
    api.post(f"{base}/endpoints", json=ENDPOINT | {"name": "e", "payload_spec": "p"})
    cron = {"endpoint": "e", "trigger": "CRON", "cron": "0 0 1 1 *"}
    one = api.post(f"{base}/jobs", json=cron | {"name": "short", "input": {"id": 7}}).json()["job_id"]
    api.post(f"{base}/jobs", json=cron | {"name": "long", "input": {"id": 7, "team": "a"}})
    later = {"endpoint": "e", "trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z", "input": {"id": 8}}
    two = api.post(f"{base}/jobs", json=later).json()["job_id"]

    verdict = api.put(spec, params={"validate_only": "true"}, json=strict).json()
    assert (verdict["is_allowed"], verdict["checked"], verdict["more"]) == (False, 3, False)
    assert {each["job_id"] for each in verdict["violations"]} == {one, two}
    refused = problem_of(api.put(spec, json=strict))
    assert (refused["status"], refused["code"], len(refused["errors"])) == (409, "jobs_violate_payload_spec", 2)
    assert any("short" in each["detail"] for each in refused["errors"])
    assert api.get(spec).json()["version"] == 1

    assert api.put(spec, params={"force": "true"}, json=strict).json()["version"] == 2
    assert api.post(f"{base}/jobs", json=cron | {"input": {"id": 7}}).status_code == 422  # the new version applies
    assert api.post(f"{base}/jobs", json=cron | {"input": {"id": 7, "team": "b"}}).status_code == 201
    assert api.put(spec, json={"schema": SCHEMA}).json()["version"] == 3  # as before: all jobs are valid


def test_an_endpoint_is_not_given_a_spec_that_its_jobs_violate(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/payload-specs", json={"name": "p", "schema": SCHEMA})
    api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "bare"})
    with_spec = ENDPOINT | {"payload_spec": "p"}
    verdict = api.put(f"{base}/endpoints/sink", params={"validate_only": "true"}, json=with_spec).json()
    assert [each["name"] for each in verdict["violations"]] == ["bare"]
    assert problem_of(api.put(f"{base}/endpoints/sink", json=with_spec))["code"] == "jobs_violate_payload_spec"
    forced = api.put(f"{base}/endpoints/sink", params={"force": "true"}, json=with_spec)
    assert forced.json()["payload_spec"] == "p"
    # The endpoint can be edited without checking its jobs again, but no violating job can be created.
    assert api.put(f"{base}/endpoints/sink", json=with_spec | {"max_in_flight": 3}).status_code == 200
    assert api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE"}).status_code == 422


def test_a_config_keeps_what_templates_name(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu", "deep": {"a": [1]}}})
    body = {"r": "{{config.region}}", "a": "{{config.deep.a.0}}", "d": "{{config.none | default: 3}}"}
    endpoint = {"type": "HTTP", "spec": {"url": "https://example.com/h", "body_template": body}}
    assert problem_of(api.post(f"{base}/endpoints", json=endpoint | {"name": "e"}))["errors"][0]["pointer"] == (
        "/spec/body_template/r"
    )
    assert api.post(f"{base}/endpoints", json=endpoint | {"name": "e", "config": "c"}).status_code == 201
    refused = problem_of(api.put(f"{base}/configs/c", json={"values": {"region": "eu"}}))
    assert (refused["status"], refused["code"], "config.deep.a.0" in refused["detail"]) == (
        409,
        "templates_need_value",
        True,
    )
    assert api.put(f"{base}/configs/c", json={"values": {"region": "eu", "deep": {"a": [1]}}}).json()["version"] == 1
    assert api.put(f"{base}/configs/c", json={"values": {"region": "us", "deep": {"a": [2]}}}).json()["version"] == 2
    assert api.get(f"{base}/endpoints/e").json()["version"] == 2
    shown = api.get(f"{base}/endpoints/e").json()
    assert (shown["spec"]["body_template"], shown["config"]) == (body, "c")
    assert [each["spec"]["body_template"] for each in api.get(f"{base}/endpoints").json()["data"][:1]] == [body]
