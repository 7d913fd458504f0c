"""GET and PUT /v1/workspaces/{w}/retention: a workspace's own ages, the instance's, and since when its history is
complete.
"""

from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from conftest import Api
from retention_rows import finished, retain_all
from sql_factory import value

DEFAULTS = {"success_days": 30, "failure_days": 90}
NONE = {"success_days": None, "failure_days": None}


def test_without_ages_of_its_own_the_instances_hold(api: httpx.Client, workspace: str) -> None:
    response = api.get(f"/v1/workspaces/{workspace}/retention")
    assert (response.status_code, response.json()) == (
        200,
        {
            "workspace": workspace,
            **DEFAULTS,
            "override": NONE,
            "defaults": DEFAULTS,
            "retained_from": None,
            "version": 1,
        },
    )


def test_a_put_replaces_both_and_null_goes_back(api: httpx.Client, workspace: str) -> None:
    path = f"/v1/workspaces/{workspace}/retention"
    put = api.put(path, json={"failure_days": 365})
    assert (put.status_code, put.json()["success_days"], put.json()["failure_days"]) == (200, 30, 365)
    put = api.put(path, json={"success_days": 7, "failure_days": None})
    assert put.json()["override"] == {"success_days": 7, "failure_days": None}
    assert api.get(path).json() == put.json()
    assert api.put(path, json={}).json()["override"] == NONE


@pytest.mark.parametrize("body", [{"success_days": 0}, {"failure_days": 36501}, {"success_days": "x"}, {"days": 1}])
def test_what_cannot_be_is_refused(api: httpx.Client, workspace: str, body: dict[str, Any]) -> None:
    path = f"/v1/workspaces/{workspace}/retention"
    assert api.put(path, json=body).status_code == 422
    assert api.get(path).json()["override"] == NONE


def test_other_workspaces_are_untouched_and_the_system_one_refuses(api: httpx.Client, workspace: str) -> None:
    assert api.put(f"/v1/workspaces/{workspace}/retention", json={"success_days": 1}).status_code == 200
    slug = api.post("/v1/workspaces", json={"slug": f"{workspace[:40]}-b"}).json()["slug"]
    assert api.get(f"/v1/workspaces/{slug}/retention").json()["override"] == NONE
    refused = api.put("/v1/workspaces/kronos-system/retention", json={"success_days": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    absent = api.get("/v1/workspaces/nowhere/retention")
    assert (absent.status_code, absent.json()["code"]) == (404, "workspace_not_found")


def test_beyond_the_retained_window_nobody_says_unaccounted(
    own_api: Api, own_workspace: str, superuser: psycopg.Connection
) -> None:
    base = f"/v1/workspaces/{own_workspace}"
    made = own_api.client.post(
        f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "0 12 * * *"}
    ).json()
    now: datetime = value(superuser, "select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'")
    noon = now - timedelta(days=40) + timedelta(hours=12)
    superuser.execute(
        "update kronos.jobs set ticks_from = %s where job_id = %s", [now - timedelta(days=50), made["job_id"]]
    )
    at = {"at": noon.isoformat().replace("+00:00", "Z")}
    told = own_api.client.get(f"{base}/jobs/{made['job_id']}/explain", params=at).json()
    assert (told["decision"], told["code"]) == ("UNACCOUNTED", "unaccounted")
    retain_all(superuser)
    told = own_api.client.get(f"{base}/jobs/{made['job_id']}/explain", params=at).json()
    assert (told["decision"], told["code"]) == ("UNKNOWN", "beyond_retention")
    assert own_api.client.get(f"{base}/retention").json()["retained_from"] is not None
    # A row that is kept longer is still reported.
    age = value(superuser, "select extract(epoch from date_trunc('minute', now()) - %s)::float / 86400", [noon])
    finished(superuser, made["job_id"], "FAILED", days=age)
    told = own_api.client.get(f"{base}/jobs/{made['job_id']}/explain", params=at).json()
    assert told["decision"] == "FAILED"


def test_a_version_that_was_aged_out_is_named(own_api: Api, own_workspace: str, superuser: psycopg.Connection) -> None:
    base = f"/v1/workspaces/{own_workspace}"
    job = own_api.client.post(
        f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "0 12 * * *", "name": "report"}
    ).json()
    for hour in (13, 14):
        assert own_api.client.patch(f"{base}/jobs/report", json={"cron": f"0 {hour} * * *"}).status_code == 200
    superuser.execute(
        "update kronos.jobs set ticks_from = ticks_from - interval '60 days' + version * interval '1 day',"
        " created_at = created_at - interval '60 days' + version * interval '1 day' where name = 'report'"
    )
    superuser.execute(
        "update kronos.jobs set retired_at = ticks_from + interval '1 day', ticks_until = ticks_from + interval '1 day'"
        " where name = 'report' and status = 'RETIRED'"
    )
    retain_all(superuser)
    kept = own_api.client.get(f"{base}/jobs/report/versions").json()["data"]
    assert [(each["version"], each["previous_version_id"]) for each in kept] == [(3, kept[1]["job_id"]), (2, None)]
    begun: datetime = value(superuser, "select min(ticks_from) from kronos.jobs where name = 'report'")
    at = (begun - timedelta(hours=12)).isoformat().replace("+00:00", "Z")
    told = own_api.client.get(f"{base}/jobs/report/explain", params={"at": at}).json()
    assert (told["decision"], told["code"]) == ("UNKNOWN", "beyond_retention")
    assert own_api.client.get(f"{base}/jobs/{job['job_id']}").status_code == 404
