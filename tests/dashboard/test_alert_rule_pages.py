"""The pages of alert rules: creating, testing, changing and deleting them; and where a job's and a heartbeat's alerts
are shown."""

import httpx
import pytest
from lxml import html

from conftest import Api, holding
from dashboard.conftest import Reader
from factory import add_key
from sql_factory import Connection, value

RULE = {
    "/name": "nights",
    "/condition/type": "FAILURES",
    "/condition/count:integer": "3",
    "/selects/tag": "night",
    "/per": "JOB",
    "/tell:commas": "sink",
    "/severity": "CRITICAL",
    "/recovered:boolean": "false",
    "/repeat_seconds:integer": "600",
    "/enabled:boolean": "true",
}


def page_of(answer: httpx.Response, status: int) -> html.HtmlElement:
    assert answer.status_code == status, answer.text
    return html.document_fromstring(answer.text)


def words(page: html.HtmlElement, path: str = "//main") -> str:
    return " ".join(page.xpath(f"string({path})").split())


def test_one_is_made_changed_and_deleted(api: httpx.Client, workspace: str, reader: Reader) -> None:
    there, one = f"/w/{workspace}/alert-rules", f"/w/{workspace}/alert-rules/nights"
    assert reader(f"{there}/~new").xpath("//select[@id='f-condition-type']")
    made = api.post(there, data=RULE)
    assert (made.status_code, made.headers["location"]) == (303, f"/w/{workspace}/alerts")
    rule = api.get(f"/v1/workspaces/{workspace}/alert-rules/nights").json()
    expected = {
        "condition": {"type": "FAILURES", "count": 3},
        "selects": {"tag": "night"},
        "tell": ["sink"],
        "severity": "CRITICAL",
        "recovered": False,
        "repeat_seconds": 600,
        "enabled": True,
    }
    assert {name: rule[name] for name in expected} == expected
    (edit,) = reader(f"/w/{workspace}/alerts").xpath("//tbody//a[starts-with(., 'Edit')]/@href")
    assert edit == one
    form = reader(one)  # sent back unchanged, it changes nothing
    fields = {each.name: each.value or "" for each in form.xpath("(//main//form)[1]//*[self::input or self::select]")}
    assert api.post(one, data=fields).status_code == 303
    again = api.get(f"/v1/workspaces/{workspace}/alert-rules/nights").json()
    assert {name: again[name] for name in expected} == expected
    changed = fields | {"version": str(again["version"]), "/condition/count:integer": "5", "/tell:commas": ""}
    assert api.post(one, data=changed).status_code == 303
    assert "already at version 3" in words(page_of(api.post(one, data=changed), 412), "//*[@id='refusal']")
    assert page_of(api.post(f"{one}/delete", data={"version": "2"}), 412).xpath("//*[@id='refusal']")
    assert api.post(f"{one}/delete", data={"version": "3"}).status_code == 303
    assert api.get(one).status_code == 404


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"/condition/count:integer": ""}, "f-condition-count"),
        ({"/condition/count:integer": "many"}, "f-condition-count"),
        ({"/condition/type": "LATE"}, "f-condition-seconds"),
        ({"/condition/type": "NO_SUCCESS", "/condition/count:integer": ""}, "f-condition-seconds"),
        ({"/selects/tag": "", "/selects/job": "nobody"}, "f-selects-job"),
        ({"/selects/tag": "", "/selects/heartbeat": "nobody"}, "f-selects-heartbeat"),
        ({"/tell:commas": "sink, nowhere"}, "f-tell"),
        ({"/name": "no name"}, "f-name"),
        ({"/repeat_seconds:integer": "5"}, "f-repeat_seconds"),
        ({"/selects/tag": "", "/selects/heartbeat": "nobody", "/per": "ALL"}, "f-per"),
    ],
)
def test_what_is_wrong_stands_at_its_field(api: httpx.Client, workspace: str, sent: dict[str, str], field: str) -> None:
    page = page_of(api.post(f"/w/{workspace}/alert-rules", data=RULE | sent), 422)
    assert page.xpath(f"//ul[@id='{field}-faults']/li")
    assert not page.xpath("//*[@id='refusal']//li")  # it is shown once
    assert page.xpath("//input[@name='/condition/count:integer']/@value") == [sent.get("/condition/count:integer", "3")]


