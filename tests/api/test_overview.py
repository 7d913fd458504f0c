"""A workspace's overview, and the coming load of its jobs."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import problem_of
from conftest import Api, holding
from factory import add_key
from sql_factory import value

_MADE = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, started_at, completed_at,
                                   attempt_count, max_attempts, tick_count, input, error)
select kronos.tick_id(job.job_id, tick.at), job.workspace_id, job.job_id, job.endpoint_id, 1, %(cause)s, %(status)s,
       %(reason)s, tick.at, tick.at, least(tick.at + %(made_after)s, now()), tick.at + %(began_after)s, now(), 1, 5,
       %(ticks)s, '{}', %(error)s
  from kronos.jobs as job
 cross join lateral (select date_trunc('minute', now()) - %(ago)s as at) as tick
 where job.job_id = %(job)s
returning execution_id, scheduled_at
"""


class Scene:
    """A workspace with a job, and ticks with various outcomes."""

    def __init__(self, api: httpx.Client, superuser: psycopg.Connection, workspace: str) -> None:
        self.api, self.superuser, self.base = api, superuser, f"/v1/workspaces/{workspace}"

    def job(self, name: str, **terms: object) -> str:
        body = {"name": name, "endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", **terms}
        made = self.api.post(f"{self.base}/jobs", json=body)
        assert made.status_code == 201, made.text
        job_id: str = made.json()["job_id"]
        return job_id

    def ended(self, job: str, status: str, minutes_ago: float, **more: Any) -> tuple[str, datetime]:
        params = {
            "job": job,
            "status": status,
            "cause": "SCHEDULE",
            "ago": timedelta(minutes=minutes_ago),
            "made_after": timedelta(seconds=1),
            "began_after": timedelta(seconds=2),
            "reason": None if status in ("SUCCESS", "FAILED") else '{"code": "for_the_test"}',
            "error": '{"type": "http_status", "message": "it said 500"}' if status == "FAILED" else None,
            "ticks": 1,
            **more,
        }
        (row,) = self.superuser.execute(_MADE, params).fetchall()
        return str(row[0]), row[1]

    def overview(self) -> dict[str, Any]:
        answer = self.api.get(f"{self.base}/overview")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def scene(api: httpx.Client, shared_superuser: psycopg.Connection, workspace: str) -> Scene:
    return Scene(api, shared_superuser, workspace)


def at(found: dict[str, Any], instant: datetime) -> dict[str, int]:
    """The minute's counts that are not zero."""
    name = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    (minute,) = (each for each in found["minutes"] if each["at"] == name)
    return {what: number for what, number in minute.items() if number and what != "at"}


def test_each_tick_stands_at_its_minute_as_what_became_of_it(scene: Scene) -> None:
    job = scene.job("each")
    became = {
        "delivered": scene.ended(job, "SUCCESS", 50)[1],
        "late": scene.ended(job, "SUCCESS", 49, began_after=timedelta(seconds=91))[1],
        "failed": scene.ended(job, "FAILED", 48)[1],
        "missed": scene.ended(job, "MISSED", 47, made_after=timedelta(minutes=20))[1],
        "skipped": scene.ended(job, "SKIPPED", 46)[1],
        "cancelled": scene.ended(job, "CANCELLED", 45)[1],
        "expired": scene.ended(job, "EXPIRED", 44)[1],
    }
    found = scene.overview()
    assert len(found["minutes"]) == 120
    assert {what: at(found, instant) for what, instant in became.items()} == {what: {what: 1} for what in became}
    assert (found["delivered"], found["failed"], found["is_delivered_cut"]) == (2, 1, False)


def test_a_row_of_many_ticks_is_spread_over_their_minutes(scene: Scene) -> None:
    last = value(scene.superuser, "select date_trunc('minute', now()) - interval '10 minutes'")
    scene.ended(
        scene.job("out"),
        "MISSED",
        100,
        ticks=91,
        made_after=timedelta(minutes=95),
        reason=f'{{"code": "outage", "last": "{last.isoformat()}"}}',
    )
    found = scene.overview()
    minutes = [each for each in found["minutes"] if each["missed"]]
    assert {each["missed"] for each in minutes} == {1}
    assert minutes[-1]["at"] == last.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    assert len(minutes) in (49, 50)  # up to that tick; another minute may have begun since


