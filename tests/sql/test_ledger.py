"""The ledger: whatever happens to a job, each tick of its schedule has exactly one row, and a missing or surplus row is
found.
"""

import itertools
import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from depth import depth
from factory import add_endpoint, add_named_one_shot
from kept import Kept
from lives import HOUR, MINUTE, T0, Life, live_a_life
from set_clock import SetClock
from sql_factory import Connection, Record, done, job, make_cron_job, records, value, values


def ledger(connection: Connection, job_id: uuid.UUID, since: datetime, until: datetime) -> Record:
    (found,) = records(connection, "select * from kronos.check_ledger(%s, %s, %s)", [job_id, since, until])
    return found


def told(found: Record) -> dict[str, int]:
    """Check what must hold of every ledger. Return its nonzero figures."""
    assert found["expected"] == found["delivered"] + found["missed"] + found["skipped"] + found["unaccounted"]
    assert (found["first_unaccounted"] is None) == (found["unaccounted"] == 0)
    assert (found["first_surplus"] is None) == (found["surplus"] == 0)
    return {
        name: found[name]
        for name in ("expected", "delivered", "missed", "skipped", "unaccounted", "surplus")
        if found[name]
    }


def rows_of(connection: Connection, job_id: uuid.UUID) -> list[Record]:
    """Every row of the job, unfinished ones first."""
    waiting = (
        "select execution_id, scheduled_at, cause from kronos.execution_live where job_id = %s order by scheduled_at"
    )
    return records(connection, waiting, [job_id]) + done(connection, job_id)


@pytest.mark.parametrize("seed", range(24))
def test_whatever_happens_to_a_job_each_of_its_ticks_has_one_row(
    shared: psycopg.Connection, set_clock: SetClock, seed: int
) -> None:
    """In any time zone of the session. pg_cron's sessions have the server's."""
    chance = random.Random(seed)
    shared.execute(f"set timezone = '{('UTC', 'Pacific/Auckland', 'America/Los_Angeles')[seed % 3]}'")
    life = live_a_life(shared, chance)
    set_clock.set(life.now)
    end = life.now + MINUTE
    for job_id in life.versions:
        rows = rows_of(shared, job_id)
        whole = told(ledger(shared, job_id, T0, end))
        assert whole.get("expected", 0) == sum(row.get("tick_count", 1) for row in rows)
        assert {"unaccounted", "surplus"} & set(whole) == set()
        assert whole.get("missed", 0) == sum(
            row["tick_count"] for row in done(shared, job_id) if row["status"] == "MISSED"
        )
        # A window that cuts a counted row counts its ticks on both sides of the cut.
        cuts = sorted([T0, *(T0 + chance.random() * (end - T0) for _ in range(6)), end])
        parts = [told(ledger(shared, job_id, since, until)) for since, until in itertools.pairwise(cuts)]
        assert {name: sum(part.get(name, 0) for part in parts) for name in whole} == whole
        assert all({"unaccounted", "surplus"} & set(part) == set() for part in parts)


@pytest.mark.parametrize("seed", range(100, 112))
def test_a_row_that_is_gone_or_there_twice_or_moved_is_found(
    shared: psycopg.Connection, set_clock: SetClock, seed: int
) -> None:
    chance = random.Random(seed)
    found: list[tuple[uuid.UUID, Record]] = []
    while not found:  # some lives end before their first tick
        life = live_a_life(shared, chance)
        found = [(each, row) for each in life.versions for row in rows_of(shared, each)]
    job_id, row = chance.choice(found)
    set_clock.set(life.now)
    end = life.now + MINUTE
    table = "execution_done" if "tick_count" in row else "execution_live"
    ticks = row.get("tick_count", 1)
    before = told(ledger(shared, job_id, T0, end))

    def found_when(change: str, **params: object) -> dict[str, Any]:
        with shared.transaction(force_rollback=True):
            shared.execute(change, {"id": row["execution_id"], **params})
            return ledger(shared, job_id, T0, end)

    gone = found_when(f"delete from kronos.{table} where execution_id = %(id)s")
    assert (gone["expected"], gone["unaccounted"], gone["first_unaccounted"]) == (
        before["expected"],
        ticks,
        row["scheduled_at"],
    )
    of_table = (
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attname <> 'execution_id'"
    )
    columns = ", ".join(values(shared, of_table, [f"kronos.{table}"]))
    twice = found_when(
        f"""
        insert into kronos.{table} (execution_id, {columns})
        select kronos.uuid7(), {columns} from kronos.{table} where execution_id = %(id)s
        """
    )
    assert (twice["unaccounted"], twice["surplus"], twice["first_surplus"]) == (0, ticks, row["scheduled_at"])
    moved = found_when(
        f"update kronos.{table} set scheduled_at = scheduled_at + interval '1 second' where execution_id = %(id)s"
    )
    assert (moved["unaccounted"], moved["surplus"]) == (ticks, ticks)


