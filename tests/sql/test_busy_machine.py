"""Work with a time limit always does its first piece, however busy the machine is. Otherwise it would never finish
there.
"""

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from alert_rows import add_rule, end_runs, evaluate
from backfill_rows import endpoint_and_job, make_backfill, ticks_of
from clock import Clock
from conftest import url_of
from factory import add_endpoint, add_executions
from lent import Lent
from servers import Server
from sql.test_broken_batches import add_overdue, catch_up, faults, refuse
from sql.test_calendar_reads import calls
from sql.test_cancelled_jobs import SELDOM, add_runs, cancel_in_steps
from sql.test_dead_letters import fail, operation
from sql_factory import Connection, make_cron_job, value, values

SLOW = """
create sequence public.minutes;
grant usage on sequence public.minutes to public;
create or replace function kronos.clock() returns timestamptz language sql volatile parallel safe
return pg_catalog.clock_timestamp() + nextval('public.minutes') * interval '1 minute';
"""


@pytest.fixture(scope="module")
def lent(server: Server, template: str) -> Iterator[Lent]:
    """Copies of a template in which each reading of the clock is a minute later than the one before."""
    name = f"{template}_slow"
    server.databases.copy(template, name)
    with psycopg.connect(url_of(server.superuser_url, name)) as connection:
        connection.execute(SLOW)
    with closing(Lent(server.databases, server.superuser_url, name)) as made:
        yield made
    server.databases.drop(name)


@pytest.fixture
def slow(superuser: Connection) -> Connection:
    return superuser


@pytest.mark.parametrize("is_all", [True, False])
def test_what_is_parked_is_let_go(slow: Connection, is_all: bool) -> None:
    """There are two keys, and a call reaches one of them. The next call continues with the other."""
    endpoint = add_endpoint(slow)
    ids = add_executions(slow, endpoint, 4)
    for place, execution_id in enumerate(ids):
        slow.execute(
            "update kronos.execution_live set concurrency_key = %s, parked_at = visible_at,"
            " visible_at = '9999-12-31 00:00:00+00' where execution_id = %s",
            [f"key-{place % 2}", execution_id],
        )
    waits = "select count(*) from kronos.execution_live where parked_at is not null"
    assert value(slow, f"select kronos.release_all_parked({is_all})") > 0
    assert value(slow, waits) < len(ids)
    for _ in ids:
        slow.execute("select kronos.release_all_parked(true)")
        slow.execute("select kronos.release_all_parked(true)")  # a call at the end; then it begins again
    assert value(slow, waits) == 0


def test_operations_come_to_their_end_and_one_that_cannot_go_on_stops_no_other(slow: Connection) -> None:
    endpoint = add_endpoint(slow)
    fail(slow, add_executions(slow, endpoint, 3))
    operation(slow, endpoint, after="no time")
    operation(slow, endpoint)
    steps = 0
    while value(slow, "select kronos.advance_operations(1)") is not None:
        steps += 1
        assert steps < 20, "it makes no progress"
    assert sorted(values(slow, "select status from kronos.operations")) == ["COMPLETED", "FAILED"]
    assert value(slow, "select count(*) from kronos.execution_live") == 3


def test_a_backfill_is_advanced(slow: Connection) -> None:
    _, job_id = endpoint_and_job(slow)
    made = make_backfill(slow, job_id, ticks=3)
    assert (value(slow, "select kronos.advance_backfills(3)"), len(ticks_of(slow, made))) == (3, 3)


def test_due_jobs_are_accounted_for_beside_some_that_cannot_be_written(slow: Connection) -> None:
    """The ten seconds after the first failure are over before any part of the batch is tried."""
    due = add_overdue(slow, add_endpoint(slow), 12)
    bad = [due[0], due[11]]
    refuse(slow, bad)
    rings = 0
    while set(values(slow, "select job_id from kronos.execution_live")) != {*due} - {*bad} or faults(slow) != {*bad}:
        rings += 1
        assert rings < 50, "it makes no progress"
        catch_up(slow)
    assert rings > 1


def test_entries_of_jobs_that_are_always_due_soon_are_registered(slow: Connection) -> None:
    job_id = make_cron_job(slow, add_endpoint(slow), next_tick_at=value(slow, "select kronos.now()"))
    made = values(
        slow, "select (counts ->> 'registered')::integer from kronos.repair_spared(%s, array[null::bigint])", [[job_id]]
    )
    assert made == [1]


