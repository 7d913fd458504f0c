"""Before a job changes, the ticks of the current version are accounted for; the next version begins at that instant."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from factory import EndpointRow, add_endpoint
from kronos import changes, pauses, workspaces
from kronos.database import WorkspaceView
from kronos.pool import Pool
from moved_clock import MovedClock
from sql_factory import Connection, done, job, live, make_cron_job, once, value, values

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ALL = {"catch_up_policy": "ALL", "catch_up_window_seconds": 86400}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    made = Pool(database_url, size=1, wait_seconds=60)
    await made.open(wait=True)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def view(pool: Pool, endpoint: EndpointRow) -> WorkspaceView:
    return WorkspaceView(pool, str(endpoint.workspace_id))


@pytest.fixture
def due(superuser: Connection, endpoint: EndpointRow) -> tuple[uuid.UUID, datetime]:
    """A job whose one tick of the day is the current minute, which has not been rung."""
    tick: datetime = value(superuser, "select date_trunc('minute', now())")
    return make_cron_job(
        superuser, endpoint, cron=f"{tick.minute} {tick.hour} * * *", next_tick_at=tick, is_registered=True
    ), tick


async def test_a_replaced_version_keeps_its_due_tick(
    superuser: Connection, view: WorkspaceView, due: tuple[uuid.UUID, datetime]
) -> None:
    job_id, tick = due
    heir = await changes.replace(view, str(job_id), {"cron": "0 0 1 1 *"}, if_match=[1])
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [tick]
    assert (live(superuser, heir.job_id), done(superuser, heir.job_id)) == ([], [])


async def test_a_cancelled_jobs_due_tick_is_recorded_as_cancelled(
    superuser: Connection, view: WorkspaceView, due: tuple[uuid.UUID, datetime]
) -> None:
    await changes.cancel(view, str(due[0]))
    assert live(superuser, due[0]) == []
    assert [(row["scheduled_at"], row["status"]) for row in done(superuser, due[0])] == [(due[1], "CANCELLED")]


async def test_the_ticks_of_a_pause_are_skipped_as_one_row(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow
) -> None:
    hour = value(superuser, "select date_trunc('hour', now())")
    job_id = make_cron_job(superuser, endpoint, cron="0 * * * *", status="PAUSED", next_tick_at=hour - 4 * HOUR)
    await pauses.resume(view, str(job_id))
    (row,) = done(superuser, job_id)
    until = job(superuser, job_id)["next_tick_at"]
    assert (row["status"], row["status_reason"]["code"], live(superuser, job_id)) == ("SKIPPED", "paused", [])
    assert row["tick_count"] == (until - (hour - 4 * HOUR)) // HOUR
    assert until > hour


@pytest.mark.parametrize("change", ["cancel", "pause"])
async def test_a_suspended_workspaces_ticks_are_skipped_whatever_is_changed(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, due: tuple[uuid.UUID, datetime], change: str
) -> None:
    """Only the previous release, or an operator, can make this change: this release rejects it."""
    suspend_by_hand(superuser, endpoint)
    if change == "cancel":
        await changes.cancel(view.even_suspended, str(due[0]))
    else:
        await pauses.pause(view.even_suspended, str(due[0]), {}, actor="k")
    assert live(superuser, due[0]) == []
    assert [(row["status"], row["status_reason"]["code"]) for row in done(superuser, due[0])] == [
        ("SKIPPED", "workspace_suspended")
    ]


async def test_a_suspended_workspaces_job_is_replaced_without_an_entry_and_its_due_tick_is_skipped(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, due: tuple[uuid.UUID, datetime]
) -> None:
    suspend_by_hand(superuser, endpoint)
    heir = await changes.replace(view.even_suspended, str(due[0]), {"cron": "0 0 1 1 *"}, if_match=None)
    assert (heir.status, heir.pg_cron, heir.next_run_at) == ("ACTIVE", None, None)
    assert live(superuser, due[0]) == []
    assert [(row["status"], row["status_reason"]["code"]) for row in done(superuser, due[0])] == [
        ("SKIPPED", "workspace_suspended")
    ]


async def test_a_pause_that_has_run_out_ends_before_the_job_is_changed(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, tick: datetime
) -> None:
    """The end of the pause has not been noticed yet. Ticks before the end are skipped, those from then on run, and the
    change applies to an ACTIVE job.
    """
    hour = tick.replace(minute=0)
    job_id = paused_until(superuser, endpoint, hour, cron="*/30 * * * *", next_tick_at=hour - 3 * HOUR, **ALL)
    paused = await pauses.pause(view, str(job_id), {}, actor="k")
    (row,) = done(superuser, job_id)
    assert (row["status"], row["status_reason"]["code"], row["tick_count"]) == ("SKIPPED", "paused", 6)
    assert [execution["scheduled_at"] for execution in live(superuser, job_id)] == [
        hour + n * HOUR / 2 for n in range(4) if hour + n * HOUR / 2 <= row["completed_at"]
    ]
    assert (paused.status, paused.resume_at) == ("PAUSED", None)


@pytest.mark.parametrize("change", ["resume", "cancel", "replace", "skip_next"])
async def test_whatever_is_changed_meets_a_pause_that_has_run_out_as_over(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, change: str
) -> None:
    minute = value(superuser, "select date_trunc('minute', now())")
    job_id = paused_until(superuser, endpoint, minute, cron=once(minute), next_tick_at=minute)
    if change == "replace":
        changed = await changes.replace(view, str(job_id), {"tags": ["a"]}, if_match=None)
    elif change == "cancel":
        changed = await changes.cancel(view, str(job_id))
    else:
        changed = await (
            pauses.resume(view, str(job_id)) if change == "resume" else pauses.skip_next(view, str(job_id), count=1)
        )
    assert changed.status == ("RETIRED" if change == "cancel" else "ACTIVE")
    assert len(entries_of(superuser, changed.job_id)) == (change != "cancel")
    ran = live(superuser, job_id) + [row for row in done(superuser, job_id) if row["status"] == "CANCELLED"]
    assert [row["scheduled_at"] for row in ran] == [minute]


@pytest.mark.parametrize("halt", ["ACTIVE", "PAUSED"])
async def test_a_job_whose_ticks_nobody_can_tell_is_changed_all_the_same_and_says_why(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, due: tuple[uuid.UUID, datetime], halt: str
) -> None:
    superuser.execute("update kronos.jobs set status = %s where job_id = %s", [halt, due[0]])
    superuser.execute(
        "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = %s", [due[0]]
    )
    resumed = await pauses.resume(view, str(due[0]))
    assert (resumed.status, len(entries_of(superuser, due[0]))) == ("ACTIVE", 1)
    assert value(superuser, "select count(*) from kronos.job_faults where job_id = %s", [due[0]]) == 1


def entries_of(superuser: Connection, job_id: uuid.UUID) -> list[str]:
    return values(superuser, "select command from cron.job where jobname = %s", [f"kronos:{job_id}"])


def suspend_by_hand(superuser: Connection, endpoint: EndpointRow) -> None:
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    superuser.execute(
        """
        delete from cron.job using kronos.jobs as one where jobname = 'kronos:' || one.job_id and one.endpoint_id = %s
        """,
        [endpoint.endpoint_id],
    )


def paused_until(superuser: Connection, endpoint: EndpointRow, at: datetime, **columns: Any) -> uuid.UUID:
    return make_cron_job(
        superuser, endpoint, status="PAUSED", status_reason='{"code": "paused"}', resume_at=at, **columns
    )


async def test_a_job_with_a_broken_row_can_still_be_cancelled(
    superuser: Connection, view: WorkspaceView, due: tuple[uuid.UUID, datetime]
) -> None:
    superuser.execute(
        "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = %s", [due[0]]
    )
    superuser.execute("update tests.jobs set next_tick_at = now() where job_id = %s", [due[0]])
    assert superuser.execute("select kronos.fire(%s)", [due[0]]).fetchone() == (0,)
    assert superuser.execute("select count(*) from kronos.job_faults where job_id = %s", [due[0]]).fetchone() == (1,)
    cancelled = await changes.cancel(view, str(due[0]))
    assert cancelled.status == "RETIRED"


def test_the_next_version_begins_where_the_one_before_was_settled(superuser: Connection, endpoint: EndpointRow) -> None:
    job_id = make_cron_job(superuser, endpoint)
    first = "select kronos.first_tick(kronos.parse_cron('* * * * *'), null, null)"
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        before = value(superuser, "select clock_timestamp()")
        superuser.execute("select kronos.settle_ticks(%s)", [job_id])
        settled_at = value(superuser, "select current_setting('kronos.settled_at')::timestamptz")
        assert before <= settled_at <= value(superuser, "select clock_timestamp()")
        # If the settling took place exactly at the beginning of a minute, that minute would belong to the old version.
        superuser.execute("select set_config('kronos.settled_at', '2099-01-01 00:00:00.000001+00', true)")
        assert value(superuser, first) == datetime.fromisoformat("2099-01-01 00:01:00+00:00")
    assert value(superuser, first) <= value(superuser, "select now() + interval '1 minute'")


def test_another_workspaces_job_is_not_settled(superuser: Connection, due: tuple[uuid.UUID, datetime]) -> None:
    stranger = add_endpoint(superuser)
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(stranger.workspace_id)])
        assert value(superuser, "select kronos.settle_ticks(%s)", [due[0]]) == 0
    assert (live(superuser, due[0]), job(superuser, due[0])["next_tick_at"]) == ([], due[1])


async def test_a_resumed_workspaces_ticks_are_skipped(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, due: tuple[uuid.UUID, datetime]
) -> None:
    suspend_by_hand(superuser, endpoint)
    superuser.execute(
        "update kronos.workspaces set suspended_at = %s where workspace_id = %s",
        [due[1] - timedelta(seconds=1), endpoint.workspace_id],
    )
    await workspaces.update(view, name=None, status="ACTIVE")
    assert live(superuser, due[0]) == []
    assert [(row["status"], row["status_reason"]["code"]) for row in done(superuser, due[0])] == [
        ("SKIPPED", "workspace_suspended")
    ]


async def test_resuming_a_workspace_that_was_not_suspended_skips_nothing(
    superuser: Connection, view: WorkspaceView, due: tuple[uuid.UUID, datetime]
) -> None:
    await workspaces.update(view, name="renamed", status="ACTIVE")
    assert (done(superuser, due[0]), job(superuser, due[0])["next_tick_at"]) == ([], due[1])


@pytest.mark.parametrize("change", ["replace", "cancel"])
async def test_a_tick_that_was_accounted_for_before_the_clock_was_set_back_is_no_other_versions(
    superuser: Connection, view: WorkspaceView, endpoint: EndpointRow, change: str
) -> None:
    """Found by the soak test: after such a step, a change delivered the tick a second time, for the new version."""
    clock, noon = MovedClock(superuser), datetime(2026, 1, 1, 12, tzinfo=UTC)
    clock.stand(noon - timedelta(seconds=30))
    job_id = make_cron_job(
        superuser, endpoint, cron="* * * * *", next_tick_at=noon, ticks_from=noon - MINUTE, is_registered=True
    )
    clock.stand(noon + timedelta(seconds=70))
    superuser.execute("select kronos.account_all(kronos.clock())")
    clock.stand(noon + timedelta(seconds=10))
    heir = None
    if change == "replace":
        heir = await changes.replace(view, str(job_id), {"input": {"a": 1}}, if_match=[1])
    else:
        await changes.cancel(view, str(job_id))
    clock.stand(noon + timedelta(seconds=130))
    superuser.execute("select kronos.account_all(kronos.clock())")
    versions = [job_id, heir.job_id] if heir else [job_id]
    ticks = values(
        superuser,
        "select scheduled_at from kronos.executions where job_id = any (%s) order by 1",
        [versions],
    )
    assert ticks == [noon + n * MINUTE for n in range(3 if heir else 2)]
    for version in versions:
        ledger = "select unaccounted, surplus from kronos.check_ledger(%s, %s, %s)"
        window = [version, noon - HOUR, noon + timedelta(seconds=129)]
        assert superuser.execute(ledger, window).fetchall() == [(0, 0)]