@pytest.fixture
def outage(shared: psycopg.Connection, set_clock: SetClock) -> Life:
    """A job that was rung every minute for ten minutes, and then not for an hour. It is rung now."""
    life = Life(shared, catch_up_policy="SKIP")
    for _ in range(10):
        life.pass_time(MINUTE)
        life.ring()
    life.pass_time(HOUR)
    life.ring()
    set_clock.set(life.now)
    return life


def test_a_counted_row_stands_for_its_ticks(shared: psycopg.Connection, outage: Life) -> None:
    assert told(ledger(shared, outage.job_id, T0, outage.now + MINUTE)) == {
        "expected": 70,
        "delivered": 12,
        "missed": 58,
    }
    middle = T0 + 30 * MINUTE
    assert told(ledger(shared, outage.job_id, middle, middle + 5 * MINUTE)) == {"expected": 5, "missed": 5}


@pytest.mark.parametrize(("counted", "unaccounted", "surplus"), [(57, 1, 0), (59, 0, 1)])
def test_a_row_that_counts_wrongly_is_found(
    shared: psycopg.Connection, outage: Life, counted: int, unaccounted: int, surplus: int
) -> None:
    (counted_row,) = records(
        shared,
        "update kronos.execution_done set tick_count = %s where job_id = %s and tick_count > 1 returning scheduled_at",
        [counted, outage.job_id],
    )
    found = ledger(shared, outage.job_id, T0, outage.now + MINUTE)
    assert (found["unaccounted"], found["surplus"]) == (unaccounted, surplus)
    from_it_on = ledger(shared, outage.job_id, counted_row["scheduled_at"], outage.now + MINUTE)
    assert (from_it_on["unaccounted"], from_it_on["surplus"]) == (unaccounted, surplus)


def test_the_tick_at_which_a_job_starts_is_expected(shared: psycopg.Connection, set_clock: SetClock) -> None:
    set_clock.set(T0)
    life = Life(shared)
    shared.execute("update kronos.jobs set starts_at = %s where job_id = %s", [T0 + 2 * MINUTE, life.job_id])
    shared.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [T0 + HOUR, life.job_id])
    found = ledger(shared, life.job_id, T0, T0 + 5 * MINUTE)
    assert (found["unaccounted"], found["first_unaccounted"]) == (3, T0 + 2 * MINUTE)


