"""Why did it not run? Each cause has a code of its own, told over HTTP with the evidence; and `at` is what the answer is about."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from api_answers import problem_of
from conftest import make_workspace
from sql_factory import records, value

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FIELDS = {"job_id", "version_id", "at", "tick", "decision", "code", "because", "steps"}
BERLIN = {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}


class Scene:
    """A workspace, its jobs, and the clock that they are told."""

    def __init__(self, client: httpx.Client, connection: psycopg.Connection, workspace: str) -> None:
        self.client = client
        self.connection = connection
        self.workspace = workspace
        self.base = f"/v1/workspaces/{workspace}/jobs"
        self.minute: datetime = value(connection, "select date_trunc('minute', now())")

    def make(self, **body: Any) -> str:
        response = self.client.post(self.base, json={"endpoint": "sink", "trigger": "CRON"} | body)
        assert response.status_code == 201, response.text
        job_id: str = response.json()["job_id"]
        return job_id

    def make_old(self, pointer: datetime, **body: Any) -> str:
        """A job from long ago that is accounted for up to, and without, `pointer`."""
        job_id = self.make(**({"cron": "* * * * *"} if "every" not in body else {}) | body)
        self.connection.execute(
            "update tests.jobs set ticks_from = '2024-01-01', created_at = '2024-01-01', next_tick_at = %s where job_id = %s",
            [pointer, job_id],
        )
        return job_id

    def ring(self, job_id: str, now: datetime | None = None) -> None:
        self.connection.execute("select kronos.account_ticks(array[%s::uuid], coalesce(%s, clock_timestamp()))", [job_id, now])

    def ring_twice_a_minute_apart(self, **body: Any) -> tuple[str, datetime, datetime]:
        first, second = self.minute - 10 * MINUTE, self.minute - 9 * MINUTE
        job_id = self.make_old(first, **body)
        self.ring(job_id, first)
        self.ring(job_id, second)
        return job_id, first, second

    def due(self, **body: Any) -> tuple[str, datetime]:
        """A job with one execution, of the minute before this one."""
        tick = self.minute - MINUTE
        job_id = self.make_old(tick, **body)
        self.ring(job_id, tick)
        return job_id, tick

    def explain(self, job: str, at: datetime | str | None = None, *, workspace: str | None = None) -> dict[str, Any]:
        base = self.base if workspace is None else f"/v1/workspaces/{workspace}/jobs"
        given = at.isoformat() if isinstance(at, datetime) else at
        response = self.client.get(f"{base}/{job}/explain", params={} if given is None else {"at": given})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        assert set(answer) == FIELDS
        assert answer["because"][:1].isupper()
        assert answer["because"].endswith(".")
        for step in answer["steps"]:
            assert set(step) == {"step", "holds", "detail", "evidence"}
        return answer

    def told(self, job: str, at: datetime | str | None = None) -> tuple[str, str]:
        answer = self.explain(job, at)
        return answer["decision"], answer["code"]


def step_of(answer: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (step for step in answer["steps"] if step["step"] == name)
    return found


@pytest.fixture
def scene(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Scene:
    return Scene(api, shared_superuser, workspace)


@pytest.mark.parametrize(
    ("cron", "wrong"),
    [
        ("31 9 17 2 *", "minute 30 does not match '31'"),
        ("30 8,10 17 2 *", "hour 9 does not match '8,10'"),
        ("30 9 17 3-12 *", "month 2 does not match '3-12'"),
        ("30 9 16 * *", "day of month 17 does not match '16'"),
        ("30 9 * * Mon,Wed", "weekday Tuesday does not match 'Mon,Wed'"),
        ("30 9 16 * Mon", "day of month 17 does not match '16' and weekday Tuesday does not match 'Mon'"),
    ],
)
def test_it_says_which_field_does_not_match(scene: Scene, cron: str, wrong: str) -> None:
    answer = scene.explain(scene.make(cron=cron), "2099-02-17T09:30:12Z")
    assert (answer["decision"], answer["code"], answer["tick"]) == ("NOT_DUE", "no_tick_at_this_minute", None)
    assert wrong in answer["because"]
    assert step_of(answer, "schedule")["holds"] is False


def test_the_fields_are_read_in_the_jobs_own_zone(scene: Scene) -> None:
    job_id = scene.make(cron="0 9 * * *", timezone="Asia/Kolkata")
    answer = scene.explain(job_id, "2099-02-17T03:30:00Z")
    assert (answer["decision"], answer["code"], answer["tick"]) == ("WILL_RUN", "in_the_future", "2099-02-17T03:30:00Z")
    assert step_of(answer, "schedule")["evidence"]["local"] == "2099-02-17T09:00:00+05:30"
    assert "hour 14 does not match '9'" in scene.explain(job_id, "2099-02-17T09:00:00Z")["because"]


def test_an_interval_is_told_by_its_arithmetic(scene: Scene) -> None:
    job_id = scene.make(every="90m", anchor="2026-01-01T00:00:00Z")
    assert scene.told(job_id, "2099-01-01T00:00:00Z") == ("WILL_RUN", "in_the_future")
    answer = scene.explain(job_id, "2099-01-01T01:00:00Z")
    assert answer["code"] == "no_tick_at_this_minute"
    assert "whole number of intervals of 90m" in answer["because"]


def test_before_starts_at_and_from_ends_at_on_it_does_not_run(scene: Scene) -> None:
    job_id = scene.make(cron="0 9 * * *", starts_at="2098-01-01T00:00:00Z", ends_at="2098-02-01T00:00:00Z")
    assert scene.told(job_id, "2097-12-31T09:00:00Z") == ("NOT_DUE", "before_starts_at")
    assert scene.told(job_id, "2098-01-01T09:00:00Z") == ("WILL_RUN", "in_the_future")
    assert scene.told(job_id, "2098-02-01T09:00:00Z") == ("NOT_DUE", "after_ends_at")


def test_a_job_that_ended_by_ends_at_says_so(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute - 5 * MINUTE, ends_at=(scene.minute + 9 * HOUR).isoformat())
    scene.connection.execute("update kronos.jobs set ends_at = %s where job_id = %s", [scene.minute - 3 * MINUTE, job_id])
    scene.connection.execute("select kronos.end_jobs(clock_timestamp())")
    assert scene.told(job_id, scene.minute + 2 * MINUTE) == ("NOT_DUE", "after_ends_at")


def test_a_job_whose_runs_are_used_up_says_so(scene: Scene) -> None:
    job_id, _ = scene.due(max_runs=1)
    assert scene.told(job_id, scene.minute + 2 * MINUTE) == ("NOT_DUE", "max_runs_reached")


def test_a_cancelled_job_says_so(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *")
    assert scene.client.delete(f"{scene.base}/{job_id}").status_code == 200
    answer = scene.explain(job_id, scene.minute + 2 * MINUTE)
    assert (answer["decision"], answer["code"]) == ("NOT_DUE", "cancelled")
    assert step_of(answer, "version")["evidence"]["status"] == "RETIRED"


def test_a_job_has_no_ticks_from_before_it_was_made(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *")
    assert scene.told(job_id, "2020-01-01T00:00:00Z") == ("NOT_DUE", "not_yet_created")
    made_at = scene.minute + timedelta(seconds=20)
    scene.connection.execute("update kronos.jobs set ticks_from = %s where job_id = %s", [made_at, job_id])
    assert scene.told(job_id, made_at + timedelta(seconds=5)) == ("NOT_DUE", "not_yet_created")


def test_the_version_in_force_at_the_instant_decides(scene: Scene) -> None:
    first = scene.make_old(scene.minute + 24 * HOUR, cron="0 9 * * *", name="report")
    second = scene.client.patch(f"{scene.base}/report", json={"cron": "30 9 * * *"}).json()["job_id"]

    answer = scene.explain("report", "2025-06-02T09:30:00Z")
    assert (answer["job_id"], answer["version_id"]) == (second, first)
    assert (answer["decision"], answer["code"]) == ("NOT_DUE", "other_version_in_force")
    assert scene.told(first, "2099-06-02T09:00:00Z") == ("NOT_DUE", "other_version_in_force")
    assert scene.told(first, "2099-06-02T09:30:00Z") == ("WILL_RUN", "in_the_future")
    assert scene.told("report", "2099-06-02T09:00:00Z") == ("NOT_DUE", "no_tick_at_this_minute")


def test_a_paused_job_says_since_when_and_why(scene: Scene) -> None:
    tick = scene.minute - 2 * MINUTE
    job_id = scene.make_old(tick)
    scene.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [scene.minute + HOUR, job_id])
    assert scene.client.post(f"{scene.base}/{job_id}/pause", json={"note": "until the audit"}).status_code == 200
    ahead = scene.explain(job_id, scene.minute + 2 * HOUR)
    assert (ahead["decision"], ahead["code"]) == ("WILL_BE_SKIPPED", "paused")
    assert "until the audit" in ahead["because"]

    scene.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, job_id])
    assert scene.told(job_id, tick) == ("SKIPPED", "paused")
    assert scene.client.post(f"{scene.base}/{job_id}/resume").status_code == 200
    recorded = scene.explain(job_id, tick + MINUTE)
    assert (recorded["decision"], recorded["code"]) == ("SKIPPED", "paused")
    assert "until the audit" in recorded["because"]
    assert step_of(recorded, "pause")["evidence"]["count"] >= 3


def test_a_pause_with_an_end_skips_only_what_is_before_it(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *")
    until = scene.minute + 24 * HOUR
    assert scene.client.post(f"{scene.base}/{job_id}/pause", json={"until": until.isoformat()}).status_code == 200
    assert scene.told(job_id, until - HOUR) == ("WILL_BE_SKIPPED", "paused")
    assert scene.told(job_id, until + HOUR) == ("WILL_RUN", "in_the_future")


def test_a_suspended_workspace_says_so(scene: Scene) -> None:
    workspace = make_workspace(scene.client)
    base = f"/v1/workspaces/{workspace}"
    job_id = scene.client.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}).json()["job_id"]
    assert scene.client.patch(base, json={"status": "SUSPENDED"}).status_code == 200
    ahead = scene.explain(job_id, scene.minute + HOUR, workspace=workspace)
    assert (ahead["decision"], ahead["code"]) == ("WILL_BE_SKIPPED", "workspace_suspended")

    tick = scene.minute - MINUTE
    scene.connection.execute("update tests.jobs set ticks_from = %s, next_tick_at = %s where job_id = %s", [tick - HOUR, tick, job_id])
    assert scene.client.patch(base, json={"status": "ACTIVE"}).status_code == 200
    recorded = scene.explain(job_id, tick, workspace=workspace)
    assert (recorded["decision"], recorded["code"]) == ("SKIPPED", "workspace_suspended")


def test_a_tick_that_is_or_was_to_be_skipped_says_so(scene: Scene) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make(cron="* * * * *")
    assert scene.client.post(f"{scene.base}/{job_id}/skip-next", json={"count": 1}).status_code == 200
    pointer = datetime.fromisoformat(scene.client.get(f"{scene.base}/{job_id}").json()["next_run_at"])
    scene.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [pointer + HOUR, job_id])
    assert scene.told(job_id, pointer + HOUR) == ("WILL_BE_SKIPPED", "skip_next")
    assert scene.told(job_id, pointer + HOUR + MINUTE) == ("WILL_RUN", "in_the_future")

    scene.connection.execute("update tests.jobs set ticks_from = %s, next_tick_at = %s where job_id = %s", [tick - HOUR, tick, job_id])
    scene.ring(job_id, tick)
    assert scene.told(job_id, tick) == ("SKIPPED", "skip_next")


def test_a_tick_that_met_the_run_before_it_says_so(scene: Scene) -> None:
    job_id, first, second = scene.ring_twice_a_minute_apart(overlap="SKIP")
    assert scene.told(job_id, first) == ("WAITING", "no_worker")
    assert scene.told(job_id, second) == ("SKIPPED", "overlap_skipped")


def test_a_tick_that_waits_for_the_run_before_it_says_so(scene: Scene) -> None:
    job_id, _, second = scene.ring_twice_a_minute_apart(overlap="QUEUE")
    scene.ring(job_id, second + MINUTE)
    assert scene.told(job_id, second) == ("WAITING", "overlap_held")
    assert scene.told(job_id, second + MINUTE) == ("SKIPPED", "overlap_queue_full")


def test_a_tick_whose_run_was_replaced_says_so(scene: Scene) -> None:
    job_id, first, second = scene.ring_twice_a_minute_apart(overlap="REPLACE")
    assert scene.told(job_id, first) == ("CANCELLED", "overlap_replaced")
    assert scene.told(job_id, second) == ("WAITING", "no_worker")


@pytest.mark.parametrize(
    ("catch_up", "code"),
    [
        ({"policy": "SKIP"}, "missed_policy"),
        ({"policy": "LATEST", "window_seconds": 7200}, "missed_policy"),
        ({"policy": "ALL", "window_seconds": 60}, "missed_outside_window"),
    ],
)
def test_a_missed_tick_says_by_which_rule_it_was_not_delivered(scene: Scene, catch_up: dict[str, Any], code: str) -> None:
    job_id = scene.make_old(scene.minute - 30 * MINUTE, catch_up=catch_up)
    scene.ring(job_id)
    answer = scene.explain(job_id, scene.minute - 25 * MINUTE)
    assert (answer["decision"], answer["code"]) == ("MISSED", code)
    assert step_of(answer, "missed")["evidence"]["policy"] == catch_up["policy"]


def test_a_missed_tick_that_is_delivered_waits_for_its_turn(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute - 30 * MINUTE, catch_up={"policy": "ALL", "window_seconds": 7200})
    scene.ring(job_id)
    staggered = [
        at
        for (at,) in scene.connection.execute(
            "select scheduled_at from kronos.execution_live where job_id = %s and visible_at > now() + interval '1 minute'", [job_id]
        )
    ]
    assert scene.told(job_id, staggered[-1]) == ("WAITING", "catch_up_staggered")


def test_a_delivery_that_is_jittered_says_until_when(scene: Scene) -> None:
    tick = scene.minute + 3 * MINUTE
    job_id = scene.make_old(tick, jitter_seconds=59)
    scene.ring(job_id, tick)
    scene.connection.execute("update kronos.execution_live set visible_at = %s + interval '30 s' where job_id = %s", [tick, job_id])
    assert scene.told(job_id, tick) == ("WAITING", "jitter")


@pytest.mark.parametrize(
    ("at", "job", "told"),
    [
        ("2025-03-30T01:30:00Z", BERLIN | {"dst_gap": "SKIP"}, ("NOT_DUE", "dst_gap_skipped")),
        ("2025-03-30T01:00:00Z", BERLIN | {"dst_gap": "SKIP"}, ("NOT_DUE", "dst_gap_skipped")),
        ("2025-03-30T01:30:00Z", BERLIN, ("NOT_DUE", "dst_gap_shifted")),
        ("2025-03-30T01:00:00Z", BERLIN, ("UNACCOUNTED", "unaccounted")),  # its tick: no row was made for a past that never was
        ("2025-03-30T01:30:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("UNACCOUNTED", "unaccounted")),  # the same
        ("2025-03-30T01:00:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("NOT_DUE", "dst_gap_shifted")),
        ("2025-03-30T01:15:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("NOT_DUE", "no_tick_at_this_minute")),
        ("2025-03-30T00:30:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("NOT_DUE", "no_tick_at_this_minute")),
        ("2025-10-26T00:30:00Z", BERLIN, ("UNACCOUNTED", "unaccounted")),
        ("2025-10-26T01:30:00Z", BERLIN, ("NOT_DUE", "dst_overlap_second_pass")),
        ("2025-10-26T01:30:00Z", BERLIN | {"dst_overlap": "BOTH"}, ("UNACCOUNTED", "unaccounted")),
        ("2025-03-31T01:30:00Z", BERLIN, ("NOT_DUE", "no_tick_at_this_minute")),
    ],
)
def test_what_a_change_of_clocks_did_is_told(scene: Scene, at: str, job: dict[str, Any], told: tuple[str, str]) -> None:
    assert scene.told(scene.make_old(scene.minute + HOUR, **job), at) == told


def test_a_tick_that_was_moved_out_of_a_gap_says_so(scene: Scene) -> None:
    answer = scene.explain(scene.make_old(scene.minute + HOUR, **BERLIN), "2025-03-30T01:00:00Z")
    assert answer["tick"] == "2025-03-30T01:00:00Z"
    assert "dst_gap SHIFT moved" in step_of(answer, "schedule")["detail"]


def test_a_tick_that_was_moved_by_the_gaps_length_says_so(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute + HOUR, **BERLIN, dst_gap="SHIFT_BY_GAP")
    moved, at_the_change = scene.explain(job_id, "2025-03-30T01:30:00Z"), scene.explain(job_id, "2025-03-30T01:00:00Z")
    assert moved["tick"] == "2025-03-30T01:30:00Z"
    assert "dst_gap SHIFT_BY_GAP moved a tick of that time to 2025-03-30T03:30" in step_of(moved, "schedule")["detail"]
    assert "dst_gap SHIFT_BY_GAP moved it to 2025-03-30T01:30:00Z" in at_the_change["because"]


def test_a_tick_that_is_due_without_an_entry_says_so(scene: Scene) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make_old(tick)
    scene.connection.execute("update cron.job set schedule = '0 0 1 1 *' where jobname = %s", [f"kronos:{job_id}"])
    assert scene.told(job_id, tick) == ("OVERDUE", "pg_cron_entry_wrong")
    scene.connection.execute("delete from cron.job where jobname = %s", [f"kronos:{job_id}"])
    answer = scene.explain(job_id, tick)
    assert (answer["decision"], answer["code"]) == ("OVERDUE", "pg_cron_entry_missing")
    assert step_of(answer, "pg_cron_entry")["holds"] is False


def ring_logged(connection: psycopg.Connection, job_id: str, at: datetime, status: str) -> None:
    connection.execute(
        """
        insert into cron.job_run_details (jobid, runid, database, username, command, status, return_message, start_time, end_time)
        select 1, (select coalesce(max(runid), 0) + 1 from cron.job_run_details), current_database(), 'kronos_cron',
               format('select kronos.fire(%%L)', %s::uuid), %s, 'ERROR: canceling statement', %s, %s
        """,
        [job_id, status, at, at],
    )


def test_a_tick_that_is_due_and_was_not_rung_for_says_so(scene: Scene) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make_old(tick)
    scene.connection.execute("update kronos.heartbeats set rang_at = clock_timestamp()")
    assert scene.told(job_id, tick) == ("OVERDUE", "alarm_not_rung")
    ring_logged(scene.connection, job_id, tick + timedelta(seconds=1), "failed")
    answer = scene.explain(job_id, tick)
    assert (answer["decision"], answer["code"]) == ("OVERDUE", "alarm_failed")
    assert step_of(answer, "alarm")["evidence"]["rings"][0]["message"] == "ERROR: canceling statement"


def test_the_alarm_of_one_job_is_no_evidence_of_another(scene: Scene) -> None:
    job_id, tick = scene.due()
    other, _ = scene.due()
    ring_logged(scene.connection, job_id, tick + timedelta(milliseconds=200), "succeeded")
    own = step_of(scene.explain(job_id, tick), "alarm")
    assert (own["holds"], "0.200 s after the tick" in own["detail"]) == (True, True)
    assert step_of(scene.explain(other, tick), "alarm")["evidence"]["rings"] == []


@pytest.mark.parametrize(
    "corruption",
    [
        "update kronos.jobs set schedule.months = 0 where job_id = %(job_id)s",
        "update kronos.jobs set schedule.months = 1 << 20 where job_id = %(job_id)s",
        "update kronos.jobs set schedule.hours = null where job_id = %(job_id)s",
        "update kronos.jobs set schedule.timezone = 'Nowhere/Here' where job_id = %(job_id)s",
        """update kronos.endpoints set version = 99 where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %(job_id)s)""",
    ],
)
def test_a_malformed_job_says_that_it_is(scene: Scene, corruption: str) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make_old(tick)
    scene.connection.execute(corruption, {"job_id": job_id})
    answer = scene.explain(job_id, tick)
    assert (answer["decision"], answer["code"]) == ("ERROR", "job_fault")
    assert step_of(answer, "fault")["evidence"]["message"]


def test_what_accounting_met_is_the_evidence(scene: Scene) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make_old(tick)
    scene.connection.execute("update kronos.jobs set schedule.months = 1 << 20 where job_id = %s", [job_id])
    scene.connection.execute("select kronos.account_each(array[%s::uuid], clock_timestamp())", [job_id])
    assert step_of(scene.explain(job_id, tick), "fault")["evidence"]["sqlstate"] == "22008"


def test_an_execution_waits_for_its_endpoint_or_a_worker(scene: Scene, shared_superuser: psycopg.Connection) -> None:
    job_id, tick = scene.due()
    gate = "update kronos.endpoint_gate set {} where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %s)"
    assert scene.told(job_id, tick) == ("WAITING", "no_worker")
    with psycopg.connect(
        host=shared_superuser.info.host,
        port=shared_superuser.info.port,
        user=shared_superuser.info.user,
        password=shared_superuser.info.password,
        dbname=shared_superuser.info.dbname,
        application_name="kronos-worker-test",
    ):
        assert scene.told(job_id, tick) == ("WAITING", "queued")
    scene.connection.execute(gate.format("max_in_flight = 2, in_flight = 2"), [job_id])
    assert scene.told(job_id, tick) == ("WAITING", "endpoint_full")
    scene.connection.execute(gate.format("paused_until = 'infinity'"), [job_id])
    assert scene.told(job_id, tick) == ("WAITING", "endpoint_paused")
    scene.connection.execute(gate.format("paused_until = '-infinity', max_in_flight = null, in_flight = 0"), [job_id])


def test_an_execution_under_way_says_where_it_is(scene: Scene) -> None:
    job_id, tick = scene.due()

    def now_it_is(change: str) -> tuple[str, str]:
        scene.connection.execute(f"update kronos.execution_live set {change} where job_id = %s", [job_id])
        return scene.told(job_id, tick)

    claimed = "claim_token = gen_random_uuid(), worker_id = 'w1', claimed_at = now(), started_at = now(), attempt_count = 1"
    assert now_it_is(f"{claimed}, visible_at = now() + interval '1 minute'") == ("RUNNING", "running")
    assert now_it_is("visible_at = now() - interval '1 s'") == ("WAITING", "delivery_lost_retrying")
    freed = "claim_token = null, worker_id = null, claimed_at = null, visible_at = now() + interval '1 minute'"
    failed = Jsonb({"type": "http_status", "message": "answered 503"}).obj
    scene.connection.execute(f"update kronos.execution_live set {freed}, error = %s where job_id = %s", [Jsonb(failed), job_id])
    assert scene.told(job_id, tick) == ("WAITING", "delivery_retrying")
    assert now_it_is("""error = '{"type": "lease_expired", "message": "worker w1 did not report"}', crashes = 1""") == (
        "WAITING",
        "delivery_lost_retrying",
    )


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("SUCCESS", None, ("RAN", "ran")),
        ("FAILED", {"code": "attempts_exhausted", "detail": "answered 503"}, ("FAILED", "delivery_failed")),
        ("FAILED", {"code": "lease_expired", "detail": "worker w1 did not report"}, ("FAILED", "delivery_lost")),
        ("CANCELLED", {"code": "cancelled", "detail": "cancelled over the API"}, ("CANCELLED", "execution_cancelled")),
        ("CANCELLED", {"code": "job_cancelled", "detail": "its job was cancelled"}, ("CANCELLED", "job_cancelled")),
        ("EXPIRED", {"code": "expired", "detail": "too old"}, ("MISSED", "expired")),
    ],
)
def test_an_execution_that_has_ended_says_how(scene: Scene, status: str, reason: dict[str, str] | None, told: tuple[str, str]) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make_old(scene.minute + HOUR)
    scene.connection.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status, status_reason,
                                           scheduled_at, run_at, created_at, started_at, attempt_count, max_attempts, input)
        select kronos.tick_id(job_id, %(tick)s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s, %(reason)s,
               %(tick)s, %(tick)s, %(tick)s, %(tick)s, 1, 5, '{}'
          from kronos.jobs where job_id = %(job_id)s
        """,
        {"job_id": job_id, "tick": tick, "status": status, "reason": Jsonb(reason) if reason else None},
    )
    scene.connection.execute(
        """
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at, worker_id, error)
        select execution_id, gen_random_uuid(), workspace_id, 1, 'FAILED', now(), 'w1', '{"type": "http_status", "message": "answered 503"}'
          from kronos.execution_done where job_id = %s
        """,
        [job_id],
    )
    answer = scene.explain(job_id, tick)
    assert (answer["decision"], answer["code"]) == told
    if reason is not None:
        assert reason["detail"] in answer["because"]
    assert "answered 503" in step_of(answer, "attempts")["detail"]


