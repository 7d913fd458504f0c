"""Many jobs' missed ticks: exact rows, most overdue first, a few delivered immediately and the rest one by one, and
none twice.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depth import depth
from factory import add_endpoint
from sql_factory import Connection, account, done, fire, job, live, make_cron_job, once, records, value, values

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def catch_up(connection: Connection, now: datetime) -> int | None:
    made: int | None = value(connection, "select kronos.catch_up(%s)", [now])
    return made


def starts(connection: Connection) -> list[tuple[datetime, datetime]]:
    """(tick, run_at) of every execution, in the order in which they start."""
    rows = records(connection, "select scheduled_at, run_at from kronos.execution_live order by run_at, scheduled_at")
    return [(row["scheduled_at"], row["run_at"]) for row in rows]


def overdue_jobs(
    connection: Connection, count: int, *, tick: datetime = NOON, policy: str = "LATEST"
) -> list[uuid.UUID]:
    """Jobs that were due a minute apart from `tick` on, newest first. Each is next due in about a year."""
    endpoint = add_endpoint(connection)
    ticks = [tick + n * MINUTE for n in reversed(range(count))]
    return [
        make_cron_job(
            connection,
            endpoint,
            cron=f"{at.minute} {at.hour} {at.day} {at.month} *",
            next_tick_at=at,
            catch_up_policy=policy,
        )
        for at in ticks
    ]


def test_the_most_overdue_start_first_five_at_once_and_then_one_each_five_seconds(superuser: Connection) -> None:
    overdue_jobs(superuser, 12)
    now = NOON + 30 * MINUTE
    assert catch_up(superuser, now) == 12
    at_once, deferred = [now] * 5, [now + n * 5 * SECOND for n in range(1, 8)]
    assert starts(superuser) == [(NOON + n * MINUTE, run_at) for n, run_at in enumerate(at_once + deferred)]


def test_a_second_catch_up_goes_on_where_the_first_one_ends(superuser: Connection) -> None:
    overdue_jobs(superuser, 7)
    now = NOON + 30 * MINUTE
    catch_up(superuser, now)
    overdue_jobs(superuser, 3)
    assert catch_up(superuser, now + SECOND) == 3
    assert sorted(run_at - now for _, run_at in starts(superuser)) == [0 * SECOND] * 5 + [
        n * 5 * SECOND for n in range(1, 6)
    ]


def test_what_the_first_left_of_the_five_is_the_seconds(superuser: Connection) -> None:
    now = NOON + 30 * MINUTE
    overdue_jobs(superuser, 2)
    catch_up(superuser, now)
    overdue_jobs(superuser, 5)
    catch_up(superuser, now + 2 * SECOND)
    assert sorted(run_at - now for _, run_at in starts(superuser)) == [0 * SECOND] * 2 + [2 * SECOND] * 3 + [
        7 * SECOND,
        12 * SECOND,
    ]


def test_when_the_wave_is_over_the_next_begins_at_once(superuser: Connection) -> None:
    now = NOON + 30 * MINUTE
    overdue_jobs(superuser, 6)
    catch_up(superuser, now)
    overdue_jobs(superuser, 6)
    later = now + 10 * SECOND
    catch_up(superuser, later)
    assert sorted(run_at for _, run_at in starts(superuser)) == [now] * 5 + [now + 5 * SECOND] + [later] * 5 + [
        later + 5 * SECOND
    ]


def test_how_many_and_how_far_apart_is_the_instances_to_say(superuser: Connection) -> None:
    superuser.execute("update kronos.catch_up_wave set immediate = 2, stagger_seconds = 30")
    overdue_jobs(superuser, 4)
    now = NOON + 30 * MINUTE
    catch_up(superuser, now)
    assert [run_at - now for _, run_at in starts(superuser)] == [0 * SECOND, 0 * SECOND, 30 * SECOND, 60 * SECOND]


def test_a_ring_of_the_least_overdue_job_catches_up_on_all_in_order(superuser: Connection, tick: datetime) -> None:
    jobs = overdue_jobs(superuser, 8, tick=tick - 20 * MINUTE)
    assert fire(superuser, jobs[0]) == 8
    run_ats = [run_at for _, run_at in starts(superuser)]
    assert [scheduled_at for scheduled_at, _ in starts(superuser)] == [tick - (20 - n) * MINUTE for n in range(8)]
    assert [run_at - run_ats[0] for run_at in run_ats] == [0 * SECOND] * 5 + [n * 5 * SECOND for n in (1, 2, 3)]


def test_ticks_on_time_are_not_held_up_by_the_missed(superuser: Connection, tick: datetime) -> None:
    overdue_jobs(superuser, 8, tick=tick - 20 * MINUTE)
    rung = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    assert fire(superuser, rung) == 9
    (execution,) = live(superuser, rung)
    assert (execution["cause"], execution["run_at"]) == ("SCHEDULE", tick)


def test_a_restart_in_a_loop_repeats_nothing(superuser: Connection) -> None:
    every_minute = {
        policy: make_cron_job(superuser, next_tick_at=NOON, catch_up_policy=policy)
        for policy in ("SKIP", "LATEST", "ALL")
    }
    now = NOON + 10 * MINUTE + 40 * SECOND
    for _ in range(5):
        catch_up(superuser, now)
    nine_missed: tuple[list[tuple[str, int]], ...] = [("MISSED", 10)], [("MISSED", 10)], []
    for (policy, job_id), expected in zip(every_minute.items(), nine_missed, strict=True):
        rows = [(row["status"], row["tick_count"]) for row in done(superuser, job_id)]
        delivered = [row["scheduled_at"] for row in live(superuser, job_id)]
        assert rows == expected, policy
        assert delivered == ([NOON + n * MINUTE for n in range(11)] if policy == "ALL" else [NOON + 10 * MINUTE]), (
            policy
        )
        assert job(superuser, job_id)["next_tick_at"] == NOON + 11 * MINUTE


def test_one_session_catches_up_at_a_time_and_nothing_is_made_twice(superuser: Connection, database_url: str) -> None:
    overdue_jobs(superuser, 40)
    now = NOON + 50 * MINUTE

    def run(_: int) -> int | None:
        with psycopg.connect(database_url) as connection:
            return catch_up(connection, now)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(run, range(8)))
    assert sum(each or 0 for each in made) == 40
    run_ats = [run_at for _, run_at in starts(superuser)]
    assert sorted(run_ats) == [now] * 5 + [now + n * 5 * SECOND for n in range(1, 36)]
    assert [tick for tick, _ in starts(superuser)] == [NOON + n * MINUTE for n in range(40)]


def test_a_session_that_finds_the_lock_taken_leaves_the_work(superuser: Connection, other: Connection) -> None:
    overdue_jobs(superuser, 1)
    other.execute("select pg_advisory_xact_lock(hashtext('kronos.catch_up'))")
    assert catch_up(superuser, NOON + 5 * MINUTE) is None
    other.rollback()
    assert catch_up(superuser, NOON + 5 * MINUTE) == 1


def test_the_firing_of_an_overdue_job_keeps_it_from_nobody_who_catches_up(
    superuser: Connection, other: Connection, database_url: str, tick: datetime
) -> None:
    first, second = overdue_jobs(superuser, 2, tick=tick - 20 * MINUTE)
    with psycopg.connect(database_url) as busy:
        busy.execute("select pg_advisory_xact_lock(hashtext('kronos.catch_up'))")
        assert fire(other, first) == 0
    assert fire(superuser, second) == 2


def test_jobs_that_are_not_active_are_not_caught_up_on(superuser: Connection) -> None:
    paused, retired, suspended = (make_cron_job(superuser, next_tick_at=NOON) for _ in range(3))
    superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [paused])
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [retired])
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now()"
        " where workspace_id = (select workspace_id from kronos.jobs where job_id = %s)",
        [suspended],
    )
    endpoint = add_endpoint(superuser)
    superuser.execute("update kronos.endpoints set type = 'INTERNAL' where endpoint_id = %s", [endpoint.endpoint_id])
    make_cron_job(superuser, endpoint, next_tick_at=NOON)
    assert catch_up(superuser, NOON + 5 * MINUTE) == 0
    assert values(superuser, "select job_id from kronos.execution_live") == []


def test_a_week_of_every_minute_is_accounted_for_in_one_call_and_one_row_each(superuser: Connection) -> None:
    jobs = [make_cron_job(superuser, next_tick_at=NOON + n * MINUTE) for n in range(45)]
    now = NOON + timedelta(days=8, seconds=35)
    assert catch_up(superuser, now) == 45  # the newest tick of each, the only one that is on time
    counts = {job_id: [row["tick_count"] for row in done(superuser, job_id)] for job_id in jobs}
    assert counts == {job_id: [8 * 1440 - n] for n, job_id in enumerate(jobs)}


def test_the_next_ticks_are_skipped_as_many_as_was_said_and_count_as_no_runs(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, skip_next=2, max_runs=2, is_registered=True)
    for minute in range(3):
        account(superuser, job_id, now=NOON + minute * MINUTE)
    assert [(row["status"], row["status_reason"]["code"], row["scheduled_at"]) for row in done(superuser, job_id)] == [
        ("SKIPPED", "skip_next", NOON),
        ("SKIPPED", "skip_next", NOON + MINUTE),
    ]
    assert [row["scheduled_at"] for row in live(superuser, job_id)] == [NOON + 2 * MINUTE]
    assert (job(superuser, job_id)["skip_next"], job(superuser, job_id)["runs"]) == (0, 1)


def test_skipped_ticks_that_are_accounted_for_together_are_one_row(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, skip_next=5, catch_up_policy="ALL")
    account(superuser, job_id, now=NOON + 2 * MINUTE)
    (row,) = done(superuser, job_id)
    assert (row["status"], row["tick_count"], row["status_reason"]["last"]) == (
        "SKIPPED",
        3,
        (NOON + 2 * MINUTE).isoformat(),
    )
    assert job(superuser, job_id)["skip_next"] == 2


def test_a_job_that_reaches_max_runs_has_no_entry_any_more_and_owes_no_later_tick(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, max_runs=2, catch_up_policy="ALL", is_registered=True)
    entry = "select jobid from cron.job where jobname = %s"
    assert len(values(superuser, entry, [f"kronos:{job_id}"])) == 1
    account(superuser, job_id, now=NOON + 5 * MINUTE)
    found = job(superuser, job_id)
    assert (found["status"], found["status_reason"]["code"], found["ticks_until"]) == (
        "RETIRED",
        "max_runs_reached",
        NOON + MINUTE,
    )
    assert values(superuser, entry, [f"kronos:{job_id}"]) == []


@settings(
    max_examples=depth(8, deep=30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    clocks=st.lists(st.integers(min_value=-7200, max_value=7200), min_size=1, max_size=12),
    policy=st.sampled_from(["SKIP", "LATEST", "ALL"]),
)
def test_whatever_the_clock_shows_no_tick_is_twice_and_none_is_lost(
    superuser: Connection, clocks: list[int], policy: str
) -> None:
    job_id = make_cron_job(superuser, cron="*/7 * * * *", next_tick_at=NOON, catch_up_policy=policy)
    for offset in clocks:
        account(superuser, job_id, now=NOON + offset * SECOND)
    pointer = job(superuser, job_id)["next_tick_at"]
    expected = values(
        superuser,
        "select tick from kronos.next_ticks(kronos.parse_cron('*/7 * * * *'), %s::timestamptz - interval '1 second', "
        "100) as tick"
        " where tick < %s",
        [NOON, pointer],
    )
    rows = live(superuser, job_id) + done(superuser, job_id)
    assert sum(row.get("tick_count", 1) for row in rows) == len(expected)
    assert len({row["scheduled_at"] for row in rows}) == len(rows)
    assert {row["scheduled_at"] for row in rows} <= set(expected)