def test_runs_by_hand_and_of_a_backfill_are_no_part_of_it(shared: psycopg.Connection, outage: Life) -> None:
    before = ledger(shared, outage.job_id, T0, outage.now)
    for cause in ("MANUAL", "BACKFILL"):
        shared.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, max_attempts, input)
            select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, %s, 'SUCCESS', %s, %s, now(), 1, '{}'
              from kronos.jobs where job_id = %s
            """,
            [cause, T0 + 30 * MINUTE, T0 + 30 * MINUTE, outage.job_id],
        )
    assert ledger(shared, outage.job_id, T0, outage.now) == before


def test_ticks_that_are_due_are_overdue_and_not_unaccounted(shared: psycopg.Connection) -> None:
    now = value(shared, "select now()")
    pointer = value(shared, "select date_trunc('minute', now()) - interval '5 minutes'")
    job_id = make_cron_job(shared, ticks_from=pointer - MINUTE, next_tick_at=pointer)
    found = ledger(shared, job_id, now - HOUR, now)
    assert told(found) == {}
    assert found["overdue"] in (6, 7)  # a minute may have ended meanwhile
    shared.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job_id])
    assert ledger(shared, job_id, now - HOUR, now)["overdue"] == 0


def test_overdue_are_the_ticks_from_the_pointers_own_on_and_before_the_end(shared: psycopg.Connection) -> None:
    """Counted from the pointer's tick, not from the later instant at which that tick is due, and only before the job's
    end.
    """
    first: datetime = value(shared, "select date_trunc('hour', now()) - interval '3 days 12 hours'")
    job_id = make_cron_job(
        shared, cron=f"0 {first.hour} * * *", ticks_from=first - MINUTE, next_tick_at=first + 26 * HOUR
    )
    shared.execute("update kronos.pointers set tick_at = %s where job_id = %s", [first, job_id])
    assert ledger(shared, job_id, first, first + HOUR)["overdue"] == 4
    shared.execute("update kronos.jobs set ends_at = %s where job_id = %s", [first + timedelta(days=2), job_id])
    assert ledger(shared, job_id, first, first + HOUR)["overdue"] == 2


def test_a_schedule_without_a_next_tick_has_an_end(shared: psycopg.Connection) -> None:
    """No user can create one for 30 February. An impossible schedule must be reported as a fault, not cause an endless
    loop.
    """
    life = Life(shared)
    shared.execute(
        "update kronos.jobs set schedule.days = 1 << 30, schedule.months = 1 << 2 where job_id = %s", [life.job_id]
    )
    never = "select kronos.next_tick(schedule, %s) from kronos.jobs where job_id = %s"
    assert value(shared, never, [T0, life.job_id]) is None
    shared.execute("set statement_timeout = '10s'")
    found = ledger(shared, life.job_id, T0, T0 + timedelta(days=9))
    shared.execute("reset statement_timeout")
    assert (found["expected"], found["error"]) == (0, None)


def test_a_call_is_bounded_and_says_where_the_next_goes_on(shared: psycopg.Connection, set_clock: SetClock) -> None:
    set_clock.set(T0)
    life = Life(shared, catch_up_policy="SKIP")
    shared.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [T0 + timedelta(days=80), life.job_id])
    first = ledger(shared, life.job_id, T0, T0 + timedelta(days=80))
    assert (first["is_truncated"], first["expected"], first["unaccounted"]) == (True, 100_000, 100_000)
    rest = ledger(shared, life.job_id, first["checked_until"], T0 + timedelta(days=80))
    assert (rest["is_truncated"], rest["expected"]) == (False, 80 * 1440 - 1 - 100_000)


def test_a_malformed_schedule_has_an_error_in_place_of_figures(shared: psycopg.Connection) -> None:
    life = Life(shared)
    shared.execute("update kronos.jobs set schedule.months = 1 << 20 where job_id = %s", [life.job_id])
    shared.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [T0 + HOUR, life.job_id])
    found = ledger(shared, life.job_id, T0, T0 + 2 * HOUR)
    assert (found["error"]["sqlstate"], found["unaccounted"], found["surplus"]) == ("22008", None, None)


def test_a_one_shot_has_no_ledger(shared: psycopg.Connection) -> None:
    """Whether it has a row in jobs or is its execution."""
    named = add_named_one_shot(shared, add_endpoint(shared))
    for job_id in (named, uuid.uuid4()):
        window = [job_id, T0, T0 + HOUR]
        assert records(shared, "select * from kronos.check_ledger(%s, %s, %s)", window) == []


@pytest.fixture(scope="module")
def life_without_rows(kept_shared: Kept) -> Life:
    """A job for cases that read only its schedule and its pointer, and set both."""
    with kept_shared.connection() as connection:
        return Life(connection)


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]
)
@pytest.mark.parametrize("cron", ["* * * * *", "*/7 1-3 * * 0", "*/20 * 29,30 * *", "0,30 2 * * *", "15 * * * 1-5"])
@pytest.mark.parametrize("policies", [("SHIFT", "FIRST"), ("SKIP", "BOTH"), ("SHIFT_BY_GAP", "FIRST")])
def test_the_ticks_that_are_expected_are_those_that_next_tick_gives(
    shared: psycopg.Connection, life_without_rows: Life, zone: str, cron: str, policies: tuple[str, str]
) -> None:
    chance, life = random.Random(f"{zone} {cron} {policies}"), life_without_rows
    shared.execute(
        """
        update tests.jobs
           set schedule = kronos.read_schedule(%s, null, null, %s, %s, %s), ticks_from = '2009-01-01',
               next_tick_at = '2030-01-01'
         where job_id = %s
        """,
        [cron, zone, *policies, life.job_id],
    )
    # Apia skipped 30 December 2011; the other zones' clocks change in these weeks.
    weeks = [
        "2011-12-29",
        "2026-03-08",
        "2026-03-28",
        "2026-04-04",
        "2026-10-24",
        "2026-11-01",
        "2026-02-14",
        "2026-03-21",
    ]
    for around in chance.sample(weeks, depth(2, deep=8)):  # the ninety cases sample different weeks
        since = datetime.fromisoformat(f"{around}T00:00:00+00:00") + chance.random() * timedelta(days=1)
        until = since + timedelta(days=3)
        differ = value(
            shared,
            """
            with recursive asked (tick) as (
                select kronos.next_tick(schedule, %(since)s::timestamptz - interval '1 microsecond')
                  from kronos.jobs where job_id = %(job_id)s
                union all
                select kronos.next_tick(job.schedule, asked.tick)
                  from asked, kronos.jobs as job where job.job_id = %(job_id)s and asked.tick < %(until)s
            )
            select (select array_agg(tick) from kronos.jobs as job, kronos.expected_ticks(job, %(since)s,
                   %(until)s, 100000) as tick
                     where job_id = %(job_id)s)
                   is distinct from (select array_agg(tick order by tick) from asked where tick < %(until)s)
            """,
            {"job_id": life.job_id, "since": since, "until": until},
        )
        assert not differ, (zone, cron, since)


def test_ticks_that_no_row_tells_of_are_told_in_runs_between_the_rows(superuser: Connection) -> None:
    """A row of four ticks, two ticks without a row, one delivered tick, one without a row."""
    since: datetime = value(superuser, "select date_trunc('hour', now()) - interval '10 hours'")
    job_id = make_cron_job(
        superuser, cron="0 * * * *", next_tick_at=since, ticks_from=since - MINUTE, catch_up_policy="SKIP"
    )
    account = "select kronos.account_ticks(array[%s::uuid], %s)"
    superuser.execute(account, [job_id, since + 3.5 * HOUR])
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [since + 6 * HOUR, job_id])
    superuser.execute(account, [job_id, since + 6 * HOUR])
    untold = "select told.* from kronos.jobs as job, kronos.untold_ticks(job, %s, %s) as told where job_id = %s"
    assert [tuple(each.values()) for each in records(superuser, untold, [since, since + 7 * HOUR, job_id])] == [
        (since + 4 * HOUR, since + 5 * HOUR, 2),
        (since + 7 * HOUR, since + 7 * HOUR, 1),
    ]


@pytest.mark.parametrize("how", ["ring", "pause", "pauses"])
def test_a_pointer_that_was_set_back_claims_no_tick_that_has_a_row(superuser: Connection, how: str) -> None:
    """Of ten ticks, the second, the third and the last were delivered. Rows are made for the others, and for no
    more.
    """
    since: datetime = value(superuser, "select date_trunc('hour', now()) - interval '10 hours'")
    job_id = make_cron_job(
        superuser, cron="0 * * * *", next_tick_at=since, ticks_from=since - MINUTE, catch_up_policy="SKIP"
    )
    for nth in (1, 2, 9):
        superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [since + nth * HOUR, job_id])
        superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, since + nth * HOUR])
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [since, job_id])
    now = since + 9 * HOUR + 30 * MINUTE
    if how == "ring":
        superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, now])
    elif how == "pause":
        superuser.execute('select kronos.skip_ticks(%s, %s, \'{"code": "paused"}\')', [job_id, now])
    else:
        superuser.execute(
            "update kronos.jobs set status = 'PAUSED', status_reason = '{\"code\": \"paused\"}' where job_id = %s",
            [job_id],
        )
        superuser.execute("select kronos.skip_each(array[%s::uuid], %s, null)", [job_id, now])
    told_of = told(ledger(superuser, job_id, since, since + 10 * HOUR))
    assert told_of == {"expected": 10, "delivered": 3, "missed" if how == "ring" else "skipped": 7}
    assert job(superuser, job_id)["next_tick_at"] == since + 10 * HOUR
