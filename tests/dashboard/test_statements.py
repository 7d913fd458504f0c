"""A list page runs the same number of statements, however many rows it shows."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from dashboard.runs import ended
from kronos import lines
from kronos.api.live import Hub
from kronos.api.ping_door import PingDoor

_FEW, _MANY, _OTHERS = 5, 50, 15
_LISTS = (
    "/w/{workspace}",
    "/w/{workspace}/jobs",
    "/w/{workspace}/jobs?q=job",
    "/w/{workspace}/jobs/job-0",
    "/w/{workspace}/executions",
    "/w/{workspace}/executions?status=FAILED&job=job-0",
    "/w/{workspace}/dead-letters",
    "/w/{workspace}/endpoints",
    "/w/{workspace}/endpoints/sink",
    "/w/{workspace}/configs",
    "/w/{workspace}/calendars",
    "/w/{workspace}/payload-specs",
    "/w/{workspace}/secrets",
    "/w/{workspace}/heartbeats",
    "/w/{workspace}/audit",
    "/w/{workspace}/keys",
    "/w/{workspace}/load?window=24h",
    "/w",
    "/system/audit",
)
# The key is checked again when the last check is 1.5 s old: on a slow machine that is each request.
_BY_THE_CLOCK = ("known_keys", "kronos.find_key", "kronos.note_use", "kronos.instance_admin", "kronos.zones as zone")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch, workspace: str) -> list[str]:
    """The statements of this process, which includes the API. Not counted: periodic ones, and those for other
    workspaces, because a page that an earlier test left open keeps refreshing."""
    asked: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def noted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        task = asyncio.current_task()
        beside = (Hub._run.__qualname__, PingDoor.run.__qualname__)  # for listeners, and to receive pings
        is_by_the_clock = any(each in str(query) for each in _BY_THE_CLOCK)
        is_of_others = lines.known_here().get("workspace", workspace) != workspace
        if getattr(task and task.get_coro(), "__qualname__", "") not in beside and not (
            is_by_the_clock or is_of_others
        ):
            asked.append(str(query))
        return await execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", noted)
    return asked


def add_rows(api: httpx.Client, superuser: psycopg.Connection, workspace: str, first: int, last: int) -> None:
    """For each number, a job with failed runs; and a few of each kind that is created with one request."""
    base, numbers = f"/v1/workspaces/{workspace}", range(first, last)
    cron = [
        {"endpoint": "sink", "trigger": "CRON", "name": f"job-{number}", "cron": f"{number} 3 * * *"}
        for number in numbers
    ]
    made = [api.post(f"{base}/jobs:batch", json={"jobs": cron})]
    for number in numbers:
        ended(superuser, workspace, f"job-{number}", nth=number)
        ended(superuser, workspace, "job-0", nth=last + number)
    for number in range(first, min(last, _OTHERS)):
        spec = {"url": "http://127.0.0.1:9/hook"}
        made += [
            api.post(f"{base}/endpoints", json={"name": f"sink-{number}", "type": "HTTP", "spec": spec}),
            api.put(f"{base}/configs/config-{number}", json={"values": {"region": "eu"}}),
            api.put(f"{base}/payload-specs/spec-{number}", json={"schema": {"type": "object"}}),
            api.put(f"{base}/secrets/secret-{number}", json={"value": "correct horse"}),
            api.put(f"{base}/heartbeats/beat-{number}", json={"period_seconds": 60}),
            api.post(f"{base}/keys", json={"name": f"key-{number}", "role": "viewer"}),
        ]
    assert [each.text for each in made if each.status_code != 201] == []


def test_a_list_of_fifty_asks_for_no_more_than_a_list_of_five(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, statements: list[str]
) -> None:
    def counted(path: str, most: int = 0) -> int:
        """Without caches and background work: the least of three, or the first that is no more than `most`."""
        found: list[int] = []
        while len(found) < 3 and (not found or min(found) > most):
            statements.clear()
            answered = api.get(path.format(workspace=workspace))
            assert answered.status_code == 200, answered.text
            found.append(len(statements))
        return min(found)

    add_rows(api, shared_superuser, workspace, 0, _FEW)
    few = {path: counted(path) for path in _LISTS}
    add_rows(api, shared_superuser, workspace, _FEW, _MANY)
    many = {path: counted(path, few[path]) for path in _LISTS}
    # Cached data may be read less often.
    assert {path: (few[path], number) for path, number in many.items() if number > few[path]} == {}
    assert min(few.values()) > 0


def test_the_system_page_reads_once_what_it_shows_and_finds_fault_with(
    api: httpx.Client, statements: list[str]
) -> None:
    assert api.get("/system").status_code == 200
    assert [
        sum(f"kronos.{name}()" in each for each in statements) for name in ("system_partitions", "system_retention")
    ] == [1, 1]
