"""What is exactly as old as its age is kept, and a microsecond more is too old: for each kind of row that ages.

Each test is one transaction, in which PostgreSQL's clock stands.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from alert_rows import add_rule
from backfill_rows import make_backfill
from factory import EndpointRow, add_endpoint
from retention_rows import DAY, finished, kept, one_shot, own_ages, retain
from sql_factory import Connection, make_cron_job, records, value, values

MOMENT = timedelta(microseconds=1)
SUCCESSES, FAILURES = ("SUCCESS", "SKIPPED", "CANCELLED"), ("FAILED", "MISSED", "EXPIRED")
BEYOND = 400 * DAY  # older than the oldest partition that a test could have


@pytest.fixture
def standing(superuser: Connection) -> Iterator[Connection]:
    """A connection in a transaction: its now() does not move, and what it does is undone."""
    with superuser.transaction(force_rollback=True):
        yield superuser


def now_of(connection: Connection) -> datetime:
    found: datetime = value(connection, "select now()")
    return found


def ended(connection: Connection, job_id: uuid.UUID, status: str, *, ago: timedelta, **columns: Any) -> uuid.UUID:
    """Insert an execution that ended that long ago, to the microsecond; its tick was `BEYOND` ago."""
    now = now_of(connection)
    at = now.replace(second=0, microsecond=0) - BEYOND
    return finished(connection, job_id, status, days=BEYOND / DAY, took=now - ago - at, **columns)


@pytest.mark.parametrize(
    ("own", "success", "failure"),
    [(None, 30, 90), ((7, 365), 7, 365), ((7, None), 7, 90), ((None, 7), 30, 7), ((60, 60), 60, 60)],
)
def test_each_outcome_is_kept_to_the_microsecond_of_its_own_age(
    standing: Connection, own: tuple[int | None, int | None] | None, success: int, failure: int
) -> None:
    """Beside them, another workspace has the ages of the instance."""
    endpoint, stranger = add_endpoint(standing), make_cron_job(standing)
    if own is not None:
        own_ages(standing, endpoint, *own)
    jobs = {status: make_cron_job(standing, endpoint) for status in (*SUCCESSES, *FAILURES)}
    for status, job_id in jobs.items():
        age = (success if status in SUCCESSES else failure) * DAY
        ended(standing, job_id, status, ago=age)
        ended(standing, make_cron_job(standing, endpoint), status, ago=age + MOMENT)
    for status, days in (("SUCCESS", 30), ("FAILED", 90)):
        ended(standing, stranger, status, ago=days * DAY)
        ended(standing, make_cron_job(standing), status, ago=days * DAY + MOMENT)
        stranger = make_cron_job(standing) if status == "SUCCESS" else stranger
    counts = retain(standing)
    assert counts["executions"] == 6 + 2
    assert [kept(standing, job_id) for job_id in jobs.values()] == [[status] for status in jobs]
    assert value(standing, "select count(*) from kronos.execution_done") == 6 + 2


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "RETIRED"])
def test_a_tick_of_a_live_job_is_kept_for_its_catch_up_window_and_a_day(standing: Connection, status: str) -> None:
    endpoint = add_endpoint(standing)
    own_ages(standing, endpoint, 1, 1)
    window = timedelta(days=3, seconds=5)
    over = {"retired_at": now_of(standing)} if status == "RETIRED" else {}
    for past in (timedelta(), MOMENT):
        columns: dict[str, Any] = {"catch_up_window_seconds": int(window.total_seconds()), "status": status, **over}
        execution_id = ended(standing, make_cron_job(standing, endpoint, **columns), "SUCCESS", ago=2 * DAY)
        standing.execute(
            "update kronos.execution_done set scheduled_at = now() - %s where execution_id = %s",
            [window + DAY + past, execution_id],
        )
    assert retain(standing)["executions"] == (2 if status == "RETIRED" else 1)
    left = values(standing, "select now() - scheduled_at from kronos.execution_done")
    assert left == ([] if status == "RETIRED" else [window + DAY])


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


@pytest.mark.parametrize("own", [None, 7])
def test_incidents_that_are_over_are_kept_as_long_as_failures(standing: Connection, own: int | None) -> None:
    endpoint = add_endpoint(standing)
    if own:
        own_ages(standing, endpoint, 1, own)
    age = (own or 90) * DAY
    incident(standing, endpoint, None)  # an open one, however old
    for ago in (DAY, age, age + MOMENT, age + DAY):
        incident(standing, endpoint, ago)
    assert retain(standing)["incidents"] == 2
    left = values(standing, "select now() - resolved_at from kronos.incidents order by resolved_at desc nulls last")
    assert left == [DAY, age, None]


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


@pytest.mark.parametrize("own", [None, 7])
def test_dead_letters_and_operations_are_kept_as_long_as_failures(standing: Connection, own: int | None) -> None:
    endpoint = add_endpoint(standing)
    if own:
        own_ages(standing, endpoint, 1, own)
    age = (own or 90) * DAY
    for ago in (DAY, age, age + MOMENT):
        standing.execute(
            "insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id,"
            " failed_at) select id, %s, %s, id, id, now() - %s from gen_random_uuid() as id",
            [endpoint.workspace_id, endpoint.endpoint_id, ago],
        )
    for ended_ago in (None, DAY, age, age + MOMENT):
        standing.execute(
            "insert into kronos.operations (workspace_id, kind, asked, which, total, status, created_at, completed_at)"
            " values (%(workspace)s, 'REDRIVE', '{}', '{}', 1, case when %(ago)s::interval is null then 'RUNNING'"
            " else 'COMPLETED' end, now() - interval '999 days', now() - %(ago)s::interval)",
            {"workspace": endpoint.workspace_id, "ago": ended_ago},
        )
    counts = retain(standing)
    assert (counts["dead_letters"], counts["operations"]) == (1, 1)
    assert values(standing, "select now() - failed_at from kronos.dead_letters order by 1") == [DAY, age]
    found = values(standing, "select now() - completed_at from kronos.operations order by 1 nulls last")
    assert found == [DAY, age, None]


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


@pytest.mark.parametrize(
    ("instance", "own", "windows", "days"),
    [
        ((30, 90), [], [], 90),
        ((90, 30), [(1, 1)], [], 90),
        ((30, 90), [(1, 200)], [], 200),
        ((30, 90), [(300, None), (5, 7)], [], 300),
        ((30, 90), [], [20 * 86400], 90),
        ((2, 5), [], [4 * 86400], 5),
        ((2, 5), [], [4 * 86400 + 1], 6),
        ((2, 5), [], [6 * 86400, 7 * 86400], 8),
        ((2, 5), [(9, None)], [7 * 86400], 9),
        ((1, 1), [], [0], 1),
        ((1, 1), [], [1], 2),
    ],
)
def test_a_whole_partition_goes_once_it_is_too_old_for_every_age_and_every_catch_up_window(
    standing: Connection,
    instance: tuple[int, int],
    own: list[tuple[int | None, int | None]],
    windows: list[int],
    days: int,
) -> None:
    standing.execute("update kronos.jobs set catch_up_window_seconds = 0")
    standing.execute("select kronos.set_retention(null, %s, %s)", instance)
    for ages in own:
        own_ages(standing, add_endpoint(standing), *ages)
    for seconds in windows:
        make_cron_job(standing, status="PAUSED", catch_up_window_seconds=seconds)
        make_cron_job(standing, status="RETIRED", retired_at=now_of(standing), catch_up_window_seconds=31 * 86400)
    (bounds,) = records(standing, "select *, kronos.uuid7_time(youngest) as young from kronos.retention_bounds()")
    youngest = min([*instance, *(age for ages in own for age in ages if age is not None)])
    assert bounds["drop_days"] == days
    assert abs(now_of(standing) - youngest * DAY - bounds["young"]) < timedelta(milliseconds=1)


FROM, TO = datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 9, 20, tzinfo=UTC)
HOUR, MILLISECOND = timedelta(hours=1), timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("at", "is_found"),
    [
        (FROM - HOUR, True),  # an hour is allowed for clocks that differ
        (FROM - HOUR - MILLISECOND, False),
        (FROM + 100 * DAY, True),
        (TO - 720 * HOUR, True),
        (TO + HOUR - 720 * HOUR, True),
        (TO + HOUR - 720 * HOUR - MILLISECOND, True),
        (TO + HOUR - MILLISECOND, True),
        (TO + HOUR, False),
    ],
)
def test_a_version_keeps_what_it_ran_while_it_was_in_force_however_long_that_was(
    standing: Connection, at: datetime, is_found: bool
) -> None:
    job_id, other = make_cron_job(standing), make_cron_job(standing)
    for each, when in ((job_id, at), (other, FROM + DAY)):
        execution_id = ended(standing, each, "SUCCESS", ago=DAY)
        standing.execute(
            "update kronos.execution_done set execution_id = kronos.uuid7_floor(%s) where execution_id = %s",
            [when, execution_id],
        )
    found = "select kronos.has_history(%s, %s, %s, '-infinity', '-infinity')"
    assert value(standing, found, [job_id, FROM, TO]) == is_found


@pytest.mark.parametrize("status", [*SUCCESSES, *FAILURES])
def test_a_version_keeps_only_what_has_not_reached_its_age_by_outcome(standing: Connection, status: str) -> None:
    job_id = make_cron_job(standing)
    execution_id = ended(standing, job_id, status, ago=30 * DAY)
    made: datetime = value(standing, "select kronos.uuid7_time(%s)", [execution_id])
    since = now_of(standing) - 30 * DAY
    found = "select kronos.has_history(%s, %s, %s, %s, %s)"
    for success_since, failure_since, is_found in (
        (since, since, True),
        (since + MOMENT, since, status in FAILURES),
        (since, since + MOMENT, status in SUCCESSES),
        (since + MOMENT, since + MOMENT, False),
    ):
        given = [job_id, made, made, success_since, failure_since]
        assert value(standing, found, given) == is_found, (success_since, failure_since)
