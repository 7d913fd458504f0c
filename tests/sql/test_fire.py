"""Firing: whatever rings, and however late or often, each nominal tick becomes what its job's row demands, once."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from factory import add_endpoint
from sql_factory import (
    Connection,
    account,
    acting_as,
    await_lock,
    done,
    fire,
    job,
    live,
    make_cron_job,
    once,
    records,
    value,
    values,
)

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_tick_becomes_one_execution_as_its_endpoint_is_now(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser, timeout_ms=4321, max_attempts=7, max_crashes=2)
    job_id = make_cron_job(superuser, endpoint, next_tick_at=NOON, input=psycopg.types.json.Jsonb({"a": 1}))
    assert account(superuser, job_id, now=NOON + timedelta(seconds=1)) == 1
    (execution,) = live(superuser, job_id)
    assert execution | {"created_at": None} == {
        "execution_id": value(superuser, "select kronos.tick_id(%s, %s)", [job_id, NOON]),
        "workspace_id": endpoint.workspace_id,
        "job_id": job_id,
        "endpoint_id": endpoint.endpoint_id,
        "endpoint_version": 1,
        "cause": "SCHEDULE",
        "scheduled_at": NOON,
        "run_at": NOON,
        "created_at": None,
        "visible_at": NOON,
        "attempt_count": 0,
        "max_attempts": 7,
        "crashes": 0,
        "max_crashes": 2,
        "timeout_ms": 4321,
        "claim_token": None,
        "worker_id": None,
        "claimed_at": None,
        "started_at": None,
        "holds_slot": False,
        "is_age_limited": None,
        "input": {"a": 1},
        "error": None,
        "overlap_key": None,
        "overlap_nth": None,
        "backfill_id": None,
        "created_by": None,
        "cancel_reason": None,
        "deadline_at": None,
        "priority": None,
        "concurrency_key": None,
        "parked_at": None,
        "traceparent": None,
    }
    assert (job(superuser, job_id)["next_tick_at"], job(superuser, job_id)["runs"]) == (NOON + MINUTE, 1)


def test_a_ring_by_pg_crons_role_fires(superuser: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    with acting_as(superuser, "kronos_cron"):
        assert fire(superuser, job_id) == 1
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [tick]


def test_a_late_ring_keeps_the_nominal_tick(superuser: Connection, tick: datetime) -> None:
    nominal = tick - timedelta(minutes=37)
    job_id = make_cron_job(superuser, cron=once(nominal), next_tick_at=nominal)
    assert fire(superuser, job_id) == 1
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [nominal]


def test_an_early_ring_does_nothing(superuser: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, cron=once(tick + 30 * MINUTE), next_tick_at=tick + 30 * MINUTE)
    before = job(superuser, job_id)
    assert fire(superuser, job_id) == 0
    assert (live(superuser, job_id), done(superuser, job_id), job(superuser, job_id)) == ([], [], before)


def test_a_doubled_ring_does_nothing_more(superuser: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    assert [fire(superuser, job_id) for _ in range(3)] == [1, 0, 0]
    assert len(live(superuser, job_id)) == 1


def test_a_ring_for_a_job_that_is_not_there_does_nothing(superuser: Connection) -> None:
    assert fire(superuser, uuid.uuid4()) == 0


@pytest.mark.parametrize("status", ["PAUSED", "RETIRED"])
def test_a_job_that_is_not_active_does_not_fire(superuser: Connection, tick: datetime, status: str) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    superuser.execute("update kronos.jobs set status = %s where job_id = %s", [status, job_id])
    before = job(superuser, job_id)
    neighbour = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    assert fire(superuser, job_id) == 0
    assert (live(superuser, job_id), done(superuser, job_id), job(superuser, job_id)) == ([], [], before)
    assert fire(superuser, neighbour) == 1
    assert live(superuser, job_id) == []


@pytest.mark.parametrize("status", ["SUSPENDED", "DELETED"])
def test_a_job_of_a_workspace_that_is_not_active_does_not_fire(
    superuser: Connection, tick: datetime, status: str
) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, cron=once(tick), next_tick_at=tick)
    superuser.execute(
        "update kronos.workspaces set status = %(status)s, suspended_at = now(),"
        " deleted_at = case when %(status)s = 'DELETED' then now() end where workspace_id = %(id)s",
        {"status": status, "id": endpoint.workspace_id},
    )
    neighbour = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    assert (fire(superuser, job_id), fire(superuser, neighbour)) == (0, 1)
    assert (live(superuser, job_id), done(superuser, job_id)) == ([], [])


def test_a_pointer_set_back_delivers_no_finished_tick_again(superuser: Connection, tick: datetime) -> None:
    job_id = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    fire(superuser, job_id)
    superuser.execute(
        """
        with ended as (delete from kronos.execution_live where job_id = %s returning *)
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'SUCCESS',
               scheduled_at, run_at, created_at, max_attempts, input
          from ended
        """,
        [job_id],
    )
    finished = done(superuser, job_id)
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, job_id])
    assert fire(superuser, job_id) == 0
    assert (live(superuser, job_id), done(superuser, job_id)) == ([], finished)
    assert job(superuser, job_id)["next_tick_at"] == tick + timedelta(days=1)


def test_a_ticks_execution_id_is_a_version_7_uuid_of_job_and_tick(superuser: Connection) -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    ids = [
        value(superuser, "select kronos.tick_id(%s, %s)", [job_id, at])
        for job_id, at in [(one, NOON), (one, NOON), (other, NOON), (one, NOON + MINUTE)]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert [(made.version, made.variant, made.int >> 80) for made in ids[:1]] == [
        (7, uuid.RFC_4122, int(NOON.timestamp() * 1000))
    ]


def test_no_tick_before_starts_at_though_the_pointer_was_set_before_it(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON - 5 * MINUTE, starts_at=NOON, catch_up_policy="ALL")
    account(superuser, job_id, now=NOON + MINUTE)
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [NOON, NOON + MINUTE]


def test_no_tick_at_or_after_ends_at_before_any_reaper(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, ends_at=NOON + 2 * MINUTE, catch_up_policy="ALL")
    account(superuser, job_id, now=NOON + timedelta(hours=1))
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [NOON, NOON + MINUTE]
    assert (job(superuser, job_id)["next_tick_at"], job(superuser, job_id)["status"]) == (None, "ACTIVE")


def test_max_runs_retires_the_job_with_its_reason(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, next_tick_at=NOON, max_runs=3, catch_up_policy="ALL")
    account(superuser, job_id, now=NOON)
    assert job(superuser, job_id)["status"] == "ACTIVE"
    account(superuser, job_id, now=NOON + timedelta(minutes=9))
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [
        NOON,
        NOON + MINUTE,
        NOON + 2 * MINUTE,
    ]
    found = job(superuser, job_id)
    assert (found["status"], found["runs"], found["next_tick_at"]) == ("RETIRED", 3, None)
    assert found["status_reason"]["code"] == "max_runs_reached"
    assert found["retired_at"] is not None


def _copy(connection: Connection, job_id: uuid.UUID, count: int, *, earlier: timedelta = timedelta()) -> None:
    """Insert so many jobs like this one, each due that much earlier than the one before."""
    connection.execute(
        """
        with made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
                                     schedule, alarm, description)
            select id, id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm, description
              from kronos.jobs as job
             cross join lateral (select gen_random_uuid() as id from generate_series(1, %(count)s)
                                  where job.job_id is not null) as new
             where job_id = %(job_id)s
            returning job_id, workspace_id
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at)
        select made.job_id, made.workspace_id, pointer.next_tick_at - row_number() over () * %(earlier)s
          from made cross join kronos.pointers as pointer
         where pointer.job_id = %(job_id)s
        """,
        {"job_id": job_id, "count": count, "earlier": earlier},
    )


def test_one_ring_accounts_for_a_thousand_due_jobs_and_its_own(superuser: Connection, tick: datetime) -> None:
    endpoint = add_endpoint(superuser)
    first = make_cron_job(superuser, endpoint, cron=once(tick), next_tick_at=tick)
    _copy(superuser, first, 1200)
    made = fire(superuser, first)
    assert made in (1000, 1001)  # a thousand, plus its own if that was not among them
    assert len(live(superuser, first)) == 1
    assert fire(superuser, first) == 1201 - made
    assert fire(superuser, first) == 0
    assert value(superuser, "select count(distinct job_id) from kronos.execution_live") == 1201


def test_one_ring_takes_on_only_as_much_of_an_outage_as_it_can_end(superuser: Connection, tick: datetime) -> None:
    endpoint = add_endpoint(superuser)
    rung = make_cron_job(superuser, endpoint, cron=once(tick), next_tick_at=tick)
    two_days: dict[str, Any] = {"catch_up_policy": "ALL", "catch_up_window_seconds": 3 * 86400}
    ended = tick + timedelta(seconds=1)  # so that they have no more ticks in the next minute
    behind = [
        make_cron_job(superuser, endpoint, next_tick_at=tick - timedelta(days=2), ends_at=ended, **two_days)
        for _ in range(18)
    ]
    on_time = [make_cron_job(superuser, endpoint, cron=once(tick), next_tick_at=tick) for _ in range(70)]
    made = fire(superuser, rung)
    have_runs = {*values(superuser, "select distinct job_id from kronos.execution_live")}
    assert {*on_time} <= have_runs
    assert len({*behind} & have_runs) == 17  # 2,881 ticks each; a ring takes at most about 50,000
    assert made == 1 + 70 + 17 * 2881
    assert fire(superuser, rung) == 2881
    assert fire(superuser, rung) == 0


def test_a_ring_accounts_for_the_most_overdue_first(superuser: Connection, tick: datetime) -> None:
    endpoint = add_endpoint(superuser)
    rung = make_cron_job(superuser, endpoint, cron=once(tick), next_tick_at=tick)
    _copy(superuser, rung, 1010, earlier=timedelta(microseconds=10))
    fire(superuser, rung)
    left = values(
        superuser,
        "select next_tick_at from tests.jobs where endpoint_id = %s and next_tick_at <= %s order by 1",
        [endpoint.endpoint_id, tick],
    )
    assert left == [tick - n * timedelta(microseconds=10) for n in range(10, 0, -1)]


def test_a_ring_wakes_the_workers_once_and_only_for_something(
    superuser: Connection, other: Connection, tick: datetime
) -> None:
    other.autocommit = True
    other.execute("listen kronos_work")
    rung, _, _ = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(3))
    assert fire(superuser, rung) == 3
    assert fire(superuser, rung) == 0
    superuser.execute("notify kronos_work, 'the last'")
    heard = [notification.payload for notification in other.notifies(timeout=60, stop_after=2)]
    assert heard == ["", "the last"]


def test_a_job_that_has_just_failed_is_tried_by_its_own_ring_which_counts_it_and_wakes_the_workers(
    superuser: Connection, other: Connection, tick: datetime
) -> None:
    """Other jobs' rings skip it. Its own ring accounts for both of the two that are due."""
    other.autocommit = True
    other.execute("listen kronos_work")
    failed, sound = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(2))
    fault = "select kronos.record_job_fault(array[%s::uuid], '22008', 'no such hour')"
    superuser.execute(fault, [failed])
    assert fire(superuser, sound) == 1
    assert live(superuser, failed) == []
    superuser.execute("notify kronos_work, 'between'")
    another = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    assert fire(superuser, failed) == 2
    assert [len(live(superuser, job_id)) for job_id in (failed, another)] == [1, 1]
    superuser.execute(fault, [late := make_cron_job(superuser, cron=once(tick), next_tick_at=tick)])
    assert fire(superuser, late) == 1  # for this job only
    superuser.execute("notify kronos_work, 'the last'")
    heard = [notification.payload for notification in other.notifies(timeout=60, stop_after=5)]
    assert heard == ["", "between", "", "", "the last"]


