"""Finding a thousand due jobs costs the same, however many more are due."""

from collections.abc import Iterator

import psycopg
import pytest

from depth import depth
from factory import add_endpoint
from scale import fill_cron_jobs
from sql.plans import rows_read, thrown_away, told_plans
from sql_factory import Connection, buffers, make_cron_job, value, values

JOBS = depth(2_500, deep=4_000)
DUE = "kronos.now() - interval '30 s'"


@pytest.fixture(scope="module")
def due_url(module_database_url: str) -> str:
    """A database with these jobs, none of them due. Tests roll back what they do."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        fill_cron_jobs(connection, JOBS, is_registered=False)
        connection.execute("alter table kronos.pointers set (autovacuum_enabled = false)")
        connection.execute("vacuum analyze kronos.jobs, kronos.pointers")
    return module_database_url


@pytest.fixture
def undone(due_url: str) -> Iterator[Connection]:
    with psycopg.connect(due_url) as connection, connection.transaction(force_rollback=True):
        yield connection


def _pages(connection: Connection, count: int, at: str, query: str) -> int:
    """How many pages the query reads when that many jobs are due and PostgreSQL's statistics know it: the session of
    each ring plans its first calls for what is due at that moment.
    """
    connection.execute(
        f"update kronos.pointers set next_tick_at = {at} where job_id in (select job_id from kronos.pointers "
        "where not is_internal order by job_id limit %s)",
        [count],
    )
    connection.execute("analyze kronos.pointers; set local plan_cache_mode = force_custom_plan")
    buffers(connection, query)  # by the second call, the functions' definitions are cached
    return buffers(connection, query)


def test_the_first_thousand_of_many_cost_no_more_than_a_thousand(undone: Connection) -> None:
    query = "select kronos.due_jobs(kronos.now())"
    assert value(undone, f"{query} = '{{}}'")
    alone = _pages(undone, 1_000, DUE, query)
    among_many = _pages(undone, JOBS, DUE, query)
    assert value(undone, f"select cardinality(({query}))") == 1_000
    assert 1_000 < among_many <= 1.5 * alone, (alone, among_many)


@pytest.mark.parametrize(
    ("age", "query"),
    [("30 s", "select kronos.due_jobs(kronos.now())"), ("10 min", "select kronos.catch_up(kronos.now())")],
    ids=["due", "missed"],
)
def test_with_statistics_from_when_there_were_few_jobs_each_is_looked_up_by_its_key(
    superuser: Connection, age: str, query: str
) -> None:
    """All jobs were compared with each due pointer: 126,000 comparisons for 500 jobs."""
    fill_cron_jobs(superuser, 500, is_registered=False)
    superuser.execute("update kronos.pointers_floor set lowest_at = '-infinity'")
    superuser.execute(
        f"update kronos.pointers set next_tick_at = kronos.now() - interval '{age}' where not is_internal"
    )
    with told_plans(superuser) as plans:
        value(superuser, query)
    (found,) = [plan for plan in plans if "skip locked" in plan]
    assert thrown_away(found) == 0
    assert "using jobs_pkey" in found
    assert rows_read(found, "jobs") == 500


def test_one_that_failed_or_turns_is_passed_over_and_no_other(undone: Connection) -> None:
    _pages(undone, 50, DUE, "select 1")
    (failed,) = values(undone, f"select job_id from kronos.pointers where next_tick_at = {DUE} order by job_id limit 1")
    turning, turned = (make_cron_job(undone, add_endpoint(undone)) for _ in range(2))
    elsewhere = [turning, turned]
    undone.execute(f"update kronos.pointers set next_tick_at = {DUE} where job_id = any (%s)", [elsewhere])
    found = "select array_agg(id order by id) from unnest(kronos.due_jobs(kronos.now())) as id"
    everyone = value(undone, found)
    assert len(everyone) == 52
    undone.execute(
        "insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)"
        "select job_id, workspace_id, next_tick_at, 'XX000', 'broken' from kronos.pointers where job_id = %s",
        [failed],
    )
    assert value(undone, found) == [each for each in everyone if each != failed]
    undone.execute(
        "insert into kronos.turns (workspace_id, instants, turned_at, steps_left)"
        "select workspace_id, array[at], at, 2"
        "  from kronos.pointers as pointer"
        " cross join lateral (select case pointer.job_id when %s then kronos.now()"
        "                         else pointer.next_tick_at - interval '1 s' end as at) as turn"
        " where pointer.job_id = any (%s)",
        [turning, elsewhere],
    )
    assert value(undone, found) == [each for each in everyone if each not in (failed, turning)]
    undone.execute("update kronos.job_faults set failed_at = kronos.now() - interval '51 s'")
    assert value(undone, found) == [each for each in everyone if each != turning]
    assert turned in everyone
