"""A job's name means the job with all its versions. An id means one version; a replaced version cannot change
anything.
"""

from typing import Any

import httpx
import psycopg
import pytest

from api_answers import counts, problem_of
from conftest import Api
from sql_factory import entries

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "7 */2 * * *", "name": "pg"}


class Edited:
    """A job that ran three times and was then edited twice."""

    def __init__(self, api: httpx.Client, workspace: str) -> None:
        self.api, self.base = api, f"/v1/workspaces/{workspace}"
        first = api.post(f"{self.base}/jobs", json=CRON).raise_for_status().json()
        self.runs = [self.run() for _ in range(3)]
        self.versions = [first, self.edit({"tags": ["x"]}), self.edit({"tags": ["y"]})]
        self.runs.append(self.run())

    def run(self) -> str:
        execution_id: str = self.api.post(f"{self.base}/jobs/pg/trigger").raise_for_status().json()["execution_id"]
        return execution_id

    def edit(self, changes: dict[str, Any]) -> dict[str, Any]:
        job: dict[str, Any] = self.api.patch(f"{self.base}/jobs/pg", json=changes).raise_for_status().json()
        return job

    def read(self, path: str, **params: Any) -> Any:
        return self.api.get(f"{self.base}{path}", params=params).raise_for_status().json()

    def listed(self, path: str, **params: object) -> list[str]:
        return [row["execution_id"] for row in self.read(path, **params)["data"]]


@pytest.fixture
def edited(api: httpx.Client, workspace: str) -> Edited:
    return Edited(api, workspace)


@pytest.fixture(scope="module")
def unchanged(shared_api: Api, untouched: str) -> Edited:
    """The same job for all tests that only read, or whose writes are rejected."""
    return Edited(shared_api.client, untouched)


def test_by_name_the_history_of_all_versions_is_there(unchanged: Edited) -> None:
    newest_first = unchanged.runs[::-1]
    assert unchanged.listed("/jobs/pg/executions") == newest_first
    assert unchanged.listed("/executions", job="pg") == newest_first


def test_by_id_the_history_of_that_version_is_there(unchanged: Edited) -> None:
    first, second, third = (each["job_id"] for each in unchanged.versions)
    for job_id, runs in ((first, unchanged.runs[2::-1]), (second, []), (third, unchanged.runs[3:])):
        assert unchanged.listed(f"/jobs/{job_id}/executions") == runs
        assert unchanged.listed("/executions", job=job_id) == runs


def test_a_cursor_survives_an_edit(edited: Edited) -> None:
    page = edited.read("/jobs/pg/executions", limit=2)
    edited.edit({"cron": "8 8 * * *"})
    edited.edit({"tags": []})
    rest = edited.read("/jobs/pg/executions", limit=2, cursor=page["next_cursor"])
    assert [row["execution_id"] for row in page["data"] + rest["data"]] == edited.runs[::-1]


def test_health_and_the_last_day_are_of_all_versions(edited: Edited, shared_superuser: psycopg.Connection) -> None:
    shared_superuser.execute(
        """
        with ended as (delete from kronos.execution_live where execution_id = %s returning *)
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'FAILED', scheduled_at,
               run_at, created_at,
               max_attempts, input from ended
        """,
        [edited.runs[0]],
    )
    by_name = edited.read("/jobs/pg/status")
    assert (by_name["last_24h"], by_name["health"]) == ({"FAILED": 1, "QUEUED": 3}, "FAILING")
    live = edited.read(f"/jobs/{edited.versions[-1]['job_id']}/status")
    assert (live["last_24h"], live["health"]) == ({"QUEUED": 1}, "HEALTHY")


def test_a_name_that_was_given_again_means_the_new_job_alone(edited: Edited) -> None:
    edited.api.delete(f"{edited.base}/jobs/pg").raise_for_status()
    edited.api.post(f"{edited.base}/jobs", json=CRON).raise_for_status()
    assert edited.listed("/jobs/pg/executions") == []
    new = edited.run()
    assert edited.listed("/jobs/pg/executions") == [new]


def test_a_name_that_was_changed_leads_to_its_history_and_names_the_live_version(edited: Edited) -> None:
    live = edited.edit({"name": "renamed"})
    assert edited.listed("/jobs/pg/executions") == edited.listed("/jobs/renamed/executions") == edited.runs[::-1]
    problem = problem_of(edited.api.delete(f"{edited.base}/jobs/pg"))
    assert (problem["status"], live["job_id"] in problem["detail"]) == (409, True)


WRITES: dict[str, tuple[str, str, Any]] = {
    "PATCH": ("PATCH", "", {"tags": ["z"]}),
    "DELETE": ("DELETE", "", None),
    "pause": ("POST", "/pause", {}),
    "resume": ("POST", "/resume", {}),
    "skip-next": ("POST", "/skip-next", {"count": 1}),
    "trigger": ("POST", "/trigger", {}),
    "backfill": ("POST", "/backfill", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}),
}


CONDITIONAL = ("PATCH", "DELETE", "pause", "resume", "skip-next")


@pytest.mark.parametrize(
    ("write", "conditional"),
    [(write, {}) for write in WRITES] + [(write, {"If-Match": tag}) for write in CONDITIONAL for tag in ('"1"', '"9"')],
)
def test_a_write_by_a_replaced_versions_id_names_the_live_one(
    unchanged: Edited, shared_superuser: psycopg.Connection, write: str, conditional: dict[str, str]
) -> None:
    method, path, body = WRITES[write]
    first, _, live = (each["job_id"] for each in unchanged.versions)
    before = counts(shared_superuser), entries(shared_superuser), unchanged.read(f"/jobs/{live}")
    answer = unchanged.api.request(method, f"{unchanged.base}/jobs/{first}{path}", json=body, headers=conditional)
    problem = problem_of(answer)
    assert (problem["status"], problem["code"]) == (409, "job_not_updatable")
    assert live in problem["detail"]
    assert live in problem["errors"][0]["hint"]
    assert (counts(shared_superuser), entries(shared_superuser), unchanged.read(f"/jobs/{live}")) == before


def test_a_retired_job_is_deleted_again_by_any_of_its_ids(edited: Edited) -> None:
    first, _, live = (each["job_id"] for each in edited.versions)
    gone = edited.api.delete(f"{edited.base}/jobs/{live}")
    again = edited.api.delete(f"{edited.base}/jobs/{live}")
    assert (gone.status_code, again.status_code, again.json()) == (200, 200, gone.json())
    assert edited.api.delete(f"{edited.base}/jobs/{first}").json()["status"] == "RETIRED"
    assert edited.api.delete(f"{edited.base}/jobs/{live}", headers={"If-Match": '"1"'}).status_code == 412
