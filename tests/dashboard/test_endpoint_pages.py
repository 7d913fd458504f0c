"""The pages of endpoints: the list, the form for a new one, the endpoint's page, and its forms."""

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from lxml import html

from conftest import await_condition, holding
from dashboard.conftest import Reader
from explain_scene import Scene
from factory import add_key

HTTP: dict[str, Any] = {
    "type": "HTTP",
    "title": "Hooks",
    "spec": {
        "url": "https://example.com/{{input.region}}/hook",
        "method": "PUT",
        "headers": {"X-Team": "reports"},
        "body_template": {"id": "{{input.id}}"},
        "timeout_ms": 5000,
        "expected_status_codes": [200, 202],
        "connect_timeout_ms": 1000,
        "idle_timeout_ms": 2000,
    },
    "retry_policy": {"max_attempts": 7, "delays_ms": [1, 2], "jitter": "none", "max_age_seconds": 60},
    "limits": {
        "max_in_flight": 3,
        "rate": {"count": 100, "per_seconds": 60, "burst": 9},
        "concurrency_key": "{{input.customer}}",
        "max_concurrency_per_key": 2,
    },
    "config": "production",
    "payload_spec": "anything",
    "signing_secrets": ["hook-key"],
    "group": "gpu",
    "on_disabled": "SKIP",
    "use": "latest",
}
REDIS: dict[str, Any] = {
    "type": "REDIS_STREAM",
    "spec": {
        "redis_url": "redis://redis.example.com:6379/0",
        "stream": "reports",
        "fields_template": {"a": "{{input.a}}"},
    },
}
KAFKA: dict[str, Any] = {"type": "KAFKA", "spec": {"bootstrap_servers": ["kafka.example.com:9092"], "topic": "reports"}}


def parsed(response: httpx.Response, status: int) -> html.HtmlElement:
    assert response.status_code == status, response.text
    return html.document_fromstring(response.text)


def fields_of(form: html.HtmlElement) -> dict[str, Any]:
    """The fields that a browser would send."""
    return {name: [each for _, each in form.form_values() if _ == name] for name, _ in form.form_values()}


def named(scene: Scene, path: str) -> str:
    return f"/w/{scene.workspace}/endpoints{path}"


def furnish(scene: Scene) -> None:
    base = f"/v1/workspaces/{scene.workspace}"
    scene.client.put(f"{base}/configs/production", json={"values": {"region": "eu"}}).raise_for_status()
    scene.client.put(f"{base}/payload-specs/anything", json={"schema": True}).raise_for_status()
    scene.client.put(
        f"{base}/secrets/hook-key", json={"value": f"whsec_{base64.b64encode(bytes(32)).decode()}"}
    ).raise_for_status()


def with_body(body: Any) -> dict[str, Any]:
    return {"type": "HTTP", "spec": {"url": "https://example.com/", "body_template": body}}


@pytest.mark.parametrize(
    "terms",
    # An empty template sends an empty body. Without one, the job's input is sent.
    [HTTP, REDIS, KAFKA, *map(with_body, ({}, [], "", None, False, 0, "null", "\r\n x", {"a": 1e20}))],
    ids=lambda terms: str(terms["spec"].get("body_template", terms["type"])),
)
def test_a_form_that_is_sent_back_unchanged_changes_nothing(
    scene: Scene, reader: Reader, terms: dict[str, Any]
) -> None:
    furnish(scene)
    path = f"/v1/workspaces/{scene.workspace}/endpoints/hooks"
    made = scene.client.put(path, json=terms)
    assert made.status_code == 201, made.text
    page = reader(named(scene, "/hooks"))
    form = page.xpath("//details[@id='edit']//form")[0]
    assert scene.client.post(named(scene, "/hooks"), data=fields_of(form)).status_code == 303
    after = scene.client.get(path).json()
    moving = {"version", "updated_at", "usage"}
    assert {k: v for k, v in after.items() if k not in moving} == {
        k: v for k, v in made.json().items() if k not in moving
    }


def test_an_endpoint_is_made_by_the_form_and_each_fault_stands_at_its_field(scene: Scene, reader: Reader) -> None:
    form = reader(named(scene, "/~new")).xpath("//main//form")[0]
    fields = fields_of(form) | {
        "/name": "hooks",
        "/spec/url": "ftp://example.com",
        "/spec/headers:json": '{"X": ',
        "/limits:json": '{"max_in_flight": 0}',
    }
    bad = parsed(scene.client.post(named(scene, ""), data=fields), 422)
    assert "invalid JSON" in bad.xpath("string(//ul[@id='f-spec-headers-faults'])")
    bad = parsed(scene.client.post(named(scene, ""), data=fields | {"/spec/headers:json": ""}), 422)
    assert "max_in_flight" in bad.xpath("string(//ul[@id='f-limits-faults'])")
    bad = parsed(scene.client.post(named(scene, ""), data=fields | {"/spec/headers:json": "", "/limits:json": ""}), 422)
    assert bad.xpath("string(//ul[@id='f-spec-url-faults'])")
    assert bad.xpath("string(//input[@id='f-spec-url']/@value)") == "ftp://example.com"
    good = fields | {"/spec/headers:json": "", "/limits:json": "", "/spec/url": "https://example.com/hook"}
    for _ in range(2):  # sent twice, created once
        made = scene.client.post(named(scene, ""), data=good)
        assert (made.status_code, made.headers["location"]) == (303, named(scene, "/hooks"))
    assert "hooks" in reader(named(scene, "")).xpath("string(//table)")


