"""Each tick of a heartbeat is accounted for exactly once, whichever process is first, with the status that a small
model predicts.
"""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest

from alert_rows import add_rule
from beat_rows import BeatRow, Reference, account, make_beat, ping, pointer_of, statuses, ticks_of, turn
from conftest import await_condition
from depth import depth
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, value, values

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def at(superuser: Connection) -> Callable[[datetime], None]:
    """Stop the clock at an instant. Pings can be received at that instant, and could be since the last one."""
    clock = MovedClock(superuser)

    def stand(instant: datetime) -> None:
        clock.stand(instant)
        superuser.execute("update kronos.ping_door set open_until = %s", [instant])

    stand(NOON - MINUTE)
    return stand


@pytest.fixture
def hourly(superuser: Connection, at: Callable[[datetime], None]) -> BeatRow:
    """A heartbeat that is due every hour from noon on, with five minutes of grace and at most an hour to run."""
    return make_beat(superuser, add_endpoint(superuser).workspace_id, cron="0 * * * *")


@pytest.mark.parametrize(
    ("after", "status"),
    [(-30, "ON_TIME"), (0, "ON_TIME"), (300, "ON_TIME"), (301, "LATE"), (3500, "LATE")],
)
def test_a_ping_is_on_time_within_the_grace_and_late_after_it(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None], after: int, status: str
) -> None:
    at(NOON + after * SECOND)
    assert ping(superuser, hourly) == "TAKEN"
    assert statuses(superuser, hourly) == [(NOON, status)]
    assert value(superuser, "select tick_at from kronos.beat_pings") == NOON


def test_one_that_comes_long_before_its_tick_counts_for_none(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NOON - 31 * SECOND)
    assert ping(superuser, hourly) == "TAKEN"
    assert statuses(superuser, hourly) == []
    assert pointer_of(superuser, hourly)["last_status"] == "ON_TIME"


def test_what_nobody_pinged_for_is_missed_once_and_a_late_ping_says_so(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NOON + 300 * SECOND)
    assert account(superuser) == 0
    at(NOON + 301 * SECOND)
    assert account(superuser) == 1
    assert account(superuser) == 0
    assert statuses(superuser, hourly) == [(NOON, "MISSED")]
    at(NOON + 20 * MINUTE)
    ping(superuser, hourly)
    assert statuses(superuser, hourly) == [(NOON, "LATE")]
    assert pointer_of(superuser, hourly)["next_tick_at"] == NOON + 60 * MINUTE


def test_a_run_is_running_and_its_end_counts_for_the_tick_that_it_began_for(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NOON + 10 * SECOND)
    ping(superuser, hourly, "START", run_id="a")
    assert statuses(superuser, hourly) == [(NOON, "RUNNING")]
    at(NOON + 50 * MINUTE)
    ping(superuser, hourly, run_id="a", exit_code=0)
    (row,) = ticks_of(superuser, hourly)
    assert (row["status"], row["duration_ms"], row["run_id"]) == ("ON_TIME", 2_990_000, "a")
    ping(superuser, hourly, "FAIL", run_id="a", exit_code=3)
    (row,) = ticks_of(superuser, hourly)
    assert (row["status"], row["exit_code"]) == ("FAILED", 3)


def test_a_run_that_never_ends_has_failed_and_ticks_while_it_ran_are_skipped(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NOON)
    ping(superuser, hourly, "START")
    superuser.execute("update kronos.beats set max_run_seconds = 7200")
    superuser.execute("update kronos.beat_ticks set run_due_at = %s", [NOON + 120 * MINUTE])
    at(NOON + 180 * MINUTE)
    account(superuser)
    assert [status for _, status in statuses(superuser, hourly)] == ["FAILED", "SKIPPED", "MISSED"]
    assert [row["reason"] for row in ticks_of(superuser, hourly)] == ["no_end", "running", None]


