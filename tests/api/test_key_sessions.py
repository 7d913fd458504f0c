"""Signing in with a key creates a session in a cookie. The session has the key's rights, for as long as the key
works.
"""

import hashlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest
from starlette.requests import Request

from api.signing_in import ORIGIN, REDIRECT, Browser, session_lengths
from conftest import Api, cloned, running_api
from factory import add_key
from kronos import errors
from kronos.api import sessions
from kronos.api.keys import TRUSTED_SECONDS, Keys
from kronos.pool import Pool
from sql_factory import records, value


@pytest.fixture
def own(api: httpx.Client) -> str:
    """The API's origin, as a browser names it."""
    return str(api.base_url).rstrip("/")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The value of time.monotonic() in kronos.api.keys."""
    now = [1_000_000.0]
    monkeypatch.setattr("kronos.api.keys.time", SimpleNamespace(monotonic=lambda: now[0]))  # the loop's clock goes on
    return now


@pytest.fixture
def key(shared_superuser: psycopg.Connection, workspace: str) -> str:
    return add_key(shared_superuser, workspace, "operator")


def sign_in(browser: Browser, key: str, own: str, **more: Any) -> httpx.Response:
    return browser.request("POST", "/auth/key", origin=own, json={"key": key}, **more)


def test_a_session_may_what_its_key_may_and_no_more(api: httpx.Client, workspace: str, key: str, own: str) -> None:
    browser, path = Browser(api), f"/v1/workspaces/{workspace}/jobs"
    assert sign_in(browser, f" {key}\n", own).status_code == 204
    assert set(browser.cookies) == {sessions.PLAIN_COOKIE}
    attributes = browser.attributes[sessions.PLAIN_COOKIE]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} == attributes
    me = browser.request("GET", "/v1/me").json()
    assert me == {
        "kind": "session",
        "actor": key.split("_")[2],
        "email": None,
        "grants": [{"workspace": workspace, "role": "operator", "sees_payloads": True}],
    }
    job = {"endpoint": "sink", "trigger": "CRON", "cron": "5 4 1 1 *", "timezone": "UTC"}
    made = browser.request("POST", path, origin=own, json=job)
    assert made.status_code == 201, made.text
    assert "ratelimit" in made.headers
    audit = api.get(f"/v1/workspaces/{workspace}/audit", params={"object_type": "job"}).json()["data"]
    assert [(each["actor"], each["key_id"]) for each in audit] == [(key.split("_")[2], key.split("_")[2])]
    assert browser.request("GET", f"/v1/workspaces/{workspace}/keys").json()["code"] == "forbidden"
    assert browser.request("GET", "/v1/workspaces/another-one/jobs").json()["code"] == "workspace_not_found"
    assert browser.request("GET", "/v1/workspaces").status_code == 403
    assert browser.request("POST", "/auth/logout", origin=own).status_code == 204
    assert browser.cookies == {}


def test_the_row_has_no_secret_a_second_sign_in_ends_the_first_and_old_rows_go(
    api: httpx.Client, key: str, own: str, shared_superuser: psycopg.Connection
) -> None:
    browser = Browser(api)
    sign_in(browser, key, own)
    first = browser.cookies[sessions.PLAIN_COOKIE]
    found = "select row::text from kronos.sign_ins as row where secret_sha256 = %s"
    row = value(shared_superuser, found, [hashlib.sha256(first.encode()).digest()])
    assert first not in row
    assert first.partition(".")[2] not in row
    sign_in(browser, key, own)
    assert browser.cookies[sessions.PLAIN_COOKIE] != first
    stolen = Browser(api, cookies={sessions.PLAIN_COOKIE: first})
    assert stolen.request("GET", "/v1/me").status_code == 401
    shared_superuser.execute("update kronos.sign_ins set expires_at = now() - interval '1 s'")
    assert browser.request("GET", "/v1/me").status_code in (200, 401)  # 401 once this process checks again
    sign_in(browser, key, own)
    assert value(shared_superuser, "select count(*) from kronos.sign_ins where expires_at < now()") == 0


_LOST: list[tuple[str, str]] = [
    ("update kronos.api_keys set revoked_at = now() where public_id = %s", "was revoked"),
    ("update kronos.api_keys set expires_at = now() where public_id = %s", "has expired"),
    (
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id ="
        " (select workspace_id from kronos.api_keys where public_id = %s)",
        "was deleted",
    ),
    (
        "update kronos.sign_ins set expires_at = now() where key_id ="
        " (select key_id from kronos.api_keys where public_id = %s)",
        "has ended",
    ),
    ("delete from kronos.sign_ins where key_id = (select key_id from kronos.api_keys where public_id = %s)", ""),
]


@pytest.mark.parametrize(("change", "said"), _LOST, ids=["revoked", "expired", "deleted", "over", "ended"])
async def test_it_ends_with_its_key_within_two_seconds_in_every_process_and_says_why(
    database_url: str, superuser: psycopg.Connection, clock: list[float], change: str, said: str
) -> None:
    superuser.execute("insert into kronos.workspaces (slug, name) values ('theirs', 'theirs')")
    key = add_key(superuser, "theirs", "viewer")
    pool = Pool(database_url, size=1, wait_seconds=60)
    await pool.open(wait=True)
    try:
        checks = [Keys(pool), Keys(pool)]
        processes = [sessions.Sessions(pool, each, None) for each in checks]
        request = _request("http")
        secret, seconds = await processes[0].open(key, request, timedelta(hours=12))
        assert seconds == pytest.approx(12 * 3600, abs=1)
        for each in processes:
            caller = await each.caller(secret, request)
            assert (caller.actor, caller.role.value, caller.workspace) == (key.split("_")[2], "viewer", "theirs")
        superuser.execute(change.encode(), [key.split("_")[2]])
        for check in checks:
            await check.renew()  # renews nothing that no request uses
        assert TRUSTED_SECONDS < 2
        clock[0] += TRUSTED_SECONDS
        for each in processes:
            with pytest.raises(errors.Unauthorized):
                await each.caller(secret, request)
            why = await each.why_ended(secret)
            assert why.startswith("You are signed out")
            assert said in why
            assert (key.split("_")[2] in why) == bool(said)
    finally:
        await pool.close()


async def test_no_session_outlasts_its_key_and_a_key_has_a_hundred(
    database_url: str, superuser: psycopg.Connection
) -> None:
    superuser.execute("insert into kronos.workspaces (slug, name) values ('theirs', 'theirs')")
    key = add_key(superuser, "theirs", "viewer")
    superuser.execute(
        "update kronos.api_keys set expires_at = kronos.clock() + interval '1 minute' where role = 'viewer'"
    )
    pool = Pool(database_url, size=1, wait_seconds=60)
    await pool.open(wait=True)
    try:
        process = sessions.Sessions(pool, Keys(pool), None)
        opened = [await process.open(key, _request("http"), timedelta(hours=12)) for _ in range(102)]
        assert all(0 < seconds <= 60 for _, seconds in opened)
        assert value(superuser, "select count(*) from kronos.sign_ins") == 100
        assert await process.why_ended(opened[0][0]) == "You are signed out."
        await process.caller(opened[-1][0], _request("http"))
    finally:
        await pool.close()


def test_signing_in_and_writing_come_from_our_own_pages(
    api: httpx.Client, workspace: str, key: str, own: str, shared_superuser: psycopg.Connection
) -> None:
    """No other site may sign a browser in either: a user who writes in another person's session gives that person the
    data.
    """
    browser, path = Browser(api), f"/v1/workspaces/{workspace}/jobs"
    sign_in(browser, key, own)
    signed_in = value(shared_superuser, "select count(*) from kronos.sign_ins")
    job = {"endpoint": "sink", "trigger": "IMMEDIATE"}
    port = own.rpartition(":")[2]
    foreign: list[tuple[str | None, dict[str, str]]] = [
        (None, {}),
        ("null", {}),
        ("https://evil.example", {}),
        (own.replace("http:", "https:"), {}),
        (f"http://127.0.0.1.evil.example:{port}", {}),
        (f"http://localhost:{port}", {}),
        (own, {"Sec-Fetch-Site": "same-site"}),
        (own, {"Sec-Fetch-Site": "cross-site"}),
    ]
    for origin, headers in foreign:
        for target, body in ((path, job), ("/auth/logout", None), ("/auth/key", {"key": key})):
            refused = browser.request("POST", target, origin=origin, json=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), (origin, headers, target)
            assert "set-cookie" not in refused.headers
    assert value(shared_superuser, "select count(*) from kronos.sign_ins") == signed_in
    assert browser.request("GET", path).json()["data"] == []
    for site in ("same-origin", "none"):
        assert browser.request("POST", path, origin=own, json=job, headers={"Sec-Fetch-Site": site}).status_code == 201


@pytest.fixture(scope="module")
def behind_tls(server: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that trusts this machine to name the scheme, as it would trust a proxy with TLS."""
    with (
        cloned(server, template) as url,
        running_api(url, tmp_path_factory.mktemp("tls"), trusted_proxies="127.0.0.1/32") as api,
    ):
        yield api