def test_a_ring_that_only_records_what_was_missed_wakes_nobody(
    superuser: Connection, other: Connection, tick: datetime
) -> None:
    other.autocommit = True
    other.execute("listen kronos_work")
    job_id = make_cron_job(
        superuser, cron=once(tick - 5 * MINUTE), next_tick_at=tick - 5 * MINUTE, catch_up_policy="SKIP"
    )
    assert fire(superuser, job_id) == 0
    assert [row["status"] for row in done(superuser, job_id)] == ["MISSED"]
    superuser.execute("notify kronos_work, 'the last'")
    assert [notification.payload for notification in other.notifies(timeout=60, stop_after=1)] == ["the last"]


def test_a_ring_touches_no_job_that_is_not_due(superuser: Connection, tick: datetime) -> None:
    rung = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    later = make_cron_job(superuser, cron=once(tick + 30 * MINUTE), next_tick_at=tick + 30 * MINUTE)
    before = records(superuser, "select xmin::text, * from kronos.jobs where job_id = %s", [later])
    fire(superuser, rung)
    assert records(superuser, "select xmin::text, * from kronos.jobs where job_id = %s", [later]) == before


@pytest.mark.parametrize("overlap", ["ALLOW", "SKIP", "QUEUE", "REPLACE"])
def test_a_pointer_set_back_to_a_tick_that_ends_at_this_moment_delivers_nothing(
    superuser: Connection, database_url: str, overlap: str
) -> None:
    """Its execution is live when the firing begins, and finished when the firing inserts. The firing must not miss it
    in both places.
    """
    job_id = make_cron_job(superuser, next_tick_at=NOON, overlap=overlap)
    assert account(superuser, job_id, now=NOON) == 1
    superuser.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [NOON, job_id])
    with (
        psycopg.connect(database_url) as worker,
        psycopg.connect(database_url, autocommit=True) as firing,
        ThreadPoolExecutor(1) as threads,
    ):
        worker.execute(
            """
            with ended as (delete from kronos.execution_live where job_id = %s returning *)
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, status,
                                               scheduled_at, run_at, created_at, max_attempts, input)
            select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, 'SUCCESS',
                   scheduled_at, run_at,
                   created_at, max_attempts, input
              from ended
            """,
            [job_id],
        )
        made = threads.submit(account, firing, job_id, now=NOON)
        await_lock(superuser, firing, kind="transactionid")
        worker.commit()
        assert made.result() == 0
    assert [(row["scheduled_at"], row["status"]) for row in done(superuser, job_id)] == [(NOON, "SUCCESS")]
    assert live(superuser, job_id) == []
    assert job(superuser, job_id)["last_run_at"] == NOON
