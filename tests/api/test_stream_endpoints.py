"""Endpoints that are streams and topics, over HTTP: their members, and what is rejected when they are saved."""

from typing import Any

import httpx
import pytest

from api_answers import problem_of
from kronos.api.endpoint_specs import KafkaSpec, RedisStreamSpec
from kronos.api.spec_checks import spec_checks
from kronos.delivery import drivers
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.refused import Refused

REDIS: dict[str, Any] = {
    "name": "stream",
    "type": "REDIS_STREAM",
    "spec": {"redis_url": "redis://redis.example.com:6379/2", "stream": "orders"},
}
KAFKA: dict[str, Any] = {
    "name": "topic",
    "type": "KAFKA",
    "spec": {"bootstrap_servers": ["kafka.example.com:9092", "8.8.8.8:9092"], "topic": "orders"},
}


def _with(body: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**body, "spec": {**body["spec"], **spec}}


@pytest.mark.parametrize("body", [REDIS, KAFKA], ids=["redis", "kafka"])
def test_what_get_gives_is_sent_back_edited(api: httpx.Client, workspace: str, body: dict[str, Any]) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints"
    made = api.post(path, json=body)
    assert made.status_code == 201, made.text
    given = made.json()
    assert (given["type"], given["spec"]) == (body["type"], {**given["spec"], **body["spec"]})
    edited = api.put(f"{path}/{body['name']}", json={**given, "title": "Orders"})
    assert (edited.status_code, edited.json()["version"], edited.json()["title"]) == (200, 2, "Orders")
    assert edited.json()["spec"] == given["spec"]
    other = {"type": "HTTP", "spec": {"url": "https://example.com/"}}
    assert api.put(f"{path}/{body['name']}", json=other).status_code == 409


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "redis: another scheme": (_with(REDIS, redis_url="http://redis.example.com/"), "/spec/redis_url"),
    "redis: a password in the URL": (_with(REDIS, redis_url="redis://:pw@redis.example.com/0"), "/spec/redis_url"),
    "redis: a private address": (_with(REDIS, redis_url="redis://10.0.0.1:6379/0"), "/spec/redis_url"),
    "redis: another database's port": (_with(REDIS, redis_url="redis://8.8.8.8:5432/0"), "/spec/redis_url"),
    "redis: Kafka's port": (_with(REDIS, redis_url="redis://8.8.8.8:9092/0"), "/spec/redis_url"),
    "redis: no port": (_with(REDIS, redis_url="redis://8.8.8.8:0/0"), "/spec/redis_url"),
    "redis: a number": (_with(REDIS, redis_url="redis://2130706433:6379/0"), "/spec/redis_url"),
    "redis: a name of the local network": (_with(REDIS, redis_url="redis://cache:6379/0"), "/spec/redis_url"),
    "redis: a template": (_with(REDIS, redis_url="redis://{{input.host}}:6379/0"), "/spec/redis_url"),
    "redis: no stream": (_with(REDIS, stream=""), "/spec/stream"),
    "redis: no field": (_with(REDIS, fields_template={}), "/spec/fields_template"),
    "redis: a field of ours": (
        _with(REDIS, fields_template={"idempotency-key": 1}),
        "/spec/fields_template/idempotency-key",
    ),
    "redis: a field without a name": (_with(REDIS, fields_template={"": 1}), "/spec/fields_template/"),
    "redis: an open template": (_with(REDIS, fields_template={"a": "{{input"}), "/spec/fields_template/a"),
    "redis: an unknown root": (_with(REDIS, fields_template={"a": "{{other.a}}"}), "/spec/fields_template/a"),
    "redis: a plain password": (_with(REDIS, password="secret"), "/spec/password"),
    "redis: no length": (_with(REDIS, max_len=0), "/spec/max_len"),
    "redis: tls without rediss": (_with(REDIS, tls={}), "/spec/tls"),
    "redis: a field that is none": (_with(REDIS, streem="a"), "/spec/streem"),
    "redis: HTTP's url": (_with(REDIS, url="https://example.com/"), "/spec/url"),
    "kafka: no broker": (_with(KAFKA, bootstrap_servers=[]), "/spec/bootstrap_servers"),
    "kafka: no port": (_with(KAFKA, bootstrap_servers=["kafka.example.com"]), "/spec/bootstrap_servers/0"),
    "kafka: a private broker": (
        _with(KAFKA, bootstrap_servers=["8.8.8.8:9092", "192.168.0.1:9092"]),
        "/spec/bootstrap_servers/1",
    ),
    "kafka: Redis's port": (_with(KAFKA, bootstrap_servers=["8.8.8.8:6379"]), "/spec/bootstrap_servers/0"),
    "kafka: no topic's name": (_with(KAFKA, topic="a b"), "/spec/topic"),
    "kafka: no acks": (_with(KAFKA, acks=0), "/spec/acks"),
    "kafka: a header of ours": (_with(KAFKA, headers={"Kronos-Job-Id": "1"}), "/spec/headers/Kronos-Job-Id"),
    "kafka: a plain password": (
        _with(KAFKA, sasl={"mechanism": "PLAIN", "username": "u", "password": "secret"}),
        "/spec/sasl/password",
    ),
    "kafka: another mechanism": (
        _with(KAFKA, sasl={"mechanism": "GSSAPI", "username": "u", "password": "{{secret.a}}"}),
        "/spec/sasl/mechanism",
    ),
    "kafka: a plain key": (
        _with(KAFKA, tls={"client_certificate": "x", "client_key": "-----BEGIN PRIVATE KEY-----"}),
        "/spec/tls/client_key",
    ),
    "kafka: half a pair": (_with(KAFKA, tls={"client_certificate": "x"}), "/spec/tls"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_delivered_to_is_refused_with_its_place(api: httpx.Client, untouched: str, name: str) -> None:
    body, pointer = CASES[name]
    path = f"/v1/workspaces/{untouched}/endpoints"
    problem = problem_of(response := api.post(path, json=body))
    assert response.status_code == 422, problem
    assert pointer in [each["pointer"] for each in problem["errors"]], problem
    assert all(each["detail"] and each["hint"] for each in problem["errors"])
    assert "secret" not in " ".join(each["detail"] for each in problem["errors"])
    assert api.get(f"{path}/{body['name']}").status_code == 404


CODES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "plain_secret": (
        _with(REDIS, password="pw"),
        "/spec/password",
        "a password or key would be readable in the endpoint",
        "Store it as a secret and write {{secret.NAME}}.",
    ),
    "tls_half": (
        _with(KAFKA, tls={"client_key": "{{secret.key}}"}),
        "/spec/tls",
        "client certificate and key must be given together",
        "Give both or neither.",
    ),
    "tls_scheme": (
        _with(REDIS, tls={}),
        "/spec/tls",
        "tls requires a rediss:// URL",
        "Write rediss://, or omit tls.",
    ),
}


