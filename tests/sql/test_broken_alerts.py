"""What cannot be judged or sent in one workspace stops the alerts of no other."""

from datetime import timedelta

from alert_rows import add_rule, end_runs, evaluate, incidents
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, make_cron_job, values


def test_a_workspace_whose_rules_cannot_be_judged_stops_no_other(superuser: Connection) -> None:
    MovedClock(superuser).stop()
    endpoints = [add_endpoint(superuser) for _ in range(5)]
    rules = [add_rule(superuser, endpoint, {"type": "FAILURES", "count": 1}) for endpoint in endpoints]
    for endpoint in endpoints:
        end_runs(superuser, make_cron_job(superuser, endpoint), "F")
    bad = endpoints[2].workspace_id
    superuser.execute(f"alter table kronos.incidents add constraint no_bad check (workspace_id <> '{bad}') not valid")
    counts = evaluate(superuser)
    assert (counts["ends"], counts["opened"]) == (4, 4)
    (error,) = counts["errors"]
    assert (error["workspace_id"], error["type"]) == (str(bad), "23514")
    assert [len(incidents(superuser, rule)) for rule in rules] == [1, 1, 0, 1, 1]
    assert values(superuser, "select workspace_id from kronos.alert_ends") == [bad]
    superuser.execute("alter table kronos.incidents drop constraint no_bad")
    counts = evaluate(superuser)
    assert (counts["ends"], counts["opened"], "errors" in counts) == (1, 1, False)


def test_a_notification_that_cannot_be_sent_stops_no_other_and_is_tried_again(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    clock.stop()
    endpoints = [add_endpoint(superuser) for _ in range(3)]
    for endpoint in endpoints:
        add_rule(superuser, endpoint, {"type": "FAILURES", "count": 1}, tells=[endpoint])
        end_runs(superuser, make_cron_job(superuser, endpoint), "F")
    bad = endpoints[1].endpoint_id
    superuser.execute(
        f"alter table kronos.execution_live add constraint no_bad check (endpoint_id <> '{bad}') not valid"
    )
    assert evaluate(superuser)["said"] == 3
    sent = "select endpoint_id from kronos.execution_live order by endpoint_id"
    assert values(superuser, sent) == sorted(each.endpoint_id for each in endpoints if each.endpoint_id != bad)
    superuser.execute("alter table kronos.execution_live drop constraint no_bad")
    clock.step(timedelta(minutes=2))
    evaluate(superuser)
    assert values(superuser, sent) == sorted(each.endpoint_id for each in endpoints)
