"""What is exactly as old as its age is kept, and a microsecond more is too old: for each kind of row that ages.

Each test is one transaction, in which PostgreSQL's clock stands.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from alert_rows import add_rule
from backfill_rows import make_backfill
from factory import EndpointRow, add_endpoint
from retention_rows import DAY, finished, kept, one_shot, own_ages, retain
from sql.truths import differing
from sql_factory import Connection, make_cron_job, records, value, values

MOMENT = timedelta(microseconds=1)
SUCCESSES, FAILURES = ("SUCCESS", "SKIPPED", "CANCELLED"), ("FAILED", "MISSED", "EXPIRED")
BEYOND = 400 * DAY  # older than the oldest partition that a test could have
FROM, TO = datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 9, 20, tzinfo=UTC)
HOUR, MILLISECOND = timedelta(hours=1), timedelta(milliseconds=1)


@pytest.fixture
def standing(undone: Connection) -> Connection:
    """A connection whose now() does not move, and whose writes are undone. Retention never ran; in the database that
    was copied, pg_cron may have rung at the minute in which it does.
    """
    undone.execute("delete from kronos.retention_sweeps")
    undone.execute("update kronos.retention set jobs_until = '-infinity', run_details_until = 0")
    return undone


def now_of(connection: Connection) -> datetime:
    found: datetime = value(connection, "select now()")
    return found


def ended(connection: Connection, job_id: uuid.UUID, status: str, *, ago: timedelta, before: int = 0) -> uuid.UUID:
    """Insert an execution that ended that long ago, to the microsecond; its tick was `BEYOND` and `before` days ago."""
    now = now_of(connection)
    days = BEYOND / DAY + before
    at = now.replace(second=0, microsecond=0) - timedelta(days=days)
    return finished(connection, job_id, status, days=days, took=now - ago - at)


def test_each_outcome_is_kept_to_the_microsecond_of_its_workspaces_age(standing: Connection) -> None:
    """With the ages of the instance, with own ones, and with one of each."""
    expected = []
    for own, success, failure in (
        ((None, None), 30, 90),
        ((7, 365), 7, 365),
        ((7, None), 7, 90),
        ((None, 7), 30, 7),
    ):
        endpoint = add_endpoint(standing)
        own_ages(standing, endpoint, *own)
        edge, past = make_cron_job(standing, endpoint), make_cron_job(standing, endpoint)
        for nth, status in enumerate((*SUCCESSES, *FAILURES)):
            age = (success if status in SUCCESSES else failure) * DAY
            ended(standing, edge, status, ago=age, before=nth)
            ended(standing, past, status, ago=age + MOMENT, before=nth)
        expected += [(edge, status) for status in (*SUCCESSES, *FAILURES)]
    assert retain(standing)["executions"] == len(expected)
    found = records(standing, "select job_id, status from kronos.execution_done")
    assert sorted((str(row["job_id"]), row["status"]) for row in found) == sorted(
        (str(job_id), status) for job_id, status in expected
    )


def test_a_tick_of_a_live_job_is_kept_for_its_catch_up_window_and_a_day(standing: Connection) -> None:
    endpoint = add_endpoint(standing)
    own_ages(standing, endpoint, 1, 1)
    window = timedelta(days=3, seconds=5)
    for status in ("ACTIVE", "PAUSED", "RETIRED"):
        over = {"retired_at": now_of(standing)} if status == "RETIRED" else {}
        columns: dict[str, Any] = {"catch_up_window_seconds": int(window.total_seconds()), "status": status, **over}
        for past in (timedelta(), MOMENT):
            execution_id = ended(standing, make_cron_job(standing, endpoint, **columns), "SUCCESS", ago=2 * DAY)
            standing.execute(
                "update kronos.execution_done set scheduled_at = now() - %s where execution_id = %s",
                [window + DAY + past, execution_id],
            )
    assert retain(standing)["executions"] == 4
    left = records(standing, "select job.status, now() - done.scheduled_at as ago from kronos.execution_done as done"
                             "  join kronos.jobs as job using (job_id) order by 1")  # fmt: skip
    assert [(row["status"], row["ago"]) for row in left] == [("ACTIVE", window + DAY), ("PAUSED", window + DAY)]


def test_an_age_is_that_of_the_end_whatever_the_tick_and_the_id_say(standing: Connection) -> None:
    """A run that took months counts from its end, in the second look of a day."""
    job_id = make_cron_job(standing)
    ended(standing, job_id, "SUCCESS", ago=DAY)
    assert retain(standing)["executions"] == 0
    assert kept(standing, job_id) == ["SUCCESS"]


def test_a_key_of_a_call_is_remembered_for_a_day(standing: Connection) -> None:
    standing.execute(
        "insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256, resource_id,"
        " created_at) select gen_random_uuid(), 'retry', age::text, '', gen_random_uuid(), now() - age"
        "   from unnest(%s::interval[]) as age",
        [[timedelta(), DAY - MOMENT, DAY, DAY + MOMENT, 2 * DAY]],
    )
    assert retain(standing)["idempotency_keys"] == 2
    assert value(standing, "select min(created_at) = now() - interval '24 hours' from kronos.idempotency_keys")


def test_incidents_that_are_over_are_kept_as_long_as_failures(standing: Connection) -> None:
    for own, days in ((None, 90), (7, 7)):
        endpoint = add_endpoint(standing)
        own_ages(standing, endpoint, 1 if own else None, own)
        for ago in (None, DAY, days * DAY, days * DAY + MOMENT, (days + 1) * DAY):
            incident(standing, endpoint, ago)
    assert retain(standing)["incidents"] == 4
    left = values(standing, "select now() - resolved_at from kronos.incidents order by 1")
    assert left == [DAY, DAY, 7 * DAY, 90 * DAY, None, None]  # an open one stays, however old


def incident(connection: Connection, endpoint: EndpointRow, ago: timedelta | None) -> None:
    """Insert an incident that began long ago; null: it is open."""
    rule_id = add_rule(connection, endpoint)
    connection.execute(
        "insert into kronos.incidents (workspace_id, rule_id, rule, severity, condition, kind, subject_id, detail,"
        " status, resolution, opened_at, resolved_at)"
        " select %(workspace)s, %(rule)s, 'r', 'ERROR', '{}', 'JOB', gen_random_uuid(), 'x',"
        "        case when %(ago)s::interval is null then 'OPEN' else 'RESOLVED' end,"
        "        case when %(ago)s::interval is not null then 'RECOVERED' end, now() - interval '999 days',"
        "        now() - %(ago)s::interval",
        {"workspace": endpoint.workspace_id, "rule": rule_id, "ago": ago},
    )


def test_a_notification_is_kept_as_long_as_history_of_its_day_and_until_it_is_sent(standing: Connection) -> None:
    endpoint = add_endpoint(standing)
    oldest: datetime = value(standing, "select kronos.oldest_day()::timestamp at time zone 'UTC'")
    for before, due_at in ((timedelta(), None), (MILLISECOND, None), (9 * DAY, None), (9 * DAY, oldest)):
        standing.execute(
            "insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id,"
            " incident_ids, due_at, input) values (kronos.uuid7(%s), %s, gen_random_uuid(), 'r', 'OPENED', %s, '{}',"
            " %s::timestamptz, case when %s::timestamptz is not null then '{}'::jsonb end)",
            [oldest - before, endpoint.workspace_id, endpoint.endpoint_id, due_at, due_at],
        )
    counts = "select incidents, notifications from kronos.retain_alerts(%s, %s)"
    for most, is_dry, number in ((9, True, 2), (1, True, 1), (1, False, 1), (9, False, 1), (9, False, 0)):
        (row,) = records(standing, counts, [most, is_dry])
        assert (row["incidents"], row["notifications"]) == (0, number)
    left = values(standing, "select due_at from kronos.alert_notifications order by execution_id")
    assert left == [oldest, None]


def test_no_more_incidents_are_deleted_at_a_time_than_asked_for_and_the_oldest_first(standing: Connection) -> None:
    endpoint = add_endpoint(standing)
    for days in (93, 91, 94, 92):
        incident(standing, endpoint, days * DAY)
    count = "select incidents from kronos.retain_alerts(%s, %s)"
    assert [value(standing, count, [most, True]) for most in (9, 3)] == [4, 3]
    assert value(standing, count, [3, False]) == 3
    assert values(standing, "select now() - resolved_at from kronos.incidents") == [91 * DAY]


def test_dead_letters_and_operations_are_kept_as_long_as_failures(standing: Connection) -> None:
    for own, days in ((None, 90), (7, 7)):
        endpoint = add_endpoint(standing)
        own_ages(standing, endpoint, 1 if own else None, own)
        for ago in (None, DAY, days * DAY, days * DAY + MOMENT):
            standing.execute(
                "insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id,"
                " failed_at) select id, %s, %s, id, id, now() - coalesce(%s::interval, '0')"
                "   from gen_random_uuid() as id",
                [endpoint.workspace_id, endpoint.endpoint_id, ago],
            )
            standing.execute(
                "insert into kronos.operations (workspace_id, kind, asked, which, total, status, created_at,"
                " completed_at) values (%(workspace)s, 'REDRIVE', '{}', '{}', 1, case when %(ago)s::interval is null"
                " then 'RUNNING' else 'COMPLETED' end, now() - interval '999 days', now() - %(ago)s::interval)",
                {"workspace": endpoint.workspace_id, "ago": ago},
            )
    counts = retain(standing)
    assert (counts["dead_letters"], counts["operations"]) == (2, 2)
    failed = values(standing, "select now() - failed_at from kronos.dead_letters order by 1")
    assert failed == [timedelta(), timedelta(), DAY, DAY, 7 * DAY, 90 * DAY]
    ended_ago = values(standing, "select now() - completed_at from kronos.operations order by 1")
    assert ended_ago == [DAY, DAY, 7 * DAY, 90 * DAY, None, None]


def test_no_more_dead_letters_are_deleted_at_a_time_than_asked_for_and_the_oldest_first(standing: Connection) -> None:
    endpoint = add_endpoint(standing)
    for days in (93, 91, 94, 92):
        standing.execute(
            "insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id,"
            " failed_at) select id, %s, %s, id, id, now() - %s from gen_random_uuid() as id",
            [endpoint.workspace_id, endpoint.endpoint_id, days * DAY],
        )
    count = "select dead_letters from kronos.retain_dead_letters(%s, %s)"
    assert [value(standing, count, given) for given in ([9, True], [3, True], [3, False])] == [4, 3, 3]
    assert values(standing, "select now() - failed_at from kronos.dead_letters") == [91 * DAY]


def test_a_backfill_is_kept_as_long_as_an_execution_of_its_outcome(standing: Connection) -> None:
    job_id = make_cron_job(standing)
    cases = [("COMPLETED", 30), ("CANCELLED", 30), ("FAILED", 90)]
    for status, days in cases:
        for ago in (days * DAY, days * DAY + MOMENT):
            standing.execute(
                "update kronos.backfills set status = %s, status_reason = %s, completed_at = now() - %s"
                " where backfill_id = %s",
                [
                    status,
                    None if status == "COMPLETED" else Jsonb({"code": "x"}),
                    ago,
                    make_backfill(standing, job_id),
                ],
            )
    assert retain(standing)["backfills"] == 3
    found = records(standing, "select status, now() - completed_at as ago from kronos.backfills order by 1")
    assert [(row["status"], row["ago"]) for row in found] == sorted((status, days * DAY) for status, days in cases)


def test_a_one_shot_that_is_over_is_kept_as_long_as_successes_and_its_execution(standing: Connection) -> None:
    endpoint = add_endpoint(standing)
    gone, edge, failed = (one_shot(standing, endpoint, status, days=40) for status in ("SUCCESS", "SUCCESS", "FAILED"))
    alone = one_shot(standing, endpoint, days=40)
    standing.execute("delete from kronos.execution_done where job_id = %s", [alone])
    for job_id, ago in ((gone, 30 * DAY + MOMENT), (edge, 30 * DAY), (failed, 35 * DAY), (alone, 30 * DAY + MOMENT)):
        standing.execute("update kronos.jobs set retired_at = now() - %s where job_id = %s", [ago, job_id])
    assert retain(standing)["jobs"] == 2
    left = values(standing, "select job_id from kronos.jobs where trigger <> 'CRON' order by retired_at")
    assert left == [failed, edge]


def test_a_deleted_workspace_is_kept_for_the_instances_failures_whatever_its_own_ages(standing: Connection) -> None:
    for ago in (90 * DAY, 90 * DAY + MOMENT):
        endpoint = add_endpoint(standing)
        own_ages(standing, endpoint, 1, 1)
        standing.execute(
            "update kronos.workspaces set status = 'DELETED', deleted_at = now() - %s where workspace_id = %s",
            [ago, endpoint.workspace_id],
        )
    assert retain(standing)["workspaces"] == 1
    assert values(standing, "select now() - deleted_at from kronos.workspaces where status = 'DELETED'") == [90 * DAY]


def test_a_deletion_that_is_over_is_kept_for_the_instances_failures(standing: Connection) -> None:
    for ago in (None, 90 * DAY, 90 * DAY + MOMENT):
        standing.execute(
            "insert into kronos.deletions (deleted_id, slug, name, counted, total, status, created_at, completed_at)"
            " values (gen_random_uuid(), 's', 'n', '{}', 0, case when %(ago)s::interval is null then 'RUNNING'"
            " else 'COMPLETED' end, now() - interval '999 days', now() - %(ago)s::interval)",
            {"ago": ago},
        )
    retain(standing)
    left = values(standing, "select now() - completed_at from kronos.deletions order by completed_at nulls first")
    assert left == [None, 90 * DAY]


def test_rows_of_pg_crons_log_are_kept_for_a_week(standing: Connection) -> None:
    standing.execute("delete from cron.job_run_details")
    for runid, ago in enumerate((7 * DAY + MOMENT, 7 * DAY), start=1):
        standing.execute(
            "insert into cron.job_run_details (jobid, runid, username, command, status, start_time)"
            " values (1, %s, 'kronos_cron', 'select kronos.fire(''x'')', 'succeeded', now() - %s)",
            [runid, ago],
        )
    assert retain(standing)["run_details"] == 1
    assert values(standing, "select runid from cron.job_run_details") == [2]


def test_history_is_complete_from_the_latest_removal_on_and_longer_ages_restore_nothing(standing: Connection) -> None:
    endpoint = add_endpoint(standing)
    standing.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])

    def shown() -> tuple[Any, ...]:
        (row,) = records(standing, "select *, now() - retained_from as lost from kronos.get_retention()")
        days = (row["success_days"], row["failure_days"], row["own_success_days"], row["own_failure_days"])
        assert (row["instance_success_days"], row["instance_failure_days"]) == (30, 90)
        return (*days, row["version"], row["lost"])

    assert shown() == (30, 90, None, None, 1, None)
    retain(standing)
    assert shown() == (30, 90, None, None, 1, 30 * DAY)
    own_ages(standing, endpoint, 5, None)
    assert shown() == (5, 90, 5, None, 2, 30 * DAY)
    retain(standing)
    assert shown() == (5, 90, 5, None, 2, 5 * DAY)
    own_ages(standing, endpoint, 5, None)
    assert shown() == (5, 90, 5, None, 2, 5 * DAY)
    own_ages(standing, endpoint, None, 365)
    assert shown() == (30, 365, None, 365, 3, 5 * DAY)
    retain(standing)
    assert shown() == (30, 365, None, 365, 3, 5 * DAY)
    own_ages(standing, endpoint, None, None)
    assert shown() == (30, 90, None, None, 4, 5 * DAY)
    standing.execute("select set_config('kronos.workspace_id', %s, true)", [str(add_endpoint(standing).workspace_id)])
    assert shown() == (30, 90, None, None, 1, 30 * DAY)  # another workspace lost nothing by that
    own_ages(standing, add_endpoint(standing), None, None)
    assert value(standing, "select count(*) from kronos.workspace_retention") == 1
    standing.execute("select set_config('kronos.workspace_id', '', true)")
    assert records(standing, "select * from kronos.get_retention()") == []


def test_a_shorter_age_of_a_workspace_is_applied_to_what_was_looked_at_before(standing: Connection) -> None:
    """Each row is looked at once for an age. A new age looks at all of them again, in both directions."""
    endpoint = add_endpoint(standing)
    job_id = make_cron_job(standing, endpoint)
    other = add_endpoint(standing)
    own_ages(standing, other, 10, 10)
    ended(standing, job_id, "SUCCESS", ago=20 * DAY)
    retain(standing, is_anew=True)
    assert kept(standing, job_id) == ["SUCCESS"]
    own_ages(standing, endpoint, 10, None)
    assert retain(standing)["executions"] == 1
    assert kept(standing, job_id) == []


def test_a_whole_partition_goes_once_it_is_too_old_for_every_age_and_every_catch_up_window(
    standing: Connection,
) -> None:
    """In order: the instance's ages, those of workspaces, the window of a live job, and the age of what goes."""
    cases: list[tuple[tuple[int, int], list[tuple[int | None, int | None]], int, int]] = [
        ((30, 90), [], 0, 90),
        ((90, 30), [(1, 1)], 0, 90),
        ((30, 90), [(1, 200)], 0, 200),
        ((30, 90), [(300, None), (5, 7)], 0, 300),
        ((30, 90), [], 20 * 86400, 90),
        ((2, 5), [], 4 * 86400, 5),
        ((2, 5), [], 4 * 86400 + 1, 6),
        ((2, 5), [], 7 * 86400, 8),
        ((2, 5), [(9, None)], 7 * 86400, 9),
        ((1, 1), [], 0, 1),
        ((1, 1), [], 1, 2),
    ]
    standing.execute("update kronos.jobs set catch_up_window_seconds = 0")
    job_id = make_cron_job(standing, status="PAUSED")
    make_cron_job(standing, status="RETIRED", retired_at=now_of(standing), catch_up_window_seconds=31 * 86400)
    workspaces = [add_endpoint(standing) for _ in range(2)]
    for instance, own, window, days in cases:
        with standing.transaction(force_rollback=True):
            standing.execute("select kronos.set_retention(null, %s, %s)", instance)
            for endpoint, ages in zip(workspaces, own, strict=False):
                own_ages(standing, endpoint, *ages)
            standing.execute("update kronos.jobs set catch_up_window_seconds = %s where job_id = %s", [window, job_id])
            (bounds,) = records(standing, "select drop_days, kronos.uuid7_time(youngest) as young"
                                          "  from kronos.retention_bounds()")  # fmt: skip
        youngest = min([*instance, *(age for ages in own for age in ages if age is not None)])
        assert bounds["drop_days"] == days, (instance, own, window)
        assert abs(now_of(standing) - youngest * DAY - bounds["young"]) < MILLISECOND


