"""While a session reads in an old snapshot, such as a dump or a report, vacuum removes nothing that ticks leave behind.
Rings must not cost more than before.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg
import pytest

from depth import depth
from factory import add_endpoint, add_executions
from scale import vacuum
from sql_factory import Connection, acting_as, buffers, value, values

MINUTE = timedelta(minutes=1)
MINUTES = 100
JOBS = 150
OVERDUE = 20
# The cost of a query however little it finds: its plans, a page of each index, the versions of single-row tables.
FEW = 50


def add_jobs(connection: Connection, first: datetime, *, count: int = JOBS, overlap: str = "ALLOW") -> list[uuid.UUID]:
    """Insert jobs that tick every minute and whose first tick is `first`."""
    endpoint = add_endpoint(connection)
    return values(
        connection,
        """
        with made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron,
                timezone, schedule, alarm,
                                     description, overlap)
            select id, id, %s, %s, 'CRON', '* * * * *', 'UTC', read, '* * * * *', 'every minute', %s
              from generate_series(1, %s) as n, kronos.parse_cron('* * * * *') as read,
                   lateral (select gen_random_uuid() as id where n > 0) as new
            returning job_id, workspace_id
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, %s from made
        returning job_id
        """,
        [endpoint.workspace_id, endpoint.endpoint_id, overlap, count, first],
    )


def ring(connection: Connection, now: datetime, *, due: int = JOBS) -> None:
    """Do what an alarm does at `now`, and deliver the executions."""
    with connection.transaction():
        assert value(connection, "select kronos.account_all(%s)", [now]) == due
        connection.execute("select kronos.raise_floor(%s)", [now])
    connection.execute("delete from kronos.execution_live")


@contextmanager
def reading(database_url: str) -> Iterator[None]:
    """Keep a session reading in a snapshot from before the block."""
    with psycopg.connect(database_url) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from kronos.workspaces")
        yield


def costs(connection: Connection, job_ids: list[uuid.UUID], now: datetime) -> dict[str, int]:
    """How many pages each kind of ring reads just after that of `now`, when nothing is due, and at the next one, when
    all jobs are.
    """
    ago, at = f"'{now.isoformat()}'", f"'{(now + MINUTE).isoformat()}'"
    found = {}
    with acting_as(connection, "kronos_cron"):
        assert value(connection, f"select kronos.fire('{job_ids[0]}')") == 0
        found["an alarm that finds its work done"] = buffers(connection, f"select kronos.fire('{job_ids[0]}')")
    for idle in (
        f"account_all({ago})",
        f"is_any_due(null, {ago})",
        f"is_any_missed({ago})",
        f"catch_up({ago})",
        "keep_up()",
        "system_status()",
    ):
        connection.execute(f"select kronos.{idle}")
        found[f"{idle.split('(')[0]}, nothing due"] = buffers(connection, f"select kronos.{idle}")
    with connection.transaction(force_rollback=True):
        found["a ring, all due"] = buffers(connection, f"select kronos.account_all({at})")
        assert value(connection, "select count(*) from kronos.execution_live") == JOBS
    return found


def cost_of_the_overdue(connection: Connection, now: datetime) -> int:
    """How many pages catch_up reads when twenty jobs are behind."""
    with connection.transaction(force_rollback=True):
        read = buffers(connection, f"select kronos.catch_up('{now.isoformat()}')")
        assert value(connection, "select count(distinct job_id) from kronos.execution_live") == OVERDUE
    return read


def test_no_ring_costs_more_than_twice_under_a_reader_of_a_hundred_minutes(
    superuser: Connection, database_url: str
) -> None:
    superuser.execute("update kronos.pointers set next_tick_at = now() + interval '1 day'")
    # None is due by the server's own clock, which some rings use.
    last: datetime = value(superuser, "select date_trunc('minute', clock_timestamp()) + interval '10 minutes'")
    first = last - MINUTES * MINUTE
    job_ids = add_jobs(superuser, first)
    vacuum(superuser)
    with reading(database_url):
        for nth in range(MINUTES):
            ring(superuser, first + nth * MINUTE)
        superuser.execute("select kronos.keep_leases()")
        vacuum(superuser)
        assert value(superuser, "select pg_relation_size('kronos.pointers') / 8192") > MINUTES * JOBS / 120, (
            "the reader keeps old row versions"
        )
        under_a_reader = costs(superuser, job_ids, last - MINUTE)
        with psycopg.connect(database_url) as holder:
            holder.execute("select from kronos.jobs where job_id = any (%s) for update", [job_ids[:OVERDUE]])
            for nth in range(5):
                ring(superuser, last + nth * MINUTE, due=JOBS - OVERDUE)
        now = last + 4 * MINUTE
        under_a_reader["catch_up, some overdue"] = cost_of_the_overdue(superuser, now)
    vacuum(superuser)
    overdue = cost_of_the_overdue(superuser, now)
    superuser.execute("select kronos.catch_up(%s)", [now])
    superuser.execute("delete from kronos.execution_live")
    superuser.execute("select kronos.raise_floor(%s)", [now])
    vacuum(superuser)
    alone = costs(superuser, job_ids, now) | {"catch_up, some overdue": overdue}
    assert {what: (alone[what], read) for what, read in under_a_reader.items() if read > 2 * alone[what] + FEW} == {}


def test_the_question_goes_by_the_index_of_what_is_due_whatever_the_statistics_say(superuser: Connection) -> None:
    """The statistics date from when all jobs were due, as after an autovacuum at the beginning of a minute. Then all
    were moved.
    """
    superuser.execute("update kronos.pointers set next_tick_at = now() + interval '1 day'")
    add_jobs(superuser, value(superuser, "select clock_timestamp()"))
    superuser.execute("analyze kronos.jobs, kronos.pointers")
    superuser.execute("update kronos.pointers set next_tick_at = clock_timestamp() + interval '1 day'")
    for question in ("is_any_due(null, clock_timestamp())", "is_any_missed(clock_timestamp())"):
        assert value(superuser, f"select kronos.{question}") is False
        assert buffers(superuser, f"select kronos.{question}") < JOBS + 50, question  # each index entry once at most


def deliver(connection: Connection, *, but_newest: bool) -> None:
    """Claim and end what is due, except for each job's newest run if `but_newest`: that is still running at the next
    tick.
    """
    due = "visible_at < 'infinity'"
    newest = "(job_id, scheduled_at) in (select job_id, max(scheduled_at) from kronos.execution_live group by job_id)"
    connection.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(),"
        f" visible_at = now() + interval '1 minute' where {due} and claim_token is null"
    )
    connection.execute(f"delete from kronos.execution_live where {due} and not ({but_newest} and {newest})")


@pytest.mark.parametrize("overlap", ["SKIP", "QUEUE", "REPLACE"])
@pytest.mark.parametrize("is_busy", [False, True])
def test_no_ring_costs_more_than_twice_where_runs_must_not_overlap(
    superuser: Connection, database_url: str, overlap: str, is_busy: bool
) -> None:
    superuser.execute("update kronos.pointers set next_tick_at = now() + interval '1 day'")
    first: datetime = value(superuser, "select date_trunc('minute', clock_timestamp()) + interval '10 minutes'")
    count = depth(3, deep=5)
    job_ids = add_jobs(superuser, first, count=count, overlap=overlap)
    vacuum(superuser)

    def cost(now: datetime) -> dict[str, int]:
        """The cost of a tick of all jobs, of a manual run, and of a run's end."""
        at, ids = f"'{now.isoformat()}'", f"array{[str(job_id) for job_id in job_ids]}::uuid[]"
        with superuser.transaction(force_rollback=True):
            tick = buffers(superuser, f"select kronos.account_ticks({ids}, {at})")
            ended = buffers(superuser, "delete from kronos.execution_live where visible_at < 'infinity'")
        with superuser.transaction(force_rollback=True):
            (workspace_id,) = values(superuser, "select workspace_id from kronos.jobs where job_id = %s", [job_ids[0]])
            superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
            by_hand = buffers(superuser, f"select kronos.trigger_job('{job_ids[0]}', gen_random_uuid(), null, false)")
        return {"tick": tick, "end": ended, "by hand": by_hand}

    with reading(database_url):
        before: dict[str, int] = {}
        for nth in range(MINUTES):
            now = first + nth * MINUTE
            if nth in (5, 6):
                before = cost(now)
            superuser.execute("select kronos.account_all(%s)", [now])
            deliver(superuser, but_newest=is_busy)
        vacuum(superuser)
        cost(first + MINUTES * MINUTE)
        after = cost(first + MINUTES * MINUTE)
    assert {what: (before[what], read) for what, read in after.items() if read > 2 * before[what] + FEW} == {}


