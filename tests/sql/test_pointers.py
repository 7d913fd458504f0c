"""No awaited tick is ever below the floor where searches for missed ticks begin, whichever session writes a pointer and
whenever the floor is raised.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import pytest

from factory import add_endpoint
from sql_factory import Connection, await_lock, live, make_cron_job, value, values

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

# The ways in which a pointer becomes awaited at a tick an hour ago: created, resumed, no longer halted, set back.
WRITES = {
    "create": "insert into tests.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, "
    "schedule, alarm,"
    " description, next_tick_at)"
    " select %(new)s, %(new)s, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm, description, "
    "%(old)s"
    " from tests.jobs where job_id = %(ahead)s",
    "resume": "update kronos.jobs set status = 'ACTIVE' where job_id = %(paused)s",
    "resume its workspace": "update kronos.pointers set is_halted = false where job_id = %(halted)s",
    "set back": "update kronos.pointers set next_tick_at = %(old)s where job_id = %(ahead)s",
    "move on, and set "
    "back": "update kronos.pointers set next_tick_at = next_tick_at + interval '1 day' where job_id = %(ahead)s;"
    " update kronos.pointers set next_tick_at = %(old)s where job_id = %(ahead)s",
}
# The ways in which a pointer stops being awaited, unless they are rolled back.
LEAVES = {
    "pause": "update kronos.jobs set status = 'PAUSED' where job_id = %(due)s",
    "suspend its workspace": "update kronos.pointers set is_halted = true where job_id = %(due)s",
    "retire": "update kronos.jobs set status = 'RETIRED' where job_id = %(due)s",
    "account for its tick": "select kronos.account_ticks(array[%(due)s::uuid], clock_timestamp())",
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Two sessions, and jobs that are ahead, due for an hour, paused or halted."""

    one: Connection
    other: Connection
    params: dict[str, object]
    now: datetime

    @property
    def old(self) -> datetime:
        return self.now - HOUR

    def raise_floor(self, connection: Connection) -> None:
        connection.execute("select kronos.raise_floor(clock_timestamp())")

    def floor(self) -> datetime:
        found: datetime = value(self.one, "select lowest_at from kronos.pointers_floor")
        return found


def below_floor(connection: Connection) -> list[uuid.UUID]:
    """The jobs whose awaited tick no search for missed ticks would find."""
    return values(
        connection,
        "select pointer.job_id from kronos.pointers as pointer, kronos.pointers_floor as floor"
        " where pointer.is_awaited and pointer.next_tick_at < floor.lowest_at",
    )


@pytest.fixture
def scene(superuser: Connection, database_url: str) -> Iterator[Scene]:
    now: datetime = value(superuser, "select date_trunc('minute', clock_timestamp())")
    superuser.execute("update kronos.pointers set next_tick_at = now() + interval '1 day'")
    endpoint = add_endpoint(superuser)
    params: dict[str, object] = {
        "new": uuid.uuid4(),
        "old": now - HOUR,
        "ahead": make_cron_job(superuser, endpoint, next_tick_at=now + HOUR),
        "paused": make_cron_job(superuser, endpoint, status="PAUSED", next_tick_at=now - HOUR),
        "halted": make_cron_job(superuser, endpoint, next_tick_at=now - HOUR, is_halted=True),
    }
    with psycopg.connect(database_url, autocommit=True) as other:
        yield Scene(one=superuser, other=other, params=params, now=now)


def test_a_ring_raises_the_floor_to_the_oldest_tick_that_is_awaited(scene: Scene) -> None:
    rung = make_cron_job(scene.one, next_tick_at=scene.now)
    assert str(value(scene.one, "select lowest_at::text from kronos.pointers_floor")) == "-infinity"
    # One message, as pg_cron sends it. With two, the second may arrive late on a busy machine, as if an operator held
    # the transaction open.
    psycopg.ClientCursor(scene.one).execute("select kronos.fire(%s)", [rung])
    assert scene.now - 10 * MINUTE < scene.floor() < scene.now - MINUTE
    due = make_cron_job(scene.one, next_tick_at=scene.old)
    assert scene.floor() <= scene.old
    for connection in (scene.one, scene.other):
        scene.raise_floor(connection)
        assert scene.floor() <= scene.old  # its tick is still awaited
    scene.one.execute("select kronos.account_all(clock_timestamp())")
    assert live(scene.one, due) != []
    scene.raise_floor(scene.one)
    assert scene.floor() > scene.now - 10 * MINUTE
    assert below_floor(scene.one) == []


def test_a_firing_that_is_held_open_by_hand_keeps_nobody_from_making_jobs(scene: Scene) -> None:
    rung = make_cron_job(scene.one, next_tick_at=scene.now)
    with scene.other.transaction():
        scene.other.execute("select pg_sleep(0.05)")  # longer than one statement takes, as by hand
        assert value(scene.other, "select kronos.fire(%s)", [rung]) >= 1  # two, if a minute has ended since
        scene.one.execute("set lock_timeout = '1s'")
        make_cron_job(scene.one)
        assert str(value(scene.one, "select lowest_at::text from kronos.pointers_floor")) == "-infinity"


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_raised_while_somebody_writes_an_older_pointer(scene: Scene, write: str) -> None:
    scene.raise_floor(scene.one)
    assert scene.floor() > scene.old
    before = scene.floor()
    with psycopg.ClientCursor(scene.other) as cursor, scene.other.transaction():
        cursor.execute(WRITES[write], scene.params)
        scene.one.execute("select kronos.raise_floor(clock_timestamp() + interval '10 minutes')")
        assert scene.floor() == before  # the other session holds the lock
    assert scene.floor() <= scene.old
    assert below_floor(scene.one) == []
    assert value(scene.one, "select kronos.is_any_missed(clock_timestamp())") is True


