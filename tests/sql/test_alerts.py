"""Rules judge ended runs: one incident per violation, reported once, whatever crashes."""

from datetime import timedelta
from typing import Any

import pytest

from alert_rows import add_rule, end_runs, evaluate, fail_one_shot, incidents, told
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, make_cron_job, value, values


@pytest.fixture
def endpoint(shared: Connection) -> EndpointRow:
    return add_endpoint(shared)


@pytest.fixture
def hook(shared: Connection, endpoint: EndpointRow) -> EndpointRow:
    return add_endpoint(shared, endpoint.workspace_id)


def test_failures_in_a_row_are_one_incident_that_is_told_once_and_its_end(
    shared: Connection, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint, name="nightly")
    rule_id = add_rule(shared, endpoint, tells=[hook])
    end_runs(shared, job_id, "FF")
    evaluate(shared)
    assert incidents(shared, rule_id) == []
    (last,) = end_runs(shared, job_id, "F")
    evaluate(shared)
    (open,) = incidents(shared, rule_id)
    assert (open["status"], open["subject"], open["execution_id"]) == ("OPEN", "nightly", last)
    assert open["detail"] == "it failed 3 times in a row"
    end_runs(shared, job_id, "FF")
    evaluate(shared)
    (said,) = told(shared, hook)
    assert said["event"] == "OPENED"
    assert said["event_action"] == "trigger"
    assert said["count"] == 1
    assert said["text"].endswith(": nightly: it failed 3 times in a row")
    (open,) = incidents(shared, rule_id)
    assert open["detail"] == "it failed 5 times in a row"
    end_runs(shared, job_id, "S")
    evaluate(shared)
    (over,) = incidents(shared, rule_id)
    assert (over["status"], over["resolution"]) == ("RESOLVED", "RECOVERED")
    assert [(each["event"], each["event_action"]) for each in told(shared, hook)] == [
        ("OPENED", "trigger"),
        ("RESOLVED", "resolve"),
    ]
    assert values(shared, "select count(*) from kronos.alert_states where rule_id = %s", [rule_id]) == [0]
    evaluate(shared)
    assert len(told(shared, hook)) == 2


def test_what_broke_a_rule_and_was_over_before_it_was_looked_at_is_told_all_the_same(
    shared: Connection, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, tells=[hook])
    end_runs(shared, job_id, "SFFFS")
    evaluate(shared)
    evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["RESOLVED"]
    assert [each["event"] for each in told(shared, hook)] == ["OPENED", "RESOLVED"]


