"""Ends and incidents of a rule while the rule, or what it selects, is being changed."""

from datetime import timedelta
from typing import LiteralString

import psycopg
import pytest

from alert_rows import add_rule, end_runs, evaluate, incidents
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, make_cron_job, value

_MINUTE = timedelta(minutes=1)


def test_an_end_that_comes_while_somebody_changes_a_rule_is_judged_by_it_afterwards(superuser: Connection) -> None:
    """Meanwhile the ends of other rules are judged."""
    endpoint, other = add_endpoint(superuser), add_endpoint(superuser)
    job_id, others = make_cron_job(superuser, endpoint), make_cron_job(superuser, other)
    rule_id = add_rule(superuser, endpoint, {"type": "FAILURES", "count": 1})
    unheld = add_rule(superuser, other, {"type": "FAILURES", "count": 1})
    end_runs(superuser, job_id, "F")
    end_runs(superuser, others, "F")
    with psycopg.connect(superuser.info.dsn, password=superuser.info.password) as changing:
        changing.execute("update kronos.alert_rules set severity = 'CRITICAL' where rule_id = %s", [rule_id])
        evaluate(superuser)
        assert len(incidents(superuser, unheld)) == 1
    assert incidents(superuser, rule_id) == []
    evaluate(superuser)
    assert [each["severity"] for each in incidents(superuser, rule_id)] == ["CRITICAL"]
    assert value(superuser, "select count(*) from kronos.alert_ends") == 0


@pytest.mark.parametrize(
    "change",
    [
        "update kronos.jobs set tags = '{}' where job_id = %s",
        "update kronos.alert_rules set name = name where %s is not null",
    ],
    ids=["selected no more", "selected"],
)
def test_a_job_that_a_rule_selects_no_more_breaks_it_no_more(superuser: Connection, change: LiteralString) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, name="nightly", tags=["red"])
    failed = add_rule(superuser, endpoint, {"type": "FAILURES", "count": 1}, selector="TAG", selected="red")
    silent = add_rule(superuser, endpoint, {"type": "NO_SUCCESS", "seconds": 3600}, selector="TAG", selected="red")
    end_runs(superuser, job_id, "F")
    evaluate(superuser)
    assert [each["status"] for each in incidents(superuser, failed)] == ["OPEN"]
    superuser.execute(change, [job_id])
    clock.step(5 * _MINUTE)
    evaluate(superuser)
    is_selected = "jobs" not in change
    assert [(each["status"], each["resolution"]) for each in incidents(superuser, failed)] == [
        ("OPEN", None) if is_selected else ("RESOLVED", "SUBJECT_GONE")
    ]
    clock.step(60 * _MINUTE)
    evaluate(superuser)
    assert len(incidents(superuser, silent)) == is_selected
