"""With years of history, a ring or a request costs what it does with ten days: reads and locks with 250 partitions and
8,000 jobs, or 750 and 20,000 with --deep.
"""

import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from conftest import await_condition, cloned
from kronos import idempotency, sql
from servers import Server
from sql.old_history import DAY, DAYS, PAGE, READS, Old
from sql.plans import locks, partitions_in, plan_of, rows_read, run_statement, seq_scans, told_plans
from sql_factory import Connection, make_cron_job, records, value
from worker.protocol import claim_params, finalize_params, run


@pytest.fixture(scope="module")
def old_url(server: Server, template: str) -> Iterator[str]:
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def old(old_url: str) -> Iterator[Old]:
    with psycopg.connect(old_url, autocommit=True) as connection:
        yield Old(connection)


@pytest.mark.parametrize("plan", ["custom", "generic"])
def test_days_are_counted_without_going_through_one_list_for_each_row_of_another(old: Old, plan: str) -> None:
    """A cached plan for arrays of any size would do that: for the 43,000 ticks of a month and as many rows it takes a
    minute.
    """
    name, params, _ = READS["a job's days"]
    plans = plan_of(old.connection, name, _params(old, params), workspace_id=old.workspace_id, plan=plan)
    (counting,) = [each for each in plans.split("Query Text: ") if each.startswith("with each as materialized")]
    assert "Nested Loop" not in counting
    assert "Hash" in counting


def _params(old: Old, params: Mapping[str, Any]) -> dict[str, Any]:
    known = {**old.an_execution, "job_id": str(old.job_id), "job_ids": f"{{{old.job_id}}}"}
    return {name: known.get(given, given) if isinstance(given, str) else given for name, given in params.items()}


@pytest.mark.parametrize("plan", ["custom", "generic"])
@pytest.mark.parametrize("read", READS)
def test_a_read_scans_no_history_and_looks_into_few_partitions(old: Old, read: str, plan: str) -> None:
    name, params, partitions = READS[read]
    plans = plan_of(old.connection, name, _params(old, params), workspace_id=old.workspace_id, plan=plan)
    # explain's scan of jobs is in pg_cron_silence, which reads no user's jobs (tests/sql/test_reap.py).
    assert seq_scans(plans, "execution_done", "attempt", *([] if read == "explain" else ["jobs"])) == []
    assert len(partitions_in(plans, "execution_done")) <= partitions
    assert len(partitions_in(plans, "attempt")) <= 1


@pytest.mark.parametrize("read", ["overview.list_overdue", "system.get_status"])
def test_who_looks_for_what_is_overdue_reads_no_pointer_of_what_is_not(old: Old, read: str) -> None:
    plans = plan_of(old.connection, read, {"limit": 10}, workspace_id=old.workspace_id)
    assert rows_read(plans, "pointers") <= 10


