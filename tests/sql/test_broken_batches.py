"""Broken rows among due ones are reported, left behind and cost the others little; a temporary shortage is blamed on no
job.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from depth import depth
from factory import EndpointRow, add_endpoint
from kronos import sql
from moved_clock import MovedClock
from sql_factory import Connection, fire, job, live, make_cron_job, once, records, value, values

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
OVERDUE = depth(2_000, deep=10_000)
BROKEN = OVERDUE // 1000


def add_overdue(connection: Connection, endpoint: EndpointRow, count: int) -> list[uuid.UUID]:
    """Insert jobs that were due at noon, a millisecond apart, and next tick in a day. Return the most overdue first."""
    return values(
        connection,
        """
        with made as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron,
                timezone, schedule, alarm,
                                     description)
            select id, id, %s, %s, 'CRON', '0 12 * * *', 'UTC', read, '0 12 * * *', 'overdue'
              from generate_series(1, %s) as n, kronos.parse_cron('0 12 * * *') as read,
                   lateral (select gen_random_uuid() as id where n > 0) as new
            returning job_id, workspace_id
        )
        insert into kronos.pointers (job_id, workspace_id, next_tick_at)
        select job_id, workspace_id, %s + row_number() over () * interval '1 ms' from made
        returning job_id
        """,
        [endpoint.workspace_id, endpoint.endpoint_id, count, NOON],
    )


def make_unreadable(connection: Connection, job_ids: list[uuid.UUID]) -> None:
    connection.execute(
        "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = any (%s)", [job_ids]
    )


def refuse(connection: Connection, job_ids: list[uuid.UUID], sqlstate: str = "23514") -> None:
    """Make writes of these jobs' executions fail."""
    connection.execute(
        "create table if not exists public.refused (job_id uuid primary key); grant select on public.refused to public"
    )
    connection.execute("truncate public.refused")
    connection.execute("insert into public.refused select unnest(%s::uuid[])", [job_ids])
    connection.execute(f"""
        create or replace function public.refuse() returns trigger language plpgsql as $$
        begin
            if exists (select from public.refused where job_id = new.job_id) then
                raise exception using errcode = '{sqlstate}', message = 'refused';
            end if;
            return new;
        end $$;
        create or replace trigger refuse before insert on kronos.execution_live for each row execute
            function public.refuse();
    """)


def stop_clock(connection: Connection) -> None:
    """Otherwise the counts below depend on how much a machine does in the ten seconds after the first failure."""
    MovedClock(connection).stop()


def refuse_slowly(connection: Connection, job_ids: list[uuid.UUID]) -> None:
    """Make writes of these jobs' executions fail, and the clock, which stands, step by a second each time."""
    refuse(connection, job_ids)
    stop_clock(connection)
    connection.execute("""
        create or replace function public.refuse() returns trigger language plpgsql security definer as $$
        begin
            if exists (select from public.refused where job_id = new.job_id) then
                perform setval('tests.clock_stands', nextval('tests.clock_stands') - 1 + 1000000);
                raise exception using errcode = '23514', message = 'refused, slowly';
            end if;
            return new;
        end $$""")


def count_calls(connection: Connection) -> None:
    """Count how many jobs account_ticks is called with from now on, including calls that are rolled back."""
    connection.execute("""
        create sequence public.accounted minvalue 0 start 0;
        grant all on public.accounted to public;
        alter function kronos.account_ticks(uuid[], timestamptz) rename to account_ticks_itself;
        create function kronos.account_ticks(p_job_ids uuid[], p_now timestamptz) returns integer language plpgsql as $$
        begin
            perform setval('public.accounted', nextval('public.accounted') + cardinality(p_job_ids) - 1);
            return kronos.account_ticks_itself(p_job_ids, p_now);
        end $$;
        grant execute on function kronos.account_ticks(uuid[], timestamptz) to public;
    """)


def accounted(connection: Connection) -> int:
    count: int = value(connection, "select last_value from public.accounted")
    return count


def catch_up(connection: Connection) -> int:
    made: int = value(connection, "select kronos.catch_up(%s)", [NOON + 10 * MINUTE])
    return made


