"""The reaper: one run makes pg_cron's entries match the ACTIVE CRON jobs, and touches no other entries."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import (
    EVERY_MINUTE,
    Connection,
    Record,
    acting_as,
    done,
    entries,
    job,
    live,
    make_cron_job,
    records,
    value,
    values,
)

_NEIGHBOURS = """
  select jobname, schedule, command, username, active, xmin::text
    from cron.job
   where jobname is null or jobname not like 'kronos:%'
order by jobname
"""


@pytest.fixture
def reaper(superuser: Connection, tick: datetime) -> Callable[[], Record]:
    """Ring the reaper as an operator would. Return the output of its execution.

    A copied database's entries name the database that they were copied from, so one run before the test corrects them.
    The current minute has time left: in the next one, the ring would account for the test's jobs too.
    """
    reaper_id = value(
        superuser,
        "select job_id from kronos.jobs join kronos.workspaces using (workspace_id) where slug = 'kronos-system' and "
        "jobs.name = 'reaper'",
    )

    def run() -> Record:
        assert value(superuser, "select kronos.fire(%s)", [reaper_id]) == 0
        newest = records(
            superuser,
            "select status, output, error from kronos.execution_done where job_id = %s"
            " order by created_at desc limit 1",
            [reaper_id],
        )[0]
        assert (newest["status"], newest["error"]) == ("SUCCESS", None)
        output: Record = newest["output"]
        return output

    run()
    return run


def counts(*, left: int = 0, **changed: int) -> Record:
    return {
        "resumed": 0,
        "unscheduled": 0,
        "registered": 0,
        "corrected": 0,
        "busy": 0,
        "failed": 0,
        "zones": 0,
        "alarms": 0,
        "pointers": 0,
        "ended": 0,
        "left": {
            "ended": 0,
            "resumed": 0,
            "suspension": 0,
            "calendars": 0,
            "cancelled": 0,
            "deletions": 0,
            "alarms": 0,
            "entries": left,
        },
    } | changed


@pytest.fixture
def settled(superuser: Connection, reaper: Callable[[], Record]) -> tuple[uuid.UUID, uuid.UUID]:
    """Two registered jobs of one workspace, and entries that are not Kronos's."""
    superuser.execute("select cron.schedule('* * * * *', 'select 1')")
    superuser.execute("select cron.schedule('vacuum', '0 3 * * *', 'vacuum')")
    superuser.execute("select cron.schedule('kronos', '0 3 * * *', 'select ''ours in name only''')")
    endpoint = add_endpoint(superuser)
    return (
        make_cron_job(superuser, endpoint, is_registered=True),
        make_cron_job(superuser, endpoint, cron="5 4 * * *", is_registered=True),
    )


def agreed(connection: Connection) -> list[tuple[int, str]]:
    """Check that the entries are exactly those that the jobs require. Return them."""
    wanted = records(
        connection,
        "select 'kronos:' || job_id as jobname, alarm as schedule, format('select kronos.fire(%L)', job_id) as command"
        " from kronos.jobs join kronos.workspaces as workspace using (workspace_id)"
        " where jobs.status = 'ACTIVE' and trigger = 'CRON' and workspace.status = 'ACTIVE' order by 1",
    )
    found = entries(connection)
    assert [{key: entry[key] for key in ("jobname", "schedule", "command")} for entry in found] == wanted
    port, host, database = connection.execute(
        "select current_setting('port')::integer, current_setting('cron.host'), current_setting('cron.database_name')"
    ).fetchone() or (0, "", "")
    assert {(e["username"], e["active"], e["nodeport"], e["nodename"], e["database"]) for e in found} == {
        ("kronos_cron", True, port, host, database)
    }
    return [(entry["jobid"], entry["jobname"]) for entry in found]


