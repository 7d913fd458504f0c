"""Configs, payload specs and secrets: created, changed, rejected and deleted with the forms of their pages."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from lxml import html

from conftest import holding
from factory import add_key

Reader = Callable[[str], html.HtmlElement]
DOCUMENTS = [
    ("configs", "/values:json", '{"region": "eu"}', '{"region": "us"}', '{"region": }', {"values": {"region": "us"}}),
    ("payload-specs", "/schema:json", '{"type": "object"}', "true", '{"type": 7}', {"schema": True}),
]


@pytest.mark.parametrize(("routes", "field", "first", "second", "wrong", "then"), DOCUMENTS)
def test_a_document_is_made_changed_and_deleted_by_forms(
    api: httpx.Client,
    workspace: str,
    routes: str,
    field: str,
    first: str,
    second: str,
    wrong: str,
    then: dict[str, object],
) -> None:
    there = f"/w/{workspace}/{routes}"
    pointer = field.partition(":")[0]
    fields = {"/name": "mine", field: first, "once": "k1"}
    made = api.post(there, data=fields)
    assert (made.status_code, made.headers["location"]) == (303, f"{there}/mine")
    again = api.post(there, data=fields)
    assert again.status_code == 303, "a form that is sent twice does its work once"
    page = api.get(f"{there}/mine", headers={"Cookie": f"kronos-notice={made.cookies['kronos-notice']}"})
    assert "mine created." in page.text
    taken = html.document_fromstring(api.post(there, data=fields | {"once": "k2"}).text)
    assert taken.xpath("//input[@name='/name']/@value") == ["mine"]
    assert taken.xpath("//ul[@id='f-name-faults']/li")

    refused = api.post(f"{there}/mine", data={"version": "1", field: wrong})
    assert refused.status_code == 422
    shown = html.document_fromstring(refused.text)
    assert shown.xpath("//textarea")[0].text_content().strip() == wrong
    assert shown.xpath(f"//ul[@id='f{pointer.replace('/', '-')}-faults']/li")
    assert shown.xpath("//textarea/@aria-invalid") == ["true"]

    assert api.post(f"{there}/mine", data={"version": "1", field: second}).status_code == 303
    stored = api.get(f"/v1/workspaces/{workspace}/{routes}/mine").json()
    assert {"version": 2, **then}.items() <= stored.items()
    stale = api.post(f"{there}/mine", data={"version": "1", field: first})
    assert (stale.status_code, "already" in stale.text) == (412, True)
    assert api.post(f"{there}/mine/delete", data={"version": "1"}).status_code == 412
    assert api.post(f"{there}/mine/delete", data={"version": "2"}).headers["location"] == there
    assert api.get(f"{there}/mine").status_code == 404
    assert api.post(f"{there}/mine", data={"version": "2", field: first}).status_code == 404


def test_a_payload_spec_that_live_jobs_violate_is_saved_only_where_the_form_says_so(
    api: httpx.Client, workspace: str
) -> None:
    base = f"/v1/workspaces/{workspace}"
    api.put(f"{base}/payload-specs/strict", json={"schema": True})
    there = api.get(f"{base}/endpoints/sink").json()
    endpoint = {"name": "bound", "type": "HTTP", "spec": there["spec"], "payload_spec": "strict"}
    assert api.post(f"{base}/endpoints", json=endpoint).status_code == 201
    job = {"endpoint": "bound", "trigger": "CRON", "cron": "0 3 * * *", "name": "loose", "input": {"a": 1}}
    assert api.post(f"{base}/jobs", json=job).status_code == 201
    change = {"version": "1", "/schema:json": '{"required": ["id"]}'}
    page = f"/w/{workspace}/payload-specs/strict"
    refused = api.post(page, data=change)
    assert (refused.status_code, "loose" in refused.text) == (409, True)
    assert html.document_fromstring(refused.text).xpath("//input[@name='force']")
    assert "bound" in api.get(page).text
    assert api.post(page, data=change | {"force": "true"}).status_code == 303


def test_no_page_shows_a_secrets_value(api: httpx.Client, workspace: str) -> None:
    there, value = f"/w/{workspace}/secrets", "planted-canary-8174"
    answers = [
        api.post(there, data={"/name": "token", "/value:text": value}),
        api.post(there, data={"/name": "token", "/value:text": value}),  # the name is taken
        api.post(there, data={"/name": "no good", "/value:text": value}),
        api.post(f"{there}/token", data={"version": "9", "/value:text": value}),
        api.post(f"{there}/token", data={"version": "1", "/value:text": f"{value} 2"}),
        api.get(there),
        api.get(f"{there}/token"),
    ]
    assert [each.status_code for each in answers] == [303, 409, 422, 412, 303, 200, 200]
    assert [each.text for each in answers if value in each.text] == []
    assert api.get(f"/v1/workspaces/{workspace}/secrets/token").json()["version"] == 2
    assert api.post(f"{there}/token/delete", data={"version": "2"}).status_code == 303


@pytest.mark.parametrize("routes", ["configs", "payload-specs", "secrets"])
def test_what_a_role_may_not_do_is_not_offered_and_is_refused(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, routes: str
) -> None:
    with holding(api, add_key(shared_superuser, workspace, "operator")) as operator:
        page = html.document_fromstring(operator.get(f"/w/{workspace}/{routes}").text)
        assert page.xpath("//main//form") == []
        refused = operator.post(f"/w/{workspace}/{routes}", data={"/name": "mine"})
        assert refused.status_code == 403
        assert "the role admin" in html.document_fromstring(refused.text).xpath("string(//main)")


def test_a_form_of_another_kind_and_one_without_a_version_are_refused(api: httpx.Client, workspace: str) -> None:
    there = f"/w/{workspace}/configs"
    assert api.post(there, json={"name": "x"}).status_code == 400
    api.post(there, data={"/name": "mine", "/values:json": "{}"})
    for version in ("", "x", "-1", "1" * 40):
        assert api.post(f"{there}/mine", data={"version": version, "/values:json": "{}"}).status_code == 400