def test_over_https_the_cookie_goes_over_https_alone_and_a_plain_one_is_none(behind_tls: Api) -> None:
    client, host = behind_tls.client, str(behind_tls.client.base_url).rstrip("/").partition("://")[2]
    tls = {"X-Forwarded-Proto": "https"}
    browser, plain = Browser(client), Browser(client)
    assert sign_in(plain, behind_tls.key, f"http://{host}").status_code == 204
    assert sign_in(browser, behind_tls.key, f"http://{host}", headers=tls).status_code == 403
    assert sign_in(browser, behind_tls.key, f"https://{host}", headers=tls).status_code == 204
    assert set(browser.cookies) == {sessions.SESSION_COOKIE}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= browser.attributes[sessions.SESSION_COOKIE]
    assert browser.request("GET", "/v1/me", headers=tls).json()["kind"] == "session"
    assert "Secure" not in plain.attributes[sessions.PLAIN_COOKIE]
    assert plain.request("GET", "/v1/me", headers=tls).status_code == 401
    plain.cookies[sessions.SESSION_COOKIE] = plain.cookies[sessions.PLAIN_COOKIE]  # as if it had been intercepted
    refused = plain.request("GET", "/v1/me", headers=tls)
    assert (refused.status_code, "over http" in refused.json()["detail"]) == (401, True)
    browser.cookies[sessions.PLAIN_COOKIE] = browser.cookies[sessions.SESSION_COOKIE]
    assert browser.request("GET", "/v1/me").status_code == 401