def test_a_version_keeps_what_it_ran_while_it_was_in_force_however_long_that_was(standing: Connection) -> None:
    """An hour more is searched on both sides, for clocks that differ. Another job's runs are nothing to it."""
    job_id, other = make_cron_job(standing), make_cron_job(standing)
    move = "update kronos.execution_done set execution_id = kronos.uuid7_floor(%s) where job_id = %s"
    for each, at in ((job_id, TO), (other, FROM + DAY)):
        ended(standing, each, "SUCCESS", ago=DAY)
        standing.execute(move, [at, each])
    for at, is_found in (
        (FROM - HOUR, True),
        (FROM - HOUR - MILLISECOND, False),
        (FROM + 100 * DAY, True),
        (TO + HOUR - 720 * HOUR, True),  # where one search ends and the next begins
        (TO + HOUR - 720 * HOUR - MILLISECOND, True),
        (TO + HOUR - MILLISECOND, True),
        (TO + HOUR, False),
    ):
        standing.execute(move, [at, job_id])
        found = "select kronos.has_history(%s, %s, %s, '-infinity', '-infinity')"
        assert value(standing, found, [job_id, FROM, TO]) == is_found, at


def test_a_version_keeps_only_what_has_not_reached_its_age_by_outcome(standing: Connection) -> None:
    job_id = make_cron_job(standing)
    execution_id = ended(standing, job_id, "SUCCESS", ago=30 * DAY)
    made: datetime = value(standing, "select kronos.uuid7_time(%s)", [execution_id])
    since = now_of(standing) - 30 * DAY
    for status in (*SUCCESSES, *FAILURES):
        standing.execute(
            "update kronos.execution_done set status = %s, status_reason = %s where job_id = %s",
            [status, Jsonb({"code": "x", "last": made.isoformat()}), job_id],
        )
        facts = [
            (since, since, True),
            (since + MOMENT, since, status in FAILURES),
            (since, since + MOMENT, status in SUCCESSES),
            (since + MOMENT, since + MOMENT, False),
        ]
        call = f"kronos.has_history('{job_id}', '{made}', '{made}', %s, %s)"
        assert differing(standing, call, facts) == [], status