@pytest.mark.parametrize(
    ("condition", "ends", "is_open"),
    [
        ({"type": "FAILURES", "count": 2}, "FSF", False),
        ({"type": "FAILURES", "count": 2}, "FKCMF", True),
        ({"type": "FAILURES", "count": 1}, "E", True),
        ({"type": "MISSED", "count": 1}, "SM", True),
        ({"type": "MISSED", "count": 2}, "MSM", False),
        ({"type": "MISSED", "count": 2}, "MKM", True),
        ({"type": "FAILURE_RATE", "percent": 50, "runs": 4, "min_runs": 4}, "SFF", False),
        ({"type": "FAILURE_RATE", "percent": 50, "runs": 4, "min_runs": 4}, "SSFF", True),
        ({"type": "FAILURE_RATE", "percent": 50, "runs": 4, "min_runs": 4}, "FSSSSF", False),
        ({"type": "FAILURE_RATE", "percent": 50, "runs": 4, "min_runs": 2}, "FS", True),
        ({"type": "FAILURE_RATE", "percent": 60, "window_seconds": 600, "min_runs": 3}, "FFS", True),
        ({"type": "FAILURE_RATE", "percent": 70, "window_seconds": 600, "min_runs": 3}, "FFS", False),
        ({"type": "FAILURE_RATE", "percent": 10, "window_seconds": 600, "min_runs": 4}, "FFF", False),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_a_condition_is_broken_or_not_however_often_it_was_looked_at(
    shared: Connection, endpoint: EndpointRow, condition: dict[str, Any], ends: str, is_open: bool, is_split: bool
) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, condition)
    for part in ends if is_split else [ends]:
        end_runs(shared, job_id, part)
        evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["OPEN"] * is_open


def test_a_window_passes_and_with_it_the_incident(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    rule_id = add_rule(
        superuser, endpoint, {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 1}
    )
    end_runs(superuser, job_id, "F")
    evaluate(superuser)
    clock.step(timedelta(minutes=5))
    evaluate(superuser)
    assert [each["status"] for each in incidents(superuser, rule_id)] == ["OPEN"]
    clock.step(timedelta(minutes=6))
    evaluate(superuser)
    assert [each["status"] for each in incidents(superuser, rule_id)] == ["RESOLVED"]
    clock.step(timedelta(hours=27))
    evaluate(superuser)
    assert value(superuser, "select count(*) from kronos.alert_counts") == 0


@pytest.mark.parametrize(("late", "is_open"), [(60, False), (62, True)])
def test_a_run_that_began_late(shared: Connection, endpoint: EndpointRow, late: int, is_open: bool) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, {"type": "LATE", "seconds": 60})
    end_runs(shared, job_id, "S", late=late)
    evaluate(shared)
    assert [each["detail"] for each in incidents(shared, rule_id)] == [f"it was {late} s late"] * is_open
    end_runs(shared, job_id, "F")
    evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["RESOLVED"] * is_open


def queue(connection: Connection, job_id: object, *, seconds: int, is_running: bool = False) -> object:
    """Insert a run of the job that was due that long ago; with is_running, it was claimed then."""
    return value(
        connection,
        "insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,"
        " scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input, claim_token, worker_id,"
        " claimed_at, started_at, attempt_count)"
        " select kronos.uuid7(), job.workspace_id, job.job_id, job.endpoint_id, 1, 'SCHEDULE', due.at, due.at, due.at,"
        " 3, 0, 900000, '{}', case when %(is_running)s then gen_random_uuid() end,"
        " case when %(is_running)s then 'w' end, case when %(is_running)s then due.at end,"
        " case when %(is_running)s then due.at end, %(is_running)s::integer"
        "   from kronos.jobs as job, (select kronos.now() - %(seconds)s * interval '1 second' as at) as due"
        "  where job.job_id = %(job_id)s returning execution_id",
        {"job_id": job_id, "seconds": seconds, "is_running": is_running},
    )


def test_a_run_that_waits_too_long_is_late_before_it_ends(shared: Connection, endpoint: EndpointRow) -> None:
    late, early = make_cron_job(shared, endpoint, name="late"), make_cron_job(shared, endpoint, name="early")
    rule_id = add_rule(shared, endpoint, {"type": "LATE", "seconds": 60})
    execution_id = queue(shared, late, seconds=61)
    queue(shared, early, seconds=59)
    evaluate(shared)
    (open,) = incidents(shared, rule_id)
    assert (open["subject"], open["execution_id"], open["detail"]) == ("late", execution_id, "it was 61 s late")
    shared.execute("delete from kronos.execution_live where execution_id = %s", [execution_id])
    end_runs(shared, late, "S", late=90)
    evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["OPEN"]
    end_runs(shared, late, "S")
    evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["RESOLVED"]


def test_a_run_that_is_under_way_too_long_is_an_incident_until_it_ends(
    shared: Connection, endpoint: EndpointRow
) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, {"type": "RUNNING", "seconds": 30})
    execution_id = queue(shared, job_id, seconds=31, is_running=True)
    evaluate(shared)
    assert [each["detail"] for each in incidents(shared, rule_id)] == ["it ran for 31 s"]
    evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["OPEN"]
    shared.execute("delete from kronos.execution_live where execution_id = %s", [execution_id])
    evaluate(shared)
    assert [each["status"] for each in incidents(shared, rule_id)] == ["RESOLVED"]


def test_a_run_that_was_too_long_between_two_looks_is_an_incident(shared: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, {"type": "RUNNING", "seconds": 30})
    end_runs(shared, job_id, "S", ran=31)
    evaluate(shared)
    evaluate(shared)
    assert [(each["status"], each["detail"]) for each in incidents(shared, rule_id)] == [
        ("RESOLVED", "it ran for 31 s")
    ]


def test_a_run_is_too_long_for_its_job(shared: Connection, endpoint: EndpointRow) -> None:
    """Nine runs are too few to say what is usual."""
    short, new = make_cron_job(shared, endpoint, name="short"), make_cron_job(shared, endpoint, name="new")
    long = make_cron_job(shared, endpoint, name="long")
    rule_id = add_rule(shared, endpoint, {"type": "RUNNING", "factor": 3, "seconds": 5})
    end_runs(shared, short, "S" * 10, ran=10)
    end_runs(shared, new, "S" * 9, ran=10)
    end_runs(shared, long, "S" * 10, ran=20)
    for job_id in (short, new, long):
        queue(shared, job_id, seconds=31, is_running=True)
    evaluate(shared)
    assert [each["subject"] for each in incidents(shared, rule_id)] == ["short"]


