"""When jobs share entries of pg_cron, nothing changes over the API except the entries' names."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from api_answers import problem_of
from conftest import Api
from sharing import own_entries, share, shared_entries
from sql_factory import Connection, value

NINE = "0 9 * * *"


@pytest.fixture
def su(own_api: Api) -> Iterator[Connection]:
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        share(connection)
        yield connection


@pytest.fixture
def jobs(own_api: Api, own_workspace: str, su: Connection) -> str:
    return f"/v1/workspaces/{own_workspace}/jobs"


def _create(api: Api, jobs: str, cron: str = NINE) -> dict[str, Any]:
    made = api.client.post(jobs, json={"endpoint": "sink", "trigger": "CRON", "cron": cron})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_a_job_shows_the_entry_that_it_shares_from_its_beginning_to_its_end(
    own_api: Api, jobs: str, su: Connection
) -> None:
    name = f"kronos:@{value(su, 'select md5(%s)', [NINE])}"
    first = _create(own_api, jobs)
    assert first["pg_cron"] == {"jobid": None, "jobname": name, "schedule": NINE, "active": True}
    number = value(su, "select jobid from cron.job where jobname = %s", [name])
    second = _create(own_api, jobs)
    assert second["pg_cron"] == first["pg_cron"] | {"jobid": number}
    url = f"{jobs}/{first['job_id']}"
    assert own_api.client.get(url).json()["pg_cron"] == second["pg_cron"]
    assert [each["pg_cron"] for each in own_api.client.get(jobs).json()["data"]] == [second["pg_cron"]] * 2

    paused = own_api.client.post(f"{url}/pause", json={})
    assert (paused.status_code, paused.json()["pg_cron"]) == (200, None)
    assert own_api.client.post(f"{jobs}/{second['job_id']}/pause", json={}).status_code == 200
    assert shared_entries(su) == []
    assert own_api.client.post(f"{url}/resume", json={}).json()["pg_cron"]["jobname"] == name
    assert shared_entries(su) == [NINE]

    changed = own_api.client.patch(url, json={"cron": "0 10 * * *"}, headers={"If-Match": "*"})
    assert changed.status_code == 200, changed.text
    assert shared_entries(su) == ["0 10 * * *"]
    assert own_api.client.delete(f"{jobs}/{changed.json()['job_id']}").status_code == 200
    assert (shared_entries(su), own_entries(su)) == ([], [])
    assert own_api.client.get("/v1/system/drift").json()["differences"] == 0


def test_explain_and_drift_look_at_the_entry_that_is_shared(own_api: Api, jobs: str, su: Connection) -> None:
    job_id = _create(own_api, jobs)["job_id"]

    def entry_step() -> dict[str, Any]:
        steps = own_api.client.get(f"{jobs}/{job_id}/explain").json()["steps"]
        (found,) = [step for step in steps if step["step"] == "pg_cron_entry"]
        return dict(found)

    assert entry_step()["holds"] is True
    su.execute("update cron.job set command = 'select 1' where jobname like 'kronos:@%'")
    assert entry_step()["holds"] is False
    su.execute("delete from cron.job where jobname like 'kronos:@%'")
    assert "has no entry" in entry_step()["detail"]
    (difference,) = own_api.client.get("/v1/system/drift").json()["data"]
    assert difference["difference"] == "an alarm of ACTIVE jobs has no entry"
    assert value(su, "select kronos.reap()")["registered"] == 1
    assert (entry_step()["holds"], own_api.client.get("/v1/system/drift").json()["differences"]) == (True, 0)


def test_what_pg_cron_refuses_as_a_request_commits_is_said_and_nothing_has_changed(
    own_api: Api, jobs: str, su: Connection
) -> None:
    su.execute(
        """
        create function public.refuse() returns trigger language plpgsql as $$
        begin
            raise object_not_in_prerequisite_state using message = 'pg_cron is out of order';
        end
        $$;
        create trigger refused before insert on cron.job for each row execute function public.refuse();
        """
    )
    refused = own_api.client.post(jobs, json={"endpoint": "sink", "trigger": "CRON", "cron": NINE})
    assert (refused.status_code, problem_of(refused)["code"]) == (503, "pg_cron_unavailable")
    assert "pg_cron is out of order" in problem_of(refused)["detail"]
    assert (own_api.client.get(jobs).json()["data"], shared_entries(su)) == ([], [])
    su.execute("drop trigger refused on cron.job")
    _create(own_api, jobs)
    assert shared_entries(su) == [NINE]


def test_twenty_at_once_create_and_cancel_jobs_of_one_schedule(own_api: Api, jobs: str, su: Connection) -> None:
    def create_and_cancel(number: int) -> int:
        made = _create(own_api, jobs)
        if number % 4 == 0:
            return 1
        return 0 if own_api.client.delete(f"{jobs}/{made['job_id']}").status_code == 200 else 100

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(create_and_cancel, range(20))) == 5
        assert shared_entries(su) == [NINE]
        ids = [each["job_id"] for each in own_api.client.get(jobs, params={"status": "ACTIVE"}).json()["data"]]
        assert {
            answer.status_code for answer in pool.map(lambda each: own_api.client.delete(f"{jobs}/{each}"), ids)
        } == {200}
    assert shared_entries(su) == []


def test_a_suspended_workspaces_alarms_go_and_come_back(
    own_api: Api, own_workspace: str, jobs: str, su: Connection
) -> None:
    _create(own_api, jobs)
    workspace = f"/v1/workspaces/{own_workspace}"
    for status, entries in (("SUSPENDED", []), ("ACTIVE", [NINE])):
        turned = own_api.client.patch(workspace, json={"status": status}, headers={"If-Match": "*"})
        assert turned.status_code == 200, turned.text
        assert shared_entries(su) == entries
    assert own_api.client.get("/v1/system/drift").json()["differences"] == 0


def test_the_instances_administrator_sees_how_often_pg_cron_rings(own_api: Api, jobs: str, su: Connection) -> None:
    for cron in (NINE, NINE, "0 10 * * *", "30 */6 * * *"):
        _create(own_api, jobs, cron)
    found = own_api.client.get("/v1/system/alarms").json()
    assert found | {"changed_at": None} == {
        "wanted": "shared",
        "are_shared": True,
        "changed_at": None,
        "jobs": 4,
        "alarms": 3,
        "entries": 8,
        "folded": None,
        "rings_apart": 7.0,
        "rings_shared": 6.0,
        "rings_now": 6.0,
    }