def nothing(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    """Change nothing."""


def entry_deleted(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("delete from cron.job where jobname = %s", [f"kronos:{a}"])


def orphan_of_superuser(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("select cron.schedule(%s, '* * * * *', 'select 1')", [f"kronos:{uuid.uuid4()}"])


def orphan_of_kronos_cron(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    with acting_as(connection, "kronos_cron"):
        connection.execute("select cron.schedule(%s, '* * * * *', 'select 1')", [f"kronos:{uuid.uuid4()}"])


def entry_that_names_no_job(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    with acting_as(connection, "kronos_cron"):
        connection.execute("select cron.schedule('kronos:everything', '* * * * *', 'select 1')")


def copy_under_another_role(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute(
        "select cron.schedule(%s, '* * * * *', format('select kronos.fire(%%L)', %s::text))", [f"kronos:{a}", str(a)]
    )


def retired_by_hand(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [a])


def paused_by_hand(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [a])


def row_deleted(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("delete from kronos.jobs where job_id = %s", [a])


def command_edited(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set command = 'drop table kronos.jobs' where jobname = %s", [f"kronos:{a}"])


def schedule_edited(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set schedule = '0 0 1 1 *' where jobname = %s", [f"kronos:{a}"])


def switched_off(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set active = false where jobname = %s", [f"kronos:{a}"])


def another_port(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set nodeport = 1 where jobname = %s", [f"kronos:{a}"])


def another_host(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set nodename = 'elsewhere' where jobname = %s", [f"kronos:{a}"])


def another_database(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set database = 'restored' where jobname = %s", [f"kronos:{a}"])


def another_owner(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    connection.execute("update cron.job set username = 'postgres' where jobname = %s", [f"kronos:{a}"])


def all_at_once(connection: Connection, a: uuid.UUID, b: uuid.UUID) -> None:
    orphan_of_superuser(connection, a, b)
    orphan_of_kronos_cron(connection, a, b)
    retired_by_hand(connection, a, b)
    command_edited(connection, b, a)
    entry_deleted(connection, value(connection, "select job_id from kronos.jobs where name = 'lease-keeper'"), a)


_BROKEN: list[tuple[Callable[[Connection, uuid.UUID, uuid.UUID], None], dict[str, int]]] = [
    (nothing, {}),
    (entry_deleted, {"registered": 1}),
    (orphan_of_superuser, {"unscheduled": 1}),
    (orphan_of_kronos_cron, {"unscheduled": 1}),
    (entry_that_names_no_job, {"unscheduled": 1}),
    (copy_under_another_role, {"unscheduled": 1}),
    (retired_by_hand, {"unscheduled": 1}),
    (paused_by_hand, {"unscheduled": 1}),
    (row_deleted, {"unscheduled": 1}),
    (command_edited, {"corrected": 1}),
    (schedule_edited, {"corrected": 1}),
    (switched_off, {"corrected": 1}),
    (another_port, {"corrected": 1}),
    (another_host, {"corrected": 1}),
    (another_database, {"corrected": 1}),
    (another_owner, {"unscheduled": 1, "registered": 1}),
    (all_at_once, {"unscheduled": 3, "corrected": 1, "registered": 1}),
]


@pytest.mark.parametrize(("break_it", "told"), _BROKEN, ids=[each.__name__ for each, _ in _BROKEN])
def test_one_run_makes_the_sets_equal_and_tells_what_it_did(
    superuser: Connection,
    reaper: Callable[[], Record],
    settled: tuple[uuid.UUID, uuid.UUID],
    break_it: Callable[[Connection, uuid.UUID, uuid.UUID], None],
    told: dict[str, int],
) -> None:
    neighbours = records(superuser, _NEIGHBOURS)
    break_it(superuser, *settled)
    assert reaper() == counts(**told)
    after = agreed(superuser)
    assert reaper() == counts()
    assert agreed(superuser) == after
    assert records(superuser, _NEIGHBOURS) == neighbours
    assert len(neighbours) == 3


def test_a_row_retired_by_hand_has_its_instant_recorded(
    superuser: Connection, settled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [settled[0]])
    found = job(superuser, settled[0])
    assert (found["retired_at"] is not None, found["next_tick_at"]) == (True, None)


def test_a_job_that_a_request_holds_is_busy_and_left_to_it(
    superuser: Connection, other: Connection, reaper: Callable[[], Record], settled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    entry_deleted(superuser, *settled)
    other.execute("select from kronos.jobs where job_id = %s for update", [settled[0]])
    before = entries(superuser)
    assert reaper() == counts(busy=1, left=1)
    assert entries(superuser) == before
    other.rollback()
    assert reaper() == counts(registered=1)
    agreed(superuser)


def test_what_it_holds_is_what_it_was_asked_to_hold(
    superuser: Connection, other: Connection, settled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """While an entry is repaired, another job's row is free for requests and firings."""
    with superuser.transaction():
        held = values(superuser, "select job_id from kronos.hold_jobs(array[%s::uuid], false)", [settled[1]])
        assert held == [settled[1]]
        free = "select job_id from kronos.jobs where job_id = any (%s) for update skip locked"
        assert values(other, free, [list(settled)]) == [settled[0]]
        other.rollback()


def test_a_creation_under_way_is_not_undone(
    superuser: Connection, other: Connection, reaper: Callable[[], Record]
) -> None:
    job_id = make_cron_job(other, is_registered=True)
    assert reaper() == counts()
    other.commit()
    assert reaper() == counts()
    assert f"kronos:{job_id}" in [name for _, name in agreed(superuser)]


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_deletion_under_way_is_not_undone(
    superuser: Connection,
    other: Connection,
    reaper: Callable[[], Record],
    settled: tuple[uuid.UUID, uuid.UUID],
    ends: str,
) -> None:
    other.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [settled[0]])
    other.execute("select kronos.unregister_pg_cron(%s)", [settled[0]])
    assert reaper() == counts()
    getattr(other, ends)()
    assert reaper() == counts()
    assert (f"kronos:{settled[0]}" in [name for _, name in agreed(superuser)]) is (ends == "rollback")


def test_a_job_whose_end_has_come_is_retired_after_its_last_ticks(
    superuser: Connection, reaper: Callable[[], Record]
) -> None:
    tick = value(superuser, "select date_trunc('minute', now())")
    made: dict[str, Any] = {"cron": EVERY_MINUTE, "catch_up_policy": "ALL", "starts_at": tick - timedelta(hours=1)}
    ended = make_cron_job(
        superuser,
        is_registered=True,
        next_tick_at=tick - timedelta(minutes=3),
        ends_at=tick - timedelta(minutes=1),
        **made,
    )
    lasting = make_cron_job(superuser, is_registered=True, ends_at=tick + timedelta(hours=1), **made)
    assert reaper() == counts(ended=1, unscheduled=1)
    found = job(superuser, ended)
    assert (found["status"], found["status_reason"]["code"], found["next_tick_at"]) == ("RETIRED", "ended", None)
    assert [execution["scheduled_at"] for execution in live(superuser, ended)] == [
        tick - timedelta(minutes=3),
        tick - timedelta(minutes=2),
    ]
    assert job(superuser, lasting)["status"] == "ACTIVE"
    agreed(superuser)


@pytest.mark.parametrize(("halt", "code"), [("PAUSED", "paused"), ("SUSPENDED", "workspace_suspended")])
def test_the_last_ticks_of_a_halted_job_are_skipped_and_not_run(
    superuser: Connection, reaper: Callable[[], Record], halt: str, code: str
) -> None:
    tick = value(superuser, "select date_trunc('minute', now())")
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(
        superuser,
        endpoint,
        next_tick_at=tick - timedelta(minutes=9),
        ends_at=tick - timedelta(minutes=5),
        starts_at=tick - timedelta(hours=1),
    )
    if halt == "PAUSED":
        superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job_id])
    else:
        suspend(superuser, endpoint)
    assert reaper() == counts(ended=1)
    assert (job(superuser, job_id)["status"], live(superuser, job_id)) == ("RETIRED", [])
    (row,) = done(superuser, job_id)
    assert (row["status"], row["status_reason"]["code"], row["tick_count"]) == ("SKIPPED", code, 4)


def suspend(connection: Connection, endpoint: EndpointRow) -> None:
    connection.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )


def test_a_suspended_workspaces_entries_go_and_come_back(superuser: Connection, reaper: Callable[[], Record]) -> None:
    endpoint = add_endpoint(superuser)
    for _ in range(3):
        make_cron_job(superuser, endpoint, is_registered=True)
    agreed(superuser)
    suspend(superuser, endpoint)
    assert reaper() == counts(unscheduled=3)
    agreed(superuser)
    superuser.execute("update kronos.workspaces set status = 'ACTIVE' where workspace_id = %s", [endpoint.workspace_id])
    assert reaper() == counts(registered=3)
    agreed(superuser)


def test_an_entry_that_cannot_be_written_is_reported_and_stops_no_other(
    superuser: Connection, reaper: Callable[[], Record], settled: tuple[uuid.UUID, uuid.UUID]
) -> None:
    MovedClock(superuser).stop()  # all in one batch, whose halves are tried until a time
    for job_id in settled:
        entry_deleted(superuser, job_id, job_id)
    superuser.execute("update kronos.jobs set alarm = 'never' where job_id = %s", [settled[0]])
    superuser.execute("update tests.jobs set next_tick_at = now() + '1 hour' where job_id = any (%s)", [[*settled]])
    output = reaper()
    (error,) = output.pop("errors")
    assert output == counts(registered=1, failed=1, left=1)
    assert (error["job_id"], "never" in error["message"]) == (str(settled[0]), True)


def test_a_suspect_is_held_or_spared_or_busy(
    superuser: Connection, settled: tuple[uuid.UUID, uuid.UUID], database_url: str
) -> None:
    """What is spared is tried again in the same run (repair_spared), what is busy in the next one."""
    fates = "select fate from kronos.hold_suspects(%s::uuid[], '{1,2}', %s) order by nth"
    next_tick = "update tests.jobs set next_tick_at = now() + %s::interval where job_id = any (%s)"
    superuser.execute(next_tick, ["1 hour", list(settled)])
    superuser.execute(next_tick, ["10 seconds", [settled[0]]])
    with psycopg.connect(database_url) as other:
        assert values(superuser, fates, [list(settled), True]) == ["spared", "held"]
        other.execute("select from kronos.jobs where job_id = any (%s) for update", [list(settled)])
        assert values(superuser, fates, [list(settled), True]) == ["spared", "busy"]
        assert values(superuser, fates, [list(settled), False]) == ["busy"]
    assert values(superuser, fates, [list(settled), False]) == ["held"]


def test_each_run_has_pg_cron_read_its_entries_again(superuser: Connection, reaper: Callable[[], Record]) -> None:
    mine = (
        "select xmin::text from cron.job where jobname = (select 'kronos:' || job_id from kronos.jobs where name "
        "= 'reaper')"
    )
    before = value(superuser, mine)
    assert reaper()["failed"] == 0
    assert value(superuser, mine) != before