def test_no_success_within_a_time(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    quiet, busy = make_cron_job(superuser, endpoint, name="quiet"), make_cron_job(superuser, endpoint, name="busy")
    rule_id = add_rule(superuser, endpoint, {"type": "NO_SUCCESS", "seconds": 3600})
    evaluate(superuser)
    clock.step(timedelta(minutes=50))
    end_runs(superuser, busy, "S")
    end_runs(superuser, quiet, "FM")
    evaluate(superuser)
    clock.step(timedelta(minutes=11))
    evaluate(superuser)
    assert [(each["subject"], each["status"]) for each in incidents(superuser, rule_id)] == [("quiet", "OPEN")]
    end_runs(superuser, quiet, "S")
    evaluate(superuser)
    assert [each["status"] for each in incidents(superuser, rule_id)] == ["RESOLVED"]
    clock.step(timedelta(minutes=50))
    evaluate(superuser)
    assert sorted((each["subject"], each["status"]) for each in incidents(superuser, rule_id)) == [
        ("busy", "OPEN"),
        ("quiet", "RESOLVED"),
    ]


def test_who_is_paused_or_suspended_need_not_succeed_and_is_waited_for_anew(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    rule_id = add_rule(superuser, endpoint, {"type": "NO_SUCCESS", "seconds": 3600})
    evaluate(superuser)
    superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job_id])
    clock.step(timedelta(minutes=61))
    evaluate(superuser)
    superuser.execute("update kronos.jobs set status = 'ACTIVE' where job_id = %s", [job_id])
    suspend = "update kronos.workspaces set status = %s, suspended_at = kronos.now() where workspace_id = %s"
    superuser.execute(suspend, ["SUSPENDED", endpoint.workspace_id])
    clock.step(timedelta(minutes=61))
    evaluate(superuser)
    superuser.execute(suspend, ["ACTIVE", endpoint.workspace_id])
    clock.step(timedelta(minutes=59))
    evaluate(superuser)
    assert incidents(superuser, rule_id) == []
    clock.step(timedelta(minutes=2))
    evaluate(superuser)
    assert [each["status"] for each in incidents(superuser, rule_id)] == ["OPEN"]


def test_rules_choose_by_job_tag_endpoint_and_workspace(
    shared: Connection, endpoint: EndpointRow, hook: EndpointRow
) -> None:
    one = make_cron_job(shared, endpoint, name="one", tags=["red"])
    two = make_cron_job(shared, hook, name="two", tags=["red", "blue"])
    nameless = make_cron_job(shared, hook, title="No name")
    name = value(shared, "select name from kronos.endpoints where endpoint_id = %s", [hook.endpoint_id])
    condition = {"type": "FAILURES", "count": 1}
    rules = {
        key: add_rule(shared, endpoint, condition, selector=selector, selected=selected, per=per)
        for key, selector, selected, per in [
            ("one", "JOB", "one", "JOB"),
            ("nameless", "JOB", str(nameless), "JOB"),
            ("red", "TAG", "red", "JOB"),
            ("blue", "TAG", "blue", "ALL"),
            ("hook", "ENDPOINT", name, "ALL"),
            ("all", "WORKSPACE", None, "JOB"),
            ("together", "WORKSPACE", None, "ALL"),
        ]
    }
    for job_id in (one, two, nameless):
        end_runs(shared, job_id, "F")
    evaluate(shared)
    found = {
        key: sorted((each["kind"], each["subject"] or "") for each in incidents(shared, rule_id))
        for key, rule_id in rules.items()
    }
    assert found == {
        "one": [("JOB", "one")],
        "nameless": [("JOB", "No name")],
        "red": [("JOB", "one"), ("JOB", "two")],
        "blue": [("TAG", "blue")],
        "hook": [("ENDPOINT", name)],
        "all": [("JOB", "No name"), ("JOB", "one"), ("JOB", "two")],
        "together": [("WORKSPACE", "")],
    }


def test_another_workspace_s_ends_are_nothing_to_a_rule(shared: Connection, endpoint: EndpointRow) -> None:
    stranger = make_cron_job(shared)
    rule_id = add_rule(shared, endpoint, {"type": "FAILURES", "count": 1})
    end_runs(shared, stranger, "F")
    evaluate(shared)
    assert incidents(shared, rule_id) == []


def test_one_shots_count_where_a_rule_is_about_all_together(shared: Connection, endpoint: EndpointRow) -> None:
    each = add_rule(shared, endpoint, {"type": "FAILURES", "count": 1})
    together = add_rule(shared, endpoint, {"type": "FAILURES", "count": 2}, per="ALL")
    for _ in range(2):
        fail_one_shot(shared, endpoint)
    evaluate(shared)
    assert incidents(shared, each) == []
    assert [incident["status"] for incident in incidents(shared, together)] == ["OPEN"]


def test_what_only_tries_out_or_comes_from_a_backfill_is_not_counted(shared: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, {"type": "FAILURES", "count": 1}, per="ALL")
    end_runs(shared, job_id, "F", cause="BACKFILL")
    fail_one_shot(shared, endpoint, value(shared, "select kronos.test_id(kronos.now())"))
    evaluate(shared)
    assert incidents(shared, rule_id) == []


def test_where_no_rule_is_nothing_is_noted(shared: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(shared, endpoint)
    rule_id = add_rule(shared, endpoint, is_enabled=False)
    end_runs(shared, job_id, "FFF")
    noted = "select count(*) from kronos.alert_ends where workspace_id = %s"
    assert value(shared, noted, [endpoint.workspace_id]) == 0
    shared.execute("update kronos.alert_rules set is_enabled = true where rule_id = %s", [rule_id])
    end_runs(shared, job_id, "F")
    assert value(shared, noted, [endpoint.workspace_id]) == 1
    evaluate(shared)
    assert value(shared, noted, [endpoint.workspace_id]) == 0
