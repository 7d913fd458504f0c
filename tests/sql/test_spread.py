"""A job that a plan of the load has moved runs later by its offset; its ticks do not change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from factory import EndpointRow, add_endpoint
from sql_factory import Connection, account, acting_as, live, make_cron_job, records, value

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("999s", 999), ("5m", 300), ("60m", 3600), ("1h", 3600), (None, None)]
)
def test_a_spread_in_seconds(shared: Connection, text: str | None, seconds: int | None) -> None:
    assert value(shared, "select kronos.spread_seconds(%s)", [text]) == seconds


@pytest.mark.parametrize(("spread", "offset", "left"), [("5m", 120, 120), ("1m", 120, 60), (None, 120, 0)])
def test_a_spread_that_is_shorter_takes_its_job_along(
    shared: Connection, spread: str | None, offset: int, left: int
) -> None:
    assert value(shared, "select kronos.offset_within(%s, %s)", [spread, offset]) == left


def test_an_offset_moves_when_a_tick_runs_and_not_the_tick(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, cron="0 * * * *", next_tick_at=NOON, spread="5m", offset_seconds=120)
    for hour in range(2):
        account(superuser, job_id, now=NOON + timedelta(hours=hour))
    found = live(superuser, job_id)
    assert [each["scheduled_at"] for each in found] == [NOON, NOON + timedelta(hours=1)]
    for each in found:
        assert each["run_at"] == each["visible_at"] == each["scheduled_at"] + 2 * MINUTE
        assert each["execution_id"] == value(superuser, "select kronos.tick_id(%s, %s)", [job_id, each["scheduled_at"]])


def test_offset_and_jitter_together_end_before_the_next_tick(superuser: Connection) -> None:
    for jitter in (0, 3600):
        job_id = make_cron_job(superuser, next_tick_at=NOON, spread="1h", offset_seconds=3600, jitter_seconds=jitter)
        account(superuser, job_id, now=NOON)
        (found,) = live(superuser, job_id)
        assert found["run_at"] == NOON + timedelta(seconds=59)


def test_a_tick_that_was_missed_is_not_moved(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, cron="0 * * * *", next_tick_at=NOON, spread="5m", offset_seconds=300)
    account(superuser, job_id, now=NOON + 10 * MINUTE)
    (found,) = live(superuser, job_id)
    assert (found["cause"], found["run_at"] < NOON + 15 * MINUTE) == ("CATCH_UP", True)


_SPREAD = "select * from kronos.movable_jobs(%(from)s, %(to)s, %(limit)s)"


def movable_jobs(
    connection: Connection, endpoint: EndpointRow, since: datetime, days: int, limit: int = 10
) -> list[dict[str, Any]]:
    """The query of the API, for the endpoint's workspace."""
    with acting_as(connection, "kronos_api"), connection.transaction():
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        return list(records(connection, _SPREAD, {"from": since, "to": since + timedelta(days=days), "limit": limit}))


def test_jobs_that_allow_it_and_when_they_tick(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    daily = make_cron_job(superuser, endpoint, cron="30 2 * * *", name="daily", spread="10m", offset_seconds=60)
    make_cron_job(superuser, endpoint, cron="0 * * * *", name="says-nothing")
    make_cron_job(superuser, endpoint, cron="* * * * *", name="each-minute", spread="10m")
    make_cron_job(superuser, add_endpoint(superuser), cron="0 3 * * *", name="anothers", spread="10m")
    until = make_cron_job(
        superuser, endpoint, cron="0 3 * * *", name="till-noon", spread="1h", deadline_seconds=90, ends_at=NOON
    )
    found = {row["job_id"]: row for row in movable_jobs(superuser, endpoint, NOON - timedelta(days=1), 2)}
    assert len(movable_jobs(superuser, endpoint, NOON - timedelta(days=1), 2, limit=1)) == 1
    assert set(found) == {daily, until}
    assert (found[daily]["spread_seconds"], found[daily]["offset_seconds"], found[daily]["number"]) == (600, 60, 2)
    assert found[until]["spread_seconds"] == 89, "a run must not move beyond its deadline"
    assert sum(bits.bit_count() for bits in found[until]["minutes"]) == 1
    assert sum(bits.bit_count() for bits in found[daily]["minutes"]) == 2


def test_the_clocks_change_is_in_the_hours(superuser: Connection) -> None:
    """On 29 March 2026 Berlin has no 02:30. The tick is at 03:00, an hour earlier in UTC than on the day before."""
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        with made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
                                     schedule, alarm, description, spread)
            select id, id, %(workspace)s, %(endpoint)s, 'CRON', '30 2 * * *', 'Europe/Berlin', schedule,
                   '30 0,1 * * *', 'x', '5m'
              from gen_random_uuid() as id
             cross join kronos.read_schedule('30 2 * * *', null, null, 'Europe/Berlin', 'SHIFT', 'FIRST') as schedule
            returning job_id, workspace_id
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, now() from made
        """,
        {"workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    since = datetime(2026, 3, 28, tzinfo=UTC)
    (found,) = movable_jobs(superuser, endpoint, since, 3)
    ticks = sorted(
        since + (hour + minute) * MINUTE
        for hour, bits in zip(found["hours"], found["minutes"], strict=True)
        for minute in range(60)
        if bits >> minute & 1
    )
    assert [f"{tick.astimezone(UTC):%d %H:%M}" for tick in ticks] == ["28 01:30", "29 01:00", "30 00:30"]


def test_how_fast_the_instance_was_is_told_to_its_administrator(superuser: Connection) -> None:
    assert records(superuser, "select * from kronos.measured_rates()")[0]["ticks"] is None
    with superuser.transaction():
        superuser.execute("set local kronos.instance_admin = 'on'")
        (nothing,) = records(superuser, "select * from kronos.measured_rates()")
        assert (nothing["ticks"], nothing["deliveries"]) == (None, None)
        job_id = make_cron_job(superuser, next_tick_at=None)
        superuser.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                cause, status, scheduled_at, run_at, created_at, completed_at, max_attempts, input)
            select kronos.tick_id(job_id, now() - n * interval '1 second'), workspace_id, job_id, endpoint_id, 1,
                   'SCHEDULE', case n when 1 then 'FAILED' else 'SUCCESS' end, now(), now(),
                   date_trunc('second', now()), date_trunc('second', now()) + (n / 5) * interval '1 second', 1, '{}'
              from kronos.jobs cross join generate_series(0, 8) as n where job_id = %s
            """,
            [job_id],
        )
        (rates,) = records(superuser, "select * from kronos.measured_rates()")
    assert (rates["ticks"], rates["deliveries"]) == (9, 5)
