"""Heartbeats over the API: created and changed by users, pinged by anyone who has the URL, and guesses of URLs."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api, await_condition, make_workspace
from sql_factory import Connection, value

BACKUP = {"name": "backup", "cron": "0 3 * * *", "timezone": "Europe/Berlin", "tags": ["nightly"], "grace_seconds": 900}


def made(api: httpx.Client, workspace: str, **body: object) -> dict[str, Any]:
    answer = api.post(f"/v1/workspaces/{workspace}/heartbeats", json={**BACKUP, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pinged(api: httpx.Client, url: str, more: str = "", method: str = "GET", **asked: Any) -> httpx.Response:
    """Ping as a client that has only the URL, without a key."""
    return api.request(method, f"{httpx.URL(url).path}{more}", headers={"Authorization": ""}, **asked)


def listed(api: httpx.Client, workspace: str, what: str, **query: str) -> list[dict[str, Any]]:
    answer = api.get(f"/v1/workspaces/{workspace}/heartbeats/backup/{what}", params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def test_a_heartbeat_is_made_with_a_url_that_is_shown_once(api: httpx.Client, workspace: str) -> None:
    answer = api.post(f"/v1/workspaces/{workspace}/heartbeats", json=BACKUP)
    body = answer.json()
    assert re.fullmatch(r"http://.*/ping/hb_[\w-]{32}", body["ping_url"])
    assert answer.headers["location"] == f"/v1/workspaces/{workspace}/heartbeats/backup"
    found = api.get(answer.headers["location"]).json()
    assert "ping_url" not in found
    assert {name: found[name] for name in ("state", "description", "grace_seconds", "max_run_seconds", "version")} == {
        "state": "NEW", "description": "At 03:00", "grace_seconds": 900, "max_run_seconds": 86400, "version": 1,
    }  # fmt: skip
    again = api.post(f"/v1/workspaces/{workspace}/heartbeats", json=BACKUP)
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "/name")
    assert value_of_audit(api, workspace) == [("heartbeat.create", "backup")]


def value_of_audit(api: httpx.Client, workspace: str) -> list[tuple[str, str]]:
    rows = api.get(f"/v1/workspaces/{workspace}/audit", params={"object_type": "heartbeat"}).json()["data"]
    assert "token_sha256" not in str(rows)
    return [(row["action"], row["object"]) for row in rows]


def test_all_that_a_job_can_say_is_kept(api: httpx.Client, workspace: str) -> None:
    url = made(api, workspace, cron=None, period_seconds=60)["ping_url"]
    assert pinged(api, url).json() == {"outcome": "TAKEN"}
    assert pinged(api, url, method="HEAD").status_code == 200
    assert pinged(api, url, "/start?rid=r1", "POST").json() == {"outcome": "TAKEN"}
    assert pinged(api, url, "/start?rid=r1", "POST").json() == {"outcome": "REPEATED"}
    assert pinged(api, url, "/log?rid=r1", "POST", content=b"half way\0").json() == {"outcome": "TAKEN"}
    sent = b"x" * 20_000 + b"the end"
    assert pinged(api, url, "/3?rid=r1&duration_ms=42&cache=1", "POST", content=sent).status_code == 200
    assert pinged(api, url, "/fail").status_code == 200
    assert pinged(api, url, "/0", "POST").status_code == 200
    rows = listed(api, workspace, "pings", include="log")
    assert [(row["kind"], row["method"], row["exit_code"]) for row in rows] == [
        ("SUCCESS", "POST", 0), ("FAIL", "GET", None), ("FAIL", "POST", 3), ("LOG", "POST", None),
        ("START", "POST", None), ("SUCCESS", "HEAD", None), ("SUCCESS", "GET", None),
    ]  # fmt: skip
    assert (rows[2]["duration_ms"], rows[2]["is_log_cut"], len(rows[2]["log"])) == (42, True, 10_000)
    assert rows[2]["log"].endswith("the end")
    assert rows[3]["log"] == "half way\ufffd"
    assert [row["log"] for row in listed(api, workspace, "pings")] == [None] * 7
    first = api.get(f"/v1/workspaces/{workspace}/heartbeats/backup/pings", params={"limit": 4}).json()
    rest = listed(api, workspace, "pings", cursor=first["next_cursor"])
    assert [row["number"] for row in first["data"] + rest] == [7, 6, 5, 4, 3, 2, 1]


def test_its_ticks_are_listed_and_a_page_follows_another(
    api: httpx.Client, workspace: str, shared_superuser: Connection
) -> None:
    made(api, workspace)
    shared_superuser.execute(
        "insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, changed_at)"
        " select heartbeat_id, at, workspace_id, 'MISSED', at, at from kronos.beats,"
        " generate_series(timestamptz '2026-01-01', '2026-01-05', '1 day') as at"
        " where workspace_id = (select workspace_id from kronos.workspaces where slug = %s)",
        [workspace],
    )
    path = f"/v1/workspaces/{workspace}/heartbeats/backup/ticks"
    first = api.get(path, params={"limit": 3, "status": "MISSED"}).json()
    rest = api.get(path, params={"limit": 3, "status": "MISSED", "cursor": first["next_cursor"]}).json()
    days = [row["tick_at"][:10] for row in first["data"] + rest["data"]]
    assert days == [f"2026-01-0{day}" for day in (5, 4, 3, 2, 1)]
    assert (rest["next_cursor"], "_heartbeat_id" in rest["data"][0]) == (None, False)
    assert listed(api, workspace, "ticks", status="LATE") == []
    refused = api.get(path, params={"limit": 3, "cursor": first["next_cursor"]})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("more", "pointer"), [("/256", ""), ("/stop", ""), ("?rid=a%20b", "/rid"), ("/0?duration_ms=-1", "/duration_ms")]
)
def test_what_no_heartbeat_says_is_refused_and_not_kept(
    api: httpx.Client, workspace: str, more: str, pointer: str
) -> None:
    refused = pinged(api, made(api, workspace)["ping_url"], more)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)
    assert listed(api, workspace, "pings") == []


def test_put_changes_what_is_expected_and_keeps_the_url(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/heartbeats/backup"
    new = api.put(path, json={"every": "90m"})
    assert (new.status_code, "/ping/hb_" in new.json()["ping_url"]) == (201, True)
    same = api.put(path, json={"every": "90m"})
    assert (same.status_code, same.json()["version"], same.json()["ping_url"]) == (200, 1, None)
    changed = api.put(path, json={"period_seconds": 600}, headers={"If-Match": new.headers["etag"]})
    assert (changed.json()["version"], changed.json()["every"]) == (2, None)
    assert pinged(api, new.json()["ping_url"]).json() == {"outcome": "TAKEN"}
    assert api.put(path, json={"period_seconds": 6000}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.put(path, json={"period_seconds": 6000}, headers={"If-None-Match": "*"}).status_code == 412
    absent = api.put(f"{path}2", json={"period_seconds": 6000}, headers={"If-Match": '"1"'})
    assert absent.status_code == 412


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "input_validation_failed", "/cron"),
        ({"cron": "0 3 * * *", "period_seconds": 60}, "input_validation_failed", "/cron"),
        ({"cron": "61 3 * * *"}, "invalid_cron", "/cron"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "invalid_timezone", "/timezone"),
        ({"every": "1 fortnight"}, "invalid_interval", "/every"),
        ({"period_seconds": 9}, "input_validation_failed", "/period_seconds"),
        ({"period_seconds": 90, "grace_seconds": 0}, "input_validation_failed", "/grace_seconds"),
    ],
)
def test_what_cannot_be_expected_is_refused(
    api: httpx.Client, workspace: str, body: dict[str, object], code: str, pointer: str
) -> None:
    refused = api.put(f"/v1/workspaces/{workspace}/heartbeats/backup", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_it_is_paused_resumed_rotated_and_deleted(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/heartbeats/backup"
    url = made(api, workspace)["ping_url"]
    paused = api.post(f"{path}/pause", json={"note": "moving"}).json()
    assert (paused["state"], paused["note"], paused["next_tick_at"]) == ("PAUSED", "moving", None)
    assert pinged(api, url).json() == {"outcome": "PAUSED"}
    resumed = api.post(f"{path}/resume").json()
    assert (resumed["status"], resumed["note"], resumed["version"]) == ("ACTIVE", None, 3)
    assert api.post(f"{path}/resume").json()["version"] == 3
    rotated = api.post(f"{path}/rotate").json()
    assert pinged(api, url).json()["code"] == "heartbeat_not_found"
    assert pinged(api, rotated["ping_url"]).json() == {"outcome": "TAKEN"}
    assert api.delete(path, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(path).status_code == 204
    assert pinged(api, rotated["ping_url"]).status_code == 404
    assert api.delete(path).json()["code"] == "heartbeat_not_found"
    done = ["delete", "update", "resume", "pause", "create"]
    assert [action for action, _ in value_of_audit(api, workspace)] == [f"heartbeat.{each}" for each in done]


def test_the_list_is_of_a_tag_or_a_state(api: httpx.Client, workspace: str) -> None:
    made(api, workspace)
    other = made(api, workspace, name="other", tags=[])
    pinged(api, other["ping_url"], "/fail")
    path = f"/v1/workspaces/{workspace}/heartbeats"

    def names(**query: str) -> list[str]:
        return [row["name"] for row in api.get(path, params=query).json()["data"]]

    assert names() == ["other", "backup"]
    assert (names(tag="nightly"), names(state="DOWN"), names(state="NEW")) == (["backup"], ["other"], ["backup"])
    first = api.get(path, params={"limit": "1"}).json()
    assert names(limit="1", cursor=first["next_cursor"]) == ["backup"]


def test_who_may_not_see_payloads_sees_no_log(own_api: Api) -> None:
    workspace = make_workspace(own_api.client)
    pinged(own_api.client, made(own_api.client, workspace)["ping_url"], "/fail", "POST", content=b"password is hunter2")
    key = own_api.client.post(f"/v1/workspaces/{workspace}/keys", json={"role": "viewer"}).json()["key"]
    seen = own_api.client.get(
        f"/v1/workspaces/{workspace}/heartbeats/backup/pings?include=log", headers={"Authorization": f"Bearer {key}"}
    )
    assert "hunter2" not in seen.text
    assert seen.json()["data"][0]["log"] == {"withheld": "the key does not see payloads (sees_payloads)"}


def test_guesses_are_slowed_and_who_has_a_url_goes_on(own_api: Api) -> None:
    workspace = make_workspace(own_api.client)
    url = made(own_api.client, workspace)["ping_url"]
    assert pinged(own_api.client, url).status_code == 200
    guessed: list[httpx.Response] = []
    while not guessed or guessed[-1].status_code == 404:  # one more is let through every 3 s
        guessed.append(pinged(own_api.client, f"http://x/ping/hb_{'x' * 30}{len(guessed):02}"))
        assert len(guessed) < 100
    assert len(guessed) > 20
    assert guessed[-1].status_code == 429
    assert int(guessed[-1].headers["retry-after"]) >= 1
    assert pinged(own_api.client, url).status_code == 200


def test_one_that_pings_without_end_is_refused_without_a_question(own_api: Api, superuser: Connection) -> None:
    workspace = make_workspace(own_api.client)
    url = made(own_api.client, workspace)["ping_url"]
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: pinged(own_api.client, url).status_code, range(70)))
    assert statuses == [200] * 60 + [429] * 10
    superuser.execute("update kronos.beat_pointers set minute_at = '-infinity'")
    assert pinged(own_api.client, url).status_code == 429
    assert value(superuser, "select count(*) from kronos.beat_pings") == 60


def test_no_log_and_no_problem_has_a_token(api: httpx.Client, workspace: str, caplog: pytest.LogCaptureFixture) -> None:
    url = made(api, workspace)["ping_url"]
    token = url.rpartition("/")[2]
    with caplog.at_level(logging.INFO, "kronos.api"):
        problem = pinged(api, url, "/nonsense").json()
        paths = [f"/ping/{mark}{token[3:]}" for mark in ("%68b_", "%2568b_", "h%252562_", "h%62_")]
        paths.append(f"/ping/{token[:-12]}%25{ord(token[-12]):02x}{token[-11:]}")
        encoded = [api.get(f"{path}/nonsense", headers={"Authorization": ""}).json() for path in paths]
    assert {each["instance"] for each in encoded} == {"/***"}
    assert problem["instance"] == "/ping/hb_***/nonsense"
    assert token not in problem["detail"]
    said = " ".join(
        each.getMessage() for each in caplog.records if each.name.startswith("kronos")
    )  # httpx logs as a client
    assert "GET /ping/hb_***/nonsense 400" in said
    assert token[3:] not in said
    assert token[-11:] not in said


def test_what_a_job_prints_of_its_own_url_is_not_kept(api: httpx.Client, workspace: str) -> None:
    """A job has its ping URL in its environment. Users who may read its output must not be able to ping for it."""
    url = made(api, workspace)["ping_url"]
    token = url.rpartition("/")[2]
    printed = f"+ curl {url}/0\n"
    cut = f"{url}\n" + "x" * 9_980  # the log is cut within the token
    agent = {"Authorization": "", "User-Agent": f"cron {token}"}
    api.post(f"/ping/{token}", content=printed, headers=agent).raise_for_status()
    pinged(api, url, "/log", "POST", content=cut).raise_for_status()
    late, first = listed(api, workspace, "pings", include="log")
    assert first["log"] == printed.replace(token, "hb_***")
    assert (first["agent"], first["is_log_cut"]) == ("cron hb_***", False)
    assert token[-12:] not in late["log"]
    assert late["is_log_cut"] is True


@pytest.mark.parametrize("byte", [b"\xfc", b"\0"])
def test_the_end_of_a_log_in_another_encoding_is_kept(api: httpx.Client, workspace: str, byte: bytes) -> None:
    url = made(api, workspace)["ping_url"]
    pinged(api, url, "/1", "POST", content=b"begin" + byte * 9_000 + b"no space left").raise_for_status()
    (ping,) = listed(api, workspace, "pings", include="log")
    assert ping["log"].endswith("\ufffdno space left")
    assert ping["is_log_cut"] is True


def test_api_processes_say_that_pings_can_be_received(own_api: Api, superuser: Connection) -> None:
    made(own_api.client, make_workspace(own_api.client))
    superuser.execute("update kronos.ping_door set open_until = '-infinity'")  # creating it opened the door too
    await_condition(
        lambda: value(superuser, "select open_until > now() - interval '1 minute' from kronos.ping_door"),
        "the door to be reported open",
    )
    assert value(superuser, "select count(*) from kronos.ping_gaps") == 0


def test_a_workspace_that_is_deleted_takes_its_heartbeats_along(own_api: Api, superuser: Connection) -> None:
    workspace = make_workspace(own_api.client)
    url = made(own_api.client, workspace)["ping_url"]
    pinged(own_api.client, url)
    counted = own_api.client.delete(f"/v1/workspaces/{workspace}?validate_only=true").json()["contents"]
    assert counted["heartbeats"] == 1
    assert own_api.client.delete(f"/v1/workspaces/{workspace}?confirm={workspace}").status_code in (200, 202)
    assert pinged(own_api.client, url).status_code == 404
    await_condition(
        lambda: (
            value(superuser, "select coalesce(kronos.delete_further(kronos.clock() + interval '1 s'), 0)") == 0
            and value(superuser, "select count(*) from kronos.beats") == 0
        ),
        "its rows to be gone",
    )
    for table in ("beats", "beat_pointers", "beat_ticks", "beat_pings"):
        assert superuser.execute(f"select count(*) from kronos.{table}".encode()).fetchone() == (0,)


def test_while_postgresql_is_away_a_ping_is_asked_for_again(own_api: Api, superuser: Connection) -> None:
    workspace = make_workspace(own_api.client)
    url = made(own_api.client, workspace)["ping_url"]
    superuser.execute("revoke execute on function kronos.take_ping from kronos_api")
    refused = pinged(own_api.client, url)
    assert refused.status_code >= 500
    superuser.execute("grant execute on function kronos.take_ping to kronos_api")
    assert pinged(own_api.client, url).status_code == 200


def test_a_full_workspace_takes_no_more(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made(api, workspace)
    with shared_superuser.transaction():
        shared_superuser.execute("set local session_replication_role = replica")  # they are not audited
        shared_superuser.execute(
            "insert into kronos.beats (workspace_id, name, period_seconds, description, grace_seconds, max_run_seconds,"
            " token_sha256) select workspace_id, 'b' || n, 60, '', 60, 60, sha256((workspace_id::text || n)::bytea)"
            " from kronos.workspaces, generate_series(1, 9999) as n where slug = %s",
            [workspace],
        )
    refused = api.post(f"/v1/workspaces/{workspace}/heartbeats", json=BACKUP | {"name": "more"})
    assert (refused.status_code, "10000" in refused.json()["detail"]) == (409, True)


def test_an_alert_rule_may_be_about_a_heartbeat_that_is_there(api: httpx.Client, workspace: str) -> None:
    made(api, workspace)
    path = f"/v1/workspaces/{workspace}/alert-rules/missed"
    rule = {"condition": {"type": "MISSED", "count": 1}, "selects": {"heartbeat": "backup"}}
    assert api.put(path, json=rule).json()["selects"] == {"heartbeat": "backup"}
    absent = api.put(path, json=rule | {"selects": {"heartbeat": "none"}})
    assert (absent.status_code, absent.json()["errors"][0]["pointer"]) == (422, "/selects/heartbeat")
    together = api.put(path, json=rule | {"per": "ALL"})
    assert (together.status_code, together.json()["errors"][0]["pointer"]) == (422, "/per")
