"""A title is a name for people: any text of one line, kept over versions, found by q."""

import httpx
import pytest

from api_answers import problem_of

TITLES = [
    "Backup /logs/ + daily",
    "日次レポート",
    "it's 'quoted' \"twice\"",
    "🙂" * 200,
    "a",
    "naïve — ½",
    "%s {x} {{input.a}} ; --",
]
CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "7 */2 * * *"}
HTTP = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}}


@pytest.mark.parametrize("title", TITLES)
def test_any_text_of_one_line_is_a_title(api: httpx.Client, workspace: str, title: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    for body in (
        CRON,
        {"endpoint": "sink", "trigger": "IMMEDIATE"},
        {"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-01-01T00:00:00Z"},
    ):
        job = api.post(f"{base}/jobs", json=body | {"title": title}).raise_for_status().json()
        assert job["title"] == title
        assert api.get(f"{base}/jobs/{job['job_id']}").json()["title"] == title
    assert {each["title"] for each in api.get(f"{base}/jobs").json()["data"]} == {title}
    made = api.post(f"{base}/endpoints", json=HTTP | {"name": "e", "title": title})
    assert (made.status_code, made.json()["title"], api.get(f"{base}/endpoints/e").json()["title"]) == (
        201,
        title,
        title,
    )


@pytest.mark.parametrize(
    "title", ["", " ", "\t", "two\nlines", "bell\u0007", "\u0085", "a" * 201, "🙂" * 201, 7, ["a"]]
)
def test_what_is_no_title_is_refused(api: httpx.Client, workspace: str, title: object) -> None:
    base = f"/v1/workspaces/{workspace}"
    job = api.post(f"{base}/jobs", json=CRON).json()["job_id"]
    for answer in (
        api.post(f"{base}/jobs", json=CRON | {"title": title}),
        api.patch(f"{base}/jobs/{job}", json={"title": title}),
        api.put(f"{base}/endpoints/e", json=HTTP | {"title": title}),
        api.post(f"{base}/endpoints", json=HTTP | {"name": "e", "title": title}),
    ):
        problem = problem_of(answer)
        assert (problem["status"], problem["errors"][0]["pointer"]) == (422, "/title")


def test_a_title_is_carried_on_changed_and_taken_away(api: httpx.Client, workspace: str) -> None:
    one = f"/v1/workspaces/{workspace}/jobs/nightly"
    api.post(one.rpartition("/")[0], json=CRON | {"name": "nightly", "title": "First"}).raise_for_status()
    edits = [{"tags": ["a"]}, {"title": "Second"}, {"cron": "8 8 * * *"}, {"title": None}]
    assert [api.patch(one, json=edit).json()["title"] for edit in edits] == ["First", "Second", "Second", None]
    versions = api.get(f"{one}/versions").json()["data"]
    assert [each["title"] for each in versions] == [None, "Second", "Second", "First", "First"]


def test_an_endpoints_title_is_what_the_last_put_says(api: httpx.Client, workspace: str) -> None:
    one = f"/v1/workspaces/{workspace}/endpoints/sink"
    assert api.put(one, json=HTTP | {"title": "Sink"}).json()["title"] == "Sink"
    assert api.put(one, json=HTTP).json()["title"] is None
    assert [each["title"] for each in api.get(one.rpartition("/")[0]).json()["data"]] == [None]


def test_a_title_is_found_by_q_in_any_case(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    named = api.post(base, json=CRON | {"name": "a", "title": "Nightly BACKUP of 50% _all_"}).json()["job_id"]
    nameless = api.post(base, json=CRON | {"title": "Backup, unnamed"}).json()["job_id"]
    api.post(base, json=CRON | {"name": "b"}).raise_for_status()

    def found(q: str) -> list[str]:
        return [each["job_id"] for each in api.get(base, params={"q": q}).json()["data"]]

    assert found("backup") == [nameless, named]
    assert found("50% _ALL_") == [named]
    assert found("backups") == []


def test_a_key_means_its_request_with_its_title(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    keyed = CRON | {"idempotency_key": "k", "title": "One"}
    made, again, other = (
        api.post(base, json=keyed),
        api.post(base, json=keyed),
        api.post(base, json=keyed | {"title": "Two"}),
    )
    assert (made.status_code, again.status_code, again.json()["job_id"]) == (201, 200, made.json()["job_id"])
    assert problem_of(other)["code"] == "idempotency_mismatch"
