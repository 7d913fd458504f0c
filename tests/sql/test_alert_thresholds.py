"""Alert rules at their limits: the second, the run and the part of a window from which on they are violated.

The clock of each test stands where the test sets it.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alert_rows import add_rule, end_runs, evaluate, incidents, told
from beat_rows import make_beat
from clock import Clock
from factory import EndpointRow, add_endpoint
from sql.test_alerts import queue
from sql_factory import Connection, make_cron_job, records, value, values

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND, MOMENT = timedelta(seconds=1), timedelta(microseconds=1)
NO_SUCCESS = {"type": "NO_SUCCESS", "seconds": 3600}


@dataclass(frozen=True, slots=True)
class Standing:
    """A database whose clock stands, with an endpoint. What a test does in it is undone."""

    connection: Connection
    clock: Clock
    endpoint: EndpointRow

    def evaluated(self, rule_id: uuid.UUID, after: timedelta) -> list[str]:
        """Evaluate that long after noon. Return the statuses of the rule's incidents."""
        self.clock.stand(NOON + after)
        evaluate(self.connection)
        return [each["status"] for each in incidents(self.connection, rule_id)]


@pytest.fixture
def standing(shared: Connection) -> Iterator[Standing]:
    with shared.transaction(force_rollback=True):
        endpoint = add_endpoint(shared)
        clock = Clock(shared)
        clock.stand(NOON)
        yield Standing(shared, clock, endpoint)


def test_what_waits_is_late_beyond_the_limit_and_only_before_its_first_attempt(standing: Standing) -> None:
    rule_id = add_rule(standing.connection, standing.endpoint, {"type": "LATE", "seconds": 60})
    for seconds in (59, 60, 61, 3600):
        job_id = make_cron_job(standing.connection, standing.endpoint, name=f"waits-{seconds}")
        queue(standing.connection, job_id, seconds=seconds)
    again, later, runs = (make_cron_job(standing.connection, standing.endpoint, name=name) for name in "abc")
    queue(standing.connection, again, seconds=3600)
    standing.connection.execute("update kronos.execution_live set attempt_count = 1 where job_id = %s", [again])
    queue(standing.connection, later, seconds=-1)
    queue(standing.connection, runs, seconds=3600, is_running=True)
    queue(standing.connection, make_cron_job(standing.connection), seconds=3600)  # another workspace's
    standing.evaluated(rule_id, timedelta())
    found = {each["subject"]: each["detail"] for each in incidents(standing.connection, rule_id)}
    assert found == {"waits-61": "it was 61 s late", "waits-3600": "it was 3600 s late"}


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


@pytest.mark.parametrize(
    ("durations", "usual"),
    [
        ([], None),
        ([10] * 9, None),
        ([10] * 10, 10.0),
        ([10] * 9 + [30], 21.0),  # the 95th percentile lies between the two longest
        ([30] + [10] * 50, 10.0),  # the fifty-first run back does not count
        ([10] + [30] * 50, 30.0),
        ([10] * 49 + [30], 10.0),
        ([10] * 46 + [30] * 4, 30.0),
    ],
)
def test_what_is_usual_for_a_job_is_read_from_its_last_fifty_successes(
    standing: Standing, durations: list[int], usual: float | None
) -> None:
    job_id = make_cron_job(standing.connection, standing.endpoint)
    for nth, seconds in enumerate(durations):
        standing.clock.stand(NOON + nth * SECOND)
        end_runs(standing.connection, job_id, "S", ran=seconds)
    end_runs(standing.connection, job_id, "FFE", ran=1000)
    end_runs(standing.connection, make_cron_job(standing.connection, standing.endpoint), "S", ran=1000)
    assert value(standing.connection, "select kronos.usual_seconds(%s)", [job_id]) == (
        None if usual is None else pytest.approx(usual)
    )


def test_runs_of_more_than_thirteen_weeks_ago_are_not_usual_any_more(standing: Standing) -> None:
    job_id = make_cron_job(standing.connection, standing.endpoint)
    end_runs(standing.connection, job_id, "S" * 10, ran=10)
    found = {}
    for after in (timedelta(days=91), timedelta(days=91, milliseconds=1)):
        standing.clock.stand(NOON + after)
        found[after.microseconds] = value(standing.connection, "select kronos.usual_seconds(%s)", [job_id])
    assert found == {0: 10.0, 1000: None}


@pytest.mark.parametrize(("factor", "seconds", "ran", "is_open"), [
    (3, None, 30, False), (3, None, 31, True), (3, 40, 40, False), (3, 40, 41, True), (1.5, None, 15, False),
    (1.5, None, 16, True), (3, 5, 30, False), (3, 5, 31, True),
])  # fmt: skip
def test_a_run_is_too_long_for_its_job_beyond_the_factor_and_beyond_the_seconds(
    standing: Standing, factor: float, seconds: int | None, ran: int, is_open: bool
) -> None:
    job_id = make_cron_job(standing.connection, standing.endpoint)
    end_runs(standing.connection, job_id, "S" * 10, ran=10)
    condition = {"type": "RUNNING", "factor": factor} | ({} if seconds is None else {"seconds": seconds})
    rule_id = add_rule(standing.connection, standing.endpoint, condition)
    queue(standing.connection, job_id, seconds=ran, is_running=True)
    assert standing.evaluated(rule_id, timedelta()) == ["OPEN"] * is_open


