"""Another workspace's objects are answered exactly like objects that do not exist: with the same words, and with the
same work for PostgreSQL.

Every operation of the document is called with the ids and names of another workspace, with its cursors, idempotency
keys and ETags, and with a key that has no access to it. Work is measured in statements and pages, never in time.
"""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from psycopg import AsyncCursor

from api.test_workspace_named import _BODIES, Theirs, operations
from conftest import PLAIN, Api, make_workspace
from factory import add_key
from kronos.api.live import Hub
from kronos.api.ping_door import PingDoor
from sql_factory import Connection, value, values

_HTTP: dict[str, Any] = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
_CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "5 4 * * *"}
_FILED = {"name": "filed", "endpoint": "sink", "cron": "5 4 * * *"}
_RULE: dict[str, Any] = {"condition": {"type": "MISSED"}}
# Bodies that name an object; NAME is an object of theirs, or does not exist. None of these creates anything.
_NAMED: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "jobs", {"endpoint": "NAME", "trigger": "IMMEDIATE"}),
    ("POST", "jobs", {**_CRON, "calendars": ["NAME"]}),
    *(
        ("POST", "jobs", {**_CRON, on: {to: "NAME"}})
        for on in ("on_success", "on_failure")
        for to in ("job", "endpoint")
    ),
    ("POST", "jobs:batch", {"jobs": [{"endpoint": "NAME", "trigger": "IMMEDIATE"}]}),
    ("POST", "schedules/preview", {"cron": "5 4 * * *", "calendars": ["NAME"]}),
    ("PUT", "endpoints/new", {**_HTTP, "config": "NAME"}),
    ("PUT", "endpoints/new", {**_HTTP, "payload_spec": "NAME"}),
    ("PUT", "endpoints/new", {**_HTTP, "spec": {**_HTTP["spec"], "headers": {"X-A": "{{secret.NAME}}"}}}),
    ("PUT", "alert-rules/new", {**_RULE, "tell": ["NAME"]}),
    *(("PUT", "alert-rules/new", {**_RULE, "selects": {of: "NAME"}}) for of in ("job", "endpoint", "heartbeat")),
    ("POST", "apply", {"secrets": [{"name": "NAME"}]}),
    ("POST", "apply", {"endpoints": [{"name": "new", **_HTTP, "config": "NAME"}]}),
    ("POST", "apply", {"jobs": [{**_FILED, "endpoint": "NAME"}]}),
    ("POST", "apply", {"jobs": [{**_FILED, "calendars": ["NAME"]}]}),
    ("POST", "apply", {"jobs": [{**_FILED, "on_success": {"job": "NAME"}}]}),
    ("POST", "apply", {"alert_rules": [{"name": "new", **_RULE, "tell": ["NAME"]}]}),
]
_FILTERED = (
    *("jobs?endpoint", "jobs?tag", "jobs?q", "executions?job", "dead-letters?endpoint", "dead-letters?job"),
    *("incidents?rule", "incidents?job", "heartbeats?tag", "audit?object", "export?set"),
)

_MORE_PAGES = 6
"""Another workspace's row may be read in order to find out that it is theirs."""
_LOOKUPS = re.compile(r"pg_catalog|instance_admin|set_config\('role'|^(?:begin|commit|rollback)\b", re.I)
_BESIDE = re.compile(r"kronos\.(?:known_keys|note_use|zones)\b")
"""Statements that the process sends by itself whenever they are due. Which request they coincide with means nothing."""


