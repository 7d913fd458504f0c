"""The alerts page: incidents, whose action they need, and what people do about them."""

import httpx
import psycopg
import pytest

from alert_rows import add_incident
from conftest import Api, holding
from dashboard.conftest import Reader
from factory import add_key
from sql_factory import records

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def incident(shared_superuser: psycopg.Connection, workspace: str) -> str:
    return add_incident(shared_superuser, workspace, rule="nights")


def test_without_a_rule_it_says_how_to_make_one(reader: Reader, workspace: str) -> None:
    page = reader(f"/w/{workspace}/alerts").text_content()
    assert "No alert rule is broken" in page
    assert f"kronos alert-rule create NAME -w {workspace}" in page


def test_incidents_are_listed_with_their_rules_and_counted_on_the_overview(
    reader: Reader, workspace: str, incident: str
) -> None:
    page = reader(f"/w/{workspace}/alerts")
    (row,) = page.xpath("//table[caption='Incidents, newest first']/tbody/tr")
    assert " ".join(row.text_content().split()).startswith("nightly it failed 3 times in a row open nights error")
    assert len(page.xpath("//table[caption='Alert rules, newest first']/tbody/tr")) == 1
    (card,) = reader(f"/w/{workspace}").xpath("//li[h3='Alerts']")
    assert " ".join(card.text_content().split()) == "Alerts11 not acknowledged"
    assert card.xpath("a/@href") == [f"/w/{workspace}/alerts"]
    assert "No incident matches" in reader(f"/w/{workspace}/alerts?status=RESOLVED").text_content()


def test_an_operator_acknowledges_and_snoozes_and_a_viewer_is_offered_neither(
    shared_api: Api, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, incident: str
) -> None:
    address = f"/w/{workspace}/alerts"
    forms = reader(address).xpath("//td[@data-label='Actions']//form/@action")
    assert forms == [f"{address}/{incident}/acknowledge", f"{address}/{incident}/snooze"]
    with holding(shared_api.client, add_key(shared_superuser, workspace, "viewer")) as viewer:
        assert "Acknowledge<" not in viewer.get(address).text
        refused = viewer.post(forms[0], headers=_FORM)
        assert refused.status_code == 403
    snoozed = shared_api.client.post(forms[1], headers=_FORM, content="/seconds:integer=7200")
    assert snoozed.status_code == 303
    acknowledged = shared_api.client.post(forms[0], headers=_FORM, content="/note=on+it")
    assert acknowledged.headers["location"] == address
    (row,) = records(shared_superuser, "select * from kronos.incidents where incident_id = %s", [incident])
    assert (row["status"], row["note"]) == ("ACKNOWLEDGED", "on it")
    assert row["snoozed_until"] is not None
    said = reader(address).text_content()
    assert "on it" in said
    assert "snoozed until" in said


def test_a_notification_that_is_a_dead_letter_is_said(
    api: httpx.Client, shared_superuser: psycopg.Connection, reader: Reader, workspace: str, incident: str
) -> None:
    shared_superuser.execute(
        """
        with said as (
            insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id,
                                                    incident_ids)
            select kronos.uuid7(), incident.workspace_id, rule_id, rule, 'OPENED', endpoint_id, array[incident_id]
              from kronos.incidents as incident
              join kronos.endpoints as endpoint on endpoint.workspace_id = incident.workspace_id
               and endpoint.name = 'sink'
             cross join generate_series(1, 2)
             where incident_id = %s
            returning *
        )
        insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
        select execution_id, workspace_id, endpoint_id, execution_id, execution_id, now() from said
        """,
        [incident],
    )
    read = reader(f"/w/{workspace}/alerts")
    page = " ".join(read.text_content().split())
    assert "2 of the newest notifications could not be delivered" in page
    (said,) = read.xpath("//td[@data-label='Notified']//a")
    assert said.text_content() == "sink not reached 2\u00d7"
    told, _ = api.get(f"/v1/workspaces/{workspace}/incidents/{incident}").json()["notifications"]
    assert (told["endpoint"], told["event"], told["is_dead"]) == ("sink", "OPENED", True)