def test_a_change_of_an_older_version_is_refused_and_all_that_was_typed_stays(scene: Scene, reader: Reader) -> None:
    form = reader(named(scene, "/sink")).xpath("//details[@id='edit']//form")[0]
    fields = fields_of(form) | {"/title:?": "Mine"}
    assert scene.client.post(named(scene, "/sink"), data=fields | {"/title:?": "Theirs"}).status_code == 303
    refused = parsed(scene.client.post(named(scene, "/sink"), data=fields), 412)
    assert refused.xpath("string(//details[@id='edit'][@open]//input[@id='f-title']/@value)") == "Mine"
    assert "already" in refused.xpath("string(//details[@id='edit']//*[@id='refusal'])")


def test_its_page_says_who_uses_it_and_what_its_limits_are(scene: Scene, reader: Reader) -> None:
    for name in ("one", "two"):
        scene.make(name=name, cron="0 9 * * *")
    scene.client.post(f"{scene.base}/two/pause").raise_for_status()
    scene.client.delete(f"{scene.base}/{scene.make(name='over', cron='0 9 * * *')}").raise_for_status()
    path = f"/v1/workspaces/{scene.workspace}/endpoints/sink"
    present = scene.client.get(path).json()
    limits = {"max_in_flight": 4, "rate": {"count": 10, "per_seconds": 60}}
    scene.client.put(path, json=present | {"limits": limits, "max_in_flight": 4}).raise_for_status()
    text = " ".join(reader(named(scene, "/sink")).xpath("string(//main)").split())
    assert "2 jobs: two, one" in text
    assert "0 of 4" in text
    assert "10 in 1 min" in text
    refused = parsed(scene.client.post(named(scene, "/sink/delete"), data={"version": "2"}), 409)
    assert refused.xpath("//details[@id='delete'][@open]//*[@id='refusal']")


def _unfinished(scene: Scene) -> list[uuid.UUID]:
    found = "select execution_id from kronos.execution_live join kronos.workspaces using (workspace_id) where slug = %s"
    return [execution for (execution,) in scene.connection.execute(found, [scene.workspace])]


def test_what_would_be_sent_is_shown_and_a_test_leads_to_its_delivery(scene: Scene) -> None:
    page = parsed(scene.client.post(named(scene, "/sink/render"), data={"/input:json": '{"id": 7}'}), 200)
    assert '"id": 7' in page.xpath("string(//pre)")
    assert page.xpath("string(//textarea[@id='f-input'])").strip() == '{"id": 7}'
    bad = parsed(scene.client.post(named(scene, "/sink/render"), data={"/input:json": "7"}), 422)
    assert bad.xpath("string(//ul[@id='f-input-faults'])")
    with ThreadPoolExecutor(1) as pool:
        trying = pool.submit(
            scene.client.post, named(scene, "/sink/test"), data={"/input:json": "{}", "once": "test-1"}
        )
        await_condition(lambda: _unfinished(scene), "the test's execution")
        (execution,) = _unfinished(scene)  # no worker is here to deliver it, and the page waits for its end
        assert scene.client.post(f"/v1/workspaces/{scene.workspace}/executions/{execution}/cancel").status_code == 200
        tried = trying.result()
    assert tried.status_code == 303
    assert tried.headers["location"].startswith(f"/w/{scene.workspace}/executions/")


def test_deliveries_are_stopped_with_a_note_and_go_on(scene: Scene, reader: Reader) -> None:
    assert scene.client.post(named(scene, "/sink/disable"), data={"/note:text": "moving"}).status_code == 303
    page = reader(named(scene, "/sink"))
    assert "(“moving”)" in page.xpath("string(//main)")
    assert page.xpath("//details[@id='disable']") == []
    assert scene.client.post(named(scene, "/sink/enable"), data={}).status_code == 303
    assert scene.client.get(f"/v1/workspaces/{scene.workspace}/endpoints/sink").json()["health"]["state"] == "HEALTHY"


def test_a_viewer_reads_and_changes_nothing(scene: Scene) -> None:
    key = add_key(scene.connection, scene.workspace, "viewer", sees_payloads=False)
    with holding(scene.client, key) as viewer:
        page = parsed(viewer.get(named(scene, "/sink")), 200)
        assert page.xpath("//main//form") == []
        assert parsed(viewer.get(named(scene, "")), 200).xpath("//main//a[@data-key='new']") == []
        assert viewer.get(named(scene, "/~new")).status_code == 403
        for action in ("", "/render", "/test", "/disable", "/enable", "/delete"):
            assert viewer.post(named(scene, f"/sink{action}"), data={}).status_code == 403
