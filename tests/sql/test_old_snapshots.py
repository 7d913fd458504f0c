"""While somebody reads in an old snapshot, a dump or a report, no vacuum removes what ticks leave; alarms cost what they cost before."""

import uuid
from datetime import timedelta

import psycopg

from factory import add_endpoint
from sql_factory import Connection, acting_as, buffers, value, values

MINUTES = 100
JOBS = 1000


def add_jobs(connection: Connection) -> uuid.UUID:
    """Jobs of every minute, not accounted for since the reader began; one of their ids."""
    endpoint = add_endpoint(connection)
    ids = values(
        connection,
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm, description,
                                 next_tick_at)
        select id, id, %s, %s, 'CRON', '* * * * *', 'UTC', read, '* * * * *', 'every minute',
               date_trunc('minute', clock_timestamp()) - %s
          from generate_series(1, %s) as n, kronos.parse_cron('* * * * *') as read,
               lateral (select gen_random_uuid() as id where n > 0) as new
        returning job_id
        """,
        [endpoint.workspace_id, endpoint.endpoint_id, timedelta(minutes=MINUTES), JOBS],
    )
    return uuid.UUID(str(ids[0]))


def tick(connection: Connection, minutes: int) -> None:
    """As so many minutes of rings leave the table; those to come are a day away, whatever the clock shows when they are asked for."""
    for _ in range(minutes):
        connection.execute("update kronos.jobs set next_tick_at = next_tick_at + interval '1 minute', runs = runs + 1 where name is null")
    connection.execute("update kronos.jobs set next_tick_at = next_tick_at + interval '1 day' where name is null")
    connection.execute("vacuum analyze kronos.jobs")


def test_an_alarm_that_finds_its_work_done_reads_no_old_ticks(superuser: Connection, database_url: str) -> None:
    superuser.execute("update kronos.jobs set next_tick_at = now() + interval '1 day'")
    job_id = add_jobs(superuser)
    with psycopg.connect(database_url) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from kronos.workspaces")
        tick(superuser, MINUTES)
        assert value(superuser, "select pg_relation_size('kronos.jobs') / 8192") > 3000, "the reader keeps what was"
        with acting_as(superuser, "kronos_cron"):
            assert value(superuser, f"select kronos.fire('{job_id}')") == 0
            read = buffers(superuser, f"select kronos.fire('{job_id}')")
    # Its own row's versions, and the ticks of the last 90 s: 178. It was 8,958, a thousand times a minute.
    assert read < 500


def test_the_question_goes_by_the_index_of_what_is_due_whatever_the_statistics_say(superuser: Connection) -> None:
    """They were made when all jobs were due, as by an autovacuum at the beginning of a minute, and then all were moved."""
    superuser.execute("update kronos.jobs set next_tick_at = now() + interval '1 day'")
    add_jobs(superuser)
    superuser.execute("update kronos.jobs set next_tick_at = clock_timestamp() where name is null")
    superuser.execute("analyze kronos.jobs")
    superuser.execute("update kronos.jobs set next_tick_at = clock_timestamp() + interval '1 day' where name is null")
    for question in ("is_any_due(null, clock_timestamp())", "is_any_missed(clock_timestamp())"):
        assert value(superuser, f"select kronos.{question}") is False
        assert buffers(superuser, f"select kronos.{question}") < 1500, question  # a thousand entries, each once at most
