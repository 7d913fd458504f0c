"""Alert rules at their limits: the second, the run and the part of a window from which on they are violated.

The clock of each test stands where the test sets it.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString

import pytest

from alert_rows import add_rule, end_runs, evaluate, incidents, told
from beat_rows import make_beat
from factory import EndpointRow, add_endpoint, add_named_one_shot
from set_clock import NOON, SetClock
from sql.test_alerts import queue
from sql.truths import differing
from sql_factory import Connection, make_cron_job, records, value

SECOND, MOMENT = timedelta(seconds=1), timedelta(microseconds=1)
NO_SUCCESS = {"type": "NO_SUCCESS", "seconds": 3600}


@dataclass(frozen=True, slots=True)
class Standing:
    """A database whose clock stands, with an endpoint. What a test does in it is undone."""

    connection: Connection
    clock: SetClock
    endpoint: EndpointRow

    def evaluated(self, rule_id: uuid.UUID, after: timedelta) -> list[str]:
        """Evaluate that long after noon. Return the statuses of the rule's incidents."""
        self.clock.set(NOON + after)
        evaluate(self.connection)
        return [each["status"] for each in incidents(self.connection, rule_id)]


@pytest.fixture
def standing(undone: Connection, set_clock: SetClock, at_noon: None) -> Standing:
    return Standing(undone, set_clock, add_endpoint(undone))


def test_what_waits_is_late_beyond_the_limit_and_only_before_its_first_attempt(standing: Standing) -> None:
    """Beside other rules: of another kind, with another limit, and of another workspace."""
    connection, stranger = standing.connection, add_endpoint(standing.connection)
    late = add_rule(connection, standing.endpoint, {"type": "LATE", "seconds": 60})
    later = add_rule(connection, standing.endpoint, {"type": "LATE", "seconds": 600})
    running = add_rule(connection, standing.endpoint, {"type": "RUNNING", "seconds": 60})
    elsewhere = add_rule(connection, stranger, {"type": "LATE", "seconds": 1})
    add_rule(connection, standing.endpoint)
    for seconds in (59, 60, 61, 3600):
        job_id = make_cron_job(connection, standing.endpoint, name=f"waits-{seconds}")
        queue(connection, job_id, seconds=seconds)
    again, due_later, runs = (make_cron_job(connection, standing.endpoint, name=name) for name in ("a", "b", "runs"))
    queue(connection, again, seconds=3600)
    connection.execute("update kronos.execution_live set attempt_count = 1 where job_id = %s", [again])
    queue(connection, due_later, seconds=-1)
    queue(connection, runs, seconds=3600, is_running=True)
    queue(connection, make_cron_job(connection, stranger, name="strange"), seconds=3600)
    evaluate(connection)
    found = [
        {each["subject"]: each["detail"] for each in incidents(connection, rule_id)}
        for rule_id in (late, later, running, elsewhere)
    ]
    assert found == [
        {"waits-61": "it was 61 s late", "waits-3600": "it was 3600 s late"},
        {"waits-3600": "it was 3600 s late"},
        {"runs": "it ran for 3600 s"},
        {"strange": "it was 3600 s late"},
    ]


def test_what_runs_is_too_long_beyond_the_limit_and_only_while_it_runs(standing: Standing) -> None:
    rule_id = add_rule(standing.connection, standing.endpoint, {"type": "RUNNING", "seconds": 60})
    runs = {}
    for seconds in (59, 60, 61):
        job_id = make_cron_job(standing.connection, standing.endpoint, name=f"runs-{seconds}")
        runs[seconds] = queue(standing.connection, job_id, seconds=seconds, is_running=True)
    queue(standing.connection, make_cron_job(standing.connection, standing.endpoint), seconds=3600)
    assert standing.evaluated(rule_id, timedelta()) == ["OPEN"]
    (open,) = incidents(standing.connection, rule_id)
    assert (open["subject"], open["execution_id"], open["detail"]) == ("runs-61", runs[61], "it ran for 61 s")
    standing.connection.execute("delete from kronos.execution_live where execution_id = %s", [runs[61]])
    assert standing.evaluated(rule_id, MOMENT) == ["RESOLVED"]
    assert standing.evaluated(rule_id, SECOND) == ["RESOLVED", "OPEN"]  # by now the second one is too long


