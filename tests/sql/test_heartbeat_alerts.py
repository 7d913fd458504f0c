"""The reports of heartbeats, and missing ones, violate alert rules as the runs of jobs do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alert_rows import add_rule, evaluate, incidents
from beat_rows import BeatRow, make_beat, ping, turn
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, Record, value

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at(superuser: Connection) -> Callable[[datetime], None]:
    """Stop the clock at an instant, account for heartbeats, and evaluate the rules."""
    clock = MovedClock(superuser)

    def stand(instant: datetime) -> None:
        clock.stand(instant)
        superuser.execute("update kronos.ping_door set open_until = %s", [instant])
        superuser.execute("select kronos.account_beats(1000)")
        evaluate(superuser)

    clock.stand(NOON - MINUTE)
    return stand


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    return add_endpoint(superuser)


@pytest.fixture
def beat(superuser: Connection, endpoint: EndpointRow, at: Callable[[datetime], None]) -> BeatRow:
    """A heartbeat that is due every hour from noon on, with five minutes of grace."""
    return make_beat(superuser, endpoint.workspace_id, name="backup", cron="0 * * * *", tags=["db"])


def shown(rows: list[Record]) -> list[tuple[str, str, str | None]]:
    return [(row["kind"], row["status"], row["subject"]) for row in rows]


@pytest.mark.parametrize(
    "columns",
    [{}, {"selector": "HEARTBEAT", "selected": "backup"}, {"selector": "TAG", "selected": "db"}],
    ids=["workspace", "heartbeat", "tag"],
)
def test_a_missed_tick_is_an_incident_until_a_ping_comes(
    superuser: Connection,
    endpoint: EndpointRow,
    beat: BeatRow,
    at: Callable[[datetime], None],
    columns: dict[str, Any],
) -> None:
    rule_id = add_rule(superuser, endpoint, {"type": "MISSED", "count": 1}, **columns)
    other = add_rule(superuser, endpoint, {"type": "MISSED", "count": 1}, selector="HEARTBEAT", selected="other")
    at(NOON + 6 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "OPEN", "backup")]
    assert incidents(superuser, other) == []
    ping(superuser, beat)
    at(NOON + 7 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "RESOLVED", "backup")]


def test_failures_in_a_row_and_runs_that_never_end_break_a_rule(
    superuser: Connection, endpoint: EndpointRow, beat: BeatRow, at: Callable[[datetime], None]
) -> None:
    rule_id = add_rule(superuser, endpoint, {"type": "FAILURES", "count": 2})
    at(NOON)
    ping(superuser, beat, "FAIL", exit_code=1)
    at(NOON + 60 * MINUTE)
    ping(superuser, beat, "START", run_id="lost")
    at(NOON + 90 * MINUTE)
    assert incidents(superuser, rule_id) == []
    at(NOON + 121 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "OPEN", "backup")]


def test_what_waits_or_runs_too_long_breaks_a_rule_before_it_ends(
    superuser: Connection, endpoint: EndpointRow, beat: BeatRow, at: Callable[[datetime], None]
) -> None:
    late = add_rule(superuser, endpoint, {"type": "LATE", "seconds": 60})
    running = add_rule(superuser, endpoint, {"type": "RUNNING", "seconds": 600})
    at(NOON + MINUTE)
    assert incidents(superuser, late) == []
    at(NOON + 2 * MINUTE)
    assert shown(incidents(superuser, late)) == [("HEARTBEAT", "OPEN", "backup")]
    ping(superuser, beat, "START")
    at(NOON + 11 * MINUTE)
    assert incidents(superuser, running) == []
    at(NOON + 14 * MINUTE)
    assert shown(incidents(superuser, running)) == [("HEARTBEAT", "OPEN", "backup")]
    ping(superuser, beat)
    at(NOON + 15 * MINUTE)
    assert shown(incidents(superuser, running)) == [("HEARTBEAT", "RESOLVED", "backup")]


def test_one_that_is_paused_or_deleted_is_nobodys_incident(
    superuser: Connection, endpoint: EndpointRow, beat: BeatRow, at: Callable[[datetime], None]
) -> None:
    rule_id = add_rule(superuser, endpoint, {"type": "MISSED", "count": 1})
    lives = "select kronos.subject_life('HEARTBEAT', %s, %s)"
    of = [beat.heartbeat_id, beat.workspace_id]
    assert value(superuser, lives, of) == "LIVE"
    turn(superuser, beat, "PAUSED")
    assert value(superuser, lives, of) == "RESTING"
    at(NOON + 6 * MINUTE)
    assert incidents(superuser, rule_id) == []
    superuser.execute("update kronos.beats set deleted_at = kronos.now()")
    assert value(superuser, lives, of) == "GONE"


def test_without_a_rule_nothing_is_noted(
    superuser: Connection, endpoint: EndpointRow, beat: BeatRow, at: Callable[[datetime], None]
) -> None:
    add_rule(superuser, add_endpoint(superuser))
    ping(superuser, beat, "FAIL")
    assert value(superuser, "select count(*) from kronos.alert_ends") == 0


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"selector": "HEARTBEAT", "selected": "backup"},
        {"selector": "HEARTBEAT"},
        {"selector": "TAG", "selected": "db"},
    ],
    ids=["workspace", "heartbeat", "heartbeats", "tag"],
)
def test_one_that_never_pings_again_is_missed_by_the_dead_man_s_switch(
    superuser: Connection,
    endpoint: EndpointRow,
    beat: BeatRow,
    at: Callable[[datetime], None],
    columns: dict[str, Any],
) -> None:
    rule_id = add_rule(superuser, endpoint, {"type": "NO_SUCCESS", "seconds": 7200}, **columns)
    at(NOON)
    young = make_beat(superuser, endpoint.workspace_id, name="young", cron="0 * * * *", tags=["else"])
    at(NOON + 119 * MINUTE)
    assert incidents(superuser, rule_id) == []
    turn(superuser, young, "PAUSED")
    at(NOON + 121 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "OPEN", "backup")]
    ping(superuser, beat)
    at(NOON + 122 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "RESOLVED", "backup")]
    superuser.execute("update kronos.beats set deleted_at = kronos.now()")
    at(NOON + 600 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "RESOLVED", "backup")]


def test_one_that_a_rule_selects_no_more_breaks_it_no_more(
    superuser: Connection, endpoint: EndpointRow, beat: BeatRow, at: Callable[[datetime], None]
) -> None:
    silent = add_rule(superuser, endpoint, {"type": "NO_SUCCESS", "seconds": 7200}, selector="TAG", selected="db")
    missed = add_rule(superuser, endpoint, {"type": "MISSED", "count": 1}, selector="TAG", selected="db")
    at(NOON + 6 * MINUTE)
    assert shown(incidents(superuser, missed)) == [("HEARTBEAT", "OPEN", "backup")]
    superuser.execute("update kronos.beats set tags = '{}' where heartbeat_id = %s", [beat.heartbeat_id])
    at(NOON + 11 * MINUTE)
    assert shown(incidents(superuser, missed)) == [("HEARTBEAT", "RESOLVED", "backup")]
    at(NOON + 130 * MINUTE)
    assert incidents(superuser, silent) == []


def test_one_that_gets_a_tag_later_is_waited_for_from_then(
    superuser: Connection, endpoint: EndpointRow, at: Callable[[datetime], None]
) -> None:
    """Whether or not it ever pings. The same holds for one that loses the tag and gets it again."""
    beat = make_beat(superuser, endpoint.workspace_id, name="late", cron="0 * * * *")
    rule_id = add_rule(superuser, endpoint, {"type": "NO_SUCCESS", "seconds": 7200}, selector="TAG", selected="db")
    for minutes in (30, 60):  # after this, all that were made before have been evaluated
        at(NOON + minutes * MINUTE)

    def tag(*tags: str) -> None:
        superuser.execute(
            "update kronos.beats set tags = %s, updated_at = kronos.now() where heartbeat_id = %s",
            [list(tags), beat.heartbeat_id],
        )

    tag("db")
    at(NOON + 61 * MINUTE)
    at(NOON + 180 * MINUTE)
    assert incidents(superuser, rule_id) == []
    at(NOON + 182 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "OPEN", "late")]
    tag()
    at(NOON + 190 * MINUTE)
    assert shown(incidents(superuser, rule_id)) == [("HEARTBEAT", "RESOLVED", "late")]
    tag("db")
    at(NOON + 191 * MINUTE)
    at(NOON + 312 * MINUTE)
    assert [row["status"] for row in incidents(superuser, rule_id)] == ["RESOLVED", "OPEN"]