@pytest.mark.parametrize("read", READS)
def test_a_read_holds_few_locks(old: Old, read: str) -> None:
    name, params, _ = READS[read]
    given = _params(old, params)
    with old.connection.transaction(force_rollback=True):
        run_statement(old.connection, name, given, role="kronos_api", workspace_id=old.workspace_id)
        assert locks(old.connection) <= 100  # ten partitions with their indexes


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "EXPIRED"},
        {"scheduled_after": datetime(2999, 1, 1, tzinfo=UTC)},
        {"scheduled_before": datetime(1999, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_filter_that_nothing_matches_comes_to_its_end_by_index(old: Old, filters: dict[str, Any]) -> None:
    with told_plans(old.connection) as plans:
        found = run_statement(
            old.connection,
            "executions.list_executions",
            PAGE | filters,
            role="kronos_api",
            workspace_id=old.workspace_id,
        )
        held = locks(old.connection)
    assert (found, seq_scans("\n".join(plans), "execution_done")) == ([], [])
    assert held <= 20
    assert len(partitions_in("\n".join(plans), "execution_done")) >= DAYS


@pytest.mark.parametrize("of", ["workspace", "job"])
def test_what_is_rare_is_looked_for_in_the_weeks_that_have_it(old: Old, of: str) -> None:
    """Two weeks' partitions out of all, long ago; and none if there are no such rows."""
    name, params = {
        "workspace": ("executions.list_executions", PAGE),
        "job": ("executions.list_job_executions", PAGE | {"job": str(old.job_id)}),
    }[of]
    rare = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, status_reason,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.uuid7(at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'EXPIRED', '{}', at, at, at, 5, '{}'
          from kronos.jobs, unnest(array[now() - 0.4 * %s, now() - 0.8 * %s]) as at
               where job_id = %s
    """
    found = {}
    for what in ("nothing", "rare"):
        with told_plans(old.connection) as plans:
            old.connection.execute("update kronos.retention set weeks_from = '-infinity'")
            if what == "rare":
                old.connection.execute(rare, [DAYS * DAY, DAYS * DAY, old.job_id])
            plans.clear()
            rows = run_statement(
                old.connection, name, params | {"status": "EXPIRED"}, role="kronos_api", workspace_id=old.workspace_id
            )
            found[what] = len(rows), len(partitions_in("\n".join(plans), "execution_done"))
    assert found["nothing"] == (0, 0)
    assert found["rare"][0] == 2
    assert found["rare"][1] <= 2 * 8


@pytest.mark.parametrize("edge", ["scheduled_after", "scheduled_before"])
def test_where_rows_are_prompt_a_scheduled_time_names_the_partitions(old: Old, edge: str) -> None:
    """Only the partitions near it, and the one with a run that was requested long before."""
    at = datetime.now(UTC) + (DAY if edge == "scheduled_after" else -DAYS * DAY / 2)
    odd = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.uuid7(made.at), workspace_id, job_id, endpoint_id, 1, 'MANUAL', 'SUCCESS',
               %(scheduled_at)s, made.at, made.at, 5, '{}'
          from kronos.jobs, (values (%(made_at)s)) as made (at) where job_id = %(job_id)s
    """
    made = {
        "job_id": old.job_id,
        "made_at": datetime.now(UTC) - DAYS * DAY * 0.27,
        "scheduled_at": at + (DAY if edge == "scheduled_after" else -DAY),
    }
    with told_plans(old.connection) as plans:
        old.connection.execute("update kronos.retention set weeks_from = '-infinity'")
        old.connection.execute(odd, made)
        plans.clear()
        rows = run_statement(
            old.connection,
            "executions.list_executions",
            PAGE | {edge: at, "limit": 5},
            role="kronos_api",
            workspace_id=old.workspace_id,
        )
    looked = [plan for plan in plans if "execution_done" in plan]
    assert len(rows) == (1 if edge == "scheduled_after" else 5)
    assert made["scheduled_at"] in rows[0]
    assert len(partitions_in("\n".join(looked), "execution_done")) <= 40


def test_a_job_that_runs_once_a_week_is_read_from_the_partitions_of_its_runs(old: Old) -> None:
    """From those days' partitions, not from all seven of each week."""
    runs = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SUCCESS', at, at,
               at, 5, '{}'
          from kronos.jobs, generate_series(now() - %s, now(), interval '7 days') as at
               where job_id = %s
    """
    with told_plans(old.connection) as plans:
        old.connection.execute("update kronos.retention set weeks_from = '-infinity'")
        job_id = make_cron_job(old.connection, old.endpoint, created_at=datetime.now(UTC) - (DAYS - 10) * DAY)
        old.connection.execute(runs, [(DAYS - 50) * DAY, job_id])
        plans.clear()
        params = PAGE | {"job": str(job_id), "limit": 25}
        rows = run_statement(
            old.connection, "executions.list_job_executions", params, role="kronos_api", workspace_id=old.workspace_id
        )
    looked = [plan for plan in plans if "execution_done" in plan]
    assert len(rows) == 25
    assert len(partitions_in("\n".join(looked), "execution_done")) <= 40  # the page's, and a few beyond
    assert seq_scans("\n".join(looked), "execution_done") == []


def _ring(connection: Connection, job_id: uuid.UUID) -> tuple[int, int]:
    """Ring the job, which is due now. Return how many executions were made, and how many locks the transaction held."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "update tests.jobs set next_tick_at = date_trunc('minute', now()) where job_id = %s", [job_id]
        )
        # A firing that is alone in its transaction also moves the pointers' floor, with three more locks. This must not
        # depend on milliseconds here.
        await_condition(
            lambda: not value(connection, "select kronos.is_alone()"),
            "the transaction to be older than one statement's",
        )
        made = value(connection, "select kronos.fire(%s)", [job_id])
        return made, locks(connection)


def test_a_ring_locks_as_much_as_with_ten_partitions(old: Old, superuser: Connection) -> None:
    young = make_cron_job(superuser, cron="0 * * * *")
    for session, job_id in ((old.connection, old.job_id), (superuser, young)):
        _ring(session, job_id)  # planning takes locks that the cached plan does not
    assert _ring(old.connection, old.job_id) == _ring(superuser, young)


def test_a_ring_of_a_tick_that_was_run_finds_it_in_its_partition(old: Old) -> None:
    tick = old.an_execution["scheduled_at"]
    with told_plans(old.connection) as plans:
        old.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, old.job_id])
        old.connection.execute(
            "update kronos.jobs set catch_up_policy = 'ALL', ends_at = %s where job_id = %s",
            [tick + timedelta(minutes=1), old.job_id],
        )
        made = value(
            old.connection,
            "select kronos.account_ticks(array[%s::uuid], %s)",
            [old.job_id, tick + timedelta(seconds=1)],
        )
    assert made == 0
    assert len(partitions_in("\n".join(plans), "execution_done")) == 1
    assert seq_scans("\n".join(plans), "execution_done", "jobs") == []


