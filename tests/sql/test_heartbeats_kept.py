"""What is kept of heartbeats and for how long, what is deleted with them, and which rows are impossible."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from beat_rows import BeatRow, account, make_beat, ping, statuses, ticks_of
from conftest import await_condition
from factory import add_endpoint
from moved_clock import MovedClock
from scale import buffers
from sql_factory import Connection, records, value, values

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def hourly(superuser: Connection) -> BeatRow:
    """A heartbeat that is due every hour from noon on; the clock stands a minute before noon."""
    MovedClock(superuser).stand(NOON - MINUTE)
    return make_beat(superuser, add_endpoint(superuser).workspace_id, cron="0 * * * *")


def test_retention_keeps_the_newest_pings_and_ticks_of_the_age_of_failures(
    superuser: Connection, hourly: BeatRow
) -> None:
    ping(superuser, hourly)
    superuser.execute(
        "insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, until_at, changed_at)"
        " select heartbeat_id, at, workspace_id, 'ON_TIME', at, at from kronos.beats,"
        " (values (%s::timestamptz), (%s)) as tick (at)",
        [NOON - timedelta(days=1000), NOON - MINUTE],
    )
    superuser.execute("update kronos.beat_pointers set pings = 1001")
    counted = superuser.execute("select pings, ticks, is_left from kronos.retain_beats(100)").fetchone()
    assert counted == (1, 1, False)
    assert statuses(superuser, hourly) == [(NOON - MINUTE, "ON_TIME")]


@pytest.mark.parametrize("run_id", ["nightly", None])
def test_a_run_that_takes_longer_than_records_are_kept_ends_its_own_tick(
    superuser: Connection, hourly: BeatRow, run_id: str | None
) -> None:
    """Whether it said very much meanwhile, or ran for days."""
    clock = MovedClock(superuser)
    superuser.execute("update kronos.beats set max_run_seconds = 30 * 86400")
    superuser.execute(
        "insert into kronos.workspace_retention (workspace_id, failure_days) select workspace_id, 1 from kronos.beats"
    )
    clock.stand(NOON)
    ping(superuser, hourly, "START", run_id=run_id)
    superuser.execute("update kronos.beat_pointers set pings = pings + 2000")
    clock.stand(NOON + timedelta(days=3))
    account(superuser)
    superuser.execute("select kronos.retain_beats(5000)")
    assert value(superuser, "select count(*) from kronos.beat_pings") == 0
    ping(superuser, hourly, "SUCCESS", run_id=run_id)
    ended = records(
        superuser,
        "select tick_at, status, duration_ms from kronos.beat_ticks where run_id is not distinct from %s"
        " and ended_at is not null",
        [run_id],
    )
    duration = timedelta(days=3) // timedelta(milliseconds=1)
    assert ended == [{"tick_at": NOON, "status": "ON_TIME", "duration_ms": duration}]
    assert value(superuser, "select count(*) from kronos.beat_ticks where status = 'RUNNING'") == 0


def test_retention_reads_little_where_nothing_goes_and_waits_for_nobody(
    superuser: Connection, database_url: str, hourly: BeatRow
) -> None:
    """If all of a heartbeat's thousand pings stay, only the first is read. Rows that another session has locked are
    skipped, and those around them are deleted.
    """
    superuser.execute(
        "insert into kronos.beat_pings (heartbeat_id, number, workspace_id, at, kind, method)"
        " select heartbeat_id, number, workspace_id, kronos.now(), 'SUCCESS', 'GET'"
        "   from kronos.beats, generate_series(1, 1000) as number"
    )
    superuser.execute("update kronos.beat_pointers set pings = 1000")
    superuser.execute("analyze kronos.beat_pings, kronos.beat_pointers, kronos.beats")
    for _ in range(2):  # the first run fills the session's caches
        read = buffers(superuser, "select * from kronos.retain_beats(5000)")
    assert read < 60, read
    assert value(superuser, "select count(*) from kronos.beat_pings") == 1000
    superuser.execute("update kronos.beat_pointers set pings = 1010")
    with psycopg.connect(database_url) as other:
        other.execute("select from kronos.beat_pings where number = 5 for update")
        superuser.execute("set lock_timeout = '50ms'")
        assert value(superuser, "select pings from kronos.retain_beats(5000)") == 9
        superuser.execute("update kronos.beats set deleted_at = kronos.now()")
        while value(superuser, "select count(*) from kronos.beat_pings") > 1:
            assert value(superuser, "select is_left from kronos.retain_beats(5000)") is True
        assert values(superuser, "select heartbeat_id from kronos.beats") == [hourly.heartbeat_id]  # a ping names it
    superuser.execute("select kronos.retain_beats(5000)")
    assert value(superuser, "select count(*) from kronos.beats") == 0


def test_what_is_over_right_after_the_doors_last_word_is_not_missed_before_it_is_known(superuser: Connection) -> None:
    """Kronos went down ten seconds before the end of the grace. The ping may have been lost, whenever this is
    checked.
    """
    clock = MovedClock(superuser)
    clock.stand(NOON - MINUTE)
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, cron="0 * * * *", grace_seconds=20)

    def seconds(count: int) -> list[str]:
        clock.stand(NOON + timedelta(seconds=count))
        account(superuser)
        return [became for _, became in statuses(superuser, beat)]

    superuser.execute("update kronos.ping_door set open_until = %s", [NOON + timedelta(seconds=10)])
    assert (seconds(21), seconds(25)) == ([], [])
    assert seconds(26) == ["UNKNOWN"]  # 15 s without a report
    superuser.execute("delete from kronos.beat_ticks")
    superuser.execute("update kronos.beat_pointers set next_tick_at = %s, due_at = %s", [NOON, NOON + MINUTE / 3])
    assert seconds(20) == []
    superuser.execute("update kronos.ping_door set open_until = %s", [NOON + timedelta(seconds=21)])
    assert seconds(22) == ["MISSED"]  # the door was open all the time


def test_the_door_is_written_where_somebody_may_ping_and_by_one_of_many_processes(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    clock.stand(NOON)

    def hold() -> tuple[bool, bool]:
        """Hold the door open. Return whether there was a gap, and whether the row was written or locked."""
        before = value(superuser, "select (xmin, xmax, ctid)::text from kronos.ping_door")
        gap = value(superuser, "select kronos.hold_door_open()")
        return gap, before != value(superuser, "select (xmin, xmax, ctid)::text from kronos.ping_door")

    assert hold() == (False, False)  # no ping is expected
    beat = make_beat(superuser, add_endpoint(superuser).workspace_id, period_seconds=60)

    def seconds(count: int) -> None:
        clock.stand(NOON + timedelta(seconds=count))

    assert value(superuser, "select open_until from kronos.ping_door") == NOON  # set by the creation
    for after, is_written in ((3, False), (4, False), (5, True), (8, False), (10, True), (24, True)):
        seconds(after)
        assert hold() == (False, is_written), after
    seconds(40)
    assert hold() == (True, True)
    superuser.execute("update kronos.beats set deleted_at = kronos.now()")
    seconds(4000)
    assert hold() == (False, False)
    make_beat(superuser, beat.workspace_id, period_seconds=60)  # time without an expected ping is not a gap
    seconds(4005)
    assert hold() == (False, True)
    assert values(superuser, "select until_at from kronos.ping_gaps") == [NOON + timedelta(seconds=40)]


def test_a_deleted_heartbeat_goes_in_steps_and_frees_its_name(superuser: Connection, hourly: BeatRow) -> None:
    for _ in range(3):
        ping(superuser, hourly)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(hourly.workspace_id)])
        assert value(superuser, "select kronos.delete_beat(%s, null)", [hourly.name]) is True
        assert value(superuser, "select kronos.delete_beat(%s, null)", [hourly.name]) is False
    assert ping(superuser, hourly) is None
    again = make_beat(superuser, hourly.workspace_id, name=hourly.name, token="another", cron="0 * * * *")
    steps = 0
    while value(superuser, "select is_left from kronos.retain_beats(2)"):
        steps += 1
    assert steps > 1
    assert values(superuser, "select heartbeat_id from kronos.beats") == [again.heartbeat_id]
    assert value(superuser, "select count(*) from kronos.beat_pings") == 0


def test_one_that_was_deleted_is_forgotten_and_its_run_has_no_end(superuser: Connection, hourly: BeatRow) -> None:
    """Otherwise it would be found due again every minute, and its running run would end as FAILED although the
    heartbeat is gone.
    """
    ping(superuser, hourly, "START")
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(hourly.workspace_id)])
        assert value(superuser, "select kronos.delete_beat(%s, null)", [hourly.name]) is True
    MovedClock(superuser).stand(NOON + timedelta(days=1))
    superuser.execute("update kronos.ping_door set open_until = kronos.clock()")
    assert account(superuser) == 0
    assert ticks_of(superuser, hourly) == []
    assert value(superuser, "select count(*) from kronos.beat_pointers where due_at < 'infinity'") == 0


def test_workers_account_for_those_that_fell_silent_together(superuser: Connection) -> None:
    """The internal job handles a thousand a minute. Of a hundred thousand, the last would be reported hours later."""
    MovedClock(superuser).stand(NOON)
    workspace = add_endpoint(superuser).workspace_id
    for _ in range(3):
        make_beat(superuser, workspace, period_seconds=60, grace_seconds=60)
    MovedClock(superuser).stand(NOON + timedelta(minutes=3))
    superuser.execute("update kronos.ping_door set open_until = kronos.clock()")
    missed = "select count(*) from kronos.beat_ticks where status = 'MISSED'"
    superuser.execute("select kronos.upkeep(100, false)")  # not in the calls that come a few times a second
    assert value(superuser, missed) == 0
    superuser.execute("select kronos.upkeep(100, true)")
    assert value(superuser, missed) == 3


def test_a_run_whose_end_was_lost_hides_no_later_tick_that_was_missed(superuser: Connection, hourly: BeatRow) -> None:
    """Both are accounted for in one step, if workers were down for hours. The heartbeat is then down."""
    superuser.execute("update kronos.beats set max_run_seconds = 1800")
    MovedClock(superuser).stand(NOON)
    ping(superuser, hourly, "START", run_id="a")
    superuser.execute(
        "insert into kronos.ping_gaps (from_at, until_at) values (%s, %s)", [NOON + 5 * MINUTE, NOON + 6 * MINUTE]
    )
    MovedClock(superuser).stand(NOON + 90 * MINUTE)
    superuser.execute("update kronos.ping_door set open_until = kronos.clock()")
    assert account(superuser) == 1
    assert [became for _, became in statuses(superuser, hourly)] == ["UNKNOWN", "MISSED"]
    assert value(superuser, "select last_status from kronos.beat_pointers") == "MISSED"


@pytest.mark.parametrize(
    ("seconds", "step"), [("2", "select kronos.keep_up()"), ("1", "select kronos.upkeep(1000, true)")]
)
def test_after_a_long_outage_who_accounts_stops_by_the_clock_and_goes_on(
    superuser: Connection, seconds: str, step: str
) -> None:
    """Of two that are due, one is accounted for before the time is up, the other in the next run. The internal job
    takes a second, because a ping waits up to two. A worker's upkeep takes a fraction of a second, because PostgreSQL
    would cancel it after five, and then no lease would expire and nothing would be delivered.
    """
    workspace = add_endpoint(superuser).workspace_id
    beats = [make_beat(superuser, workspace, period_seconds=60) for _ in range(2)]
    superuser.execute("update kronos.beat_pointers set next_tick_at = %s, due_at = %s", [NOON, NOON])
    superuser.execute(
        "create function kronos.slowly() returns trigger language plpgsql as"
        f" $$ begin perform set_config('kronos.test_ahead', '{seconds}', false); return new; end $$"
    )
    superuser.execute("create trigger slowly after insert on kronos.beat_ticks execute function kronos.slowly()")
    superuser.execute(
        "create or replace function kronos.clock() returns timestamptz language sql volatile parallel safe return"
        " pg_catalog.now() + coalesce(nullif(pg_catalog.current_setting('kronos.test_ahead', true), ''), '0')::integer"
        " * interval '1 second'"
    )
    for done in (1, 2):
        superuser.execute("select set_config('kronos.test_ahead', '0', false)")
        superuser.execute(step.encode())
        assert sum(bool(ticks_of(superuser, each)) for each in beats) == done


@pytest.mark.parametrize(
    ("terms", "constraint"),
    [
        ({"cron": "0 * * * *", "period_seconds": 60}, "beats_expects_one"),
        ({"period_seconds": 5}, "beats_period_bounded"),
        ({"period_seconds": 60, "grace_seconds": 0}, "beats_grace_bounded"),
    ],
)
def test_the_table_takes_no_heartbeat_that_cannot_be(
    superuser: Connection, terms: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        make_beat(superuser, add_endpoint(superuser).workspace_id, **terms)
    assert refused.value.diag.constraint_name == constraint


def test_who_waits_for_one_that_is_deleted_meanwhile_locks_the_one_in_its_place(
    superuser: Connection, hourly: BeatRow
) -> None:
    """Otherwise pings and changes of the new one would overwrite each other, and no ping would be accepted any more."""

    def changed() -> tuple[object, list[object]]:
        with psycopg.connect(superuser.info.dsn, password=superuser.info.password) as changing:
            changing.execute("select set_config('kronos.workspace_id', %s, true)", [str(hourly.workspace_id)])
            found = value(changing, "select (kronos.lock_beat(%s)).heartbeat_id", [hourly.name])
            free = "select heartbeat_id from kronos.beat_pointers for update skip locked"
            return found, values(superuser, free)

    with (
        psycopg.connect(superuser.info.dsn, password=superuser.info.password) as deleting,
        ThreadPoolExecutor(1) as threads,
    ):
        deleting.execute("select set_config('kronos.workspace_id', %s, true)", [str(hourly.workspace_id)])
        deleting.execute("select kronos.delete_beat(%s, null)", [hourly.name])
        waiting = threads.submit(changed)
        await_condition(
            lambda: value(superuser, "select exists (select from pg_locks where not granted)") is True, "it waits"
        )
        place = make_beat(deleting, hourly.workspace_id, name=hourly.name, token="new", cron="0 * * * *")
        deleting.commit()
        found, free = waiting.result()
    assert found == place.heartbeat_id
    assert place.heartbeat_id not in free
