"""What workers do four times a second costs the same, whatever waits, and whatever was delivered while a session reads
in an old snapshot.
"""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from conftest import cloned
from depth import depth
from factory import add_endpoint
from servers import Server
from sql_factory import Connection, buffers, value

WAITING = 10_000
DELIVERED = depth(8_000, deep=20_000)
BRIEF = "select * from kronos.upkeep(1000, false, false)"
ALL = "select * from kronos.upkeep(1000)"


def add_waiting(connection: Connection, count: int) -> uuid.UUID:
    """Insert jobs, each with a running execution and one that waits for it. Return the endpoint."""
    endpoint = add_endpoint(connection)
    with connection.transaction():
        # Without triggers, most of which only see that nothing is to be done: a third of the CPU.
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            """
            with job as (
                insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron,
                    timezone, schedule, alarm,
                                         description, overlap)
                select id, id, %(workspace_id)s, %(endpoint_id)s, 'CRON', '* * * * *', 'UTC', read, '* * * * *',
                       'waits', 'QUEUE'
                  from generate_series(1, %(count)s) as n, kronos.parse_cron('* * * * *') as read,
                       lateral (select gen_random_uuid() as id where n > 0) as new
                returning job_id, workspace_id, endpoint_id
            ), pointed as (
                insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id,
                    now() + interval '1 day' from job
            )
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                cause, scheduled_at, run_at,
                                               visible_at, max_attempts, max_crashes, timeout_ms, input,
                                                   overlap_key, overlap_nth, claim_token, worker_id,
                                               claimed_at)
            select gen_random_uuid(), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', now(), now(),
                   case when is_held then 'infinity' else now() + interval '1 hour' end, 5, 3, 1000, '{}', job_id,
                       nextval('kronos.overlap_nth'),
                   case when not is_held then gen_random_uuid() end, case when not is_held then 'w' end, case
                       when not is_held then now() end
              from job, unnest(array[false, true]) as is_held
            """,
            {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "count": count},
        )
    connection.execute("analyze kronos.execution_live, kronos.jobs")
    return endpoint.endpoint_id


@pytest.fixture(scope="module")
def waiting_url(module_database_url: str) -> str:
    """A database in which ten thousand runs wait; each test rolls back what it does."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        add_waiting(connection, WAITING)
    return module_database_url


@pytest.fixture
def waiting(waiting_url: str) -> Iterator[Connection]:
    with psycopg.connect(waiting_url, autocommit=True) as connection, connection.transaction(force_rollback=True):
        yield connection


def look_at_parts(connection: Connection) -> None:
    """Make the session check a 32nd of the waiting runs at a time. By default it finds a number for which its machine
    needs a millisecond or two.
    """
    connection.execute("select set_config('kronos.held_parts', '32', false)")


def test_ten_thousand_that_wait_cost_a_workers_look_a_part_of_what_all_of_them_do(waiting: Connection) -> None:
    look_at_parts(waiting)
    assert buffers(waiting, BRIEF) * 8 < buffers(waiting, ALL)


def test_how_much_a_look_takes_follows_from_how_long_it_took(waiting: Connection) -> None:
    waiting.execute(BRIEF)
    assert value(waiting, "select current_setting('kronos.held_parts')") == "2", "all ten thousand in 2 ms?"


@pytest.mark.parametrize("changing", [False, True])
def test_each_that_waits_for_nothing_has_its_turn(waiting: Connection, changing: bool) -> None:
    """Within 64 checks, even if each takes a different fraction than the one before, as on a machine that is busy at
    times.
    """
    waiting.execute("alter table kronos.execution_live disable trigger execution_live_releases_next")
    waiting.execute(
        "delete from kronos.execution_live where overlap_key in (select overlap_key from kronos.execution_live limit "
        "300)"
        " and visible_at < 'infinity'"
    )
    held = "select count(*) from kronos.execution_live where visible_at = 'infinity'"
    assert value(waiting, held) == WAITING
    released = 0
    for look in range(64):
        parts = 32 if changing and look % 2 else 64
        waiting.execute("select set_config('kronos.held_parts', %s, false)", [str(parts)])
        released += value(waiting, "select released from kronos.upkeep(1000, false, false)")
    assert released > 0
    assert value(waiting, "select released from kronos.upkeep(1000)") == 0, "none was passed over"


def test_where_few_wait_a_workers_look_is_at_all_of_them(superuser: Connection) -> None:
    add_waiting(superuser, 3)
    superuser.execute("alter table kronos.execution_live disable trigger execution_live_releases_next")
    superuser.execute("delete from kronos.execution_live where visible_at < 'infinity'")
    assert value(superuser, "select released from kronos.upkeep(1000, false, false)") == 3


@pytest.fixture
def spent(server: Server, waiting_url: str) -> Iterator[tuple[str, Connection]]:
    """A copy of that database, with as many runs as will be delivered, and the superuser's connection to it."""
    name = str(conninfo_to_dict(waiting_url)["dbname"])
    with cloned(server, name) as url, psycopg.connect(url, autocommit=True) as connection:
        if DELIVERED > WAITING:
            add_waiting(connection, DELIVERED - WAITING)
        yield url, connection


