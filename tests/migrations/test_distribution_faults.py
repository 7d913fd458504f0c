"""Distributed history when something goes wrong: two instances that share a cluster, a copy, an unreachable server, and
concurrent work. The scene is test_distribution.py's."""

import uuid

import psycopg
import pytest
from click.testing import CliRunner

from conftest import cloned
from kronos import distribution, errors, sql
from kronos.__main__ import main
from kronos.doctor import tables
from migrations.moved_weeks import WEEK, MovedWeeks
from servers import Server
from sql_factory import acting_as, make_cron_job, value, values


def refused(url: str, history_url: str) -> str:
    with pytest.raises(errors.MigrationFailed) as caught:
        distribution.distribute(url, history_url, keep_weeks=5)
    return str(caught.value)


def test_a_second_kronos_does_not_take_the_firsts_history(server: Server, template: str, scene: MovedWeeks) -> None:
    """Weeks have the same names in each instance: the second would drop the first's to copy its own."""
    there = (
        "select string_agg(relname, ',' order by relname) from pg_class where relkind = 'r'"
        " and relnamespace = 'kronos_history'::regnamespace"
    )
    before = scene.far(there)
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as near:
        other = MovedWeeks(near, url, scene.history_url)
        assert "holds the history of another Kronos" in refused(other.url, other.history_url)
        assert values(near, "select * from kronos.moved_partitions()") == []
    assert scene.far(there) == before


def test_nothing_goes_where_postgresql_itself_does_not_reach(
    server: Server, template: str, unmoved: MovedWeeks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribution, "_ALSO", {"connect_timeout": "2", "port": "1"})
    said = refused(unmoved.url, unmoved.history_url)
    assert "this command reaches the database of KRONOS_HISTORY_URL, but PostgreSQL's own server does not" in said
    monkeypatch.undo()
    unmoved.run()  # names the server as before


def test_rows_are_copied_before_anybody_waits(scene: MovedWeeks) -> None:
    """Deliveries stop while the history is locked, so nothing whose time grows with the rows comes after the lock."""
    begins = scene.add_week(12)
    week = f"execution_done_{begins:%Y%m%d}"
    with scene.near.transaction(force_rollback=True):
        with acting_as(scene.near, "kronos_owner"):
            scene.near.execute(
                "create or replace function kronos.lock_history() returns boolean language sql as 'select false'"
            )
            moved = value(scene.near, "select kronos.move_partition('execution_done', %s, now())", [week])
        assert not moved
        assert value(scene.near, f"select count(*) from kronos.{week}_failed") == 20
        indexes = "select count(*) from pg_index where indrelid = %s::regclass"
        assert value(scene.near, indexes, [f"kronos.{week}_failed"]) == value(
            scene.near, indexes, ["kronos.execution_done_default"]
        )
        locks = (
            "select relation::regclass::text from pg_locks where pid = pg_backend_pid()"
            " and mode = 'AccessExclusiveLock'"
            " and relation = any (array['kronos.execution_done', 'kronos.execution_done_default']::regclass[])"
        )
        assert values(scene.near, locks) == []
    for table in ("execution_done", "attempt"):
        scene.near.execute(f"drop table kronos.{table}_{begins:%Y%m%d}")


def test_sweeps_read_the_weeks_between_and_what_came_late_to_each(scene: MovedWeeks, gone: None) -> None:
    lowest, highest = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)
    seen = "select seen from kronos.sweep_executions(%s, %s, 5000, 1, %s, true)"
    with scene.near.transaction(force_rollback=True):
        before = value(scene.near, seen, [lowest, highest, lowest])
        begins = scene.add_week(14)
        with acting_as(scene.near, "kronos_owner"):
            week = f"execution_done_{begins:%Y%m%d}"
            scene.near.execute("select kronos.move_partition('execution_done', %s, %s)", [week, begins])
        assert value(scene.near, seen, [lowest, highest, lowest]) == before + 20  # those that failed
        scene.add_week(12)
        assert value(scene.near, seen, [lowest, highest, lowest]) == before + 20 + 80
        scene.near.execute(
            f"insert into kronos.{week}_late select (jsonb_populate_record(done, jsonb_build_object("
            "'status', 'SUCCESS', 'completed_at', %s::timestamptz + interval '1 day'))).*"
            f" from kronos.{week}_failed as done limit 1",
            [begins],
        )
        assert value(scene.near, seen, [lowest, highest, lowest]) == before + 20 + 80 + 1


def test_retention_asks_nobody_whether_a_week_may_go(scene: MovedWeeks, gone: None) -> None:
    """Retention asks this while it holds the history's locks, so it must not query the other server."""
    droppable = "select kronos.is_droppable(%s, %s, %s, %s)"
    partition, from_id, to_id, until = next(
        iter(
            scene.near.execute(
                "select partition, from_id, to_id, until_at from kronos.moved_partitions()"
                " where parent = 'execution_done' order by from_id limit 1"
            )
        )
    )
    newest = from_id, to_id
    age = value(scene.near, "select extract(day from now() - %s)::integer", [until])
    assert value(scene.near, droppable, [partition, *newest, age + 1]) is False
    assert value(scene.near, droppable, [partition, *newest, age]) in (True, False)
    scene.near.execute("select * from kronos.old_partitions(%s, kronos.uuid7_floor(now()), 10)", [age])


