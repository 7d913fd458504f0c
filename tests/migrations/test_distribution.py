"""`kronos migrate --distributed`: old weeks of the history on another server, and everything found as before.

The other server is a database next to Kronos's own, without Citus: `create_distributed_table` is only a name there.
Citus itself was measured by hand (decision 0116); tests/sql/test_distributable.py keeps the tables suitable for it.
"""

import uuid
from datetime import timedelta

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.sql import Composable
from psycopg.types.json import Jsonb

from kronos import database_errors, distribution, errors, far_history, migrations, session
from kronos.__main__ import main
from migrations.moved_weeks import ALL, ENDED, PLACES, WEEK, WEEKS, MovedWeeks, end, make_live
from sql_factory import acting_as, records, value, values

REQUIRE_CITUS = far_history.require_citus


def test_what_succeeded_lies_there_and_what_failed_here(scene: MovedWeeks) -> None:
    for week in WEEKS:
        name = f"kronos.execution_done_{scene.monday - week * WEEK:%Y%m%d}"
        found = [row for row in records(scene.near, PLACES) if row["place"].startswith(name)]
        assert found == [
            {"place": f"{name}_failed", "status": "FAILED", "count": 20},
            {"place": f"{name}_far", "status": "MISSED", "count": 20},
            {"place": f"{name}_far", "status": "SUCCESS", "count": 40},
        ]
    assert scene.far(
        "select count(*) from pg_class where relnamespace = 'kronos_history'::regnamespace and relkind = 'r'"
        " and relname <> 'instance'"
    ) == [(4,)]


def test_a_second_run_finds_nothing_to_do(scene: MovedWeeks) -> None:
    again = scene.run()
    assert (again.moved, again.rows, again.partitions) == (0, 0, 4)


def test_lists_go_on_from_here_to_there_in_their_order(scene: MovedWeeks) -> None:
    ids = values(
        scene.near,
        "select execution_id from kronos.execution_done where workspace_id = %s"
        " order by created_at desc, execution_id desc",
        [scene.endpoint.workspace_id],
    )
    with acting_as(scene.near, "kronos_api"), scene.near.transaction():
        scene.near.execute("select set_config('kronos.workspace_id', %s, true)", [str(scene.endpoint.workspace_id)])
        listed = values(
            scene.near, "select execution_id from kronos.find_executions(null, null, null, null, null, null, 200)"
        )
        assert listed == ids
        assert len(ids) >= 80
        read = records(scene.near, "select status, input from kronos.read_executions(%s)", [listed])
        assert len(read) == len(ids)
        assert {row["input"]["text"] for row in read if row["input"]} == {"it's \\ ü"}
        assert len(values(scene.near, "select 1 from kronos.attempts where execution_id = any (%s)", [listed])) == 60


def test_another_workspace_sees_none_of_it(scene: MovedWeeks) -> None:
    with acting_as(scene.near, "kronos_api"), scene.near.transaction():
        scene.near.execute("select set_config('kronos.workspace_id', %s, true)", [str(uuid.uuid4())])
        assert values(scene.near, "select count(*) from kronos.execution_done") == [0]
        name = f"execution_done_{scene.monday - 8 * WEEK:%Y%m%d}_far"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            scene.near.execute(f"select from kronos.{name}")


def test_a_delivery_of_such_a_week_ends_here_though_the_other_server_is_gone(scene: MovedWeeks, gone: None) -> None:
    execution_id = value(scene.near, "select kronos.uuid7_floor(%s)", [scene.monday - 7 * WEEK + timedelta(days=6)])
    make_live(scene, execution_id)
    count = "select count(*) from kronos.{} where execution_id = %s"
    scene.near.execute(ENDED, [execution_id])
    name = f"execution_done_{scene.monday - 7 * WEEK:%Y%m%d}_late"
    assert values(scene.near, count.format(name), [execution_id]) == [1]
    assert values(scene.near, count.format("execution_live"), [execution_id]) == [0]
    with pytest.raises(psycopg.errors.SqlclientUnableToEstablishSqlconnection) as refused:
        scene.near.execute("select count(*) from kronos.execution_done where execution_id = %s", [execution_id])
    assert not database_errors.is_lost(refused.value)
    said = database_errors.from_database(refused.value)
    assert isinstance(said, errors.DatabaseUnavailable)
    assert "older weeks" in said.detail
    assert value(scene.near, "select 1") == 1  # the connection survives
    scene.near.execute(f"delete from kronos.{name} where execution_id = %s", [execution_id])


