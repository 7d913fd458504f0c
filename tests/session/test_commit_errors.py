"""An error during PostgreSQL's commit is reported as what it is, whether its answers arrive one by one or together."""

import asyncio
import select
import time

import psycopg
import pytest
from psycopg._pipeline_base import BasePipeline

from kronos.pool import Connection as PooledConnection
from kronos.pool import Pool
from kronos.round_trips import one_round_trip
from looking import looks
from sql_factory import Connection

_FAULT = """
grant usage on schema tests to kronos_api;
create table tests.refused (number integer);
grant insert on tests.refused to kronos_api;
create function tests.refuse() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '53100', message = 'no room';
end $$;
create constraint trigger refuse after insert on tests.refused deferrable initially deferred
    for each row execute function tests.refuse();
"""


async def _written(url: str) -> bool:
    """Whether a connection survives a rejected commit to which each of three statements contributed."""
    async with Pool(url, size=1, wait_seconds=60) as pool, pool.connection() as connection:
        with pytest.raises(psycopg.errors.DiskFull, match="no room"):
            await _write(connection)
        return not connection.closed


async def _write(connection: PooledConnection) -> None:
    async with one_round_trip(connection):
        await connection.execute("select 1")
        await connection.execute("insert into tests.refused values (1)")
        await connection.execute("select 2")


def test_answers_that_come_when_they_like(superuser: Connection, database_url: str) -> None:
    superuser.execute(_FAULT)
    asyncio.run(_written(database_url))
    assert superuser.execute("select count(*) from tests.refused").fetchone() == (0,)


def test_answers_that_are_all_there_when_they_are_read(
    superuser: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a busy machine: all of PostgreSQL's answers are there before the client reads again."""
    superuser.execute(_FAULT)

    def enqueue_sync(pipeline: BasePipeline) -> None:
        def sync() -> None:
            pipeline.pgconn.pipeline_sync()
            select.select([pipeline.pgconn.socket], [], [], 60)
            for pause in looks(60):
                if _is_idle(superuser):
                    break
                time.sleep(pause)  # another process's state

        pipeline.command_queue.append(sync)
        pipeline.result_queue.append(None)

    with monkeypatch.context() as patched:
        patched.setattr(BasePipeline, "_enqueue_sync", enqueue_sync)
        assert asyncio.run(_written(database_url)), "its pipeline has ended like any other"
    assert superuser.execute("select count(*) from tests.refused").fetchone() == (0,)


def _is_idle(superuser: Connection) -> bool:
    """Whether only our session has a transaction in progress in this database."""
    found = superuser.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
        "and state <> 'idle' and backend_type = 'client backend'"
    )
    return found.fetchone() == (0,)
