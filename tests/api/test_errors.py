"""Every error class, triggered over HTTP; and every answer has its request id."""

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import counts, problem_of

# It begins far in the future, so that it looks the same whenever it is read.
CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "*/5 * * * *", "starts_at": "2098-01-01T00:00:00Z"}
NOW = {"endpoint": "sink", "trigger": "IMMEDIATE"}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer kr_live_",
        "Bearer kr_live_abc_def",
        "Bearer kr_live_000000000000_" + "a" * 43,
        "Bearer kr_live_%00_%00",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer " + "x" * 5000,
    ],
)
def test_without_a_valid_key_nothing_is_answered(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, authorization: str | None
) -> None:
    before = counts(shared_superuser)
    for method, path in (("GET", "jobs"), ("POST", "jobs"), ("DELETE", "jobs/x"), ("GET", "executions")):
        request = api.build_request(
            method, f"/v1/workspaces/{workspace}/{path}", json=NOW if method == "POST" else None
        )
        del request.headers["Authorization"]
        if authorization is not None:
            request.headers["Authorization"] = authorization

        response = api.send(request)

        problem = problem_of(response)
        assert (response.status_code, problem["code"]) == (401, "unauthorized")
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert counts(shared_superuser) == before


def test_a_key_with_a_wrong_secret_is_no_key(api: httpx.Client, workspace: str) -> None:
    right = api.headers["Authorization"]
    wrong = right[:-1] + ("a" if right[-1] != "a" else "b")

    assert api.get("/v1/workspaces", headers={"Authorization": wrong}).status_code == 401
    assert api.get("/v1/workspaces", headers={"Authorization": right}).status_code == 200


@pytest.mark.parametrize("others_first", [True, False])
def test_two_keys_are_none(api: httpx.Client, others_first: bool) -> None:
    """A proxy may have checked the one, and this server would use the other."""
    right = ("Authorization", api.headers["Authorization"])
    other = ("Authorization", "Bearer of-a-proxy")
    request = api.build_request("GET", "/v1/workspaces")
    del request.headers["Authorization"]
    both = (other, right) if others_first else (right, other)
    request.headers = httpx.Headers([*request.headers.multi_items(), *both])

    response = api.send(request)

    assert response.status_code == 401
    assert problem_of(response)["detail"] == "the header Authorization is given twice: send it once"


def test_the_system_workspace_is_read_only(api: httpx.Client, shared_superuser: psycopg.Connection) -> None:
    before = counts(shared_superuser)
    system = api.get("/v1/workspaces/kronos-system").json()
    (job, *_) = api.get("/v1/workspaces/kronos-system/jobs").json()["data"]

    for ref in ("kronos-system", system["workspace_id"], system["workspace_id"].upper()):
        for method, path, body in (
            ("PATCH", "", {"status": "SUSPENDED"}),
            ("DELETE", "", None),
            ("POST", "/endpoints", {"name": "e", "type": "HTTP", "spec": {"url": "https://example.com/"}}),
            ("PUT", "/endpoints/reaper", {"type": "HTTP", "spec": {"url": "https://example.com/"}}),
            ("DELETE", "/endpoints/reaper", None),
            ("POST", "/jobs", CRON | {"endpoint": "reaper"}),
            ("PATCH", f"/jobs/{job['job_id']}", {"cron": "0 0 1 1 *"}),
            ("DELETE", f"/jobs/{job['job_id']}", None),
            ("POST", f"/jobs/{job['job_id']}/pause", None),
            ("POST", f"/jobs/{job['job_id']}/trigger", None),
        ):
            response = api.request(method, f"/v1/workspaces/{ref}{path}", json=body)
            assert (response.status_code, problem_of(response)["code"]) == (403, "forbidden"), (method, path)
        assert api.get(f"/v1/workspaces/{ref}/jobs").status_code == 200
    assert counts(shared_superuser) == before
    assert api.get("/v1/workspaces/kronos-system").json() == system


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/workspaces/nobody", "workspace_not_found"),
        ("/v1/workspaces/nobody/jobs", "workspace_not_found"),
        ("/v1/workspaces/{id}/jobs", "workspace_not_found"),
        ("/v1/workspaces/{w}/jobs/nothing", "job_not_found"),
        ("/v1/workspaces/{w}/jobs/{id}", "job_not_found"),
        ("/v1/workspaces/{w}/jobs/{id}/versions", "job_not_found"),
        ("/v1/workspaces/{w}/jobs/{id}/status", "job_not_found"),
        ("/v1/workspaces/{w}/jobs/{id}/next-runs", "job_not_found"),
        ("/v1/workspaces/{w}/jobs/{id}/executions", "job_not_found"),
        ("/v1/workspaces/{w}/endpoints/nothing", "endpoint_not_found"),
        ("/v1/workspaces/{w}/executions/{id}", "execution_not_found"),
        ("/v1/workspaces/{w}/executions/{id}/attempts", "execution_not_found"),
        ("/v1/nothing", "not_found"),
        ("/v1/workspaces/", "not_found"),
        ("/%00", "not_found"),
    ],
)
def test_what_is_not_there_is_404(api: httpx.Client, workspace: str, path: str, code: str) -> None:
    problem = problem_of(api.get(path.replace("{w}", workspace).replace("{id}", str(uuid.uuid4()))))

    assert (problem["status"], problem["code"]) == (404, code)


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
def test_an_encoded_slash_leads_to_nothing_else(api: httpx.Client, workspace: str, slash: str) -> None:
    """Decoded before the route is chosen, a job's name was the path of its status, and a workspace's that of a job."""
    path = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(path, json={"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *", "name": "j"}).json()
    for method, sent, json in (
        ("GET", f"{path}/j{slash}status", None),
        ("PATCH", f"/v1/workspaces/{workspace}{slash}jobs{slash}j", {"name": "other"}),
        ("POST", f"{path}/j{slash}pause", {}),
        ("DELETE", f"{path}{slash}j", None),
    ):
        assert problem_of(api.request(method, sent, json=json))["status"] in (400, 404, 405), sent
    assert api.get(f"{path}/j").json() == job


