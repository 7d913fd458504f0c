"""A workspace's jobs follow its suspension in steps. Whatever happens between two of them, each tick is accounted for
once, by its own instant.
"""

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, await_lock, entries, make_cron_job, value, values
from turning import assert_told, follow, follow_all, told, turn

MINUTE = timedelta(minutes=1)
ALL = {"catch_up_policy": "ALL", "catch_up_window_seconds": 86400}


@pytest.fixture
def jobs(superuser: Connection, endpoint: EndpointRow, tick: datetime) -> Callable[..., list[uuid.UUID]]:
    """Make jobs with entries whose next tick was ten minutes ago."""

    def make(count: int, **columns: Any) -> list[uuid.UUID]:
        made: dict[str, Any] = {"next_tick_at": tick - 10 * MINUTE, "ticks_from": tick - 11 * MINUTE, **ALL, **columns}
        return [make_cron_job(superuser, endpoint, is_registered=True, **made) for _ in range(count)]

    return make


@pytest.mark.parametrize("steps", [0, 1], ids=["none had followed", "one had followed"])
def test_ticks_go_by_the_instants_however_late_their_jobs_follow(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]], tick: datetime, steps: int
) -> None:
    """The workspace is suspended, resumed, suspended and resumed again before the jobs have followed the first
    suspension.
    """
    made = jobs(2)
    for to, ago in (("suspend", 7.5), ("resume", 5.5), ("suspend", 3.5), ("resume", 1.5)):
        turn(superuser, endpoint, to, at=tick - ago * MINUTE)
        for _ in range(steps):
            follow(superuser, endpoint, limit=1)
        superuser.execute(
            "select kronos.account_all(%s)", [tick - ago * MINUTE]
        )  # a ring takes only ticks that it may account for
    follow_all(superuser, endpoint)
    superuser.execute("select kronos.account_all(%s)", [tick])
    superuser.execute("select kronos.account_all(%s)", [tick])
    for job_id in made:
        found = told(superuser, job_id)
        assert [row for row in found if row[0] == "SKIPPED"] == [
            ("SKIPPED", tick - 7 * MINUTE, 2),
            ("SKIPPED", tick - 3 * MINUTE, 2),
        ]
        assert {row[1] for row in found if row[0] == "RUNS"} == {
            tick - minute * MINUTE for minute in (10, 9, 8, 5, 4, 1, 0)
        }
    assert_told(superuser, made, tick - 11 * MINUTE, is_over=True)
    assert {entry["jobname"] for entry in entries(superuser)} >= {f"kronos:{job_id}" for job_id in made}


def test_a_turn_writes_the_workspaces_row_alone_and_a_step_no_more_jobs_than_it_may(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]]
) -> None:
    jobs(7)
    turn(superuser, endpoint, "suspend")
    assert (
        value(superuser, "select status from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
        == "SUSPENDED"
    )
    left = [value(superuser, "select kronos.jobs_left(%s)", [endpoint.workspace_id])]
    halted = "select count(*) from kronos.pointers where is_halted"
    while left[-1]:
        before = value(superuser, halted)
        assert follow(superuser, endpoint, limit=3) > 0
        assert value(superuser, halted) - before <= 3
        left.append(value(superuser, "select kronos.jobs_left(%s)", [endpoint.workspace_id]))
    assert (left, value(superuser, halted)) == ([7, 4, 1, 0], 7)


def test_a_job_that_somebody_holds_is_left_behind_and_follows_when_it_is_free(
    superuser: Connection,
    database_url: str,
    endpoint: EndpointRow,
    jobs: Callable[..., list[uuid.UUID]],
    tick: datetime,
) -> None:
    made = jobs(5)
    turn(superuser, endpoint, "suspend")
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [made[2]])
        while follow(superuser, endpoint, limit=2) > 0:
            pass
        assert value(superuser, "select behind from kronos.turns") == [made[2]]
        assert sorted(values(superuser, "select job_id from kronos.pointers where is_halted")) == sorted(
            {*made} - {made[2]}
        )
    superuser.execute("update kronos.turns set next_at = default")
    follow_all(superuser, endpoint)
    assert_told(superuser, made, tick - 11 * MINUTE, is_over=True)