@pytest.mark.parametrize("code", CODES)
def test_incomplete_credentials_and_plain_secrets_are_refused_at_their_field(
    api: httpx.Client, workspace: str, code: str
) -> None:
    """The code is in the check's refusal, the problem has its words."""
    body, pointer, detail, hint = CODES[code]
    (fault,) = problem_of(api.post(f"/v1/workspaces/{workspace}/endpoints", json=body))["errors"]
    assert fault == {"pointer": pointer, "detail": detail, "hint": hint}
    kinds: dict[str, type[RedisStreamSpec | KafkaSpec]] = {"REDIS_STREAM": RedisStreamSpec, "KAFKA": KafkaSpec}
    spec = kinds[body["type"]].model_validate(body["spec"])
    refused = []
    for at, check in spec_checks(spec, EgressPolicy()):
        try:
            check()
        except Refused as error:
            refused.append((error.code, at))
    assert refused == [(code, pointer)]


def test_a_type_that_is_none_is_named_with_those_there_are(api: httpx.Client, workspace: str) -> None:
    body = {"name": "e", "type": "SMTP", "spec": {}}
    (fault,) = problem_of(api.post(f"/v1/workspaces/{workspace}/endpoints", json=body))["errors"]
    assert (fault["pointer"], fault["hint"]) == ("/type", "Write one of HTTP, REDIS_STREAM, KAFKA, EMAIL.")