def test_another_workspaces_objects_do_not_exist(api: httpx.Client, workspace: str) -> None:
    other = f"w-{uuid.uuid4().hex[:12]}"
    assert api.post("/v1/workspaces", json={"slug": other}).status_code == 201
    job = api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON | {"name": "mine"}).json()
    once = api.post(f"/v1/workspaces/{workspace}/jobs", json=NOW).json()["execution"]["execution_id"]
    base = f"/v1/workspaces/{other}"

    for method, path, body in (
        ("GET", f"/jobs/{job['job_id']}", None),
        ("GET", "/jobs/mine", None),
        ("PATCH", f"/jobs/{job['job_id']}", {"cron": "1 * * * *"}),
        ("DELETE", f"/jobs/{job['job_id']}", None),
        ("POST", f"/jobs/{job['job_id']}/pause", {}),
        ("POST", f"/jobs/{job['job_id']}/resume", {}),
        ("POST", f"/jobs/{job['job_id']}/trigger", {}),
        ("GET", f"/jobs/{job['job_id']}/versions", None),
        ("GET", f"/jobs/{job['job_id']}/executions", None),
        ("GET", f"/jobs/{job['job_id']}/status", None),
        ("GET", f"/executions/{once}", None),
        ("POST", f"/executions/{once}/cancel", {}),
        ("POST", f"/executions/{once}/retry", {}),
        ("GET", f"/executions/{once}/attempts", None),
        ("GET", "/endpoints/sink", None),
        ("DELETE", "/endpoints/sink", None),
    ):
        assert api.request(method, base + path, json=body).status_code == 404, (method, path)
    assert api.get(f"{base}/executions").json()["data"] == []
    assert api.get(f"/v1/workspaces/{workspace}/jobs/{job['job_id']}").json() == job


def conflict(response: httpx.Response, code: str = "conflict") -> None:
    problem = problem_of(response)
    assert (response.status_code, problem["code"]) == (409, code), problem


def test_conflicts_are_409_and_say_which(api: httpx.Client, workspace: str) -> None:
    base = f"/v1/workspaces/{workspace}"
    job = api.post(f"{base}/jobs", json=CRON | {"name": "taken"}).json()
    once = api.post(f"{base}/jobs", json=NOW).json()

    conflict(api.post("/v1/workspaces", json={"slug": workspace}))
    conflict(
        api.post(f"{base}/endpoints", json={"name": "sink", "type": "HTTP", "spec": {"url": "https://example.com/"}})
    )
    conflict(api.delete(f"{base}/endpoints/sink"), "endpoint_in_use")
    conflict(api.delete(base))
    conflict(api.patch(f"{base}/jobs/{once['job_id']}", json={"cron": "* * * * *"}), "job_not_updatable")
    conflict(api.post(f"{base}/jobs/{once['job_id']}/pause"))
    conflict(api.post(f"{base}/jobs/{once['job_id']}/trigger"))
    conflict(api.get(f"{base}/jobs/{once['job_id']}/next-runs"))
    assert api.delete(f"{base}/jobs/{job['job_id']}").status_code == 200
    conflict(api.patch(f"{base}/jobs/{job['job_id']}", json={"cron": "* * * * *"}), "job_not_updatable")
    conflict(api.post(f"{base}/jobs/{job['job_id']}/resume"))
    execution = once["execution"]["execution_id"]
    conflict(api.post(f"{base}/executions/{execution}/retry"), "execution_not_retryable")


