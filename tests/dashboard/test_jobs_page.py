"""The list of jobs, bulk actions, and the forms of a job, by their HTML."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from lxml import html

from dashboard.conftest import Reader
from job_operations import work_off

Post = Callable[..., httpx.Response]


@pytest.fixture
def post(api: httpx.Client, workspace: str) -> Post:
    """Send a form of a workspace's page: fields as pairs, or by name."""

    def send(path: str, fields: list[tuple[str, str]]) -> httpx.Response:
        return api.post(
            f"/w/{workspace}/{path}",
            content=urlencode(fields),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            follow_redirects=False,
        )

    return send


def make(api: httpx.Client, workspace: str, **body: Any) -> dict[str, Any]:
    asked = {"endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *", "timezone": "Europe/Berlin"} | body
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json=asked)
    assert made.status_code == 201, made.text
    job: dict[str, Any] = made.json()
    return job


def shown(page: html.HtmlElement) -> list[str]:
    return [each.strip() for each in page.xpath("//table//tbody//th//a[1][not(@class)]/text()")]


def told(answered: httpx.Response, status: int = 200) -> html.HtmlElement:
    assert answered.status_code == status, answered.text
    return html.document_fromstring(answered.text)


def faults(page: html.HtmlElement) -> dict[str, str]:
    return {each.get("id"): each.text_content() for each in page.xpath("//ul[@class='faults']")}


def fields_of(page: html.HtmlElement) -> list[tuple[str, str]]:
    """The fields that the page's form would send, unchanged."""
    (form,) = page.xpath("//form[contains(@class, 'job')]")
    return [(name, value) for name, value in form.form_values()]


def changed(fields: list[tuple[str, str]], **values: str) -> list[tuple[str, str]]:
    """The fields with some replaced, by the last part of their pointers."""
    short = {name: name.partition(":")[0].lstrip("/") for name, _ in fields}
    kept = [(name, values.get(short[name], value)) for name, value in fields]
    return [*kept, *((name, value) for name, value in values.items() if name not in short.values())]


def test_the_live_cron_jobs_are_listed_and_the_address_says_which(
    api: httpx.Client, workspace: str, reader: Reader
) -> None:
    make(api, workspace, name="nightly", title="Every night")
    make(api, workspace, name="paused", tags=["odd"])
    api.post(f"/v1/workspaces/{workspace}/jobs/paused/pause", json={"note": "audit"}).raise_for_status()
    make(api, workspace, name="gone")
    api.delete(f"/v1/workspaces/{workspace}/jobs/gone").raise_for_status()
    make(api, workspace, name="once", trigger="DELAYED", cron=None, run_at="2999-01-01T00:00:00Z", timezone=None)

    page = reader(f"/w/{workspace}/jobs")
    assert shown(page) == ["paused", "nightly"]
    text = page.xpath("string(//main)")
    assert "At 03:00" in text
    assert "Europe/Berlin" in text
    assert "audit" in text
    assert shown(reader(f"/w/{workspace}/jobs?tag=odd&q=&endpoint=")) == ["paused"]
    assert shown(reader(f"/w/{workspace}/jobs?status=PAUSED")) == ["paused"]
    by_name = reader(f"/w/{workspace}/jobs?sort=name")
    assert shown(by_name) == ["nightly", "paused"]
    assert by_name.xpath("string(//th[@aria-sort='ascending'])").startswith("Job")
    assert shown(reader(f"/w/{workspace}/jobs?sort=next_run")) == ["nightly", "paused"]
    (link,) = page.xpath("//th/a[normalize-space()='Next run']/@href")
    assert link == f"/w/{workspace}/jobs?sort=next_run"
    # the others have one order, and no column head to ask for another
    others = reader(f"/w/{workspace}/jobs?sort=name&status=any&trigger=any")
    assert shown(others) == ["once", "gone", "paused", "nightly"]
    assert not others.xpath("//th/a")
    assert shown(reader(f"/w/{workspace}/jobs?status=any&trigger=any")) == ["once", "gone", "paused", "nightly"]
    assert "No job matches" in reader(f"/w/{workspace}/jobs?q=nothing-like-it").xpath("string(//main)")


