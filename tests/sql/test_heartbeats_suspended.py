"""Ticks without pings during a suspension go by the instants of the suspension, whenever they are accounted for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from beat_rows import BeatRow, make_beat, ping, statuses, ticks_of
from factory import add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, records, value

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Minutes:
    """Stops the clock that many minutes after noon. Pings can be received all the time."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._clock = connection, MovedClock(connection)
        self.at(-30)

    def at(self, minutes: float) -> None:
        self._clock.stand(NOON + minutes * MINUTE)
        self._connection.execute("update kronos.ping_door set open_until = %s", [NOON + minutes * MINUTE])

    def look(self, minutes: float) -> None:
        """Account for what is over, as the reaper does."""
        self.at(minutes)
        self._connection.execute("select kronos.account_beats(1000)")

    def turn(self, beat: BeatRow, status: str, minutes: float) -> None:
        self.at(minutes)
        assert value(self._connection, "select kronos.turn_workspace(%s, %s)", [beat.workspace_id, status])


@pytest.fixture
def minutes(superuser: Connection) -> Minutes:
    return Minutes(superuser)


@pytest.fixture
def hourly(superuser: Connection, minutes: Minutes) -> BeatRow:
    """A heartbeat that is due every hour from noon on, with five minutes of grace."""
    return make_beat(superuser, add_endpoint(superuser).workspace_id, cron="0 * * * *")


def _each_minute(minutes: Minutes, since: float, until: float) -> None:
    for each in range(int(since) + 1, int(until)):
        minutes.look(each)


def _seldom(minutes: Minutes, since: float, until: float) -> None:
    """Never look: Kronos was busy, or the minute is not over."""


@pytest.mark.parametrize("look", [_each_minute, _seldom])
@pytest.mark.parametrize(
    ("suspended", "resumed", "became"),
    [
        (-10, -1, "MISSED"),
        (-10, 0, "SKIPPED"),  # the instant of a resumption belongs to the suspension, as for ticks of jobs
        (-10, 1, "SKIPPED"),
        (0, 4, "MISSED"),
        (1, 4, "MISSED"),  # not suspended at its tick or at the end of its grace
        (1, 5, "SKIPPED"),
        (4, 20, "SKIPPED"),
        (6, 20, "MISSED"),
    ],
)
def test_a_tick_is_skipped_where_its_time_or_the_end_of_its_grace_was_in_a_suspension(
    superuser: Connection,
    hourly: BeatRow,
    minutes: Minutes,
    suspended: float,
    resumed: float,
    became: str,
    look: Callable[[Minutes, float, float], None],
) -> None:
    minutes.turn(hourly, "SUSPENDED", suspended)
    look(minutes, suspended, resumed)
    minutes.turn(hourly, "ACTIVE", resumed)
    look(minutes, resumed, 30)
    minutes.look(30)
    (tick,) = ticks_of(superuser, hourly)
    assert (tick["status"], tick["reason"]) == (became, "suspended" if became == "SKIPPED" else None)


def test_what_was_over_before_a_suspension_that_lasts_is_missed(
    superuser: Connection, hourly: BeatRow, minutes: Minutes
) -> None:
    minutes.turn(hourly, "SUSPENDED", 5.5)
    minutes.look(70)
    assert statuses(superuser, hourly) == [(NOON, "MISSED"), (NOON + 60 * MINUTE, "SKIPPED")]


def test_a_ping_after_the_resumption_finds_the_same(superuser: Connection, hourly: BeatRow, minutes: Minutes) -> None:
    minutes.turn(hourly, "SUSPENDED", -1)
    minutes.turn(hourly, "ACTIVE", 59)
    minutes.at(61)
    assert ping(superuser, hourly) == "TAKEN"
    assert statuses(superuser, hourly) == [(NOON, "SKIPPED"), (NOON + 60 * MINUTE, "ON_TIME")]


def test_the_last_twenty_suspensions_are_known(superuser: Connection, hourly: BeatRow, minutes: Minutes) -> None:
    """A workspace may be suspended any number of times: its row stays small."""
    for hour in range(23):
        minutes.turn(hourly, "SUSPENDED", hour * 60 - 1)
        minutes.turn(hourly, "ACTIVE", hour * 60 + 1)
    minutes.look(22 * 60 + 10)
    found = [status for _, status in statuses(superuser, hourly)]
    assert found == ["MISSED"] * 3 + ["SKIPPED"] * 20
    (row,) = records(
        superuser,
        "select array_length(array(select unnest(was_suspended)), 1) as kept, octet_length(was_suspended::text) as long"
        " from kronos.workspaces where workspace_id = %s",
        [hourly.workspace_id],
    )
    assert row["kept"] == 20
    assert row["long"] < 2000


@pytest.mark.parametrize(("resumed", "became"), [(160, "SKIPPED"), (100, "MISSED")])
def test_ticks_that_share_a_row_are_skipped_where_all_of_them_were_in_a_suspension(
    superuser: Connection, minutes: Minutes, resumed: float, became: str
) -> None:
    """When there are many, the hundredth row stands for those in between. One alert too many is better than one too
    few.
    """
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, cron="* * * * *", grace_seconds=10)
    minutes.at(0)
    ping(superuser, beat)
    minutes.turn(beat, "SUSPENDED", 0.5)
    minutes.turn(beat, "ACTIVE", resumed)
    minutes.look(150.9 if resumed < 150 else resumed)
    shared = [row for row in ticks_of(superuser, beat) if row["tick_count"] > 1]
    assert [(row["status"], row["tick_count"] > 40) for row in shared] == [(became, True)]