@pytest.mark.parametrize("write", WRITES)
def test_who_writes_an_older_pointer_waits_for_who_raises_the_floor(scene: Scene, write: str) -> None:
    def wait_and_write() -> None:
        with psycopg.ClientCursor(scene.other) as cursor:
            cursor.execute(WRITES[write], scene.params)

    with ThreadPoolExecutor(1) as threads:
        with scene.one.transaction():
            scene.raise_floor(scene.one)
            writing = threads.submit(wait_and_write)
            await_lock(scene.one, scene.other, kind="advisory")
            assert scene.floor() > scene.old
        writing.result(60)
    assert scene.floor() <= scene.old
    assert below_floor(scene.one) == []
    assert value(scene.one, "select kronos.catch_up(clock_timestamp())") > 0


@pytest.mark.parametrize("leave", LEAVES)
@pytest.mark.parametrize("is_undone", [False, True])
def test_a_pointer_that_is_being_moved_on_is_where_it_was_until_that_is_committed(
    scene: Scene, leave: str, is_undone: bool
) -> None:
    scene.params["due"] = due = make_cron_job(scene.one, next_tick_at=scene.old)
    with psycopg.ClientCursor(scene.other) as cursor, scene.other.transaction(force_rollback=is_undone):
        cursor.execute(LEAVES[leave], scene.params)
        scene.raise_floor(scene.one)
        assert scene.floor() <= scene.old
    assert below_floor(scene.one) == []
    if is_undone:
        assert value(scene.one, "select kronos.catch_up(clock_timestamp())") > 0
        assert live(scene.one, due) != []
    scene.raise_floor(scene.one)
    assert scene.floor() > scene.old
    assert below_floor(scene.one) == []


def test_who_sees_the_past_can_neither_raise_the_floor_nor_pass_below_it(scene: Scene) -> None:
    scene.other.execute("begin isolation level repeatable read")
    scene.other.execute("select count(*) from kronos.pointers")
    scene.raise_floor(scene.one)
    before = scene.floor()
    scene.other.execute("select kronos.raise_floor(clock_timestamp() + interval '10 minutes')")
    with pytest.raises(psycopg.errors.SerializationFailure):
        scene.other.execute("update kronos.pointers set next_tick_at = %(old)s where job_id = %(ahead)s", scene.params)
    scene.other.execute("rollback")
    assert scene.floor() == before
    assert below_floor(scene.one) == []


def test_once_an_hour_what_is_below_the_floor_is_found_and_reported(scene: Scene) -> None:
    scene.raise_floor(scene.one)
    with scene.one.transaction():
        scene.one.execute("set local session_replication_role = replica")  # no trigger
        scene.one.execute("update kronos.pointers set next_tick_at = %(old)s where job_id = %(ahead)s", scene.params)
    assert below_floor(scene.one) == [scene.params["ahead"]]
    told: list[str] = []
    scene.one.add_notice_handler(lambda notice: told.append(f"{notice.severity_nonlocalized} {notice.message_primary}"))
    scene.one.execute("update kronos.pointers_floor set checked_at = clock_timestamp()")
    scene.one.execute("select kronos.keep_up()")
    assert below_floor(scene.one) != []  # the last check was less than an hour ago
    scene.one.execute("update kronos.pointers_floor set checked_at = checked_at - interval '2 hours'")
    scene.one.execute("select kronos.keep_up()")
    assert below_floor(scene.one) == []
    assert [
        line for line in told if line.startswith("WARNING kronos: a pointer at") and "below the floor" in line
    ] != []
    scene.one.execute("select kronos.keep_up()")
    assert live(scene.one, uuid.UUID(str(scene.params["ahead"]))) != []


def test_a_job_has_one_pointer_and_none_once_it_is_over(scene: Scene) -> None:
    ahead = scene.params["ahead"]
    with pytest.raises(psycopg.errors.UniqueViolation, match="already has a pointer"):
        scene.one.execute(
            "insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, now() from "
            "kronos.pointers"
            " where job_id = %s",
            [ahead],
        )
    scene.one.execute("update kronos.pointers set runs = 7, last_run_at = %s where job_id = %s", [scene.old, ahead])
    scene.one.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [ahead])
    assert values(scene.one, "select 1 from kronos.pointers where job_id = %s", [ahead]) == []
    kept = scene.one.execute("select runs, last_run_at from kronos.jobs where job_id = %s", [ahead]).fetchone()
    assert kept == (7, scene.old)
    scene.one.execute("update kronos.jobs set status = 'ACTIVE' where job_id = %s", [ahead])  # by hand
    again = scene.one.execute(
        "select next_tick_at = 'infinity', runs, last_run_at from kronos.pointers where job_id = %s", [ahead]
    ).fetchone()
    assert again == (True, 7, scene.old)