def test_over_https_no_other_host_has_us_say_something(behind_tls: Api) -> None:
    client, host = behind_tls.client, str(behind_tls.client.base_url).rstrip("/").partition("://")[2]
    tls = {"X-Forwarded-Proto": "https"}
    browser = Browser(client)
    browser.cookies["kronos-notice"] = "Call%20us%20at%20evil.example"
    browser.request("POST", "/sign-out", origin=f"https://{host}", headers=tls)
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= browser.attributes["__Host-kronos-notice"]
    page = browser.request("GET", "/sign-in", headers=tls).text
    assert ("You are signed out." in page, "evil.example" in page) == (True, False)
    assert "__Host-kronos-notice" not in browser.cookies


def test_requests_with_a_session_count_on_its_keys_rate(
    api: httpx.Client, key: str, own: str, shared_superuser: psycopg.Connection
) -> None:
    shared_superuser.execute(
        "update kronos.api_keys set requests_per_minute = 8 where public_id = %s", [key.split("_")[2]]
    )
    browser = Browser(api)
    answers = [sign_in(browser, key, own)]
    answers += [browser.request("GET", "/v1/me") for _ in range(3)]
    answers += [api.get("/v1/me", headers={"Authorization": f"Bearer {key}"}) for _ in range(4)]
    assert {each.status_code for each in answers} <= {200, 204}
    for refused in (
        browser.request("GET", "/v1/me"),
        api.get("/v1/me", headers={"Authorization": f"Bearer {key}"}),
        sign_in(browser, key, own),
    ):
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert key.split("_")[2] in refused.json()["detail"]


