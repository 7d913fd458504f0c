"""Notifications of incidents: once, together, again, and not about themselves; and how incidents end."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from alert_rows import add_rule, end_runs, evaluate, fail_one_shot, incidents, told
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, make_cron_job, records, value, values


@pytest.fixture
def endpoint(shared: Connection) -> EndpointRow:
    return add_endpoint(shared)


@pytest.fixture
def hook(shared: Connection, endpoint: EndpointRow) -> EndpointRow:
    return add_endpoint(shared, endpoint.workspace_id)


def test_many_jobs_that_break_a_rule_together_are_told_together(
    shared: Connection, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    rule_id = add_rule(shared, endpoint, {"type": "FAILURES", "count": 1}, tells=[hook, endpoint])
    jobs = [make_cron_job(shared, endpoint, name=f"j{number:02}") for number in range(25)]
    for job_id in jobs:
        end_runs(shared, job_id, "F")
    evaluate(shared)
    (said,) = told(shared, hook)
    assert said == told(shared, endpoint)[0]
    assert len(told(shared, endpoint)) == 1
    assert (said["count"], said["open"], len(said["incidents"])) == (25, 25, 20)
    assert said["text"].endswith(" (and 24 more)")
    end_runs(shared, jobs[0], "S")
    evaluate(shared)
    over = told(shared, hook)[-1]
    assert (over["event"], over["count"], over["open"], over["event_action"]) == ("RESOLVED", 1, 24, "trigger")
    assert len(incidents(shared, rule_id)) == 25


def test_an_end_is_never_told_before_its_beginning_however_many_are_judged(
    shared: Connection, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    """An evaluation in several steps, as with more than 2,000 subjects: a subject that violated its rule and recovered
    is not judged twice.
    """
    conditions = ({"type": "FAILURES", "count": 1}, {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600})
    over, rate = [add_rule(shared, endpoint, condition | {"min_runs": 1}, tells=[hook]) for condition in conditions]
    for letters in ("FS", "FS", "FF"):
        end_runs(shared, make_cron_job(shared, endpoint), letters)
    rules, steps = [[over, rate]], 0
    with shared.transaction():
        shared.execute("select kronos.take_ends(%s, 2000)", rules)
        while value(shared, "select is_left from kronos.judge_states(%s, 1)", rules):
            steps += 1
            assert steps <= 6, "a subject is judged twice"
        shared.execute("select kronos.say_incidents(%s)", rules)
        shared.execute("select kronos.queue_notifications(1000)")
    assert {(each["rule"], each["event"], each["count"]) for each in told(shared, hook)} == {
        (each, "OPENED", 3)
        for each in values(shared, "select name from kronos.alert_rules where rule_id = any (%s)", rules)
    }
    shared.execute("select kronos.evaluate_alerts()")
    last = told(shared, hook)[-1]
    assert (last["event"], last["count"], last["open"]) == ("RESOLVED", 2, 1)


def test_an_alert_about_the_endpoint_that_is_told_does_not_feed_itself(
    shared: Connection, endpoint: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, {"type": "FAILURES", "count": 1}, per="ALL", tells=[endpoint])
    end_runs(shared, job_id, "F")
    evaluate(shared)
    (notification,) = values(
        shared, "select execution_id from kronos.execution_live where endpoint_id = %s", [endpoint.endpoint_id]
    )
    shared.execute("delete from kronos.execution_live where execution_id = %s", [notification])
    fail_one_shot(shared, endpoint, notification)
    before = incidents(shared, rule_id)
    evaluate(shared)
    assert incidents(shared, rule_id) == before
    assert told(shared, endpoint) == []
    assert values(shared, "select execution_id from kronos.dead_letters where execution_id = %s", [notification]) == [
        notification
    ]
    (link,) = values(shared, "select caused_by from kronos.links_of(array[%s])", [notification])
    assert link == {"alert_rule": before[0]["rule"], "event": "OPENED", "incidents": 1}


@pytest.mark.parametrize("end", ["CANCELLED", "DELETED", "CHANGED"])
def test_an_incident_ends_with_its_job_or_its_rule_and_nobody_is_told(superuser: Connection, end: str) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    hook = add_endpoint(superuser, endpoint.workspace_id)
    job_id = make_cron_job(superuser, endpoint)
    rule_id = add_rule(superuser, endpoint, tells=[hook])
    end_runs(superuser, job_id, "FFF")
    evaluate(superuser)
    if end == "CANCELLED":
        superuser.execute(
            "update kronos.jobs set status = 'RETIRED', status_reason = '{\"code\": \"cancelled\"}',"
            " retired_at = now(), ticks_until = now() where job_id = %s",
            [job_id],
        )
    elif end == "DELETED":
        superuser.execute("delete from kronos.alert_rules where rule_id = %s", [rule_id])
    else:
        superuser.execute(
            'update kronos.alert_rules set condition = \'{"type": "FAILURES", "count": 4}\' where rule_id = %s',
            [rule_id],
        )
    clock.step(timedelta(minutes=6))
    evaluate(superuser)
    expected = {"CANCELLED": "SUBJECT_GONE", "DELETED": "RULE_DELETED", "CHANGED": "RULE_CHANGED"}[end]
    assert [each["resolution"] for each in incidents(superuser, rule_id)] == [expected]
    assert [each["event"] for each in told(superuser, hook)] == ["OPENED"]
    assert value(superuser, "select count(*) from kronos.alert_states") == 0


def test_it_is_said_again_until_somebody_has_it_and_after_a_snooze(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    hook = add_endpoint(superuser, endpoint.workspace_id)
    job_id = make_cron_job(superuser, endpoint)
    add_rule(superuser, endpoint, tells=[hook], repeat_seconds=600)
    end_runs(superuser, job_id, "FFF")
    evaluate(superuser)
    clock.step(timedelta(minutes=9))
    evaluate(superuser)
    assert len(told(superuser, hook)) == 1
    clock.step(timedelta(minutes=2))
    evaluate(superuser)
    evaluate(superuser)
    assert [each["event"] for each in told(superuser, hook)] == ["OPENED", "REPEATED"]
    snooze = "update kronos.incidents set snoozed_until = {0}, repeat_at = {0}"
    superuser.execute(snooze.format("kronos.now() + interval '1 hour'").encode())
    clock.step(timedelta(minutes=59))
    evaluate(superuser)
    assert len(told(superuser, hook)) == 2
    clock.step(timedelta(minutes=2))
    evaluate(superuser)
    assert len(told(superuser, hook)) == 3
    superuser.execute("update kronos.incidents set status = 'ACKNOWLEDGED', repeat_at = null")
    clock.step(timedelta(hours=2))
    evaluate(superuser)
    assert len(told(superuser, hook)) == 3
    end_runs(superuser, job_id, "S")
    evaluate(superuser)
    assert [each["event"] for each in told(superuser, hook)][3:] == ["RESOLVED"]


def test_a_rule_that_does_not_say_recovered_is_silent_then(
    shared: Connection, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint)
    add_rule(shared, endpoint, tells=[hook], says_recovered=False)
    end_runs(shared, job_id, "FFF")
    evaluate(shared)
    end_runs(shared, job_id, "S")
    evaluate(shared)
    assert [each["event"] for each in told(shared, hook)] == ["OPENED"]


def test_an_evaluation_that_dies_has_done_nothing_and_two_at_once_are_one(
    shared: Connection, module_database_url: str, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, tells=[hook])
    end_runs(shared, job_id, "FFF")
    with psycopg.connect(module_database_url) as dying:
        dying.execute("select kronos.evaluate_alerts()")
        assert value(shared, "select kronos.evaluate_alerts()") == {"busy": True}
        dying.rollback()
    assert incidents(shared, rule_id) == []
    evaluate(shared)
    assert len(told(shared, hook)) == len(incidents(shared, rule_id)) == 1


def test_an_endpoint_that_somebody_holds_is_told_later(
    shared: Connection, module_database_url: str, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint)
    add_rule(shared, endpoint, tells=[hook])
    end_runs(shared, job_id, "FFF")
    with psycopg.connect(module_database_url) as holding:
        holding.execute("select from kronos.endpoints where endpoint_id = %s for update", [hook.endpoint_id])
        evaluate(shared)
        assert told(shared, hook) == []
    evaluate(shared)
    assert [each["event"] for each in told(shared, hook)] == ["OPENED"]


def test_there_is_never_a_second_open_incident(shared: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint)
    end_runs(shared, job_id, "FFF")
    evaluate(shared)
    (incident,) = incidents(shared, rule_id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        shared.execute(
            "insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, detail)"
            " values (%(workspace_id)s, %(rule_id)s, 'r', 'INFO', '{}', 'JOB', %(subject_id)s, 'd')",
            incident,
        )
    shared.execute("delete from kronos.alert_states where rule_id = %s", [rule_id])
    end_runs(shared, job_id, "FFF")
    evaluate(shared)
    assert [each["incident_id"] for each in incidents(shared, rule_id)] == [incident["incident_id"]]


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"type": "NEVER"},
        {"type": "FAILURES"},
        {"type": "FAILURES", "count": 0},
        {"type": "FAILURE_RATE", "percent": 50, "runs": 101, "min_runs": 1},
        {"type": "RUNNING"},
        {"type": "NO_SUCCESS", "seconds": 59},
    ],
)
def test_a_condition_that_nothing_can_judge_is_not_stored(
    shared: Connection, endpoint: EndpointRow, condition: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        add_rule(shared, endpoint, condition or {"none": 1})


def test_retention_takes_what_is_over(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    jobs = [make_cron_job(superuser, endpoint) for _ in range(2)]
    rule_id = add_rule(superuser, endpoint)
    for job_id in jobs:
        end_runs(superuser, job_id, "FFF")
    evaluate(superuser)
    end_runs(superuser, jobs[0], "S")
    evaluate(superuser)
    retain = "select incidents from kronos.retain_alerts(100, {})"
    clock.step(timedelta(days=89))
    assert value(superuser, retain.format("true")) == 0
    clock.step(timedelta(days=2))
    assert value(superuser, retain.format("true")) == 1
    assert value(superuser, retain.format("false")) == 1
    assert [each["status"] for each in incidents(superuser, rule_id)] == ["OPEN"]


def test_the_internal_job_evaluates(shared: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint)
    end_runs(shared, job_id, "FFF")
    internal = value(
        shared,
        "select job_id from kronos.jobs join kronos.workspaces using (workspace_id)"
        " where slug = 'kronos-system' and jobs.name = 'alerts'",
    )
    shared.execute("select kronos.fire(%s)", [internal])
    (run,) = records(
        shared,
        "select status, output from kronos.execution_done where job_id = %s order by completed_at desc limit 1",
        [internal],
    )
    assert run["status"] == "SUCCESS"
    assert run["output"]["opened"] >= 1
    assert [each["status"] for each in incidents(shared, rule_id)] == ["OPEN"]
