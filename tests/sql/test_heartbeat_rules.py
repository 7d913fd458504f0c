"""Heartbeats follow the rules of their time zones when these change, and none that is broken stops another."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from beat_rows import BeatRow, account, make_beat, ping, pointer_of, statuses
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, value, values

EVENING = datetime(2026, 6, 1, 18, tzinfo=UTC)
NINE = datetime(2026, 6, 2, 7, tzinfo=UTC)  # in Berlin
HOUR = timedelta(hours=1)


@pytest.fixture
def at(superuser: Connection) -> Callable[[datetime], None]:
    clock = MovedClock(superuser)
    clock.stand(EVENING)
    superuser.execute("update kronos.ping_door set open_until = 'infinity'")  # pings can always be received
    return clock.stand


@pytest.fixture
def daily(superuser: Connection, at: Callable[[datetime], None]) -> BeatRow:
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, cron="0 9 * * *", timezone="Europe/Berlin")
    assert pointer_of(superuser, beat)["next_tick_at"] == NINE
    return beat


def left_by_other_rules(connection: Connection, by: timedelta) -> None:
    """The pointers of rules under which the zone's clocks showed another time."""
    connection.execute(
        "update kronos.beat_pointers set next_tick_at = next_tick_at + %(by)s, opens_at = opens_at + %(by)s,"
        " due_at = due_at + %(by)s, last_tick_at = last_tick_at + %(by)s",
        {"by": by},
    )


@pytest.mark.parametrize("days", [0, 1])  # before its first tick, and after it
def test_a_ping_counts_for_the_tick_that_the_present_rules_have(
    superuser: Connection, daily: BeatRow, at: Callable[[datetime], None], days: int
) -> None:
    if days:
        at(NINE)
        ping(superuser, daily)
    tick = NINE + timedelta(days=days)
    superuser.execute(
        "update kronos.beat_pointers set next_tick_at = next_tick_at + interval '1 h', opens_at ="
        " opens_at + interval '1 h', due_at = due_at + interval '1 h'"
    )
    at(tick)
    ping(superuser, daily)
    at(tick + 3 * HOUR)
    account(superuser)
    assert statuses(superuser, daily)[-1] == (tick, "ON_TIME")
    assert pointer_of(superuser, daily)["next_tick_at"] == tick + timedelta(days=1)


def test_a_tick_that_the_present_rules_do_not_have_is_not_missed(
    superuser: Connection, daily: BeatRow, at: Callable[[datetime], None]
) -> None:
    left_by_other_rules(superuser, -HOUR)
    at(NINE - HOUR / 2)
    account(superuser)
    assert statuses(superuser, daily) == []
    assert pointer_of(superuser, daily)["next_tick_at"] == NINE
    at(NINE + HOUR)
    account(superuser)
    assert statuses(superuser, daily) == [(NINE, "MISSED")]


def test_the_reaper_moves_pointers_when_it_notices_that_the_rules_have_changed(
    superuser: Connection, daily: BeatRow
) -> None:
    superuser.execute("select kronos.refresh_zones()")
    assert "Europe/Berlin" in values(superuser, "select timezone from kronos.zones")  # though no job has it
    left_by_other_rules(superuser, HOUR)
    superuser.execute("select kronos.refresh_zones()")
    assert pointer_of(superuser, daily)["next_tick_at"] == NINE + HOUR  # nothing has changed
    superuser.execute("update kronos.zones set distances[1] = distances[1] + 3600 where timezone = 'Europe/Berlin'")
    superuser.execute("select kronos.refresh_zones()")
    pointer = pointer_of(superuser, daily)
    assert (pointer["next_tick_at"], pointer["due_at"]) == (NINE, NINE + timedelta(minutes=5))


def test_a_heartbeat_that_cannot_be_accounted_for_stops_neither_others_nor_ticks_and_leases(
    superuser: Connection, daily: BeatRow, at: Callable[[datetime], None]
) -> None:
    other = make_beat(superuser, daily.workspace_id, cron="0 9 * * *", timezone="Europe/Berlin")
    superuser.execute(
        f"alter table kronos.beat_ticks add constraint none check (heartbeat_id <> '{daily.heartbeat_id}')"
    )
    at(NINE + HOUR)
    assert value(superuser, "select requeued from kronos.upkeep(10)") == 0
    assert value(superuser, "select (kronos.keep_up() ->> 'overdue')::integer") == 0
    assert statuses(superuser, other) == [(NINE, "MISSED")]
    assert statuses(superuser, daily) == []
    assert pointer_of(superuser, daily)["due_at"] == NINE + 2 * HOUR


def test_a_pointer_between_two_ticks_is_moved_and_each_missed_tick_counted_once(
    superuser: Connection, at: Callable[[datetime], None]
) -> None:
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, every="1m", anchor=EVENING)
    superuser.execute("update kronos.beat_pointers set next_tick_at = next_tick_at + interval '1 s'")
    at(EVENING + 10 * HOUR)
    assert account(superuser) == 1
    assert {status for _, status in statuses(superuser, beat)} == {"MISSED"}
    counted = value(superuser, "select sum(tick_count) from kronos.beat_ticks")
    assert counted == 594  # those whose grace of five minutes is over


def test_a_tick_that_only_the_present_rules_have_is_accounted_for(
    superuser: Connection, at: Callable[[datetime], None]
) -> None:
    """The awaited tick may still be one: nine o'clock by the old rules is ten o'clock by the present ones."""
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, cron="0 9,10 * * *", timezone="Europe/Berlin")
    left_by_other_rules(superuser, HOUR)
    at(NINE + 3 * HOUR)
    account(superuser)
    assert statuses(superuser, beat) == [(NINE, "MISSED"), (NINE + HOUR, "MISSED")]


def test_a_tick_that_was_open_when_its_heartbeat_changed_stays_open(
    superuser: Connection, daily: BeatRow, at: Callable[[datetime], None]
) -> None:
    at(NINE + timedelta(minutes=1))
    superuser.execute("update kronos.beats set tags = '{x}', updated_at = kronos.clock()")
    at(NINE + HOUR)
    account(superuser)
    assert statuses(superuser, daily) == [(NINE, "MISSED")]


def test_a_heartbeat_that_cannot_follow_stops_neither_others_nor_jobs(superuser: Connection, daily: BeatRow) -> None:
    others = [make_beat(superuser, daily.workspace_id, cron="0 9 * * *", timezone="Europe/Berlin") for _ in range(3)]
    superuser.execute("select kronos.refresh_zones()")
    left_by_other_rules(superuser, HOUR)
    superuser.execute(
        f"alter table kronos.beat_pointers add constraint none check (heartbeat_id <> '{daily.heartbeat_id}') not valid"
    )
    superuser.execute("update kronos.zones set distances[1] = distances[1] + 3600 where timezone = 'Europe/Berlin'")
    assert value(superuser, "select errors from kronos.refresh_zones()") == []
    assert {pointer_of(superuser, beat)["next_tick_at"] for beat in others} == {NINE}
    assert pointer_of(superuser, daily)["next_tick_at"] == NINE + HOUR


def test_heartbeats_follow_until_the_time_is_up_but_at_least_one(superuser: Connection, daily: BeatRow) -> None:
    for _ in range(2):
        make_beat(superuser, daily.workspace_id, cron="0 9 * * *", timezone="Europe/Berlin")
    left_by_other_rules(superuser, HOUR)
    follow = "select kronos.follow_rules('Europe/Berlin', 1000, %s)"
    assert value(superuser, follow, [EVENING]) == 1
    assert value(superuser, follow, [EVENING + HOUR]) == 2