def test_a_run_by_hand_and_upkeep_lock_no_partition(old: Old) -> None:
    execution_id = value(old.connection, "select kronos.uuid7()")
    trigger = {
        "job": "hourly",
        "execution_id": execution_id,
        "input": None,
        "priority": None,
        "deadline_seconds": None,
        "wake": False,
        "validated": "",
        **idempotency.params(None),
    }
    with told_plans(old.connection) as plans:
        run_statement(old.connection, "jobs.trigger_job", trigger, role="kronos_api", workspace_id=old.workspace_id)
        old.connection.execute("reset role")
        old.connection.execute("select * from kronos.upkeep(100)")
        assert locks(old.connection) <= 40
    assert partitions_in("\n".join(plans), "execution_done") == set()


@pytest.mark.parametrize(("finalize", "left"), [("finalize_successes", []), ("finalize_executions", ["SUCCESS"])])
def test_a_delivery_locks_the_partition_of_its_execution(old: Old, finalize: str, left: list[str]) -> None:
    """Claim and finalize a new execution as the worker does."""
    execution_id = value(old.connection, "select kronos.uuid7()")
    trigger = {
        "job": "hourly",
        "execution_id": execution_id,
        "input": None,
        "priority": None,
        "deadline_seconds": None,
        "wake": False,
        "validated": "",
        **idempotency.params(None),
    }
    token = uuid.uuid4()
    with old.connection.transaction(force_rollback=True):
        run_statement(old.connection, "jobs.trigger_job", trigger, role="kronos_api", workspace_id=old.workspace_id)
        old.connection.execute("set local role kronos_worker")
        claimed = run(old.connection, "claim_executions", claim_params([old.endpoint], token=token))
        assert [row[0] for row in claimed] == [execution_id]
        ended = finalize_params(token, [execution_id], "SUCCESS", is_retryable=False, retry=timedelta()) | {
            "worker_id": "w1"
        }
        assert run(old.connection, finalize, ended) == [(execution_id, verdict) for verdict in left]
        assert run(old.connection, "judge_unapplied", ended) == [(execution_id, "ALREADY")]
        assert locks(old.connection) <= 60  # always: the current tables, and one partition's indexes


def test_every_statement_leaves_the_partitions_to_functions_that_name_them(old: Old) -> None:
    """A cached plan locks every partition that it contains whenever it runs."""
    over_history = []
    for statement in sql.texts().values():
        for table in ("execution_done", "attempt", "attempts", "executions"):
            over_history += [
                statement
                for word in ("from", "join", "using")
                if f"{word} kronos.{table} " in statement.replace("\n", " ")
            ]
    assert over_history == []
    functions = records(
        old.connection,
        r"""
        select proname, proconfig from pg_proc
         where pronamespace = 'kronos'::regnamespace
           and prosrc ~ '(from|join|using) +kronos\.(execution_done|attempt|attempts|executions)\M'
        """,
    )
    assert len(functions) > 5
    assert [
        each["proname"] for each in functions if "plan_cache_mode=force_custom_plan" not in (each["proconfig"] or [])
    ] == []


def test_ten_clients_at_the_end_of_long_lists_leave_a_ring_its_locks(old: Old, old_url: str) -> None:
    failures: list[str] = []
    begin = threading.Barrier(11)
    job = {"job": str(old.job_id)}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("executions.list_executions", PAGE | {"status": "EXPIRED"}),
        ("job_reads.get_job_statistics", job),
        ("explain.get_facts", job | {"at": old.an_execution["scheduled_at"]}),
    ]

    def read() -> None:
        with psycopg.connect(old_url, autocommit=True) as connection:
            begin.wait(60)
            try:
                with connection.transaction(force_rollback=True):
                    for name, params in asked:
                        run_statement(connection, name, params, role="kronos_api", workspace_id=old.workspace_id)
            except psycopg.Error as error:
                failures.append(str(error))

    threads = [threading.Thread(target=read) for _ in range(10)]
    for thread in threads:
        thread.start()
    begin.wait(60)
    with psycopg.connect(old_url, autocommit=True) as connection:
        while any(thread.is_alive() for thread in threads):
            assert _ring(connection, old.job_id)[0] == 1
    assert failures == []