def test_a_workspace_turns_while_a_step_is_under_way_only_after_it(
    superuser: Connection, database_url: str, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]]
) -> None:
    jobs(3)
    turn(superuser, endpoint, "suspend")
    with psycopg.connect(database_url) as stepping, psycopg.connect(database_url) as turning:
        stepping.execute("select kronos.turn_some(%s, 1)", [endpoint.workspace_id])
        assert follow(superuser, endpoint) == 0  # one step at a time; another one does not wait
        turning.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        turning.pgconn.send_query(b"select kronos.resume_workspace()")
        await_lock(superuser, turning, kind="advisory")
        stepping.commit()
        assert turning.pgconn.get_result() is not None
        turning.pgconn.get_result()
        turning.commit()
    follow_all(superuser, endpoint)
    assert values(superuser, "select job_id from kronos.pointers where is_halted") == []


def test_after_twenty_turns_that_nobody_followed_the_next_is_refused_for_the_moment(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]]
) -> None:
    jobs(1)
    for nth in range(20):
        turn(superuser, endpoint, "resume" if nth % 2 else "suspend")
    with pytest.raises(psycopg.errors.LockNotAvailable, match="wait until jobs_left is 0"):
        turn(superuser, endpoint, "suspend")
    follow_all(superuser, endpoint)
    turn(superuser, endpoint, "suspend")


def test_upkeep_and_the_reaper_go_on_where_the_request_ended(
    superuser: Connection,
    worker: Connection,
    endpoint: EndpointRow,
    jobs: Callable[..., list[uuid.UUID]],
    tick: datetime,
) -> None:
    made = jobs(3)
    turn(superuser, endpoint, "suspend")
    MovedClock(superuser).stop()  # each ends by its time limit on no machine, however slow
    worker.execute("select * from kronos.upkeep(100)")
    assert values(superuser, "select workspace_id from kronos.turns") == []
    assert_told(superuser, made, tick - 11 * MINUTE, is_over=True)
    turn(superuser, endpoint, "resume")
    assert value(superuser, "select kronos.reap()")["left"]["suspension"] == 0
    assert_told(superuser, made, tick - 11 * MINUTE, is_over=True)


def test_what_was_left_behind_is_tried_again_at_once_where_the_clock_was_set_back(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]]
) -> None:
    made = jobs(2)
    turn(superuser, endpoint, "suspend")
    superuser.execute(
        "update kronos.turns set phase = 'BEHIND', behind = %s, next_at = now() + interval '1 hour'", [made]
    )
    superuser.execute("select kronos.turn_all(clock_timestamp())")  # one of them, regardless of the time
    assert len(value(superuser, "select behind from kronos.turns")) == 1
    follow_all(superuser, endpoint)


def test_workspaces_that_cannot_go_on_keep_no_other_from_its_turn(
    superuser: Connection, database_url: str, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]]
) -> None:
    """Those with the fewest jobs to do came first, also if these jobs had just failed: a few of them took all of the
    time that there is for this, again and again.
    """
    (held,) = jobs(1)
    other = add_endpoint(superuser)
    for _ in range(5):
        make_cron_job(superuser, other, is_registered=True)
    for each in (endpoint, other):
        turn(superuser, each, "suspend")
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [held])
        for _ in range(20):
            superuser.execute("select kronos.turn_all(kronos.clock())")  # one of them, regardless of the time
            superuser.execute("update kronos.turns set next_at = kronos.clock() where next_at > '-infinity'")
        assert values(superuser, "select workspace_id from kronos.turns") == [endpoint.workspace_id]
    follow_all(superuser, endpoint)


@pytest.mark.parametrize("policy", ["LATEST", "ALL"])
def test_a_job_whose_pointer_is_at_no_time_keeps_no_workspace_from_going_on(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]], policy: str
) -> None:
    made = jobs(3, catch_up_policy=policy)
    superuser.execute("update kronos.pointers set next_tick_at = '-infinity' where job_id = %s", [made[1]])
    for to in ("suspend", "resume"):
        turn(superuser, endpoint, to)
        follow_all(superuser, endpoint)
    assert values(superuser, "select job_id from kronos.job_faults") == [made[1]]


