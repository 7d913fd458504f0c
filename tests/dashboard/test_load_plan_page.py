"""The page of the load plan: what would change, per minute and per job, and how it moves jobs."""

from datetime import UTC, datetime, timedelta
from itertools import product

import httpx
import psycopg
import pytest
from lxml import html
from playwright.sync_api import expect

from conftest import holding
from dashboard.browser import AXE, Watched
from dashboard.conftest import Reader
from depth import depth
from factory import add_key

Offsets = dict[str, tuple[int, int]]
# Half a day from now: at the ends of the plan's 24 hours there is no minute to move to.
_NINE = f"0 {(datetime.now(UTC) + timedelta(hours=12)).hour} * * *"


@pytest.fixture
def crowd(api: httpx.Client, workspace: str) -> str:
    """Four jobs at one hour, three of which may be moved by up to three minutes; the workspace."""
    for nth in range(4):
        body = {"endpoint": "sink", "trigger": "CRON", "name": f"nine-{nth}", "cron": _NINE}
        api.post(f"/v1/workspaces/{workspace}/jobs", json=body | {"spread": "3m" if nth else None}).raise_for_status()
    return workspace


def offsets(api: httpx.Client, workspace: str) -> Offsets:
    """Each live job's offset and version."""
    found = api.get(f"/v1/workspaces/{workspace}/jobs", params={"status": "ACTIVE"}).json()["data"]
    return {each["name"]: (each["offset_seconds"], each["version"]) for each in found}


def words(page: html.HtmlElement, path: str = "//main") -> str:
    """The text of an XPath's elements."""
    (found,) = page.xpath(path)
    return " ".join(found.text_content().split())


def told(api: httpx.Client, path: str) -> str:
    """The page's notice about the last action."""
    return words(html.document_fromstring(api.get(path).text), "//div[@id='notices']")


@pytest.mark.parametrize("window", ["24h", "7d"])
def test_the_plan_shows_what_changes_before_it_is_done_and_is_done_once(
    api: httpx.Client, reader: Reader, crowd: str, window: str
) -> None:
    path = f"/w/{crowd}/load/plan"
    page = reader(f"{path}?window={window}")
    assert "3 jobs may be moved. The busiest minute would have 1 delivery instead of 4." in words(page)
    moves = page.xpath("//input[@name='move'][@checked]/@value")
    later = [each.split()[-1] for each in moves]
    assert sorted(later) == ["120", "180", "60"]
    rows = [" ".join(each.text_content().split()) for each in page.xpath("//tbody/tr")]
    assert all(_NINE in row and row.endswith("3 min") for row in rows), rows
    now, then = (svg.xpath(".//path[@d!='']") for svg in page.xpath("//svg[@class='heat']"))
    assert len(now) == 1, "four at once, and nothing else"
    assert len(then) == 1, "single ones, in the colors of before"
    assert now[0].get("class") != then[0].get("class")
    assert offsets(api, crowd) == {f"nine-{nth}": (0, 1) for nth in range(4)}, "the plan is only viewed"
    answered = api.post(path, data={"move": moves, "confirmed": "yes"})
    assert (answered.status_code, answered.headers["location"]) == (303, path)
    found = offsets(api, crowd)
    assert found.pop("nine-0") == (0, 1)
    assert sorted(found.values()) == [(60, 2), (120, 2), (180, 2)]
    assert "No move lowers the busiest minute, which has 1 delivery." in words(reader(f"{path}?window={window}"))