def test_rules_over_many_jobs_are_enrolled_one_by_one_and_delay_no_other_alert(slow: Connection) -> None:
    """All alerts of the instance are one transaction: what takes longer than that may would never be done."""
    endpoint = add_endpoint(slow)
    for _ in range(3):
        make_cron_job(slow, endpoint)
    for _ in range(3):
        add_rule(slow, endpoint, {"type": "NO_SUCCESS", "seconds": 86400})
    enrolled = "select count(distinct rule_id) from kronos.alert_states"
    seen: list[int] = []
    while not seen or seen[-1] < 3:
        evaluate(slow)
        seen.append(int(value(slow, enrolled)))
        assert len(seen) < 100, "it makes no progress"
    assert seen[0] == 1


@pytest.mark.parametrize("kind", ["lease", "deadline"])
def test_leases_and_deadlines_end_beside_some_that_cannot(slow: Connection, kind: str) -> None:
    """Halves are tried until a time, and in an order left to chance: a look that ends none is followed by others."""
    ids = add_executions(slow, add_endpoint(slow), 6)
    of_kind = {
        "lease": "claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = kronos.now(), attempt_count ="
        " max_attempts, visible_at = kronos.now() - interval '1 s'",
        "deadline": "deadline_at = kronos.now() - interval '1 s'",
    }
    slow.execute(f"update kronos.execution_live set {of_kind[kind]}")
    slow.execute(
        f"alter table kronos.execution_done add constraint no_bad check (execution_id not in ('{ids[0]}', '{ids[4]}'))"
        " not valid"
    )
    looks = 0
    while value(slow, "select count(*) from kronos.execution_live") > 2:
        looks += 1
        assert looks < 200, "it makes no progress"
        slow.execute("select * from kronos.expire_leases(1000, '-infinity')")
        slow.execute("select kronos.expire_deadlines(1000)")


def test_a_look_at_very_many_that_cannot_end_tries_few_of_them(slow: Connection) -> None:
    """Each was tried, and twice as many halves. A thousand took longer than a worker's statement may, which undid what
    had ended, and all other upkeep.
    """
    add_executions(slow, add_endpoint(slow), 64)
    slow.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = kronos.now(),"
        " attempt_count = max_attempts, visible_at = kronos.now() - interval '1 s',"
        " deadline_at = kronos.now() - interval '1 s'"
    )
    slow.execute("alter table kronos.execution_done add constraint all_bad check (false) not valid")
    assert calls(slow, "lose_each", "select * from kronos.expire_leases(32, '-infinity')") <= 2 * 6
    slow.execute("update kronos.execution_live set claim_token = null, worker_id = null, claimed_at = null")
    assert calls(slow, "expire_each", "select kronos.expire_deadlines(32)") <= 2 * 6


def test_very_many_notifications_that_cannot_be_sent_take_little_of_an_evaluations_time(slow: Connection) -> None:
    """All of them stay, and all are sent as soon as they can be."""
    endpoint = add_endpoint(slow)
    for _ in range(32):
        add_rule(slow, endpoint, {"type": "FAILURES", "count": 1}, tells=[endpoint])
    end_runs(slow, make_cron_job(slow, endpoint), "F")
    slow.execute("alter table kronos.execution_live add constraint all_bad check (false) not valid")
    assert calls(slow, "queue_each", "select kronos.evaluate_alerts()") <= 2 * 6
    slow.execute("alter table kronos.execution_live drop constraint all_bad")
    slow.execute("update kronos.alert_notifications set due_at = kronos.now()")
    assert value(slow, "select kronos.queue_notifications(1000)") == 32


def test_very_many_workspaces_that_cannot_be_judged_take_a_bounded_time(slow: Connection) -> None:
    """Each was tried, and twice as many halves: more than the evaluation may take, which undid all others' alerts."""
    for _ in range(32):
        endpoint = add_endpoint(slow)
        add_rule(slow, endpoint, {"type": "FAILURES", "count": 1})
        end_runs(slow, make_cron_job(slow, endpoint), "F")
    slow.execute("alter table kronos.incidents add constraint all_bad check (false) not valid")
    assert calls(slow, "judge_rules", "select kronos.evaluate_alerts()") <= 2 * 6
    assert evaluate(slow)["unreached_workspaces"] > 0


