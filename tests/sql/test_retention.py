"""Retention deletes what is older than its age, in whole partitions at a time, and nothing else. No session waits for
it.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import psycopg
import pytest

from factory import EndpointRow, add_executions
from retention_rows import DAY, days_to, finished, kept, one_shot, own_ages, partition_of_days, retain, retain_all
from sql_factory import Connection, await_lock, job, live, make_cron_job, records, value, values


@pytest.mark.parametrize(
    ("status", "days"),
    [("SUCCESS", 30), ("SKIPPED", 30), ("CANCELLED", 30), ("FAILED", 90), ("MISSED", 90), ("EXPIRED", 90)],
)
def test_each_outcome_has_its_age(superuser: Connection, job_id: uuid.UUID, status: str, days: int) -> None:
    old = finished(superuser, job_id, status, days=days + 8)
    finished(superuser, job_id, status, days=days - 0.1)
    counts = retain(superuser)
    assert (counts["executions"], counts["is_left"]) == (1, False)
    assert len(kept(superuser, job_id)) == 1
    for table in ("execution_done", "attempt", "attempt_late"):
        assert values(superuser, f"select 1 from kronos.{table} where execution_id = %s", [old]) == []


@pytest.mark.parametrize("is_alone", [False, True], ids=["a-row-of-its-own", "in-its-executions-row"])
def test_attempts_and_late_results_go_with_their_execution_and_stay_with_it(
    superuser: Connection, job_id: uuid.UUID, is_alone: bool
) -> None:
    old = finished(superuser, job_id, "SUCCESS", days=40)
    if is_alone:
        keep_in_its_row(superuser, old)
    young = finished(superuser, job_id, "FAILED", days=41)
    counts = retain(superuser)
    assert (counts["executions"], counts["attempts"], counts["late_results"]) == (1, 1, 1)
    for table in ("attempt", "attempt_late"):
        assert values(superuser, f"select execution_id from kronos.{table}") == [young]


def test_what_is_retried_by_hand_at_this_moment_keeps_its_attempts(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID, database_url: str
) -> None:
    """Retention has selected the row and waits for its lock. Then the execution is live again, and not subject to
    retention.
    """
    own_ages(superuser, endpoint, None, 35)
    old = finished(superuser, job_id, "FAILED", days=40)
    with (
        psycopg.connect(database_url) as request,
        psycopg.connect(database_url, autocommit=True) as aging,
        ThreadPoolExecutor(1) as threads,
    ):
        request.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(request, "select kronos.retry_execution(%s)", [old]) is None
        counts = threads.submit(retain, aging)
        await_lock(superuser, aging, kind="transactionid")
        request.commit()
        assert (counts.result()["executions"], counts.result()["attempts"]) == (0, 0)
    assert [row["execution_id"] for row in live(superuser, job_id)] == [old]
    for table in ("attempt", "attempt_late"):
        assert values(superuser, f"select execution_id from kronos.{table}") == [old]


def test_a_workspace_may_have_its_own_ages(superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID) -> None:
    theirs = make_cron_job(superuser)
    for each in (job_id, theirs):
        for status, days in (("SUCCESS", 20), ("SUCCESS", 40), ("FAILED", 120)):
            finished(superuser, each, status, days=days)
    own_ages(superuser, endpoint, None, 150)
    retain_all(superuser)
    assert (kept(superuser, job_id), kept(superuser, theirs)) == (["FAILED", "SUCCESS"], ["SUCCESS"])
    own_ages(superuser, endpoint, 10, None)
    retain(superuser)
    assert (kept(superuser, job_id), kept(superuser, theirs)) == ([], ["SUCCESS"])


def test_nobody_comes_between_the_look_at_ages_and_their_change(
    superuser: Connection, other: Connection, endpoint: EndpointRow
) -> None:
    enter = "select set_config('kronos.workspace_id', %s, false)"
    for connection in (superuser, other):
        connection.execute(enter, [str(endpoint.workspace_id)])
    other.execute("select kronos.match_retention('{1}')")
    superuser.execute("set lock_timeout = '1ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        superuser.execute("select kronos.set_workspace_retention(3, 3)")
    other.execute("select kronos.set_workspace_retention(7, 7)")
    other.commit()
    superuser.execute("select kronos.set_workspace_retention(3, 3)")
    with pytest.raises(psycopg.Error, match="the ages are at version 3, which If-Match does not name"):
        superuser.execute("select kronos.match_retention('{2}')")


def test_an_age_is_counted_from_the_end_not_from_the_id(superuser: Connection, endpoint: EndpointRow) -> None:
    """The execution of a job that was delayed by a year has an id that is a year old."""
    late = one_shot(superuser, endpoint, days=1, created=365)
    partition_of_days(superuser, first=400, days=1)
    retain_all(superuser)
    assert (kept(superuser, late), job(superuser, late)["status"]) == (["SUCCESS"], "COMPLETED")


def test_a_partition_in_which_something_ended_lately_stays_and_the_rest_of_it_goes(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    first, second = (days_to(superuser, day) for day in partition_of_days(superuser, first=200, days=2))
    late = one_shot(superuser, endpoint, days=1, created=first)
    early = one_shot(superuser, endpoint, days=first)
    other = one_shot(superuser, endpoint, days=second)
    counts = retain_all(superuser)
    assert (counts["partitions_dropped"], counts["executions"]) == (1, 1)
    assert [kept(superuser, each) for each in (late, early, other)] == [["SUCCESS"], [], []]
    assert values(superuser, "select job_id from kronos.jobs where trigger <> 'CRON'") == [late]


def test_a_partition_with_an_unfinished_execution_of_its_ids_stays(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    (day,) = partition_of_days(superuser, first=200, days=1)
    at = value(superuser, "select now() - %s", [days_to(superuser, day) * DAY])
    add_executions(superuser, endpoint)
    superuser.execute("update kronos.execution_live set execution_id = kronos.uuid7(%s)", [at])
    assert retain_all(superuser)["partitions_dropped"] == 0
    superuser.execute("delete from kronos.execution_live")
    assert retain_all(superuser)["partitions_dropped"] == 1
    assert values(superuser, "select 1 from pg_class where relname like %s", [f"%_{day}"]) == []


@pytest.mark.parametrize("parent", ["execution_done", "attempt"])
def test_a_partition_that_somebody_else_owns_keeps_no_other(
    superuser: Connection, job_id: uuid.UUID, parent: str
) -> None:
    days = partition_of_days(superuser, first=200, days=3)
    for day in days:
        finished(superuser, job_id, "SUCCESS", days=days_to(superuser, day))
    superuser.execute(f"alter table kronos.{parent}_{days[0]} owner to current_user")
    counts = retain_all(superuser)
    assert (counts["partitions_dropped"], "errors" in counts) == (2, False)
    assert values(
        superuser, "select partition from kronos.partitions() where parent = %s order by from_id limit 1", [parent]
    ) == [f"{parent}_{days[0]}"]
    superuser.execute(f"alter table kronos.{parent}_{days[0]} owner to kronos_owner")
    assert retain_all(superuser)["partitions_dropped"] == 1


def test_whole_partitions_go_with_their_attempts_and_cost_nothing_by_row(
    superuser: Connection, job_id: uuid.UUID
) -> None:
    days = partition_of_days(superuser, first=119, days=30)
    for number in range(100, 120):
        finished(superuser, job_id, "SUCCESS", days=number - 0.5)
    first = retain(superuser)
    assert 0 < first["partitions_dropped"] <= 16
    rest = retain_all(superuser)
    assert first["partitions_dropped"] + rest["partitions_dropped"] == 29  # all of it is older than 90 days
    assert first["executions"] + rest["executions"] == 0
    for table in ("execution_done", "attempt"):
        assert (
            values(
                superuser,
                "select partition from kronos.partitions() where parent = %s and partition < %s",
                [table, table + "_2"],
            )
            == []
        )
        names = values(
            superuser, "select partition from kronos.partitions() where parent = %s order by 1 limit 1", [table]
        )
        assert names == [f"{table}_{days[-1]}"]
    assert values(superuser, "select count(*) from kronos.attempt_late") == [0]


def test_the_longest_age_goes_by_partitions_only(superuser: Connection, job_id: uuid.UUID) -> None:
    """A week's partition that is only partly old enough stays until all of it is, because dropping it costs nothing."""
    partition_of_days(superuser, first=93, days=1, each=7)
    finished(superuser, job_id, "FAILED", days=92)
    finished(superuser, job_id, "SUCCESS", days=91)
    counts = retain_all(superuser)
    assert (counts["executions"], counts["partitions_dropped"]) == (1, 0)
    assert kept(superuser, job_id) == ["FAILED"]