def test_only_what_is_ticked_and_as_it_was_shown_is_moved(api: httpx.Client, reader: Reader, crowd: str) -> None:
    path = f"/w/{crowd}/load/plan"
    page = reader(path)
    moves = dict(
        zip(
            (each.removeprefix("Move ") for each in page.xpath("//input[@name='move']/@aria-label")),
            page.xpath("//input[@name='move']/@value"),
            strict=True,
        )
    )
    api.patch(f"/v1/workspaces/{crowd}/jobs/nine-1", json={"title": "changed meanwhile"}).raise_for_status()
    unticked = moves.pop("nine-2")
    answered = api.post(path, data={"move": list(moves.values()), "confirmed": "yes"})
    assert answered.status_code == 303
    assert told(api, path) == "1 of 2 jobs moved. nine-1 was changed in the meantime and was not moved."
    found = offsets(api, crowd)
    assert (found["nine-1"], found["nine-2"]) == ((0, 2), (0, 1))
    assert found["nine-3"] == (int(moves["nine-3"].split()[-1]), 2)
    too_far = unticked.rpartition(" ")[0] + " 181"
    assert api.post(path, data={"move": too_far, "confirmed": "yes"}).status_code == 303
    assert offsets(api, crowd)["nine-2"] == (0, 1), "its owner allows three minutes"
    assert told(api, path).startswith("0 of 1 job moved. nine-2: ")
    nobody = "00000000-0000-7000-8000-000000000000 1 60"
    assert api.post(path, data={"move": [nobody] * 5, "confirmed": "yes"}).status_code == 303
    assert told(api, path) == f"0 of 5 jobs moved. {'00000000 no longer exists. ' * 3}And 2 more."


@pytest.mark.parametrize(
    "fields",
    [
        {"confirmed": "yes"},
        {"move": "{move}"},
        {"move": "{move}", "confirmed": "no"},
        {"move": "nine-1 1 60", "confirmed": "yes"},
        {"move": "{id} one 60", "confirmed": "yes"},
        {"move": "{id} 1 soon", "confirmed": "yes"},
        {"move": "{id} 1 -60", "confirmed": "yes"},
        {"move": ["{move}"] * 101, "confirmed": "yes"},
    ],
)
def test_a_form_that_is_not_as_it_was_shown_moves_nothing(
    api: httpx.Client, crowd: str, fields: dict[str, str | list[str]]
) -> None:
    before = offsets(api, crowd)
    job_id = api.get(f"/v1/workspaces/{crowd}/jobs/nine-1").json()["job_id"]

    def filled(text: str) -> str:
        return text.format(id=job_id, move=f"{job_id} 1 60")

    data = {name: filled(each) if isinstance(each, str) else [*map(filled, each)] for name, each in fields.items()}
    assert api.post(f"/w/{crowd}/load/plan", data=data).status_code == 400
    assert offsets(api, crowd) == before


def test_who_may_only_look_sees_the_plan_and_no_form(
    api: httpx.Client, shared_superuser: psycopg.Connection, crowd: str
) -> None:
    move = f"{api.get(f'/v1/workspaces/{crowd}/jobs/nine-1').json()['job_id']} 1 60"
    with holding(api, add_key(shared_superuser, crowd, "viewer")) as viewer:
        page = html.document_fromstring(viewer.get(f"/w/{crowd}/load/plan").text)
        assert "instead of 4" in words(page)
        assert page.xpath("//main//input | //main//button") == []
        refused = viewer.post(f"/w/{crowd}/load/plan", data={"move": move, "confirmed": "yes"})
        assert refused.status_code == 403
    assert set(offsets(api, crowd).values()) == {(0, 1)}


def test_where_no_job_may_be_moved_it_says_how_one_may(reader: Reader, workspace: str) -> None:
    assert "kronos job edit" in words(reader(f"/w/{workspace}/load/plan"), "//div[@class='empty']")


def test_a_person_comes_to_the_plan_reads_it_and_moves_the_jobs(api: httpx.Client, page: Watched, crowd: str) -> None:
    page.go(f"/w/{crowd}/load?window=7d")
    page.page.get_by_role("link", name="Plan", exact=True).click()
    expect(page.page.get_by_role("heading", name="Load plan")).to_be_visible()
    page.page.evaluate(AXE.read_text())
    looks = list(product((360, 1440), ("light", "dark")))
    for width, theme in looks[:: depth(3, deep=1)]:  # both widths and both themes; with --deep, each with each
        page.show(width, theme)
        page.keep("load plan", width, theme)
        found = page.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], (width, theme)
        assert page.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.page.get_by_role("button", name="Move the selected jobs").click()
    assert set(offsets(api, crowd).values()) == {(0, 1)}, "the browser asks for confirmation first"
    page.page.get_by_label("Move the selected jobs, one change each").check()
    page.page.get_by_role("button", name="Move the selected jobs").click()
    expect(page.page.get_by_text("3 of 3 jobs moved.")).to_be_visible()
    assert sorted(offset for offset, _ in offsets(api, crowd).values()) == [0, 60, 120, 180]
