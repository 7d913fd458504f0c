"""A title is a name for people: one line of any text, kept across versions, and found by q."""

import httpx
import psycopg
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
    "title",
    ["", " ", "\t", "two\nlines", "bell\u0007", "\u0085", "\u200b", "a\u202eb", "a" * 201, "🙂" * 201, 7, ["a"]],
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


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", "/jobs", CRON | {"tags": ["ok", "re\u200bports"]}, "/tags/1"),
        ("POST", "/heartbeats", {"name": "beat", "period_seconds": 60, "tags": ["\ufeffnightly"]}, "/tags/0"),
        ("POST", "/calendars", {"name": "c", "days": [{"starts": "2026-12-25", "name": "X\u202emas"}]}, "/days/0/name"),
        ("POST", "/apply", {"jobs": [{"name": "j", "endpoint": "sink", "cron": "0 3 * * *", "tags": ["a\u2060"]}]},
         "/jobs/0/tags/0"),
        ("PATCH", "", {"name": "Acme\u200b"}, "/name"),
        ("POST", "/jobs", CRON | {"name": "re\u200bport"}, "/name"),
        ("POST", "/endpoints", HTTP | {"name": "e\u202e"}, "/name"),
        ("POST", "/configs", {"name": "\u200b", "values": {}}, "/name"),
        ("POST", "/secrets", {"name": "a\u200bb", "value": "a-long-enough-value"}, "/name"),
    ],
)  # fmt: skip
def test_no_name_has_what_is_not_seen(
    api: httpx.Client, workspace: str, method: str, path: str, body: dict[str, object], pointer: str
) -> None:
    problem = problem_of(api.request(method, f"/v1/workspaces/{workspace}{path}", json=body))
    (fault,) = problem["errors"]
    assert (problem["status"], fault["pointer"]) == (422, pointer)
    assert fault["hint"]


def test_a_name_that_was_stored_before_is_found_changed_and_mended(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}"
    job = api.post(f"{base}/jobs", json=CRON | {"title": "old", "tags": ["old"]}).raise_for_status().json()["job_id"]
    hidden = "ol\u200bd"
    shared_superuser.execute(
        "update kronos.jobs set title = %s, tags = array[%s] where job_id = %s", [hidden, hidden, job]
    )
    (found,) = api.get(f"{base}/jobs", params={"tag": hidden}).raise_for_status().json()["data"]
    assert (found["job_id"], found["tags"], found["title"]) == (job, [hidden], hidden)
    changed = api.patch(f"{base}/jobs/{job}", json={"cron": "8 8 * * *"}).raise_for_status().json()
    assert changed["tags"] == [hidden]
    mended = api.patch(f"{base}/jobs/{changed['job_id']}", json={"tags": ["new"], "title": "new"}).raise_for_status()
    assert (mended.json()["tags"], mended.json()["title"]) == (["new"], "new")


HIDDEN, OTHER = "ol\u200bd", "o\u200bld"