def test_a_tick_without_a_row_is_told_as_unaccounted(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute + HOUR)
    assert scene.told(job_id, scene.minute - HOUR) == ("UNACCOUNTED", "unaccounted")


def test_a_run_by_hand_is_told_where_the_schedule_has_no_tick(scene: Scene) -> None:
    job_id = scene.make(cron="0 0 1 1 *", starts_at="2098-01-01T00:00:00Z")
    run = scene.client.post(f"{scene.base}/{job_id}/trigger").json()
    answer = scene.explain(job_id, run["scheduled_at"])
    assert (answer["decision"], answer["code"], answer["tick"]) == ("WAITING", "no_worker", None)
    assert step_of(answer, "execution")["evidence"]["execution_id"] == run["execution_id"]


def test_a_one_shot_is_explained_too(scene: Scene) -> None:
    delayed = scene.make(trigger="DELAYED", run_at="2099-01-01T00:00:00Z")
    assert scene.told(delayed) == ("WILL_RUN", "in_the_future")
    immediate = scene.make(trigger="IMMEDIATE")
    assert scene.told(immediate) == ("WAITING", "no_worker")


def test_without_an_instant_it_is_about_now(scene: Scene) -> None:
    before = datetime.now(UTC)
    answer = scene.explain(scene.make(cron="0 0 1 1 *"))
    assert abs(datetime.fromisoformat(answer["at"]) - before) < HOUR


def test_a_job_that_is_not_there_or_anothers_is_404_and_a_wrong_instant_400(scene: Scene) -> None:
    other = make_workspace(scene.client)
    job_id = scene.make(cron="* * * * *")
    for path in (f"{scene.base}/{uuid.uuid4()}/explain", f"/v1/workspaces/{other}/jobs/{job_id}/explain"):
        assert problem_of(scene.client.get(path))["code"] == "job_not_found"
    for at in ("yesterday", "2026-01-01", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z"):
        problem = problem_of(scene.client.get(f"{scene.base}/{job_id}/explain", params={"at": at}))
        assert (problem["status"], problem["errors"][0]["pointer"], bool(problem["errors"][0]["hint"])) == (400, "/at", True)


def test_explaining_writes_nothing(scene: Scene) -> None:
    job_id, tick = scene.due()
    before = records(scene.connection, "select * from kronos.jobs where job_id = %s", [job_id])
    scene.explain(job_id, tick)
    assert records(scene.connection, "select * from kronos.jobs where job_id = %s", [job_id]) == before
