"""Jobs with the same alarm share one entry of pg_cron: written with the first, removed with the last, in the job's own
transaction, however many are created and ended at the same time.
"""

import random
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from depth import depth
from factory import add_endpoint
from moved_clock import MovedClock
from sharing import (
    add,
    end,
    own_entries,
    share,
    shared_entries,
    uncovered,
    wanted_alarms,
)
from sql_factory import (
    EVERY_MINUTE,
    Connection,
    Record,
    acting_as,
    await_lock,
    entries,
    make_cron_job,
    records,
    value,
    values,
)

NINE = "0 9 * * *"
TEN = "0 10 * * *"


@pytest.fixture
def sharing(superuser: Connection) -> Connection:
    share(superuser)
    return superuser


def _entry(connection: Connection) -> Record:
    (found,) = records(connection, "select * from cron.job where schedule = %s", [NINE])
    return found


@pytest.fixture
def second(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def test_the_first_job_writes_the_entry_and_the_last_removes_it(sharing: Connection) -> None:
    first, other, last = add(sharing, NINE), add(sharing, TEN), add(sharing, NINE)
    assert shared_entries(sharing) == [TEN, NINE]
    assert own_entries(sharing) == []
    entry = _entry(sharing)
    digest = value(sharing, "select md5(%s)", [NINE])
    assert (entry["jobname"], entry["command"]) == (f"kronos:@{digest}", f"call kronos.ring('{digest}')")
    assert (entry["username"], entry["active"]) == ("kronos_cron", True)
    assert end(sharing, first)
    assert shared_entries(sharing) == [TEN, NINE]
    assert end(sharing, other)
    assert end(sharing, last, status="PAUSED")
    assert shared_entries(sharing) == []


def test_jobs_of_before_go_on_with_entries_of_their_own_until_the_reaper_comes(superuser: Connection) -> None:
    before = add(superuser, NINE)
    superuser.execute("update kronos.alarm_setting set wanted = 'shared', is_shared = true")
    after = add(superuser, NINE)
    assert (own_entries(superuser), shared_entries(superuser)) == ([before], [NINE])
    assert end(superuser, before)
    assert (own_entries(superuser), shared_entries(superuser)) == ([], [NINE])
    assert end(superuser, after)
    assert shared_entries(superuser) == []


def test_internal_jobs_keep_entries_of_their_own_for_their_rings_are_heartbeats(sharing: Connection) -> None:
    internal = values(sharing, "select 'kronos:' || job_id from kronos.heartbeats order by 1")
    assert [entry["jobname"] for entry in entries(sharing)] == internal
    job_id = add(sharing, EVERY_MINUTE)
    assert end(sharing, job_id)
    assert [entry["jobname"] for entry in entries(sharing)] == internal


def test_what_is_rolled_back_leaves_no_entry_and_takes_none_away(sharing: Connection) -> None:
    kept = add(sharing, NINE)
    with sharing.transaction(force_rollback=True):
        make_cron_job(sharing, cron=TEN, is_registered=True)
        end(sharing, kept)
        sharing.execute("select kronos.settle_alarms()")
        assert shared_entries(sharing) == [TEN]
    with sharing.transaction():
        with sharing.transaction(force_rollback=True):
            make_cron_job(sharing, cron=TEN, is_registered=True)
        make_cron_job(sharing, cron="0 11 * * *", is_registered=True)
    assert shared_entries(sharing) == ["0 11 * * *", NINE]


def test_a_refusal_of_pg_cron_undoes_the_job(sharing: Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="invalid schedule: 77 9"):
        _add_unreadable(sharing)
    assert values(sharing, "select job_id from kronos.jobs where cron = %s", [NINE]) == []


def _add_unreadable(connection: Connection) -> None:
    with connection.transaction():
        job_id = make_cron_job(connection, cron=NINE)
        connection.execute("update kronos.jobs set alarm = '77 9 * * *' where job_id = %s", [job_id])
        connection.execute("select kronos.register_pg_cron(%s)", [job_id])


def test_an_answer_names_the_entry_and_its_number_once_it_has_one(sharing: Connection) -> None:
    with sharing.transaction():
        job_id = make_cron_job(sharing, cron=NINE)
        first = value(sharing, "select kronos.register_entry(%s)", [job_id])
    entry = _entry(sharing)
    assert first == {"jobid": None, "jobname": entry["jobname"], "schedule": NINE, "active": True}
    assert value(sharing, "select kronos.pg_cron_entry(%s)", [job_id]) == first | {"jobid": entry["jobid"]}
    with sharing.transaction():
        other = make_cron_job(sharing, cron=NINE)
        assert value(sharing, "select kronos.register_pg_cron(%s)", [other]) == entry["jobid"]


def test_no_text_in_the_transactions_setting_is_scheduled_unless_a_job_has_it(sharing: Connection) -> None:
    """The API's role may set it, but entries are written only from jobs' rows."""
    endpoint = add_endpoint(sharing)
    with acting_as(sharing, "kronos_api"), sharing.transaction():
        sharing.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        sharing.execute("select set_config('kronos.alarms_noted', %s, true)", ["\n+1 1 1 1 1\n+* * * * *\n"])
        make_cron_job(sharing, endpoint, cron=NINE, is_registered=True)
    assert shared_entries(sharing) == [NINE]


def test_jobs_of_one_alarm_are_made_side_by_side(sharing: Connection, second: Connection) -> None:
    add(sharing, NINE)
    with sharing.transaction():
        make_cron_job(sharing, cron=NINE, is_registered=True)
        add(second, NINE)  # would not return if it waited for the other transaction
    assert value(sharing, "select count(*) from kronos.jobs where alarm = %s", [NINE]) == 3


def test_two_that_write_the_same_entry_first_leave_one(sharing: Connection, second: Connection) -> None:
    with ThreadPoolExecutor(1) as pool:
        with sharing.transaction():
            make_cron_job(sharing, cron=NINE, is_registered=True)
            sharing.execute("select kronos.settle_alarms()")  # as at its commit
            other = pool.submit(add, second, NINE)
            await_lock(sharing, second)
        other.result()
    assert shared_entries(sharing) == [NINE]


def test_the_last_two_that_end_at_once_leave_no_entry(sharing: Connection, second: Connection) -> None:
    jobs = [add(sharing, NINE), add(sharing, NINE)]
    with ThreadPoolExecutor(1) as pool:
        with sharing.transaction():
            end(sharing, jobs[0])
            sharing.execute("select kronos.settle_alarms()")
            other = pool.submit(end, second, jobs[1])
            await_lock(sharing, second, kind="advisory")
        other.result()
    assert shared_entries(sharing) == []


def test_a_job_that_is_made_while_the_last_ends_has_the_entry(sharing: Connection, second: Connection) -> None:
    job_id = add(sharing, NINE)
    with ThreadPoolExecutor(1) as pool:
        with sharing.transaction():
            end(sharing, job_id)
            sharing.execute("select kronos.settle_alarms()")
            other = pool.submit(add, second, NINE)
            await_lock(sharing, second, kind="advisory")
        other.result()
    assert shared_entries(sharing) == [NINE]


def test_many_at_once_make_and_end_jobs_of_three_alarms_and_each_entry_is_there_once_or_not(
    sharing: Connection, database_url: str
) -> None:
    """Several alarms in one transaction, in any order, cause no deadlock."""
    endpoint = add_endpoint(sharing)
    many = depth(8, deep=20)
    together = threading.Barrier(many)

    def storm(number: int) -> int:
        drawn = random.Random(number)
        made: list[uuid.UUID] = []
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("set deadlock_timeout = '100ms'")
            together.wait()
            for _ in range(6):
                undo = drawn.random() < 0.2
                with connection.transaction(force_rollback=undo):
                    here = [
                        make_cron_job(connection, endpoint, cron=cron, is_registered=True)
                        for cron in drawn.sample([NINE, TEN, "5 5 * * *"], 2)
                    ]
                    ended = drawn.sample(made, min(len(made), drawn.randint(0, 3)))
                    for job_id in ended:
                        end(connection, job_id)
                if not undo:
                    made = [job_id for job_id in made + here if job_id not in ended]
            for job_id in made if number % 3 else []:
                end(connection, job_id)
        return len(made)

    with ThreadPoolExecutor(many) as pool:
        assert sum(pool.map(storm, range(many))) > 0
    assert wanted_alarms(sharing) == shared_entries(sharing)
    assert len(shared_entries(sharing)) > 0


def test_switching_there_and_back_leaves_no_job_without_a_ring(superuser: Connection) -> None:
    """Step by step, as far as one run of the reaper gets. Each step is committed, and later runs continue."""
    drawn = random.Random(15)
    endpoint = add_endpoint(superuser)
    with superuser.transaction():
        for _ in range(450):
            make_cron_job(
                superuser, endpoint, cron=f"{drawn.randrange(60)} {drawn.randrange(24)} * * *", is_registered=True
            )
    for wanted in ("shared", "own", "shared"):
        superuser.execute("update kronos.alarm_setting set wanted = %s", [wanted])
        steps = 0
        while True:
            steps += 1
            done = value(superuser, "select kronos.reap('1 ms')")
            assert "errors" not in done, done
            assert uncovered(superuser) == []
            if done["left"]["entries"] == 0:
                break
            add(superuser, "1 1 * * *")  # changes go on meanwhile
        assert steps > 2, "all of it was one step: the test saw no switch in progress"
        assert values(superuser, "select * from kronos.pg_cron_drift()") == []
        own = own_entries(superuser)
        assert (own == []) == (wanted == "shared")
        assert (shared_entries(superuser) == []) == (wanted == "own")


def test_no_shared_entry_goes_while_one_is_missing_unless_nothing_was_switched_for_long(
    sharing: Connection, second: Connection
) -> None:
    """Until each job has its own ring again, the remaining shared entry may be what rings for it."""
    add(sharing, NINE)
    sharing.execute("delete from cron.job where schedule = %s", [NINE])
    with acting_as(sharing, "kronos_cron"):
        sharing.execute("select cron.schedule('kronos:@left', %s, 'call kronos.ring(''left'')')", [TEN])
    locked = "hashtext('kronos.alarms'), kronos.alarm_lock(kronos.alarm_name(%s))"
    second.execute(f"select pg_advisory_lock({locked})", [NINE])  # so that it cannot be written now
    sharing.execute("select kronos.reap()")
    assert shared_entries(sharing) == [TEN]
    sharing.execute(
        "update kronos.alarm_setting set changed_at = now() - interval '11 minutes',"
        " folded_at = now() - interval '11 minutes'"
    )
    sharing.execute("select kronos.reap()")
    assert shared_entries(sharing) == []
    second.execute(f"select pg_advisory_unlock({locked})", [NINE])
    sharing.execute("select kronos.reap()")
    assert shared_entries(sharing) == [NINE]


def test_a_job_that_pg_cron_refuses_keeps_no_shared_entry_where_alarms_were_parted(sharing: Connection) -> None:
    kept, broken = add(sharing, NINE), add(sharing, TEN)
    sharing.execute("update kronos.jobs set alarm = '77 9 * * *' where job_id = %s", [broken])
    sharing.execute("update kronos.alarm_setting set wanted = 'own'")
    MovedClock(sharing).stop()  # a call ends by its time limit on no machine, however slow
    for _ in range(3):
        sharing.execute("select kronos.reap()")
    assert (own_entries(sharing), shared_entries(sharing)) == ([kept], [])
