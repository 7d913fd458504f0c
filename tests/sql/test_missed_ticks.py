"""Ticks that are accounted for late follow their job's policy; ticks with jitter run a little after their time."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from factory import add_endpoint
from sql_factory import Connection, account, done, job, live, make_cron_job, value

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "late", "delivered", "missed"),
    [
        # ninety seconds late is on time, under every policy
        ("SKIP", timedelta(seconds=90), [0], None),
        ("LATEST", timedelta(seconds=90), [0], None),
        ("ALL", timedelta(seconds=90), [0], None),
        ("SKIP", timedelta(seconds=90, microseconds=1), [], (0, 0, 1)),
        ("LATEST", timedelta(seconds=90, microseconds=1), [0], None),
        ("ALL", timedelta(seconds=90, microseconds=1), [0], None),
        # seven ticks, ten minutes apart, the last of them 100 s ago; the window contains the newest four
        ("SKIP", timedelta(minutes=61, seconds=40), [], (0, 60, 7)),
        ("LATEST", timedelta(minutes=61, seconds=40), [60], (0, 50, 6)),
        ("ALL", timedelta(minutes=61, seconds=40), [30, 40, 50, 60], (0, 20, 3)),
        # the last of them is on time: LATEST has nothing to catch up
        ("SKIP", timedelta(minutes=60, seconds=30), [60], (0, 50, 6)),
        ("LATEST", timedelta(minutes=60, seconds=30), [60], (0, 50, 6)),
        ("ALL", timedelta(minutes=60, seconds=30), [30, 40, 50, 60], (0, 20, 3)),
        # all of them before the window
        ("LATEST", timedelta(minutes=109), [], (0, 100, 11)),
        ("ALL", timedelta(minutes=109, seconds=59), [70, 80, 90, 100], (0, 60, 7)),
    ],
)
def test_missed_ticks_go_by_the_jobs_policy_within_its_window(
    superuser: Connection, policy: str, late: timedelta, delivered: list[int], missed: tuple[int, int, int] | None
) -> None:
    window = 8 * 60 if late == timedelta(minutes=109) else 40 * 60
    job_id = make_cron_job(
        superuser, cron="*/10 * * * *", next_tick_at=NOON, catch_up_policy=policy, catch_up_window_seconds=window
    )
    account(superuser, job_id, now=NOON + late)
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [
        NOON + m * MINUTE for m in delivered
    ]
    for execution in live(superuser, job_id):
        is_late = NOON + late - execution["scheduled_at"] > timedelta(seconds=90)
        assert execution["cause"] == ("CATCH_UP" if is_late else "SCHEDULE")
        assert execution["run_at"] == (NOON + late if is_late else execution["scheduled_at"])
    rows = done(superuser, job_id)
    if missed is None:
        assert rows == []
        return
    (row,) = rows
    first, last, count = missed
    assert (row["status"], row["scheduled_at"], row["tick_count"]) == ("MISSED", NOON + first * MINUTE, count)
    reason = row["status_reason"]
    assert (reason["code"], reason["policy"], reason["window_seconds"], reason["count"]) == (
        "missed",
        policy,
        window,
        count,
    )
    assert (datetime.fromisoformat(reason["first"]), datetime.fromisoformat(reason["last"])) == (
        NOON + first * MINUTE,
        NOON + last * MINUTE,
    )


@pytest.mark.parametrize("policy", ["SKIP", "LATEST", "ALL"])
@pytest.mark.parametrize(("after", "count"), [(0, 3), (1, 4)])
def test_a_job_that_has_ended_long_ago_missed_no_tick_from_its_end_on(
    superuser: Connection, policy: str, after: int, count: int
) -> None:
    job_id = make_cron_job(
        superuser,
        cron="*/10 * * * *",
        next_tick_at=NOON,
        ends_at=NOON + 30 * MINUTE + after * timedelta(microseconds=1),
        catch_up_policy=policy,
        catch_up_window_seconds=60,
    )
    account(superuser, job_id, now=NOON + 5 * HOUR)
    (row,) = done(superuser, job_id)
    assert (row["status"], row["tick_count"], live(superuser, job_id)) == ("MISSED", count, [])
    assert datetime.fromisoformat(row["status_reason"]["last"]) == NOON + (count - 1) * 10 * MINUTE


@pytest.mark.parametrize(("policy", "days"), [("SKIP", 20), ("LATEST", 365), ("ALL", 20)])
def test_a_year_without_postgresql_is_one_row_and_one_ring(
    superuser: Connection, tick: datetime, policy: str, days: int
) -> None:
    start = tick - timedelta(days=days)
    job_id = make_cron_job(superuser, next_tick_at=start, catch_up_policy=policy, catch_up_window_seconds=600)
    now = tick + timedelta(seconds=35)  # the tick before it is older than the grace
    account(superuser, job_id, now=now)
    assert job(superuser, job_id)["next_tick_at"] == tick + MINUTE
    rows = done(superuser, job_id)
    assert [row["status"] for row in rows] == ["MISSED"]
    assert sum(row["tick_count"] for row in rows) + len(live(superuser, job_id)) == days * 1440 + 1
    expected = {"SKIP": [0], "LATEST": [0], "ALL": list(range(9, -1, -1))}[policy]
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [tick - m * MINUTE for m in expected]


def test_more_ticks_within_the_window_than_one_ring_takes_are_the_next_rings(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, catch_up_policy="ALL", catch_up_window_seconds=31 * 86400)
    now = NOON + 10_500 * MINUTE
    account(superuser, job_id, now=now)
    assert job(superuser, job_id)["next_tick_at"] == NOON + 10_000 * MINUTE
    account(superuser, job_id, now=now)
    assert job(superuser, job_id)["next_tick_at"] == now + MINUTE
    assert len(live(superuser, job_id)) == 10_501


def test_a_pointer_that_was_set_to_no_tick_of_the_schedule_is_a_tick_all_the_same(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, cron="0 0 1 1 *", next_tick_at=NOON, catch_up_policy="SKIP")
    account(superuser, job_id, now=NOON + timedelta(days=2))
    assert [(row["status"], row["scheduled_at"], row["tick_count"]) for row in done(superuser, job_id)] == [
        ("MISSED", NOON, 1)
    ]


def test_jitter_moves_when_a_tick_runs_by_the_same_offset_each_time(superuser: Connection) -> None:
    job_ids = [make_cron_job(superuser, cron="0 * * * *", next_tick_at=NOON, jitter_seconds=1800) for _ in range(30)]
    offsets: dict[uuid.UUID, set[timedelta]] = {job_id: set() for job_id in job_ids}
    for hour in range(3):
        for job_id in job_ids:
            account(superuser, job_id, now=NOON + timedelta(hours=hour))
    for job_id in job_ids:
        for execution in live(superuser, job_id):
            assert execution["visible_at"] == execution["run_at"]
            offsets[job_id].add(execution["run_at"] - execution["scheduled_at"])
    assert {len(each) for each in offsets.values()} == {1}
    spread = [each.pop() for each in offsets.values()]
    assert min(spread) >= timedelta(0)
    assert timedelta(minutes=5) < max(spread) < timedelta(minutes=30)
    assert len(set(spread)) >= 28  # two of 65,536 shares are alike in one run of 150


def test_jitter_keeps_its_offset_over_every_version(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    for _ in range(10):
        first = make_cron_job(superuser, endpoint, cron="0 * * * *", next_tick_at=NOON, jitter_seconds=1800)
        account(superuser, first, now=NOON)
        latest, offsets = first, [offset_of(superuser, first)]
        for version in (2, 3):
            superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [latest])
            latest = next_version(superuser, latest, next_tick_at=NOON + version * HOUR)
            account(superuser, latest, now=NOON + version * HOUR)
            offsets.append(offset_of(superuser, latest))
        assert offsets == [offsets[0]] * 3, latest


def offset_of(connection: Connection, job_id: uuid.UUID) -> timedelta:
    (execution,) = live(connection, job_id)
    offset: timedelta = execution["run_at"] - execution["scheduled_at"]
    return offset


def next_version(connection: Connection, job_id: uuid.UUID, *, next_tick_at: datetime) -> uuid.UUID:
    """Make the next version, as an edit of the input does: its schedule does not change."""
    made: uuid.UUID = value(
        connection,
        """
        insert into tests.jobs (first_version_id, previous_version_id, version, workspace_id, endpoint_id,
            trigger, cron, timezone,
                                 schedule, alarm, description, jitter_seconds, next_tick_at)
        select first_version_id, job_id, version + 1, workspace_id, endpoint_id, trigger, cron, timezone,
               schedule, alarm, description,
               jitter_seconds, %(next_tick_at)s
          from tests.jobs
         where job_id = %(job_id)s
        returning job_id
        """,
        {"job_id": job_id, "next_tick_at": next_tick_at},
    )
    return made


def test_jitter_ends_before_the_next_tick(superuser: Connection) -> None:
    job_ids = [make_cron_job(superuser, next_tick_at=NOON, jitter_seconds=3600) for _ in range(30)]
    for job_id in job_ids:
        account(superuser, job_id, now=NOON + MINUTE)  # both ticks are on time
        executions = live(superuser, job_id)
        assert [execution["scheduled_at"] for execution in executions] == [NOON, NOON + MINUTE]
        assert all(execution["run_at"] < execution["scheduled_at"] + MINUTE for execution in executions)


def test_without_jitter_a_tick_runs_at_its_time(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, jitter_seconds=0)
    account(superuser, job_id, now=NOON + timedelta(seconds=9))
    assert [execution["run_at"] for execution in live(superuser, job_id)] == [NOON]