def test_what_failed_is_taken_up_again_though_the_other_server_is_gone(scene: MovedWeeks, gone: None) -> None:
    """The run of a job that has a row: a one-shot without a row is looked for where it was stored."""
    with scene.near.transaction(force_rollback=True):
        failed = value(
            scene.near,
            f"select execution_id from kronos.execution_done_{scene.monday - 7 * WEEK:%Y%m%d}_failed"
            " where workspace_id = %s limit 1",
            [scene.endpoint.workspace_id],
        )
        job_id = make_cron_job(scene.near, endpoint=scene.endpoint)
        scene.near.execute(
            "update kronos.execution_done set job_id = %s where execution_id = %s and status = 'FAILED'",
            [job_id, failed],
        )
        taken = "select kronos.take_up_again(%s, %s, 'latest')"
        assert value(scene.near, taken, [scene.endpoint.workspace_id, failed]) is None


def test_a_held_copy_deletes_nothing_of_its_originals(scene: MovedWeeks) -> None:
    begun = (
        "insert into kronos.deletions (deleted_id, slug, name, phase, counted, total)"
        " values (%s, 's', 'n', 'HISTORY', '{}', 1)"
    )
    with scene.near.transaction(force_rollback=True):
        scene.near.execute(begun, [scene.endpoint.workspace_id])
        for hold, is_waiting in (("on", True), ("off", False)):
            scene.near.execute(f"set local kronos.hold = '{hold}'")
            scene.near.execute("select kronos.delete_further(kronos.clock())")
            assert values(scene.near, "select done = 0 from kronos.deletions") == [is_waiting]


def test_a_copy_without_the_server_has_newer_weeks_and_moves_none(scene: MovedWeeks) -> None:
    with scene.near.transaction(force_rollback=True):
        scene.near.execute("drop server kronos_history cascade")
        assert value(scene.near, "select count(*) from kronos.execution_done") > 0
        assert [
            week
            for week in distribution._weeks(scene.near, 5)
            if week.partition.endswith(f"{scene.monday - 7 * WEEK:%Y%m%d}")
        ] == []


def test_doctor_finds_each_key(scene: MovedWeeks) -> None:
    there = set(values(scene.near, sql.texts()["doctor.list_table_parts"]))
    assert tables.tables(there).ok
    with scene.near.transaction(force_rollback=True):
        scene.near.execute("alter table kronos.attempt_default drop constraint attempt_default_pkey")
        there = set(values(scene.near, sql.texts()["doctor.list_table_parts"]))
        assert "attempt_pkey" in tables.tables(there).detail


def test_the_list_of_jobs_goes_on_though_the_other_server_is_gone(scene: MovedWeeks, gone: None) -> None:
    """A job with few ticks shows its last ones, however old (kronos.history_weeks): they are on the other server."""
    with scene.near.transaction(force_rollback=True):
        rare, often = (make_cron_job(scene.near, endpoint=scene.endpoint) for _ in range(2))
        old = value(
            scene.near, "select kronos.uuid7_floor(%s::timestamptz + interval '1 day')", [scene.monday - 7 * WEEK]
        )
        scene.near.execute(
            "insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)"
            " values (%s, %s, 'SUCCESS', %s, %s)",
            [scene.endpoint.workspace_id, rare, (scene.monday - 7 * WEEK).date(), old],
        )
        scene.near.execute(
            "insert into kronos.execution_done select (jsonb_populate_record(done, jsonb_build_object("
            "'job_id', %s::uuid, 'status', 'SUCCESS', 'execution_id', kronos.uuid7_floor(now()), 'created_at', now(),"
            " 'completed_at', now()))).* from kronos.execution_done as done where status = 'FAILED' limit 1",
            [often],
        )
        assert values(scene.near, "select job_id from kronos.recent_runs(%s, 5)", [[rare, often]]) == [often]


def test_fewer_weeks_than_a_tick_looks_back_over_are_refused() -> None:
    ended = CliRunner().invoke(main, ["migrate", "--distributed", "--keep-weeks", "4"])
    assert ended.exit_code == 2
    assert "5<=x<=520" in ended.output


def test_a_machine_that_went_in_the_middle_of_a_look_is_missed(scene: MovedWeeks) -> None:
    """Otherwise the read waits for the two hours after which TCP probes the connection."""
    options = value(scene.near, "select srvoptions from pg_foreign_server where srvname = 'kronos_history'")
    assert {"keepalives_idle=5", "keepalives_interval=5", "keepalives_count=2"} <= set(options)
