"""A run of retention is bounded, runs by itself, and blocks no other session."""

import uuid
from datetime import datetime

import psycopg

from backfill_rows import make_backfill
from depth import depth
from factory import EndpointRow
from kronos import retention
from retention_rows import DAY, finished, kept, one_shot, partition_of_days, retain, retain_all
from sql.test_partitions import go_on, make_all
from sql.test_retention import keep_in_its_row
from sql_factory import Connection, make_cron_job, records, value, values


def test_a_run_stops_by_the_clock_and_the_next_goes_on(superuser: Connection, endpoint: EndpointRow) -> None:
    rows = depth(11_000, deep=30_000)  # a step takes 5,000
    fill(superuser, endpoint, rows=rows)
    first = retain(superuser, 0)
    assert (0 < first["executions"] < rows, first["is_left"]) == (True, True)
    assert first["executions"] + retain_all(superuser)["executions"] == rows
    assert values(superuser, "select count(*) from kronos.attempt") == [0]


def fill(
    connection: Connection, endpoint: EndpointRow, *, rows: int, status: str = "SUCCESS", days: int = 60
) -> uuid.UUID:
    """Insert finished executions of one job, with an attempt each, a second apart, the last one `days` days ago."""
    job_id = make_cron_job(connection, endpoint)
    connection.execute(
        """
        with tick as (
            select kronos.tick_id(job_id, at) as execution_id, at, job.*
              from kronos.jobs as job, generate_series(1, %(rows)s) as n,
                   lateral (select now() - %(age)s - n * interval '1 s' as at) as tick
             where job_id = %(job)s
        ), done as (
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, started_at, completed_at,
                                                   max_attempts, input)
            select execution_id, workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s, at, at, at, at,
                   at, 1, '{}'
              from tick order by at
        )
        insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at,
            completed_at, worker_id)
        select execution_id, gen_random_uuid(), workspace_id, 1, %(status)s, at, at, 'w' from tick order by at
        """,
        {"rows": rows, "age": days * DAY, "job": job_id, "status": status},
    )
    return job_id


def test_one_run_at_a_time(superuser: Connection, other: Connection, job_id: uuid.UUID) -> None:
    finished(superuser, job_id, days=40)
    other.execute("select pg_advisory_xact_lock(hashtext('kronos.retain'))")
    assert retain(superuser) == {"busy": True, "is_left": True}
    other.rollback()
    assert retain(superuser)["executions"] == 1


def test_a_part_that_fails_stops_no_other_and_is_reported(superuser: Connection, job_id: uuid.UUID) -> None:
    finished(superuser, job_id, days=40)
    superuser.execute(
        "create function kronos.no() returns trigger language plpgsql as $$ begin raise 'not now'; end $$"
    )
    superuser.execute("create trigger no before delete on kronos.jobs for each statement execute function kronos.no()")
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
    superuser.execute("update kronos.jobs set retired_at = now() - interval '40 days' where job_id = %s", [job_id])
    before = value(superuser, "select done_at from kronos.retention")
    counts = value(superuser, "select kronos.retain()")
    assert (counts["executions"], counts["partitions_made"]) == (1, 0)
    assert [(each["task"], each["message"]) for each in counts["errors"]] == [("jobs", "not now")]
    assert value(superuser, "select done_at from kronos.retention") == before
    assert kept(superuser, job_id) == []


def test_the_internal_job_runs_it_hourly(superuser: Connection, job_id: uuid.UUID) -> None:
    finished(superuser, job_id, days=40)
    (found,) = records(superuser, "select * from kronos.jobs where name = 'retention'")
    assert (found["cron"], found["status"]) == ("17 * * * *", "ACTIVE")
    superuser.execute("select kronos.fire(%s)", [found["job_id"]])
    (run,) = records(
        superuser,
        "select status, output from kronos.execution_done where job_id = %s and output is not null",
        [found["job_id"]],
    )
    assert (run["status"], run["output"]["executions"], run["output"]["is_left"]) == ("SUCCESS", 1, False)