def test_newer_weeks_are_read_though_the_other_server_is_gone(scene: MovedWeeks, gone: None) -> None:
    execution_id = value(scene.near, "select kronos.uuid7_floor(now())")
    make_live(scene, execution_id)
    assert "_far" not in end(scene, execution_id)
    read = records(scene.near, "select status from kronos.done_among(array[%s]::uuid[])", [execution_id])
    assert read == [{"status": "SUCCESS"}]


def test_what_failed_is_taken_up_again_and_ends_once(scene: MovedWeeks) -> None:
    failed = value(
        scene.near,
        "select execution_id from kronos.execution_done where workspace_id = %s and status = 'FAILED' limit 1",
        [scene.endpoint.workspace_id],
    )
    scene.near.execute(
        "insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)"
        " select execution_id, workspace_id, endpoint_id, job_id, job_id, completed_at from kronos.execution_done"
        " where execution_id = %s on conflict do nothing",
        [failed],
    )
    again = value(scene.near, "select kronos.take_up_again(%s, %s, 'latest')", [scene.endpoint.workspace_id, failed])
    assert again is None
    assert values(scene.near, "select 1 from kronos.dead_letters where execution_id = %s", [failed]) == []
    assert end(scene, failed).endswith("_late")
    assert values(scene.near, "select status from kronos.execution_done where execution_id = %s", [failed]) == [
        "SUCCESS"
    ]
    not_failed = value(
        scene.near, "select kronos.take_up_again(%s, %s, 'latest')", [scene.endpoint.workspace_id, failed]
    )
    assert not_failed == "not_failed"


def test_what_its_history_has_already_is_left_as_it_is(scene: MovedWeeks) -> None:
    new = value(scene.near, "select kronos.uuid7_floor(now() + interval '1 second')")
    for _ in range(2):
        make_live(scene, new)
        end(scene, new)
    assert value(scene.near, "select count(*) from kronos.execution_done where execution_id = %s", [new]) == 1


def test_sweeps_read_what_is_here_and_nothing_over_there(scene: MovedWeeks, gone: None) -> None:
    lowest, highest = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)
    seen = "select seen from kronos.sweep_executions(%s, %s, 5000, 1, %s, true)"
    of_all_weeks = value(scene.near, seen, [lowest, highest, lowest])
    assert 40 <= of_all_weeks < 60  # those that failed, and later ones; of 160
    begins = scene.add_week(4)
    assert value(scene.near, seen, [lowest, highest, lowest]) == of_all_weeks + 80
    for table in ("execution_done", "attempt"):
        scene.near.execute(f"drop table kronos.{table}_{begins:%Y%m%d}")


def test_rows_age_out_over_there(scene: MovedWeeks) -> None:
    scene.near.execute(
        "insert into kronos.workspace_retention (workspace_id, success_days, failure_days) values (%s, 30, 400)",
        [scene.endpoint.workspace_id],
    )
    assert scene.run().aged_out == 40  # SUCCESS only; MISSED is no success, and attempts stay as long as failures
    left = values(
        scene.near,
        "select distinct status from kronos.execution_done where workspace_id = %s"
        " and completed_at < now() - interval '30 days' order by 1",
        [scene.endpoint.workspace_id],
    )
    assert left == ["FAILED", "MISSED"]