def test_instants_are_in_turn_whatever_was_written_by_hand_and_where_no_job_was_left_to_follow(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]], tick: datetime
) -> None:
    (gone,) = jobs(1)
    turn(superuser, endpoint, "suspend")
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [gone])
    turn(superuser, endpoint, "resume")
    made = jobs(1)
    turn(superuser, endpoint, "suspend")
    superuser.execute(
        "update kronos.workspaces set status = 'ACTIVE', suspended_at = null where workspace_id = %s",
        [endpoint.workspace_id],
    )
    turn(superuser, endpoint, "suspend")
    (instants,) = values(superuser, "select instants from kronos.turns")
    assert (len(instants), instants) == (3, sorted(set(instants)))
    follow_all(superuser, endpoint)
    assert [row for row in told(superuser, made[0]) if row[0] != "RUNS"] == []  # all of its ticks were before
    assert_told(superuser, made, tick - 11 * MINUTE, is_over=True)


def test_a_step_takes_no_more_ticks_than_it_may(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]], tick: datetime
) -> None:
    """Of jobs with 15,000 ticks each that may be delivered, it takes one. Jobs that are due later cost little."""
    since = tick - timedelta(days=11)
    made = jobs(2, next_tick_at=since, ticks_from=since - MINUTE, catch_up_window_seconds=20 * 86400)
    few = "select kronos.few_ticks(%s, %s, 10000)"
    assert value(superuser, few, [made, tick]) == made[:1]
    assert value(superuser, few, [made, since - MINUTE]) == made


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_between_two_steps_each_tick_is_told_once(
    superuser: Connection, endpoint: EndpointRow, jobs: Callable[..., list[uuid.UUID]], tick: datetime, seed: int
) -> None:
    """Turns, steps, steps that are rolled back, rings, changes of jobs and the reaper, in any order."""
    chance = random.Random(seed)
    stranger = add_endpoint(superuser)
    made = [*jobs(3), *jobs(2, catch_up_policy="SKIP"), *jobs(1, max_runs=3)]
    other = make_cron_job(superuser, stranger, is_registered=True, next_tick_at=tick, ticks_from=tick - MINUTE)
    everything = [*made, other]

    def change(what: str) -> None:
        with superuser.transaction():
            superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
            superuser.execute("select kronos.settle_ticks(%s)", [chance.choice(made)])
            if what == "cancel" and chance.random() < 0.3:
                superuser.execute("select kronos.cancel_job()")

    def undone() -> None:
        with superuser.transaction(force_rollback=True):
            follow(superuser, endpoint, limit=chance.choice([1, 2, 500]))

    moves: list[Callable[[], object]] = [
        lambda: turn(superuser, endpoint, "suspend"),
        lambda: turn(superuser, endpoint, "resume"),
        lambda: follow(superuser, endpoint, limit=chance.choice([1, 2, 500])),
        lambda: follow(superuser, endpoint, limit=chance.choice([1, 2, 500])),
        undone,
        lambda: superuser.execute("select kronos.account_all(clock_timestamp())"),
        lambda: superuser.execute("select kronos.fire(%s)", [chance.choice(everything)]),
        lambda: change("settle"),
        lambda: change("cancel"),
        lambda: superuser.execute("select kronos.reap()"),
        lambda: superuser.execute("select kronos.upkeep(100)"),
    ]
    for _ in range(40):
        if value(superuser, "select coalesce(max(cardinality(instants)), 0) from kronos.turns") >= 20:
            follow_all(superuser, endpoint)
        chance.choice(moves)()
        assert_told(superuser, everything, tick - 11 * MINUTE)
    follow_all(superuser, endpoint)
    superuser.execute("select kronos.reap()")
    assert_told(superuser, everything, tick - 11 * MINUTE, is_over=True)
    assert value(superuser, "select kronos.is_pg_cron_right()")
