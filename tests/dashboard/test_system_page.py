"""The instance's page: its faults, the workers and their work, and Kronos's own repairs."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from lxml import html

from conftest import Api, await_condition, holding
from factory import add_endpoint, add_executions, add_key
from kronos.dashboard.system import _repairs
from sql_factory import make_cron_job, value


@pytest.fixture
def su(own_api: Api) -> Iterator[psycopg.Connection]:
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        connection.execute("select kronos.reap()")  # a copied database's entries name the one they were copied from
        yield connection


def text(client: httpx.Client, path: str, at: str = "//main") -> str:
    answered = client.get(path)
    assert answered.status_code == 200, answered.text
    return " ".join(str(html.document_fromstring(answered.text).xpath(f"string({at})")).split())


def test_it_says_what_is_wrong_and_who_works_on_what(own_api: Api, su: psycopg.Connection) -> None:
    endpoint = add_endpoint(su)
    (run,) = add_executions(su, endpoint)
    su.execute(
        """
        update kronos.execution_live
           set claim_token = gen_random_uuid(), worker_id = 'host:17:abc', claimed_at = now() - interval '3 days',
               attempt_count = 2, visible_at = now() + interval '1 minute'
         where execution_id = %s
        """,
        [run],
    )
    with psycopg.connect(own_api.database_url, application_name="kronos-worker-claim"):
        shown = text(own_api.client, "/system")
    assert "1 connected" in shown
    assert "host:17:abc" in shown
    assert "attempt 2, 3 d ago" in shown
    assert "1 endpoints" not in shown
    assert "until `" not in shown
    await_condition(lambda: "none connected" in text(own_api.client, "/system"), "the worker's connection to be gone")
    page = html.document_fromstring(own_api.client.get("/system").text)
    slug = value(su, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    assert f"/w/{slug}/executions/{run}" in page.xpath("//@href")
    assert any("no worker is connected" in each for each in page.xpath("//li//text()"))
    assert {"reaper", "retention", "catch-up", "lease-keeper"} <= {
        str(each).strip() for each in page.xpath("//section[@aria-labelledby='internal']//tbody//a/text()")
    }


def test_jobs_and_entries_are_compared_where_that_is_asked_for(own_api: Api, su: psycopg.Connection) -> None:
    assert "Compare all jobs" in text(own_api.client, "/system", "//*[@id='drift']")
    assert "0 differences" in text(own_api.client, "/system?part=drift", "//*[@id='drift']")
    assert "Findings" not in text(own_api.client, "/system?part=drift")  # they would be read along with it
    job_id = make_cron_job(su)
    shown = own_api.client.get("/system?part=drift", headers={"HX-Request": "true"})
    assert "Findings" not in shown.text  # only this part
    found = " ".join(html.document_fromstring(shown.text).text_content().split())
    assert "1 difference The reaper" in found
    assert f"kronos:{job_id}" in found
    assert "an ACTIVE job has no entry" in found


def test_what_the_reaper_put_right_is_shown(own_api: Api, su: psycopg.Connection) -> None:
    make_cron_job(su)
    su.execute(
        "select kronos.run_internal_task(job, kronos.now(), 'MANUAL') from kronos.jobs as job where name = 'reaper'"
    )
    assert "registered 1" in text(own_api.client, "/system", "//section[@aria-labelledby='internal']")
    assert _repairs([]) == []


def test_it_is_for_the_instances_administrator(own_api: Api, su: psycopg.Connection, own_workspace: str) -> None:
    with holding(own_api.client, add_key(su, own_workspace, "admin")) as admin:
        for path in ("/system", "/system?part=drift", "/system/audit", f"/system/deletions/{'0' * 8}-{'0' * 4}-7000"):
            assert admin.get(path).status_code == 403, path