def test_a_run_whose_end_could_have_been_lost_is_unknown_until_it_is_heard(
    superuser: Connection, at: Callable[[datetime], None]
) -> None:
    """Kronos was down while it ran: it may have succeeded without being able to report it."""
    endpoint = add_endpoint(superuser)
    hourly = make_beat(superuser, endpoint.workspace_id, cron="0 * * * *")
    add_rule(superuser, endpoint)
    superuser.execute("update kronos.beats set max_run_seconds = 1800")
    at(NOON)
    ping(superuser, hourly, "START", run_id="a")
    superuser.execute(
        "insert into kronos.ping_gaps (from_at, until_at) values (%s, %s)", [NOON + 5 * MINUTE, NOON + 6 * MINUTE]
    )
    at(NOON + 31 * MINUTE)
    account(superuser)
    assert [(row["status"], row["reason"]) for row in ticks_of(superuser, hourly)] == [("UNKNOWN", "not_receiving")]
    assert pointer_of(superuser, hourly)["last_status"] == "UNKNOWN"
    ping(superuser, hourly, run_id="a", exit_code=0)
    assert statuses(superuser, hourly) == [(NOON, "ON_TIME")]
    at(NOON + 60 * MINUTE)
    ping(superuser, hourly, "START", run_id="b")
    at(NOON + 91 * MINUTE)
    account(superuser)
    assert [row["reason"] for row in ticks_of(superuser, hourly)] == [None, "no_end"]
    ends = "select statuses[1] from kronos.alert_ends where workspace_id = %s order by ended_at"
    assert values(superuser, ends, [endpoint.workspace_id]) == ["SUCCESS", "FAILED"]


def test_a_ping_stands_for_all_ticks_that_are_open(superuser: Connection, at: Callable[[datetime], None]) -> None:
    workspace = add_endpoint(superuser).workspace_id
    beat = make_beat(superuser, workspace, every="5m", anchor=NOON, grace_seconds=3600)
    at(NOON + 31 * MINUTE)
    ping(superuser, beat)
    first, last = ticks_of(superuser, beat)
    assert (first["status"], first["reason"], first["tick_count"]) == ("SKIPPED", "superseded", 6)
    assert (first["until_at"], last["tick_at"], last["status"]) == (NOON + 25 * MINUTE, NOON + 30 * MINUTE, "ON_TIME")


def test_of_a_period_each_ping_begins_a_new_one(superuser: Connection, at: Callable[[datetime], None]) -> None:
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, period_seconds=3600)
    at(NOON)
    ping(superuser, beat)
    assert pointer_of(superuser, beat)["next_tick_at"] == NOON + 60 * MINUTE
    at(NOON + 66 * MINUTE)
    account(superuser)
    at(NOON + 70 * MINUTE)
    ping(superuser, beat)
    assert statuses(superuser, beat) == [(NOON + 59 * MINUTE, "ON_TIME"), (NOON + 60 * MINUTE, "LATE")]
    assert pointer_of(superuser, beat)["next_tick_at"] == NOON + 130 * MINUTE
    at(NOON + 131 * MINUTE)
    ping(superuser, beat, "FAIL")
    ping(superuser, beat)
    assert statuses(superuser, beat)[-1] == (NOON + 130 * MINUTE, "ON_TIME")


def test_what_was_expected_while_no_ping_could_be_received_is_unknown(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    clock = MovedClock(superuser)
    clock.stand(NOON - 20 * SECOND)
    assert value(superuser, "select kronos.hold_door_open()") is True  # the first call after forty seconds
    clock.stand(NOON + 10 * SECOND)
    assert value(superuser, "select kronos.hold_door_open()") is True
    clock.stand(NOON + 400 * SECOND)
    account(superuser)
    assert [(row["status"], row["reason"]) for row in ticks_of(superuser, hourly)] == [("UNKNOWN", "not_receiving")]
    at(NOON + 70 * MINUTE)
    account(superuser)
    assert [row["status"] for row in ticks_of(superuser, hourly)] == ["UNKNOWN", "MISSED"]
    clock.stand(NOON + 126 * MINUTE)  # no process receives pings now, and none has returned to report the gap
    account(superuser)
    assert [row["status"] for row in ticks_of(superuser, hourly)] == ["UNKNOWN", "MISSED", "UNKNOWN"]


def test_a_long_outage_is_few_rows_that_account_for_every_tick(
    superuser: Connection, at: Callable[[datetime], None]
) -> None:
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, cron="* * * * *", grace_seconds=30)
    MovedClock(superuser).stand(NOON + 3 * 24 * 60 * MINUTE)
    account(superuser)
    rows = ticks_of(superuser, beat)
    assert len(rows) == 101
    assert {row["status"] for row in rows} == {"UNKNOWN"}
    assert sum(row["tick_count"] for row in rows) == 3 * 24 * 60
    assert all(one["until_at"] < two["tick_at"] for one, two in pairwise(rows))


