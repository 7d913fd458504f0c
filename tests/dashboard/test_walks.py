"""Faults found while using the pages: on call with a phone, and with mistyped input."""

import httpx
import psycopg
import pytest
from lxml import html

from dashboard.conftest import Reader
from dashboard.runs import ended
from kronos import overview

_JOB = {
    "way": "cron", "/trigger": "CRON", "/endpoint": "sink", "/cron": "0 0 1 1 *", "/timezone": "UTC", "/name": "first",
}  # fmt: skip


def test_the_overview_begins_with_what_is_wrong(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert reader(f"/w/{workspace}").xpath("//main//a[starts-with(@href, '#')]") == []
    for name in ("books", "cards"):
        body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": name}
        api.post(f"/v1/workspaces/{workspace}/jobs", json=body).raise_for_status()
        ended(shared_superuser, workspace, name)
    for most, told in ((overview.LONGEST, "2 jobs are failing"), (2, "2+ jobs are failing")):
        monkeypatch.setattr(overview, "LONGEST", most)
        page = reader(f"/w/{workspace}")
        (link,) = page.xpath("//main/h2[1]/preceding-sibling::p/a[@href='#failing']")
        assert link.text_content() == told
        assert "books" in page.xpath(f"string(//section[.//*[@id='{link.get('href')[1:]}']])")


def test_a_form_that_was_sent_and_changed_can_be_sent_again(api: httpx.Client, workspace: str) -> None:
    """As after the browser's Back: the form comes back with its own key, which was already used."""
    there = f"/w/{workspace}/jobs/~new"
    once = html.document_fromstring(api.get(there).text).xpath("//input[@name='once']/@value")[0]
    assert api.post(there, data=_JOB | {"once": once}).status_code == 303
    changed = api.post(there, data=_JOB | {"once": once, "/name": "second"})
    assert changed.status_code == 422
    shown = html.document_fromstring(changed.text)
    assert "was already sent" in shown.xpath("string(//*[@id='refusal'])")
    assert "idempotency" not in shown.xpath("string(//main)")
    assert shown.xpath("//input[@name='/name']/@value") == ["second"]
    (another,) = shown.xpath("//input[@name='once']/@value")
    assert another != once
    assert api.post(there, data=_JOB | {"once": another, "/name": "second"}).status_code == 303
    assert api.post(there, data=_JOB | {"once": another, "/name": "second"}).status_code == 303, "sent twice, done once"


def test_no_regular_expression_is_said_to_people(api: httpx.Client, workspace: str) -> None:
    refused = html.document_fromstring(api.post(f"/w/{workspace}/jobs/~new", data=_JOB | {"/spread": "5 min"}).text)
    fault = refused.xpath("string(//*[@id='f-spread-faults'])")
    assert "does not have the form" in fault
    assert "5m" in fault
    assert "[0-9]" not in fault


def test_an_operation_that_is_over_does_not_say_that_it_goes_on(
    api: httpx.Client, reader: Reader, workspace: str
) -> None:
    body = {"action": "pause", "filter": {"tag": "none"}}
    begun = api.post(f"/v1/workspaces/{workspace}/operations", json=body).raise_for_status().json()["operation_id"]
    there = f"/w/{workspace}/operations/{begun}"
    assert "continues in the background" in reader(there).text_content()
    api.post(f"/v1/workspaces/{workspace}/operations/{begun}/cancel").raise_for_status()
    assert "continues" not in reader(there).xpath("string(//main)")