def test_a_secret_of_a_session_is_no_key_and_a_key_is_no_session(
    api: httpx.Client, key: str, own: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(api)
    with caplog.at_level(logging.DEBUG):
        sign_in(browser, key, own)
        secret = browser.cookies[sessions.PLAIN_COOKIE]
        assert browser.request("GET", "/v1/me").status_code == 200
        ways: list[dict[str, str]] = [
            {"Authorization": f"Bearer {secret}"},
            {"Cookie": f"{sessions.PLAIN_COOKIE}={key}"},
            {"Cookie": f"{sessions.PLAIN_COOKIE}=key.{secret.partition('.')[2]}"},
        ]
        for headers in ways:
            request = api.build_request("GET", "/v1/me")
            del request.headers["authorization"]
            request.headers.update(headers)
            assert api.send(request).status_code == 401, headers
        wrong = sign_in(browser, key[:-1] + ("a" if key[-1] != "a" else "b"), own)
        odd = browser.request("POST", "/auth/key", origin=own, json={"key": [key]})
    assert (wrong.status_code, odd.status_code) == (401, 422)
    said = [f"{each.name} {each.getMessage()}" for each in caplog.records if each.name.startswith("kronos")]
    for each in [*said, wrong.text, odd.text]:
        assert key.split("_", 3)[3] not in each
        assert secret not in each


def test_who_guesses_is_slowed_and_who_is_signed_in_goes_on(
    api: httpx.Client, key: str, own: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, database_url: str
) -> None:
    monkeypatch.setattr("kronos.api.keys.time", SimpleNamespace(monotonic=lambda: 2_000_000.0))  # all in one instant
    with running_api(database_url, tmp_path, key_session_seconds=600) as own_api:
        client, origin = own_api.client, str(own_api.client.base_url).rstrip("/")
        ada, stranger = Browser(client), Browser(client)
        assert sign_in(ada, own_api.key, origin).status_code == 204
        assert "Max-Age=600" in ada.attributes[sessions.PLAIN_COOKIE]
        assert session_lengths(database_url) == [600]
        assert ada.request("GET", "/v1/me").status_code == 200
        answers: list[int] = []
        for number in range(22):
            stranger.cookies = {sessions.PLAIN_COOKIE: f"http-key.{number}"}
            if number % 2:
                answers.append(sign_in(stranger, f"kr_live_{number}_{'x' * 43}", origin).status_code)
            else:
                answers.append(stranger.request("GET", "/v1/me").status_code)
        assert answers == [401] * 20 + [429] * 2
        assert ada.request("GET", "/v1/me").status_code == 200
        assert ada.request("POST", "/auth/logout", origin=origin).status_code == 204


def test_with_a_provider_its_origin_is_ours_for_keys_too(database_url: str, tmp_path: Any) -> None:
    with running_api(
        database_url,
        tmp_path,
        oidc_issuer="https://id.example",
        oidc_client_id="kronos",
        oidc_redirect_url=REDIRECT,
    ) as api:
        browser = Browser(api.client)
        assert sign_in(browser, api.key, str(api.client.base_url).rstrip("/")).status_code == 403
        assert sign_in(browser, api.key, ORIGIN).status_code == 204
        assert "Secure" in browser.attributes[sessions.SESSION_COOKIE]
        assert browser.request("GET", "/v1/me").json()["grants"][0]["role"] == "instance_admin"
        assert browser.request("POST", "/auth/logout").status_code == 204


def test_sessions_go_with_their_keys(superuser: psycopg.Connection, own_api: Api, own_workspace: str) -> None:
    """The sessions of keys do not block the deletion of a workspace's keys."""
    origin = str(own_api.client.base_url).rstrip("/")
    browsers = [Browser(own_api.client), Browser(own_api.client)]
    sign_in(browsers[0], add_key(superuser, own_workspace, "admin"), origin)
    sign_in(browsers[1], own_api.key, origin)
    superuser.execute("delete from kronos.api_keys where workspace_id is not null")
    left = records(superuser, "select role from kronos.sign_ins join kronos.api_keys using (key_id)")
    assert [each["role"] for each in left] == ["instance_admin"]


def _request(scheme: str) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "scheme": scheme,
            "query_string": b"",
            "headers": [(b"host", b"kronos.example")],
            "client": ("192.0.2.1", 1),
            "kronos.standing": SimpleNamespace(allowance=None),
        }
    )