@dataclass
class Work:
    """The statements that the API has sent while it is watched."""

    sent: list[tuple[str, Any]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [re.sub(r"\s+", " ", query)[:200] for query, _ in self.sent]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Records what the API, a thread of this process, sends to PostgreSQL."""
    watched, execute = Work(), AsyncCursor.execute

    async def noted(self: AsyncCursor[Any], query: LiteralString | bytes, params: Any = None, **more: Any) -> Any:
        # Queries given as bytes are the checks that the pool makes on each new connection.
        task = asyncio.current_task()
        beside = (Hub._run.__qualname__, PingDoor.run.__qualname__)
        is_for_listeners = getattr(task and task.get_coro(), "__qualname__", "") in beside
        if (
            isinstance(query, str)
            and "kronos." in query
            and not (is_for_listeners or _LOOKUPS.search(query) or _BESIDE.search(query))
        ):
            watched.sent.append((query, params))
        return await execute(self, query, params, **more)

    monkeypatch.setattr(AsyncCursor, "execute", noted)
    return watched


@dataclass
class Place:
    """Their workspace, with objects of each kind, and our workspace, whose administrator calls."""

    theirs: Theirs
    ours: str
    client: httpx.Client
    superuser: Connection
    work: Work

    def asked(self, operation: str, path: str, **headers: str) -> tuple[httpx.Response, list[tuple[str, Any]]]:
        method = operation.partition(" ")[0]
        body = _BODIES.get(operation, {}) if method in ("POST", "PUT", "PATCH") else None
        self.work.sent.clear()
        answer = self.client.request(method, path, json=body, headers=headers)
        # A key is checked every few seconds, whatever is requested.
        return answer, [each for each in self.work.sent if "Authorization" in headers or "find_key" not in each[0]]

    def pages(self, *sent: list[tuple[str, Any]]) -> list[int]:
        """How many pages PostgreSQL reads for each of these lists of statements, run as the API's role in our workspace
        and rolled back. The lists alternate and the least of three runs counts, because the other runs also read the
        catalog.
        """
        return [min(each) for each in zip(*([self._pages(one) for one in sent] for _ in range(3)), strict=True)]

    def _pages(self, sent: list[tuple[str, Any]]) -> int:
        found = 0
        with self.superuser.transaction(force_rollback=True):
            self.superuser.execute("set local role kronos_api")
            ours = "select set_config('kronos.workspace_id', workspace_id::text, true) from kronos.find_workspace(%s)"
            self.superuser.execute(ours, [self.ours])
            for query, params in sent:
                try:
                    with self.superuser.transaction():
                        explained = f"explain (analyze, buffers, timing off, costs off, format json) {query}"
                        (plan,) = values(self.superuser, explained, params)
                        found += plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
                except psycopg.Error:
                    continue  # an error is its answer
        return found


@pytest.fixture
def place(own_api: Api, superuser: Connection, work: Work) -> Iterator[Place]:
    theirs, ours = Theirs(own_api.client, superuser), make_workspace(own_api.client)
    with httpx.Client(
        base_url=own_api.client.base_url,
        headers={"Authorization": f"Bearer {add_key(superuser, ours, 'admin')}"},
        verify=PLAIN,
        timeout=300,
    ) as client:
        client.get(f"/v1/workspaces/{ours}").raise_for_status()
        yield Place(theirs, ours, client, superuser, work)


_IDS = re.compile(r"hb_[\w-]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|20\d\d-[-T:.0-9]+Z|w-[0-9a-f]{12}")


def said(answer: httpx.Response, *names: str) -> tuple[int, str, list[str]]:
    """The answer without the names of the requested object, and which headers it has."""
    text = re.sub(r'"(?:request_id|instance)":"[^"]*"', "", answer.text)
    for name in names:
        text = text.replace(name, "NAME")
    return answer.status_code, _IDS.sub("ID", text), sorted(answer.headers)


_WITH_A_THING = [each for each in operations() if re.search(r"\{(?:j|e|b|o|i|name|key_id)\}", each)]
# For other operations, the body or query names the object, or no foreign object is named at all. PUT creates a missing
# object.
_MAKES = {each for each in _WITH_A_THING if each.startswith("PUT")}


def missing(theirs: Theirs, path: str, ours: str, execution: str) -> str:
    """The path with ids that do not exist, made at the same time as theirs."""
    there = {
        "key_id": theirs.key_id,
        "j": theirs.job_id,
        "e": execution,
        "b": theirs.backfill_id,
        "o": theirs.operation_id,
        "i": theirs.incident_id,
    }
    ids = {name: f"{each[:-6]}{'000000' if each[-6:] != '000000' else '000001'}" for name, each in there.items()}
    return path.format_map({"w": ours, "name": "absent", **ids})


def test_an_id_or_name_of_another_workspace_is_answered_as_a_missing_one_for_the_same_work(place: Place) -> None:
    theirs, ours, different = place.theirs, place.ours, []
    assert len(_WITH_A_THING) > 35
    for operation in sorted(set(_WITH_A_THING) - _MAKES):
        path = operation.partition(" ")[2]
        execution = theirs.ended if "retry" in path else theirs.waiting
        there = theirs.fill(path, ours, execution=execution)
        absent = missing(theirs, path, ours, execution)
        foreign, none = place.asked(operation, there), place.asked(operation, absent)
        told = [said(foreign[0], "theirs", "nightly"), said(none[0], "absent", "nightly")]
        statements = [[query for query, _ in sent] for _, sent in (foreign, none)]
        pages = place.pages(foreign[1], none[1])
        is_same = told[0] == told[1] and foreign[0].status_code == 404 and statements[0] == statements[1]
        if not is_same or abs(pages[0] - pages[1]) > _MORE_PAGES:
            different.append((operation, told if told[0] != told[1] else foreign[0].status_code, statements, pages))
    assert different == []


def test_a_name_of_another_workspace_in_a_body_is_one_that_nobody_has(place: Place, own_api: Api) -> None:
    """Theirs are an endpoint, a calendar, a heartbeat, a config, a payload spec, a secret and a job, all with the same
    name.
    """
    theirs = f"/v1/workspaces/{place.theirs.workspace}"
    own_api.client.post(f"{theirs}/jobs", json={**_CRON, "endpoint": "theirs", "name": "theirs"}).raise_for_status()
    different = []
    for method, path, body in _NAMED:
        told = []
        for name in ("theirs", "absent"):
            given = json.loads(json.dumps(body).replace("NAME", name))
            told.append(said(place.client.request(method, f"/v1/workspaces/{place.ours}/{path}", json=given), name))
        if told[0] != told[1] or told[0][0] not in (404, 422):
            different.append((method, path, body, told))
    for asked in _FILTERED:
        found = place.client.get(f"/v1/workspaces/{place.ours}/{asked}=theirs")
        shown = [each for each in found.json().values() if isinstance(each, list) and each]
        if found.status_code != 200 or shown or place.theirs.workspace in found.text:
            different.append(("GET", asked, {}, [said(found)]))
    assert different == []


def test_a_name_of_another_workspace_is_free_in_ours(place: Place) -> None:
    for operation in sorted(_MAKES):
        path = operation.partition(" ")[2]
        made, _ = place.asked(operation, place.theirs.fill(path, place.ours, execution=place.theirs.waiting))
        absent, _ = place.asked(operation, missing(place.theirs, path, place.ours, place.theirs.waiting))
        assert (made.status_code, absent.status_code) == (201, 201), (operation, made.text)
        assert said(made, "theirs") == said(absent, "absent")


def test_a_key_is_told_nothing_of_another_workspace_not_even_by_work(place: Place) -> None:
    theirs, other = place.theirs, f"w-{uuid.uuid4().hex[:12]}"
    place.asked("GET", f"/v1/workspaces/{place.ours}")  # from here on the key is cached
    for operation in operations():
        path = operation.partition(" ")[2]
        foreign, sent = place.asked(operation, theirs.fill(path, theirs.workspace, execution=theirs.waiting))
        none, none_sent = place.asked(operation, theirs.fill(path, other, execution=theirs.waiting))
        assert (foreign.status_code, foreign.json()["code"]) == (404, "workspace_not_found"), (operation, foreign.text)
        assert said(foreign, theirs.workspace) == said(none, other), operation
        assert (sent, none_sent) == ([], []), operation


def test_a_cursor_of_another_workspace_opens_nothing(place: Place, own_api: Api) -> None:
    theirs, ours, tried = place.theirs, place.ours, 0
    administrator = own_api.client
    for n in range(3):  # so that each list has a second page
        for what, body in (
            ("endpoints", {"name": f"e{n}", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}),
            ("configs", {"name": f"c{n}", "values": {}}),
            ("payload-specs", {"name": f"p{n}", "schema": True}),
            ("secrets", {"name": f"s{n}", "value": "kept by them"}),
            ("jobs", {"endpoint": "theirs", "trigger": "IMMEDIATE"}),
        ):
            administrator.post(f"/v1/workspaces/{theirs.workspace}/{what}", json=body).raise_for_status()
    for operation in operations():
        path = operation.partition(" ")[2]
        if not operation.startswith("GET") or "{j}" in path or "{e}" in path:
            continue
        first = administrator.get(theirs.fill(path, theirs.workspace, execution=theirs.waiting), params={"limit": 1})
        if first.status_code != 200 or not (cursor := first.json().get("next_cursor")):
            continue
        tried += 1
        mine = theirs.fill(path, ours, execution=theirs.waiting)
        answer = place.client.get(mine, params={"cursor": cursor})
        malformed = place.client.get(mine, params={"cursor": "no cursor"})
        if answer.status_code == 200:
            assert theirs.workspace not in answer.text, operation
            assert {row.get("workspace", ours) for row in answer.json()["data"]} <= {ours}, operation
        else:
            assert (answer.status_code, malformed.status_code) == (400, 400), (operation, answer.text)
    assert tried >= 5


def test_an_idempotency_key_of_another_workspace_is_a_new_one_in_ours(place: Place, own_api: Api) -> None:
    theirs, ours = place.theirs, place.ours
    key = {"Idempotency-Key": "the-same"}
    body = {"endpoint": "theirs", "trigger": "IMMEDIATE", "input": {"of": "them"}}
    made = own_api.client.post(f"/v1/workspaces/{theirs.workspace}/jobs", json=body, headers=key).raise_for_status()
    mine = place.client.post(f"/v1/workspaces/{ours}/jobs", json=body | {"endpoint": "sink"}, headers=key)
    assert mine.status_code == 201
    assert "idempotent-replayed" not in mine.headers
    assert mine.json()["job_id"] != made.json()["job_id"]
    for what, document in (
        ("configs", {"name": "shared", "values": {}}),
        ("payload-specs", {"name": "x", "schema": 1 == 1}),
    ):
        for client, workspace in ((own_api.client, theirs.workspace), (place.client, ours)):
            answer = client.post(f"/v1/workspaces/{workspace}/{what}", json=document, headers=key)
            assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False), answer.text


def test_an_etag_of_another_workspace_is_any_other_version(place: Place, own_api: Api) -> None:
    theirs, ours = place.theirs, place.ours
    spec: dict[str, Any] = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/again"}}
    own_api.client.put(f"/v1/workspaces/{theirs.workspace}/endpoints/theirs", json=spec).raise_for_status()
    tag = own_api.client.get(f"/v1/workspaces/{theirs.workspace}/endpoints/theirs").headers["etag"]
    foreign = place.client.put(f"/v1/workspaces/{ours}/endpoints/sink", json=spec, headers={"If-Match": tag})
    other = place.client.put(f"/v1/workspaces/{ours}/endpoints/sink", json=spec, headers={"If-Match": '"77"'})
    assert (foreign.status_code, other.status_code) == (412, 412)
    assert said(foreign) == said(other)
    absent = place.client.delete(f"/v1/workspaces/{ours}/endpoints/theirs", headers={"If-Match": tag})
    assert absent.status_code == 404
    shown = place.client.get(f"/v1/workspaces/{ours}/endpoints/sink", headers={"If-None-Match": tag})
    assert (shown.status_code, shown.json().get("workspace", ours)) == (200, ours)


def test_an_unknown_key_and_a_wrong_secret_are_one_answer_for_the_same_work(place: Place) -> None:
    known = add_key(place.superuser, place.ours, "viewer")
    wrong = f"{known[:-1]}{'a' if known[-1] != 'a' else 'b'}"
    unknown = f"kr_live_{uuid.uuid4().hex[:12]}_{'x' * 43}"
    told, statements = [], []
    for key in (wrong, unknown):
        answer, sent = place.asked("GET", f"/v1/workspaces/{place.ours}", Authorization=f"Bearer {key}")
        told.append(said(answer))
        statements.append(sent)
    assert told[0] == told[1]
    assert told[0][0] == 401
    first, second = ([query for query, _ in sent] for sent in statements)
    assert first == second
    assert len([each for each in first if "find_key" in each]) == 1
    pages = place.pages(*statements)
    assert abs(pages[0] - pages[1]) <= _MORE_PAGES
    assert (
        value(
            place.superuser,
            "select count(*) from kronos.request_rates as rate join kronos.api_keys using (key_id)"
            " where public_id = %s",
            [known.split("_")[2]],
        )
        == 0
    )
