"""Calendars of the largest allowed size: lists of them, and files with jobs that run every minute."""

from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api, make_workspace
from depth import depth
from kronos import managed
from sql_factory import value

_MANY = 120
_LARGE = """
with made as (
    insert into kronos.documents (workspace_id, kind, name)
    select workspace.workspace_id, 'CALENDAR', 'large-' || nth
      from kronos.workspaces as workspace, generate_series(1, %(many)s) as nth
     where workspace.slug = %(slug)s
    returning document_id, workspace_id
), content as materialized (
    select jsonb_build_object('timezone', 'UTC', 'business_days', null, 'business_hours', null, 'days',
                              jsonb_agg(jsonb_build_object('starts', day, 'ends', day, 'name', repeat('x', 90),
                                                           'open', false))) as days
      from (select to_char(date '2020-01-01' + nth, 'YYYY-MM-DD') as day from generate_series(1, 5000) as nth) as named
)
insert into kronos.document_versions (document_id, version, workspace_id, content)
select made.document_id, 1, made.workspace_id, content.days from made, content
"""


def _pages(api: httpx.Client, path: str, **params: Any) -> list[int]:
    """How many rows each page of a list has."""
    sizes: list[int] = []
    cursor: str | None = None
    while not sizes or cursor:
        page = api.get(path, params=params | ({"cursor": cursor} if cursor else {})).raise_for_status().json()
        sizes.append(len(page["data"]))
        cursor = page["next_cursor"]
    return sizes


def test_a_list_of_the_largest_calendars_measures_each_once(own_api: Api, superuser: psycopg.Connection) -> None:
    """Each row used to be measured together with all before it. A page of a hundred exceeded the statement timeout, so
    the list could not be read.
    """
    workspace = make_workspace(own_api.client)
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")  # their audit is not what this is about
        superuser.execute(_LARGE, {"slug": workspace, "many": _MANY})
    path = f"/v1/workspaces/{workspace}/calendars"
    page = own_api.client.get(path, params={"limit": 100}).raise_for_status().json()
    assert (len(page["data"]), page["next_cursor"] is not None) == (1, True)
    superuser.execute(
        "update kronos.documents set deleted_at = now() where name not in ('large-1', 'large-2', 'large-3')"
    )
    assert _pages(own_api.client, path, limit=100) == [1, 1, 1]
    assert value(superuser, "select count(*) from kronos.documents where deleted_at is null") == 3


def test_small_calendars_fill_a_page(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/calendars"
    for nth in range(7):
        api.post(path, json={"name": f"small-{nth}"}).raise_for_status()
    assert _pages(api, path, limit=3) == [3, 3, 1]


def test_files_of_jobs_that_run_each_minute_are_applied(
    api: httpx.Client, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tick of a week used to be computed, twice per job. From the fifth such job on, an apply exceeded the
    statement timeout and always answered 503.
    """
    monkeypatch.setattr(managed, "COMING_SECONDS", 60.0)  # so that no job lacks its runs on a busy machine
    week = ["mon", "tue", "wed", "thu", "fri"]
    calendar = {"name": "b", "business_days": week, "business_hours": {"opens": "08:00", "closes": "20:00"}}
    count = depth(8, deep=16)
    jobs = [
        {
            "name": f"each-{nth}", "endpoint": "sink", "cron": "* * * * 1-5", "calendars": ["b"],
            "on_blackout": "NEXT" if nth % 2 else "PREVIOUS", "timezone": "Europe/Berlin",
        }
        for nth in range(count)
    ]  # fmt: skip
    path = f"/v1/workspaces/{workspace}/apply"
    applied = api.post(path, json={"calendars": [calendar], "jobs": jobs}).raise_for_status().json()
    told = {each["name"]: each["runs"] for each in applied["resources"] if each["kind"] == "job"}
    assert len(told) == count
    assert all(runs["after"] == runs["added"] > 2000 and len(runs["first_added"]) == 20 for runs in told.values())


def test_a_change_of_calendars_shows_what_becomes_of_the_runs(api: httpx.Client, workspace: str) -> None:
    """It used to change the runs without showing it."""
    path = f"/v1/workspaces/{workspace}/apply"
    calendar = {"name": "shut", "days": [{"starts": "1970-01-01", "ends": "2999-12-31", "name": "for ever"}]}
    job = {"name": "daily", "endpoint": "sink", "cron": "0 9 * * *"}
    api.post(path, json={"calendars": [calendar], "jobs": [job]}).raise_for_status()
    changed = {"calendars": [calendar], "jobs": [job | {"calendars": ["shut"]}]}
    applied = api.post(path, json=changed).raise_for_status().json()
    (runs,) = [each["runs"] for each in applied["resources"] if each["name"] == "daily"]
    assert (runs["before"], runs["after"], runs["removed"]) == (7, 0, 7)