def faults(connection: Connection) -> set[uuid.UUID]:
    return set(values(connection, "select job_id from kronos.job_faults"))


@pytest.mark.parametrize("kind", [make_unreadable, refuse])
def test_a_broken_job_in_each_thousand_costs_no_more_than_twice_their_number_again(
    superuser: Connection, kind: Callable[[Connection, list[uuid.UUID]], None]
) -> None:
    jobs = add_overdue(superuser, add_endpoint(superuser), OVERDUE)
    broken = jobs[7 :: OVERDUE // BROKEN]
    kind(superuser, broken)
    stop_clock(superuser)
    count_calls(superuser)
    assert catch_up(superuser) == OVERDUE - BROKEN
    # Trying each job by itself used to take as many calls, over all partitions. Now it is the batch, the batch again,
    # and ten parts of a hundred in tenths.
    assert accounted(superuser) <= 2.5 * OVERDUE
    assert faults(superuser) == set(broken)

    superuser.execute(
        "update kronos.job_faults set failed_at = failed_at - interval '1 minute'"
    )  # by then they are tried again
    before = accounted(superuser)
    more = add_overdue(superuser, add_endpoint(superuser), 500)
    assert catch_up(superuser) == 500
    assert accounted(superuser) - before <= 500 + BROKEN, "the second call reuses what the first one found out"
    assert faults(superuser) == set(broken)
    assert value(superuser, "select count(*) from kronos.execution_live where job_id = any (%s)", [more]) == 500


def test_the_order_of_the_wave_holds_where_a_batch_is_tried_in_parts(superuser: Connection) -> None:
    jobs = add_overdue(superuser, add_endpoint(superuser), 250)
    refuse(superuser, [jobs[3], jobs[120]])
    stop_clock(superuser)
    assert catch_up(superuser) == 248
    rows = records(superuser, "select job_id, run_at from kronos.execution_live order by run_at, scheduled_at")
    assert [row["job_id"] for row in rows] == [job_id for job_id in jobs if job_id not in (jobs[3], jobs[120])]
    at_once = [row for row in rows if row["run_at"] == NOON + 10 * MINUTE]
    assert len(at_once) == 5
    assert rows[-1]["run_at"] == NOON + 10 * MINUTE + 243 * timedelta(seconds=5)


def test_what_it_cannot_end_in_time_it_keeps_and_leaves_the_rest(superuser: Connection) -> None:
    """Each failing attempt takes a second, as with a slow disk or a lock."""
    jobs = add_overdue(superuser, add_endpoint(superuser), 400)
    refuse_slowly(superuser, jobs[200:])
    assert catch_up(superuser) == 200
    found = faults(superuser)
    assert found
    assert found < set(jobs[200:])
    assert catch_up(superuser) == 0
    assert len(faults(superuser)) > len(found), "the next call continues"


def test_a_passing_shortage_is_not_recorded_as_a_malformed_job(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    stop_clock(superuser)
    for sqlstate in ("53200", "53100", "55P03", "57P03", "58030", "40001", "08006"):
        jobs = add_overdue(superuser, endpoint, 30)
        refuse(superuser, jobs[10:12], sqlstate)
        assert catch_up(superuser) == 28, sqlstate
        assert faults(superuser) == set(), sqlstate
        left = values(
            superuser,
            "select job_id from tests.jobs where next_tick_at < %s order by next_tick_at",
            [NOON + 10 * MINUTE],
        )
        assert left == jobs[10:12], sqlstate
        refuse(superuser, [])
        assert catch_up(superuser) == 2, f"after {sqlstate} it is tried again at the next ring"


def test_which_errors_may_pass_is_said_once(superuser: Connection) -> None:
    states = ["08006", "40P01", "53200", "55P03", "57014", "58030", "22012", "23514", "42P01", "P0001", "XX000"]
    assert (
        values(superuser, "select state from unnest(%s::text[]) as state where kronos.is_passing(state)", [states])
        == states[:6]
    )


def poison(connection: Connection, job_id: uuid.UUID) -> None:
    """Set a schedule that Kronos never writes: next_tick fails on it."""
    connection.execute(
        "update kronos.jobs set schedule.months = 1 << 20, schedule.weekdays = 0 where job_id = %s", [job_id]
    )


def send_back(connection: Connection, job_id: uuid.UUID) -> None:
    """Set an interval whose next tick is before the last one."""
    connection.execute(
        "update kronos.jobs set schedule.every_days = -7, schedule.anchor_local = '2026-01-01' where job_id = %s",
        [job_id],
    )


def point_to_no_time(connection: Connection, job_id: uuid.UUID) -> None:
    """Make it due immediately, as an operator might."""
    connection.execute("update kronos.jobs set catch_up_policy = 'ALL' where job_id = %s", [job_id])
    connection.execute("update kronos.pointers set next_tick_at = '-infinity' where job_id = %s", [job_id])


@pytest.mark.parametrize("break_it", [poison, send_back, point_to_no_time])
def test_one_jobs_broken_row_does_not_stop_the_others(
    superuser: Connection, tick: datetime, break_it: Callable[[Connection, uuid.UUID], None]
) -> None:
    rung, healthy, broken = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(3))
    break_it(superuser, broken)
    warnings: list[str] = []
    superuser.add_notice_handler(lambda notice: warnings.append(notice.message_primary or ""))
    assert fire(superuser, broken) == 2
    assert (len(live(superuser, rung)), len(live(superuser, healthy)), live(superuser, broken)) == (1, 1, [])
    assert [warning for warning in warnings if str(broken) in warning]
    assert fire(superuser, healthy) == 0


def test_a_pointer_at_no_time_is_overdue_to_those_who_ask(superuser: Connection) -> None:
    broken = make_cron_job(superuser)
    point_to_no_time(superuser, broken)
    (status,) = records(superuser, "select overdue_jobs, overdue_seconds from kronos.system_status()")
    (overdue,) = records(superuser, sql.texts()["doctor.list_overdue"], {"limit": 5})
    assert (status["overdue_jobs"], overdue["job_id"]) == (1, broken)
    assert min(status["overdue_seconds"], overdue["overdue_seconds"]) > 60e9


def test_a_job_whose_ticks_cannot_be_accounted_for_says_why_and_is_tried_alone_from_then_on(
    superuser: Connection, tick: datetime
) -> None:
    broken, rung = (make_cron_job(superuser, cron=once(tick), next_tick_at=tick) for _ in range(2))
    poison(superuser, broken)
    assert fire(superuser, rung) == 1
    (fault,) = records(superuser, "select * from kronos.job_faults")
    assert (fault["job_id"], fault["next_tick_at"]) == (broken, tick)
    assert "out of range" in fault["message"]
    warnings: list[str] = []
    superuser.add_notice_handler(lambda notice: warnings.append(notice.message_primary or ""))
    another = make_cron_job(superuser, cron=once(tick), next_tick_at=tick)
    assert fire(superuser, rung) == 1
    assert (len(live(superuser, another)), [warning for warning in warnings if "together" in warning]) == (1, [])
    superuser.execute("update kronos.jobs set schedule = kronos.parse_cron(cron) where job_id = %s", [broken])
    assert fire(superuser, broken) == 1  # once repaired, it continues where it was
    assert [execution["scheduled_at"] for execution in live(superuser, broken)] == [tick]


def test_a_job_with_a_broken_row_can_still_be_ended(superuser: Connection, tick: datetime) -> None:
    broken = make_cron_job(superuser, next_tick_at=tick - MINUTE, ends_at=tick, created_at=tick - 5 * MINUTE)
    poison(superuser, broken)
    healthy = make_cron_job(superuser, next_tick_at=tick - MINUTE, ends_at=tick)
    assert value(superuser, "select kronos.end_jobs(now())") == 2
    assert (job(superuser, broken)["status"], job(superuser, healthy)["status"], len(live(superuser, healthy))) == (
        "RETIRED",
        "RETIRED",
        1,
    )