def test_each_row_is_looked_at_once_for_an_age(superuser: Connection, job_id: uuid.UUID) -> None:
    for number in range(31, 60):
        finished(superuser, job_id, "FAILED", days=number)
    retain(superuser, is_anew=True)
    finished(superuser, job_id, "SUCCESS", days=45.5)  # added after the first sweep, so only a second one finds it
    assert retain(superuser)["executions"] == 0
    (bounds,) = records(superuser, "select * from kronos.retention_bounds()")
    (front,) = records(superuser, "select swept_until, began_at from kronos.retention_sweeps where days = 30")
    sweep = "select seen from kronos.sweep_executions(%s, %s, 5000, 90, %s, true)"
    assert value(superuser, sweep, [front["swept_until"], bounds["youngest"], bounds["old"]]) == 0


def test_what_ended_long_after_its_ids_time_goes_with_the_second_look(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    retain(superuser)
    late = one_shot(superuser, endpoint, days=31, created=300)
    retain(superuser)
    assert kept(superuser, late) == ["SUCCESS"]
    superuser.execute("update kronos.retention_sweeps set began_at = began_at - interval '1 day' where days = 0")
    superuser.execute("update kronos.retention set jobs_began_at = jobs_began_at - interval '1 day'")
    retain(superuser)
    assert (kept(superuser, late), values(superuser, "select 1 from kronos.jobs where job_id = %s", [late])) == ([], [])


def test_of_pg_crons_log_only_our_old_rows_go(superuser: Connection) -> None:
    superuser.execute("delete from cron.job_run_details")
    row = """
        insert into cron.job_run_details (jobid, runid, username, command, status, start_time)
        values (1, %s, %s, %s, 'succeeded', now() - %s)
        """
    ours, theirs = "select kronos.fire('00000000-0000-0000-0000-000000000000')", "vacuum"
    for runid, (user, command, days) in enumerate(
        [
            ("kronos_cron", ours, 9),
            ("postgres", theirs, 9),
            ("postgres", ours, 9),
            ("kronos_cron", "select 1", 8),
            ("kronos_cron", ours, 7.1),
            ("kronos_cron", ours, 6.9),
            ("postgres", theirs, 1),
        ],
        start=1,
    ):
        superuser.execute(row, [runid, user, command, days * DAY])
    superuser.execute(
        "insert into cron.job_run_details (jobid, runid, username, command, status) values (1, 8, 'kronos_cron', %s, "
        "'starting')",
        [ours],
    )
    assert retain(superuser)["run_details"] == 2
    assert values(superuser, "select runid from cron.job_run_details order by 1") == [2, 3, 4, 6, 7, 8]
    assert retain(superuser)["run_details"] == 0


def test_the_log_goes_in_pieces(superuser: Connection) -> None:
    superuser.execute("delete from cron.job_run_details")
    superuser.execute(
        """
        insert into cron.job_run_details (jobid, runid, username, command, status, start_time)
        select 1, n, 'kronos_cron', 'select kronos.fire(''x'')', 'succeeded', now() - interval '10 days'
               from generate_series(1, 45000) as n
        """
    )
    assert [retain(superuser)["is_left"] for _ in range(3)] == [True, True, False]
    assert values(superuser, "select count(*) from cron.job_run_details") == [0]


def keep_in_its_row(connection: Connection, execution_id: uuid.UUID) -> None:
    """Store the execution's only attempt in its row, as finalize_successes does."""
    moved = connection.execute(
        """
        with alone as (
            delete from kronos.attempt where execution_id = %s returning execution_id, claim_token
        )
        update kronos.execution_done as done
           set attempt_token = alone.claim_token
          from alone
         where done.execution_id = alone.execution_id
        """,
        [execution_id],
    )
    assert moved.rowcount == 1


def test_unfinished_work_and_live_jobs_are_never_touched(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID
) -> None:
    old = value(superuser, "select now() - interval '400 days'")
    add_executions(superuser, endpoint, 3)
    superuser.execute(
        "update kronos.execution_live set created_at = now() - interval '400 days', execution_id = kronos.uuid7(%s)",
        [old],
    )
    superuser.execute("update kronos.jobs set created_at = now() - interval '400 days' where trigger <> 'CRON'")
    before = records(
        superuser, "select * from kronos.jobs where workspace_id = %s order by job_id", [endpoint.workspace_id]
    )
    retain_all(superuser)
    assert (
        records(superuser, "select * from kronos.jobs where workspace_id = %s order by job_id", [endpoint.workspace_id])
        == before
    )
    assert value(superuser, "select count(*) from kronos.execution_live") == 3
    assert live(superuser, job_id) == []


def test_a_tick_within_its_jobs_catch_up_window_stays(superuser: Connection, endpoint: EndpointRow) -> None:
    """A pointer that is set back finds its row in the history, whatever the ages are, so the tick is not delivered a
    second time.
    """
    own_ages(superuser, endpoint, 1, 1)
    now: datetime = value(superuser, "select date_trunc('minute', now())")
    at = now - 5 * DAY
    daily = make_cron_job(
        superuser,
        endpoint,
        cron=f"{at.minute} {at.hour} * * *",
        catch_up_policy="ALL",
        catch_up_window_seconds=20 * 86400,
        next_tick_at=at,
        ticks_from=at - DAY,
    )
    for days in range(40, 0, -1):
        finished(superuser, daily, days=days)
    retain_all(superuser)
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [now - 39 * DAY, daily])
    superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [daily, now])
    delivered = [row["scheduled_at"] for row in live(superuser, daily)]
    assert delivered == [now]
    assert kept(superuser, daily).count("SUCCESS") == 20
