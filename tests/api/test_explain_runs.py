"""Why did a job not run? For a tick that is due: what it met, what became of its execution, and the evidence."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from explain_scene import HOUR, MINUTE, Scene, step_of


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
def test_a_missed_tick_says_by_which_rule_it_was_not_delivered(
    scene: Scene, catch_up: dict[str, Any], code: str
) -> None:
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
            "select scheduled_at from kronos.execution_live where job_id = %s and visible_at > now() + interval '1 "
            "minute'",
            [job_id],
        )
    ]
    assert scene.told(job_id, staggered[-1]) == ("WAITING", "catch_up_staggered")


def test_a_delivery_that_is_jittered_says_until_when(scene: Scene) -> None:
    tick = scene.minute + 3 * MINUTE
    job_id = scene.make_old(tick, jitter_seconds=59)
    scene.ring(job_id, tick)
    scene.connection.execute(
        "update kronos.execution_live set visible_at = %s + interval '30 s' where job_id = %s", [tick, job_id]
    )
    assert scene.told(job_id, tick) == ("WAITING", "jitter")


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
        insert into cron.job_run_details (jobid, runid, database, username, command, status, return_message,
            start_time, end_time)
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
        """update kronos.endpoints set version = 99
             where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %(job_id)s)""",
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
    gate = (
        "update kronos.endpoint_gate set {} where endpoint_id = (select endpoint_id from kronos.jobs where job_id = %s)"
    )
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

    claimed = (
        "claim_token = gen_random_uuid(), worker_id = 'w1', claimed_at = now(), started_at = now(), attempt_count = 1"
    )
    assert now_it_is(f"{claimed}, visible_at = now() + interval '1 minute'") == ("RUNNING", "running")
    assert now_it_is("visible_at = now() - interval '1 s'") == ("WAITING", "delivery_lost_retrying")
    freed = "claim_token = null, worker_id = null, claimed_at = null, visible_at = now() + interval '1 minute'"
    failed = Jsonb({"type": "http_status", "message": "answered 503"}).obj
    scene.connection.execute(
        f"update kronos.execution_live set {freed}, error = %s where job_id = %s", [Jsonb(failed), job_id]
    )
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
def test_an_execution_that_has_ended_says_how(
    scene: Scene, status: str, reason: dict[str, str] | None, told: tuple[str, str]
) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make_old(scene.minute + HOUR)
    scene.connection.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, status_reason,
                                           scheduled_at, run_at, created_at, started_at, attempt_count,
                                               max_attempts, input)
        select kronos.tick_id(job_id, %(tick)s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s,
               %(reason)s,
               %(tick)s, %(tick)s, %(tick)s, %(tick)s, 1, 5, '{}'
          from kronos.jobs where job_id = %(job_id)s
        """,
        {"job_id": job_id, "tick": tick, "status": status, "reason": Jsonb(reason) if reason else None},
    )
    scene.connection.execute(
        """
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
            worker_id, error)
        select execution_id, gen_random_uuid(), workspace_id, 1, 'FAILED', now(), 'w1',
               '{"type": "http_status", "message": "answered 503"}'
          from kronos.execution_done where job_id = %s
        """,
        [job_id],
    )
    answer = scene.explain(job_id, tick)
    assert (answer["decision"], answer["code"]) == told
    if reason is not None:
        assert reason["detail"] in answer["because"]
    assert "answered 503" in step_of(answer, "attempts")["detail"]


def test_a_tick_without_a_row_is_reported_as_unaccounted(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute + HOUR)
    assert scene.told(job_id, scene.minute - HOUR) == ("UNACCOUNTED", "unaccounted")