def test_while_paused_nothing_is_expected_and_pings_are_kept(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    turn(superuser, hourly, "PAUSED")
    at(NOON + 130 * MINUTE)
    assert account(superuser) == 0
    assert ping(superuser, hourly) == "PAUSED"
    turn(superuser, hourly, "ACTIVE")
    (row,) = ticks_of(superuser, hourly)
    assert (row["status"], row["reason"], row["tick_count"]) == ("SKIPPED", "paused", 3)
    assert pointer_of(superuser, hourly)["next_tick_at"] == NOON + 180 * MINUTE
    at(NOON + 131 * MINUTE)
    ping(superuser, hourly)
    assert len(ticks_of(superuser, hourly)) == 1
    assert value(superuser, "select count(*) from kronos.beat_pings") == 2


def test_of_a_suspended_workspace_pings_count_and_silence_does_not(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = kronos.now() where workspace_id = %s",
        [hourly.workspace_id],
    )
    at(NOON)
    ping(superuser, hourly)
    at(NOON + 70 * MINUTE)
    account(superuser)
    assert [(row["status"], row["reason"]) for row in ticks_of(superuser, hourly)] == [
        ("ON_TIME", None),
        ("SKIPPED", "suspended"),
    ]


def test_a_deleted_workspace_takes_no_ping(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    superuser.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = kronos.now() where workspace_id = %s",
        [hourly.workspace_id],
    )
    assert ping(superuser, hourly) is None


def test_the_same_said_again_of_a_run_counts_once_and_sixty_a_minute_are_taken(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    assert [ping(superuser, hourly, "START", run_id="a") for _ in range(2)] == ["TAKEN", "REPEATED"]
    assert [ping(superuser, hourly) for _ in range(59)] == ["TAKEN"] * 58 + ["RATE_LIMITED"]
    assert value(superuser, "select count(*) from kronos.beat_pings") == 59
    at(NOON + SECOND)
    assert ping(superuser, hourly) == "TAKEN"


def test_many_pings_of_one_run_at_once_are_one(superuser: Connection, database_url: str, hourly: BeatRow) -> None:
    together = threading.Barrier(6)

    def say(_: int) -> str | None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            together.wait()
            return ping(connection, hourly, "START", run_id="same")

    with ThreadPoolExecutor(6) as pool:
        assert sorted(map(str, pool.map(say, range(6)))) == ["REPEATED"] * 5 + ["TAKEN"]
    assert value(superuser, "select count(*) from kronos.beat_pings") == 1


def test_a_ping_waits_for_the_task_and_the_task_passes_over_a_ping(
    superuser: Connection, other: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NOON + 10 * MINUTE)
    other.execute("select from kronos.beat_pointers for update")
    assert account(superuser) == 0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ping, superuser, hourly)
        await_condition(
            lambda: values(other, "select 1 from pg_stat_activity where wait_event_type = 'Lock'") != [],
            "the ping to wait for the row",
        )
        assert account(other) == 1
        other.commit()
        assert waiting.result() == "TAKEN"
    assert statuses(superuser, hourly) == [(NOON, "LATE")]


def test_what_a_killed_session_had_accounted_for_is_accounted_for_again(
    superuser: Connection, database_url: str, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NOON + 10 * MINUTE)
    doomed = psycopg.connect(database_url)
    assert account(doomed) == 1
    superuser.execute("select pg_terminate_backend(%s, 5000)", [doomed.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        doomed.commit()
    doomed.close()
    assert statuses(superuser, hourly) == []
    assert account(superuser) == 1
    assert statuses(superuser, hourly) == [(NOON, "MISSED")]


def test_a_broken_schedule_is_left_for_an_hour_and_stops_no_other(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    other = make_beat(superuser, hourly.workspace_id, cron="0 * * * *")
    superuser.execute(
        "update kronos.beats set schedule.timezone = 'No/Where' where heartbeat_id = %s", [hourly.heartbeat_id]
    )
    at(NOON + 10 * MINUTE)
    account(superuser)
    assert statuses(superuser, other) == [(NOON, "MISSED")]
    assert statuses(superuser, hourly) == []
    assert pointer_of(superuser, hourly)["due_at"] == NOON + 70 * MINUTE


@pytest.mark.parametrize("seed", range(depth(6, deep=60)))
def test_ticks_are_what_a_small_model_says_whoever_accounts_for_them(
    superuser: Connection, at: Callable[[datetime], None], seed: int
) -> None:
    """Random pings of two heartbeats that receive the same ones. For one of them, the internal job also runs at random
    instants.
    """
    drawn = random.Random(seed)
    interval, grace, run = drawn.choice([(300, 60, 400), (300, 900, 200), (3600, 300, 5000), (60, 50, 3600)])
    workspace = add_endpoint(superuser).workspace_id
    beats = [
        make_beat(superuser, workspace, every=f"{interval}s", anchor=NOON, grace_seconds=grace, max_run_seconds=run)
        for _ in range(2)
    ]
    model = Reference(NOON, timedelta(seconds=interval), timedelta(seconds=grace), timedelta(seconds=run))
    said: dict[tuple[str, str], datetime] = {}
    now = NOON - MINUTE
    for nth in range(25):
        now += timedelta(seconds=drawn.choice([1, 20, interval // 3, interval, interval - 10, 2 * interval + grace]))
        at(now)
        if drawn.random() < 0.3:  # the other is accounted for by pings only
            superuser.execute(
                "select kronos.store_beat_pointer(kronos.account_beat(beat, pointer, kronos.clock()))"
                " from kronos.beats as beat join kronos.beat_pointers as pointer using (heartbeat_id)"
                " where heartbeat_id = %s",
                [beats[0].heartbeat_id],
            )
        kind, run_id = drawn.choice(["START", "SUCCESS", "SUCCESS", "FAIL"]), drawn.choice([None, f"r{nth // 2}"])
        is_repeat = run_id is not None and now - said.get((run_id, kind), NOON - 24 * 60 * MINUTE) <= 10 * MINUTE
        if not is_repeat:
            model.ping(now, kind, run_id)
            said[run_id or "", kind] = now
        outcomes = [ping(superuser, each, kind, run_id=run_id) for each in beats]
        assert outcomes == ["REPEATED" if is_repeat else "TAKEN"] * 2
        if is_repeat:
            account(superuser)
            model.settle(now)
        for each in beats:
            assert expanded(superuser, each) == sorted(model.ticks.items()), f"after ping {nth} at {now}"
    now += timedelta(seconds=3 * interval + grace + run)
    at(now)
    account(superuser)
    model.settle(now)
    for each in beats:
        assert expanded(superuser, each) == sorted(model.ticks.items())


def expanded(connection: Connection, beat: BeatRow) -> list[tuple[datetime, str]]:
    """Each tick and its status; a row that stands for several ticks is repeated."""
    found: list[tuple[datetime, str]] = []
    for row in ticks_of(connection, beat):
        step = (row["until_at"] - row["tick_at"]) / max(1, row["tick_count"] - 1)
        found += [(row["tick_at"] + nth * step, row["status"]) for nth in range(row["tick_count"])]
    return found


def test_a_run_s_id_that_is_used_again_is_another_run(
    superuser: Connection, hourly: BeatRow, at: Callable[[datetime], None]
) -> None:
    """As with a constant run id: the run that has ended is not the one that ends now."""
    at(NOON)
    ping(superuser, hourly, "START", run_id="backup")
    at(NOON + 5 * MINUTE)
    ping(superuser, hourly, run_id="backup")
    at(NOON + 60 * MINUTE)
    ping(superuser, hourly, run_id="backup")
    assert statuses(superuser, hourly) == [(NOON, "ON_TIME"), (NOON + 60 * MINUTE, "ON_TIME")]