def test_dry_runs_write_nothing_and_count_what_a_run_takes(
    superuser: Connection, endpoint: EndpointRow, database_url: str
) -> None:
    job_id = fill(superuser, endpoint, rows=700)
    finished(superuser, job_id, "FAILED", days=100)
    keep_in_its_row(superuser, finished(superuser, job_id, days=99))
    for days in (40, 20):
        one_shot(superuser, endpoint, days=days)
    one_shot(superuser, endpoint, "FAILED", days=40)
    foreseen: dict[str, int] = {}
    taken: dict[str, int] = {}

    def told(sums: dict[str, int], counts: dict[str, int]) -> None:
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count

    before = value(superuser, "select count(*) from kronos.execution_done")
    retention.age_out(database_url, is_dry=True, report=lambda counts: told(foreseen, counts))
    assert value(superuser, "select count(*) from kronos.execution_done") == before
    retention.age_out(database_url, is_dry=False, report=lambda counts: told(taken, counts))
    assert foreseen["executions"] == 703
    assert {name: taken[name] for name in foreseen} == foreseen


def test_a_run_takes_no_lock_that_anybody_waits_for(
    superuser: Connection, endpoint: EndpointRow, database_url: str, tick: datetime
) -> None:
    """While a run holds its row-by-row deletions uncommitted, rings, claims, results and lists proceed without waiting
    a millisecond.
    """
    make_all(superuser)  # a week may have begun since the database was copied
    rows = depth(6_000, deep=20_000)  # a step takes 5,000
    fill(superuser, endpoint, rows=rows)
    with psycopg.connect(database_url) as running:
        running.execute("set role kronos_owner")
        counts = value(running, "select kronos.retain(3600)")
        assert counts["executions"] == rows
        go_on(superuser, database_url, tick)
        running.commit()


def test_partitions_are_dropped_only_when_nobody_has_them(
    superuser: Connection, job_id: uuid.UUID, database_url: str, tick: datetime
) -> None:
    partition_of_days(superuser, first=119, days=20)
    finished(superuser, job_id, days=110)
    # Otherwise another ring might account for its tick at the edge of the minute.
    superuser.execute("update tests.jobs set next_tick_at = now() + interval '1 day' where job_id = %s", [job_id])
    with psycopg.connect(database_url) as dump:
        dump.execute("begin isolation level repeatable read")
        dump.execute("select count(*) from kronos.execution_done")
        counts = retain(superuser)
        assert (counts["partitions_dropped"], counts["is_left"]) == (0, True)
        assert "goes_on" not in counts, "`kronos retention run` would repeat it as long as the tables are locked"
        go_on(superuser, database_url, tick)
        assert value(dump, "select count(*) from kronos.execution_done where job_id = %s", [job_id]) == 1
    assert retain_all(superuser)["partitions_dropped"] == 20


def test_what_is_left_elsewhere_keeps_neither_backfills_nor_jobs(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID, database_url: str
) -> None:
    """Whether other sessions have partitions locked, or there is more to delete of what no execution needs."""
    partition_of_days(superuser, first=119, days=1)
    superuser.execute("delete from cron.job_run_details")
    superuser.execute(
        "insert into cron.job_run_details (jobid, runid, username, command, status, start_time)"
        " select 1, n, 'kronos_cron', 'select kronos.fire(''x'')', 'succeeded', now() - interval '10 days'"
        "   from generate_series(1, 20001) as n"
    )
    one_shot(superuser, endpoint, days=40)
    make_backfill(superuser, job_id)
    superuser.execute("update kronos.backfills set status = 'COMPLETED', completed_at = now() - interval '40 days'")
    with psycopg.connect(database_url) as dump:
        dump.execute("select count(*) from kronos.execution_done")
        counts = retain(superuser)
    assert (counts["partitions_dropped"], counts["is_left"]) == (0, True)
    assert (counts["run_details"], counts["jobs"], counts["backfills"]) == (20_000, 1, 1)
