"""The cost of an evaluation does not grow with the past: it reads no history, and not the whole table of jobs."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from alert_rows import add_rule, end_runs, evaluate
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from scale import fill_cron_jobs, vacuum
from sql_factory import Connection, make_cron_job, value, values

_KINDS: list[dict[str, object]] = [
    {"type": "FAILURES", "count": 3},
    {"type": "MISSED", "count": 1},
    {"type": "LATE", "seconds": 60},
    {"type": "RUNNING", "factor": 3, "seconds": 60},
    {"type": "NO_SUCCESS", "seconds": 3600},
    {"type": "FAILURE_RATE", "percent": 50, "window_seconds": 600, "min_runs": 5},
]


def _read(connection: Connection) -> dict[str, int]:
    """Rows read from each table, by scans or by an index, in all sessions that have reported their statistics."""
    connection.execute("select pg_stat_force_next_flush()")
    return dict(
        connection.execute(
            "select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables"
            " where schemaname = 'kronos'"
        ).fetchall()
    )


def test_an_evaluation_reads_no_history_and_of_the_jobs_those_that_it_hears_of(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    for condition in _KINDS:
        add_rule(superuser, endpoint, condition)
    fill_cron_jobs(superuser, 300, endpoint=endpoint, is_registered=False)
    jobs = values(superuser, "select job_id from kronos.jobs where endpoint_id = %s", [endpoint.endpoint_id])
    for job_id in jobs[:50]:
        end_runs(superuser, job_id, "SS")
    evaluate(superuser)
    clock.step(timedelta(minutes=30))  # recent jobs are read once more
    evaluate(superuser)
    end_runs(superuser, jobs[0], "SF")
    vacuum(superuser)
    before = _read(superuser)
    assert evaluate(superuser)["ends"] == 2
    after = _read(superuser)
    read = {name: after[name] - before[name] for name in after if after[name] > before[name]}
    history = {name: rows for name, rows in read.items() if name.startswith(("execution_done", "attempt"))}
    assert history == {}
    assert read.get("jobs", 0) < 30, read
    assert read.get("alert_states", 0) < 30, read


def test_where_nothing_ended_next_to_nothing_is_read(superuser: Connection) -> None:
    clock = MovedClock(superuser)
    endpoint = add_endpoint(superuser)
    for condition in _KINDS:
        add_rule(superuser, endpoint, condition)
    fill_cron_jobs(superuser, 200, endpoint=endpoint, is_registered=False)
    evaluate(superuser)
    clock.step(timedelta(minutes=30))
    evaluate(superuser)
    vacuum(superuser)
    before = _read(superuser)
    evaluate(superuser)
    after = _read(superuser)
    read = {name: after[name] - before[name] for name in after if after[name] > before[name]}
    assert sum(rows for name, rows in read.items() if name in ("jobs", "alert_states", "incidents")) < 5, read


def test_rules_of_others_cost_an_end_one_look(superuser: Connection) -> None:
    """A workspace without rules notes nothing: its ends are in none of the tables for alerts."""
    add_rule(superuser, add_endpoint(superuser))
    job_id = make_cron_job(superuser)
    end_runs(superuser, job_id, "SF")
    assert value(superuser, "select count(*) from kronos.alert_ends") == 0


def _wait_since_long(
    connection: Connection,
    endpoint: EndpointRow,
    count: int,
    *,
    since: str = "1 h",
    priority: int | None = None,
    attempts: int = 0,
) -> None:
    connection.execute(
        """
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           scheduled_at, run_at, created_at, visible_at, max_attempts, max_crashes,
                                           timeout_ms, input, priority, attempt_count)
        select each.id, %s, each.id, %s, 1, 'API', each.at, each.at, each.at, each.at, 3, 0, 10000, '{}', %s, %s
          from (select kronos.uuid7(kronos.now() + n * interval '1 us') as id,
                       kronos.now() - %s::interval as at
                  from generate_series(1, %s) as n) as each
        """,
        [endpoint.workspace_id, endpoint.endpoint_id, priority, attempts, since, count],
    )


def test_waiting_executions_of_workspaces_without_a_late_rule_are_not_read(superuser: Connection) -> None:
    add_rule(superuser, add_endpoint(superuser), {"type": "LATE", "seconds": 60})
    for _ in range(3):
        _wait_since_long(superuser, add_endpoint(superuser), 500)
    superuser.execute("analyze kronos.execution_live")
    before = _read(superuser)
    evaluate(superuser)
    after = _read(superuser)
    assert after["execution_live"] - before["execution_live"] < 30


def test_however_many_executions_wait_a_bounded_number_is_read(superuser: Connection) -> None:
    """After an outage millions may wait. All alerts of the instance wait for this look."""
    first = add_endpoint(superuser)
    second = add_endpoint(superuser, workspace_id=first.workspace_id)
    rule_id = add_rule(superuser, first, {"type": "LATE", "seconds": 60}, per="ALL")
    _wait_since_long(superuser, first, 25_010)
    _wait_since_long(superuser, second, 10)
    looked_at = "select count(*) from kronos.stuck_runs(array[%s::uuid], 1000000)"
    assert value(superuser, looked_at, [rule_id]) == 25_000 + 10
    assert value(superuser, "select count(*) from kronos.stuck_runs(array[%s::uuid], 7)", [rule_id]) == 14


def test_each_of_very_many_endpoints_has_its_turn(superuser: Connection) -> None:
    """A look reads a bounded number of endpoints, those that follow a place that changes, and begins again after the
    last one."""
    first = add_endpoint(superuser)
    others = [add_endpoint(superuser, workspace_id=first.workspace_id) for _ in range(4)]
    for endpoint in (first, *others):
        _wait_since_long(superuser, endpoint, 2)
    ids = sorted(each.endpoint_id for each in (first, *others))
    look = """
        select array_agg(distinct late.endpoint_id order by late.endpoint_id)
          from kronos.late_runs(array[%s::uuid], kronos.now() - interval '1 min', 10, %s, %s) as late
    """
    for nth in range(5):
        following = [*ids[nth + 1 :], *ids[: nth + 1]]
        assert value(superuser, look, [first.workspace_id, ids[nth], 2]) == sorted(following[:2])
    assert value(superuser, look, [first.workspace_id, ids[2], 5]) == ids
    assert value(superuser, look, [uuid4(), ids[2], 5]) is None


@pytest.mark.parametrize("priority", [-10, 10, None])
def test_those_that_have_waited_longest_are_found_behind_any_number_of_other_priorities(
    superuser: Connection, priority: int | None
) -> None:
    """A look at the first of an endpoint in the order of priorities saw none of those that wait for the others."""
    endpoint = add_endpoint(superuser)
    rule_id = add_rule(superuser, endpoint, {"type": "LATE", "seconds": 600}, per="ALL")
    _wait_since_long(superuser, endpoint, 2, priority=priority)
    for other in {-10, -1, 1, 10, None} - {priority}:
        _wait_since_long(superuser, endpoint, 4, since="1 min", priority=other)
    found = "select count(*) from kronos.stuck_runs(array[%s::uuid], %s)"
    assert [value(superuser, found, [rule_id, most]) for most in (1, 3, 100)] == [1, 2, 2]


@pytest.mark.parametrize("priority", [10, None])
def test_first_runs_are_found_behind_any_number_of_retries(superuser: Connection, priority: int | None) -> None:
    """After an outage thousands of retries wait in the same queues, and longer. They were counted as what was found."""
    endpoint = add_endpoint(superuser)
    rule_id = add_rule(superuser, endpoint, {"type": "LATE", "seconds": 600}, per="ALL")
    _wait_since_long(superuser, endpoint, 1_500, since="2 h", priority=priority, attempts=1)
    _wait_since_long(superuser, endpoint, 3, priority=priority)
    found = "select count(*) from kronos.stuck_runs(array[%s::uuid], %s)"
    assert [value(superuser, found, [rule_id, most]) for most in (2, 1000)] == [2, 3]


def test_behind_more_retries_than_a_look_passes_over_each_first_run_has_its_turn(superuser: Connection) -> None:
    """Those that are due at the same instant as very many retries as well."""
    endpoint = add_endpoint(superuser)
    superuser.execute("begin")  # one now() for all
    for attempts, count, since in ((1, 40, "2 h"), (0, 1, "2 h"), (1, 40, "2 h"), (0, 1, "90 min"), (1, 40, "1 h")):
        _wait_since_long(superuser, endpoint, count, since=since, attempts=attempts)
    look = """
        select first.execution_id
          from kronos.first_runs(%s, '{11}', kronos.now() - interval '1 min', 10, 10) as first
    """
    waiting = set(values(superuser, "select execution_id from kronos.execution_live where attempt_count = 0"))
    seen: set[UUID] = set()
    looks = 0
    while seen != waiting:
        looks += 1
        assert looks < 2_000, "some have no turn"
        seen.update(values(superuser, look, [endpoint.endpoint_id]))
    superuser.execute("rollback")


def test_runs_that_are_due_now_keep_no_late_one_of_another_priority_from_its_turn(superuser: Connection) -> None:
    """They were counted as what was found, so that nothing was looked for behind the retries."""
    endpoint = add_endpoint(superuser)
    _wait_since_long(superuser, endpoint, 40, since="2 h", priority=10, attempts=1)
    _wait_since_long(superuser, endpoint, 1, since="1 h", priority=10)
    _wait_since_long(superuser, endpoint, 10, since="1 s")
    look = """
        select count(*)
          from kronos.first_runs(%s, '{10,11}', kronos.now() - interval '1 min', 10, 20) as first
         where first.visible_at < kronos.now() - interval '1 min'
    """
    assert any(value(superuser, look, [endpoint.endpoint_id]) for _ in range(2_000))


def test_the_usual_duration_of_a_job_is_read_once_however_many_rules_use_it(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    rule_ids = [add_rule(superuser, endpoint, {"type": "RUNNING", "factor": 2}) for _ in range(5)]
    end_runs(superuser, job_id, "S" * 12, ran=10)
    superuser.execute(
        "insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,"
        " scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input, claim_token, worker_id,"
        " claimed_at, attempt_count) select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', now(),"
        " now(), now() + interval '1 h', 3, 0, 10000, '{}', gen_random_uuid(), 'w', now() - interval '1 min', 1"
        "   from kronos.jobs where job_id = %s",
        [job_id],
    )
    superuser.execute("set track_functions = 'pl'")
    superuser.execute("select pg_stat_reset()")
    assert value(superuser, "select count(*) from kronos.stuck_runs(%s::uuid[], 10)", [rule_ids]) == 5
    superuser.execute("select pg_stat_force_next_flush()")
    calls = "select calls from pg_stat_user_functions where funcname = 'usual_seconds'"
    assert value(superuser, calls) == 1