@pytest.mark.parametrize(("body", "extra"), [(REDIS, "redis"), (KAFKA, "kafka")], ids=["redis", "kafka"])
def test_a_type_whose_driver_is_missing_is_refused_with_what_installs_it(
    api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], extra: str
) -> None:
    monkeypatch.setattr(drivers, "find_spec", lambda _: None)
    (fault,) = problem_of(api.post(f"/v1/workspaces/{workspace}/endpoints", json=body))["errors"]
    assert fault["pointer"] == "/type"
    assert f"no driver for endpoints of type {body['type']}" in fault["detail"]
    assert f"the extra {extra} of Kronos's wheel" in fault["hint"]


EVERY_ROOT: dict[str, Any] = {
    "region": "{{config.region}}",
    "n": "{{input.n}}",
    "text": "no {{input.n}}",
    "job": "{{job.name | default: 'none'}}",
    "attempt": "{{execution.attempt}}",
    "local": "{{scheduled_at | local}}",
}
SAMPLE = {
    "input": {"n": [7]},
    "job_name": "nightly",
    "timezone": "Europe/Berlin",
    "scheduled_at": "2026-12-01T08:00:00Z",
}
FILLED = {
    "region": "eu",
    "n": "[7]",
    "text": "no [7]",
    "job": "nightly",
    "attempt": "1",
    "local": "2026-12-01T09:00:00+01:00",
}


def _with_config(api: httpx.Client, workspace: str) -> str:
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/configs", json={"name": "c", "values": {"region": "eu"}}).raise_for_status()
    return f"{base}/endpoints"


def test_what_would_be_added_to_a_stream_is_shown(api: httpx.Client, workspace: str) -> None:
    path = _with_config(api, workspace)
    api.post(path, json=_with(REDIS, fields_template=EVERY_ROOT) | {"config": "c"}).raise_for_status()
    assert api.post(f"{path}/stream/render", json=SAMPLE).json() == {
        "redis_url": "redis://redis.example.com:6379/2",
        "stream": "orders",
        "fields": FILLED,
        "secrets": [],
    }
    api.put(f"{path}/stream", json=REDIS).raise_for_status()
    assert api.post(f"{path}/stream/render", json=SAMPLE).json()["fields"] == {"input": '{"n":[7]}'}


def test_what_would_be_sent_to_a_topic_is_shown(api: httpx.Client, workspace: str) -> None:
    path = _with_config(api, workspace)
    templates = {"headers": EVERY_ROOT, "key_template": "{{input.n.0}}", "value_template": EVERY_ROOT}
    api.post(path, json=_with(KAFKA, **templates) | {"config": "c"}).raise_for_status()
    assert api.post(f"{path}/topic/render", json=SAMPLE).json() == {
        "bootstrap_servers": KAFKA["spec"]["bootstrap_servers"],
        "topic": "orders",
        "headers": FILLED,
        "key": "7",
        "value": FILLED | {"n": [7], "attempt": 1},
        "secrets": [],
    }
    api.put(f"{path}/topic", json=KAFKA).raise_for_status()
    shown = api.post(f"{path}/topic/render", json=SAMPLE).json()
    assert (shown["headers"], shown["key"], shown["value"]) == ({}, None, {"n": [7]})