def test_a_workers_look_does_not_read_what_was_delivered_long_ago(spent: tuple[str, Connection]) -> None:
    url, superuser = spent
    with psycopg.connect(url) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from kronos.workspaces")
        superuser.execute(
            "update kronos.execution_live set visible_at = now() - interval '1 minute' where visible_at < 'infinity'"
        )
        superuser.execute("alter table kronos.execution_live disable trigger user")
        superuser.execute("delete from kronos.execution_live")
        superuser.execute("vacuum analyze kronos.execution_live")
        superuser.execute(BRIEF)
        recent = "select * from kronos.expire_leases(1000, now() - interval '3 seconds')"
        superuser.execute(recent)
        assert buffers(superuser, recent) < 100
        look_at_parts(superuser)
        assert buffers(superuser, BRIEF) * 8 < buffers(superuser, ALL), "the reader keeps old row versions"


def test_a_lease_that_ended_long_ago_is_found_by_a_full_look(superuser: Connection) -> None:
    add_waiting(superuser, 3)
    superuser.execute(
        "update kronos.execution_live set visible_at = now() - interval '10 minutes' where claim_token is not null"
    )
    assert value(superuser, "select requeued from kronos.upkeep(1000, false, false)") == 0
    assert value(superuser, "select requeued from kronos.upkeep(1000, true, false)") == 3


def test_leases_end_each_minute_though_another_part_of_upkeep_fails(superuser: Connection) -> None:
    add_waiting(superuser, 3)
    superuser.execute(
        "update kronos.execution_live set visible_at = now() - interval '10 minutes' where claim_token is not null"
    )
    superuser.execute("alter function kronos.release_held(integer, boolean) rename to gone")
    output = value(superuser, "select kronos.keep_leases()")
    assert (output["requeued"], output["failed"], output["errors"][0]["type"]) == (3, 0, "42883")
    superuser.execute("alter function kronos.gone(integer, boolean) rename to release_held")
    assert "errors" not in value(superuser, "select kronos.keep_leases()")


def test_what_comes_to_wait_in_the_past_is_announced_a_minute_later(superuser: Connection) -> None:
    """For example by a long transaction. Queries rely on what the lease-keeper has seen."""
    superuser.execute("update kronos.heartbeats set rang_at = now()")
    superuser.execute("select kronos.keep_leases()")
    assert value(
        superuser, "select max(waiting_from) between now() - interval '4 minutes' and now() from kronos.heartbeats"
    )
    add_waiting(superuser, 1)
    superuser.execute(
        "update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null, visible_at = now() "
        "- interval '1 hour'"
        " where claim_token is not null"
    )
    waiting = "select round(waiting_seconds / 60) from kronos.queue_health('1 minute')"
    superuser.execute("select kronos.keep_leases()")
    assert value(superuser, waiting) == 60
    superuser.execute("select kronos.keep_leases()")
    assert value(superuser, waiting) == 60
