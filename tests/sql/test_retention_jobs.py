"""Jobs, their versions and backfills are deleted once nothing of their history is kept; a deleted workspace is deleted
as a whole.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from backfill_rows import make_backfill
from factory import EndpointRow, add_executions
from retention_rows import DAY, finished, one_shot, own_ages, retain, retain_all
from sql_factory import Connection, await_lock, make_cron_job, records, value, values


def test_one_shots_go_with_their_execution(superuser: Connection, endpoint: EndpointRow) -> None:
    gone = [one_shot(superuser, endpoint, status, days=40) for status in ("SUCCESS", "CANCELLED")]
    stays = [one_shot(superuser, endpoint, "FAILED", days=40), one_shot(superuser, endpoint, days=29)]
    add_executions(superuser, endpoint, 1)
    live_id = value(superuser, "select job_id from kronos.execution_live")
    assert retain_all(superuser)["jobs"] == 2
    assert set(values(superuser, "select job_id from kronos.jobs where trigger <> 'CRON'")) == {*stays, live_id}
    assert set(gone).isdisjoint(stays)


def versions(connection: Connection, job_id: uuid.UUID, *, retired: list[int]) -> list[uuid.UUID]:
    """Make a job's chain of versions, replaced that many days ago; the last one is live. Return their ids, oldest
    first.
    """
    chain = [job_id]
    for days in retired:
        old, heir = chain[-1], make_cron_job(connection)
        connection.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [old])
        connection.execute("delete from kronos.pointers where job_id = %s", [heir])
        connection.execute(
            """
            update kronos.jobs as heir
               set workspace_id = old.workspace_id, endpoint_id = old.endpoint_id,
                   first_version_id = old.first_version_id,
                   version = old.version + 1, previous_version_id = old.job_id
              from kronos.jobs as old
             where heir.job_id = %s and old.job_id = %s
            """,
            [heir, old],
        )
        connection.execute(
            "insert into kronos.pointers (job_id, workspace_id, next_tick_at)"
            " select job_id, workspace_id, kronos.next_tick(schedule, now()) from kronos.jobs where job_id = %s",
            [heir],
        )
        connection.execute(
            "update kronos.jobs set replaced_by_id = %s, created_at = now() - %s, retired_at = now() - %s where "
            "job_id = %s",
            [heir, (days + 10) * DAY, days * DAY, old],
        )
        chain.append(heir)
    return chain


def test_a_version_goes_once_nothing_of_its_history_is_kept(superuser: Connection, job_id: uuid.UUID) -> None:
    chain = versions(superuser, job_id, retired=[80, 70, 60, 50])
    finished(superuser, chain[1], "FAILED", days=75)
    finished(superuser, chain[2], "SUCCESS", days=65)
    retain_all(superuser)
    left = records(superuser, "select * from kronos.jobs where first_version_id = %s order by version", [job_id])
    # The second has a failure that is kept, and the fourth is the one before the live one.
    assert [row["job_id"] for row in left] == [chain[1], chain[3], chain[4]]
    assert [row["previous_version_id"] for row in left] == [None, None, chain[3]]
    assert [row["replaced_by_id"] for row in left] == [None, chain[4], None]
    assert [row["version"] for row in left] == [2, 4, 5]


def test_a_live_job_and_the_version_before_it_are_untouched(superuser: Connection, job_id: uuid.UUID) -> None:
    chain = versions(superuser, job_id, retired=[80, 70])
    before = value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [chain[-1]])
    assert retain_all(superuser)["jobs"] == 1
    assert value(superuser, "select xmin::text from kronos.jobs where job_id = %s", [chain[-1]]) == before


def test_the_whole_of_a_retired_job_goes(superuser: Connection, job_id: uuid.UUID) -> None:
    chain = versions(superuser, job_id, retired=[80, 70])
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [chain[-1]])
    superuser.execute("update kronos.jobs set retired_at = now() - interval '31 days' where job_id = %s", [chain[-1]])
    assert retain_all(superuser)["jobs"] == 3


def test_the_idempotency_key_of_a_live_job_is_remembered(superuser: Connection, job_id: uuid.UUID) -> None:
    superuser.execute("update kronos.jobs set idempotency_key = 'k' where job_id = %s", [job_id])
    chain = versions(superuser, job_id, retired=[80, 70, 60])
    retain_all(superuser)
    left = values(superuser, "select job_id from kronos.jobs where first_version_id = %s order by version", [job_id])
    assert left == [chain[0], chain[2], chain[3]]
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [chain[-1]])
    retain_all(superuser)
    left = values(superuser, "select job_id from kronos.jobs where first_version_id = %s order by version", [job_id])
    assert left == [chain[-1]]  # it ended just now


def test_a_backfill_goes_after_its_executions(superuser: Connection, job_id: uuid.UUID) -> None:
    backfill_id = make_backfill(superuser, job_id)
    finished(superuser, job_id, "FAILED", days=40, cause="BACKFILL", backfill_id=backfill_id)
    superuser.execute(
        "update kronos.backfills set status = 'COMPLETED', completed_at = now() - interval '40 days',"
        " created_at = (select kronos.uuid7_time(execution_id) from kronos.execution_done where backfill_id is not "
        "null)"
    )
    assert retain_all(superuser)["backfills"] == 0
    superuser.execute("select kronos.set_retention(null, 30, 30)")
    assert retain_all(superuser)["backfills"] == 1, "in the same call as its executions"
    assert value(superuser, "select count(*) from kronos.execution_done where backfill_id is not null") == 0


def test_very_many_backfills_that_are_kept_take_no_time_from_the_rest(superuser: Connection, job_id: uuid.UUID) -> None:
    """Their failures are kept for longer than they are; each is examined again at every run."""
    kept_ones = [make_backfill(superuser, job_id) for _ in range(9)]
    for nth, backfill_id in enumerate(kept_ones):
        finished(superuser, job_id, "FAILED", days=40 + nth / 10, cause="BACKFILL", backfill_id=backfill_id)
    old = make_backfill(superuser, job_id)
    superuser.execute(
        "update kronos.backfills as backfill set status = 'COMPLETED',"
        " completed_at = now() - case backfill_id when %s then interval '100 days' else interval '40 days' end,"
        " created_at = coalesce((select kronos.uuid7_time(execution_id) from kronos.execution_done as done"
        "                         where done.backfill_id = backfill.backfill_id), created_at)",
        [old],
    )
    superuser.execute("set track_functions = 'pl'")
    superuser.execute("select pg_stat_reset()")
    pieces = "select backfills, is_left from kronos.retain_backfills(4, '-infinity')"  # the time is always up
    for _ in range(3):  # three passes over what is kept
        said = [superuser.execute(pieces).fetchone() for _ in range(3)]
        assert [row and row[1] for row in said] == [True, True, False]
    superuser.execute("select pg_stat_force_next_flush()")
    calls = "select calls from pg_stat_user_functions where funcname = 'backfill_outcomes'"
    assert value(superuser, calls) == 10 + 9 + 9
    assert set(values(superuser, "select backfill_id from kronos.backfills")) == set(kept_ones)


def test_a_run_says_that_backfills_are_left_until_each_was_looked_at(superuser: Connection, job_id: uuid.UUID) -> None:
    """It examined two thousand in a random order, and said that nothing was left if few of these could go."""
    make_backfill(superuser, job_id)
    superuser.execute(
        "insert into kronos.backfills (workspace_id, job_id, first_version_id, from_at, to_at, max_active, ticks,"
        "                              status, completed_at)"
        " select workspace_id, job_id, first_version_id, from_at, to_at, max_active, ticks, 'COMPLETED', now()"
        "   from kronos.backfills cross join generate_series(2, 250)"
    )
    superuser.execute(
        "update kronos.backfills set status = 'COMPLETED', completed_at = now() - interval '100 days',"
        " created_at = now() - interval '101 days'"
    )
    said = [retain(superuser, 0)]
    while said[-1]["is_left"]:
        said.append(retain(superuser, 0))
        assert len(said) < 20
    assert sum(each.get("backfills", 0) for each in said) == 250
    assert all(each.get("goes_on") for each in said[:-1])


def test_a_running_backfill_stays(superuser: Connection, job_id: uuid.UUID) -> None:
    make_backfill(superuser, job_id)
    superuser.execute("update kronos.backfills set created_at = now() - interval '400 days'")
    assert retain_all(superuser)["backfills"] == 0


def test_faults_of_jobs_that_are_over_go_and_so_can_the_jobs(superuser: Connection, job_id: uuid.UUID) -> None:
    stays = make_cron_job(superuser)
    for each in (job_id, stays):
        superuser.execute(
            "insert into kronos.job_faults (job_id, workspace_id, sqlstate, message)"
            " select job_id, workspace_id, '22008', 'x' from kronos.jobs where job_id = %s",
            [each],
        )
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
    superuser.execute("update kronos.jobs set retired_at = now() - interval '40 days' where job_id = %s", [job_id])
    counts = retain_all(superuser)
    assert (counts["job_faults"], counts["jobs"]) == (1, 1)
    assert values(superuser, "select job_id from kronos.job_faults") == [stays]


def test_nothing_is_left_of_a_workspace_that_was_deleted_long_ago(
    superuser: Connection, endpoint: EndpointRow, job_id: uuid.UUID
) -> None:
    finished(superuser, job_id, "FAILED", days=200)
    own_ages(superuser, endpoint, 5, 95)
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
    superuser.execute("update kronos.jobs set retired_at = now() - interval '92 days' where job_id = %s", [job_id])
    deleted = "update kronos.workspaces set status = 'DELETED', deleted_at = now() - %s where workspace_id = %s"
    superuser.execute(deleted, [89 * DAY, endpoint.workspace_id])
    assert retain_all(superuser)["workspaces"] == 0
    superuser.execute(deleted, [91 * DAY, endpoint.workspace_id])
    assert retain_all(superuser)["workspaces"] == 1
    for table in ("workspaces", "endpoints", "endpoint_versions", "endpoint_gate", "jobs", "workspace_retention"):
        assert (
            values(superuser, f"select 1 from kronos.{table} where workspace_id = %s", [endpoint.workspace_id]) == []
        ), table


def test_days_and_weeks_of_history_that_is_gone_are_forgotten_and_no_other(
    superuser: Connection, other: Connection, endpoint: EndpointRow, job_id: uuid.UUID, database_url: str
) -> None:
    """Not even those of a row with an old id, such as a DELAYED job's, that is inserted between two checks."""
    gone = {"job": job_id, "workspace": endpoint.workspace_id}
    superuser.execute(
        "insert into kronos.history_weeks values (%(workspace)s, %(job)s, 'FAILED', '2001-01-01', %(job)s)", gone
    )
    superuser.execute("insert into kronos.late_days values (%(workspace)s, '2001-01-01', '2001-02-01', %(job)s)", gone)
    with psycopg.connect(database_url, autocommit=True) as aging, ThreadPoolExecutor(1) as threads:
        other.execute("lock table kronos.late_days in share mode")
        forgetting = threads.submit(aging.execute, "select kronos.forget_notes(10000)")
        await_lock(superuser, aging)
        finished(other, job_id, "SUCCESS", days=400)
        other.commit()
        forgetting.result()
    assert values(superuser, "select id_day from kronos.late_days") == []
    noted = "select week from kronos.history_weeks where subject_id = %(job)s"
    assert values(superuser, noted, gone) == values(
        superuser,
        "select date_trunc('week', kronos.uuid7_time(execution_id) at time zone 'UTC')::date from "
        "kronos.execution_done",
    )


