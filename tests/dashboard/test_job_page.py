"""The page of a job by its HTML, and what its forms do."""

from typing import Any

import httpx
import psycopg
import pytest
from lxml import html

from api.test_ticks import every_kind
from dashboard.conftest import Reader
from explain_scene import MINUTE, Scene

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def scene(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Scene:
    return Scene(api, shared_superuser, workspace)


def texts(page: html.HtmlElement, path: str) -> list[str]:
    return [" ".join(each.text_content().split()) for each in page.xpath(path)]


def send(scene: Scene, path: str, **fields: Any) -> httpx.Response:
    named = {name.replace("__", "/"): value for name, value in fields.items()}
    return scene.client.post(f"/w/{scene.workspace}/jobs/{path}", data=named, follow_redirects=False)


def parsed(response: httpx.Response, status: int) -> html.HtmlElement:
    assert response.status_code == status, response.text
    return html.document_fromstring(response.text)


def test_each_tick_of_the_time_line_leads_to_its_explanation(scene: Scene, reader: Reader) -> None:
    every_kind(scene)
    window = f"since={(scene.minute - 70 * MINUTE).isoformat()}&until={scene.minute.isoformat()}".replace("+", "%2B")
    page = reader(f"/w/{scene.workspace}/jobs/report?{window}")
    marked = page.xpath("//ol[@class='strip']//a")
    listed = scene.client.get(
        f"{scene.base}/report/ticks",
        params={"from": (scene.minute - 70 * MINUTE).isoformat(), "to": scene.minute.isoformat()},
    ).json()["data"]
    assert [each.get("title").partition(": ")[2] for each in marked] == [
        f"{each['disposition'].lower().replace('_', ' ')}. {each['because']}" for each in listed
    ]
    assert len(texts(page, "//section[@aria-labelledby='ticks']//tbody/tr")) == len(listed)
    failed = next(each for each in marked if "bad" in each.get("class") and "failed" in each.get("title"))
    explained = reader(failed.get("href").partition("#")[0])
    assert "answered 503" in explained.xpath("string(//div[@class='explained'])")
    assert [each.get("title") for each in explained.xpath("//a[@aria-current='true'][contains(@class, 'tick')]")] == [
        failed.get("title")
    ]


def test_looks(scene: Scene, page: Any) -> None:
    """DEV."""
    every_kind(scene)
    scene.client.patch(f"{scene.base}/report", json={"cron": "*/2 * * * *", "tags": ["a"], "input": {"x": 1}})
    scene.client.post(f"{scene.base}/report/trigger")
    scene.client.post(f"{scene.base}/report/backfill", json={"from": (scene.minute - 55 * MINUTE).isoformat(), "to": scene.minute.isoformat()})
    at = (scene.minute - 58 * MINUTE).isoformat().replace("+00:00", "Z")
    page.go(f"/w/{scene.workspace}/jobs/report?at={at}&compare=1")
    page.page.screenshot(path="/tmp/uijob/a.png", full_page=True)
    page.page.set_viewport_size({"width": 360, "height": 740})
    page.page.screenshot(path="/tmp/uijob/b.png", full_page=True)