def test_a_week_that_retention_dropped_goes_over_there_too(scene: MovedWeeks) -> None:
    name = f"{scene.monday - 8 * WEEK:%Y%m%d}"
    for table in ("execution_done", "attempt"):
        scene.near.execute(f"drop table kronos.{table}_{name}")
    assert scene.run().partitions == 2
    assert scene.far(f"select count(*) from pg_class where relname like '%{name}'") == [(0,)]


def test_the_rows_of_a_deleted_workspace_go(scene: MovedWeeks) -> None:
    doomed = scene.doomed.workspace_id
    count = value(scene.near, "select count(*) from kronos.execution_done where workspace_id = %s", [doomed])
    assert count >= 40
    step = {
        "deleted_id": str(doomed),
        "after_id": str(uuid.UUID(int=0)),
        "after_status": "",
        "after_at": "-infinity",
        "done": 0,
    }
    done = records(
        scene.near,
        "select done from kronos.delete_history(jsonb_populate_record(null::kronos.deletions, %s), 1000)",
        [Jsonb(step)],
    )
    assert done == [{"done": count}]
    assert value(scene.near, "select count(*) from kronos.execution_done where workspace_id = %s", [doomed]) == 0
    assert value(scene.near, "select count(*) from kronos.attempt where workspace_id = %s", [doomed]) == 0


def test_what_was_changed_while_it_was_copied_stays(scene: MovedWeeks, monkeypatch: pytest.MonkeyPatch) -> None:
    begins = scene.add_week(9)
    compared = far_history.fingerprint

    def and_then_a_row_goes(connection: session.Connection, table: Composable) -> tuple[object, ...]:
        if connection.info.dbname == scene.near.info.dbname:
            return compared(connection, table)
        found = compared(connection, table)
        scene.near.execute(
            "delete from kronos.execution_done where execution_id = (select execution_id from kronos.execution_done"
            " where execution_id >= kronos.uuid7_floor(%s) and status = 'SUCCESS' order by execution_id limit 1)",
            [begins],
        )
        return found

    with monkeypatch.context() as patched:
        patched.setattr(far_history, "fingerprint", and_then_a_row_goes)
        assert scene.run().changed == 1
    report = scene.run()
    assert (report.changed, report.moved) == (0, 1)


