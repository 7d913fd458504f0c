"""People sign in by OpenID Connect at a real provider: oidc-provider-mock, on Authlib's authorization server.

It checks clients, redirects, codes and nonces as any provider does. It lacks RFC 7636, which is added in front of it: a
code is issued for a challenge and exchanged only for its verifier.
"""

import base64
import hashlib
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import psycopg
import pytest
from werkzeug.serving import BaseWSGIServer, make_server

import conftest
from api.signing_in import REDIRECT, SECRET, Browser, Pkce, map_group, session_lengths, signing_in
from api.test_events import listening
from clock import Clock
from conftest import PLAIN, Api, make_workspace
from factory import add_key
from kronos import config
from kronos.api import sessions
from kronos.api.app import create
from kronos.api.keys import TRUSTED_SECONDS
from sql_factory import records, value

# The tests' server has uvicorn's access log, which Kronos turns off (BoundedConfig).
_THEIRS = {"httpx", "httpcore", "werkzeug", "oidc_provider_mock", "authlib", "uvicorn"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The issuer URL of a running provider."""
    with warnings.catch_warnings():  # it uses a deprecated part of Authlib
        warnings.simplefilter("ignore")
        import oidc_provider_mock  # type: ignore[import-untyped]  # it has none

    people = [
        oidc_provider_mock.User(sub="ada", claims={"email": "ada@example.com", "groups": ["ops", "readers"]}),
        oidc_provider_mock.User(sub="bob", claims={"email": "bob@example.com", "groups": ["readers"]}),
        oidc_provider_mock.User(sub="eve", claims={"email": "eve@example.com", "groups": ["nobody"]}),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        front = Pkce(oidc_provider_mock.app(require_nonce=True, user_claims=people).wsgi_app)
    server: BaseWSGIServer = make_server("localhost", 0, front, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join(60)
    server.server_close()


@pytest.fixture(scope="module")
def served(provider: str, server: Any, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with (
        conftest.cloned(server, template) as url,
        signing_in(provider, url, tmp_path_factory.mktemp("people")) as api,
    ):
        yield api


@pytest.fixture
def scene(served: Api) -> tuple[str, str]:
    """Two workspaces. In the first, `ops` are operators and `readers` are viewers; in the second, no group has
    a role.
    """
    first, second = make_workspace(served.client), make_workspace(served.client)
    map_group(served.client, first, "ops", "operator")
    map_group(served.client, first, "readers", "viewer")
    return first, second


def test_a_person_signs_in_and_has_the_most_of_its_groups_roles(served: Api, scene: tuple[str, str]) -> None:
    browser, (first, second) = Browser(served.client), scene
    asked = browser.go()
    assert asked["response_type"] == "code"
    assert len(asked["state"]) >= 43
    assert len(asked["nonce"]) >= 43
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert SECRET not in browser.url
    assert browser.cookies[sessions.ATTEMPT_COOKIE].split(".")[2] not in browser.url  # the verifier
    back = browser.come_back("ada")
    assert (back.status_code, back.headers["location"]) == (303, "/w")
    assert set(browser.cookies) == {sessions.SESSION_COOKIE}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= browser.attributes[sessions.SESSION_COOKIE]

    me = browser.request("GET", "/v1/me").json()
    assert (me["kind"], me["actor"], me["email"]) == ("session", "oidc:ada@example.com", "ada@example.com")
    assert {"workspace": first, "role": "operator", "sees_payloads": True} in me["grants"]
    assert second not in {each["workspace"] for each in me["grants"]}
    path = f"/v1/workspaces/{first}/jobs"
    assert browser.request("POST", path, json={"endpoint": "sink", "trigger": "IMMEDIATE"}).status_code == 201
    keys = browser.request("GET", f"/v1/workspaces/{first}/keys")
    assert (keys.status_code, keys.json()["code"]) == (403, "forbidden")
    theirs = browser.request("GET", f"/v1/workspaces/{second}/jobs")
    assert (theirs.status_code, theirs.json()["code"]) == (404, "workspace_not_found")
    assert browser.request("GET", "/v1/workspaces").status_code == 403


@pytest.mark.parametrize(
    ("wanted", "at"),
    [("/w/acme/jobs?tag=a", "/w/acme/jobs?tag=a"), ("//evil.example/", "/w"), ("https://evil.example", "/w")],
)
def test_who_was_sent_to_the_provider_comes_back_to_the_page_and_to_no_other_site(
    served: Api, scene: tuple[str, str], wanted: str, at: str
) -> None:
    browser = Browser(served.client)
    page = browser.request("GET", f"/sign-in?{urlencode({'next': wanted})}").text
    assert f'href="/auth/login?{urlencode({"next": at})}"' in page
    browser.go(f"/auth/login?{urlencode({'next': wanted})}")
    assert browser.come_back("ada").headers["location"] == at
    # The user can change the cookie, so its contents are checked again.
    other = Browser(served.client)
    other.go()
    state, nonce, verifier, _ = other.cookies[sessions.ATTEMPT_COOKIE].split(".")
    back = base64.urlsafe_b64encode(b"//evil.example").decode().rstrip("=")
    other.cookies[sessions.ATTEMPT_COOKIE] = ".".join((state, nonce, verifier, back))
    assert other.come_back("ada").headers["location"] == "/w"


def test_a_write_with_a_session_comes_from_our_own_pages(served: Api, scene: tuple[str, str]) -> None:
    browser, path = Browser(served.client), f"/v1/workspaces/{scene[0]}/jobs"
    browser.sign_in("ada")
    job = {"endpoint": "sink", "trigger": "IMMEDIATE"}
    for origin in (
        None,
        "https://evil.example",
        "null",
        "https://kronos.example.evil.example",
        "http://kronos.example",
    ):
        for target, body in ((path, job), ("/auth/logout", None)):
            refused = browser.request("POST", target, origin=origin, json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), (origin, target)
    assert browser.request("GET", path).json()["data"] == []
    assert browser.request("POST", path, json=job).status_code == 201


def test_a_sign_out_ends_the_session_and_a_removed_mapping_its_role_in_two_seconds(
    served: Api, scene: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TRUSTED_SECONDS < 2
    now = [time.monotonic()]  # not long before: the API remembers who guessed in other tests
    monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: now[0]))
    browser, path = Browser(served.client), f"/v1/workspaces/{scene[0]}/jobs"
    browser.sign_in("bob")
    assert browser.request("GET", path).status_code == 200
    (mapping,) = [
        each["mapping_id"]
        for each in served.client.get(f"/v1/workspaces/{scene[0]}/role-mappings").json()["data"]
        if each["group"] == "readers"
    ]
    removed = served.client.delete(f"/v1/workspaces/{scene[0]}/role-mappings/{mapping}")
    assert removed.status_code == 204
    now[0] += TRUSTED_SECONDS
    assert browser.request("GET", path).status_code == 404
    again = served.client.delete(f"/v1/workspaces/{scene[0]}/role-mappings/{mapping}")
    assert (again.status_code, again.json()["code"]) == (404, "mapping_not_found")

    kept = dict(browser.cookies)
    assert browser.request("POST", "/auth/logout").status_code == 204
    assert browser.cookies == {}
    browser.cookies = kept  # as an attacker with a copy would
    assert browser.request("GET", "/v1/me").status_code == 401


def test_a_person_has_the_minute_of_a_key_for_all_sessions_together_and_may_sign_out_without_any(
    served: Api, scene: tuple[str, str]
) -> None:
    browsers, bob = [Browser(served.client), Browser(served.client)], Browser(served.client)
    for each in browsers:
        each.sign_in("ada")
    bob.sign_in("bob")
    with psycopg.connect(served.database_url, autocommit=True) as superuser:
        clock = Clock(superuser)
        clock.stand(datetime.now(UTC))  # the minute does not end during the test
        superuser.execute("update kronos.request_limit set per_minute = 7")
        superuser.execute("delete from kronos.request_rates")
        try:
            answers = [each.request("GET", "/v1/me") for _ in range(8) for each in browsers]
            assert sum(each.status_code == 200 for each in answers) == 7
            refused = answers[-1]
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert "oidc:ada@example.com used up its 7 requests" in refused.json()["detail"]
            assert refused.headers["ratelimit"] == f'"key";r=0;t={refused.headers["retry-after"]}'
            assert bob.request("GET", "/v1/me").status_code == 200
            assert browsers[0].request("POST", "/auth/logout").status_code == 204
        finally:
            superuser.execute("update kronos.request_limit set per_minute = 300000")
            clock.step(timedelta())


def test_who_has_signed_in_hears_what_changes_until_it_signs_out(served: Api, scene: tuple[str, str]) -> None:
    browser, workspace = Browser(served.client), scene[0]
    browser.sign_in("bob")
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with (
        httpx.Client(base_url=served.client.base_url, headers={"Cookie": cookie}, verify=PLAIN, timeout=300) as client,
        listening(client, workspace, types="execution") as heard,
    ):
        asked = {"endpoint": "sink", "trigger": "IMMEDIATE"}
        made = served.client.post(f"/v1/workspaces/{workspace}/jobs", json=asked).raise_for_status().json()
        assert (told := heard.next()) is not None
        assert told.data["execution_id"] == made["job_id"]
        assert browser.request("POST", "/auth/logout").status_code == 204
        assert heard.rest() == []
        assert heard.comments == ["unauthorized"]


@pytest.mark.parametrize("case", ["another state", "no cookie", "another's cookie", "used twice", "declined", "issuer"])
def test_an_answer_that_is_not_this_browsers_is_refused(served: Api, scene: tuple[str, str], case: str) -> None:
    browser, other = Browser(served.client), Browser(served.client)
    browser.go()
    other.go()
    if case == "another state":
        answer, status = browser.come_back("ada", state="x" * 43), 400
    elif case == "no cookie":
        browser.cookies.clear()
        answer, status = browser.come_back("ada"), 400
    elif case == "another's cookie":
        # A thief has a code and a state that fits the thief's own cookie, but not the verifier.
        state = other.cookies[sessions.ATTEMPT_COOKIE].split(".")[0]
        browser.cookies = dict(other.cookies)
        answer, status = browser.come_back("ada", state=state), 403
    elif case == "used twice":
        kept = dict(browser.cookies)
        told = httpx.post(browser.url, data={"sub": "ada"}, verify=PLAIN, timeout=60).headers["location"]
        query = urlsplit(told).query
        assert browser.request("GET", f"/auth/callback?{query}").status_code == 303
        browser.cookies = kept
        answer, status = browser.request("GET", f"/auth/callback?{query}"), 403
    elif case == "issuer":
        answer, status = browser.come_back("ada", iss="https://evil.example"), 403
    else:
        state = browser.cookies[sessions.ATTEMPT_COOKIE].split(".")[0]
        answer = browser.request("GET", f"/auth/callback?error=access_denied&state={state}")
        status = 403
    assert answer.status_code == status, answer.text
    assert sessions.SESSION_COOKIE not in browser.cookies


def test_what_a_person_does_is_theirs_in_the_audit_and_no_secret_is_written(
    served: Api, scene: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    browser, path = Browser(served.client), f"/v1/workspaces/{scene[1]}"
    map_group(served.client, scene[1], "ops", "admin")
    with caplog.at_level(logging.DEBUG):
        browser.go()
        attempt = browser.cookies[sessions.ATTEMPT_COOKIE].split(".")[:3]
        told = httpx.post(browser.url, data={"sub": "ada"}, verify=PLAIN, timeout=60).headers["location"]
        query = urlsplit(told).query
        assert browser.request("GET", f"/auth/callback?{query}").status_code == 303
        session = browser.cookies[sessions.SESSION_COOKIE]
        made = browser.request("POST", f"{path}/keys", json={"role": "viewer"}).json()
        assert browser.request("GET", f"/auth/callback?{query}").status_code == 400  # the cookie is gone
        assert browser.request("POST", "/auth/logout").status_code == 204
    rows = served.client.get(f"{path}/audit", params={"object_type": "api_key"}).json()["data"]
    assert [(each["actor"], each["key_id"], each["action"]) for each in rows] == [
        ("oidc:ada@example.com", None, "api_key.create")
    ]
    assert rows[0]["after"] == {
        "public_id": made["public_id"],
        "key_id": made["key_id"],
        "role": "viewer",
        "created_by": "oidc:ada@example.com",
        "sees_payloads": False,
    }
    with psycopg.connect(served.database_url, autocommit=True) as superuser:
        written = [str(records(superuser, f"select * from kronos.{each}")) for each in ("audit", "audit_pending")]
    # the logs of the browser and the provider do not count
    written += [f"{each.name} {each.getMessage()}" for each in caplog.records if each.name.split(".")[0] not in _THEIRS]
    code = dict(parse_qsl(query))["code"]
    secrets = {"session": session, "code": code, "key": made["key"].split("_", 3)[3], "client": SECRET}
    named = zip(("state", "nonce", "verifier"), attempt, strict=True)
    assert len(written) > 5
    assert [(name, each) for name, secret in [*secrets.items(), *named] for each in written if secret in each] == []


def test_whose_groups_have_no_role_is_not_let_in(served: Api, scene: tuple[str, str]) -> None:
    browser = Browser(served.client)
    refused = browser.sign_in("eve")
    assert (refused.status_code, "none of your groups" in refused.json()["detail"]) == (403, True)
    assert sessions.SESSION_COOKIE not in browser.cookies


def test_who_guesses_sessions_or_codes_is_slowed_and_who_is_signed_in_goes_on(
    provider: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: 1000.0))  # all in one instant
    with signing_in(provider, database_url, tmp_path, oidc_session_seconds=600) as api:
        map_group(api.client, make_workspace(api.client), "ops", "viewer")
        ada, stranger, answers = Browser(api.client), Browser(api.client), []
        assert ada.sign_in("ada").status_code == 303
        assert "Max-Age=600" in ada.attributes[sessions.SESSION_COOKIE]
        assert session_lengths(database_url) == [600]
        assert ada.request("GET", "/v1/me").status_code == 200
        for number in range(24):
            ways = ("GET", "/v1/me"), ("POST", "/auth/logout"), ("GET", f"/auth/callback?state=a&code={number}")
            stranger.cookies = {sessions.SESSION_COOKIE: f"{number}", sessions.ATTEMPT_COOKIE: "a.b.c.d"}
            answers.append(stranger.request(*ways[number % 3]))
        assert [each.status_code for each in answers] == [401, 204, 403] * 6 + [401, 204] + [429] * 4
        assert answers[-1].headers["retry-after"] == "3"
        assert ada.request("GET", "/v1/me").status_code == 200
        assert ada.request("POST", "/auth/logout").status_code == 204


def test_whoever_signs_in_ends_the_session_that_the_browser_had(served: Api, scene: tuple[str, str]) -> None:
    browser = Browser(served.client)
    browser.sign_in("ada")
    kept = Browser(served.client, cookies=dict(browser.cookies))
    browser.sign_in("bob")
    assert browser.request("GET", "/v1/me").json()["actor"] == "oidc:bob@example.com"
    assert kept.request("GET", "/v1/me").status_code == 401


def test_a_session_is_a_row_that_holds_no_secret_and_ends(served: Api, scene: tuple[str, str]) -> None:
    browser = Browser(served.client)
    browser.sign_in("ada")
    secret = browser.cookies[sessions.SESSION_COOKIE]
    with psycopg.connect(served.database_url, autocommit=True) as superuser:
        digest = hashlib.sha256(secret.encode()).digest()
        row = value(superuser, "select row::text from kronos.sign_ins as row where secret_sha256 = %s", [digest])
        assert secret not in row
        superuser.execute("update kronos.sign_ins set expires_at = now() where secret_sha256 = %s", [digest])
        assert browser.request("GET", "/v1/me").status_code == 401
        Browser(served.client).sign_in("ada")
        assert value(superuser, "select count(*) from kronos.sign_ins where expires_at < now()") == 0


def test_a_key_goes_before_a_session_and_says_who_it_is(served: Api, scene: tuple[str, str]) -> None:
    with psycopg.connect(served.database_url, autocommit=True) as superuser:
        key = add_key(superuser, scene[0], "viewer", sees_payloads=False)
    me = served.client.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).json()
    assert me == {
        "kind": "key",
        "actor": key.split("_")[2],
        "email": None,
        "grants": [{"workspace": scene[0], "role": "viewer", "sees_payloads": False}],
    }
    browser = Browser(served.client)
    browser.sign_in("ada")
    cookie = "; ".join(f"{name}={each}" for name, each in browser.cookies.items())
    with_both = served.client.get("/v1/me", headers={"Authorization": f"Bearer {key}", "Cookie": cookie})
    assert with_both.json()["kind"] == "key"


def test_a_provider_that_is_down_is_said_and_hinders_nobody_else(database_url: str, tmp_path: Path) -> None:
    with signing_in("http://127.0.0.1:9", database_url, tmp_path) as api:
        answer = api.client.get("/auth/login")
        assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unavailable")
        assert "it cannot be reached" in answer.json()["detail"]
        assert answer.headers["retry-after"]
        assert api.client.get("/v1/workspaces").status_code == 200
        assert api.client.get("/healthz").status_code == 200


def test_no_person_signs_in_where_no_provider_is_configured(api: httpx.Client) -> None:
    for path in ("/auth/login", "/auth/callback"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "KRONOS_OIDC_ISSUER is not set" in answer.json()["detail"]
    stranger = api.get("/v1/me", headers={"Authorization": "", "Cookie": f"{sessions.SESSION_COOKIE}=x"})
    assert stranger.status_code == 401


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oidc_issuer": "https://id.example"}, "needs KRONOS_OIDC_CLIENT_ID and KRONOS_OIDC_REDIRECT_URL"),
        (
            {"oidc_issuer": "http://id.example", "oidc_client_id": "k", "oidc_redirect_url": REDIRECT},
            "KRONOS_OIDC_ISSUER must be an https URL",
        ),
        (
            {
                "oidc_issuer": "https://id.example",
                "oidc_client_id": "k",
                "oidc_redirect_url": REDIRECT,
                "oidc_client_secret_file": Path("/nowhere/secret"),
            },
            "KRONOS_OIDC_CLIENT_SECRET_FILE: /nowhere/secret cannot be read",
        ),
    ],
)
def test_a_provider_that_cannot_be_meant_ends_the_start(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        create(config.load(database_url="postgresql://", **given))
