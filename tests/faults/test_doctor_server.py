"""kronos doctor on a server with a bad configuration: each fault is found by its check, and is gone after its
remedy."""

from contextlib import ExitStack

import psycopg
import pytest

from conftest import await_condition
from doctor_looks import look_at
from faults.crashes import unrung_server
from faults.replicas import pair
from kronos import migrations
from kronos.doctor import server
from kronos.doctor.finding import Finding
from kronos.embedded.cluster import Cluster

pytestmark = pytest.mark.faults
_AT_START = {
    "max_connections": "20",
    "max_locks_per_transaction": "10",
    "max_prepared_transactions": "2",
    "archive_mode": "on",
    "archive_command": "/bin/false",
    "synchronous_commit": "off",
    "cron.log_run": "off",
}
_AT_RELOAD = {"autovacuum": "off", "max_worker_processes": "9", "synchronous_standby_names": "nobody"}
EXPECTED = {
    "connections",
    "lock table",
    "prepared",
    "archive",
    "commits",
    "cron log",
    "durability",
    "autovacuum",
    "pending restart",
    "synchronous standby",
    "replication slots",
    "wraparound",
}


def _set(connection: psycopg.Connection, settings: dict[str, str]) -> None:
    for name, text in settings.items():
        connection.execute(f"alter system set {name} = '{text}'".encode())
    connection.execute("select pg_reload_conf()")


def _connect(cluster: Cluster) -> psycopg.Connection:
    connection = psycopg.connect(cluster.superuser_url, autocommit=True)
    connection.execute("set synchronous_commit = local")  # its own commits do not wait for a standby
    return connection


def test_a_server_that_is_set_up_badly_is_found_fault_by_fault_and_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_SLOT_BYTES", -1)
    # pg_cron's connections would count among those of the test, which takes all that there are.
    with unrung_server() as cluster, ExitStack() as stack:
        with _connect(cluster) as superuser:
            _set(superuser, _AT_START)
        cluster.restart()
        superuser = stack.enter_context(_connect(cluster))
        superuser.execute("select pg_create_physical_replication_slot('left_behind', true)")
        superuser.execute("begin; prepare transaction 'forgotten'")
        superuser.execute("select pg_switch_wal()")
        _set(superuser, _AT_RELOAD)
        many = [stack.enter_context(_connect(cluster)) for _ in range(15)]
        monkeypatch.setattr(server, "_OPEN_SECONDS", 0.0)
        monkeypatch.setattr(server, "_AGE", 1)

        def broken() -> set[str]:
            return {name for name, each in look_at(superuser).items() if not each.ok}

        await_condition(lambda: broken() >= EXPECTED, f"all to be found: {EXPECTED - broken()}")
        seen = look_at(superuser)
        assert seen["archive"].detail.startswith("archiving fails; it last worked")
        assert "nothing reads left_behind" in seen["replication slots"].detail
        assert seen["connections"].detail.startswith("16 of 17")
        assert seen["pending restart"].detail == "changed, but not in effect yet: max_worker_processes"

        for each in many:
            each.close()
        superuser.execute("rollback prepared 'forgotten'")
        superuser.execute("select pg_drop_replication_slot('left_behind')")
        for check in ("durability", "commits", "autovacuum", "synchronous standby"):
            fix = seen[check].fix or ""
            for text in fix[fix.index("alter system") :].split(";"):  # as psql would
                superuser.execute(text.encode())
        superuser.execute("alter system reset all")
        superuser.execute("select pg_reload_conf()")
        monkeypatch.undo()
        superuser.close()
        cluster.restart()
        superuser = stack.enter_context(_connect(cluster))
        await_condition(lambda: not (broken() & EXPECTED) - {"durability"}, f"all to be mended: {broken()}")


def test_a_standby_that_falls_behind_is_found_and_one_that_is_waited_for_is_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its replay is held up while the primary writes; then it continues."""
    monkeypatch.setattr(server, "_LAG_SECONDS", 0.0)
    with pair() as (primary, standby):
        standby.copy_of(primary)
        standby.start()
        with primary.connected() as writes, standby.connected() as reads:
            migrations.migrate(primary.url)  # its functions are this release's

            def finding(check: str) -> Finding:
                return look_at(writes)[check]

            reads.execute("select pg_wal_replay_pause()")
            writes.execute("create table kronos.written as select generate_series(1, 1000)")
            await_condition(lambda: not finding("replication lag").ok, "the standby to be seen behind")
            assert "s behind" in finding("replication lag").detail
            primary.set("synchronous_standby_names", "*")
            await_condition(
                lambda: "one is connected" in finding("synchronous standby").detail, "the standby to be seen"
            )
            reads.execute("select pg_wal_replay_resume()")
            monkeypatch.undo()
            assert finding("replication lag").ok
            writes.execute("drop table kronos.written")
            behind = "select count(*) from pg_class where relname = 'written'"
            await_condition(lambda: reads.execute(behind).fetchone() == (0,), "the standby to be there again")
            assert look_at(reads)["replication slots"].ok  # doctor also runs on a standby