def test_workspaces_beside_some_that_cannot_be_judged_have_their_turn(slow: Connection) -> None:
    bad: list[str] = []
    for place in range(6):
        endpoint = add_endpoint(slow)
        add_rule(slow, endpoint, {"type": "FAILURES", "count": 1})
        end_runs(slow, make_cron_job(slow, endpoint), "F")
        bad += [f"'{endpoint.workspace_id}'"] if place in (0, 4) else []
    slow.execute(
        f"alter table kronos.incidents add constraint no_bad check (workspace_id not in ({', '.join(bad)})) not valid"
    )
    evaluations = 0
    while value(slow, "select count(*) from kronos.incidents") < 4:
        evaluations += 1
        assert evaluations < 200, "it makes no progress"
        evaluate(slow)


def test_a_cancelled_job_whose_executions_cannot_end_takes_a_bounded_time(slow: Connection) -> None:
    job_id = make_cron_job(slow, add_endpoint(slow), cron=SELDOM)
    add_runs(slow, job_id, 32)
    cancel_in_steps(slow, job_id)
    slow.execute("alter table kronos.execution_done add constraint all_bad check (false) not valid")
    assert calls(slow, "cancel_each", "select kronos.cancel_some(%s)", job_id) <= 2 * 6
    slow.execute("alter table kronos.execution_done drop constraint all_bad")
    slow.execute("update kronos.cancelled_jobs set next_at = '-infinity'")
    assert value(slow, "select kronos.cancel_some(%s)", [job_id]) == 32
    assert value(slow, "select count(*) from kronos.execution_live") == 0


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        ("place_each", "select array(select unnest(%(ids)s::uuid[]) except select unnest(each.placed))"
                       "  from kronos.place_each(%(ids)s) as each"),
        ("turn_each", "select kronos.turn_each(%(ids)s, true, false, true)"),
    ],
)  # fmt: skip
def test_jobs_that_cannot_follow_take_a_bounded_time_and_are_all_left_behind(
    slow: Connection, function: str, asked: str
) -> None:
    """Whether they were tried or not reached."""
    ids = [make_cron_job(slow, add_endpoint(slow), cron=SELDOM) for _ in range(32)]
    of_function = {"place_each": "place_again(p_job_ids uuid[]) returns integer",
                   "turn_each": "unregister_jobs(p_job_ids uuid[]) returns integer"}  # fmt: skip
    slow.execute(
        f"create or replace function kronos.{of_function[function]} language plpgsql as"
        " $$ begin raise exception 'refused'; end $$"
    )
    with slow.transaction():
        slow.execute("set local track_functions = 'all'")
        (left,) = values(slow, asked, {"ids": ids})
        called = value(slow, "select calls from pg_stat_xact_user_functions where funcname = %s", [function])
    assert (sorted(left), called <= 2 * 6) == (sorted(ids), True)


# What the reaper does for jobs in batches: how they come to need it, how some come to fail, how it is asked for, and
# which of them have got it. It says how many jobs it served.
_REAPED = {
    "end_each": (
        "update kronos.jobs set ends_at = kronos.now() - interval '1 s' where job_id = any (%s)",
        "alter table kronos.jobs add constraint no_bad check (status <> 'RETIRED' or job_id not in ({bad})) not valid",
        "select kronos.end_jobs(kronos.now())",
        "select job_id from kronos.jobs where status = 'RETIRED'",
    ),
    "resume_each": (
        "update tests.jobs set status = 'PAUSED', resume_at = kronos.now() where job_id = any (%s)",
        "update kronos.jobs set alarm = 'never' where job_id in ({bad})",
        "select resumed from kronos.resume_jobs_in_time(kronos.now())",
        "select job_id from kronos.jobs where status = 'ACTIVE' and trigger = 'CRON'",
    ),
    "refresh_each": (
        "update kronos.jobs set timezone = 'Asia/Kolkata', alarm = '1 1 1 1 1' where job_id = any (%s)",
        "update kronos.jobs set cron = 'never' where job_id in ({bad})",
        "select alarms from kronos.refresh_zones('-infinity')",
        "select job_id from kronos.jobs where timezone = 'Asia/Kolkata' and alarm <> '1 1 1 1 1'",
    ),
    "repair_entries": (
        "select %s::uuid[]",
        "update kronos.jobs set alarm = 'never' where job_id in ({bad})",
        "select coalesce((counts ->> 'registered')::integer, 0) from kronos.repair_pg_cron('1 second')",
        "select substr(jobname, 8)::uuid from cron.job where jobname like 'kronos:%%-%%'",
    ),
}


def reaped(connection: Connection, function: str, count: int, bad: list[int]) -> list[uuid.UUID]:
    """Make jobs that the function has something to do for, which fails for those at the places `bad`."""
    needs, fails, _, _ = _REAPED[function]
    ids = sorted(make_cron_job(connection, add_endpoint(connection), cron=SELDOM) for _ in range(count))
    connection.execute(needs, [ids])
    connection.execute(fails.format(bad=", ".join(f"'{ids[place]}'" for place in bad)))
    return ids


