"""If-Match and If-None-Match (RFC 9110 section 13) on everything that has an ETag: a request whose condition fails
changes nothing.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import counts, problem_of
from conftest import Api

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "name": "nightly"}  # no tick falls within the test
HTTP = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}}
Write = Callable[[httpx.Client, str, dict[str, str]], httpx.Response]

# Every write of something with an ETag. Afterwards its version is no longer "1", or nothing changed.
WRITES: dict[str, Write] = {
    "PATCH job": lambda api, base, headers: api.patch(
        f"{base}/jobs/nightly", json={"cron": "7 7 * * *"}, headers=headers
    ),
    "DELETE job": lambda api, base, headers: api.delete(f"{base}/jobs/nightly", headers=headers),
    "pause job": lambda api, base, headers: api.post(f"{base}/jobs/nightly/pause", json={"note": "x"}, headers=headers),
    "resume job": lambda api, base, headers: api.post(f"{base}/jobs/nightly/resume", headers=headers),
    "skip-next": lambda api, base, headers: api.post(
        f"{base}/jobs/nightly/skip-next", json={"count": 3}, headers=headers
    ),
    "PUT endpoint": lambda api, base, headers: api.put(f"{base}/endpoints/spare", json=HTTP, headers=headers),
    "DELETE endpoint": lambda api, base, headers: api.delete(f"{base}/endpoints/spare", headers=headers),
    "PATCH workspace": lambda api, base, headers: api.patch(base, json={"name": "other"}, headers=headers),
    "PUT retention": lambda api, base, headers: api.put(f"{base}/retention", json={"success_days": 7}, headers=headers),
    "suspend workspace": lambda api, base, headers: api.patch(base, json={"status": "SUSPENDED"}, headers=headers),
}


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    return filled(api, workspace)


@pytest.fixture(scope="module")
def unchanged(shared_api: Api, untouched: str) -> str:
    """The same for all tests whose writes are rejected."""
    return filled(shared_api.client, untouched)


def filled(api: httpx.Client, workspace: str) -> str:
    """The path of a workspace with an endpoint and a CRON job, each at version 1."""
    at = f"/v1/workspaces/{workspace}"
    api.post(f"{at}/jobs", json=CRON).raise_for_status()
    api.post(f"{at}/endpoints", json=HTTP | {"name": "spare"}).raise_for_status()
    return at


def seen(api: httpx.Client, base: str) -> list[Any]:
    return [api.get(f"{base}{path}").json() for path in ("", "/jobs/nightly", "/endpoints/spare", "/retention")]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_what_does_not_match_is_not_done(
    api: httpx.Client, unchanged: str, shared_superuser: psycopg.Connection, write: Write
) -> None:
    before, rows = seen(api, unchanged), counts(shared_superuser)
    for given in ('"7"', 'W/"1"', '"7", "8"', '"v1"', '"01"', '"", ,"2"'):
        problem = problem_of(write(api, unchanged, {"If-Match": given}))
        assert (problem["status"], problem["code"]) == (412, "precondition_failed"), given
        assert counts(shared_superuser) == rows, given
    assert seen(api, unchanged) == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
@pytest.mark.parametrize("given", ["*", '"1"', '"7" , W/"2","1"', '"1" ,'])
def test_what_matches_is_done(api: httpx.Client, base: str, write: Write, given: str) -> None:
    assert write(api, base, {"If-Match": given}).status_code in (200, 204)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
@pytest.mark.parametrize("given", ["1", '"1', '"1 "', "abc", '"1" "2"', '*, "1"', "", ",", 'w/"1"'])
def test_what_is_no_list_of_tags_is_refused(api: httpx.Client, unchanged: str, write: Write, given: str) -> None:
    problem = problem_of(write(api, unchanged, {"If-Match": given}))
    assert (problem["status"], problem["errors"][0]["pointer"]) == (400, "/If-Match")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/jobs/nightly/trigger"), ("POST", "/jobs"), ("POST", "/endpoints"), ("POST", "/jobs/nightly/backfill")],
)
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_condition_on_what_has_no_version_is_not_passed_over(
    api: httpx.Client, unchanged: str, shared_superuser: psycopg.Connection, method: str, path: str, header: str
) -> None:
    before = counts(shared_superuser)
    assert problem_of(api.request(method, f"{unchanged}{path}", json={}, headers={header: "*"}))["status"] == 412
    assert counts(shared_superuser) == before


def test_two_editors_of_one_version_are_told_apart(api: httpx.Client, base: str) -> None:
    for path, edit in (("/jobs/nightly", "PATCH"), ("/endpoints/spare", "PUT"), ("", "PATCH"), ("/retention", "PUT")):
        tag = api.get(f"{base}{path}").headers["etag"]
        bodies = {
            "/jobs/nightly": {"tags": ["a"]},
            "/endpoints/spare": HTTP,
            "": {"name": "edited"},
            "/retention": {"failure_days": 9},
        }
        first, second = (
            api.request(edit, f"{base}{path}", json=bodies[path], headers={"If-Match": tag}) for _ in range(2)
        )
        assert (first.status_code, second.status_code) == (200, 412), path
        assert first.headers["etag"] == api.get(f"{base}{path}").headers["etag"] != tag


@pytest.mark.parametrize("path", ["/jobs/nightly", "/endpoints/spare", "", "/retention"])
def test_of_ten_editors_at_once_one_wins(api: httpx.Client, base: str, path: str) -> None:
    """The condition is checked under the lock of the change, so that no other change can come between the two."""
    edits: dict[str, Callable[[int], httpx.Response]] = {
        "/jobs/nightly": lambda n: api.patch(f"{base}{path}", json={"tags": [str(n)]}, headers={"If-Match": '"1"'}),
        "/endpoints/spare": lambda n: api.put(
            f"{base}{path}", json=HTTP | {"title": str(n)}, headers={"If-Match": '"1"'}
        ),
        "": lambda n: api.patch(base, json={"name": str(n)}, headers={"If-Match": '"1"'}),
        "/retention": lambda n: api.put(f"{base}{path}", json={"failure_days": 40 + n}, headers={"If-Match": '"1"'}),
    }
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(edits[path], range(10)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 9}
    assert api.get(f"{base}{path}").json()["version"] == 2


def test_every_answer_that_shows_a_resource_has_its_tag(api: httpx.Client, base: str) -> None:
    job = api.get(f"{base}/jobs/nightly")
    assert job.headers["etag"] == f'"{job.json()["version"]}"'
    for path, body in (("pause", {}), ("resume", {}), ("skip-next", {"count": 0})):
        assert api.post(f"{base}/jobs/nightly/{path}", json=body).headers["etag"] == '"1"'
    assert api.patch(f"{base}/jobs/nightly", json={"tags": ["a"]}).headers["etag"] == '"2"'
    assert api.delete(f"{base}/jobs/nightly").headers["etag"] == '"2"'
    assert api.put(f"{base}/endpoints/other", json=HTTP).headers["etag"] == '"1"'
    assert api.put(f"{base}/endpoints/other", json=HTTP).headers["etag"] == '"2"'
    assert api.get(base).headers["etag"] == f'"{api.get(base).json()["version"]}"'


def test_the_same_ages_again_are_no_version(api: httpx.Client, base: str) -> None:
    one = f"{base}/retention"
    assert api.put(one, json={}).headers["etag"] == '"1"'
    assert (
        api.put(one, json={"success_days": 5}).headers["etag"]
        == api.put(one, json={"success_days": 5}).headers["etag"]
        == '"2"'
    )
    back = api.put(one, json={})
    assert (back.headers["etag"], back.json()["version"]) == ('"3"', 3)


def test_one_call_makes_one_version_of_a_workspace(api: httpx.Client, base: str) -> None:
    calls: list[dict[str, str]] = [
        {"name": "a", "status": "SUSPENDED"},
        {"name": "b", "status": "SUSPENDED"},  # it already is
        {"name": "b", "status": "ACTIVE"},
        {"name": "c"},
        {"name": "c", "status": "ACTIVE"},  # nothing changes
    ]
    answers = [api.patch(base, json=each) for each in calls]
    assert [answer.json()["version"] for answer in answers] == [2, 3, 4, 5, 5]
    assert [answer.headers["etag"] for answer in answers] == ['"2"', '"3"', '"4"', '"5"', '"5"']


def test_a_suspension_is_a_version_of_the_workspace(api: httpx.Client, base: str) -> None:
    suspended = api.patch(base, json={"status": "SUSPENDED", "name": "halted"}, headers={"If-Match": '"1"'})
    assert (suspended.status_code, suspended.json()["status"]) == (200, "SUSPENDED")
    assert api.patch(base, json={"status": "ACTIVE"}, headers={"If-Match": '"1"'}).status_code == 412
    assert api.get(base).json() == suspended.json()
    assert (
        api.patch(base, json={"status": "ACTIVE"}, headers={"If-Match": suspended.headers["etag"]}).status_code == 200
    )
    api.delete(f"{base}/jobs/nightly").raise_for_status()
    named = {"confirm": api.get(base).json()["slug"]}
    assert api.delete(base, params=named, headers={"If-Match": '"1"'}).status_code == 412
    etag = api.get(base).headers["etag"]
    assert api.delete(base, params=named, headers={"If-Match": etag}).status_code == 202


def test_who_has_the_version_is_not_sent_it_again(api: httpx.Client, base: str) -> None:
    for path in ("", "/endpoints/spare"):
        tag = api.get(f"{base}{path}").headers["etag"]
        for known in (tag, f"W/{tag}", f'"9", {tag}', "*"):
            answer = api.get(f"{base}{path}", headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert api.get(f"{base}{path}", headers={"If-None-Match": '"9"'}).status_code == 200


def test_a_put_makes_only_what_is_not_there_if_it_asks_for_that(api: httpx.Client, base: str) -> None:
    made = api.put(f"{base}/endpoints/fresh", json=HTTP, headers={"If-None-Match": "*"})
    again = api.put(f"{base}/endpoints/fresh", json=HTTP, headers={"If-None-Match": "*"})
    assert (made.status_code, again.status_code) == (201, 412)
    assert api.put(f"{base}/endpoints/fresh", json=HTTP, headers={"If-None-Match": '"1"'}).status_code == 412
    assert api.put(f"{base}/endpoints/fresh", json=HTTP, headers={"If-None-Match": '"7"'}).json()["version"] == 2
    for given in ("*", '"1"'):
        assert api.put(f"{base}/endpoints/absent", json=HTTP, headers={"If-Match": given}).status_code == 412
    assert api.get(f"{base}/endpoints/absent").status_code == 404