@pytest.mark.parametrize("first", ["retention", "row"])
def test_a_row_that_finds_its_week_noted_while_that_is_forgotten_is_in_the_lists(
    superuser: Connection, other: Connection, job_id: uuid.UUID, first: str
) -> None:
    """Its day and its week were noted by rows that are gone, and retention does not see the new row yet."""
    late = {"created_at": value(superuser, "select now() - interval '399 days'")}
    for days in (400, 400.01, 400.02):
        finished(superuser, job_id, "SUCCESS", days=days)
    superuser.execute("update kronos.execution_done set created_at = %(created_at)s", late)
    superuser.execute("delete from kronos.execution_done")
    superuser.execute("update kronos.retention set weeks_from = '-infinity'")
    superuser.execute("update kronos.jobs set created_at = now() - interval '500 days' where job_id = %s", [job_id])
    superuser.execute("update kronos.workspaces set created_at = now() - interval '500 days'")
    assert value(superuser, "select count(*) from kronos.late_days") >= 1
    row = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, now() - interval '400 days'), workspace_id, job_id, endpoint_id, 1,
               'SCHEDULE', 'SUCCESS',
               now() - interval '400 days', now(), now() - interval '400 days', 1, '{}'
          from kronos.jobs where job_id = %s
    """
    if first == "retention":
        other.execute("select kronos.forget_notes(10000)")
        superuser.execute(row, [job_id])
    else:
        other.execute(row, [job_id])
        superuser.execute("select kronos.forget_notes(10000)")
    other.commit()
    superuser.execute("select kronos.forget_notes(10000)")
    superuser.execute(
        "select set_config('kronos.workspace_id', workspace_id::text, false) from kronos.jobs where job_id = %s",
        [job_id],
    )
    listed = "select count(*) from kronos.find_executions(%s::uuid[], 'SUCCESS', null, null, null, null, 5)"
    assert [value(superuser, listed, [job_ids]) for job_ids in (None, [job_id])] == [1, 1]


def _noted_late(connection: Connection, job_id: uuid.UUID, days: float, name: str) -> str:
    """A statement that inserts a row of that many days ago, made a day late. Its day and its weeks are already noted by
    rows that are gone.
    """
    connection.execute("update kronos.retention set weeks_from = '-infinity'")
    connection.execute("update kronos.jobs set created_at = now() - interval '500 days' where job_id = %s", [job_id])
    connection.execute("update kronos.workspaces set created_at = now() - interval '500 days'")
    row = f"""
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                           cause, status, scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, made.at - %s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'FAILED',
               made.at - %s, made.at, made.at, 1, '{{}}'
          from kronos.jobs
         cross join (select date_trunc('day', now(), 'UTC') + interval '1 hour' - interval '{days} days') as made (at)
         where job_id = '{job_id}'
    """
    for hours in (24.7, 24.8, 24.9) if name == "others" else (25,):
        connection.execute(row, [timedelta(hours=hours)] * 2)
    connection.execute("delete from kronos.execution_done")
    assert value(connection, "select count(*) from kronos.late_days") >= 1
    return row.replace("%s", "interval '25 hours'")


def _listed(connection: Connection, job_id: uuid.UUID) -> list[int]:
    """How many executions the lists of the workspace and of the job contain."""
    connection.execute(
        "select set_config('kronos.workspace_id', workspace_id::text, false) from kronos.jobs where job_id = %s",
        [job_id],
    )
    listed = "select count(*) from kronos.find_executions(%s::uuid[], 'FAILED', null, null, null, null, 5)"
    return [value(connection, listed, [job_ids]) for job_ids in (None, [job_id])]


def test_a_recent_row_that_finds_its_days_noted_while_they_are_forgotten_is_in_the_lists(
    superuser: Connection, other: Connection, job_id: uuid.UUID
) -> None:
    """Two weeks ago may be before the oldest partition, if little history is kept. Statements that rely on such notes
    do not lock them.
    """
    row = _noted_late(superuser, job_id, 13, "others")
    other.execute(row)
    superuser.execute("select kronos.forget_notes(10000)")
    other.commit()
    assert _listed(superuser, job_id) == [1, 1]


def test_a_row_that_ends_again_while_its_own_note_is_forgotten_is_in_the_lists(
    superuser: Connection, other: Connection, job_id: uuid.UUID, database_url: str
) -> None:
    """It was taken up again, and its notes have its own id. The note that retention has locked and then deletes must
    not count as its note.
    """
    row = _noted_late(superuser, job_id, 399, "its own")
    other.execute("select from kronos.late_days for update")
    other.execute("select from kronos.history_weeks for update")
    with psycopg.connect(database_url, autocommit=True) as ending, ThreadPoolExecutor(1) as threads:
        over = threads.submit(ending.execute, row)
        await_lock(superuser, ending)
        other.execute("select kronos.forget_notes(10000)")
        other.commit()
        over.result()
    assert _listed(superuser, job_id) == [1, 1]


def test_links_that_somebody_holds_are_left_to_the_next_run(
    superuser: Connection, other: Connection, endpoint: EndpointRow, job_id: uuid.UUID
) -> None:
    """A statement that ends an old run may wait for notes that retention is deleting. Retention must not wait for that
    statement in turn.
    """
    superuser.execute(
        "insert into kronos.callbacks (execution_id, workspace_id, caused_by, caused_by_job_id, event, depth,"
        " endpoint_id)"
        " select kronos.uuid7('2001-01-01 00:00:00+00'), %s, kronos.uuid7(), %s, 'on_success', 1, %s"
        "   from generate_series(1, 2)",
        [endpoint.workspace_id, job_id, endpoint.endpoint_id],
    )
    other.execute("select from kronos.callbacks limit 1 for update")
    superuser.execute("set lock_timeout = '1ms'")
    assert value(superuser, "select kronos.retain_callbacks(10000)") == 1
    assert value(superuser, "select count(*) from kronos.callbacks") == 1
    other.commit()
    assert value(superuser, "select kronos.retain_callbacks(10000)") == 1
    assert value(superuser, "select count(*) from kronos.callbacks") == 0
