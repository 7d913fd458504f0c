"""The pages of heartbeats: creating one, whose URL is shown once, viewing, pausing, rotating and deleting it."""

import re
from collections.abc import Callable

import httpx
from lxml import html

from conftest import holding
from factory import add_key
from sql_factory import Connection

Reader = Callable[[str], html.HtmlElement]


def text_of(page: html.HtmlElement) -> str:
    return " ".join(page.xpath("string(//main)").split())


def test_one_is_made_and_its_url_shown_once(api: httpx.Client, workspace: str, reader: Reader) -> None:
    there = f"/w/{workspace}/heartbeats"
    assert "There are no heartbeats yet" in text_of(reader(there))
    made = api.post(there, data={"/name": "backup", "/cron": "0 3 * * *", "/tags:commas": "db, nightly"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    (url,) = html.document_fromstring(made.text).xpath("//code[@id='ping-url']/text()")
    assert api.get(httpx.URL(url).path).json() == {"outcome": "TAKEN"}
    again = reader(f"{there}/backup")
    assert "hb_…" in text_of(again)
    assert not re.search(r"hb_[\w-]{32}", html.tostring(again).decode())
    assert [each.text for each in reader(there).xpath("//tbody//a[@class='tag']")] == ["db", "nightly"]
    assert "No heartbeat matches" in text_of(reader(f"{there}?state=DOWN"))
    refused = api.post(there, data={"/name": "other", "/cron": "61 * * * *"})
    page = html.document_fromstring(refused.text)
    assert (refused.status_code, page.xpath("//input[@name='/cron']/@value")) == (422, ["61 * * * *"])
    assert page.xpath("//ul[@id='f-cron-faults']/li")


def test_its_page_shows_what_it_said_and_does_what_can_be_done(
    api: httpx.Client, workspace: str, reader: Reader
) -> None:
    there = f"/w/{workspace}/heartbeats"
    url = api.put(f"/v1/workspaces/{workspace}/heartbeats/backup", json={"period_seconds": 60}).json()["ping_url"]
    api.post(f"{httpx.URL(url).path}/start?rid=one")
    assert "running" in text_of(reader(f"{there}/backup"))
    api.post(f"{httpx.URL(url).path}/3?rid=one", content=b"disk <full>")
    page = reader(f"{there}/backup")
    assert [text_of(page).count(word) > 0 for word in ("down", "failed", "disk <full>", "run-and-ping")] == [True] * 4
    assert len(page.xpath("//ol[@class='strip']//a[@class='tick bad']")) == 1
    assert api.post(f"{there}/backup/pause", data={"/note": "moving"}).headers["location"] == f"{there}/backup"
    assert "moving" in text_of(reader(there))
    assert api.post(f"{there}/backup/resume").status_code == 303
    rotated = api.post(f"{there}/backup/rotate")
    assert (rotated.status_code, url in rotated.text) == (201, False)
    assert api.get(httpx.URL(url).path).status_code == 404
    assert api.post(f"{there}/backup/delete", data={"version": "1"}).status_code == 412
    assert api.post(f"{there}/backup/delete", data={"version": "4"}).headers["location"] == there
    assert api.get(f"{there}/backup").status_code == 404


def test_a_viewer_sees_no_log_and_no_form(api: httpx.Client, workspace: str, shared_superuser: Connection) -> None:
    path = f"/v1/workspaces/{workspace}/heartbeats/backup"
    url = api.put(path, json={"period_seconds": 60}).json()["ping_url"]
    api.post(f"{httpx.URL(url).path}/1", content=b"hunter2")
    with holding(api, add_key(shared_superuser, workspace, "viewer", sees_payloads=False)) as viewer:
        page = viewer.get(f"/w/{workspace}/heartbeats/backup").text
    assert ("hunter2" in page, "Withheld" in page, "/rotate" in page) == (False, True, False)