def test_it_is_shown_what_it_would_be_about_and_nothing_is_written(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *"}
    api.post(f"{base}/jobs", json=job | {"name": "report", "tags": ["night"]}).raise_for_status()
    api.post(f"{base}/jobs", json=job | {"name": "other"}).raise_for_status()
    api.post(f"{base}/heartbeats", json={"name": "backup", "period_seconds": 60, "tags": ["night"]}).raise_for_status()

    def shown(**selects: str) -> tuple[list[str], list[str]]:
        """The jobs, and the heartbeats."""
        form = RULE | {"/selects/tag": "", "show": "1"} | {f"/selects/{name}": said for name, said in selects.items()}
        page = page_of(api.post(f"/w/{workspace}/alert-rules", data=form), 200)
        assert page.xpath("//*[@id='preview']")
        kinds = ("jobs", "heartbeats")
        jobs, beats = (page.xpath(f"//*[@id='preview']//a[contains(@href, '/{kind}/')]/text()") for kind in kinds)
        return jobs, beats

    assert shown(tag="night") == (["report"], ["backup"])
    assert shown() == (["other", "report"], ["backup"])
    assert shown(endpoint="sink") == (["other", "report"], [])
    assert shown(job="other") == (["other"], [])
    assert shown(heartbeat="backup") == ([], ["backup"])
    assert shown(tag="day") == ([], [])
    assert api.get(f"{base}/alert-rules").json()["data"] == []
    refused = api.post(
        f"/w/{workspace}/alert-rules", data=RULE | {"/selects/tag": "", "/selects/job": "x", "show": "1"}
    )
    assert words(page_of(refused, 404), "//*[@id='refusal']").startswith("No job 'x'")


def test_who_may_not_write_one_is_offered_none(shared_api: Api, shared_superuser: Connection, workspace: str) -> None:
    with holding(shared_api.client, add_key(shared_superuser, workspace, "operator")) as operator:
        assert "/alert-rules" not in operator.get(f"/w/{workspace}/alerts").text
        assert operator.get(f"/w/{workspace}/alert-rules/~new").status_code == 403
        assert operator.post(f"/w/{workspace}/alert-rules", data=RULE).status_code == 403


def test_a_heartbeat_is_changed_on_its_page_and_keeps_its_url(
    api: httpx.Client, workspace: str, reader: Reader
) -> None:
    there = f"/w/{workspace}/heartbeats/sync"
    body = {"every": "1d", "anchor": "2026-01-01T03:00:00", "timezone": "Europe/Berlin", "tags": ["a b", "c"]}
    url = api.put(f"/v1/workspaces/{workspace}/heartbeats/sync", json=body).json()["ping_url"]
    form = reader(there).xpath("//details[@id='edit']/form")[0]
    fields = {each.name: each.value or "" for each in form.xpath(".//*[self::input or self::select]")}
    assert api.post(there, data=fields).status_code == 303
    kept = api.get(f"/v1/workspaces/{workspace}/heartbeats/sync").json()
    assert (kept["version"], kept["anchor_local"], kept["tags"]) == (1, "2026-01-01T03:00:00", ["a b", "c"])
    wrong = page_of(api.post(there, data=fields | {"/grace_seconds:integer": "0", "/cron": "0 3 * * *"}), 422)
    assert wrong.xpath("//details[@id='edit'][@open]//ul[@id='f-grace_seconds-faults']/li")
    assert wrong.xpath("//input[@id='f-cron']/@value") == ["0 3 * * *"]
    assert api.post(there, data=fields | {"/grace_seconds:integer": "60"}).status_code == 303
    assert "already at version 2" in words(page_of(api.post(there, data=fields), 412), "//details[@id='edit']")
    assert api.get(httpx.URL(url).path).json() == {"outcome": "TAKEN"}
    assert api.post(f"/w/{workspace}/heartbeats/none", data=fields).status_code in (404, 412)


def test_its_ticks_are_a_strip_of_which_each_leads_to_its_row(
    api: httpx.Client, workspace: str, reader: Reader, shared_superuser: Connection
) -> None:
    api.put(f"/v1/workspaces/{workspace}/heartbeats/sync", json={"cron": "0 3 * * *"}).raise_for_status()
    shared_superuser.execute(
        "insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, changed_at)"
        " select heartbeat_id, at, beat.workspace_id, (array['ON_TIME', 'MISSED', 'LATE'])[nth], at, at"
        "   from kronos.beats as beat join kronos.workspaces using (workspace_id),"
        "        unnest(array['2026-11-01 03:00Z', '2026-11-02 03:00Z', '2026-12-01 03:00Z']::timestamptz[])"
        "            with ordinality as tick (at, nth) where slug = %s",
        [workspace],
    )
    page = reader(f"/w/{workspace}/heartbeats/sync")
    assert page.xpath("//ol[@class='strip']/li/span/text()") == ["2026-11", "2026-12"]
    squares = page.xpath("//ol[@class='strip']//a")
    assert [each.get("class") for each in squares] == ["tick good", "tick bad", "tick warn"]
    for each in squares:
        assert len(page.xpath(f"//tr[@id='{each.get('href')[1:]}']")) == 1


def test_alerts_stand_where_their_job_and_their_heartbeat_do(
    api: httpx.Client, workspace: str, reader: Reader, shared_superuser: Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    job = {"name": "report", "endpoint": "sink", "trigger": "CRON", "cron": "0 3 * * *"}
    job_id = api.post(f"{base}/jobs", json=job).json()["job_id"]
    beat_id = api.put(f"{base}/heartbeats/sync", json={"period_seconds": 60}).json()["heartbeat_id"]
    api.put(f"{base}/alert-rules/fails", json={"condition": {"type": "FAILURES", "count": 3}}).raise_for_status()

    def incident(kind: str, subject: str, detail: str, over: str | None = None) -> str:
        return str(
            value(
                shared_superuser,
                "insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id,"
                " detail, opened_at, status, resolved_at, resolution)"
                " select workspace_id, rule_id, rule.name, severity, condition, %(kind)s, %(subject)s, %(detail)s,"
                " coalesce(%(over)s::timestamptz, now()) - interval '1 hour',"
                " case when %(over)s::text is null then 'OPEN' else 'RESOLVED' end, %(over)s::timestamptz,"
                " case when %(over)s::text is null then null else 'RECOVERED' end"
                "   from kronos.alert_rules as rule join kronos.workspaces using (workspace_id) where slug = %(slug)s"
                " returning incident_id",
                {"kind": kind, "subject": subject, "detail": detail, "over": over, "slug": workspace},
            )
        )

    now = incident("JOB", job_id, "it failed 3 times in a row")
    past = incident("JOB", job_id, "it failed long ago", "2026-06-01T04:00:00Z")
    incident("HEARTBEAT", beat_id, "its tick was missed")
    api.patch(f"{base}/jobs/report", json={"cron": "0 4 * * *"}).raise_for_status()  # of all its versions

    def told(path: str, **query: str) -> list[str]:
        found = api.get(f"{base}/jobs/report/{path}", params=query).raise_for_status().json()["alerts"]
        return [each["incident_id"] for each in found]

    assert (told("status"), told("explain")) == ([now], [now])
    assert told("explain", at="2026-06-01T03:30:00Z") == [now, past]
    assert told("explain", at="2026-06-01T04:00:00Z") == [now]
    assert api.get(f"{base}/overview").json()["alerts"] == {"live": 2, "open": 2, "undelivered": 0}
    of_beat = api.get(f"{base}/incidents", params={"heartbeat": "sync", "status": "LIVE"}).json()["data"]
    assert [each["detail"] for each in of_beat] == ["its tick was missed"]
    assert [each["detail"] for each in api.get(f"{base}/incidents", params={"heartbeat": "sync"}).json()["data"]] == [
        "its tick was missed"
    ]
    page = reader(f"/w/{workspace}/jobs/report?at=2026-06-01T03:30:00Z")
    assert "it failed 3 times in a row" in words(page, "//p[contains(@class, 'notice bad')]")
    assert "it failed long ago" in words(page, "//div[@class='explained']")
    assert "its tick was missed" in words(reader(f"/w/{workspace}/heartbeats/sync"), "//p[contains(@class, 'bad')]")