def test_a_workers_upkeep_costs_the_same_whatever_had_a_deadline_or_was_chained(
    superuser: Connection, database_url: str
) -> None:
    """During an old snapshot, each earlier run had a deadline, was delivered, and triggered another run."""
    endpoint = add_endpoint(superuser)
    look = "select kronos.upkeep(1000, false, false)"
    superuser.execute(look)
    before = buffers(superuser, look)
    with reading(database_url):
        for nth in range(10):
            add_executions(superuser, endpoint, 500, has_jobs=False)
            superuser.execute(
                "update kronos.execution_live set deadline_at = kronos.now() - %s * interval '1 minute'", [10 - nth]
            )
            superuser.execute(
                "insert into kronos.callbacks (execution_id, workspace_id, caused_by, caused_by_job_id, event, depth,"
                " first_version_id, due_at) select execution_id, workspace_id, execution_id, job_id, 'on_success', 1,"
                " job_id, kronos.now() - %s * interval '1 minute' from kronos.execution_live",
                [10 - nth],
            )
            superuser.execute("update kronos.callbacks set due_at = null")
            superuser.execute("delete from kronos.execution_live")
        superuser.execute("vacuum analyze kronos.execution_live, kronos.callbacks")
        superuser.execute(look)
        after = buffers(superuser, look)
    assert after <= 2 * before + FEW