def test_what_fails_and_has_not_succeeded_since_is_failing_with_why(scene: Scene) -> None:
    failing, recovered = scene.job("failing"), scene.job("recovered")
    for job in (failing, recovered):
        scene.ended(job, "FAILED", 9)
        last, _ = scene.ended(job, "FAILED", 8)
        if job == failing:
            newest = last
    scene.ended(recovered, "SUCCESS", 1)
    found = scene.overview()
    (only,) = found["failing"]
    assert (only["job_name"], only["failures"], only["error_type"]) == ("failing", 2, "http_status")
    assert (only["message"], only["endpoint"]) == ("it said 500", "sink")
    assert only["execution_id"] == newest
    assert found["dead_letters"]["number"] == 4


def test_what_waits_for_long_is_late_with_why(scene: Scene) -> None:
    job = scene.job("waiting")
    run = scene.api.post(f"{scene.base}/jobs/{job}/trigger", json={}).json()["execution_id"]
    scene.superuser.execute(
        "update kronos.execution_live set visible_at = now() - interval '5 minutes' where execution_id = %s", [run]
    )
    found = scene.overview()
    (late,) = found["late"]
    assert (late["job_name"], late["execution_id"], late["number"]) == ("waiting", run, 1)
    assert late["why"] in ("no worker is connected", "workers are busy with others")
    assert (found["queue"]["waiting"], found["queue"]["is_cut"]) == (1, False)
    assert sum(each["waiting"] for each in found["minutes"]) == 1
    scene.api.post(f"{scene.base}/endpoints/sink/disable", json={"note": "on fire"}).raise_for_status()
    assert "disabled" in scene.overview()["late"][0]["why"]


def test_a_job_that_nobody_rang_for_is_late(scene: Scene) -> None:
    job = scene.job("silent")
    scene.superuser.execute(
        "update kronos.pointers set next_tick_at = now() - interval '1 hour' where job_id = %s", [job]
    )
    scene.superuser.execute("update kronos.pointers_floor set lowest_at = '-infinity'")
    (late,) = scene.overview()["late"]
    assert (late["job_id"], late["execution_id"]) == (job, None)
    assert late["why"]


def test_what_is_going_to_run_stands_in_its_minute(scene: Scene) -> None:
    scene.job("often", cron="* * * * *")
    scene.job("interval", cron=None, every="2m", anchor="2026-01-01T00:00:00Z")
    scene.api.post(f"{scene.base}/jobs/often/pause", json={"note": "for the test"}).raise_for_status()
    halves = [each["upcoming"] for each in scene.overview()["minutes"][60:]]
    assert sorted(set(halves)) == [0, 1]
    assert sum(halves) == 30
    scene.api.post(f"{scene.base}/jobs/often/resume", json={}).raise_for_status()
    found = scene.overview()
    assert sum(each["upcoming"] for each in found["minutes"][60:]) == 90
    assert (found["coming_jobs"], found["jobs_left_out"]) == (2, 0)


@pytest.mark.parametrize(("window", "minutes"), [("24h", 1440), ("7d", 10080)])
def test_the_load_counts_each_coming_minute(scene: Scene, window: str, minutes: int) -> None:
    for nth in range(3):
        scene.job(f"daily-{nth}", cron="30 2 * * *", timezone="Asia/Kolkata")
    found = scene.api.get(f"{scene.base}/load", params={"window": window}).json()
    assert len(found["runs"]) == minutes
    days = minutes // 1440
    assert sum(found["runs"]) == 3 * days
    assert {each["runs"] for each in found["busiest"]} == {3}
    assert {each["at"][11:] for each in found["busiest"]} == {"21:00:00Z"}
    assert (found["jobs"], found["left_out"]) == (3, 0)
    assert found["pg_cron_per_minute"] > 1000


