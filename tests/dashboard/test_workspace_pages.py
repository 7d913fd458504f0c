"""Keys, audit, usage and settings of a workspace, by their HTML: their content, who sees it, and what their forms
do."""

import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, TypeAlias

import httpx
import psycopg
import pytest
from lxml import html

from conftest import await_condition, holding
from factory import add_key
from kronos.dashboard.audit import _change
from sql_factory import value

Page: TypeAlias = Any


@pytest.fixture
def admin(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Iterator[httpx.Client]:
    with holding(api, add_key(shared_superuser, workspace, "admin")) as client:
        yield client


@pytest.fixture
def viewer(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Iterator[httpx.Client]:
    with holding(api, add_key(shared_superuser, workspace, "viewer", sees_payloads=False)) as client:
        yield client


def read(answered: httpx.Response, status: int = 200) -> Page:
    assert answered.status_code == status, answered.text
    return html.document_fromstring(answered.text)


def text(page: Page, path: str) -> str:
    return " ".join(str(page.xpath(f"string({path})")).split())


def test_a_key_is_made_shown_once_rotated_and_revoked(admin: httpx.Client, api: httpx.Client, workspace: str) -> None:
    path = f"/w/{workspace}/keys"
    made = admin.post(f"{path}/new", data={"/name": "ci", "/role": "operator", "/expires_at:utc": "2999-01-01T00:00"})
    page = read(made, 201)
    key = text(page, "//*[@id='new-key']")
    assert key.startswith("kr_live_")
    assert made.headers["cache-control"] == "no-store"
    with holding(api, key) as held:
        me = held.get("/v1/me").json()
        assert me["grants"] == [{"workspace": workspace, "role": "operator", "sees_payloads": True}]
    listed = admin.get(path)
    assert key.split("_", 3)[3] not in listed.text
    row = next(each for each in read(listed).xpath("//tbody/tr") if key.split("_")[2] in each.text_content())
    (rotate,) = row.xpath(".//form[contains(@action, 'rotate')]/@action")
    (revoke,) = row.xpath(".//form[contains(@action, 'revoke')]/@action")
    rotated = text(read(admin.post(rotate, data={"/overlap_seconds:integer": "3600"}), 201), "//*[@id='new-key']")
    for each in (key, rotated):
        with holding(api, each) as held:
            assert held.get("/v1/me").status_code == 200
    done = admin.post(revoke)
    assert (done.status_code, done.headers["location"]) == (303, path)
    assert key.split("_")[2] not in admin.get(path).text
    again = read(admin.post(rotate, data={"/overlap_seconds:integer": "0"}), 404)
    assert "No working key" in text(again, "//*[@role='alert']")


def test_what_a_key_may_not_be_is_said_at_its_field(admin: httpx.Client, workspace: str) -> None:
    answered = admin.post(
        f"/w/{workspace}/keys/new",
        data={"/name": "old <one>", "/role": "viewer", "/expires_at:utc": "2001-01-01T00:00"},
    )
    page = read(answered, 422)
    assert "is in the past" in text(page, "//*[@id='f-expires_at-faults']")
    assert text(page, "//input[@name='/name']/@value") == "old <one>"
    assert text(page, "//input[@name='/role'][@checked]/@value") == "viewer"
    none = read(admin.post(f"/w/{workspace}/keys/new", data={"/name": "x"}), 422)
    assert text(none, "//fieldset//ul[@class='faults']")


@pytest.mark.parametrize("path", ["keys", "keys/new", "audit", "delete", "usage/edit"])
def test_a_page_that_a_role_may_not_see_is_refused(viewer: httpx.Client, workspace: str, path: str) -> None:
    page = read(viewer.get(f"/w/{workspace}/{path}"), 403)
    assert "needs the role" in text(page, "//main")


def test_what_a_viewer_may_not_do_is_not_offered_and_is_refused(viewer: httpx.Client, workspace: str) -> None:
    for path in ("usage", "settings"):
        page = read(viewer.get(f"/w/{workspace}/{path}"))
        assert page.xpath("//main//form") == []
        links = page.xpath("//@href")
        assert [each for each in links if each.endswith(("/keys", "/audit", "/delete", "/edit"))] == []
    refused = [
        f"/w/{workspace}/{path}"
        for path in (
            "keys/new",
            f"keys/{uuid.uuid4()}/revoke",
            f"keys/{uuid.uuid4()}/rotate",
            "usage/edit",
            "settings/name",
            "settings/retention",
            "settings/suspend",
            "settings/resume",
            "delete",
        )
    ]
    assert {path: viewer.post(path).status_code for path in refused} == dict.fromkeys(refused, 403)


def test_an_admin_suspends_nothing_and_sets_no_quota(admin: httpx.Client, workspace: str) -> None:
    page = read(admin.get(f"/w/{workspace}/settings"))
    assert [each for each in page.xpath("//form/@action") if each.endswith(("suspend", "resume"))] == []
    for path in ("settings/suspend", "settings/resume", "usage/edit"):
        assert admin.post(f"/w/{workspace}/{path}").status_code == 403


def test_the_audit_is_filtered_and_shows_what_was_and_is(
    api: httpx.Client, admin: httpx.Client, workspace: str
) -> None:
    api.patch(f"/v1/workspaces/{workspace}", json={"name": "First <b>"}).raise_for_status()
    api.patch(f"/v1/workspaces/{workspace}", json={"name": "Second"}).raise_for_status()
    path = f"/w/{workspace}/audit"
    clean = admin.get(f"{path}?actor=&action=workspace.update&object=&after=")
    assert (clean.status_code, clean.headers["location"]) == (303, f"{path}?action=workspace.update")
    page = read(admin.get(f"{path}?action=workspace.update"))
    first = page.xpath("//tbody/tr")[0]
    assert text(first, ".//dd[@class='was']//code") == "First <b>"
    assert text(first, ".//dd[@class='becomes']//code") == "Second"
    assert text(page, "//input[@name='action']/@value") == "workspace.update"
    assert text(page, "//a[@download]/@href") == f"/v1/workspaces/{workspace}/audit/export"
    assert "No change matches" in text(read(admin.get(f"{path}?actor=nobody")), "//main")
    wrong = read(admin.get(f"{path}?after=yesterday"), 400)
    assert "after" in text(wrong, "//main")
    assert f"/w/{workspace}/audit" in read(api.get("/system/audit")).xpath("//tbody//a/@href")


def test_a_change_of_many_long_fields_is_shown_in_part() -> None:
    row = SimpleNamespace(before={"gone": 1}, after={f"f{n}": "x" * 1000 for n in range(30)})
    change = _change(row)  # type: ignore[arg-type]  # of a row it needs these
    assert (len(change.fields), change.more) == (8, 23)
    assert max(len(each.becomes or "") for each in change.fields) < 130


def test_the_chains_state_stands_below(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> None:
    api.patch(f"/v1/workspaces/{workspace}", json={"name": "Named"}).raise_for_status()
    shared_superuser.execute("select kronos.seal_audit(100000)")
    head = api.get(f"/v1/workspaces/{workspace}/audit/head").json()
    page = read(api.get(f"/w/{workspace}/audit"))
    assert head["hash"] in text(page, "//main")
    assert f"number {head['number']}" in text(page, "//main")


def test_usage_is_shown_against_quotas_that_the_administrator_sets(
    api: httpx.Client, viewer: httpx.Client, workspace: str
) -> None:
    path = f"/w/{workspace}/usage"
    form = read(api.get(f"{path}/edit"))
    version = text(form, "//input[@name='version']/@value")
    sent = {"version": version, "/max_cron_jobs:integer": "1", "/max_executions_per_day:integer": ""}
    assert api.post(f"{path}/edit", data=sent).headers["location"] == path
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "5 4 1 1 *", "timezone": "UTC"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()
    shown = text(read(viewer.get(path)), "//tbody/tr[1]")
    assert "100 %" in shown
    assert "used up" in shown
    stale = read(api.post(f"{path}/edit", data=sent | {"/max_cron_jobs:integer": "9"}), 412)
    assert text(stale, "//input[@id='f-max_cron_jobs']/@value") == "9"
    wrong = read(api.post(f"{path}/edit", data={"version": "x", "/max_cron_jobs:integer": "many"}), 422)
    assert text(wrong, "//*[@id='f-max_cron_jobs-faults']")


def test_settings_rename_keep_history_suspend_and_resume(
    api: httpx.Client, admin: httpx.Client, workspace: str
) -> None:
    path = f"/w/{workspace}/settings"
    for form, changes in (
        ("name", {"/name": "Acme & Sons"}),
        ("retention", {"/success_days:integer": "7", "/failure_days:integer": ""}),
    ):
        fields = _filled(read(admin.get(path)), f"{path}/{form}") | changes
        assert admin.post(f"{path}/{form}", data=fields).headers["location"] == path
    assert "Acme & Sons" in text(read(admin.get(path)), "//main")
    kept = api.get(f"/v1/workspaces/{workspace}/retention").json()["override"]
    assert kept == {"success_days": 7, "failure_days": None}
    wrong = read(admin.post(f"{path}/retention", data={"/success_days:integer": "0"}), 422)
    assert text(wrong, "//*[@id='f-success_days-faults']")
    assert text(read(admin.post(f"{path}/name", data={"/name": ""}), 422), "//*[@id='f-name-faults']")
    for form, status in (("suspend", "suspended"), ("resume", "active")):
        assert api.post(f"{path}/{form}").status_code == 303
        assert status in text(read(api.get(path)), "//dl")


def _filled(page: Page, action: str) -> dict[str, str]:
    """The fields of the page's form with this action, as they would be sent."""
    (form,) = page.xpath("//form[@action=$action]", action=action)
    return dict(form.form_values())


def test_settings_that_someone_else_changed_meanwhile_are_refused_and_what_was_typed_stays(
    api: httpx.Client, admin: httpx.Client, workspace: str
) -> None:
    path = f"/w/{workspace}/settings"
    for form, field, theirs, mine, now in (
        ("name", "/name", "Theirs", "Mine", "its name is 'Theirs' now"),
        ("retention", "/success_days:integer", "9", "8", "successes are kept 9 days now"),
    ):
        fields = _filled(read(admin.get(path)), f"{path}/{form}")
        assert api.post(f"{path}/{form}", data=fields | {field: theirs}).status_code == 303
        for _ in range(2):  # what was refused once is not taken as it is
            stale = read(admin.post(f"{path}/{form}", data=fields | {field: mine}), 412)
            assert now in text(stale, "//*[@id='refusal']")
            fields = _filled(stale, f"{path}/{form}")
            assert fields[field] == mine
        without = {name: each for name, each in fields.items() if name != "version"}
        assert "version" in text(read(admin.post(f"{path}/{form}", data=without), 400), "//*[@id='refusal']")
        fresh = _filled(read(admin.get(path)), f"{path}/{form}")
        assert fresh[field] == theirs
        assert admin.post(f"{path}/{form}", data=fresh | {field: mine}).status_code == 303


def test_a_workspace_goes_once_its_name_was_typed(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    path = f"/w/{workspace}/delete"
    contents = text(read(api.get(path)), "//main//ul")
    assert "1 endpoint" in contents
    assert "1 endpoints" not in contents
    refused = read(api.post(path, data={"/confirm": "another"}), 422)
    assert text(refused, "//*[@id='f-confirm-faults']")
    gone = api.post(path, data={"/confirm": workspace})
    assert gone.status_code == 303
    assert gone.headers["location"].startswith("/system/deletions/")
    assert api.get(f"/w/{workspace}/settings").status_code == 404

    def is_over() -> bool:
        shared_superuser.execute("select kronos.delete_further(kronos.clock() + interval '1 s')")
        count = value(shared_superuser, "select count(*) from kronos.workspaces where slug = %s", [workspace])
        return bool(count == 0)

    await_condition(is_over, "the deletion to be over")
    page = read(api.get(gone.headers["location"]))
    assert "completed" in text(page, "//main").lower()
