"""Jobs that share entries, on servers that crash, stop and are restored: at each commit each job has a ring, each entry
exists once, and each tick is accounted for once."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from conftest import await_condition
from depth import depth
from factory import add_endpoint
from faults.crashes import crash
from faults.own_server import await_mid_minute, await_unrung, connected, faulty_ledgers, own_server
from kronos import migrations
from kronos.embedded.cluster import Cluster
from scale import fill_cron_jobs
from sharing import add, own_entries, reap, share, shared_entries, uncovered, wanted_alarms
from sql_factory import EVERY_MINUTE, Connection, value, values

pytestmark = [pytest.mark.faults, pytest.mark.pg_cron]

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AWAY = 20 * SECOND
JOBS = depth(700, deep=900)
"""With as many alarms: more than the reaper switches in one step."""
DRIFT = "select * from kronos.pg_cron_drift()"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with own_server() as made:
        yield made


def test_a_switch_whose_session_is_killed_goes_on_and_no_job_is_left_without_a_ring(cluster: Cluster) -> None:
    """There and back. Each step of the reaper is committed, except those in which its session is killed."""
    with connected(cluster) as superuser:
        share(superuser, wanted="own")
        await_unrung(superuser, "update cron.job set active = false where active")  # only the test reaps
        endpoint = fill_cron_jobs(superuser, JOBS)
        internal = values(superuser, "select jobid from cron.job where not active")
        superuser.execute("select kronos.reap('0 ms')")
    for wanted in ("shared", "own"):
        with connected(cluster) as superuser:
            superuser.execute("update kronos.alarm_setting set wanted = %s", [wanted])
        left, deaths = 1, 0
        while left > 0:
            if deaths < 2:
                before = _entries(cluster)
                with closing(psycopg.connect(cluster.superuser_url)) as victim:
                    assert _step(victim) >= 0
                    crash(cluster, victim)
                deaths += 1
                assert _entries(cluster) == before, "the killed step is undone"
            with connected(cluster) as superuser:
                left = _step(superuser)
        assert deaths == 2, "the switch was finished before its session was killed a second time"
        with connected(cluster) as superuser:
            assert values(superuser, DRIFT) == []
            assert (own_entries(superuser) == []) == (wanted == "shared")
            assert shared_entries(superuser) == (wanted_alarms(superuser) if wanted == "shared" else [])
    with connected(cluster) as superuser:
        superuser.execute("update kronos.jobs set status = 'RETIRED' where endpoint_id = %s", [endpoint.endpoint_id])
        superuser.execute("update cron.job set active = true where jobid = any (%s)", [internal])
        reap(superuser)


def _step(connection: Connection) -> int:
    """Run the reaper for as short as possible; return how many entries still differ."""
    done = value(connection, "select kronos.reap('1 ms')")
    assert "errors" not in done, done
    assert uncovered(connection) == []
    return int(done["left"]["entries"])


def _entries(cluster: Cluster) -> list[str]:
    with connected(cluster) as superuser:
        return values(superuser, "select jobname || ' ' || schedule from cron.job order by 1")


def test_postgresql_that_is_away_over_a_minutes_edge_costs_no_tick(cluster: Cluster) -> None:
    """For twenty seconds. pg_cron's next ring of the shared entry accounts for the tick, as on time."""
    with connected(cluster) as superuser:
        share(superuser)
        endpoint = add_endpoint(superuser)
        minute = await_mid_minute(superuser)
        jobs = [add(superuser, EVERY_MINUTE, endpoint) for _ in range(5)]
        assert shared_entries(superuser) == [EVERY_MINUTE]
    edge = minute.astimezone(UTC) + MINUTE
    _await_clock(edge - AWAY / 2)
    cluster.stop()
    _await_clock(edge + AWAY / 2)
    cluster.start()
    rung = "select count(distinct job_id) = 5 from kronos.execution_live where job_id = any (%s) and scheduled_at = %s"
    with connected(cluster) as superuser:
        await_condition(lambda: value(superuser, rung, [jobs, edge]), "the tick to be accounted for", seconds=120)
        told = "select distinct cause from kronos.execution_live where job_id = any (%s)"
        assert values(superuser, told, [jobs]) == ["SCHEDULE"]
        assert values(superuser, "select status from kronos.execution_done where job_id = any (%s)", [jobs]) == []
        assert faulty_ledgers(superuser, [str(each) for each in jobs]) == []
        assert uncovered(superuser) == []
        assert (shared_entries(superuser), values(superuser, DRIFT)) == ([EVERY_MINUTE], [])