def test_a_run_that_was_cut_off_is_finished_by_the_next(scene: MovedWeeks, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.add_week(11)
    before = values(scene.near, ALL.format("kronos.execution_done"))

    def cut_off(connection: session.Connection, table: Composable) -> tuple[object, ...]:
        raise ConnectionAbortedError

    with monkeypatch.context() as patched:
        patched.setattr(far_history, "fingerprint", cut_off)
        with pytest.raises(ConnectionAbortedError):
            scene.run()
    assert values(scene.near, ALL.format("kronos.execution_done")) == before
    report = scene.run()
    assert (report.moved, report.rows) == (2, 2 * (30 + 30))


def test_a_week_that_others_have_in_use_stays(scene: MovedWeeks, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.add_week(10)
    monkeypatch.setattr(distribution, "_TRIES", 1)
    with psycopg.connect(scene.url) as other:
        other.execute("select count(*) from kronos.execution_done_default")
        assert scene.run().changed == 2
        other.rollback()
    assert scene.run().moved == 2


def test_new_weeks_have_keys(scene: MovedWeeks) -> None:
    newest = value(
        scene.near, "select partition from kronos.partitions() where parent = 'attempt' order by from_id desc limit 1"
    )
    for table in (newest, newest.replace("attempt", "execution_done")):
        scene.near.execute(f"drop table kronos.{table}")
    while value(scene.near, "select kronos.add_partitions()"):
        pass
    keyless = """
        select child.relname from pg_inherits join pg_class as child on child.oid = inhrelid
         where child.relkind = 'r' and not exists (select from pg_index where indrelid = child.oid and indisprimary)
           and inhparent in (select oid from pg_class where relnamespace = 'kronos'::regnamespace)
    """
    assert value(scene.near, "select to_regclass(%s) is not null", [f"kronos.{newest}"])
    assert values(scene.near, keyless) == []


def test_doctor_finds_nothing_wrong_with_the_history(scene: MovedWeeks) -> None:
    assert values(scene.near, "select * from kronos.unnoted_partitions()") == []
    assert values(scene.near, "select count(*) from kronos.missing_partitions(interval '8 weeks')") == [0]


@pytest.mark.parametrize(
    ("history_url", "said"),
    [
        ("postgresql://u@127.0.0.1/h", "has no password"),
        ("postgresql://u:p@127.0.0.1:1/h", "nothing listens"),
    ],
)
def test_refusals_change_nothing(unmoved: MovedWeeks, history_url: str, said: str) -> None:
    with pytest.raises(errors.KronosError, match=said):
        distribution.distribute(unmoved.url, history_url, keep_weeks=5)


def test_a_held_copy_leaves_its_originals_history(scene: MovedWeeks) -> None:
    name = scene.near.info.dbname
    scene.near.execute(f"alter database {name} set kronos.hold = 'on'")
    try:
        with pytest.raises(errors.MigrationFailed, match="is held"):
            scene.run()
    finally:
        scene.near.execute(f"alter database {name} reset kronos.hold")


def test_what_a_copy_does_not_know_of_is_not_dropped(scene: MovedWeeks) -> None:
    newer = f"execution_done_{scene.monday - WEEK:%Y%m%d}"
    with psycopg.connect(scene.history_url, autocommit=True) as far:
        far.execute(f"create table kronos_history.{newer} ()")
        scene.run()
        assert value(far, "select to_regclass(%s) is not null", [f"kronos_history.{newer}"])
        far.execute(f"drop table kronos_history.{newer}")


def test_a_column_of_a_later_release_comes_over_there(scene: MovedWeeks) -> None:
    scene.near.execute("alter table kronos.attempt add column of_a_test integer")
    try:
        scene.run()
        assert value(scene.near, "select count(of_a_test) from kronos.attempt") == 0
    finally:
        scene.near.execute("alter table kronos.attempt drop column of_a_test")


def command(url: str, history_url: str | None) -> Result:
    environment = {"KRONOS_DATABASE_URL": url} | ({"KRONOS_HISTORY_URL": history_url} if history_url else {})
    return CliRunner().invoke(main, ["migrate", "--distributed"], env=environment)


def test_the_command_says_what_it_did(scene: MovedWeeks) -> None:
    ended = command(scene.url, scene.history_url)
    assert (ended.exit_code, ended.output.startswith("moved 0 rows of 0 partitions to 2 nodes; ")) == (0, True)


def test_the_command_asks_for_the_other_server(scene: MovedWeeks) -> None:
    ended = command(scene.url, None)
    assert ended.exit_code == 2
    assert "KRONOS_HISTORY_URL is not set" in ended.output


def test_it_has_no_dry_run_for_it_may_be_run_again(scene: MovedWeeks) -> None:
    environment = {"KRONOS_DATABASE_URL": scene.url, "KRONOS_HISTORY_URL": scene.history_url}
    ended = CliRunner().invoke(main, ["migrate", "--distributed", "--dry-run"], env=environment)
    assert (ended.exit_code, "--distributed cannot be combined with --dry-run" in ended.output) == (2, True)


def test_a_server_without_citus_is_refused(scene: MovedWeeks) -> None:
    with (
        session.connect(scene.history_url, session.wanted(None)) as far,
        pytest.raises(errors.MigrationFailed, match="has no Citus: add citus to shared_preload_libraries"),
    ):
        REQUIRE_CITUS(far, "history")


def test_a_kronos_is_no_history(scene: MovedWeeks) -> None:
    with (
        session.connect(scene.url, session.wanted(None)) as near,
        pytest.raises(errors.MigrationFailed, match="is a Kronos database itself"),
    ):
        REQUIRE_CITUS(near, "kronos")


def test_a_database_that_is_not_at_this_release_is_refused(scene: MovedWeeks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "head", lambda: "9999")
    with pytest.raises(errors.MigrationFailed, match=r"this release needs 9999: run `kronos migrate` first"):
        scene.run()