def test_a_minute_shows_its_jobs_and_what_spreading_them_would_give(scene: Scene) -> None:
    for nth in range(3):
        scene.job(f"nine-{nth}", cron="59 9 * * *" if nth == 2 else "5 9 * * *")
    at = next(each["at"] for each in scene.api.get(f"{scene.base}/load").json()["busiest"] if each["runs"] == 2)
    found = scene.api.get(f"{scene.base}/load/minute", params={"at": at, "spread": 5}).json()
    assert (found["number"], [each["name"] for each in found["jobs"]]) == (2, ["nine-0", "nine-1"])
    (move,) = found["spread"]["moves"]
    assert (move["job"]["name"], move["minutes"], move["cron"]) == ("nine-0", 1, "6 9 * * *")
    assert (found["spread"]["before"], found["spread"]["after"]) == (2, 1)
    last = at.replace(":05:", ":59:")
    assert scene.api.get(f"{scene.base}/load/minute", params={"at": last}).json()["spread"] is None


def test_the_instances_load_is_its_administrators(scene: Scene) -> None:
    scene.job("hourly", cron="7 * * * *")
    found = scene.api.get("/v1/system/load").json()
    assert found["jobs"] >= 5  # Kronos's own jobs, three of which run every minute
    assert min(found["runs"]) >= 3


def test_a_schedule_that_cannot_be_read_is_left_out_and_stops_no_other(scene: Scene) -> None:
    scene.job("sound", cron="0 4 * * *")
    broken = scene.job("broken", cron="0 5 * * *")
    for column, text in (("timezone", "'Nowhere/Land'"), ("hours", "0"), ("every_seconds", "0")):
        with scene.superuser.transaction(force_rollback=False):
            before = value(scene.superuser, "select schedule::text from kronos.jobs where job_id = %s", [broken])
            scene.superuser.execute("set local session_replication_role = replica")
            scene.superuser.execute(
                f"update kronos.jobs set schedule.{column} = {text} where job_id = %s".encode(), [broken]
            )
        found = scene.api.get(f"{scene.base}/load").json()
        assert (found["jobs"], found["left_out"], sum(found["runs"])) == (1, 1, 1), column
        scene.superuser.execute("update kronos.jobs set schedule = %s where job_id = %s", [before, broken])


def test_groups_of_dead_letters(scene: Scene) -> None:
    job, other = scene.job("a"), scene.job("b")
    for minutes in (5, 4):
        scene.ended(job, "FAILED", minutes)
    last, _ = scene.ended(other, "FAILED", 3)
    scene.ended(job, "FAILED", 2, error='{"type": "timeout", "message": "no answer in 30 s"}')
    groups = scene.api.get(f"{scene.base}/dead-letters/groups").json()
    assert (groups["counted"], groups["is_cut"]) == (4, False)
    first, second = groups["data"]
    assert (first["endpoint"], first["error_type"], first["number"], first["jobs"]) == ("sink", "http_status", 3, 2)
    assert (first["execution_id"], first["message"]) == (last, "it said 500")
    assert (second["error_type"], second["number"], second["message"]) == ("timeout", 1, "no answer in 30 s")
    only = scene.api.get(f"{scene.base}/dead-letters/groups", params={"job": "b"}).json()
    assert [(each["error_type"], each["number"]) for each in only["data"]] == [("http_status", 1)]
    assert scene.api.get(f"{scene.base}/dead-letters/groups", params={"endpoint": "none"}).json() == {
        "data": [],
        "counted": 0,
        "is_cut": False,
    }


def test_a_workspace_that_is_not_there_has_no_overview(api: httpx.Client) -> None:
    for path in ("overview", "load", "dead-letters/groups"):
        answer = api.get(f"/v1/workspaces/w-{uuid.uuid4().hex[:12]}/{path}")
        assert (answer.status_code, problem_of(answer)["code"]) == (404, "workspace_not_found")


def test_a_viewer_sees_the_overview(shared_api: Api, scene: Scene) -> None:
    key = add_key(scene.superuser, scene.base.rpartition("/")[2], "viewer", sees_payloads=False)
    with holding(shared_api.client, key) as viewer:
        assert viewer.get(f"{scene.base}/overview").status_code == 200