def _await_clock(at: datetime) -> None:
    await_condition(lambda: datetime.now(UTC) >= at, f"{at}", seconds=100)


@pytest.fixture
def restored(superuser: Connection, database_url: str) -> Iterator[tuple[Connection, list[str]]]:
    """A dump of a database whose jobs share entries, restored into another server; and the entries that were dumped."""
    share(superuser)
    endpoint = add_endpoint(superuser)
    at = value(superuser, "select date_trunc('minute', kronos.now())")
    for cron in (EVERY_MINUTE, EVERY_MINUTE, "0 9 * * *"):
        job_id = add(superuser, cron, endpoint, catch_up_policy="ALL", catch_up_window_seconds=86_400)
        superuser.execute("update kronos.jobs set ticks_from = %s where job_id = %s", [at - 6 * MINUTE, job_id])
        if cron == EVERY_MINUTE:
            superuser.execute(
                "update kronos.pointers set next_tick_at = %s where job_id = %s", [at - 5 * MINUTE, job_id]
            )
    dumped = values(
        superuser, "select jobname || ' ' || schedule from cron.job where jobname like 'kronos:@%' order by 1"
    )
    with own_server() as other:
        bin_dir = other.installation.bin_dir
        dump = subprocess.run([bin_dir / "pg_dump", "-Fc", database_url], capture_output=True, check=True).stdout
        at_postgres = psycopg.conninfo.make_conninfo(other.superuser_url, dbname="postgres")
        with psycopg.connect(at_postgres, autocommit=True) as administrator:
            administrator.execute("drop database kronos with (force)")
            administrator.execute("create database kronos")
        told = subprocess.run(
            [bin_dir / "pg_restore", "-d", other.superuser_url], input=dump, capture_output=True, check=False
        )
        assert told.stderr == b"", told.stderr.decode()
        with connected(other) as connection:
            connection.execute("update cron.job set active = false where jobname not like 'kronos:@%'")
        migrations.migrate(other.superuser_url)
        with connected(other) as connection:
            yield connection, dumped


def test_a_restored_dump_has_each_shared_entry_once_and_accounts_for_what_was_due(
    restored: tuple[Connection, list[str]],
) -> None:
    connection, dumped = restored
    assert len(dumped) == 2
    reap(connection)
    entries = "select jobname || ' ' || schedule from cron.job where jobname like 'kronos:@%' and active order by 1"
    assert values(connection, entries) == dumped, "each once, under its old name"
    place = "select distinct database || ' ' || nodeport from cron.job"
    here = value(connection, "select current_database() || ' ' || current_setting('port')")
    assert values(connection, place) == [here], "they lead to this server"
    assert (values(connection, DRIFT), uncovered(connection), own_entries(connection)) == ([], [], [])
    account = "select kronos.account_all(kronos.clock())"  # as the internal job catch-up does in the next minute
    connection.execute(account)
    first = values(connection, "select execution_id from kronos.execution_live order by 1")
    assert len({*first}) >= 2 * 6, "the ticks of before the dump, and those since"
    connection.execute(account)
    connection.execute("call kronos.ring('x')")
    assert {*first} <= {*values(connection, "select execution_id from kronos.execution_live")}
    assert faulty_ledgers(connection) == []
    left = (
        "select job_id from kronos.pointers as pointer join kronos.workspaces as workspace using (workspace_id) "
        "where slug <> 'kronos-system' and next_tick_at < now() - interval '2 min'"  # none of our own entries is active
    )
    assert values(connection, left) == []
