"""The ledger of all jobs together gives each job the verdict that check_ledger gives it alone, whatever its rows are.
Its cost depends on its window only.
"""

import random
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

import lives
from depth import depth
from factory import add_endpoint, add_named_one_shot
from lives import Life, live_a_life
from moved_clock import MovedClock
from scale import fill_cron_jobs
from sql_factory import Connection, buffers, make_cron_job, records, value, values

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
FACTS = "expected, unaccounted, surplus, first_unaccounted, first_surplus, overdue, is_truncated, error"
TOGETHER = (
    f"select job_id, {FACTS} from kronos.check_ledgers('00000000-0000-0000-0000-000000000000', 1000, "
    "%(since)s, %(until)s)"
)
ALONE = f"""
select job.job_id, {FACTS}
  from kronos.jobs as job cross join lateral kronos.check_ledger(job.job_id, %(since)s, %(until)s)
 where job.trigger = 'CRON' and (job.status in ('ACTIVE', 'PAUSED') or job.ticks_until > %(since)s)
 order by job.job_id
"""
SOUND = (
    "select job_id from kronos.sound_ledgers(array(select job_id from kronos.jobs where trigger = 'CRON'), "
    "%(since)s, %(until)s)"
)
# Changes to the rows. With the second, the rows are prompt, as if made when their ticks were due, not ten days late.
BEFALLS = (
    "select",
    "update kronos.execution_done set created_at = scheduled_at",
    "delete from kronos.execution_done where execution_id = (select execution_id from kronos.execution_done order by "
    "random() limit 1)",
    "update kronos.execution_done set tick_count = tick_count + 1"
    " where execution_id = (select execution_id from kronos.execution_done order by random() limit 1)",
    "update kronos.execution_done set scheduled_at = scheduled_at + interval '1 second'"
    " where execution_id = (select execution_id from kronos.execution_done order by random() limit 1)",
    "update kronos.execution_done set status_reason = '{}' where tick_count > 1",
    "update kronos.jobs set schedule.minutes = 0, schedule.hours = 0 where trigger = 'CRON' and name = (select "
    "min(name) from kronos.jobs)",
    "update kronos.jobs set ticks_from = ticks_from + interval '90 minutes'"
    " where trigger = 'CRON' and name = (select max(name) from kronos.jobs)",
)


@pytest.fixture
def lived(superuser: Connection, monkeypatch: pytest.MonkeyPatch) -> Life:
    """Some jobs with a ten-day history of every kind of event. Return the last of them."""
    monkeypatch.setattr(lives, "T0", (datetime.now(UTC) - 10 * DAY).replace(second=0, microsecond=0))
    chance = random.Random(20261128)
    for _ in range(11):
        live_a_life(superuser, chance)
    return live_a_life(superuser, chance)


def test_all_together_get_the_verdict_that_each_alone_gets(superuser: Connection, lived: Life) -> None:
    MovedClock(superuser).stand(datetime.now(UTC))  # a tick that becomes overdue between the two is in the second alone
    chance = random.Random(1)
    sound = 0
    for befalls in BEFALLS:
        with superuser.transaction(force_rollback=True):
            superuser.execute(befalls.encode())
            for _ in range(depth(2, deep=3)):
                since = lives.T0 + chance.choice([timedelta(), 90 * MINUTE, chance.random() * DAY])
                window = {"since": since, "until": since + chance.choice([90 * MINUTE, DAY, 9 * DAY])}
                assert records(superuser, TOGETHER, window) == records(superuser, ALONE, window)
                sound += len(values(superuser, SOUND, window))
    assert sound > depth(34, deep=50), "one statement judges most of them"


def test_one_shots_take_no_jobs_place(superuser: Connection) -> None:
    """An empty result marks the last call. So each call must return the next jobs that have a ledger, whatever lies in
    between.
    """
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    one_shots = [add_named_one_shot(superuser, endpoint) for _ in range(3)]
    superuser.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [one_shots[0]])
    over = make_cron_job(superuser, endpoint)
    superuser.execute("update kronos.jobs set status = 'RETIRED', ticks_until = now() where job_id = %s", [over])
    last = max(values(superuser, "select job_id from kronos.jobs where trigger = 'CRON' and job_id <> %s", [job_id]))
    seen: list[uuid.UUID] = []
    next_one = "select job_id from kronos.check_ledgers(%s, 1, now() - interval '1 day', now() + interval '1 day')"
    while found := values(superuser, next_one, [seen[-1] if seen else uuid.UUID(int=0)]):
        assert not {*found} & {*seen}
        seen += found
    assert seen == sorted({*seen}), "each once, in order"
    assert {job_id, over, last} <= {*seen}
    assert {*one_shots} & {*seen} == set()