def succeeded(connection: Connection, job_id: uuid.UUID, durations: list[int], *, status: str = "SUCCESS") -> None:
    """Insert runs of the job that took so many seconds, in this order, a second apart. The last one ends now."""
    connection.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
            status, scheduled_at, run_at, created_at, started_at, completed_at, attempt_count, max_attempts, input)
        select kronos.uuid7(made.at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s, made.at, made.at,
               made.at, made.at - ran.seconds * interval '1 second', made.at, 1, 1, '{}'
          from kronos.jobs
         cross join unnest(%(durations)s::integer[]) with ordinality as ran (seconds, nth)
         cross join lateral (select kronos.now() - (cardinality(%(durations)s::integer[]) - ran.nth)
                                                   * interval '1 second' as at) as made
         where job_id = %(job_id)s
        """,
        {"job_id": job_id, "durations": durations, "status": status},
    )


def test_what_is_usual_for_a_job_is_read_from_its_last_fifty_successes(standing: Standing) -> None:
    cases: list[tuple[list[int], float | None]] = [
        ([], None),
        ([10] * 9, None),
        ([10] * 10, 10),
        ([10] * 9 + [30], 21),  # the 95th percentile lies between the two longest
        ([30] * 5 + [10] * 50, 10),  # only the last fifty count
        ([30] + [10] * 47 + [30] * 3, 21),  # the fifty-first would make it 30
        ([10] * 49 + [30], 10),
        ([10] * 46 + [30] * 4, 30),
    ]
    for durations, usual in cases:
        job_id = make_cron_job(standing.connection, standing.endpoint)
        succeeded(standing.connection, job_id, durations)
        succeeded(standing.connection, job_id, [1000] * 9, status="FAILED")
        found = value(standing.connection, "select kronos.usual_seconds(%s)", [job_id])
        assert found == (None if usual is None else pytest.approx(usual)), durations


def test_runs_of_more_than_thirteen_weeks_ago_are_not_usual_any_more(standing: Standing) -> None:
    job_id = make_cron_job(standing.connection, standing.endpoint)
    succeeded(standing.connection, job_id, [10] * 10)
    standing.connection.execute("update kronos.execution_done set execution_id = kronos.uuid7(kronos.now())")
    found = {}
    for after in (timedelta(days=91), timedelta(days=91, milliseconds=1)):
        standing.clock.set(NOON + after)
        found[after.microseconds] = value(standing.connection, "select kronos.usual_seconds(%s)", [job_id])
    assert found == {0: 10.0, 1000: None}


def test_a_run_is_too_long_for_its_job_beyond_the_factor_and_beyond_the_seconds(standing: Standing) -> None:
    """Each job usually runs for ten seconds, and has now run for as long as its name says."""
    rules = {
        (factor, seconds): add_rule(
            standing.connection,
            standing.endpoint,
            {"type": "RUNNING", "factor": factor} | ({} if seconds is None else {"seconds": seconds}),
        )
        for factor, seconds in ((3, None), (3, 40), (1.5, None), (3, 5))
    }
    for ran in (15, 16, 30, 31, 40, 41):
        job_id = make_cron_job(standing.connection, standing.endpoint, name=str(ran))
        succeeded(standing.connection, job_id, [10] * 10)
        queue(standing.connection, job_id, seconds=ran, is_running=True)
    evaluate(standing.connection)
    found = {
        given: sorted(each["subject"] for each in incidents(standing.connection, rule)) for given, rule in rules.items()
    }
    assert found == {
        (3, None): ["31", "40", "41"],
        (3, 40): ["41"],
        (1.5, None): ["16", "30", "31", "40", "41"],
        (3, 5): ["31", "40", "41"],
    }


def test_a_window_ends_with_the_twelfth_of_it_that_a_run_was_counted_in(standing: Standing) -> None:
    """Noon begins such a part. The last moment of it is counted with it."""
    window = {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 2}
    rule_id = add_rule(standing.connection, standing.endpoint, window)
    job_id = make_cron_job(standing.connection, standing.endpoint)
    end_runs(standing.connection, job_id, "F")
    assert standing.evaluated(rule_id, timedelta()) == []
    standing.clock.set(NOON + 50 * SECOND - MOMENT)
    end_runs(standing.connection, job_id, "F")
    assert standing.evaluated(rule_id, 50 * SECOND - MOMENT) == ["OPEN"]
    assert standing.evaluated(rule_id, 600 * SECOND - MOMENT) == ["OPEN"]
    assert standing.evaluated(rule_id, 600 * SECOND) == ["RESOLVED"]
    standing.clock.set(NOON + timedelta(hours=26))
    evaluate(standing.connection)
    counted = "select count(*) from kronos.alert_counts where rule_id = %s"
    assert value(standing.connection, counted, [rule_id]) == 1
    standing.clock.set(NOON + timedelta(hours=26) + MOMENT)
    evaluate(standing.connection)
    assert value(standing.connection, counted, [rule_id]) == 0


def test_a_window_counts_each_subject_and_each_run_once(standing: Standing) -> None:
    window = {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 4}
    each = add_rule(standing.connection, standing.endpoint, window)
    together = add_rule(standing.connection, standing.endpoint, window, per="ALL")
    jobs = [make_cron_job(standing.connection, standing.endpoint, name=name) for name in ("bad", "good")]
    for job_id, letters in zip(jobs, ("FS", "SS"), strict=True):
        end_runs(standing.connection, job_id, letters)
    assert (standing.evaluated(each, timedelta()), standing.evaluated(together, timedelta())) == ([], [])
    end_runs(standing.connection, jobs[0], "FSMKC")  # those that are missed, skipped or cancelled are no runs
    assert standing.evaluated(each, SECOND) == ["OPEN"]
    (open,) = incidents(standing.connection, each)
    assert (open["subject"], open["detail"]) == ("bad", "2 of its 4 runs of the last 600 s failed")
    assert incidents(standing.connection, together) == []
    counted = records(standing.connection, "select sum(runs) as runs, sum(failures) as failures"
                                           "  from kronos.alert_counts group by rule_id order by 1")  # fmt: skip
    assert [(row["runs"], row["failures"]) for row in counted] == [(6, 2), (6, 2)]


def test_a_success_is_missed_from_the_second_on_counted_from_the_last_one(standing: Standing) -> None:
    rule_id = add_rule(standing.connection, standing.endpoint, NO_SUCCESS)
    job_id = make_cron_job(standing.connection, standing.endpoint)
    assert standing.evaluated(rule_id, timedelta()) == []
    standing.clock.set(NOON + 600 * SECOND)
    end_runs(standing.connection, job_id, "SF")
    assert standing.evaluated(rule_id, 700 * SECOND) == []
    assert standing.evaluated(rule_id, 3600 * SECOND) == []  # an hour after it was first seen
    assert standing.evaluated(rule_id, 4200 * SECOND - MOMENT) == []
    assert standing.evaluated(rule_id, 4200 * SECOND) == ["OPEN"]
    (open,) = incidents(standing.connection, rule_id)
    assert open["detail"] == "it has not succeeded since 2026-11-29T12:10:00Z"
    end_runs(standing.connection, job_id, "FM")
    assert standing.evaluated(rule_id, 4201 * SECOND) == ["OPEN"]
    end_runs(standing.connection, job_id, "S")
    assert standing.evaluated(rule_id, 4202 * SECOND) == ["RESOLVED"]


def test_an_open_incident_is_repeated_from_its_second_on_and_a_snoozed_one_when_the_snooze_ends(
    standing: Standing,
) -> None:
    hook = add_endpoint(standing.connection, standing.endpoint.workspace_id)
    rule_id = add_rule(standing.connection, standing.endpoint, tells=[hook], repeat_seconds=600)
    job_id = make_cron_job(standing.connection, standing.endpoint)
    end_runs(standing.connection, job_id, "FFF")

    def said(after: timedelta) -> list[str]:
        standing.evaluated(rule_id, after)
        return [each["event"] for each in told(standing.connection, hook)]

    assert said(timedelta()) == ["OPENED"]
    assert said(600 * SECOND - MOMENT) == ["OPENED"]
    assert said(600 * SECOND) == ["OPENED", "REPEATED"]
    assert said(1200 * SECOND - MOMENT) == ["OPENED", "REPEATED"]
    standing.connection.execute(
        "update kronos.incidents set snoozed_until = %s, repeat_at = %s where rule_id = %s",
        [NOON + 3000 * SECOND, NOON + 3000 * SECOND, rule_id],
    )
    assert said(3000 * SECOND - MOMENT) == ["OPENED", "REPEATED"]
    assert said(3000 * SECOND) == ["OPENED", "REPEATED", "REPEATED"]
    assert said(3600 * SECOND) == ["OPENED"] + ["REPEATED"] * 3
    standing.connection.execute("update kronos.incidents set status = 'ACKNOWLEDGED' where rule_id = %s", [rule_id])
    assert said(9999 * SECOND) == ["OPENED"] + ["REPEATED"] * 3
    (row,) = incidents(standing.connection, rule_id)
    assert (row["times_said"], row["said_at"]) == (4, NOON + 3600 * SECOND)


def test_who_is_paused_rests_and_who_has_ended_is_gone(standing: Standing) -> None:
    connection, workspace_id = standing.connection, standing.endpoint.workspace_id
    subjects: list[tuple[str, uuid.UUID | None, str]] = [
        ("JOB", make_cron_job(connection, standing.endpoint), "LIVE"),
        ("JOB", make_cron_job(connection, standing.endpoint, status="PAUSED"), "RESTING"),
        ("JOB", make_cron_job(connection, standing.endpoint, status="RETIRED", retired_at=NOON), "GONE"),
        ("JOB", uuid.uuid4(), "GONE"),
        ("HEARTBEAT", uuid.uuid4(), "GONE"),
        ("WORKSPACE", None, "LIVE"),
        ("TAG", uuid.uuid4(), "LIVE"),
    ]
    for status, deleted_at, life in (
        ("ACTIVE", None, "LIVE"),
        ("PAUSED", None, "RESTING"),
        ("ACTIVE", NOON, "GONE"),
        ("PAUSED", NOON, "GONE"),
    ):
        beat = make_beat(connection, workspace_id, period_seconds=60)
        connection.execute(
            "update kronos.beats set status = %s, deleted_at = %s where heartbeat_id = %s",
            [status, deleted_at, beat.heartbeat_id],
        )
        subjects.append(("HEARTBEAT", beat.heartbeat_id, life))
    call = f"kronos.subject_life(%s, %s, '{workspace_id}')"
    assert differing(connection, call, subjects) == []
    connection.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [workspace_id],
    )
    resting = [(kind, subject_id, "RESTING" if life == "LIVE" else life) for kind, subject_id, life in subjects]
    assert differing(connection, call, resting) == []


def test_a_job_lives_as_its_newest_version_does(standing: Standing) -> None:
    connection = standing.connection
    first = make_cron_job(connection, standing.endpoint, status="RETIRED", retired_at=NOON)
    second = make_cron_job(connection, standing.endpoint)
    connection.execute("update kronos.jobs set first_version_id = %s, version = 2 where job_id = %s", [first, second])
    life = "select kronos.subject_life('JOB', %s, %s)"
    assert value(connection, life, [first, standing.endpoint.workspace_id]) == "LIVE"


@pytest.mark.parametrize("type", ["LATE", "RUNNING"])
def test_a_heartbeat_is_late_or_too_long_beyond_the_limit(standing: Standing, type: str) -> None:
    connection = standing.connection
    rule_id = add_rule(connection, standing.endpoint, {"type": type, "seconds": 60})
    for seconds in (59, 60, 61):
        beat = make_beat(connection, standing.endpoint.workspace_id, period_seconds=60, name=f"after-{seconds}")
        began = NOON - seconds * SECOND
        connection.execute(
            "update kronos.beat_pointers set next_tick_at = %s where heartbeat_id = %s",
            [began if type == "LATE" else "infinity", beat.heartbeat_id],
        )
        for at in (began, NOON) if type == "RUNNING" else ():  # of a heartbeat, the run that began first counts
            connection.execute(
                "insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, started_at,"
                " run_due_at, changed_at) values (%s, %s, %s, 'RUNNING', %s, %s, 'infinity', %s)",
                [beat.heartbeat_id, at, beat.workspace_id, at, at, at],
            )
    other = add_rule(connection, standing.endpoint, {"type": type, "seconds": 60}, selector="TAG", selected="red")
    factor = add_rule(connection, standing.endpoint, {"type": "RUNNING", "seconds": 1, "factor": 2})
    assert standing.evaluated(rule_id, timedelta()) == ["OPEN"]
    (open,) = incidents(connection, rule_id)
    assert (open["kind"], open["subject"], open["execution_id"]) == ("HEARTBEAT", "after-61", None)
    assert incidents(connection, other) + incidents(connection, factor) == []


@pytest.mark.parametrize("change", ["status = 'PAUSED'", "deleted_at = now()"])
def test_a_heartbeat_that_is_paused_or_deleted_is_not_late(standing: Standing, change: LiteralString) -> None:
    rule_id = add_rule(standing.connection, standing.endpoint, {"type": "LATE", "seconds": 60})
    beat = make_beat(standing.connection, standing.endpoint.workspace_id, period_seconds=60)
    standing.connection.execute(
        "update kronos.beat_pointers set next_tick_at = %s where heartbeat_id = %s",
        [NOON - 3600 * SECOND, beat.heartbeat_id],
    )
    with standing.connection.transaction(force_rollback=True):
        assert standing.evaluated(rule_id, timedelta()) == ["OPEN"]
    standing.connection.execute(f"update kronos.beats set {change} where heartbeat_id = %s", [beat.heartbeat_id])
    assert standing.evaluated(rule_id, timedelta()) == []


def test_what_waits_or_runs_is_judged_by_the_rules_that_select_it(standing: Standing) -> None:
    """One-shots only by rules over all together. An alert's own notification by none."""
    connection, endpoint = standing.connection, standing.endpoint
    red = make_cron_job(connection, endpoint, name="red", tags=["red"])
    blue = make_cron_job(connection, endpoint, name="blue", tags=["blue"])
    one_shot, notification = (add_named_one_shot(connection, endpoint) for _ in range(2))
    runs = {
        job_id: queue(connection, job_id, seconds=seconds, is_running=is_running)
        for is_running in (False, True)
        for job_id, seconds in ((red, 61), (blue, 62), (one_shot, 63), (notification, 64))
    }
    connection.execute(
        "insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id,"
        " incident_ids) select execution_id, workspace_id, gen_random_uuid(), 'r', 'OPENED', endpoint_id, '{}'"
        "   from kronos.execution_live where job_id = %s",
        [notification],
    )
    assert len(runs) == 4
    for type, detail in (("LATE", "it was {} s late"), ("RUNNING", "it ran for {} s")):
        condition = {"type": type, "seconds": 60}
        each = add_rule(connection, endpoint, condition)
        tagged = add_rule(connection, endpoint, condition, selector="TAG", selected="blue", per="ALL")
        together = add_rule(connection, endpoint, condition, per="ALL")
        disabled = add_rule(connection, endpoint, condition, is_enabled=False)
        evaluate(connection)
        found = [
            sorted((row["subject"] or "", row["detail"]) for row in incidents(connection, rule_id))
            for rule_id in (each, tagged, together, disabled)
        ]
        assert found == [
            [("blue", detail.format(62)), ("red", detail.format(61))],
            [("blue", detail.format(62))],
            [("", detail.format(63))],
            [],
        ]
