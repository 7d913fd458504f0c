"""How many ticks a heartbeat had up to an instant, the last one and the next: by its period and by its schedule."""

from datetime import UTC, datetime, timedelta

import pytest

from beat_rows import BeatRow, make_beat, ticks_of
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, Record, records

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_UPTO = """
select found.*
  from kronos.beats as beat, kronos.beat_ticks_upto(beat, %(first)s, %(upto)s) as found
 where beat.heartbeat_id = %(heartbeat_id)s
"""


def upto(connection: Connection, beat: BeatRow, seconds: float) -> tuple[int, datetime | None, datetime]:
    """The ticks from noon on up to so many seconds later."""
    given = {"first": NOON, "upto": NOON + seconds * SECOND, "heartbeat_id": beat.heartbeat_id}
    (row,) = records(connection, _UPTO, given)
    return row["ticks"], row["last_tick"], row["following_tick"]


@pytest.fixture
def beats(superuser: Connection) -> dict[str, BeatRow]:
    """A heartbeat of every ten minutes, by its period and by its schedule."""
    MovedClock(superuser).stand(NOON - SECOND)
    workspace_id = add_endpoint(superuser).workspace_id
    return {
        "period": make_beat(superuser, workspace_id, period_seconds=600),
        "schedule": make_beat(superuser, workspace_id, cron="*/10 * * * *"),
    }


@pytest.mark.parametrize("kind", ["period", "schedule"])
def test_ticks_are_counted_up_to_and_including_an_instant(
    superuser: Connection, beats: dict[str, BeatRow], kind: str
) -> None:
    beat = beats[kind]
    assert upto(superuser, beat, -1) == (0, None, NOON)
    assert upto(superuser, beat, 0) == (1, NOON, NOON + 600 * SECOND)
    assert upto(superuser, beat, 599.999999) == (1, NOON, NOON + 600 * SECOND)
    assert upto(superuser, beat, 600) == (2, NOON + 600 * SECOND, NOON + 1200 * SECOND)
    assert upto(superuser, beat, 86_399) == (144, NOON + 143 * 600 * SECOND, NOON + 86_400 * SECOND)


def missed(superuser: Connection, beat: BeatRow) -> list[Record]:
    """Account for all of its ticks up to now, of which nobody pinged for one. Return their rows."""
    superuser.execute("select kronos.account_beats(1000)")
    return ticks_of(superuser, beat)


@pytest.mark.parametrize("kind", ["period", "schedule"])
def test_a_week_of_missed_ticks_is_a_hundred_rows_that_count_each_of_them_once(
    superuser: Connection, beats: dict[str, BeatRow], kind: str
) -> None:
    clock, beat = MovedClock(superuser), beats[kind]
    first = NOON + (599 if kind == "period" else 0) * SECOND  # a period begins with the heartbeat
    clock.stand(first + 299 * 600 * SECOND + 301 * SECOND)
    superuser.execute("update kronos.ping_door set open_until = kronos.now()")
    rows = missed(superuser, beat)
    assert sum(row["tick_count"] for row in rows) == 300
    assert len(rows) == 101
    assert [row["tick_at"] for row in rows[:99]] == [first + nth * 600 * SECOND for nth in range(99)]
    assert rows[-1]["tick_at"] == first + 299 * 600 * SECOND
    assert (rows[-2]["tick_at"], rows[-2]["tick_count"]) == (first + 99 * 600 * SECOND, 200)
    assert missed(superuser, beat) == rows