def test_a_window_ends_with_the_twelfth_of_it_that_a_run_was_counted_in(standing: Standing) -> None:
    """Noon begins such a part. The last moment of it is counted with it."""
    window = {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 2}
    rule_id = add_rule(standing.connection, standing.endpoint, window)
    job_id = make_cron_job(standing.connection, standing.endpoint)
    end_runs(standing.connection, job_id, "F")
    assert standing.evaluated(rule_id, timedelta()) == []
    standing.clock.stand(NOON + 50 * SECOND - MOMENT)
    end_runs(standing.connection, job_id, "F")
    assert standing.evaluated(rule_id, 50 * SECOND - MOMENT) == ["OPEN"]
    assert standing.evaluated(rule_id, 600 * SECOND - MOMENT) == ["OPEN"]
    assert standing.evaluated(rule_id, 600 * SECOND) == ["RESOLVED"]
    standing.clock.stand(NOON + timedelta(hours=26))
    evaluate(standing.connection)
    counted = "select count(*) from kronos.alert_counts where rule_id = %s"
    assert value(standing.connection, counted, [rule_id]) == 1
    standing.clock.stand(NOON + timedelta(hours=26) + MOMENT)
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
    standing.clock.stand(NOON + 600 * SECOND)
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


LIVES: list[tuple[str, dict[str, Any], str]] = [
    ("JOB", {"status": "ACTIVE"}, "LIVE"),
    ("JOB", {"status": "PAUSED"}, "RESTING"),
    ("JOB", {"status": "RETIRED", "retired_at": NOON}, "GONE"),
    ("HEARTBEAT", {}, "LIVE"),
    ("HEARTBEAT", {"status": "PAUSED"}, "RESTING"),
    ("HEARTBEAT", {"deleted_at": NOON}, "GONE"),
    ("HEARTBEAT", {"status": "PAUSED", "deleted_at": NOON}, "GONE"),
]


@pytest.mark.parametrize(("kind", "columns", "life"), LIVES)
def test_who_is_paused_rests_and_who_has_ended_is_gone(
    standing: Standing, kind: str, columns: dict[str, Any], life: str
) -> None:
    connection, workspace_id = standing.connection, standing.endpoint.workspace_id
    if kind == "JOB":
        subject_id = make_cron_job(connection, standing.endpoint, **columns)
    else:
        subject_id = make_beat(connection, workspace_id, period_seconds=60).heartbeat_id
        for name, each in columns.items():
            connection.execute(f"update kronos.beats set {name} = %s where heartbeat_id = %s", [each, subject_id])

    def lives() -> list[str]:
        query = "select kronos.subject_life(kind, id, %s) from (values (1, %s, %s::uuid), (2, 'WORKSPACE', null),"
        query += f" (3, '{kind}', gen_random_uuid())) as subject (nth, kind, id) order by nth"
        return values(connection, query, [workspace_id, kind, subject_id])

    assert lives() == [life, "LIVE", "GONE"]
    connection.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [workspace_id],
    )
    assert lives() == ["RESTING" if life == "LIVE" else life, "RESTING", "GONE"]


def test_a_job_lives_as_its_newest_version_does(standing: Standing) -> None:
    connection = standing.connection
    first = make_cron_job(connection, standing.endpoint, status="RETIRED", retired_at=NOON)
    second = make_cron_job(connection, standing.endpoint)
    connection.execute("update kronos.jobs set first_version_id = %s, version = 2 where job_id = %s", [first, second])
    life = "select kronos.subject_life('JOB', %s, %s)"
    assert value(connection, life, [first, standing.endpoint.workspace_id]) == "LIVE"


@pytest.mark.parametrize(("seconds", "is_open"), [(59, False), (60, False), (61, True)])
@pytest.mark.parametrize("type", ["LATE", "RUNNING"])
def test_a_heartbeat_is_late_or_too_long_beyond_the_limit(
    standing: Standing, type: str, seconds: int, is_open: bool
) -> None:
    connection = standing.connection
    rule_id = add_rule(connection, standing.endpoint, {"type": type, "seconds": 60})
    beat = make_beat(connection, standing.endpoint.workspace_id, period_seconds=60, name="backup")
    began = NOON - seconds * SECOND
    if type == "LATE":
        connection.execute(
            "update kronos.beat_pointers set next_tick_at = %s where heartbeat_id = %s", [began, beat.heartbeat_id]
        )
    else:
        for at in (began, NOON):  # the run that began first counts
            connection.execute(
                "insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, started_at,"
                " run_due_at, changed_at) values (%s, %s, %s, 'RUNNING', %s, %s, 'infinity', %s)",
                [beat.heartbeat_id, at, beat.workspace_id, at, at, at],
            )
        connection.execute("update kronos.beat_pointers set next_tick_at = 'infinity'")
    assert standing.evaluated(rule_id, timedelta()) == ["OPEN"] * is_open
    if is_open:
        (open,) = incidents(connection, rule_id)
        assert (open["kind"], open["subject"], open["execution_id"]) == ("HEARTBEAT", "backup", None)
