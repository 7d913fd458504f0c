"""The database that tests get copies of: migrated, without connections and without anything that rang."""

import time

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobs_view import INSTALL, KEEP_HOURLY_TICKS_AWAY
from kronos import migrations

NAME = "kronos_template"


def make(superuser_url: str) -> None:
    """Make it, as a copy of the database that pg_cron serves, in which nothing rings afterwards.

    pg_cron's launcher is connected to that one, so it is terminated for the moment of the copy. From 1.6 on it restarts
    by itself; before, the server has to be restarted.
    """
    migrations.migrate(superuser_url)
    with psycopg.connect(superuser_url) as connection:
        connection.execute(INSTALL)
    source = conninfo_to_dict(superuser_url)["dbname"]
    with psycopg.connect(make_conninfo(superuser_url, dbname="postgres"), autocommit=True) as connection:
        deadline = time.monotonic() + 20
        while True:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [source])
            try:
                connection.execute(f'create database {NAME} template "{source}"')
                break
            except psycopg.errors.ObjectInUse:
                assert time.monotonic() < deadline, "the migrated database was never free to be copied"
    # A minute may have begun since the migration, so pg_cron may have rung.
    with psycopg.connect(make_conninfo(superuser_url, dbname=NAME)) as connection:
        connection.execute("delete from kronos.attempt; delete from kronos.execution_done")
        connection.execute("delete from cron.job_run_details; select setval('cron.runid_seq', 1, false)")
        connection.execute("update kronos.heartbeats set rang_at = '-infinity'")
        connection.execute(KEEP_HOURLY_TICKS_AWAY)
        # What they ran is not due again.
        connection.execute("update tests.jobs set ticks_from = next_tick_at - interval '1 minute'")
    let_ring(superuser_url, False)


def let_ring(cron_database_url: str, is_active: bool) -> None:
    """Let pg_cron ring in the database that it serves, or not. Ringing takes each pytest process 0.3 s of CPU a
    minute.
    """
    with psycopg.connect(cron_database_url) as connection:
        connection.execute("update cron.job set active = %s where jobname like 'kronos:%%'", [is_active])


def move(superuser_url: str) -> None:
    """The server is a copy of the one that made the template: pg_cron's entries get its own address and port."""
    for database in (conninfo_to_dict(superuser_url)["dbname"], NAME):
        with psycopg.connect(make_conninfo(superuser_url, dbname=database)) as connection:
            connection.execute(
                "update cron.job set nodename = current_setting('cron.host'), nodeport = current_setting('port')::int"
            )
    touch(superuser_url)


def touch(superuser_url: str) -> None:
    """The first connection that changes nothing leaves a file behind that saves each copy's first connection 2 ms."""
    psycopg.connect(make_conninfo(superuser_url, dbname=NAME)).close()