def test_a_taken_job_name_is_a_conflict(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    assert api.post(base, json=CRON | {"name": "taken"}).status_code == 201
    other = api.post(base, json=CRON | {"name": "free"}).json()
    before = counts(shared_superuser)

    conflict(api.post(base, json=CRON | {"name": "taken"}))
    conflict(api.post(base, json=NOW | {"name": "taken"}))
    conflict(api.patch(f"{base}/{other['job_id']}", json={"name": "taken"}))

    assert counts(shared_superuser) == before


def test_a_window_that_a_change_would_empty_is_refused(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(base, json=CRON).json()
    before = counts(shared_superuser)

    problem = problem_of(api.patch(f"{base}/{job['job_id']}", json={"ends_at": "2097-01-01T00:00:00Z"}))

    assert problem["status"] == 422
    assert "ends_at" in problem["errors"][0]["hint"]
    assert counts(shared_superuser) == before


def test_a_suspended_workspace_takes_no_jobs(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    assert api.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).json()["status"] == "SUSPENDED"
    before = counts(shared_superuser)

    conflict(api.post(f"/v1/workspaces/{workspace}/jobs", json=CRON), "workspace_suspended")

    assert counts(shared_superuser) == before


@pytest.mark.parametrize("etag", ['"7"', 'W/"7"'])
def test_if_match_of_another_version_is_412(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, etag: str
) -> None:
    base = f"/v1/workspaces/{workspace}/jobs"
    job = api.post(base, json=CRON)
    before = counts(shared_superuser)

    problem = problem_of(
        api.patch(f"{base}/{job.json()['job_id']}", json={"cron": "1 * * * *"}, headers={"If-Match": etag})
    )

    assert (problem["status"], problem["code"]) == (412, "precondition_failed")
    assert counts(shared_superuser) == before
    assert api.get(f"{base}/{job.json()['job_id']}").content == job.content


@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS", "DELETE"])
def test_another_method_is_405_and_says_which_there_are(api: httpx.Client, workspace: str, method: str) -> None:
    response = api.request(method, f"/v1/workspaces/{workspace}/jobs")

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-123", True),
        ("0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("a b", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/v1/nothing", "/v1/workspaces"])
def test_every_answer_has_the_callers_request_id_or_a_new_one(
    api: httpx.Client, given: str, kept: bool, path: str
) -> None:
    response = api.get(path, headers={"Request-Id": given})

    assert response.headers["request-id"]
    assert (response.headers["request-id"] == given) is kept


def test_health_and_index_need_no_key(api: httpx.Client) -> None:
    for path in ("/", "/healthz", "/readyz", "/openapi.json"):
        request = api.build_request("GET", path)
        del request.headers["Authorization"]
        assert api.send(request).status_code != 401, path
    assert api.get("/healthz").json() == {"status": "ok"}


def test_what_nobody_foresaw_is_500_with_an_id_and_no_detail_of_the_database(
    own_api: Any, superuser: psycopg.Connection
) -> None:
    superuser.execute("alter table kronos.workspaces add constraint nobody_expects check (name <> 'secret') not valid")

    response = own_api.client.post("/v1/workspaces", json={"slug": "acme", "name": "secret"})

    problem = problem_of(response)
    assert (response.status_code, problem["code"]) == (500, "internal_error")
    assert "secret" not in response.text
    assert "nobody_expects" not in response.text


def test_a_database_that_does_not_answer_is_503_and_may_be_tried_again(
    own_api: Any, superuser: psycopg.Connection
) -> None:
    superuser.execute("begin")
    superuser.execute("lock table kronos.workspaces in access exclusive mode")

    response = own_api.client.post("/v1/workspaces", json={"slug": "acme"})
    superuser.execute("rollback")

    problem = problem_of(response)
    assert (response.status_code, problem["code"], problem["pg_sqlstate"]) == (503, "database_unavailable", "55P03")
    assert int(response.headers["retry-after"]) > 0
    assert own_api.client.post("/v1/workspaces", json={"slug": "acme"}).status_code == 201


def test_without_pg_cron_a_cron_job_is_503_and_readyz_says_why(
    own_api: Any, own_workspace: str, superuser: psycopg.Connection
) -> None:
    superuser.execute("drop extension pg_cron cascade")

    ready = own_api.client.get("/readyz")
    made = own_api.client.post(f"/v1/workspaces/{own_workspace}/jobs", json=CRON)

    assert (ready.status_code, problem_of(ready)["code"]) == (503, "pg_cron_unavailable")
    assert "pg_cron" in ready.json()["detail"]
    problem = problem_of(made)
    assert (made.status_code, problem["code"]) == (503, "pg_cron_unavailable")
    assert problem["pg_sqlstate"]
    assert int(made.headers["retry-after"]) > 0
    assert superuser.execute("select count(*) from kronos.jobs where trigger = 'CRON' and name is null").fetchone() == (
        0,
    )
