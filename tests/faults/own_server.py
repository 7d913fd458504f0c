"""A PostgreSQL with pg_cron for one test, which can stop it, kill it and step its clock; and the ledgers of its
jobs."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg

import servers
from conftest import await_condition
from kronos import migrations
from kronos.embedded.cluster import Cluster
from sql_factory import Connection, Record, records, value


@contextmanager
def own_server(
    home: Path | None = None, *, durable: bool = False, environment: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """A migrated database on a server that survives its own crashes, but the machine's only if it is `durable`. It
    starts as a copy, in `home` or in memory."""
    place = home or servers.in_memory() or Path(tempfile.mkdtemp(prefix="kronos-own-"))
    place.mkdir(exist_ok=True)
    place.chmod(0o711)
    servers.copy_home(servers.used_home(), place)
    cluster = Cluster(place, durable=durable, environment=environment)
    cluster.start()
    try:
        migrations.migrate(cluster.superuser_url)  # its entries name the server that it was copied from
        yield cluster
    finally:
        cluster.destroy()
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def connected(cluster: Cluster) -> Iterator[Connection]:
    """The superuser's connection, while the server runs."""
    with psycopg.connect(cluster.superuser_url, autocommit=True) as connection:
        yield connection


def await_mid_minute(connection: Connection) -> datetime:
    """Wait for a minute with enough time left for pg_cron to notice what is scheduled in it, and return that minute.

    Not its first seconds: pg_cron still fires the minute then, including entries that were created a moment ago.
    """
    await_condition(
        lambda: value(connection, "select extract(second from clock_timestamp()) between 5 and 45"),
        "mid-minute",
        seconds=100,
    )
    minute: datetime = value(connection, "select date_trunc('minute', clock_timestamp())")
    return minute


def await_unrung(connection: Connection, silencing: str) -> None:
    """Run `silencing`, which changes entries so that pg_cron rings none of Kronos's, until it finds nothing to change
    and nothing rings.

    A ring that was under way as the entries were changed may change them back: the reaper's repairs them. In its first
    seconds, pg_cron may still begin rings of a minute whose entries it read before.
    """
    silent = f"""
        with changed as ({silencing} returning jobid)
        select not exists (select from changed)
               and extract(second from clock_timestamp()) between 3 and 57
               and not exists (select from pg_stat_activity where usename = 'kronos_cron')
               and not exists (select from cron.job_run_details where status not in ('succeeded', 'failed'))
    """
    await_condition(lambda: value(connection, silent), "pg_cron to ring no longer")


def faulty_ledgers(connection: Connection, job_ids: Sequence[str] | None = None) -> list[Record]:
    """Those of these CRON jobs, or of all, with a tick for which there is no row, or more than one; malformed jobs are
    left out."""
    return records(
        connection,
        """
        select job.name, job.cron, job.status, ledger.*
          from kronos.jobs as job
         cross join lateral kronos.check_ledger(job.job_id, job.ticks_from,
             clock_timestamp() + interval '1 day') as ledger
         where job.trigger = 'CRON'
           and (%(job_ids)s::uuid[] is null or job.job_id = any (%(job_ids)s::uuid[]))
           and ledger.error is null
           and (ledger.unaccounted <> 0 or ledger.surplus <> 0)
        """,
        {"job_ids": job_ids},
    )
