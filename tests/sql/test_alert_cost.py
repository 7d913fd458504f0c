"""The cost of an evaluation does not grow with the past: it reads no history, and not the whole table of jobs."""

from datetime import timedelta

from alert_rows import add_rule, end_runs, evaluate
from clock import Clock
from factory import add_endpoint
from sql_factory import Connection, make_cron_job, value

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
    clock = Clock(superuser)
    endpoint = add_endpoint(superuser)
    for condition in _KINDS:
        add_rule(superuser, endpoint, condition)
    jobs = [make_cron_job(superuser, endpoint) for _ in range(300)]
    for job_id in jobs[:50]:
        end_runs(superuser, job_id, "SS")
    evaluate(superuser)
    clock.step(timedelta(minutes=30))  # recent jobs are read once more
    evaluate(superuser)
    end_runs(superuser, jobs[0], "SF")
    superuser.execute("analyze")
    before = _read(superuser)
    assert evaluate(superuser)["ends"] == 2
    after = _read(superuser)
    read = {name: after[name] - before[name] for name in after if after[name] > before[name]}
    history = {name: rows for name, rows in read.items() if name.startswith(("execution_done", "attempt"))}
    assert history == {}
    assert read.get("jobs", 0) < 30, read
    assert read.get("alert_states", 0) < 30, read


def test_where_nothing_ended_next_to_nothing_is_read(superuser: Connection) -> None:
    clock = Clock(superuser)
    endpoint = add_endpoint(superuser)
    for condition in _KINDS:
        add_rule(superuser, endpoint, condition)
    for _ in range(200):
        make_cron_job(superuser, endpoint)
    evaluate(superuser)
    clock.step(timedelta(minutes=30))
    evaluate(superuser)
    superuser.execute("analyze")
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