@pytest.mark.parametrize("function", _REAPED)
def test_very_many_jobs_that_the_reaper_fails_for_take_a_bounded_time(slow: Connection, function: str) -> None:
    """Each was tried, and twice as many halves: more than the reaper may take, which undid everything."""
    reaped(slow, function, 32, list(range(32)))
    assert calls(slow, function, _REAPED[function][2]) <= 2 * 6


@pytest.mark.parametrize("function", _REAPED)
@pytest.mark.parametrize("bad", [[0, 4], [1, 5]])
def test_jobs_beside_some_that_the_reaper_fails_for_have_their_turn(
    slow: Connection, function: str, bad: list[int]
) -> None:
    ids = reaped(slow, function, 6, bad)
    _, _, asked, done = _REAPED[function]
    sound = {job_id for place, job_id in enumerate(ids) if place not in bad}
    runs = 0
    while (served := {*values(slow, done)} & {*ids}) != sound:
        runs += 1
        assert (served < sound, runs < 200) == (True, True), "it makes no progress"
        slow.execute(asked)


@pytest.mark.parametrize("function", _REAPED)
def test_one_run_does_all_that_it_has_time_for(superuser: Connection, function: str) -> None:
    """Here the clock stands: both halves of each batch are tried, however slow the machine is."""
    Clock(superuser).stand(value(superuser, "select kronos.now()"))
    ids = reaped(superuser, function, 9, [1, 6])
    _, _, asked, done = _REAPED[function]
    assert values(superuser, asked) == [7]
    assert {*values(superuser, done)} & {*ids} == {job_id for place, job_id in enumerate(ids) if place not in (1, 6)}


def test_one_step_registers_all_that_it_has_time_for(superuser: Connection) -> None:
    Clock(superuser).stand(value(superuser, "select kronos.now()"))
    ids = reaped(superuser, "repair_entries", 9, [1, 6])
    assert values(superuser, "select kronos.turn_each(%s, false, false, true)", [ids]) == [[]]
    entries = {*values(superuser, _REAPED["repair_entries"][3])} & {*ids}
    assert entries == {job_id for place, job_id in enumerate(ids) if place not in (1, 6)}


def test_the_reaper_counts_what_it_did_not_reach_as_left(slow: Connection) -> None:
    ids = reaped(slow, "repair_entries", 32, list(range(32)))
    assert values(slow, "select remaining from kronos.repair_pg_cron('1 second')") == [32]
    (unreached,) = values(
        slow,
        "select each.unreached + (each.counts ->> 'failed')::integer from kronos.repair_entries(%s::uuid[],"
        " array_fill(null::bigint, array[32]), true) as each",
        [ids],
    )
    assert unreached == 32


def test_a_zone_whose_jobs_were_not_all_reached_is_continued_with_the_first_of_them(slow: Connection) -> None:
    ids = reaped(slow, "refresh_each", 8, [0])
    assert values(slow, "select remaining from kronos.refresh_zones('-infinity')") == [7]
    next_job = value(slow, "select from_job_id from kronos.zones where timezone = 'Asia/Kolkata'")
    assert next_job == ids[1]
    assert values(slow, "select remaining from kronos.refresh_zones('-infinity')") == [0]
    assert value(slow, "select from_job_id from kronos.zones where timezone = 'Asia/Kolkata'") is None


def test_jobs_that_were_not_reached_beside_alarms_that_pg_cron_rejects_are_left_behind(slow: Connection) -> None:
    """A resumed workspace's jobs get their entries later. A job that is rejected is the reaper's."""
    ids = reaped(slow, "repair_entries", 32, [0, 5, 31])
    left, rounds = ids, 0
    while left:
        rounds += 1
        assert rounds < 200, "it makes no progress"
        (left,) = values(slow, "select kronos.turn_each(%s, false, false, true)", [left])
    assert rounds > 1
    entries = {*values(slow, _REAPED["repair_entries"][3])} & {*ids}
    assert entries == {job_id for place, job_id in enumerate(ids) if place not in (0, 5, 31)}


def test_very_many_alarms_that_pg_cron_rejects_take_a_bounded_time(slow: Connection) -> None:
    ids = reaped(slow, "repair_entries", 32, list(range(32)))
    assert calls(slow, "register_each", "select kronos.turn_each(%s, false, false, true)", ids) <= 2 * 6