def test_an_empty_list_says_what_to_do_next(workspace: str, reader: Reader) -> None:
    page = reader(f"/w/{workspace}/jobs")
    assert "kronos job create" in page.xpath("string(//pre)")
    assert page.xpath(f"//a[@href='/w/{workspace}/jobs/~new']")


def test_a_script_gets_the_address_without_what_says_nothing(api: httpx.Client, workspace: str) -> None:
    asked = f"/w/{workspace}/jobs?q=x&status=LIVE&trigger=any&tag="
    answered = api.get(asked, headers={"HX-Request": "true", "HX-Target": "list"}, follow_redirects=True)
    assert answered.headers["HX-Push-Url"] == f"/w/{workspace}/jobs?q=x&trigger=any"
    live = api.get(asked, headers={"HX-Request": "true", "HX-Target": "main"}, follow_redirects=True)
    assert "HX-Push-Url" not in live.headers


def test_a_job_is_made_from_a_sentence_once_however_often_it_is_sent(
    api: httpx.Client, workspace: str, reader: Reader, post: Post
) -> None:
    fields = changed(
        fields_of(reader(f"/w/{workspace}/jobs/~new")),
        name="weekly",
        endpoint="sink",
        sentence="first monday of the month at 06:00",
        timezone="Asia/Tokyo",
        tags="a b, c",
        input='{"id": 7}',
    )
    for _ in range(2):
        answered = post("jobs/~new", fields)
        assert (answered.status_code, answered.headers.get("Location")) == (303, f"/w/{workspace}/jobs/weekly")
    job = api.get(f"/v1/workspaces/{workspace}/jobs/weekly").json()
    assert (job["cron"], job["timezone"], job["tags"], job["input"]) == (
        "0 6 * * 1#1",
        "Asia/Tokyo",
        ["a b", "c"],
        {"id": 7},
    )
    assert len(api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"]) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"way": "cron", "cron": "61 * * * *"}, "f-cron-faults"),
        ({"way": "cron", "cron": ""}, "f-cron-faults"),
        ({"way": "sentence", "sentence": "every blue moon"}, "f-sentence-faults"),
        ({"way": "every", "every": "soon"}, "f-every-faults"),
        ({"way": "calendar", "times": "9:30, 10:00"}, "f-times-faults"),
        ({"way": "calendar", "times": "9:30", "days": "32"}, "f-days-faults"),
        ({"input": "{"}, "f-input-faults"),
        ({"endpoint": "absent", "way": "cron", "cron": "0 3 * * *"}, "f-endpoint-faults"),
        ({"timezone": "Europe/Berln", "way": "cron", "cron": "0 3 * * *"}, "f-timezone-faults"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_all_that_was_typed_stays(
    api: httpx.Client, workspace: str, reader: Reader, post: Post, values: dict[str, str], field: str
) -> None:
    typed = {"name": "mine", "endpoint": "sink", "title": "Kept as typed"} | values
    page = told(
        post("jobs/~new", changed(fields_of(reader(f"/w/{workspace}/jobs/~new")), **typed)),
        404 if "absent" in values.values() else 422,
    )
    assert list(faults(page)) == [field]
    sent = {name.partition(":")[0].lstrip("/"): value.lstrip("\n") for name, value in fields_of(page)}
    assert {name: sent.get(name) for name in typed} == typed
    assert api.get(f"/v1/workspaces/{workspace}/jobs").json()["data"] == []


def test_the_preview_shows_words_runs_clock_changes_and_what_is_wrong(workspace: str, post: Post) -> None:
    shown = told(post("jobs/preview", [("way", "cron"), ("/cron", "30 2 * * *"), ("/timezone", "Europe/Berlin")]))
    assert shown.xpath("string(//p[@class='lead'])") == "At 02:30"
    assert len(shown.xpath("//ol/li")) == 10
    assert "does not exist in Europe/Berlin" in shown.text_content()
    wrong = told(post("jobs/preview", [("way", "sentence"), ("sentence", "every blue moon")]))
    assert "“blue moon” was not understood" in wrong.text_content()
    picked = [("way", "calendar"), ("times", "09:30"), ("weekdays", "1"), ("weekdays", "2"), ("/timezone", "UTC")]
    assert told(post("jobs/preview", picked)).xpath("string(//code)") == "30 9 * * 1,2"


def test_an_edit_shows_which_runs_move_before_it_is_saved(
    api: httpx.Client, workspace: str, reader: Reader, post: Post
) -> None:
    job = make(
        api, workspace, name="nightly", timezone="UTC", tags=["a b"],
        on_failure={"endpoint": "sink", "statuses": ["EXPIRED"]},
        starts_at="2020-01-02T03:04:05Z", catch_up={"policy": "ALL", "window_seconds": 60},
    )  # fmt: skip
    path = f"jobs/{job['job_id']}/edit"
    fields = fields_of(reader(f"/w/{workspace}/{path}"))
    unchanged = post(path, fields)
    assert unchanged.status_code == 303, unchanged.text
    assert "Nothing%20was%20changed" in unchanged.headers["Set-Cookie"]

    page = told(post(path, changed(fields, cron="30 3 * * *", title="At night")))
    # between three and half past, today's run is additional
    assert re.search("[67] moved", page.xpath("string(//section[@aria-labelledby='changes'])"))
    assert api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()["version"] == 1
    saved = post(path, [*fields_of(page), ("save", "yes")])
    assert saved.status_code == 303, saved.text
    after = api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()
    assert (after["version"], after["cron"], after["title"]) == (2, "30 3 * * *", "At night")
    kept = ("tags", "on_failure", "starts_at", "catch_up", "timezone", "input", "priority")
    assert {name: after[name] for name in kept} == {name: job[name] for name in kept}


def test_what_may_be_empty_is_cleared(api: httpx.Client, workspace: str, reader: Reader, post: Post) -> None:
    job = make(
        api, workspace, name="nightly", title="t", tags=["x"], max_runs=5, on_success={"endpoint": "sink"},
        deadline_seconds=60, ends_at="2999-01-01T00:00:00Z",
    )  # fmt: skip
    path = f"jobs/{job['job_id']}/edit"
    emptied = dict.fromkeys(
        ("title", "tags", "max_runs", "deadline_seconds", "ends_at", "on_success/endpoint", "input"), ""
    )
    page = fields_of(reader(f"/w/{workspace}/{path}"))
    saved = post(path, [*changed(page, **emptied), ("save", "yes")])
    assert saved.status_code == 303, saved.text
    after = api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()
    cleared = ("title", "tags", "max_runs", "deadline_seconds", "ends_at", "on_success", "input")
    assert [after[name] for name in cleared] == [None, [], None, None, None, None, {}]


def test_a_change_by_somebody_else_in_between_is_shown_beside_ones_own(
    api: httpx.Client, workspace: str, reader: Reader, post: Post
) -> None:
    make(api, workspace, name="nightly")
    path = "jobs/nightly/edit"
    mine = changed(fields_of(reader(f"/w/{workspace}/{path}")), cron="15 4 * * *")
    theirs = api.patch(f"/v1/workspaces/{workspace}/jobs/nightly", json={"title": "Theirs"}).json()

    page = told(post(path, [*mine, ("save", "yes")]), 412)
    assert "Someone else changed this job" in page.text_content()
    told_of = page.xpath("//section[@aria-labelledby='overtaken']//tbody//th//text()")
    assert sorted(told_of) == ["cron", "title"]
    assert api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()["version"] == theirs["version"]
    saved = post(path, [*changed(fields_of(page), title="Theirs"), ("save", "yes")])
    assert saved.status_code == 303, saved.text
    after = api.get(f"/v1/workspaces/{workspace}/jobs/nightly").json()
    assert (after["title"], after["cron"]) == ("Theirs", "15 4 * * *")


def test_what_is_done_to_many_is_counted_confirmed_and_reported(
    api: httpx.Client, workspace: str, reader: Reader, post: Post, shared_superuser: psycopg.Connection
) -> None:
    ids = [make(api, workspace, name=f"job-{number}", tags=["many"])["job_id"] for number in range(3)]
    asked = told(post("jobs/bulk", [("action", "pause"), ("all", "yes"), ("tag", "many"), ("status", "LIVE")]))
    assert "Pause 3 jobs?" in asked.xpath("string(//h1)")
    assert shown(reader(f"/w/{workspace}/jobs?status=PAUSED")) == []
    (form,) = asked.xpath("//main//form")
    make(api, workspace, name="job-3", tags=["many"])  # not confirmed yet
    more = told(post("jobs/bulk", list(form.form_values())), 409)
    assert ("Pause 4 jobs?" in more.xpath("string(//h1)"), "3 jobs matched before" in more.text_content()) == (
        True,
        True,
    )
    assert shown(reader(f"/w/{workspace}/jobs?status=PAUSED")) == []
    (form,) = more.xpath("//main//form")
    confirmed = post("jobs/bulk", changed(list(form.form_values()), note="until the audit"))
    operation = confirmed.headers["Location"]
    assert (confirmed.status_code, operation.rpartition("/")[0]) == (303, f"/w/{workspace}/operations")
    assert "0 of 4" in reader(operation).text_content()
    work_off(shared_superuser, lambda: "4 of 4" in reader(operation).text_content())
    assert reader(f"/w/{workspace}/operations").xpath("//main//tbody//th//text()") == ["Pause of jobs"]
    paused = api.get(f"/v1/workspaces/{workspace}/jobs", params={"status": "PAUSED"}).json()["data"]
    assert {each["status_reason"]["note"] for each in paused} == {"until the audit"}

    one_shot = make(api, workspace, trigger="DELAYED", cron=None, run_at="2999-01-01T00:00:00Z", timezone=None)
    ticked = [("jobs", ids[0]), ("jobs", one_shot["job_id"])]
    refused = told(post("jobs/bulk", [("action", "resume"), ("confirmed", "yes"), *ticked]))
    assert refused.xpath("//main//tbody//th//text()") == [one_shot["job_id"]]
    none = told(post("jobs/bulk", [("action", "pause")]), 422)
    assert "There are no jobs to pause" in none.text_content()


def test_each_of_many_jobs_that_were_refused_is_listed_and_they_are_counted(workspace: str, post: Post) -> None:
    """Of more than a step's worth only the first hundred and those of the last step were."""
    names = [f"none-{number}" for number in range(250)]
    fields = [("action", "pause"), ("confirmed", "yes"), *(("jobs", name) for name in names)]
    for _ in range(2):
        (form,) = told(post("jobs/bulk", fields)).xpath("//main//form")
        fields = list(form.form_values())
    page = told(post("jobs/bulk", fields))
    assert page.xpath("//*[@id='refused']//tbody//th//text()") == names
    assert "Not changed: 250 jobs" in page.xpath("//main//h2/text()")
    assert page.xpath("//main//form") == []


def test_a_viewer_is_offered_no_change_and_is_refused_one(api: httpx.Client, workspace: str) -> None:
    make(api, workspace, name="nightly", input={"secret": "payload-of-theirs"})
    made = api.post(f"/v1/workspaces/{workspace}/keys", json={"role": "viewer", "sees_payloads": False})
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    answered = api.get(f"/w/{workspace}/jobs", headers=headers)
    page = told(answered)
    assert page.xpath("//main//button[@name='action']") == []
    assert page.xpath("//main//input[@type='checkbox']") == []
    assert page.xpath("//a[text()='New job']") == []
    assert "payload-of-theirs" not in answered.text
    for path in ("jobs/~new", "jobs/nightly/edit"):
        assert api.get(f"/w/{workspace}/{path}", headers=headers).status_code == 403
    assert api.post(f"/w/{workspace}/jobs/bulk", headers=headers).status_code == 403


def test_a_job_may_be_named_as_a_page_is(api: httpx.Client, reader: Reader, workspace: str) -> None:
    for name in ("new", "bulk", "preview"):
        make(api, workspace, name=name)
        (link,) = reader(f"/w/{workspace}/jobs").xpath(f"//main//th//a[text()='{name}']/@href")
        assert reader(link).xpath("string(//h1)").strip().startswith(name)


def test_a_full_page_is_small_and_what_is_overdue_is_called_so(
    api: httpx.Client, workspace: str, reader: Reader, shared_superuser: psycopg.Connection
) -> None:
    jobs = [
        {
            "endpoint": "sink", "trigger": "CRON", "name": f"report-of-the-region-{number:02}", "cron": "*/5 * * * *",
            "title": "A title of some length", "timezone": "Europe/Berlin", "tags": ["reports", "region"],
        }
        for number in range(50)
    ]  # fmt: skip
    made = api.post(f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": jobs}).raise_for_status().json()["data"]
    shared_superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, scheduled_at, run_at, created_at, started_at, completed_at,
                                           max_attempts, input)
        select kronos.tick_id(job_id, at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE',
               case when mod(n, 5) = 0 then 'FAILED' else 'SUCCESS' end, at, at, at, at, at + interval '300 ms', 1, '{}'
          from kronos.jobs cross join generate_series(1, 20) as n
         cross join lateral (select now() - n * interval '5 minutes' as at) as tick
         where job_id = any (%s)
        """,
        [[job["job_id"] for job in made]],
    )
    late = made[7]["job_id"]
    shared_superuser.execute(
        "update kronos.pointers set next_tick_at = now() - interval '1 hour' where job_id = %s", [late]
    )
    answered = api.get(f"/w/{workspace}/jobs")
    page = told(answered)
    assert len(answered.content) < 100_000
    assert len(shown(page)) == 50
    assert [row.get("id") for row in page.xpath("//tr[.//*[contains(text(), 'overdue')]]")] == [f"job-{late}"]
    row = page.xpath(f"string(//tr[@id='job-{late}'])")
    assert "16 success" in row
    assert "4 failed" in row
    assert "80 %" in row
    assert "300 ms" in row


def test_what_the_payload_spec_refuses_is_said_at_the_input(
    api: httpx.Client, workspace: str, reader: Reader, post: Post
) -> None:
    base = f"/v1/workspaces/{workspace}"
    spec = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    api.post(f"{base}/payload-specs", json={"name": "report", "schema": spec}).raise_for_status()
    endpoint = {"name": "judged", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}, "payload_spec": "report"}
    api.post(f"{base}/endpoints", json=endpoint).raise_for_status()
    typed = {"endpoint": "judged", "sentence": "every day at 9:00", "input": '{"id": "seven"}'}
    page = told(post("jobs/~new", changed(fields_of(reader(f"/w/{workspace}/jobs/~new")), **typed)), 422)
    assert list(faults(page)) == ["f-input-faults"]
    assert faults(page)["f-input-faults"].split()[:2] == ["id:", "the"]


def test_the_endpoint_of_a_new_job_is_chosen_from_those_that_are_there(
    api: httpx.Client, workspace: str, reader: Reader
) -> None:
    page = reader(f"/w/{workspace}/jobs/~new")
    (options,) = page.xpath("//input[@name='/endpoint']/@list")
    offered = page.xpath(f"//datalist[@id='{options}']/option/@value")
    there = api.get(f"/v1/workspaces/{workspace}/endpoints").json()["data"]
    assert offered == [each["name"] for each in there] != []


def test_operations_say_over_which_jobs_and_why_they_ended_and_are_no_matter_of_dead_letters(
    api: httpx.Client, reader: Reader, workspace: str
) -> None:
    made = {"endpoint": "sink", "trigger": "CRON", "name": "report", "cron": "0 3 * * *", "tags": ["monthly"]}
    assert api.post(f"/v1/workspaces/{workspace}/jobs", json=made).status_code == 201
    bulk = {"action": "pause", "filter": {"tag": "monthly", "status": "ACTIVE"}}
    begun = api.post(f"/v1/workspaces/{workspace}/operations", json=bulk).json()
    path = f"/w/{workspace}/operations/{begun['operation_id']}"
    page = reader(path)
    assert page.xpath("//main/@data-live") == ["operation"]
    assert not page.xpath("//*[@id='progress']/@hx-get")  # a page that its reader has paused does not refresh
    assert "Jobs with the tag monthly, that are active" in " ".join(page.text_content().split())
    api.post(f"/v1/workspaces/{workspace}/operations/{begun['operation_id']}/cancel").raise_for_status()
    listed = reader(f"/w/{workspace}/operations")
    assert listed.xpath("//main/@data-live") == ["operation"]
    row = " ".join(listed.xpath("string(//tbody/tr)").split())
    assert "cancelled over the API" in row
    assert "with the tag monthly" in row
    assert "Pause of jobs" not in reader(f"/w/{workspace}/dead-letters").text_content()
    nothing = api.post(
        f"/v1/workspaces/{workspace}/operations", json={"action": "resume", "filter": {"tag": "x"}}
    ).json()
    assert "Nothing matched" in reader(f"/w/{workspace}/operations/{nothing['operation_id']}").text_content()