def test_secrets_of_what_would_be_sent_are_masked(api: httpx.Client, workspace: str) -> None:
    for secret in ("pw", "token"):
        api.put(f"/v1/workspaces/{workspace}/secrets/{secret}", json={"value": "canary"}).raise_for_status()
    path = f"/v1/workspaces/{workspace}/endpoints"
    fields = {"token": "{{secret.token}}"}
    api.post(path, json=_with(REDIS, password="{{secret.pw}}", fields_template=fields)).raise_for_status()
    shown = api.post(f"{path}/stream/render").json()
    assert (shown["fields"], shown["secrets"]) == ({"token": "***"}, ["pw", "token"])
    sasl = {"mechanism": "PLAIN", "username": "u", "password": "{{secret.pw}}"}
    api.post(path, json=_with(KAFKA, sasl=sasl, value_template=fields)).raise_for_status()
    shown = api.post(f"{path}/topic/render").json()
    assert (shown["value"], shown["secrets"]) == ({"token": "***"}, ["pw", "token"])


@pytest.mark.parametrize(
    ("body", "spec", "where"),
    [
        (REDIS, {"fields_template": {"a": {"b": "{{input.id}}"}}}, "/spec/fields_template/a/b"),
        (REDIS, {"username": "{{input.id}}"}, "/spec/username"),
        (KAFKA, {"headers": {"a": "{{input.id}}"}}, "/spec/headers/a"),
        (KAFKA, {"key_template": "{{input.id}}"}, "/spec/key_template"),
        (KAFKA, {"value_template": ["{{input.id}}"]}, "/spec/value_template/0"),
        (KAFKA, {"value_template": {"a": "x" * 30_000, "b": ["{{input.text}}"] * 6}}, "1048576"),
    ],
)
def test_a_message_that_could_not_be_sent_is_said_so(
    api: httpx.Client, workspace: str, body: dict[str, Any], spec: dict[str, Any], where: str
) -> None:
    path = f"/v1/workspaces/{workspace}/endpoints"
    api.post(path, json=_with(body, **spec)).raise_for_status()
    refused = problem_of(api.post(f"{path}/{body['name']}/render", json={"input": {"text": "x" * 200_000}}))
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "/input")
    assert where in refused["detail"], refused
    assert refused["errors"][0]["hint"]


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (REDIS, "fields_template"),
        (KAFKA, "headers"),
        (KAFKA, "value_template"),
        (KAFKA, "key_template"),
    ],
)
def test_what_templates_of_messages_name_is_there_when_they_are_saved(
    api: httpx.Client, workspace: str, body: dict[str, Any], member: str
) -> None:
    path = _with_config(api, workspace)
    schema = {"properties": {"id": {"type": "integer"}}, "additionalProperties": False}
    api.post(f"/v1/workspaces/{workspace}/payload-specs", json={"name": "p", "schema": schema}).raise_for_status()
    for wrong in ("{{config.other}}", "{{secret.none}}", "{{input.other}}"):
        made = _with(body, **{member: {"a": wrong}}) | {"config": "c", "payload_spec": "p"}
        refused = problem_of(api.post(path, json=made))
        assert [each["pointer"] for each in refused["errors"]] == [f"/spec/{member}/a"], wrong
    sound = _with(body, **{member: {"a": "{{config.region}} {{input.id}}"}}) | {"config": "c", "payload_spec": "p"}
    assert api.post(path, json=sound).status_code == 201
    lacking = problem_of(api.put(f"/v1/workspaces/{workspace}/configs/c", json={"values": {}}))
    assert (lacking["code"], member in lacking["detail"]) == ("templates_need_value", True)


def test_braces_in_a_streams_name_are_no_template(api: httpx.Client, workspace: str) -> None:
    """A stream's key is sent unchanged: {a} is the hash tag of a Redis Cluster."""
    path = f"/v1/workspaces/{workspace}/endpoints"
    made = api.post(path, json=_with(REDIS, stream="{{orders}:1"))
    assert made.status_code == 201, made.text
    assert api.post(f"{path}/stream/render").json()["stream"] == "{{orders}:1"