@pytest.fixture
def before(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> str:
    """The path of a workspace whose objects have titles, tags and named days that were stored before such texts were
    rejected.
    """
    base = f"/v1/workspaces/{workspace}"
    day = {"starts": "2026-12-25", "name": "old"}
    for path, body in {
        "endpoints": HTTP | {"name": "e", "title": "old"},
        "calendars": {"name": "c", "days": [day]},
        "jobs": CRON | {"name": "j", "title": "old", "tags": ["old", "seen"]},
        "heartbeats": {"name": "h", "period_seconds": 60, "tags": ["old", "seen"]},
    }.items():
        api.post(f"{base}/{path}", json=body).raise_for_status()
    for update in (
        "endpoints set title = %(hidden)s where name = 'e'",
        "jobs set title = %(hidden)s, tags = array[%(hidden)s, 'seen'] where name = 'j'",
        "beats set tags = array[%(hidden)s, 'seen'] where name = 'h'",
        "workspaces set name = %(hidden)s where true",
        "document_versions set content = jsonb_set(content, '{days,0,name}', to_jsonb(%(hidden)s::text))"
        " where content ? 'days'",
    ):
        shared_superuser.execute(
            f"update kronos.{update} and workspace_id ="
            " (select workspace_id from kronos.workspaces where slug = %(workspace)s)",
            {"hidden": HIDDEN, "workspace": workspace},
        )
    return base


def test_what_was_stored_before_and_is_not_changed_is_no_fault(api: httpx.Client, before: str) -> None:
    """Applying the export changes nothing, as promised. A change of another field sends the rest unchanged."""
    exported = api.get(f"{before}/export").raise_for_status().json()
    assert HIDDEN in exported["jobs"][0]["tags"]
    assert exported["calendars"][0]["days"][0]["name"] == exported["endpoints"][0]["title"] == HIDDEN
    applied = api.post(f"{before}/apply", json=exported | {"take_over": True}).raise_for_status().json()
    assert applied["counts"] | {"unchanged": 0} == {"created": 0, "changed": 0, "removed": 0, "unchanged": 0}
    for method, path, body in (
        ("PATCH", "jobs/j", {"title": HIDDEN, "tags": [HIDDEN, "more"]}),
        ("POST", "jobs/j/diff", {"title": HIDDEN, "cron": "8 8 * * *"}),
        ("PUT", "endpoints/e", HTTP | {"title": HIDDEN, "max_in_flight": 2}),
        ("PUT", "heartbeats/h", {"period_seconds": 90, "tags": [HIDDEN]}),
        ("PUT", "calendars/c", {"timezone": "Asia/Tokyo", "days": [{"starts": "2026-12-26", "name": HIDDEN}]}),
        ("PATCH", "", {"name": HIDDEN}),
    ):
        api.request(method, f"{before}/{path}".rstrip("/"), json=body).raise_for_status()
    changed = exported["jobs"][0] | {"cron": "9 9 * * *"}
    applied = api.post(f"{before}/apply", json={"jobs": [changed]}).raise_for_status().json()
    assert applied["counts"]["changed"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("PATCH", "jobs/j", {"title": OTHER}, "/title"),
        ("PATCH", "jobs/j", {"tags": [HIDDEN, OTHER]}, "/tags/1"),
        ("PATCH", "jobs/gone", {"title": HIDDEN}, "/title"),
        ("POST", "jobs", CRON | {"title": HIDDEN}, "/title"),
        ("PUT", "endpoints/new", HTTP | {"title": HIDDEN}, "/title"),
        ("PUT", "heartbeats/h", {"period_seconds": 90, "tags": ["seen", OTHER]}, "/tags/1"),
        ("PUT", "calendars/c", {"days": [{"starts": "2026-12-26", "name": OTHER}]}, "/days/0/name"),
        ("POST", "apply", {"jobs": [{"name": "j", "endpoint": "sink", "cron": "0 3 * * *", "tags": [OTHER]}]},
         "/jobs/0/tags/0"),
        ("POST", "apply", {"endpoints": [HTTP | {"name": "e", "title": OTHER}], "heartbeats": 7}, "/heartbeats"),
        ("POST", "apply", {"heartbeats": [{"name": "h", "period_seconds": 60, "tags": [HIDDEN, OTHER]}]},
         "/heartbeats/0/tags/1"),
    ],
)  # fmt: skip
def test_what_is_new_is_refused_beside_what_was_stored_before(
    api: httpx.Client, before: str, method: str, path: str, body: dict[str, object], pointer: str
) -> None:
    problem = problem_of(api.request(method, f"{before}/{path}", json=body))
    assert (problem["status"], [each["pointer"] for each in problem["errors"]]) == (422, [pointer])


def test_a_title_of_before_is_no_tag(api: httpx.Client, before: str) -> None:
    tags = {"tags": ["seen"]}
    api.patch(f"{before}/jobs/j", json=tags).raise_for_status()
    problem = problem_of(api.patch(f"{before}/jobs/j", json={"tags": [HIDDEN]}))
    assert problem["errors"][0]["pointer"] == "/tags/0"


def test_an_endpoints_title_that_was_stored_before_is_exported_and_mended_by_files(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """Exporting the workspace, or applying a file with that endpoint, used to answer 500."""
    base = f"/v1/workspaces/{workspace}"
    api.post(f"{base}/endpoints", json=HTTP | {"name": "e", "title": "old"}).raise_for_status()
    shared_superuser.execute(
        "update kronos.endpoints set title = %s where name = 'e' and workspace_id ="
        " (select workspace_id from kronos.workspaces where slug = %s)",
        ["ol\u200bd", workspace],
    )
    exported = api.get(f"{base}/export").raise_for_status().json()["endpoints"]
    assert [each["title"] for each in exported if each["name"] == "e"] == ["ol\u200bd"]
    files = {"endpoints": [HTTP | {"name": "e", "title": "new"}], "take_over": True}
    api.post(f"{base}/apply", json=files).raise_for_status()
    assert api.get(f"{base}/endpoints/e").json()["title"] == "new"


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