@pytest.mark.parametrize(
    ("ticks", "rows", "is_plain"),
    [
        (4, [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 1)], True),
        (4, [(0, 2, 3), (3, 3, 1)], True),
        (0, [], True),
        (4, [], False),
        (4, [(0, 2, 3)], False),
        (4, [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 2)], False),
        (4, [(0, 1, 3), (3, 3, 1)], False),
        (4, [(0, 2, 2), (3, 3, 1)], False),
        (4, [(0, 2, 3), (2, 3, 2)], False),
        (2, [(0, 1, 2), (2, 2, 1)], False),
    ],
)
def test_rows_are_plainly_right_where_each_tick_has_one(
    superuser: Connection, ticks: int, rows: list[tuple[int, int, int]], is_plain: bool
) -> None:
    """Each row: its first and last tick, and the count that it states."""
    at = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(ticks + 1)]
    firsts, lasts, counts = ([row[part] for row in rows] for part in range(3))
    given = [at[:ticks], [at[nth] for nth in firsts] or None, [at[nth] for nth in lasts] or None, counts or None]
    plain = "select kronos.is_plain_ledger(%s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::integer[])"
    assert value(superuser, plain, given) is is_plain


def test_a_run_of_ticks_that_began_before_the_window_reaches_into_it(superuser: Connection) -> None:
    """If it ended before, or is a single tick, it does not; its job is checked with the others."""
    began: datetime = value(superuser, "select date_trunc('hour', now()) - interval '3 days'")
    endpoint = add_endpoint(superuser)
    hourly, single = (
        make_cron_job(
            superuser, endpoint, cron=cron, next_tick_at=began, ticks_from=began - MINUTE, catch_up_policy="SKIP"
        )
        for cron in ("0 * * * *", f"0 {began.hour} {began.day} {began.month} *")
    )
    until = began + timedelta(days=2, minutes=30)
    superuser.execute("select kronos.account_ticks(array[%s::uuid, %s], %s)", [hourly, single, until])
    counted = "select tick_count from kronos.execution_done where job_id = any (%s) and status = 'MISSED' order by 1"
    assert values(superuser, counted, [[hourly, single]]) == [1, 49]
    reaching = "select kronos.reaching_jobs(array[%s::uuid, %s], %s, %s)"
    since = began + timedelta(days=1, hours=1)
    assert value(superuser, reaching, [hourly, single, since, since]) == [hourly]
    assert value(superuser, reaching, [hourly, single, until, since]) == []


@pytest.mark.parametrize("says_so_since", [False, True])
def test_a_row_that_tells_of_a_tick_long_before_it_is_found(superuser: Connection, says_so_since: bool) -> None:
    """It was inserted by hand, or before the server's clock was set back: its execution is older than the window, its
    tick lies within it.
    """
    tick = (datetime.now(UTC) - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    job_id = make_cron_job(
        superuser, cron=f"0 {tick.hour} * * *", ticks_from=tick - timedelta(hours=1), next_tick_at=tick
    )
    window = {"since": tick - MINUTE, "until": tick + MINUTE}
    superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, tick + MINUTE])
    assert job_id in values(superuser, SOUND, window)
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'FAILED', %(tick)s, %(tick)s,
               %(made)s, 1, '{}'
          from kronos.jobs where job_id = %(job_id)s
        """,
        {"tick": tick, "made": tick if says_so_since else tick - DAY, "job_id": job_id},
    )
    superuser.execute("update kronos.execution_done set created_at = %s where job_id = %s", [tick - DAY, job_id])
    assert job_id not in values(superuser, SOUND, window)
    (found,) = records(superuser, f"select surplus from ({ALONE}) as each where job_id = '{job_id}'", window)
    assert found["surplus"] == 1


@pytest.fixture
def many(superuser: Connection) -> psycopg.Connection:
    """Four hundred jobs, each with one tick in the last 24 hours and a row for it."""
    fill_cron_jobs(superuser, 400, endpoint=add_endpoint(superuser), is_registered=False)
    superuser.execute(
        "update kronos.jobs set ticks_from = now() - interval '5 days', created_at = now() - interval '5 days' where "
        "trigger = 'CRON'"
    )
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, tick), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SUCCESS', tick,
               tick, tick, 1, '{}'
          from kronos.jobs as job cross join lateral kronos.expected_ticks(job, now() - interval '1 day', now(),
               10) as tick
         where job.name is null
        """
    )
    superuser.execute("analyze kronos.execution_done, kronos.jobs")
    return superuser


def test_what_a_job_did_before_the_window_costs_nothing(many: Connection) -> None:
    now = value(many, "select now()")
    asked = f"""
        select * from kronos.sound_ledgers(array(select job_id from kronos.jobs where name is null),
                                           timestamptz '{now - timedelta(hours=24)}', now())
        """
    sound = f"select count(*) from ({asked}) as sound"
    assert value(many, sound) == 400
    before = buffers(many, asked)
    many.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SUCCESS', at, at,
               at, 1, '{}'
          from (select * from kronos.jobs where name is null order by job_id limit 1) as job,
               generate_series(now() - interval '4 days', now() - interval '26 hours', interval '10 seconds') as at
        """
    )
    many.execute("analyze kronos.execution_done")
    assert value(many, sound) == 400  # planned first: reads of the catalogs do not count
    assert buffers(many, asked) < before * 1.1 + 50
    assert before < 400 * 60
